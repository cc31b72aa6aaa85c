from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMainWindow

from engines.contract.spec import MetricSpec
from workstation.actions.registry import ActionRegistry
from workstation.actions.tables import ALL_ACTIONS
from workstation.views.pairs.pairs_panel import PairsPanel
from workstation.views.protocols.pairs import MethodRow
from workstation.views.runs.run_words import moment_text


@pytest.fixture
def panel(qtbot) -> Iterator[PairsPanel]:
    window = QMainWindow()
    qtbot.addWidget(window)
    made = PairsPanel(ActionRegistry(ALL_ACTIONS, window))
    window.setCentralWidget(made)
    yield made
    window.close()


def test_method_is_named_for_a_person_and_its_run_is_in_the_tooltip(panel: PairsPanel) -> None:
    metric = MetricSpec("error", "Mean error", "px", higher_is_better=False)
    trained = MethodRow("run_7", "Train from pairs", "run_7", 86400.0, metric, 1.25, is_in_use=True)
    panel.show_methods([MethodRow("", "Classical"), trained], "run_7")
    assert panel.method.itemText(0) == "Classical"
    assert panel.method.currentText() == f"★ Train from pairs, {moment_text(86400.0)}, Mean error 1.25 px"
    tip = panel.method.itemData(1, Qt.ItemDataRole.ToolTipRole)
    assert tip.splitlines() == ["run_7", "The model of this run is in use."]
    assert panel.method.toolTip() == tip


def test_filling_the_list_chooses_nothing_anew(panel: PairsPanel, qtbot) -> None:
    with qtbot.assertNotEmitted(panel.methodChosen):
        panel.show_methods([MethodRow("", "Classical"), MethodRow("run_7", "Trained")], "run_7")
    assert panel.method.currentData() == "run_7"
