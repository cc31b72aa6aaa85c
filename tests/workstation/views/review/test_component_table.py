from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMainWindow

from engines.contract.component_table import ComponentColumn
from engines.contract.messages import Message
from workstation.actions.components import COMPONENT_ACTIONS
from workstation.actions.registry import ActionRegistry
from workstation.views.protocols.components import (
    ACCEPTED,
    OPEN,
    REJECTED,
    ChangeColours,
    ComponentLine,
    ComponentSummary,
    Offer,
    ProposalRow,
    ProposalSummary,
)
from workstation.views.review.component_panel import ComponentPanel
from workstation.views.review.component_table import ComponentTable
from workstation.views.review.proposal_bar import ProposalBar

LINES = (
    ComponentLine("1", 1, 1.5, 3000, 40.0, -12.34, OPEN, (1, 2, 3)),
    ComponentLine("2", 2, 0.25, 500, None, None, ACCEPTED, (4, 5, 6)),
    ComponentLine("r7.1", 0, 0.5, 1000, None, None, REJECTED, (7, 8, 9)),
)
BROUGHT = (
    ComponentColumn(key="aorta_mm", title="Aorta (mm)", decimals=1),
    ComponentColumn(key="rules", title="Rules"),
)


@pytest.fixture
def registry(qtbot) -> ActionRegistry:
    window = QMainWindow()
    qtbot.addWidget(window)
    return ActionRegistry(COMPONENT_ACTIONS, window)


@pytest.fixture
def table(qtbot) -> ComponentTable:
    made = ComponentTable()
    qtbot.addWidget(made)
    made.resize(900, 300)
    made.show_lines(LINES, (), ["1"], "HU")
    made.show()
    qtbot.waitExposed(made)
    return made


@pytest.fixture
def panel(qtbot, registry: ActionRegistry) -> ComponentPanel:
    made = ComponentPanel(registry)
    qtbot.addWidget(made)
    made.resize(900, 300)
    made.show_lines(LINES, (), ["1"])
    made.show_summary(ComponentSummary("冠脉", unit="HU"))
    made.show()
    qtbot.waitExposed(made)
    return made


def cells(table: ComponentTable, row: int) -> list[str]:
    return [table.shown.index(row, column).data() for column in range(table.shown.columnCount())]


def test_the_largest_is_first_and_units_are_in_the_headers(table: ComponentTable) -> None:
    assert table.order() == ["1", "r7.1", "2"]
    titles = [table.shown.headerData(column, Qt.Orientation.Horizontal) for column in range(6)]
    assert titles == ["#", "State", "Volume (mL)", "Voxels", "Length (mm)", "Mean (HU)"]
    assert cells(table, 0) == ["1", "○ open", "1.500", "3000", "40.0", "\u221212.3"]
    assert cells(table, 1) == ["–", "✕ rejected", "0.500", "1000", "–", "–"]


@pytest.mark.parametrize("order", [Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder])
def test_missing_values_are_last_in_either_direction(table: ComponentTable, order: Qt.SortOrder) -> None:
    table.sortByColumn(4, order)
    assert table.order()[0] == "1"


def test_what_a_pipeline_brings_is_shown_without_further_code(table: ComponentTable) -> None:
    first = replace(LINES[0], values={"aorta_mm": 3.25, "rules": "R2, R4"}, proposal="reject")
    second = replace(LINES[1], values={"aorta_mm": 12.0})
    table.show_lines((first, second), BROUGHT, [], "HU")
    assert cells(table, 0)[6:] == ["3.2", "R2, R4", "reject"]
    assert cells(table, 1)[6:] == ["12.0", "–", ""]
    table.sortByColumn(6, Qt.SortOrder.DescendingOrder)
    assert table.order() == ["2", "1"]


def test_a_click_chooses_and_what_is_shown_does_not_say_so(table: ComponentTable, qtbot) -> None:
    said: list[list[str]] = []
    table.linesChosen.connect(said.append)
    table.show_lines(LINES, (), ["2"], "HU")
    assert said == []
    place = table.visualRect(table.shown.index(1, 0)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    place = table.visualRect(table.shown.index(0, 0)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, place)
    assert said == [["r7.1"], ["r7.1", "1"]]


def test_letters_are_left_to_the_screen(table: ComponentTable) -> None:
    said: list[list[str]] = []
    table.linesChosen.connect(said.append)
    QTest.keyClicks(table, "yn2")
    assert said == []
    QTest.keyClick(table, Qt.Key.Key_Down)
    assert said == [["r7.1"]]


def test_the_panel_counts_and_filters_by_size_and_state(panel: ComponentPanel) -> None:
    assert panel.count.text().startswith("2 components, 1 open, 1.750 mL")
    assert panel.count.toolTip().startswith("冠脉")
    panel.smallest.setValue(0.4)
    assert panel.order() == ["1", "r7.1"]
    assert "1 not shown" in panel.count.text()
    panel.state.setCurrentIndex(panel.state.findData(REJECTED))
    assert panel.order() == ["r7.1"]


def test_a_question_takes_the_place_of_the_numbers(panel: ComponentPanel) -> None:
    panel.show_offer(Offer("bridge", Message("A bridge over {gap:.1f} mm.", {"gap": 3.0})))
    assert panel.offer.isVisible()
    assert panel.offer.text.text() == "A bridge over 3.0 mm."
    assert not panel.limit.isVisible()
    panel.show_offer(None)
    assert panel.limit.isVisible()


def test_an_empty_table_says_why(panel: ComponentPanel) -> None:
    panel.show_lines((), (), ())
    panel.show_summary(ComponentSummary("冠脉", note=Message("Nothing is drawn in this class.")))
    assert panel.empty.isVisible()
    assert not panel.table.isVisible()


def test_the_line_about_proposals_shows_only_when_there_is_one(qtbot, registry: ActionRegistry) -> None:
    bar = ProposalBar(registry, ChangeColours("#0072B2", "#D55E00", "#999999", "#ffffff"))
    qtbot.addWidget(bar)
    bar.show_proposals(ProposalSummary())
    assert not bar.isVisible()
    rows = (ProposalRow("p1", "refined", "R-1"), ProposalRow("p2", "精修", "R-2"))
    bar.show_proposals(
        ProposalSummary(rows, "p2", "mask", added=2000, removed=10, relabelled=5, kept=7, voxel_ml=0.0005)
    )
    assert bar.isVisible()
    assert bar.choice.currentText() == "精修"
    assert bar.added.text() == "2000 added, 1.000 mL"
    assert bar.removed.text() == "15 removed, 0.007 mL"
    assert bar.note.text() == "against mask"
    said: list[str] = []
    bar.proposalChosen.connect(said.append)
    bar.choice.setCurrentIndex(0)
    bar.choice.activated.emit(0)
    assert said == ["p1"]
