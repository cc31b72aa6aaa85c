"""Large volumes are read side by side only as far as the memory goes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

_SHARE = 0.5
"""Of the free memory: the window and other programs need some, too."""
_ASK_AGAIN_S = 0.2


class MemoryBudget:
    """Lets work begin while what is under way fits into the memory; a single piece always may.

    Parameters
    ----------
    num_bytes : int or None
        None: half of what is free now.
    """

    def __init__(self, num_bytes: int | None = None) -> None:
        self.num_bytes = (
            num_bytes if num_bytes is not None else int(_SHARE * psutil.virtual_memory().available)
        )
        self._used = 0
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, num_bytes: int, should_stop: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Wait for room, and keep it while the block runs; when it should stop, the block begins at once."""
        with self._changed:
            while self._used and self._used + num_bytes > self.num_bytes and not should_stop():
                self._changed.wait(_ASK_AGAIN_S)
            self._used += num_bytes
        try:
            yield
        finally:
            with self._changed:
                self._used -= num_bytes
                self._changed.notify_all()
