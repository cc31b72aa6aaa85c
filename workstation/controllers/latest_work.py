"""Background work of which only the newest matters: one job at a time, and the newest wish after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workstation.controllers.background import Background

Done = Callable[[Any], None]
Failed = Callable[[BaseException], None]


class LatestWork:
    """Runs the newest wish once the one before has answered; those between are never begun.

    A dragged point asks more often than a warp can be made: without this, jobs would queue up.

    Parameters
    ----------
    background : Background
    channel : str
    """

    def __init__(self, background: Background, channel: str) -> None:
        self._background = background
        self._channel = channel
        self._is_over = True
        self._wish: tuple[Callable[[], Any], Done, Failed] | None = None
        self._generation = 0

    def ask(self, work: Callable[[], Any], done: Done, failed: Failed) -> None:
        """Do work on a thread; its answer is dropped when something else was asked meanwhile."""
        self._generation += 1
        self._wish = (work, done, failed)
        self._begin()

    def drop(self) -> None:
        """Forget what was asked."""
        self._generation += 1
        self._wish = None

    def _begin(self) -> None:
        if not self._is_over or self._wish is None:
            return
        work, done, failed = self._wish
        generation, self._wish, self._is_over = self._generation, None, False

        def run() -> Any:
            try:
                return work()
            finally:
                # Here too, so that a failure nobody expected does not stop everything after it.
                self._is_over = True

        def on_done(answer: Any) -> None:
            if generation == self._generation:
                done(answer)
            self._begin()

        def on_failed(error: BaseException) -> None:
            if generation == self._generation:
                failed(error)
            self._begin()

        self._background.submit(self._channel, run, on_done, on_failed)
