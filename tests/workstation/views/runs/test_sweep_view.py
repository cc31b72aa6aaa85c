from __future__ import annotations

import pytest
from PySide6.QtGui import QFont

from engines.contract.spec import MetricSpec
from workstation.views.protocols.runs import SweepRow, SweepView
from workstation.views.runs.sweep_view import SweepTableView

ERROR = MetricSpec("error_px", "Error", "px", higher_is_better=False)


@pytest.fixture
def sweep(qtbot):
    widget = SweepTableView()
    qtbot.addWidget(widget)
    widget.show_sweep(
        SweepView(
            "sweep_1",
            "9f2c77aabb",
            (ERROR,),
            (
                SweepRow("", "", 1, ("a",), {"error_px": (4.0, None)}),
                SweepRow("width", "8", 2, ("b", "c"), {"error_px": (3.0, 0.25)}),
                SweepRow("width", "16", 0, ("d",), {"error_px": None}),
            ),
        )
    )
    return widget


def texts(widget: SweepTableView) -> list[list[str]]:
    table = widget.table
    return [
        [table.item(row, column).text() for column in range(table.columnCount())]
        for row in range(table.rowCount())
    ]


def test_a_line_holds_setting_value_seeds_mean_and_spread(sweep):
    assert texts(sweep) == [
        ["unchanged", "–", "1", "4"],
        ["Width", "8", "2", "★ 3 ± 0.25"],
        ["Width", "16", "0 of 1", "–"],
    ]
    assert sweep.table.item(1, 3).font().weight() == QFont.Weight.Bold
    assert "4 runs" in sweep.title.text()
    assert "9f2c77aa" in sweep.title.text()


def test_a_line_leads_to_its_first_run(sweep, qtbot):
    with qtbot.waitSignal(sweep.runChosen) as chosen:
        sweep.table.itemActivated.emit(sweep.table.item(1, 0))
    assert chosen.args == ["b"]
    sweep.show_sweep(None)
    assert sweep.table.rowCount() == 0
