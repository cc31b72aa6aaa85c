from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog

from workstation.views.data.table_file_dialog import ask_table_file


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("", None),
        ("/a b/pairs.csv", (Path("/a b/pairs.csv"), True)),
        ("/a b/pairs", (Path("/a b/pairs.csv"), False)),
    ],
)
def test_name_without_ending_gets_one_and_is_not_replaced_unasked(
    monkeypatch, chosen: str, expected: object
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_arguments: (chosen, ""))
    assert ask_table_file(None, Path("/a b/pairs.csv")) == expected
