"""Every sentence that Qt-free code can show is collected, and translated before it is filled in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QCoreApplication, QTranslator

from engines.contract.messages import Message
from workstation.translation import (
    CONTEXT,
    collect_ids,
    ids_in_source,
    translate_message,
    write_catalogue,
)

ROOT = Path(__file__).resolve().parents[2]


class Shouting(QTranslator):
    def translate(self, context: str, source_text: str, disambiguation: str = "", n: int = -1) -> str:
        return source_text.replace("is missing", "FEHLT") if context == CONTEXT else ""

    def isEmpty(self) -> bool:
        return False


@pytest.fixture
def translator(qapp: QCoreApplication) -> Iterator[None]:
    shouting = Shouting()
    QCoreApplication.installTranslator(shouting)
    yield
    QCoreApplication.removeTranslator(shouting)


def test_message_is_translated_before_its_values_are_filled_in(translator: None) -> None:
    assert (
        translate_message(Message("{path} is missing.", {"path": "is missing.png"}))
        == "is missing.png FEHLT."
    )


def test_templates_are_found_in_errors_messages_and_choices() -> None:
    source = (
        'raise ConfigError("A {a}.", remedy="B." if a else "C.", a=1)\n'
        'run.warn("D {d}.", d=2)\n'
        'Message("E.")\n'
        'ValueError(f"not {a} template")\n'
        'print("not for people")\n'
    )
    assert set(ids_in_source(source)) == {"A {a}.", "B.", "C.", "D {d}.", "E."}


def test_catalogue_holds_errors_settings_phases_and_metrics(tmp_path: Path) -> None:
    ids = collect_ids(ROOT)
    assert "Unknown setting '{key}'." in ids
    assert "Passes over the training items." in ids
    path = tmp_path / "messages.ts"
    write_catalogue(ids, path)
    sources = [node.text for node in ElementTree.parse(path).iter("source")]
    assert sources == ids
