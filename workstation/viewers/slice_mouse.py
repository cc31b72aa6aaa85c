"""What the mouse does on a slice.

Left: the tool, or the crosshair where there is none. Middle, or left with Space held: pan. Right: window
and level. Shift and a move: the crosshair follows. Wheel: slices; with Ctrl: zoom; with Shift: the brush,
as Alt and a drag.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent

from workstation.views.protocols.volume import PaneEvent

if TYPE_CHECKING:
    from workstation.viewers.slice_canvas import SliceCanvas

WHEEL_STEP = 120
"""Of one notch, in eighths of a degree."""
ZOOM_STEP = 1.2
RADIUS_STEP_PX = 6.0
WINDOW_PX = 300.0
"""How far a drag goes that doubles the width of the window."""


class _Drag(Enum):
    NONE = auto()
    TOOL = auto()
    CROSSHAIR = auto()
    PAN = auto()
    WINDOW = auto()
    RADIUS = auto()


class SliceMouse:
    """Mouse and wheel of one pane.

    Parameters
    ----------
    canvas : SliceCanvas
    """

    def __init__(self, canvas: SliceCanvas) -> None:
        self._canvas = canvas
        self._drag = _Drag.NONE
        self._button = Qt.MouseButton.NoButton
        self._last = QPointF()
        self._start = QPointF()
        self._window = (0.0, 1.0)
        self._wheel = 0
        self.is_space_held = False

    @property
    def is_dragging(self) -> bool:
        """Whether a button is held that something follows."""
        return self._drag is not _Drag.NONE

    def cancel(self) -> None:
        """Forget a drag, as when the grid changes under it."""
        self._drag = _Drag.NONE

    def pressed(self, event: QMouseEvent, *, is_double: bool = False) -> None:
        """Take a press."""
        canvas = self._canvas
        if self.is_dragging or canvas.painter.lies is None:
            return
        self._button, self._last, self._start = event.button(), event.position(), event.position()
        self._drag = self._meaning(event)
        if self._drag is _Drag.TOOL and canvas.tool is not None:
            told = self._event(event)
            if is_double:
                canvas.tool.double_clicked(told)
            else:
                canvas.tool.pressed(told)
        elif self._drag is _Drag.CROSSHAIR:
            canvas.request_crosshair(event.position())
        elif self._drag is _Drag.WINDOW:
            layer = canvas.window_layer
            if layer is None:
                self._drag = _Drag.NONE
            else:
                self._window = layer.window

    def moved(self, event: QMouseEvent) -> None:
        """Take a move, with or without a button."""
        canvas, at = self._canvas, event.position()
        if canvas.painter.lies is None:
            return
        step, self._last = at - self._last, at
        if self._drag is _Drag.PAN:
            canvas.pan(step)
        elif self._drag is _Drag.WINDOW:
            self._drag_window(at - self._start)
        elif self._drag is _Drag.RADIUS:
            steps = int((at.x() - self._start.x()) / RADIUS_STEP_PX)
            if steps:
                self._start = QPointF(self._start.x() + steps * RADIUS_STEP_PX, at.y())
                canvas.radiusScrolled.emit(steps)
        elif self._drag is _Drag.CROSSHAIR:
            canvas.request_crosshair(at)
        elif self._drag is _Drag.TOOL and canvas.tool is not None:
            canvas.tool.moved(self._event(event))
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            canvas.request_crosshair(at)
        canvas.hover(self._event(event))

    def released(self, event: QMouseEvent) -> None:
        """Take a release."""
        if not self.is_dragging or event.button() != self._button:
            return
        drag, self._drag = self._drag, _Drag.NONE
        tool = self._canvas.tool
        if drag is _Drag.TOOL and tool is not None:
            tool.released(self._event(event))

    def scrolled(self, event: QWheelEvent) -> None:
        """Take a turn of the wheel."""
        canvas = self._canvas
        # With Alt the two directions are swapped on some desktops, with Shift on macOS.
        turn = event.angleDelta().y() or event.angleDelta().x()
        if turn == 0 or canvas.painter.lies is None:
            return
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            canvas.zoom_by(ZOOM_STEP ** (turn / WHEEL_STEP), event.position())
            return
        if (turn > 0) != (self._wheel > 0):
            self._wheel = 0
        self._wheel += turn
        steps = int(self._wheel / WHEEL_STEP)
        if steps == 0:
            return
        self._wheel -= steps * WHEEL_STEP
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            canvas.radiusScrolled.emit(steps)
        else:
            canvas.sliceScrolled.emit(-steps)

    def _meaning(self, event: QMouseEvent) -> _Drag:
        button, held = event.button(), event.modifiers()
        if button == Qt.MouseButton.MiddleButton:
            return _Drag.PAN
        if button == Qt.MouseButton.RightButton:
            return _Drag.WINDOW
        if button != Qt.MouseButton.LeftButton:
            return _Drag.NONE
        if self.is_space_held:
            return _Drag.PAN
        if self._canvas.tool is None:
            return _Drag.CROSSHAIR
        if held & Qt.KeyboardModifier.AltModifier and self._canvas.has_brush:
            return _Drag.RADIUS
        return _Drag.TOOL

    def _drag_window(self, moved: QPointF) -> None:
        """Right: a wider window. Up: a brighter picture, as on a workstation of a hospital."""
        low, high = self._window
        width = max(high - low, 1e-6)
        centre = (low + high) / 2 + moved.y() * width / WINDOW_PX
        width *= 2.0 ** (moved.x() / WINDOW_PX * 2)
        self._canvas.drag_window((centre - width / 2, centre + width / 2))

    def _event(self, event: QMouseEvent) -> PaneEvent:
        held = event.modifiers()
        lies = self._canvas.painter.lies
        assert lies is not None
        return PaneEvent(
            plane=self._canvas.plane,
            axis=lies.axis,
            position=self._canvas.position_at(event.position()),
            is_shift=bool(held & Qt.KeyboardModifier.ShiftModifier),
            is_control=bool(held & Qt.KeyboardModifier.ControlModifier),
            is_alt=bool(held & Qt.KeyboardModifier.AltModifier),
        )
