from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction, QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from workstation.views.pairs.keypoint_columns import COLUMN_OF, COLUMNS
from workstation.views.pairs.keypoint_panel import KeypointPanel
from workstation.views.pairs.keypoint_table import KeypointTable
from workstation.views.protocols.pairs import PairRow

ROWS = [
    PairRow(
        f"id{number}",
        str(number),
        "placed",
        (10.0 * number, 5.0),
        (11.0, 6.5),
        0.5 * number,
        loo_px,
        "wang",
        "manual",
    )
    for number, loo_px in ((1, 0.7), (2, 9.8), (10, 1.2))
]
HALF = replace(ROWS[0], id="half", label="11", state="half", moving_xy=None, fit_px=None, loo_px=None)
GUESS = replace(
    HALF, id="guess", label="12", state="predicted", moving_xy=(7.0, 8.0), source="run_9", score=0.91
)


@pytest.fixture
def table(qtbot) -> KeypointTable:
    widget = KeypointTable()
    qtbot.addWidget(widget)
    widget.resize(760, 240)
    widget.show()
    widget.show_rows(ROWS, "")
    return widget


def cell(table: KeypointTable, row: int, key: str) -> str:
    model = table.model()
    return model.data(model.index(row, COLUMN_OF[key]))


def labels(table: KeypointTable) -> list[str]:
    return [cell(table, row, "label") for row in range(table.model().rowCount())]


def centre_of(table: KeypointTable, row: int, key: str) -> QPoint:
    return table.visualRect(table.model().index(row, COLUMN_OF[key])).center()


def test_header_names_units_and_explains_itself() -> None:
    titles = {column.key: column.title for column in COLUMNS}
    assert all("[px]" in titles[key] for key in ("fixed", "moving", "fit", "loo"))
    assert all(column.help for column in COLUMNS)


def test_missing_point_and_residual_are_dashes_never_zero(table: KeypointTable) -> None:
    table.show_rows([HALF], "")
    assert cell(table, 0, "moving") == cell(table, 0, "fit") == cell(table, 0, "loo") == "–"
    assert cell(table, 0, "score") == "–"
    assert cell(table, 0, "state") == "◐ half"
    assert cell(table, 0, "fixed") == "10.00, 5.00"


def test_labels_sort_as_numbers_and_residuals_by_value(table: KeypointTable) -> None:
    table.sortByColumn(COLUMN_OF["label"], Qt.SortOrder.DescendingOrder)
    assert labels(table) == ["10", "2", "1"]
    table.sortByColumn(COLUMN_OF["loo"], Qt.SortOrder.AscendingOrder)
    assert labels(table) == ["1", "10", "2"]


@pytest.mark.parametrize("key", ["fit", "loo", "moving", "score"])
@pytest.mark.parametrize("order", [Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder])
def test_missing_values_are_last_in_either_direction(
    table: KeypointTable, key: str, order: Qt.SortOrder
) -> None:
    table.show_rows([HALF, *ROWS, replace(GUESS, fit_px=3.0, loo_px=3.0)], "")
    table.sortByColumn(COLUMN_OF[key], order)
    shown = [cell(table, row, key) for row in range(5)]
    first_missing = shown.index("–")
    assert set(shown[first_missing:]) == {"–"}
    assert labels(table)[-1] == "11" or key == "score"


def test_places_sort_by_x_then_by_y(table: KeypointTable) -> None:
    rows = [replace(ROWS[k], moving_xy=xy) for k, xy in enumerate([(100.0, 1.0), (9.0, 7.0), (9.0, 2.0)])]
    table.show_rows(rows, "")
    table.sortByColumn(COLUMN_OF["moving"], Qt.SortOrder.AscendingOrder)
    assert labels(table) == ["10", "2", "1"]


def test_worst_pair_is_marked_by_a_sign_too(table: KeypointTable) -> None:
    marked = [row for row in range(3) if cell(table, row, "loo").startswith("▲")]
    assert [cell(table, row, "label") for row in marked] == ["2"]
    table.show_rows([replace(ROWS[0], loo_px=20.0), *ROWS[1:]], "")
    assert [cell(table, row, "loo")[0] == "▲" for row in range(3)] == [True, False, False]


