"""The review queue: what it says, what it hides, and which keys it answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMainWindow
from pytestqt.qtbot import QtBot

from engines.contract.item_review import COMMON_COLUMNS
from engines.contract.messages import Message
from workstation.actions.registry import ActionRegistry
from workstation.actions.tables import ALL_ACTIONS
from workstation.views.protocols.review import (
    ACCEPTED,
    LATER,
    OPEN,
    ReviewDetails,
    ReviewLine,
    RunProgress,
    StepRow,
    ThresholdSummary,
)
from workstation.views.review.review_panel import ReviewPanel

REASON = Message("It grew by {percent:.0f} %. Look for leaks.", {"percent": 31.0})
LINES = (
    ReviewLine(
        "1", "病例 a", "run-1", "Some", "reject", OPEN, (REASON,), ("volume",), 0.5, {"dice_to_input": 0.7}
    ),
    ReviewLine("2", "b", "run-1", "Some", "review", LATER, (), (), None, {"dice_to_input": None}),
    ReviewLine("3", "c", "run-1", "Some", "accept", ACCEPTED, (), (), 0.1, {"dice_to_input": 0.95}),
)
COLUMNS = tuple(column for column in COMMON_COLUMNS if column.key == "dice_to_input")


@pytest.fixture
def panel(qtbot: QtBot) -> Iterator[ReviewPanel]:
    window = QMainWindow()
    qtbot.addWidget(window)
    made = ReviewPanel(ActionRegistry(ALL_ACTIONS, window))
    qtbot.addWidget(made)
    made.resize(1000, 260)
    made.show_lines(LINES, COLUMNS, "1")
    made.show()
    qtbot.waitExposed(made)
    return made


def cells(panel: ReviewPanel, row: int) -> list[str]:
    model = panel.table.shown
    return [str(model.index(row, column).data()) for column in range(model.columnCount())]


def test_each_line_says_gate_decision_rules_and_numbers(panel: ReviewPanel) -> None:
    assert cells(panel, 0) == ["✘ reject", "○ open", "病例 a", "Volume", "0.500", "0.700"]
    assert cells(panel, 1) == ["▲ review", "◷ later", "b", "–", "–", "–"]
    assert panel.count.text() == "2 of 3 open"
    tip = panel.table.shown.index(0, 3).data(Qt.ItemDataRole.ToolTipRole)
    assert tip == "It grew by 31 %. Look for leaks."
    assert "agreement with the input" in panel.note.text()


def test_decided_ones_can_be_left_out_and_the_order_is_that_of_the_rows(panel: ReviewPanel) -> None:
    assert panel.order() == ["1", "2", "3"]
    panel.only_open.setChecked(True)
    assert panel.order() == ["1", "2"]
    panel.only_open.setChecked(False)
    panel.table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    assert panel.order()[-1] == "2"


def test_return_opens_and_arrows_choose(panel: ReviewPanel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(panel.lineChosen) as chosen:
        QTest.keyClick(panel.table, Qt.Key.Key_Down)
    assert chosen.args == ["2"]
    with qtbot.waitSignal(panel.lineOpened) as opened:
        QTest.keyClick(panel.table, Qt.Key.Key_Return)
    assert opened.args == ["2"]


def test_steps_can_be_chosen_once_the_case_is_open(panel: ReviewPanel, qtbot: QtBot) -> None:
    steps = (StepRow("refined", "Refined", False), StepRow("fused", "Fused", True))
    panel.show_details(ReviewDetails(LINES[0], steps))
    button = panel.details.steps.buttons["refined"]
    assert not button.isEnabled()
    assert "Return opens" in panel.details.hint.text()
    conflicts = (Message("aorta won 3 voxels"),)
    panel.show_details(ReviewDetails(LINES[0], steps, is_loaded=True, conflicts=conflicts))
    assert panel.details.steps.buttons["fused"].isChecked()
    assert panel.details.conflicts.text() == "aorta won 3 voxels"
    assert panel.details.reasons.text() == "• It grew by 31 %. Look for leaks."
    with qtbot.waitSignal(panel.stepChosen) as chosen:
        button.click()
    assert chosen.args == ["refined"]
    panel.show_details(ReviewDetails(LINES[2], steps[:1], is_loaded=True))
    assert list(panel.details.steps.buttons) == ["refined"]
    assert "No rule" in panel.details.reasons.text()


def test_the_threshold_keeps_its_numbers_until_the_next_ones_are_counted(
    panel: ReviewPanel, qtbot: QtBot
) -> None:
    line = panel.details.threshold
    panel.show_threshold(ThresholdSummary(0.5, 1.25, 3))
    assert line.counts.text() == "1.250 mL, 3 pieces"
    panel.show_threshold(ThresholdSummary(0.52))
    assert line.counts.text() == "1.250 mL, 3 pieces"
    assert line.slider.value() == 520
    with qtbot.waitSignal(panel.thresholdMoved) as moved:
        line.slider.setValue(600)
    assert moved.args == [0.6]
    panel.show_threshold(None)
    assert line.isHidden()


def test_the_run_that_fills_the_queue_is_shown(panel: ReviewPanel) -> None:
    panel.show_run(RunProgress(Message("2 of 5 items"), 0.4, is_live=True))
    assert panel.run.progress.value() == 40
    assert panel.run.resume.isHidden()
    panel.show_run(RunProgress(Message("ended"), None, is_live=False))
    assert panel.run.stop.isHidden()
    assert not panel.run.resume.isHidden()
    panel.show_run(None)
    assert panel.run.isHidden()


def test_without_results_it_says_how_to_get_them(panel: ReviewPanel) -> None:
    panel.show_lines((), (), "")
    assert panel.empty.isVisible()
    assert panel.count.text() == ""
