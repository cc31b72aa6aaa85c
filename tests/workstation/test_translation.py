"""Every sentence that Qt-free code can show is collected, and translated before it is filled in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QCoreApplication, QTranslator

from engines.contract.errors import ConfigError
from engines.contract.messages import Message
from workstation.translation import (
    CONTEXT,
    collect_ids,
    ids_in_source,
    readable,
    translate_message,
    write_catalogue,
)

ROOT = Path(__file__).resolve().parents[2]


class Shouting(QTranslator):
    def translate(self, context: str, source_text: str, disambiguation: str = "", n: int = -1) -> str:
        return source_text.replace("is missing", "FEHLT") if context == CONTEXT else ""

    def isEmpty(self) -> bool:
        return False


@pytest.fixture(scope="module")
def catalogue() -> set[str]:
    return set(collect_ids(ROOT))


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


def test_message_within_a_message_is_translated_too(translator: None) -> None:
    error = ConfigError("{path} is missing.", remedy="Look for what is missing.", path="a.png")
    assert translate_message(error.advice) == "a.png FEHLT. Look for what FEHLT."


def test_names_and_choices_are_followed_to_their_words() -> None:
    source = (
        '_REMEDY = "A."\n'
        'Failure("B.", _REMEDY)\n'
        'text = "C." if a else "D."\n'
        "post(Message(text, {}))\n"
        'Finding("E.", {"F": 1}, [], "G.", {})\n'
        'PanelFile(title="H.", data={"x_label": "I.", "points": "J."})\n'
    )
    assert set(ids_in_source(source)) == {"A.", "B.", "C.", "D.", "E.", "G.", "H.", "I."}


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param("'{key}' stopped being a finite number at step {step}.", id="rule of every pipeline"),
        pytest.param("Start with smaller turns and weaker changes of appearance.", id="rule of a pipeline"),
        pytest.param("The graphics card ran out of memory.", id="failure"),
        pytest.param("Free some space on that disk, then resume the run.", id="remedy shared by failures"),
        pytest.param("{item} was left out: {reason}", id="warning of an engine"),
        pytest.param("it was not computed", id="reason of a value that is not there"),
        pytest.param("Checking validation", id="stage"),
        pytest.param("Training", id="stage with a name of its own"),
        pytest.param("add point {label}", id="title in the history"),
        pytest.param("The run {run} has finished.", id="card"),
        pytest.param("Show", id="button of a card"),
        pytest.param("The run {run} lies in the trash folder of the project.", id="note"),
        pytest.param("Only a running run can be paused.", id="reason why an action is off"),
        pytest.param(
            "The {column} of {item} is '{known}' in an earlier row; '{value}' is not used.", id="import"
        ),
        pytest.param("Early stopping patience", id="name of a setting"),
        pytest.param("{what} {remedy}", id="two sentences in one"),
    ],
)
def test_every_kind_of_sentence_is_collected(catalogue: set[str], sentence: str) -> None:
    assert sentence in catalogue


def test_words_of_reviews_and_component_tables_are_found() -> None:
    ids = set(
        ids_in_source(
            'Reason(rule="far", text="Too far: {mm}.", values={})\n'
            'ReviewStep(role="cleaned", title="Cleaned")\n'
            'ComponentColumn(key="gap_mm", title="Gap / mm", help="To a tree.")\n'
        )
    )
    assert ids == {"Too far: {mm}.", "Cleaned", "Gap / mm", "To a tree."}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("learning_rate", "Learning rate"),
        ("pke_max_new_points", "PKE max new points"),
        ("lambda_pke", "Lambda PKE"),
        ("unet", "U-Net"),
        ("", ""),
    ],
)
def test_a_key_reads_as_the_field_writes_it(key: str, expected: str) -> None:
    assert readable(key) == expected
