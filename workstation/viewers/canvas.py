"""One 2-D image on a napari canvas, with our own mouse and keys.

Positions are ``(x, y)`` in pixels of the image, 0-based pixel centres; napari's world is ``(y, x)`` of
the same. Marks are painted by an overlay above the canvas, so that moving one costs no OpenGL frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workstation.viewers.image_layers import ImageLayers, Picture, Window
from workstation.viewers.napari_compat import make_viewer, quiet_import, warm_up
from workstation.viewers.point_overlay import PointOverlay
from workstation.views.elements.theme import current_theme, palette

with quiet_import():
    from napari.components import ViewerModel
    from napari.qt import QtViewer

Point = tuple[float, float]
MARGIN = 0.97
"""Share of the pane that a whole image fills."""
NUDGE_PX = 0.25
BIG_NUDGE_PX = 1.0
"""How far an arrow key goes, without and with Shift, in pixels of the image."""
_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class Pointer(Protocol):
    """What the mouse does on a canvas; each answer says whether the event was used up."""

    def pressed(self, event: QMouseEvent, *, is_double: bool) -> bool:
        """Take a press, or the second press of a double click."""

    def moved(self, event: QMouseEvent) -> bool:
        """Take a move."""

    def released(self, event: QMouseEvent) -> bool:
        """Take a release."""


class ImageCanvas(QWidget):
    """A pane that shows one image.

    Signals
    -------
    viewChanged
        Pan or zoom changed by the person or by `look_at`.
    cursorMoved : float, float
        x and y in pixels of the image.
    cursorLeft
    keyHeld : int, bool
        A key that is no shortcut went down or up.
    arrowPressed : float, float
        Pixels to the right and down.

    Attributes
    ----------
    modifiers : Qt.KeyboardModifier
        What was held at the last mouse event.
    """

    viewChanged = Signal()
    cursorMoved = Signal(float, float)
    cursorLeft = Signal()
    keyHeld = Signal(int, bool)
    arrowPressed = Signal(float, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        warm_up()
        self.model = ViewerModel()
        self.viewer: QtViewer = make_viewer(self.model)
        self.native: QWidget = self.viewer.canvas.native
        self.pointer: Pointer | None = None
        self.modifiers = Qt.KeyboardModifier.NoModifier
        self.layers = ImageLayers(self.model)
        self._is_whole = True
        self._is_closed = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.viewer)
        self.overlay = PointOverlay(self.native, self.canvas_from_image, lambda: self.zoom)
        self.model.canvas.background_color_override = palette(current_theme())["canvas"]
        self.native.setMouseTracking(True)
        self.native.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.native.setCursor(Qt.CursorShape.CrossCursor)
        self.native.installEventFilter(self)
        self.setFocusProxy(self.native)
        self.model.scene.camera.events.center.connect(self._on_camera)
        self.model.scene.camera.events.zoom.connect(self._on_camera)

    # -- image ---------------------------------------------------------------------------------------

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Width and height of the image in px, or None."""
        return self.layers.size

    def show_image(self, image: Picture | None, *, keep_view: bool = False) -> None:
        """Show an image, or nothing.

        Parameters
        ----------
        image : ndarray, (H, W) or (H, W, 3), ImagePyramid, or None
        keep_view : bool
            Whether pan and zoom stay as they are.
        """
        with self._view_kept(keep_view):
            self.layers.show(image)
        if image is not None and not keep_view:
            self.show_whole()
        self.overlay.update()

    def set_window(self, window: Window) -> None:
        """Choose the values of a grey image that are shown black and white."""
        self.layers.set_window(window)

    def show_vessels(
        self, strength: npt.NDArray[np.float32] | None, *, colour: str = "", opacity: float = 0.0
    ) -> None:
        """Lay a map of vessels over the image, or nothing; see `ImageLayers.show_vessels`."""
        with self._view_kept(True):
            self.layers.show_vessels(strength, colour=colour, opacity=opacity)

    # -- view ----------------------------------------------------------------------------------------

    @property
    def centre_xy(self) -> Point:
        """Image position in the middle of the pane."""
        centre = self.model.scene.camera.center
        return float(centre[-1]), float(centre[-2])

    @property
    def zoom(self) -> float:
        """Screen pixels per image pixel."""
        return float(self.model.scene.camera.zoom)

    def look_at(self, centre_xy: Point, zoom: float | None = None) -> None:
        """Put an image position into the middle, and zoom."""
        camera = self.model.scene.camera
        self._is_whole = False
        if zoom is not None and np.isfinite(zoom) and zoom > 0:
            camera.zoom = zoom
        camera.center = (0.0, centre_xy[1], centre_xy[0])

    def show_whole(self) -> None:
        """Show the whole image."""
        if self.image_size is None:
            return
        width, height = self.image_size
        pane = self.native.size()
        self.look_at(
            ((width - 1) / 2, (height - 1) / 2),
            MARGIN * min(pane.width() / width, pane.height() / height),
        )
        self._is_whole = True

    def canvas_from_image(self, xy: Point) -> QPointF:
        """Return the position on the canvas, in screen px, of an image position."""
        centre, zoom = self.centre_xy, self.zoom
        return QPointF(
            self.native.width() / 2 + (xy[0] - centre[0]) * zoom,
            self.native.height() / 2 + (xy[1] - centre[1]) * zoom,
        )

    def image_from_canvas(self, at: QPointF) -> Point:
        """Return the image position under a position of the canvas in screen px."""
        centre, zoom = self.centre_xy, self.zoom
        return (
            centre[0] + (at.x() - self.native.width() / 2) / zoom,
            centre[1] + (at.y() - self.native.height() / 2) / zoom,
        )

    def contains(self, xy: Point) -> bool:
        """Tell whether a position lies on the image."""
        if self.image_size is None:
            return False
        width, height = self.image_size
        return -0.5 <= xy[0] <= width - 0.5 and -0.5 <= xy[1] <= height - 0.5

    # -- life ----------------------------------------------------------------------------------------

    def shut(self) -> None:
        """Let go of the canvas; napari keeps it alive otherwise."""
        if self._is_closed:
            return
        self._is_closed = True
        self.native.removeEventFilter(self)
        self.model.scene.camera.events.center.disconnect(self._on_camera)
        self.model.scene.camera.events.zoom.disconnect(self._on_camera)
        self.pointer = None
        self.layers.clear()
        self.viewer.close()
        self.viewer.deleteLater()

    @contextmanager
    def _view_kept(self, is_kept: bool) -> Iterator[None]:
        centre, zoom, whole = self.centre_xy, self.zoom, self._is_whole
        yield
        if is_kept and not whole:
            self.look_at(centre, zoom)
        elif is_kept:
            self.show_whole()

    def _on_camera(self, _event: object = None) -> None:
        self.overlay.update()
        self.viewChanged.emit()

    # -- events of the canvas ------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take mouse and keys before napari does; what is left to napari is pan by drag and zoom by wheel."""
        if watched is not self.native:
            return False
        kind = event.type()
        if kind == QEvent.Type.Resize:
            self.overlay.resize(self.native.size())
            if self._is_whole:
                self.show_whole()
            return False
        if kind == QEvent.Type.Leave:
            self.cursorLeft.emit()
            return False
        if kind == QEvent.Type.Wheel:
            self._is_whole = False
            return False
        if isinstance(event, QMouseEvent):
            return self._on_mouse(event)
        if isinstance(event, QKeyEvent) and kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            if kind == QEvent.Type.KeyPress and event.key() in _ARROWS:
                length = BIG_NUDGE_PX if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else NUDGE_PX
                dx, dy = _ARROWS[Qt.Key(event.key())]
                self.arrowPressed.emit(dx * length, dy * length)
            elif not event.isAutoRepeat():
                self.keyHeld.emit(event.key(), kind == QEvent.Type.KeyPress)
            # Shortcuts were served before; whatever comes here would reach napari's own keys.
            return True
        return False

    def _on_mouse(self, event: QMouseEvent) -> bool:
        kind, pointer = event.type(), self.pointer
        self.modifiers = event.modifiers()
        if kind == QEvent.Type.MouseMove:
            self.cursorMoved.emit(*self.image_from_canvas(event.position()))
            if event.buttons() & Qt.MouseButton.LeftButton:
                self._is_whole = False
            return pointer is not None and pointer.moved(event)
        if kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            self.native.setFocus(Qt.FocusReason.MouseFocusReason)
            is_double = kind == QEvent.Type.MouseButtonDblClick
            is_used = pointer is not None and pointer.pressed(event, is_double=is_double)
            # With the left button a double click is two clicks here; napari would zoom.
            return is_used or is_double
        if kind == QEvent.Type.MouseButtonRelease:
            return pointer is not None and pointer.released(event)
        return False
