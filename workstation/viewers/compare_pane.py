"""A pane of the Compare screen: one source in the common frame, laid over the reference in a mode.

`Pane` is what the view asks of a pane; `ImagePane` draws 2-D images with the window's painter. Volumes
bring a pane of their own.
"""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QFont,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from engines.contract.geometry import Size
from engines.imaging.comparison import Change
from engines.imaging.screen_picture import Picture
from workstation.viewers.image_overlay import turned
from workstation.viewers.marks import HALO, Mark, paint_mark
from workstation.viewers.mode_painter import Camera, ModePainter, Window, paint_label
from workstation.viewers.scale_bar import Scale, paint_scale_bar
from workstation.viewers.vector_painter import paint_vector_legend, paint_vectors, shown_magnification
from workstation.views.elements.display import display
from workstation.views.elements.theme import current_theme, palette
from workstation.views.protocols.compare import PaneContent, ShownPane
from workstation.views.protocols.overlay_modes import Mode, ModeSettings

Point = tuple[float, float]
MARGIN = 0.97
WHEEL_STEP = 1.15
ZOOM_LIMITS = (0.01, 64.0)
COMPOSED = (Mode.BLEND, Mode.DIFFERENCE, Mode.DISTANCE)
_FULL_WINDOW = (0.0, 255.0)
_CHANGES = {Change.KEPT: "kept", Change.ADDED: "added", Change.REMOVED: "removed"}


class Pane(Protocol):
    """What the view asks of a pane, whatever kind of item it shows."""

    def show_content(self, content: PaneContent) -> None:
        """Show a source."""

    def set_reference(self, picture: Picture | None, size: Size | None, spacing_mm: float | None) -> None:
        """Take what the source is compared with, and the frame of both."""

    def set_mode(self, mode: Mode) -> None:
        """Lay the source over the reference."""

    def set_settings(self, settings: ModeSettings) -> None:
        """Turn what a mode has to turn."""

    def set_camera(self, camera: Camera) -> None:
        """Look elsewhere."""

    def set_cursor(self, xy: Point | None) -> None:
        """Draw where the mouse of another pane is."""

    def set_window(self, window: Window | None) -> None:
        """Choose the grey values that are shown black and white."""

    def show_points(self, is_shown: bool) -> None:
        """Draw the landmarks, or not."""