def test_choosing_a_row_says_which_pair(table: KeypointTable, qtbot) -> None:
    with qtbot.waitSignal(table.pairsChosen) as chosen:
        table.selectRow(2)
    assert chosen.args == [["id10"]]
    table.setFocus()
    with qtbot.waitSignal(table.pairsChosen) as chosen:
        QTest.keyClick(table, Qt.Key.Key_Up)
    assert chosen.args == [["id2"]]


def test_keys_extend_the_selection_and_the_row_gone_to_is_last(table: KeypointTable) -> None:
    said: list[list[str]] = []
    table.pairsChosen.connect(said.append)
    table.selectRow(2)
    QTest.keyClick(table, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert said[-1] == ["id10", "id2"]


def test_several_rows_are_chosen_and_the_current_one_is_last(table: KeypointTable, qtbot) -> None:
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=centre_of(table, 2, "state"))
    said: list[list[str]] = []
    table.pairsChosen.connect(said.append)
    at = centre_of(table, 0, "state")
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, at)
    assert said[-1] == ["id10", "id1"]
    # The controller answers with the current one: the others stay selected.
    table.show_rows(ROWS, "id1")
    assert len(table.selectionModel().selectedRows()) == 2


def test_selection_from_outside_is_shown_without_saying_so(table: KeypointTable) -> None:
    said: list[object] = []
    table.pairsChosen.connect(said.append)
    table.show_rows(ROWS, "id2")
    assert table.currentIndex().row() == 1
    table.show_rows([*ROWS, replace(ROWS[0], id="id11", label="11")], "id11")
    assert table.currentIndex().row() == 3
    table.show_rows(ROWS, "")
    assert not table.selectionModel().hasSelection()
    assert not said


def test_selection_survives_sorting_filter_and_new_pairs(table: KeypointTable) -> None:
    table.show_rows(ROWS, "id2")
    table.sortByColumn(COLUMN_OF["fit"], Qt.SortOrder.DescendingOrder)
    assert [index.row() for index in table.selectionModel().selectedRows()] == [1]
    table.show_rows([*ROWS[1:], HALF], "id2")
    selected = table.selectionModel().selectedRows()
    assert [cell(table, index.row(), "label") for index in selected] == ["2"]
    table.set_filter("nobody", "")
    assert not table.selectionModel().hasSelection()
    table.set_filter("", "")
    selected = table.selectionModel().selectedRows()
    assert [cell(table, index.row(), "label") for index in selected] == ["2"]


def test_only_what_changed_is_said_to_have_changed(table: KeypointTable) -> None:
    said: list[tuple[int, int, int, int]] = []
    resets: list[bool] = []
    table.pairs.modelReset.connect(lambda: resets.append(True))
    table.pairs.dataChanged.connect(
        lambda first, last: said.append((first.row(), last.row(), first.column(), last.column()))
    )
    table.show_rows(list(ROWS), "")
    assert said == []
    table.show_rows([ROWS[0], replace(ROWS[1], fit_px=4.0), ROWS[2]], "")
    assert said == [(1, 1, COLUMN_OF["fit"], COLUMN_OF["loo"])]
    said.clear()
    table.show_rows([ROWS[0], replace(ROWS[1], fit_px=4.0, moving_xy=(1.0, 1.0)), ROWS[2]], "")
    assert (1, 1, 0, len(COLUMNS) - 1) in said
    table.show_rows([*ROWS, HALF], "")
    table.show_rows([ROWS[0], ROWS[2], HALF], "")
    assert labels(table) == ["1", "10", "11"]
    assert not resets


def test_rows_keep_their_places_while_a_point_is_dragged(table: KeypointTable, monkeypatch) -> None:
    table.sortByColumn(COLUMN_OF["loo"], Qt.SortOrder.DescendingOrder)
    assert labels(table) == ["2", "10", "1"]
    moved = [replace(ROWS[0], loo_px=50.0), *ROWS[1:]]
    with monkeypatch.context() as pressed:
        pressed.setattr(
            "workstation.views.pairs.keypoint_table.QGuiApplication.mouseButtons",
            lambda: Qt.MouseButton.LeftButton,
        )
        table.show_rows(moved, "id1")
        assert labels(table) == ["2", "10", "1"]
        assert cell(table, 2, "loo") == "▲ 50.00"
    table.show_rows(moved, "id1")
    assert labels(table) == ["1", "2", "10"]


