"""Surfaces of label maps in the world, on a napari canvas that is made when the first one is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QShowEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel, QStackedLayout, QWidget

from engines.contract.geometry import FloatArray
from engines.imaging.volumes.volume import VolumeGeometry
from workstation.viewers.marks import HALO
from workstation.viewers.napari_compat import make_viewer, quiet_import, warm_up
from workstation.viewers.slice_marks import INK, paint_corner, paint_letters
from workstation.viewers.surface_camera import Size, SurfaceCamera
from workstation.views.elements.theme import current_theme, palette
from workstation.views.protocols.volume import SurfaceMesh

CLICK_PX = 3.0
"""Farthest that the mouse moves in a click."""
ZOOM_STEP = 1.15
_MARKER_PX = 7.0
_SPARE_DELAY_MS = 1500
"""A new layer holds up the window for a tenth of a second: it is made while nobody draws."""
_NO_FACES = (np.zeros((3, 3), np.float32), np.array([[0, 1, 2]], np.int32))


class SurfacePane(QWidget):
    """A pane of surfaces. Drag turns, middle drag or Shift and drag pans, the wheel zooms, a click picks.

    Signals
    -------
    picked : object
        World position (x, y, z) in mm on a surface.
    """

    picked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.camera = SurfaceCamera()
        self._meshes: tuple[SurfaceMesh, ...] = ()
        self._grid: VolumeGeometry | None = None
        self._crosshair_mm: tuple[float, float, float] | None = None
        self._has_crosshair = True
        self._canvas: _Canvas | None = None
        self._overlay: _Overlay | None = None
        self._is_whole = True
        self._is_shut = False
        self._last = QPointF()
        self._start: QPointF | None = None
        self._is_panning = False
        self._resized = QTimer(self)
        self._resized.setSingleShot(True)
        self._resized.timeout.connect(self._on_resized)
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(_SPARE_DELAY_MS)
        self._idle.timeout.connect(self._make_spare)
        self.note = QLabel(self.tr("No surface yet"))
        self.note.setObjectName("surfaceNote")
        self.note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.note.setWordWrap(True)
        colours = palette("dark")
        self.note.setStyleSheet(f"background: {colours['canvas']}; color: {colours['muted']};")
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.note)
        self.setMinimumSize(64, 64)
        self.setAccessibleName(self.tr("Surface"))

    @property
    def has_canvas(self) -> bool:
        """Whether the canvas was made."""
        return self._canvas is not None

    @property
    def native(self) -> QWidget | None:
        """What takes the mouse, once there is a canvas."""
        return None if self._canvas is None else self._canvas.native

    def set_grid(self, grid: VolumeGeometry | None) -> None:
        """Say which volume the next surfaces belong to; None empties the pane."""
        self._grid, self._is_whole = grid, True
        if grid is None:
            self._crosshair_mm = None
            self.show_meshes(())

    def show_meshes(self, meshes: Sequence[SurfaceMesh]) -> None:
        """Show surfaces in place of those before."""
        had_none = not self._meshes
        self._meshes = tuple(mesh for mesh in meshes if len(mesh.faces))
        if self.isVisible():
            self._make()
        if self._canvas is not None:
            self._canvas.show_meshes(self._meshes)
            if not self._canvas.has_spare:
                self._idle.start()
            self._stack.setCurrentWidget(self._canvas.viewer if self._meshes else self.note)
            if self._is_whole or had_none:
                self.show_whole()
            self._update_overlay()

    def set_crosshair(self, world_mm: FloatArray) -> None:
        """Mark where the slices cut."""
        self._crosshair_mm = (float(world_mm[0]), float(world_mm[1]), float(world_mm[2]))
        self._update_overlay()

    def show_crosshair(self, is_shown: bool) -> None:
        """Draw the mark, or leave it out."""
        self._has_crosshair = is_shown
        self._update_overlay()

    def show_whole(self) -> None:
        """Fit all surfaces into the pane."""
        self._is_whole = True
        bounds = self._bounds()
        if bounds is not None and self._canvas is not None:
            self._look(self.camera.fitted(*bounds, self._size()))

    def shut(self) -> None:
        """Let go of the canvas; napari keeps it alive otherwise."""
        self._is_shut, self._meshes = True, ()
        self._resized.stop()
        self._idle.stop()
        if self._canvas is not None:
            self._canvas.native.removeEventFilter(self)
            self._canvas.shut()
            self._canvas = self._overlay = None

    def showEvent(self, event: QShowEvent) -> None:
        """Make the canvas if there is something to show."""
        super().showEvent(event)
        # The first OpenGL canvas of a window hides and shows everything in it, this pane included.
        if self._meshes and self._canvas is None:
            self.show_meshes(self._meshes)

    def _on_resized(self) -> None:
        if self._canvas is None:
            return
        self._canvas.forget_zoom()
        if self._is_whole:
            self.show_whole()
        else:
            self._look(self.camera)

    def _make_spare(self) -> None:
        if QApplication.mouseButtons() != Qt.MouseButton.NoButton:
            self._idle.start()
        elif self._canvas is not None:
            self._canvas.make_spare()

    def _make(self) -> None:
        if self._canvas is not None or self._is_shut or not self._meshes:
            return
        self._canvas = _Canvas()
        self._stack.addWidget(self._canvas.viewer)
        native = self._canvas.native
        native.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        native.installEventFilter(self)
        self._overlay = _Overlay(self, native)
        self._overlay.resize(native.size())

    def _bounds(self) -> tuple[FloatArray, FloatArray] | None:
        if not self._meshes:
            return None
        lows = np.array([mesh.vertices_mm.min(axis=0) for mesh in self._meshes], np.float64)
        highs = np.array([mesh.vertices_mm.max(axis=0) for mesh in self._meshes], np.float64)
        return lows.min(axis=0), highs.max(axis=0)

    def _size(self) -> Size:
        native = self.native
        return (1, 1) if native is None else (native.width(), native.height())

    def _look(self, camera: SurfaceCamera) -> None:
        self.camera = camera
        if self._canvas is not None:
            self._canvas.look(camera)
        self._update_overlay()

    def _update_overlay(self) -> None:
        if self._overlay is not None:
            self._overlay.update()

    def paint_marks(self, painter: QPainter) -> None:
        """Draw letters, caption and crosshair above the surfaces."""
        size = self._size()
        area = QRectF(0, 0, *size)
        paint_letters(painter, area, self.camera.letters)
        corner = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
        paint_corner(painter, area, corner, self.tr("Surface"), INK)
        if self._crosshair_mm is None or not self._has_crosshair:
            return
        x, y = self.camera.screen_of([self._crosshair_mm], size)[0]
        for colour, width in ((HALO, 3.4), (INK, 1.5)):
            painter.setPen(QPen(colour, width))
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                away = QPointF(dx, dy)
                painter.drawLine(QPointF(x, y) + away * 3, QPointF(x, y) + away * (3 + _MARKER_PX))

    # -- events of the canvas ------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take mouse, wheel and keys before napari does."""
        if self._canvas is None or watched is not self._canvas.native:
            return False
        kind = event.type()
        if kind == QEvent.Type.Resize:
            if self._overlay is not None:
                self._overlay.resize(self._canvas.native.size())
            # The canvas follows later, and with it the zoom that it shows.
            self._resized.start()
            return False
        if isinstance(event, QWheelEvent):
            self._is_whole = False
            self._look(self.camera.zoomed(ZOOM_STEP ** (event.angleDelta().y() / 120)))
            return True
        if isinstance(event, QMouseEvent):
            self._on_mouse(event)
            return True
        # Shortcuts were served before; whatever comes here would reach napari's own keys.
        return isinstance(event, QKeyEvent) and kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease)

    def _on_mouse(self, event: QMouseEvent) -> None:
        kind, at = event.type(), event.position()
        if kind == QEvent.Type.MouseButtonPress:
            self._start, self._last = at, at
            is_shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._is_panning = is_shift or event.button() == Qt.MouseButton.MiddleButton
            if self._canvas is not None:
                self._canvas.native.setFocus(Qt.FocusReason.MouseFocusReason)
        elif kind == QEvent.Type.MouseMove and self._start is not None:
            step, self._last = at - self._last, at
            if self._is_panning:
                self._is_whole = False
                self._look(self.camera.panned(step.x(), step.y()))
            else:
                self._look(self.camera.turned(step.x(), step.y()))
        elif kind == QEvent.Type.MouseButtonRelease and self._start is not None:
            moved, self._start = at - self._start, None
            is_click = moved.manhattanLength() <= CLICK_PX and not self._is_panning
            if is_click and event.button() == Qt.MouseButton.LeftButton:
                self._pick(at)

    def _pick(self, at: QPointF) -> None:
        place, size = (at.x(), at.y()), self._size()
        hits = [self.camera.hit(mesh.vertices_mm, mesh.faces, place, size) for mesh in self._meshes]
        found = [hit for hit in hits if hit is not None]
        if found:
            point = min(found, key=lambda hit: hit[0])[1]
            self.picked.emit((float(point[0]), float(point[1]), float(point[2])))


