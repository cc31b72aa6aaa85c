from __future__ import annotations

import numpy as np
import pytest

from engines.contract.kinds import PanelKind, RunState
from engines.contract.spec import MetricSpec, PanelSpec
from workstation.views.protocols.runs import Curve, RunView
from workstation.views.runs.run_plots import CurvePlot, Look, RunPlots, curve_groups

METRICS = (
    MetricSpec("loss_total", "Loss", "", False),
    MetricSpec("error_px", "Error", "px", False, "No pair was found.", is_headline=True),
)
PANELS = (
    PanelSpec("losses", PanelKind.CURVE, "Losses", ("loss_total",)),
    PanelSpec("errors", PanelKind.CURVE, "Errors", ("error_px",)),
)


def view(run_id="run_1", num=50, *, error=None, reason="", **more) -> RunView:
    steps = np.arange(1, num + 1, dtype=float)
    values = np.linspace(9, 1, num) if error is None else error
    return RunView(
        run_id,
        RunState.RUNNING,
        {
            ("loss_total", "train"): Curve(steps, np.exp(-steps / 20)),
            ("error_px", "val"): Curve(steps[: len(values)], values, reason),
            ("learning_rate", "train"): Curve(steps, np.full(num, 0.1)),
        },
        METRICS,
        PANELS,
        **more,
    )


@pytest.fixture
def plots(qtbot):
    widget = RunPlots()
    qtbot.addWidget(widget)
    widget.resize(800, 400)
    widget.show()
    return widget


def show(plots: RunPlots, run: RunView | None) -> None:
    plots.show_run(run)
    plots.redraw()


def test_without_a_run_there_is_a_sentence_and_no_plot(plots):
    show(plots, None)
    assert plots.empty.isVisible()
    assert not plots.splitter.isVisible()


def test_groups_are_the_pipelines_curve_panels_and_then_the_rest():
    assert [group.title for group in curve_groups(view())] == ["Losses", "Errors", "Learning rate"]


def test_losses_that_no_panel_names_are_one_group():
    steps = np.arange(3.0)
    curves = {(key, "train"): Curve(steps, steps) for key in ("loss_a", "loss_b", "speed")}
    groups = curve_groups(RunView("r", RunState.RUNNING, curves))
    assert [group.metrics for group in groups] == [("loss_a", "loss_b"), ("speed",)]


def test_raw_points_stay_under_the_smoothed_line(plots):
    run = view()
    show(plots, run)
    line = plots.left.curves._lines[("run_1/loss_total", "train")]
    np.testing.assert_allclose(line.raw.getOriginalDataset()[1], run.curves[("loss_total", "train")].values)
    assert line.raw.isVisible()
    assert not np.allclose(line.means, run.curves[("loss_total", "train")].values)


def test_growing_run_is_drawn_like_a_finished_one(plots, qtbot):
    for num in (1, 2, 17, 50):
        show(plots, view(num=num))
    key = ("run_1/loss_total", "train")
    grown = plots.left.curves.drawn(key)
    fresh = RunPlots()
    qtbot.addWidget(fresh)
    show(fresh, view(num=50))
    for one, other in zip(grown, fresh.left.curves.drawn(key), strict=True):
        np.testing.assert_allclose(one, other)


def test_points_taken_back_by_a_resume_leave_the_plot(plots):
    show(plots, view(num=50))
    show(plots, view(num=20))
    steps, _means = plots.left.curves.drawn(("run_1/loss_total", "train"))
    assert steps[-1] == 20


def test_undefined_newest_value_is_named_with_its_reason_and_never_zero(plots):
    show(plots, view(error=np.array([4.0, np.nan]), reason="No pair was found."))
    text = plots.right.curves.legend.text()
    assert "not measured" in text
    assert "No pair was found." in text
    line = plots.right.curves._lines[("run_1/error_px", "val")]
    assert np.isnan(line.raw.getOriginalDataset()[1][1])


def test_newest_raw_value_is_printed(plots):
    show(plots, view(error=np.array([4.0, 2.5])))
    assert "<b>2.5</b>" in plots.right.curves.legend.text()


def test_logarithmic_axis_can_be_chosen(plots):
    show(plots, view())
    plots.left.log_box.setChecked(True)
    assert plots.left.curves.plot.getAxis("left").logMode
    plots.left.log_box.setChecked(False)
    assert not plots.left.curves.plot.getAxis("left").logMode


