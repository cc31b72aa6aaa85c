"""Logs every time the event loop stood still for more than 50 ms, with the Python line it stood at."""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback

from PySide6.QtCore import QObject, Qt, QTimer

_LOG = logging.getLogger(__name__)

TICK_S = 0.02
LIMIT_S = 0.05


class EventLoopWatchdog(QObject):
    """A timer ticks on the UI thread; a thread looks whether it does.

    Parameters
    ----------
    parent : QObject
    limit_s : float
        Longest gap between two ticks that is not logged.
    """

    def __init__(self, parent: QObject | None = None, limit_s: float = LIMIT_S) -> None:
        super().__init__(parent)
        self.num_gaps = 0
        self.longest_gap_s = 0.0
        self._limit_s = limit_s
        self._last_tick = time.monotonic()
        self._stack = ""
        self._is_over = threading.Event()
        self._ui_thread_id = threading.get_ident()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_tick)
        self._thread = threading.Thread(target=self._watch, name="event-loop-watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._last_tick = time.monotonic()
        self._timer.start(round(TICK_S * 1000))
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._timer.stop()
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def _on_tick(self) -> None:
        now = time.monotonic()
        gap, self._last_tick = now - self._last_tick, now
        if gap > self._limit_s + TICK_S:
            self.num_gaps += 1
            self.longest_gap_s = max(self.longest_gap_s, gap)
            where = self._stack or "(not seen)"
            _LOG.warning("The window stood still for %.0f ms at:\n%s", 1000 * gap, where)
        self._stack = ""

    def _watch(self) -> None:
        while not self._is_over.wait(TICK_S):
            if not self._stack and time.monotonic() - self._last_tick > self._limit_s + TICK_S:
                frame = sys._current_frames().get(self._ui_thread_id)
                self._stack = "".join(traceback.format_stack(frame, limit=12)) if frame is not None else ""
