"""Report the losses of training steps: every step of a short run, means over a moment of a long one."""

from __future__ import annotations

import time
from collections.abc import Mapping

from engines.contract.run_context import RunContext

_EVERY_STEP_BELOW = 2000
"""Runs of fewer steps report each step exactly, whatever the speed."""
_PERIOD_S = 0.2


class TrainMetrics:
    """Collect values of steps and emit their means.

    Parameters
    ----------
    run : RunContext
    total_steps : int
        Steps of the whole run.
    """

    def __init__(self, run: RunContext, total_steps: int) -> None:
        self._run = run
        self._total_steps = total_steps
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._flushed_at = time.monotonic()
        self._position: tuple[int, int] | None = None

    def add(self, values: Mapping[str, float], *, step: int, epoch: int) -> None:
        """Take in the values of a finished step; emits when it is time."""
        for key, value in values.items():
            self._sums[key] = self._sums.get(key, 0.0) + value
            self._counts[key] = self._counts.get(key, 0) + 1
        self._position = (step, epoch)
        is_short = self._total_steps < _EVERY_STEP_BELOW
        if is_short or time.monotonic() - self._flushed_at >= _PERIOD_S:
            self.flush()

    def flush(self) -> None:
        """Emit what has come together, and how far the run is."""
        if self._position is None:
            return
        step, epoch = self._position
        for key, total in self._sums.items():
            self._run.metric(key, total / self._counts[key], split="train", step=step, epoch=epoch)
        self._run.progress(step, self._total_steps, epoch)
        self._sums.clear()
        self._counts.clear()
        self._position = None
        self._flushed_at = time.monotonic()
