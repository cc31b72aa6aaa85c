"""How long a run will still take, as an honest range."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Remaining seconds, at least and at most as likely."""

    low_s: float
    high_s: float


class RemainingTime:
    """Estimate the remaining time from the times at which steps ended.

    The pace of the whole stretch and the pace of its newer half bound the range, so that a run which
    slows down or speeds up shows a wide one.

    Parameters
    ----------
    window : int
        Progress reports that are remembered.
    """

    def __init__(self, window: int = 60) -> None:
        self._points: deque[tuple[float, int]] = deque(maxlen=window)
        self._steps = 0

    def restart(self) -> None:
        """Forget the past: the run was paused, resumed, or began another stage."""
        self._points.clear()

    def add(self, time_s: float, step: int, steps: int) -> None:
        """Note that `step` of `steps` was done at a moment."""
        if self._points and step < self._points[-1][1]:
            self.restart()
        self._steps = steps
        self._points.append((time_s, step))

    def estimate(self) -> TimeRange | None:
        """Return the range, or None while too little is known."""
        if self._steps <= 0 or len(self._points) < 4:
            return None
        remaining = max(0, self._steps - self._points[-1][1])
        points = list(self._points)
        paces = [pace for pace in (_pace(points), _pace(points[len(points) // 2 :])) if pace is not None]
        if not paces:
            return None
        return TimeRange(0.9 * min(paces) * remaining, 1.1 * max(paces) * remaining)


def _pace(points: list[tuple[float, int]]) -> float | None:
    """Return seconds for one step between the first and the last point."""
    if len(points) < 2 or points[-1][1] <= points[0][1]:
        return None
    return max(0.0, points[-1][0] - points[0][0]) / (points[-1][1] - points[0][1])
