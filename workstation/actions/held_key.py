"""A key that switches when it is tapped, and ends what it began when it was held."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QEvent, QObject
from PySide6.QtGui import QAction, QKeyEvent

HOLD_MS = 180
"""From here on a key was held, not tapped."""
_ENDING = (QEvent.Type.MouseButtonPress, QEvent.Type.KeyPress)


class HeldKey(QObject):
    """Waits for the release of the key whose shortcut just ran an action.

    The press is served as a shortcut, so it works wherever the focus is; only the release is looked for,
    and only until it comes.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._keys: set[int] = set()
        self._began = 0.0
        self._ended: Callable[[], None] | None = None

    def begin(self, action: QAction, ended: Callable[[], None]) -> None:
        """Call `ended` when a key of the action is let go after it was held."""
        keys = {sequence[0].key() for sequence in action.shortcuts() if sequence.count() == 1}
        if self._ended is None:
            QCoreApplication.instance().installEventFilter(self)
        self._keys, self._began, self._ended = {int(key) for key in keys}, time.monotonic(), ended

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Look for the release."""
        kind = event.type()
        if kind == QEvent.Type.KeyRelease and isinstance(event, QKeyEvent):
            if not event.isAutoRepeat() and event.key() in self._keys:
                self._finish(is_held=1000 * (time.monotonic() - self._began) >= HOLD_MS)
        elif kind == QEvent.Type.ApplicationDeactivate:
            # The release goes to another program.
            self._finish(is_held=1000 * (time.monotonic() - self._began) >= HOLD_MS)
        elif kind in _ENDING and not (isinstance(event, QKeyEvent) and event.key() in self._keys):
            # It was the mouse that ran the action, or another key took over.
            self._finish(is_held=False)
        return False

    def _finish(self, *, is_held: bool) -> None:
        ended, self._ended = self._ended, None
        if ended is None:
            return
        QCoreApplication.instance().removeEventFilter(self)
        if is_held:
            ended()
