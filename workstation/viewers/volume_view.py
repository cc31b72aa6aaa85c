"""Three linked slices and a surface in fixed panes; fulfils `views.protocols.volume.VolumeViewLike`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from engines.imaging.volumes.volume import VolumeGeometry
from workstation.viewers.slice_camera import SliceCamera
from workstation.viewers.slice_canvas import SliceCanvas
from workstation.viewers.slice_painter import with_window
from workstation.viewers.surface_pane import SurfacePane
from workstation.views.protocols.volume import (
    Box,
    ImageLayer,
    LabelLayer,
    PaneEvent,
    PaneLayout,
    Plane,
    Position,
    SliceTool,
    SurfaceMesh,
    VoxelPreview,
)

_HANDLE_PX = 3
_ONLY = {
    PaneLayout.AXIAL: Plane.AXIAL,
    PaneLayout.CORONAL: Plane.CORONAL,
    PaneLayout.SAGITTAL: Plane.SAGITTAL,
}


class VolumeView(QWidget):
    """Axial, sagittal, coronal and the surface, linked by a crosshair; or one of them, or tiles.

    Signals
    -------
    cursorMoved, crosshairMoved, windowDragged, radiusScrolled, surfacePicked
        See `VolumeViewLike`.
    spaceTapped
        Space went down and up again over a slice; held, it pans.

    Attributes
    ----------
    panes : dict of Plane to SliceCanvas
    tiles : list of SliceCanvas
        One axial pane for each image, made when tiles are first shown.
    surface : SurfacePane
    is_zoom_linked : bool
        Whether a millimetre is as long in every pane.
    """

    cursorMoved = Signal(object)
    crosshairMoved = Signal(object)
    windowDragged = Signal(str, float, float)
    radiusScrolled = Signal(int)
    surfacePicked = Signal(object)
    spaceTapped = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panes = {plane: SliceCanvas(plane) for plane in Plane}
        self.tiles: list[SliceCanvas] = []
        self.surface = SurfacePane()
        self.is_zoom_linked = True
        self._layout = PaneLayout.FOUR
        self._grid: VolumeGeometry | None = None
        self._images: tuple[ImageLayer, ...] = ()
        self._labels: tuple[LabelLayer, ...] = ()
        self._tool: SliceTool | None = None
        self._brush: tuple[float | None, bool] = (None, False)
        self._slab_mm = 0.0
        self._has_crosshair = True
        self._crosshair: Position = (0.0, 0.0, 0.0)
        self._focused: SliceCanvas = self.panes[Plane.AXIAL]
        self._is_following = False
        self._splitter, self._rows = _four(
            (self.panes[Plane.AXIAL], self.panes[Plane.SAGITTAL]),
            (self.panes[Plane.CORONAL], self.surface),
        )
        self._tile_page = QWidget()
        self._tile_grid = QGridLayout(self._tile_page)
        self._tile_grid.setContentsMargins(0, 0, 0, 0)
        self._tile_grid.setSpacing(_HANDLE_PX)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._splitter)
        self._pages.addWidget(self._tile_page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)
        self.setFocusProxy(self.panes[Plane.AXIAL])
        for canvas in self.panes.values():
            self._connect(canvas)
        self.surface.picked.connect(self.surfacePicked)

    # -- what is shown -------------------------------------------------------------------------------

    @property
    def grid(self) -> VolumeGeometry | None:
        """The grid whose slices are shown."""
        return self._grid

    def set_grid(self, geometry: VolumeGeometry | None) -> None:
        """Show another grid; the crosshair stays in the world where both grids have the place."""
        before, self._grid = self._grid, geometry
        if geometry is not None and before is not None and before.difference(geometry) is None:
            return
        for canvas in self._canvases():
            canvas.set_grid(geometry)
        if geometry is None:
            self._crosshair = (0.0, 0.0, 0.0)
            self.surface.set_grid(None)
            return
        self.surface.set_grid(geometry)
        middle = tuple((count - 1) / 2 for count in geometry.shape)
        self._move_to(_same_place(before, geometry, self._crosshair) or middle)
        self.show_whole()

    def set_images(self, layers: Sequence[ImageLayer]) -> None:
        """Show these images, the first at the bottom."""
        self._images = tuple(layers)
        for canvas in self.panes.values():
            canvas.set_images(self._images)
        if self.tiles or self._layout is PaneLayout.TILES:
            self._fill_tiles()

    def set_labels(self, layers: Sequence[LabelLayer]) -> None:
        """Show these label maps above the images."""
        self._labels = tuple(layers)
        for canvas in self._canvases():
            canvas.set_labels(self._labels)

    def refresh_labels(self, key: str, box: Box | None = None) -> None:
        """Paint a label map anew that was changed in place; only slices that cut the box."""
        for canvas in self._canvases():
            canvas.refresh_labels(key, box)

    def set_preview(self, preview: VoxelPreview | None) -> None:
        """Show what an edit would change."""
        for canvas in self._canvases():
            canvas.set_preview(preview)

    def set_brush(self, radius_mm: float | None, *, is_ball: bool = False) -> None:
        """Draw the brush around the mouse; None: no brush."""
        self._brush = (radius_mm, is_ball)
        for canvas in self._canvases():
            canvas.set_brush(radius_mm, is_ball=is_ball)

    def set_polygon(self, plane: Plane, corners: Sequence[Position]) -> None:
        """Draw the corners of a polygon that is not closed yet; empty: none."""
        for canvas in self._canvases():
            canvas.set_polygon(corners if canvas.plane is plane else ())

    def set_tool(self, tool: SliceTool | None) -> None:
        """Give the left button to a tool."""
        self._tool = tool
        for canvas in self._canvases():
            canvas.tool = tool

    def set_slab(self, thickness_mm: float) -> None:
        """Show the maximum over a slab instead of a slice; 0: slices."""
        self._slab_mm = thickness_mm
        for canvas in self._canvases():
            canvas.set_slab(thickness_mm)

    def show_surfaces(self, meshes: Sequence[SurfaceMesh]) -> None:
        """Show surfaces in the fourth pane."""
        self.surface.show_meshes(meshes)

    # -- where ---------------------------------------------------------------------------------------

    @property
    def crosshair(self) -> Position:
        """Where the three slices cut."""
        return self._crosshair

    def set_crosshair(self, position: Position, *, is_centred: bool = False) -> None:
        """Move the slices; centred: pan the panes to it, too."""
        self._move_to(position, is_centred=is_centred)

    def show_crosshair(self, is_shown: bool) -> None:
        """Draw the lines of the crosshair, or leave them out."""
        self._has_crosshair = is_shown
        for canvas in self._canvases():
            canvas.show_crosshair(is_shown)
        self.surface.show_crosshair(is_shown)

    def step(self, plane: Plane | None, count: int) -> None:
        """Go some slices further in a pane; None: the one with the focus."""
        canvas = self._focused if plane is None else self.panes[plane]
        self._step(canvas, count)

    def show_whole(self) -> None:
        """Fit the slices into their panes."""
        for canvas in self._canvases():
            canvas.show_whole()
        self._fit_together()
        self.surface.show_whole()

    # -- layout --------------------------------------------------------------------------------------

    @property
    def layout_(self) -> PaneLayout:
        """How the panes are laid out."""
        return self._layout

    def set_layout(self, layout: PaneLayout) -> None:
        """Choose the panes."""
        self._layout = layout
        if layout is PaneLayout.TILES:
            self._fill_tiles()
            self._pages.setCurrentWidget(self._tile_page)
        else:
            self._pages.setCurrentWidget(self._splitter)
            only = _ONLY.get(layout)
            is_four = layout is PaneLayout.FOUR
            for plane, canvas in self.panes.items():
                canvas.setVisible(is_four or plane is only)
            self.surface.setVisible(is_four or layout is PaneLayout.SURFACE)
            self._rows[0].setVisible(is_four or layout in (PaneLayout.AXIAL, PaneLayout.SAGITTAL))
            self._rows[1].setVisible(is_four or layout in (PaneLayout.CORONAL, PaneLayout.SURFACE))
        shown = self._shown()
        if shown:
            self._focused = self._focused if self._focused in shown else shown[0]
            self.setFocusProxy(self._focused)

    def shut(self) -> None:
        """Let go of the canvases and the volumes."""
        self._images = self._labels = ()
        self._tool = None
        for canvas in self._canvases():
            canvas.shut()
        self.surface.shut()

    def _canvases(self) -> list[SliceCanvas]:
        return [*self.panes.values(), *self.tiles]

    def _shown(self) -> list[SliceCanvas]:
        if self._layout is PaneLayout.TILES:
            return [canvas for canvas in self.tiles if not canvas.isHidden()]
        only = _ONLY.get(self._layout)
        if self._layout is PaneLayout.FOUR:
            return list(self.panes.values())
        return [] if only is None else [self.panes[only]]

    def _fill_tiles(self) -> None:
        """Give each image an axial pane; panes that are left over are kept for the next case, hidden."""
        while len(self.tiles) < len(self._images):
            self.tiles.append(self._new_tile())
        columns = math.ceil(math.sqrt(len(self._images))) if self._images else 1
        for number, canvas in enumerate(self.tiles):
            self._tile_grid.removeWidget(canvas)
            is_used = number < len(self._images)
            canvas.setVisible(is_used)
            if not is_used:
                canvas.set_images(())
                continue
            layer = self._images[number]
            canvas.caption = layer.title
            # A tile shows its image whole, whatever lies over the others.
            canvas.set_images((replace(layer, opacity=1.0, is_visible=True),))
            self._tile_grid.addWidget(canvas, number // columns, number % columns)

    def _new_tile(self) -> SliceCanvas:
        canvas = SliceCanvas(Plane.AXIAL, self._tile_page)
        canvas.set_grid(self._grid)
        canvas.set_labels(self._labels)
        canvas.set_slab(self._slab_mm)
        canvas.tool = self._tool
        canvas.set_brush(self._brush[0], is_ball=self._brush[1])
        canvas.set_crosshair(self._crosshair)
        canvas.show_crosshair(self._has_crosshair)
        canvas.show_whole()
        self._connect(canvas)
        return canvas

    # -- what the panes say --------------------------------------------------------------------------

    def _connect(self, canvas: SliceCanvas) -> None:
        canvas.crosshairWanted.connect(self._on_crosshair)
        canvas.sliceScrolled.connect(lambda steps: self._step(canvas, steps))
        canvas.cursorMoved.connect(self._on_cursor)
        canvas.viewChanged.connect(lambda: self._on_view(canvas))
        canvas.refitted.connect(self._fit_together)
        canvas.windowDragged.connect(self._on_window)
        canvas.radiusScrolled.connect(self.radiusScrolled)
        canvas.spaceTapped.connect(self.spaceTapped)
        canvas.focused.connect(lambda: self._on_focus(canvas))

    def _on_focus(self, canvas: SliceCanvas) -> None:
        self._focused = canvas
        self.setFocusProxy(canvas)

    def _on_crosshair(self, position: Position) -> None:
        self._move_to(position)
        self.crosshairMoved.emit(self._crosshair)

    def _on_cursor(self, event: PaneEvent | None) -> None:
        if self._brush[0] is not None:
            for canvas in self._canvases():
                canvas.set_brush_position(None if event is None else event.position)
        self.cursorMoved.emit(event)

    def _on_window(self, key: str, low: float, high: float) -> None:
        sender = self.sender()
        self._images = tuple(with_window(self._images, key, (low, high)))
        for canvas in self.panes.values():
            if canvas is not sender:
                canvas.set_images(self._images)
        self.windowDragged.emit(key, low, high)

    def _on_view(self, source: SliceCanvas) -> None:
        """Give the other panes the zoom, and panes of the same plane what lies in the middle."""
        if self._is_following or not self.is_zoom_linked:
            return
        self._is_following = True
        try:
            for canvas in self.tiles if source in self.tiles else self.panes.values():
                if canvas is not source:
                    is_same = canvas.plane is source.plane
                    centre = source.camera.centre_xy if is_same else canvas.camera.centre_xy
                    canvas.look_at(SliceCamera(centre, source.camera.zoom))
        finally:
            self._is_following = False

    def _fit_together(self) -> None:
        """Show whole slices at the zoom at which each of them fits."""
        shown = [canvas for canvas in self._shown() if canvas.is_whole]
        if self.is_zoom_linked and len(shown) > 1:
            for canvas in shown:
                canvas.show_whole()
            zoom = min(canvas.camera.zoom for canvas in shown)
            for canvas in shown:
                canvas.show_whole(zoom)

    def _step(self, canvas: SliceCanvas, count: int) -> None:
        lies = canvas.painter.lies
        if lies is None or count == 0:
            return
        position = list(self._crosshair)
        place = canvas.painter.slice_index + count
        position[lies.axis] = float(min(max(place, 0), lies.num_slices - 1))
        self._on_crosshair((position[0], position[1], position[2]))

    def _move_to(self, position: Position, *, is_centred: bool = False) -> None:
        if self._grid is None:
            return
        held = [
            min(max(float(place), 0.0), count - 1.0)
            for place, count in zip(position, self._grid.shape, strict=True)
        ]
        self._crosshair = (held[0], held[1], held[2])
        for canvas in self._canvases():
            canvas.set_crosshair(self._crosshair, is_centred=is_centred)
        self.surface.set_crosshair(self._grid.world_of([self._crosshair])[0])


def _four(
    upper: tuple[QWidget, QWidget], lower: tuple[QWidget, QWidget]
) -> tuple[QSplitter, tuple[QSplitter, QSplitter]]:
    """Return two rows of two panes, of which both rows are divided at the same place."""
    rows = []
    for widgets in (upper, lower):
        row = QSplitter(Qt.Orientation.Horizontal)
        row.setChildrenCollapsible(False)
        row.setHandleWidth(_HANDLE_PX)
        for widget in widgets:
            row.addWidget(widget)
        row.setSizes([1000, 1000])
        rows.append(row)
    rows[0].splitterMoved.connect(lambda *_: rows[1].setSizes(rows[0].sizes()))
    rows[1].splitterMoved.connect(lambda *_: rows[0].setSizes(rows[1].sizes()))
    whole = QSplitter(Qt.Orientation.Vertical)
    whole.setChildrenCollapsible(False)
    whole.setHandleWidth(_HANDLE_PX)
    for row in rows:
        whole.addWidget(row)
    whole.setSizes([1000, 1000])
    return whole, (rows[0], rows[1])


def _same_place(before: VolumeGeometry | None, now: VolumeGeometry, position: Position) -> Position | None:
    """Return where a position of one grid lies in another one, if it does."""
    if before is None:
        return None
    place = now.voxel_of(before.world_of([position]))[0]
    if ((place < -0.5) | (place > np.array(now.shape) - 0.5)).any():
        return None
    return float(place[0]), float(place[1]), float(place[2])
