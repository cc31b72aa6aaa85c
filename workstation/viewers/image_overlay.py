"""A picture over the one of a canvas, and below its points: the modes of the Pairs screen.

It is painted by the window's own painter above OpenGL, under the canvas's view; moving the curtain or
alternating costs no texture and no copy of an array.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from workstation.viewers.canvas import ImageCanvas
from workstation.viewers.mode_painter import Camera, ModePainter
from workstation.views.elements.theme import current_theme, palette
from workstation.views.protocols.overlay_modes import Mode, ModeSettings, Overlay

STEP = 1.25
"""How much a turn of the wheel changes what a mode has to turn."""
CURTAIN_STEP = 0.02
FLICKER_HZ = (0.5, 4.0)
TILE_PX = (8.0, 1024.0)
MAGNIFICATIONS = (0, 1, 2, 5, 10, 20, 50, 100)
"""0 chooses."""


def turned(mode: Mode, settings: ModeSettings, direction: int) -> ModeSettings:
    """Return settings with what a mode has to turn a step up or down: speed, tiles, edge or magnification."""
    factor = STEP if direction > 0 else 1 / STEP
    if mode is Mode.FLICKER:
        return replace(settings, flicker_hz=_between(settings.flicker_hz * factor, FLICKER_HZ))
    if mode is Mode.CHECKERBOARD:
        return replace(settings, tile_px=_between(settings.tile_px * factor, TILE_PX))
    if mode is Mode.CURTAIN:
        return replace(settings, share=_between(settings.share + direction * CURTAIN_STEP, (0.0, 1.0)))
    if mode is Mode.VECTORS:
        place = MAGNIFICATIONS.index(settings.magnification) + (1 if direction > 0 else -1)
        return replace(settings, magnification=MAGNIFICATIONS[min(max(place, 0), len(MAGNIFICATIONS) - 1)])
    return settings


class ImageOverlay(QWidget):
    """Lies over the picture of a canvas.

    Signals
    -------
    settingsChanged : ModeSettings
        The handle was dragged, or the wheel turned.
    """

    settingsChanged = Signal(object)

    def __init__(self, canvas: ImageCanvas) -> None:
        super().__init__(canvas.native)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setStyleSheet("background: transparent;")
        self._canvas = canvas
        self._native = canvas.native
        self._is_dragging = False
        self.painter = ModePainter()
        self.painter.ground = QColor(palette(current_theme())["canvas"])
        self.overlay = Overlay()
        self._clock = QTimer(self)
        self._clock.timeout.connect(self._alternate)
        canvas.viewChanged.connect(self._on_view)
        canvas.native.installEventFilter(self)
        self.resize(canvas.native.size())
        self.stackUnder(canvas.overlay)
        self.hide()

    @property
    def settings(self) -> ModeSettings:
        """What may be turned."""
        return self.painter.settings

    def show_overlay(self, overlay: Overlay, names: tuple[str, str]) -> None:
        """Lay a picture over the canvas in a mode, or nothing.

        Parameters
        ----------
        names : (str, str)
            What lies on either side of a curtain.
        """
        self.overlay = overlay
        painter = self.painter
        if overlay.mode is not painter.mode:
            painter.is_second_shown = True
        painter.mode, painter.names = overlay.mode, names
        painter.set_over(overlay.picture)
        if overlay.mode is Mode.FLICKER and overlay.picture is not None:
            self._start_clock()
        else:
            self._clock.stop()
        self.setVisible(painter.is_over_shown)
        self.update()

    def set_settings(self, settings: ModeSettings) -> None:
        """Turn what a mode has to turn."""
        self.painter.settings = settings
        if self._clock.isActive():
            self._start_clock()
        self.update()
        self.settingsChanged.emit(settings)

    def turn(self, direction: int) -> None:
        """Turn a step up or down."""
        self.set_settings(turned(self.overlay.mode, self.settings, direction))

    def shut(self) -> None:
        """Let go of the canvas."""
        self._clock.stop()
        self._native.removeEventFilter(self)
        self._canvas.viewChanged.disconnect(self._on_view)

    def _start_clock(self) -> None:
        self._clock.start(round(500 / self.settings.flicker_hz))

    def _alternate(self) -> None:
        self.painter.is_second_shown = not self.painter.is_second_shown
        self.update()

    def _on_view(self) -> None:
        if self.isVisible():
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint a frame."""
        painter = QPainter(self)
        camera = Camera(self._canvas.centre_xy, self._canvas.zoom)
        self.painter.paint(painter, self.size(), self.devicePixelRatioF(), camera)
        painter.end()

    # -- mouse of the canvas -------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the size of the canvas; take the mouse at the curtain, and the wheel with Ctrl."""
        if watched is not self._native:
            return False
        if event.type() == QEvent.Type.Resize:
            self.resize(self._native.size())
            return False
        if not self.isVisible():
            return False
        if isinstance(event, QWheelEvent) and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.turn(1 if event.angleDelta().y() > 0 else -1)
            return True
        if isinstance(event, QMouseEvent):
            return self._on_mouse(event)
        return False

    def _on_mouse(self, event: QMouseEvent) -> bool:
        kind, at = event.type(), event.position()
        is_left = event.button() == Qt.MouseButton.LeftButton
        if kind == QEvent.Type.MouseButtonPress and is_left:
            # A point under the edge goes first.
            hits = self.painter.hits_edge(at, self.size()) and not self._canvas.overlay.hit(at)
            self._is_dragging = hits
            return hits
        if kind == QEvent.Type.MouseMove and self._is_dragging:
            self.painter.move_edge(at, self.size())
            self.set_settings(self.painter.settings)
            return True
        if kind == QEvent.Type.MouseButtonRelease and self._is_dragging:
            self._is_dragging = False
            return True
        return False


def _between(value: float, limits: tuple[float, float]) -> float:
    return min(max(value, limits[0]), limits[1])
