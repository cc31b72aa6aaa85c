"""The points of one metric of a run, append-only and never smoothed."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engines.contract.events import Metric


@dataclass
class Series:
    """Raw points of one metric on one split.

    Parameters
    ----------
    key, split : str
    """

    key: str
    split: str
    reasons: dict[int, str] = field(default_factory=dict)
    """Why a value is undefined, by step."""
    _steps: array[int] = field(default_factory=lambda: array("q"), repr=False)
    _epochs: array[int] = field(default_factory=lambda: array("q"), repr=False)
    _values: array[float] = field(default_factory=lambda: array("d"), repr=False)
    _times: array[float] = field(default_factory=lambda: array("d"), repr=False)

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def steps(self) -> npt.NDArray[np.int64]:
        """Optimiser steps, (N,), a copy."""
        return np.array(self._steps, dtype=np.int64)

    @property
    def epochs(self) -> npt.NDArray[np.int64]:
        """Epochs, (N,), a copy."""
        return np.array(self._epochs, dtype=np.int64)

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """Values, (N,), a copy; NaN where the metric is undefined."""
        return np.array(self._values, dtype=np.float64)

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Seconds since the epoch of 1970, (N,), a copy."""
        return np.array(self._times, dtype=np.float64)

    @property
    def last(self) -> float | None:
        """Newest value, or None when there is none or it is undefined."""
        if not self._values or self._values[-1] != self._values[-1]:
            return None
        return self._values[-1]

    @property
    def last_reason(self) -> str:
        """Why the newest value is undefined; empty when it is defined."""
        return self.reasons.get(self._steps[-1], "") if self._steps and self.last is None else ""

    def best(self, *, is_higher_better: bool) -> tuple[int, float] | None:
        """Return step and value of the best point, or None when no value is defined."""
        values = self.values
        if not np.isfinite(values).any():
            return None
        index = int(np.nanargmax(values) if is_higher_better else np.nanargmin(values))
        return int(self._steps[index]), float(values[index])

    def append(self, metric: Metric) -> None:
        """Add the point of an event."""
        self._steps.append(metric.step)
        self._epochs.append(metric.epoch)
        self._values.append(float("nan") if metric.value is None else metric.value)
        self._times.append(metric.time)
        if metric.value is None:
            self.reasons[metric.step] = metric.reason

    def drop_beyond(self, step: int) -> None:
        """Forget the points after a step, from which the run was resumed."""
        kept = bisect_right(self._steps, step)
        for column in (self._steps, self._epochs, self._values, self._times):
            del column[kept:]
        self.reasons = {at: reason for at, reason in self.reasons.items() if at <= step}
