from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from engines.contract.messages import Message
from engines.imaging.volumes.case_statistics import Interval
from engines.imaging.volumes.label_comparison import Agreement, Metric
from workstation.actions.compare import COMPARE_ACTIONS
from workstation.actions.registry import ActionRegistry
from workstation.views.compare.case_table import CaseTableView
from workstation.views.protocols.volume_compare import CaseRow, CaseTable, TableChoice

CHOICE = TableChoice("input", "refined", "truth")


@pytest.fixture
def table(qtbot) -> CaseTableView:
    window = QWidget()
    qtbot.addWidget(window)
    made = CaseTableView(ActionRegistry(COMPARE_ACTIONS, window), window)
    made.resize(900, 200)
    window.show()
    return made


def agreement(value: float | None, reason: str = "") -> Agreement:
    reasons = {} if value is not None else dict.fromkeys(Metric, Message(reason))
    return Agreement(dict.fromkeys(Metric, value), reasons)


def made_table(num_subjects: int = 2, **more: object) -> CaseTable:
    rows = (
        CaseRow("worse", "s1", agreement(0.8), agreement(0.5)),
        CaseRow("empty", "s2", agreement(None, "Both masks are empty."), agreement(0.5)),
        CaseRow("moved", "s3", problem=Message("These lie on two grids.")),
    )
    return CaseTable(CHOICE, rows, {(Metric.DICE, "delta"): -0.3}, num_subjects=num_subjects, **more)


def test_numbers_stand_with_their_sign_and_reason(table: CaseTableView) -> None:
    table.show_table(made_table())
    cells = table.table
    assert [cells.item(0, column).text() for column in range(4)] == ["worse", "0.800", "0.500", "−0.300 !"]
    assert [cells.item(1, column).text() for column in range(4)] == ["empty", "–", "0.500", "–"]
    assert cells.item(1, 3).toolTip() == "Both masks are empty."
    assert cells.item(2, 0).text() == "▲ moved"
    assert "two grids" in cells.item(2, 5).toolTip()
    assert [cells.item(3, column).text() for column in (0, 3)] == ["mean", "−0.300 !"]
    assert "▾" in cells.horizontalHeaderItem(3).text()


def test_few_subjects_are_warned_of_and_have_no_interval(table: CaseTableView) -> None:
    table.show_table(made_table())
    text = table.facts.text()
    assert text.startswith("▲")
    assert "takes 5 subjects" in text
    table.show_table(made_table(12, intervals={Metric.DICE: Interval(-0.35, 0.1)}))
    assert "−0.350 to +0.100" in table.facts.text()
    assert not table.facts.text().startswith("▲")


def test_rows_open_and_headers_sort(table: CaseTableView, qtbot) -> None:
    table.show_table(made_table())
    opened, sorted_by = [], []
    table.caseOpened.connect(opened.append)
    table.sortChosen.connect(sorted_by.append)
    table.table.setCurrentCell(1, 0)
    qtbot.keyClick(table.table, Qt.Key.Key_Return)
    table.table.cellDoubleClicked.emit(3, 0)
    assert opened == ["empty"]
    table.table.horizontalHeader().sectionClicked.emit(0)
    table.table.horizontalHeader().sectionClicked.emit(12)
    assert sorted_by == [Metric.HD95]


def test_choice_of_names(table: CaseTableView) -> None:
    chosen = []
    table.choiceChanged.connect(chosen.append)
    table.show_names([("input", 3), ("refined", 2), ("truth", 3)], CHOICE)
    assert [box.currentText() for box in table.boxes.values()] == ["input", "refined", "truth"]
    table.boxes["before"].setCurrentIndex(1)
    table.boxes["before"].activated.emit(1)
    assert chosen == [TableChoice("refined", "refined", "truth")]


def test_progress_takes_the_place_of_the_button(table: CaseTableView) -> None:
    table.show_progress(1, 4)
    assert table.stop_button.isVisible()
    assert not table.measure_button.isVisible()
    table.show_progress(0, 0)
    assert table.measure_button.isVisible()