def test_best_checkpoint_and_patience_are_marked(plots):
    show(plots, view(best=("error_px", 30, 4.25), patience=(3, 10)))
    right = plots.right.curves
    assert right._best_line.value() == 30
    assert "4.25" in right._best_line.label.format
    assert right._patience.getRegion() == (30, 50)
    assert "3 of 10" in plots.note.text()
    show(plots, view())
    assert not right._best_line.isVisible()
    assert not right._patience.isVisible()


def test_chosen_group_stays_when_new_series_appear(plots):
    show(plots, view())
    plots.left.group_box.setCurrentText("Learning rate")
    run = view()
    more = {**run.curves, ("speed", "train"): Curve(np.arange(3.0), np.arange(3.0))}
    show(plots, RunView("run_1", RunState.RUNNING, more, METRICS, PANELS))
    assert plots.left.group_box.currentText() == "Learning rate"
    assert ("run_1/learning_rate", "train") in plots.left.curves._lines


def test_second_run_is_overlaid_in_the_same_colour_with_another_dash(plots):
    plots.show_overlay(view("run_2"))
    show(plots, view("run_1"))
    lines = plots.left.curves._lines
    first, second = lines[("run_1/loss_total", "train")], lines[("run_2/loss_total", "train")]
    assert first.look.colour == second.look.colour
    assert first.look.dash != second.look.dash
    plots.show_overlay(None)
    plots.redraw()
    assert list(lines) == [("run_1/loss_total", "train")]


def test_many_calls_are_drawn_at_most_ten_times_a_second(plots, qtbot, monkeypatch):
    drawn = []
    monkeypatch.setattr(plots.left.curves, "show_curves", lambda *_args: drawn.append(1))
    for num in range(10, 60):
        plots.show_run(view(num=num))
    qtbot.wait(30)
    assert drawn == []
    qtbot.waitUntil(lambda: drawn == [1], timeout=2000)


def test_a_curve_with_gaps_keeps_its_gaps(qtbot):
    plot = CurvePlot(is_smoothed=False)
    qtbot.addWidget(plot)
    values = np.array([1.0, np.nan, 3.0])
    plot.show_curves({("a", ""): Curve(np.arange(3.0), values)}, {("a", ""): Look("a", 0, 0)})
    np.testing.assert_array_equal(plot.drawn(("a", ""))[1], values)


def test_long_series_keep_their_extremes_when_thinned(plots):
    values = np.ones(60_000)
    values[31_234], values[45_678] = 50.0, -50.0
    steps = np.arange(values.size, dtype=float)
    show(plots, RunView("r", RunState.RUNNING, {("loss", "train"): Curve(steps, values)}))
    line = plots.left.curves._lines[("r/loss", "train")]
    shown = line.raw.getOriginalDataset()[1]
    assert shown.size < 10_000
    assert (shown.max(), shown.min()) == (50.0, -50.0)
    assert line.raw.getOriginalDataset()[0][-1] == steps[-1]


def test_a_closer_look_has_every_point_and_the_way_back_is_thinned(plots):
    steps = np.arange(60_000, dtype=float)
    show(plots, RunView("r", RunState.RUNNING, {("loss", "train"): Curve(steps, steps)}))
    plot = plots.left.curves
    line = plot._lines[("r/loss", "train")]
    plot.plot.getViewBox().sigRangeChangedManually.emit([True, True])
    assert line.raw.getOriginalDataset()[0].size == steps.size
    plot.plot.getPlotItem().autoBtn.clicked.emit(plot.plot.getPlotItem().autoBtn)
    assert line.raw.getOriginalDataset()[0].size < 10_000


def test_values_that_a_resume_replaced_are_drawn_anew(plots):
    show(plots, view(error=np.array([4.0, 3.0, 2.0])))
    show(plots, view(error=np.array([4.0, 3.0, 2.5, 2.25])))
    _steps, means = plots.right.curves.drawn(("run_1/error_px", "val"))
    fresh = CurvePlot()
    key = ("a", "val")
    fresh.show_curves({key: Curve(np.arange(4.0), np.array([4.0, 3.0, 2.5, 2.25]))}, {key: Look("a", 0, 0)})
    np.testing.assert_allclose(means, fresh.drawn(key)[1])
    fresh.deleteLater()
