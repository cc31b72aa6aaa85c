from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt

from workstation.views.keypoint_table import COLUMNS, KeypointTable
from workstation.views.protocols import PairRow

ROWS = [
    PairRow(
        f"id{number}",
        str(number),
        "placed",
        (10.0 * number, 5.0),
        (11.0, 6.5),
        0.5 * number,
        0.7,
        "wang",
        "manual",
    )
    for number in (1, 2, 10)
]
TITLES = [column.title for column in COLUMNS]


@pytest.fixture
def table(qtbot) -> KeypointTable:
    widget = KeypointTable()
    qtbot.addWidget(widget)
    widget.show_rows(ROWS, "")
    return widget


def cell(table: KeypointTable, row: int, title: str) -> str:
    model = table.model()
    return model.data(model.index(row, TITLES.index(title)))


def test_numbers_carry_their_unit_in_the_header(table: KeypointTable) -> None:
    numbers = [column.title for column in COLUMNS if column.is_number]
    assert len(numbers) == 6
    assert all(title.endswith("[px]") for title in numbers)


def test_missing_point_and_residual_are_dashes_never_zero(table: KeypointTable) -> None:
    table.show_rows([replace(ROWS[0], state="half", moving_xy=None, fit_px=None, loo_px=None)], "")
    assert (
        cell(table, 0, "Moving x [px]")
        == cell(table, 0, "Fit [px]")
        == cell(table, 0, "Left out [px]")
        == "–"
    )
    assert cell(table, 0, "State") == "◐ half"
    assert cell(table, 0, "Fixed x [px]") == "10.00"


def test_labels_sort_as_numbers_and_residuals_by_value(table: KeypointTable) -> None:
    table.sortByColumn(TITLES.index("Pair"), Qt.SortOrder.DescendingOrder)
    assert [cell(table, row, "Pair") for row in range(3)] == ["10", "2", "1"]
    table.sortByColumn(TITLES.index("Fit [px]"), Qt.SortOrder.AscendingOrder)
    assert [cell(table, row, "Pair") for row in range(3)] == ["1", "2", "10"]


def test_choosing_a_row_says_which_pair(table: KeypointTable, qtbot) -> None:
    with qtbot.waitSignal(table.pairChosen) as chosen:
        table.selectRow(2)
    assert chosen.args == ["id10"]


def test_selection_from_outside_is_shown_without_saying_so(table: KeypointTable) -> None:
    said: list[str] = []
    table.pairChosen.connect(said.append)
    table.show_rows(ROWS, "id2")
    assert table.currentIndex().row() == 1
    table.show_rows([*ROWS, replace(ROWS[0], id="id11", label="11")], "id11")
    assert table.currentIndex().row() == 3
    table.show_rows(ROWS, "")
    assert not table.selectionModel().hasSelection()
    assert not said
