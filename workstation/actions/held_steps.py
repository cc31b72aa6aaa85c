"""Steps that grow while a key is held: through a thousand slices nobody wants to wait."""

from __future__ import annotations

import time
from collections.abc import Callable

_GAP_S = 0.15
"""Presses that follow each other faster are one key that is held."""
_GROWTH = ((1.0, 2), (2.0, 4), (3.5, 8))
"""After so many seconds: so many steps at once."""


class HeldSteps:
    """Tells how far each press of a key goes.

    Parameters
    ----------
    clock : callable
        Returns the time in s.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = self._last = float("-inf")

    def next(self, direction: int) -> int:
        """Return the steps of this press, with the sign of the direction; 1 unless the key is held."""
        now = self._clock()
        direction = 1 if direction > 0 else -1
        if now - self._last > _GAP_S:
            self._began = now
        self._last = now
        held_s = now - self._began
        return direction * max([1, *(steps for since, steps in _GROWTH if held_s >= since)])