class _Canvas:
    """napari's part: one layer for each surface; layers are kept, as removing one costs a long pause."""

    def __init__(self) -> None:
        warm_up()
        with quiet_import():
            from napari.components import ViewerModel

        # World x, y, z are napari's axes in this order: they are right-handed there, too.
        self._model = ViewerModel(ndisplay=3)
        self.viewer = make_viewer(self._model)
        self.native: QWidget = self.viewer.canvas.native
        self._model.canvas.background_color_override = palette(current_theme())["canvas"]
        self._layers: list[Any] = []
        self._shown: dict[int, SurfaceMesh] = {}

    def show_meshes(self, meshes: Sequence[SurfaceMesh]) -> None:
        with quiet_import():
            from napari.utils import Colormap

        camera = self._model.scene.camera
        before = camera.center, camera.zoom, camera.angles
        while len(self._layers) < len(meshes):
            self.make_spare()
        for number, layer in enumerate(self._layers):
            if number >= len(meshes):
                layer.visible = False
                layer.data = _NO_FACES
                self._shown.pop(number, None)
                continue
            mesh = meshes[number]
            # What is on the graphics card already stays there: a choice changes one of many surfaces.
            known = self._shown.get(number)
            self._shown[number] = mesh
            if known is not None and layer.visible and _is_same(known, mesh):
                layer.opacity = mesh.opacity
                continue
            ink = [*QColor(mesh.colour).getRgbF()[:3], 1.0]
            layer.colormap = Colormap([ink, ink], name=f"surface {mesh.colour}")
            layer.data = (mesh.vertices_mm, mesh.faces)
            layer.contrast_limits = (0.0, 1.0)
            layer.opacity = mesh.opacity
            layer.visible = True
        camera.center, camera.zoom, camera.angles = before

    @property
    def has_spare(self) -> bool:
        """Whether there is a hidden layer for one surface more."""
        return len(self._layers) > len(self._shown)

    def make_spare(self) -> None:
        """Make a hidden layer; slow."""
        camera = self._model.scene.camera
        before = camera.center, camera.zoom, camera.angles
        self._layers.append(self._model.add_surface(_NO_FACES, shading="smooth", visible=False))
        self._model.layers.selection.clear()
        camera.center, camera.zoom, camera.angles = before

    def look(self, camera: SurfaceCamera) -> None:
        napari_camera = self._model.scene.camera
        napari_camera.set_view_direction(
            view_direction=tuple(camera.view_direction), up_direction=tuple(camera.up_direction)
        )
        napari_camera.zoom = camera.zoom
        napari_camera.center = camera.centre_mm

    def forget_zoom(self) -> None:
        """Let the next zoom be taken even if it is the old one: a resized canvas shows another."""
        self._model.scene.camera.zoom *= 1.01

    def shut(self) -> None:
        self._layers.clear()
        self._model.layers.clear()
        self.viewer.close()
        self.viewer.deleteLater()


class _Overlay(QWidget):
    def __init__(self, pane: SurfacePane, native: QWidget) -> None:
        super().__init__(native)
        self._pane = pane
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setStyleSheet("background: transparent;")
        self.show()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._pane.paint_marks(painter)
        painter.end()


def _is_same(first: SurfaceMesh, second: SurfaceMesh) -> bool:
    return (
        first.vertices_mm is second.vertices_mm
        and first.faces is second.faces
        and first.colour == second.colour
    )
