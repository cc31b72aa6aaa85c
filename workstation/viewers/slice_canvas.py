"""One slice of a case with its marks; painted by the window's own painter, without OpenGL.

On a slice the window's painter is several times faster than a software OpenGL canvas, and a brush stroke
paints only the part of the pane that it changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from engines.imaging.volumes.slicing import direction_text
from engines.imaging.volumes.volume import VolumeGeometry
from workstation.viewers.slice_camera import SliceCamera, whole
from workstation.viewers.slice_mouse import SliceMouse
from workstation.viewers.slice_overlay import SliceOverlay, SliceWords, room_of
from workstation.viewers.slice_painter import SlicePainter, with_window
from workstation.views.elements.theme import current_theme, palette
from workstation.views.protocols.volume import (
    Box,
    ImageLayer,
    LabelLayer,
    PaneEvent,
    Plane,
    Position,
    SliceTool,
    VoxelPreview,
)

TAP_S = 0.18
"""Space held shorter than this is a tap."""


class SliceCanvas(QWidget):
    """A pane that shows slices of one plane.

    Parameters
    ----------
    plane : Plane

    Signals
    -------
    viewChanged
        Pan or zoom changed.
    refitted
        The slice was fitted into a pane of another size.
    sliceScrolled : int
        So many slices further.
    crosshairWanted : object
        Position the person pointed at.
    cursorMoved : object
        `PaneEvent`, or None when the mouse left.
    windowDragged : str, float, float
        Key of the image, low, high.
    radiusScrolled : int
    spaceTapped
        Space went down and up again; held, it pans.
    focused

    Attributes
    ----------
    painter : SlicePainter
    tool : SliceTool or None
        What the left button does.
    over : callable (painter, transform, visible) or None
        Paints between the slice and the marks.
    caption : str
        What the pane shows, where it is not said elsewhere.
    """

    viewChanged = Signal()
    refitted = Signal()
    sliceScrolled = Signal(int)
    crosshairWanted = Signal(object)
    cursorMoved = Signal(object)
    windowDragged = Signal(str, float, float)
    radiusScrolled = Signal(int)
    spaceTapped = Signal()
    focused = Signal()

    def __init__(self, plane: Plane, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plane = plane
        self.painter = SlicePainter(plane)
        self.tool: SliceTool | None = None
        self.over: Callable[[QPainter, QTransform, QRectF], None] | None = None
        self.caption = ""
        self.camera = SliceCamera()
        self.is_whole = True
        self._overlay = SliceOverlay(plane)
        self._mouse = SliceMouse(self)
        self._space_since: float | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setMinimumSize(64, 64)
        self.setAccessibleName(self.plane_name)

    @property
    def plane_name(self) -> str:
        """What the plane is called."""
        return {
            Plane.AXIAL: self.tr("Axial"),
            Plane.CORONAL: self.tr("Coronal"),
            Plane.SAGITTAL: self.tr("Sagittal"),
        }[self.plane]

    # -- what is shown -------------------------------------------------------------------------------

    def set_grid(self, grid: VolumeGeometry | None) -> None:
        """Show slices along the axes of a grid."""
        self._mouse.cancel()
        self.painter.set_grid(grid)
        self._overlay.set_grid(grid)
        self.update()

    def set_images(self, layers: Sequence[ImageLayer]) -> None:
        """Show these images, the first at the bottom."""
        self.painter.set_images(layers)
        self.update()

    def set_labels(self, layers: Sequence[LabelLayer]) -> None:
        """Show these label maps above the images."""
        self.painter.set_labels(layers)
        self.update()

    def refresh_labels(self, key: str, box: Box | None = None) -> None:
        """Paint voxels anew that were changed in place, if this slice cuts them."""
        area = self.painter.refresh_labels(key, box)
        if area is not None:
            self.update(self.transform.mapRect(area).toAlignedRect().adjusted(-2, -2, 2, 2))

    def set_preview(self, preview: VoxelPreview | None) -> None:
        """Show what an edit would change."""
        self.painter.set_preview(preview)
        self.update()

    def set_slab(self, thickness_mm: float) -> None:
        """Show the maximum over a slab; 0: slices."""
        self.painter.set_slab(thickness_mm)
        self.update()

    def set_crosshair(self, position: Position, *, is_centred: bool = False) -> None:
        """Move the lines, and go to the slice of the position."""
        self._overlay.crosshair = position
        if self.painter.lies is None:
            return
        self.painter.set_slice(self.painter.lies.slice_index(position))
        if is_centred:
            self.look_at(SliceCamera(self.painter.lies.pixel_of(position), self.camera.zoom))
        self.update()

    def show_crosshair(self, is_shown: bool) -> None:
        """Draw the lines, or leave them out."""
        self._overlay.has_crosshair = is_shown
        self.update()

    def set_brush(self, radius_mm: float | None, *, is_ball: bool) -> None:
        """Draw the edge of a brush around the mouse; a ball cuts the slices beside, too."""
        self._update_brush()
        self._overlay.brush = None if radius_mm is None else (radius_mm, is_ball)
        self._update_brush()

    def set_brush_position(self, position: Position | None) -> None:
        """Say where the mouse is, in this pane or another."""
        self._update_brush()
        self._overlay.brush_at = position
        self._update_brush()

    def set_polygon(self, corners: Sequence[Position]) -> None:
        """Draw the corners of a polygon; empty: none."""
        self._overlay.polygon = tuple(corners)
        self.update()

    @property
    def has_brush(self) -> bool:
        """Whether there is a brush to make larger."""
        return self._overlay.brush is not None

    # -- view ----------------------------------------------------------------------------------------

    @property
    def transform(self) -> QTransform:
        """What maps pixels of the picture to the screen."""
        lies = self.painter.lies
        return QTransform() if lies is None else self.camera.transform(lies, QSizeF(self.size()))

    def position_at(self, at: QPointF) -> Position:
        """Return the position on the slice under a place of the screen."""
        lies = self.painter.lies
        assert lies is not None
        inverse, _ = self.transform.inverted()
        pixel = inverse.map(at)
        return lies.position_of((pixel.x(), pixel.y()), self.painter.slice_index)

    def screen_of(self, position: Position) -> QPointF:
        """Return the place on the screen under which a position lies."""
        lies = self.painter.lies
        assert lies is not None
        return self.transform.map(QPointF(*lies.pixel_of(position)))

    def look_at(self, camera: SliceCamera) -> None:
        """Pan and zoom."""
        if camera == self.camera:
            return
        self.camera, self.is_whole = camera, False
        self.update()
        self.viewChanged.emit()

    def show_whole(self, zoom: float | None = None) -> None:
        """Fit the slice into the pane, or show its middle at a zoom."""
        if self.painter.lies is None:
            return
        camera = whole(self.painter.lies, QSizeF(self.size()))
        self.camera = SliceCamera(camera.centre_xy, camera.zoom if zoom is None else zoom)
        self.is_whole = True
        self.update()

    def pan(self, by: QPointF) -> None:
        """Move the slice with the mouse, by so many screen px."""
        if self.painter.lies is not None:
            self.look_at(self.camera.panned(self.painter.lies, by))

    def zoom_by(self, factor: float, at: QPointF) -> None:
        """Zoom; what lies under a place of the screen stays there."""
        if self.painter.lies is not None:
            self.look_at(self.camera.zoomed(self.painter.lies, QSizeF(self.size()), factor, at))

    # -- what the mouse wants ------------------------------------------------------------------------

    @property
    def window_layer(self) -> ImageLayer | None:
        """The image whose window a drag changes: the uppermost one that is visible."""
        shown = [layer for layer in self.painter.images if layer.is_visible and layer.opacity > 0]
        return shown[-1] if shown else None

    def drag_window(self, window: tuple[float, float]) -> None:
        """Show another window at once, and say so."""
        layer = self.window_layer
        if layer is not None:
            self.set_images(with_window(self.painter.images, layer.key, window))
            self.windowDragged.emit(layer.key, *window)

    def request_crosshair(self, at: QPointF) -> None:
        """Ask for the crosshair at a place of the screen."""
        self.crosshairWanted.emit(self.position_at(at))

    def hover(self, event: PaneEvent) -> None:
        """Say where the mouse is."""
        if self._overlay.polygon:
            self._overlay.mouse_at = self.screen_of(event.position)
            self.update()
        self.cursorMoved.emit(event)

    # -- painting ------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the part that changed."""
        painter = QPainter(self)
        area, changed = QRectF(self.rect()), QRectF(event.rect())
        painter.fillRect(changed, QColor(palette(current_theme())["canvas"]))
        if self.painter.lies is not None:
            transform = self.transform
            self.painter.paint(painter, transform, changed)
            if self.over is not None:
                self.over(painter, transform, changed)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._overlay.paint(
                painter,
                area,
                self.painter.lies,
                self.painter.slice_index,
                self.camera.zoom,
                self.screen_of,
                self._words(),
            )
        self._paint_frame(painter, area)
        painter.end()

    def _words(self) -> SliceWords:
        lies, grid, layer = self.painter.lies, self.painter.grid, self.window_layer
        assert lies is not None
        assert grid is not None
        caption = f"{self.plane_name}   {self.caption}" if self.caption else self.plane_name
        number = self.painter.slice_index
        middle = [(count - 1) / 2 for count in grid.shape]
        middle[lies.axis] = number
        place = self.tr("{number} of {count}").format(number=number + 1, count=lies.num_slices)
        place += "   " + direction_text(grid, lies, middle)
        if self.painter.thickness_mm > lies.slice_mm:
            slab = self.tr("maximum over {thickness:g} mm").format(thickness=self.painter.thickness_mm)
            place = f"{slab}\n{place}"
        window = ""
        if layer is not None:
            low, high = layer.window
            window = self.tr("W {width:g}  L {level:g}").format(
                width=_rounded(high - low), level=_rounded((low + high) / 2)
            )
        return SliceWords(caption, place, window)

    def _paint_frame(self, painter: QPainter, area: QRectF) -> None:
        if not self.hasFocus():
            return
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(palette(current_theme())["accent"]), 2.0))
        painter.drawRect(area.adjusted(1, 1, -1, -1))

    def _brush_circle(self) -> tuple[QPointF, float] | None:
        lies = self.painter.lies
        if lies is None:
            return None
        return self._overlay.brush_circle(lies, self.painter.slice_index, self.camera.zoom, self.screen_of)

    def _update_brush(self) -> None:
        circle = self._brush_circle()
        if circle is not None:
            self.update(room_of(circle).toAlignedRect())

    # -- events --------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin what the button does."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self._mouse.pressed(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Take the second press of a double click."""
        self._mouse.pressed(event, is_double=True)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the mouse."""
        self._mouse.moved(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what the button did."""
        self._mouse.released(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll, zoom, or resize the brush."""
        self._mouse.scrolled(event)
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        """Say that the mouse left."""
        self._overlay.mouse_at = None
        self.cursorMoved.emit(None)
        super().leaveEvent(event)

    def event(self, event: QEvent) -> bool:
        """Keep Space from shortcuts: held, it pans."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_space(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Hold Space to pan."""
        if not _is_space(event):
            super().keyPressEvent(event)
        elif not event.isAutoRepeat():
            self._hold_space(True)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Let Space go."""
        if not _is_space(event):
            super().keyReleaseEvent(event)
        elif not event.isAutoRepeat() and self._space_since is not None:
            is_tap = time.monotonic() - self._space_since < TAP_S and not self._mouse.is_dragging
            self._hold_space(False)
            if is_tap:
                self.spaceTapped.emit()

    def _hold_space(self, is_held: bool) -> None:
        self._mouse.is_space_held = is_held
        self._space_since = time.monotonic() if is_held else None
        self.setCursor(Qt.CursorShape.OpenHandCursor if is_held else Qt.CursorShape.CrossCursor)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus."""
        self.update()
        self.focused.emit()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Show that the focus went."""
        self._hold_space(False)
        self.update()
        super().focusOutEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep a whole slice whole."""
        super().resizeEvent(event)
        if self.is_whole:
            self.show_whole()
            self.refitted.emit()

    def shut(self) -> None:
        """Let go of the volumes."""
        self.tool, self.over = None, None
        self.painter = SlicePainter(self.plane)


def _is_space(event: QKeyEvent) -> bool:
    return event.key() == Qt.Key.Key_Space and not event.modifiers()


def _rounded(value: float) -> float:
    return round(value) if abs(value) >= 10 else round(value, 3)
