"""What the Runs screen says about a sweep."""

from __future__ import annotations

from engines.contract.registry import all_specs
from workstation.controllers.runs.sweep_views import line_titles, sweep_view
from workstation.runs.sweep import BASE, Line, SweepTable

SPEC = all_specs()[0]
HEADLINE = SPEC.headline_metrics[0].key


def table(pipeline: str = SPEC.key) -> SweepTable:
    made = SweepTable(pipeline, SPEC.phases[0].key, "tiny", "", "9f2c")
    made.lines = [
        Line(BASE, None, 0, "r0", "finished", 1.0, {"loss_total": 2.0, HEADLINE: 0.5}),
        Line("width", 8, 0, "r1", "finished", 1.0, {"loss_total": 1.0, HEADLINE: 0.6}),
        Line("width", 8, 1, "r2", "failed", None, {"loss_total": None, HEADLINE: 0.8}, "It broke."),
    ]
    return made


def test_lines_of_one_value_are_one_row_with_mean_and_spread() -> None:
    view = sweep_view("sweep_1", table())
    assert [metric.key for metric in view.metrics] == [HEADLINE, "loss_total"]
    unchanged, wide = view.rows
    assert (unchanged.key, unchanged.value, unchanged.runs) == ("", "", ("r0",))
    assert unchanged.values[HEADLINE] == (0.5, None)
    assert (wide.key, wide.value, wide.num_finished, wide.runs) == ("width", "8", 1, ("r1", "r2"))
    mean, spread = wide.values[HEADLINE]
    assert round(mean, 6) == 0.7
    assert round(spread, 4) == 0.1414


def test_numbers_of_a_pipeline_that_is_not_installed_are_kept() -> None:
    assert [metric.key for metric in sweep_view("s", table("gone")).metrics] == ["loss_total", HEADLINE]


def test_every_run_knows_its_place() -> None:
    titles = line_titles({"sweep_1": table()})
    assert titles["r0"] == ("sweep_1", "sweep_1: base, seed 0")
    assert titles["r2"] == ("sweep_1", "sweep_1: width=8, seed 1")
