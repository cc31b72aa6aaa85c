from __future__ import annotations

import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from engines.contract.kinds import RunState
from engines.contract.spec import MetricSpec
from workstation.views.protocols.runs import RunRow
from workstation.views.runs.run_list import COLUMNS, RunList

ERROR = MetricSpec("error_px", "Error", "px", False, "No pair was found.")


def rows(num: int) -> list[RunRow]:
    return [
        RunRow(
            f"run_{number:04d}",
            Path(f"run_{number:04d}"),
            "p",
            "Pipeline",
            "train",
            "phase_1",
            list(RunState)[number % 8],
            started=1e9 + number,
            duration_s=60.0 * number,
            headline=(ERROR, None if number % 3 == 0 else number / 10),
            split_hash="abcdef0123",
        )
        for number in range(num)
    ]


@pytest.fixture
def runs(qtbot):
    widget = RunList()
    qtbot.addWidget(widget)
    widget.resize(1100, 400)
    widget.show()
    return widget


def text(runs: RunList, row: int, column: str) -> str:
    return runs.proxy.index(row, COLUMNS.index(column)).data()


def test_newest_run_is_first(runs):
    runs.show_runs(rows(5))
    assert [text(runs, row, "run") for row in range(2)] == ["run_0004", "run_0003"]


def test_state_is_a_symbol_and_a_word(runs):
    runs.show_runs(rows(8))
    assert all(len(text(runs, row, "state").split(" ", 1)) == 2 for row in range(8))


def test_undefined_result_is_not_measured_and_says_why(runs):
    runs.show_runs(rows(1))
    assert text(runs, 0, "result") == "not measured · Error"
    index = runs.proxy.index(0, COLUMNS.index("result"))
    assert index.data(Qt.ItemDataRole.ToolTipRole) == "No pair was found."


def test_selection_stays_when_the_list_is_renewed(runs, qtbot):
    runs.show_runs(rows(5))
    runs.select("run_0002")
    runs.show_runs(rows(6))
    assert runs.selected() == ["run_0002"]


def test_two_runs_can_be_selected_the_clicked_one_first(runs, qtbot):
    runs.show_runs(rows(5))
    table = runs.table
    with qtbot.waitSignal(runs.chosen):
        qtbot.mouseClick(
            table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(runs.proxy.index(3, 0)).center()
        )
    qtbot.mouseClick(
        table.viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.ControlModifier,
        table.visualRect(runs.proxy.index(1, 0)).center(),
    )
    assert runs.selected() == ["run_0003", "run_0001"]


def test_filter_and_sorting(runs, qtbot):
    runs.show_runs(rows(30))
    qtbot.keyClicks(runs.filter, "0017")
    assert runs.proxy.rowCount() == 1
    runs.filter.clear()
    runs.table.sortByColumn(COLUMNS.index("duration"), Qt.SortOrder.AscendingOrder)
    assert text(runs, 0, "run") == "run_0000"


def test_a_thousand_runs_are_shown_at_once(runs, qtbot):
    began = time.perf_counter()
    runs.show_runs(rows(1000))
    qtbot.waitUntil(lambda: runs.proxy.rowCount() == 1000)
    runs.table.viewport().repaint()
    assert time.perf_counter() - began < 2.0


def test_run_in_use_is_starred(runs):
    runs.show_runs(rows(2))
    runs.model.set_model_in_use("run_0001")
    assert text(runs, 0, "run") == "★ run_0001"


def test_empty_list_says_how_to_begin(runs):
    assert runs.empty.isVisible()
    assert "Train" in runs.empty.text()
