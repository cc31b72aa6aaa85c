"""The mouse on a canvas of the pair view: left places, selects and drags, right sets brightness."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QMouseEvent

from workstation.viewers.canvas import ImageCanvas

CLICK_PX = 3.0
"""A drag shorter than this is a click, so that no point moves by accident."""
_LEFT, _RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


class MouseActions(Protocol):
    """What the pair view does with the mouse on one of its sides."""

    @property
    def grabs_points(self) -> bool:
        """Whether a press on a point takes hold of it."""

    def grab_started(self, side: str, mark_id: str) -> None:
        """Take note that a drag of a point began."""

    def dragged(self, side: str, mark_id: str, xy: tuple[float, float], *, has_alt: bool) -> None:
        """Follow a point that is dragged."""

    def dropped(self, side: str, mark_id: str, xy: tuple[float, float], *, has_alt: bool) -> None:
        """Put a dragged point down."""

    def clicked(self, side: str, mark_id: str, xy: tuple[float, float], *, has_alt: bool) -> None:
        """Take a click on a point, or beside all of them (an empty id)."""

    def window_dragged(self, side: str, offset: QPointF) -> None:
        """Change brightness and contrast by an offset in screen px."""

    def window_dropped(self, side: str, *, is_double: bool) -> None:
        """End the change; a double click asks for the automatic one."""


class SidePointer:
    """Turns presses, moves and releases on one canvas into actions.

    Parameters
    ----------
    actions : MouseActions
    canvas : ImageCanvas
    side : str
    """

    def __init__(self, actions: MouseActions, canvas: ImageCanvas, side: str) -> None:
        self._actions = actions
        self._canvas = canvas
        self._side = side
        self._start: QPointF | None = None
        self._grabbed = ""
        self._is_dragging = False
        self._window_at: QPointF | None = None
        self._window_start = QPointF()

    def pressed(self, event: QMouseEvent, *, is_double: bool) -> bool:
        """Grab a point, start on the brightness, or leave the press to napari, which pans."""
        if event.button() == _RIGHT:
            self._window_at = self._window_start = QPointF(event.position())
            self._is_dragging = False
            if is_double:
                self._window_at = None
                self._actions.window_dropped(self._side, is_double=True)
            return True
        if event.button() != _LEFT:
            return False
        self._start, self._is_dragging = QPointF(event.position()), False
        self._grabbed = self._canvas.overlay.hit(event.position()) if self._actions.grabs_points else ""
        return bool(self._grabbed)

    def moved(self, event: QMouseEvent) -> bool:
        """Drag the grabbed point, or the brightness, once the mouse left the click radius."""
        at = event.position()
        if self._window_at is not None:
            return self._window_moved(at)
        if self._start is None:
            return False
        if not self._is_dragging and _length(at - self._start) >= CLICK_PX:
            self._is_dragging = True
            if self._grabbed:
                self._actions.grab_started(self._side, self._grabbed)
        if not self._grabbed:
            return False
        if self._is_dragging:
            xy = self._canvas.image_from_canvas(at)
            self._canvas.overlay.move_mark(self._grabbed, xy)
            self._actions.dragged(self._side, self._grabbed, xy, has_alt=_has_alt(event))
        return True

    def released(self, event: QMouseEvent) -> bool:
        """Drop the point, end the change of brightness, or click."""
        if event.button() == _RIGHT:
            if self._window_at is not None and self._is_dragging:
                self._actions.window_dropped(self._side, is_double=False)
            self._window_at, self._is_dragging = None, False
            return True
        if event.button() != _LEFT or self._start is None:
            return False
        self._start = None
        grabbed, self._grabbed = self._grabbed, ""
        is_dragging, self._is_dragging = self._is_dragging, False
        xy = self._canvas.image_from_canvas(event.position())
        if grabbed and is_dragging:
            self._actions.dropped(self._side, grabbed, xy, has_alt=_has_alt(event))
        elif not is_dragging:
            self._actions.clicked(self._side, grabbed, xy, has_alt=_has_alt(event))
        return bool(grabbed)

    def _window_moved(self, at: QPointF) -> bool:
        assert self._window_at is not None
        if not self._is_dragging and _length(at - self._window_start) < CLICK_PX:
            return True
        self._is_dragging = True
        offset, self._window_at = at - self._window_at, QPointF(at)
        self._actions.window_dragged(self._side, offset)
        return True


def _length(offset: QPointF) -> float:
    return float((offset.x() ** 2 + offset.y() ** 2) ** 0.5)


def _has_alt(event: QMouseEvent) -> bool:
    return bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
