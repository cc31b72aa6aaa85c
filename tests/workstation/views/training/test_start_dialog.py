"""The dialogs that start runs: what is asked, and what is in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from engines.contract.kinds import Action
from engines.contract.messages import Message
from engines.contract.weights_report import OtherShape, WeightsReport
from workstation.views.protocols.start import ItemGroup, ModelRow, StartChoice, StartOrder
from workstation.views.training.start_dialog import StartDialog

SCHEMA = {
    "properties": {
        "source": {"type": "string", "default": ""},
        "seed": {"type": "integer", "default": 0, "minimum": 0},
    }
}


def choice(**changes: Any) -> StartChoice:
    facts: dict[str, Any] = {
        "models": (ModelRow("run-1", "Fit, run-1", is_in_use=True),),
        "groups": (
            ItemGroup("left", Message("Items without a result: {n}", {"n": 0}), is_empty=True),
            ItemGroup("all", Message("All items that fit: {n}", {"n": 2}), ("a", "b")),
        ),
        "phases": (("fit", "Fit"),),
    }
    facts.update(changes)
    return StartChoice("some", "Some", "Does it.", **facts, schema=SCHEMA, values={"seed": 3}, check=_fine)


def _fine(_values: object) -> None:
    return None


@pytest.fixture
def make(qtbot: QtBot) -> Iterator[Callable[..., StartDialog]]:
    parent = QWidget()  # the dialog goes when it is closed
    qtbot.addWidget(parent)

    def open_dialog(action: Action, *choices: StartChoice) -> StartDialog:
        made = StartDialog(action, choices, Path(), parent)
        made.show()
        return made

    yield open_dialog
    parent.close()


def test_a_model_is_applied_to_the_first_items_there_are(make: Callable[..., StartDialog]) -> None:
    dialog = make(Action.PREDICT, choice())
    assert "in use" in dialog.model.currentText()
    assert dialog.items.currentText() == "All items that fit: 2"
    orders: list[StartOrder] = []
    dialog.startRequested.connect(orders.append)
    dialog.start.click()
    (order,) = orders
    assert order.group is not None
    assert (order.run_id, order.group.item_ids, order.settings["seed"]) == ("run-1", ("a", "b"), 3)


def test_what_is_wrong_is_said_and_stops_the_start(make: Callable[..., StartDialog]) -> None:
    dialog = make(Action.PREDICT, choice())
    dialog.items.setCurrentIndex(0)
    assert not dialog.start.isEnabled()
    assert "no such items" in dialog.problem.text()
    dialog.items.setCurrentIndex(1)
    assert dialog.start.isEnabled()
    dialog.form.set_values({"seed": -1})
    assert not dialog.start.isEnabled()
    assert "Seed" in dialog.problem.text()


def test_without_anything_to_start_it_says_how_to_get_it(make: Callable[..., StartDialog]) -> None:
    dialog = make(Action.PREDICT)
    assert not dialog.start.isEnabled()
    assert "train one" in dialog.problem.text()


def test_weights_need_a_path_and_their_report_is_shown(make: Callable[..., StartDialog]) -> None:
    dialog = make(Action.IMPORT_WEIGHTS, choice(models=(), groups=()))
    assert not dialog.start.isEnabled()
    dialog.source.path.setText("/old run/best.pth")
    orders: list[StartOrder] = []
    dialog.startRequested.connect(orders.append)
    dialog.start.click()
    assert (orders[0].phase, orders[0].settings["source"]) == ("fit", "/old run/best.pth")
    assert not dialog.start.isEnabled()
    shape = OtherShape(name="head.0.weight", in_file=(64, 163), in_model=(64, 164))
    report = WeightsReport(
        matched=("a", "b"), missing=("c",), other_shape=(shape,), notes=("Latents by id.",)
    )
    dialog.show_report("run-9", report)
    text = dialog.report.toPlainText()
    assert "Matched: 2" in text
    assert "head.0.weight  (64, 163) → (64, 164)" in text
    assert "Latents by id." in text
    assert dialog.start.isEnabled()
    dialog.show_refusal("The file holds no weights.")
    assert "holds no weights" in dialog.problem.text()
