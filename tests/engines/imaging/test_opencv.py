"""OpenCV beside Qt, in every order of import."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import engines

_CV2 = "from engines.imaging.opencv import cv2"
_QT = "from PySide6.QtWidgets import QApplication, QWidget"
_APP = "app = QApplication([])"
_WINDOW = (
    "w = QWidget(); w.show(); app.processEvents(); assert w.isVisible(); "
    "print(app.platformName(), len(cv2.__version__))"
)


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("order", [(_CV2, _QT, _APP), (_QT, _CV2, _APP), (_QT, _APP, _CV2)])
def test_window_opens_in_every_order_of_import(order: tuple[str, ...]) -> None:
    pytest.importorskip("PySide6")
    done = _run("\n".join([*order, _WINDOW]))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_import_leaves_no_variable_behind() -> None:
    code = (
        "import os\n"
        "os.environ.pop('QT_QPA_FONTDIR', None)\nos.environ['QT_QPA_PLATFORM_PLUGIN_PATH'] = 'mine'\n"
        f"before = dict(os.environ)\n{_CV2}\nafter = dict(os.environ)\n"
        "wrong = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k) and k != 'PATH'}\n"
        "assert not wrong, wrong"
    )
    done = _run(code)
    assert done.returncode == 0, done.stderr


def test_only_one_module_imports_opencv() -> None:
    root = Path(engines.__file__).parent
    importers = [
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if re.search(r"^\s*(import|from) cv2", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert importers == ["imaging/opencv.py"]
