"""Redraw time of the live plots: 6 curves of 100 000 points, thinned by pyqtgraph and not.

Run it where a display is: ``python tests/benchmarks/run_plots.py``. Bar: at most 8 ms for a redraw on the
reference machine, three times that on a small one without a graphics card.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
from PySide6.QtWidgets import QApplication

from engines.contract.kinds import RunState
from engines.contract.spec import MetricSpec
from workstation.views.protocols.runs import Curve, RunView
from workstation.views.runs.run_plots import CurvePlot, Look, RunPlots

NUM_CURVES = 6
NUM_POINTS = 100_000
NUM_REDRAWS = 20
APPENDED = 100


def curve(num: int, seed: int) -> Curve:
    """Return a noisy decay of `num` points."""
    steps = np.arange(1, num + 1, dtype=np.float64)
    noise = np.random.default_rng(seed).normal(0, 0.1, NUM_POINTS + NUM_REDRAWS * APPENDED)[:num]
    return Curve(steps, np.exp(-steps / 30_000) + seed + noise)


def measure(application: QApplication, *, is_thinned: bool) -> list[float]:
    """Return the milliseconds of redraws of one plot, each after some points were appended."""
    plot = CurvePlot(is_thinned=is_thinned)
    plot.resize(700, 350)
    plot.show()
    keys = [(f"loss_{number}", "train") for number in range(NUM_CURVES)]
    looks = {key: Look(key[0], number, number) for number, key in enumerate(keys)}
    durations = []
    for turn in range(NUM_REDRAWS):
        num = NUM_POINTS + turn * APPENDED
        curves = {key: curve(num, number) for number, key in enumerate(keys)}
        application.processEvents()
        began = time.perf_counter()
        plot.show_curves(curves, looks)
        plot.plot.viewport().repaint()
        durations.append(1000 * (time.perf_counter() - began))
    plot.close()
    # The first one builds everything.
    return durations[1:]


def measure_screen(application: QApplication) -> list[float]:
    """Return the milliseconds of redraws of both plots of a run."""
    plots = RunPlots()
    plots.resize(1100, 350)
    plots.show()
    metrics = tuple(MetricSpec(f"loss_{number}", f"Loss {number}", "", False) for number in range(NUM_CURVES))
    durations = []
    for turn in range(NUM_REDRAWS):
        num = NUM_POINTS + turn * APPENDED
        curves = {(metric.key, "train"): curve(num, number) for number, metric in enumerate(metrics)}
        plots.show_run(RunView("run", RunState.RUNNING, curves, metrics))
        application.processEvents()
        began = time.perf_counter()
        plots.redraw()
        for side in (plots.left, plots.right):
            side.curves.plot.viewport().repaint()
        durations.append(1000 * (time.perf_counter() - began))
    plots.close()
    return durations[1:]


def report(name: str, durations: list[float]) -> None:
    """Print median and worst."""
    print(f"{name:28} median {statistics.median(durations):7.1f} ms   worst {max(durations):7.1f} ms")  # noqa: T201


if __name__ == "__main__":
    app = QApplication([])
    report("thinned", measure(app, is_thinned=True))
    report("every point", measure(app, is_thinned=False))
    report("the run's plots, thinned", measure_screen(app))