def test_check_box_asks_to_use_or_exclude(table: KeypointTable, qtbot) -> None:
    table.show_rows([ROWS[0], replace(ROWS[1], state="excluded"), GUESS, HALF], "")
    said: list[tuple[str, bool]] = []
    table.useToggled.connect(lambda pair_id, is_used: said.append((pair_id, is_used)))
    for row in range(4):
        at = table.visualRect(table.model().index(row, COLUMN_OF["use"]))
        QTest.mouseClick(
            table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(at.left() + 12, at.center().y())
        )
    assert said == [("id1", False), ("id2", True)]
    said.clear()
    table.selectRow(0)
    QTest.keyClick(table, Qt.Key.Key_Space)
    assert said == [("id1", False)]
    table.selectRow(2)
    QTest.keyClick(table, Qt.Key.Key_Space)
    assert len(said) == 1


def test_order_is_what_is_shown(table: KeypointTable) -> None:
    table.show_rows([*ROWS, GUESS], "")
    table.sortByColumn(COLUMN_OF["loo"], Qt.SortOrder.DescendingOrder)
    assert table.order() == ["id2", "id10", "id1", "guess"]
    table.set_filter("", "predicted")
    assert table.order() == ["guess"]


def test_right_click_offers_the_actions(table: KeypointTable, qtbot) -> None:
    table.menu_actions = [QAction("Delete pair", table)]
    at = centre_of(table, 0, "state")
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, table.viewport().mapToGlobal(at))
    QApplication.sendEvent(table.viewport(), event)
    menu = table.findChild(QMenu)
    assert [action.text() for action in menu.actions()] == ["Delete pair"]
    menu.close()


def test_two_hundred_pairs_refresh_within_a_frame(table: KeypointTable) -> None:
    rows = [replace(ROWS[k % 3], id=str(k), label=str(k)) for k in range(200)]
    table.show_rows(rows, "7")
    table.sortByColumn(COLUMN_OF["loo"], Qt.SortOrder.DescendingOrder)
    asked: list[int] = []
    original = table.pairs.data
    table.pairs.data = lambda index, role=0: asked.append(1) or original(index, role)
    table.show_rows([replace(row, fit_px=row.fit_px + 0.1) for row in rows], "7")
    # Cells are asked for when they are painted, not when they change.
    assert len(asked) < 50


@pytest.fixture
def panel(qtbot) -> KeypointPanel:
    widget = KeypointPanel(QAction("Export"))
    qtbot.addWidget(widget)
    widget.resize(760, 240)
    widget.show()
    return widget


def test_filter_by_words_and_by_state(panel: KeypointPanel) -> None:
    panel.show_rows([*ROWS, HALF, GUESS], "")
    assert panel.count.text() == "5 pairs"
    QTest.keyClicks(panel.filter, "RUN_")
    assert labels(panel.table) == ["12"]
    assert panel.count.text() == "1 of 5 pairs"
    panel.filter.clear()
    panel.states.setCurrentIndex(panel.states.findData("half"))
    assert labels(panel.table) == ["11"]
    panel.show_rows([*ROWS, replace(HALF, state="placed", moving_xy=(1.0, 1.0)), GUESS], "")
    assert labels(panel.table) == []
    assert panel.count.text() == "0 of 5 pairs"


def test_sentence_takes_the_place_of_an_empty_table(panel: KeypointPanel) -> None:
    panel.show_rows([], "")
    assert panel.no_pairs.isVisible()
    panel.show_rows(ROWS, "")
    assert not panel.no_pairs.isVisible()
    assert panel.table.isVisible()


def test_a_pair_that_is_not_visible_says_where(table: KeypointTable) -> None:
    seen = PairRow("a", "1", "not_visible", (1, 2), None)
    table.show_rows([seen, replace(seen, id="b", fixed_xy=None, moving_xy=(1, 2))], "")
    assert [cell(table, row, "state") for row in range(2)] == [
        "✕ not visible (moving)",
        "✕ not visible (fixed)",
    ]