class ImagePane(QWidget):
    """A 2-D pane.

    Signals
    -------
    cameraChanged : Camera
        The person panned or zoomed.
    cursorMoved : float, float
        x and y in pixels of the frame.
    cursorLeft
    settingsChanged : ModeSettings
    windowChanged : (float, float)
    """

    cameraChanged = Signal(object)
    cursorMoved = Signal(float, float)
    cursorLeft = Signal()
    settingsChanged = Signal(object)
    windowChanged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setMinimumSize(180, 140)
        self.painter = ModePainter()
        self.painter.ground = QColor(palette(current_theme())["canvas"])
        self.content = PaneContent("")
        self.camera = Camera()
        self._reference: Picture | None = None
        self._size: Size | None = None
        self._scale: Scale | None = None
        self._cursor_xy: Point | None = None
        self._has_points = True
        self._mode = Mode.TILES
        self._grabbed: QPointF | None = None
        self._grip = ""

    # -- what is shown -------------------------------------------------------------------------------

    def show_content(self, content: PaneContent) -> None:
        """Show a source, or nothing until it is made."""
        self.content = content
        self._lay()

    def set_reference(self, picture: Picture | None, size: Size | None, spacing_mm: float | None) -> None:
        """Take what the source is compared with, and the frame of both."""
        self._reference, self._size = picture, size
        self._scale = Scale(spacing_mm) if spacing_mm else None
        self._lay()

    def set_mode(self, mode: Mode) -> None:
        """Lay the source over the reference."""
        self._mode = mode
        self._lay()

    def set_settings(self, settings: ModeSettings) -> None:
        """Turn what a mode has to turn."""
        self.painter.settings = settings
        self.update()

    def alternate(self, is_second: bool) -> None:
        """Show the one or the other of a flicker."""
        self.painter.is_second_shown = is_second
        if self.painter.mode is Mode.FLICKER:
            self.update()

    def set_names(self, first: str, second: str) -> None:
        """Say what lies on either side of a curtain."""
        self.painter.names = (first, second)

    def set_camera(self, camera: Camera) -> None:
        """Look elsewhere."""
        if camera != self.camera:
            self.camera = camera
            self.update()

    def set_cursor(self, xy: Point | None) -> None:
        """Draw where the mouse of another pane is."""
        if xy != self._cursor_xy:
            self._cursor_xy = xy
            self.update()

    def set_window(self, window: Window | None) -> None:
        """Choose the grey values that are shown black and white."""
        self.painter.window = window
        self.update()

    def show_points(self, is_shown: bool) -> None:
        """Draw the landmarks, or not."""
        self._has_points = is_shown
        self.update()

    def whole_camera(self) -> Camera | None:
        """Return the view of the whole frame; None while there is none."""
        if self._size is None:
            return None
        width, height = self._size
        zoom = MARGIN * min(self.width() / width, self.height() / height)
        return Camera(((width - 1) / 2, (height - 1) / 2), max(zoom, ZOOM_LIMITS[0]))

    def shown(self) -> ShownPane:
        """Return how the pane is seen, for a figure."""
        size = self.size()
        low = self.camera.to_image(QPointF(0, 0), size)
        high = self.camera.to_image(QPointF(size.width(), size.height()), size)
        settings, vectors = self.painter.settings, self.content.vectors
        axis = 0 if settings.is_vertical else 1
        magnification = settings.magnification or 1
        if vectors is not None:
            magnification = shown_magnification(vectors, settings.magnification, self.camera.zoom)
        return ShownPane(
            (*low, *high),
            low[axis] + settings.share * (high[axis] - low[axis]),
            self.painter.window,
            magnification,
        )

    def notes(self) -> list[str]:
        """Return what the header says of the source besides its name."""
        return []

    @property
    def is_composing(self) -> bool:
        """Whether two pictures lie over each other here."""
        return not self.content.is_reference and self.painter.is_over_shown

    def _lay(self) -> None:
        """Say to the painter what lies below and above."""
        content, mode, painter = self.content, self._mode, self.painter
        is_alone = content.is_reference or mode in (Mode.TILES, Mode.VECTORS) or self._reference is None
        # A peek shows the reference alone.
        painter.mode = Mode.TILES if is_alone or mode is Mode.WARPED else mode
        painter.set_base(content.picture if is_alone else self._reference)
        over = content.composed if mode in COMPOSED else content.picture
        painter.set_over(None if is_alone else over)
        self.update()

    # -- painting ------------------------------------------------------------------------------------

    def to_screen(self, xy: Point) -> QPointF:
        """Return the position in the pane of a position in the frame."""
        return self.camera.to_screen(xy, self.size())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint pictures, arrows, points, cursor, scale bar and legend."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.painter.ground)
        self.painter.paint(painter, self.size(), self.devicePixelRatioF(), self.camera)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(self.font())
        font.setPixelSize(12)
        font.setBold(True)
        painter.setFont(font)
        vectors = self.content.vectors if self._mode is Mode.VECTORS else None
        if vectors is not None:
            factor = shown_magnification(vectors, self.painter.settings.magnification, self.camera.zoom)
            paint_vectors(painter, vectors, self.to_screen, factor)
        elif self._has_points:
            self._paint_points(painter)
        if self._cursor_xy is not None:
            self._paint_cursor(painter, self.to_screen(self._cursor_xy))
        area = QRectF(self.rect())
        if self._scale is not None:
            paint_scale_bar(painter, area, self._scale, self.camera.zoom)
        if vectors is not None and len(vectors.length_px):
            text = self.tr("residuals ×{n}").format(n=factor)
            paint_vector_legend(painter, area, float(vectors.length_px.max()), text)
        if self._mode is Mode.DIFFERENCE and self.content.shares:
            self._paint_shares(painter)
        self.paint_more(painter)
        painter.end()

    def paint_more(self, painter: QPainter) -> None:
        """Paint what a special kind of pane shows besides."""

    def share_text(self, change: Change, name: str) -> str:
        """Return what the legend of a difference says of a class."""
        return f"{name} {100 * self.content.shares.get(change, 0.0):.0f} %"

    def _paint_points(self, painter: QPainter) -> None:
        area = QRectF(self.rect()).adjusted(-40, -40, 40, 40)
        for point in self.content.points:
            at = self.to_screen(point.xy)
            if area.contains(at):
                colour = display().point_colour(point.index)
                mark = Mark(point.label, point.label, point.xy, "placed", colour)
                paint_mark(painter, at, mark, is_selected=False, has_name=True)

    @staticmethod
    def _paint_cursor(painter: QPainter, at: QPointF) -> None:
        for colour, width in ((HALO, 3.0), (QColor("#ffffff"), 1.0)):
            painter.setPen(QPen(colour, width, Qt.PenStyle.DotLine))
            painter.drawLine(at + QPointF(-9, 0), at + QPointF(9, 0))
            painter.drawLine(at + QPointF(0, -9), at + QPointF(0, 9))

    def _paint_shares(self, painter: QPainter) -> None:
        names = {"kept": self.tr("kept"), "added": self.tr("added"), "removed": self.tr("removed")}
        y = self.height() - 16.0 - 22 * (len(_CHANGES) - 1)
        for change, word in _CHANGES.items():
            text = self.share_text(change, names[word])
            width = painter.fontMetrics().horizontalAdvance(text)
            at = QPointF(self.width() - width - 14, y)
            paint_label(painter, at, text)
            painter.setPen(QPen(HALO, 1.0))
            painter.setBrush(QColor(display().colours[word]))
            painter.drawRect(QRectF(at.x() - 24, at.y() - 10, 12, 12))
            y += 22

    # -- mouse ---------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of the curtain, of the picture, or of window and level."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        at = event.position()
        if event.button() == Qt.MouseButton.LeftButton:
            self._grip = "edge" if self.painter.hits_edge(at, self.size()) else "pan"
        elif event.button() == Qt.MouseButton.MiddleButton:
            self._grip = "pan"
        elif event.button() == Qt.MouseButton.RightButton:
            self._grip = "window"
        self._grabbed = QPointF(at)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag what was grabbed, and tell where the mouse is."""
        at = event.position()
        self.cursorMoved.emit(*self.camera.to_image(at, self.size()))
        if self._grabbed is None:
            is_edge = self.painter.hits_edge(at, self.size())
            shape = (
                Qt.CursorShape.SplitHCursor
                if self.painter.settings.is_vertical
                else (Qt.CursorShape.SplitVCursor)
            )
            self.setCursor(shape if is_edge else Qt.CursorShape.CrossCursor)
            return
        offset, self._grabbed = at - self._grabbed, QPointF(at)
        if self._grip == "edge":
            self.painter.move_edge(at, self.size())
            self.settingsChanged.emit(self.painter.settings)
        elif self._grip == "pan":
            x, y = self.camera.centre_xy
            zoom = self.camera.zoom
            self._look(Camera((x - offset.x() / zoom, y - offset.y() / zoom), zoom))
        elif self._grip == "window":
            self._drag_window(offset)

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        """Let go."""
        self._grabbed, self._grip = None, ""

    def _drag_window(self, offset: QPointF) -> None:
        """Change contrast to the sides, and brightness up and down."""
        low, high = self.painter.window or _FULL_WINDOW
        centre, width = (low + high) / 2, high - low
        width = min(max(width * 1.005 ** offset.x(), 4.0), 1024.0)
        centre = min(max(centre + offset.y() * 0.5, 0.0), 255.0)
        self.windowChanged.emit((centre - width / 2, centre + width / 2))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the mouse; with Ctrl turn what the mode has to turn."""
        direction = 1 if event.angleDelta().y() > 0 else -1
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.settingsChanged.emit(turned(self._mode, self.painter.settings, direction))
            return
        self.zoom_at(event.position(), WHEEL_STEP**direction)

    def zoom_at(self, at: QPointF, factor: float) -> None:
        """Zoom and keep the place under the mouse."""
        zoom = min(max(self.camera.zoom * factor, ZOOM_LIMITS[0]), ZOOM_LIMITS[1])
        size: QSize = self.size()
        x, y = self.camera.to_image(at, size)
        dx, dy = (at.x() - size.width() / 2) / zoom, (at.y() - size.height() / 2) / zoom
        self._look(Camera((x - dx, y - dy), zoom))

    def _look(self, camera: Camera) -> None:
        self.set_camera(camera)
        self.cameraChanged.emit(camera)

    def leaveEvent(self, event: QEvent) -> None:
        """Tell that the mouse left."""
        self.cursorLeft.emit()
        super().leaveEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Take the cursor over from another pane."""
        self.set_cursor(None)
        super().enterEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the middle where it is."""
        super().resizeEvent(event)
        self.update()
