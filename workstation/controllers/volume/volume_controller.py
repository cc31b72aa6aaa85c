"""The Volume screen: the images and label maps of the current case, and what is drawn in.

The controller reads the case, knows which image and which label map the tools mean, and tells the view;
what is shown and how is in `VolumeLayers`, classes in `VolumeClasses`. Masks are edited elsewhere, through
`arrays`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
from PySide6.QtCore import QObject, Signal

from engines.contract.errors import WorkstationError
from engines.contract.messages import Message
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from workstation.controllers.volume.case_places import CasePlaces
from workstation.controllers.volume.volume_classes import VolumeClasses
from workstation.controllers.volume.volume_edits import VolumeEdits
from workstation.controllers.volume.volume_images import VOLUME_KINDS, CaseImage, CaseReader, image_files
from workstation.controllers.volume.volume_layers import VolumeLayers, Window
from workstation.controllers.volume.volume_probe import Reading, probe
from workstation.controllers.volume.volume_surfaces import SurfaceRequest, SurfaceUpdates
from workstation.controllers.workbench import Workbench
from workstation.project.items import Item
from workstation.project.label_maps import LabelMap, LabelMapState
from workstation.views.protocols.cards import Card
from workstation.views.protocols.volume import (
    Box,
    LabelLayer,
    PaneEvent,
    PaneLayout,
    Position,
    SurfaceMesh,
    VolumeScreenView,
    VolumeViewLike,
)

if TYPE_CHECKING:
    from workstation.controllers.volume.label_arrays import LabelArrays

WITH_SURFACE = (PaneLayout.FOUR, PaneLayout.SURFACE)
_CHOOSE = Message("Choose an item on the left.")
_NO_VOLUME = Message("{item} holds no volume.")


class VolumeController(QObject):
    """Behind the Volume screen.

    Parameters
    ----------
    workbench : Workbench
    screen : VolumeScreenView
    arrays : LabelArrays
    presets : mapping of name to (low, high)
        Grey-value windows in HU; the first is the usual one with contrast, the second without.
    cache : Path
        Where compressed volumes are unpacked.

    Attributes
    ----------
    view : VolumeViewLike
    arrays : LabelArrays
    layers : VolumeLayers
    classes : VolumeClasses
    edits : VolumeEdits

    Signals
    -------
    item_loaded
        Every image of the case was read.
    active_changed
        The base image, the active label map, or the shown grid is another, or its voxels were read.
    classes_changed
        The classes of the active label map, or the one drawn with, are others.
    state_changed
        What may be done now changed; ask the reasons again.
    reading_changed : Reading or None
        What is under the mouse.
    """

    item_loaded = Signal()
    active_changed = Signal()
    classes_changed = Signal()
    state_changed = Signal()
    reading_changed = Signal(object)

    def __init__(
        self,
        workbench: Workbench,
        screen: VolumeScreenView,
        arrays: LabelArrays,
        presets: dict[str, Window],
        cache: Path,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._screen = screen
        self.view: VolumeViewLike = screen.view
        self.arrays = arrays
        self.presets = presets
        first, second = list(presets.values())[:2]
        self.layers = VolumeLayers(first, second, self)
        self.classes = VolumeClasses(workbench, self.layers, self._is_drawing, self)
        self.edits = VolumeEdits(workbench, screen, self.layers, self.read_maps, self.set_active, self)
        self.surfaces = SurfaceUpdates(workbench.background, self._surface_request, self._is_drawing, self)
        self._reader = CaseReader(workbench.background, cache, self)
        self._item: Item | None = None
        self._grid: VolumeGeometry | None = None
        self._is_shown = True
        self._is_stale = False
        self._actives: dict[str, str] = {}
        self._places = CasePlaces()
        self._layout = PaneLayout.FOUR
        self._reading: Reading | None = None
        workbench.item_changed.connect(self._on_item_changed)
        workbench.data_changed.connect(self._on_data_changed)
        arrays.changed.connect(self._on_voxels)
        self.layers.images_changed.connect(self._show_images)
        self.layers.labels_changed.connect(self._show_labels)
        self.classes.changed.connect(self._on_classes)
        self.surfaces.made.connect(self._on_surfaces)
        self._reader.image_read.connect(self._on_image)
        self._reader.refused.connect(self._on_refused)
        self._reader.progressed.connect(screen.show_progress)
        self._reader.finished.connect(self._on_finished)

    # -- state ---------------------------------------------------------------------------------------

    @property
    def item(self) -> Item | None:
        """The case that is shown."""
        return self._item

    @property
    def image(self) -> Volume | None:
        """The base image, which gates, grey values and components read."""
        base = self.layers.base
        return None if base is None else base.volume

    @property
    def grid(self) -> VolumeGeometry | None:
        """The grid that is shown: the active label map's, else the image's."""
        return self._grid

    @property
    def active_id(self) -> str:
        """The label map that is drawn in; empty for none."""
        return self.layers.active_id

    @property
    def active_labels(self) -> npt.NDArray[Any] | None:
        """Its voxels, changed in place by `arrays`; None until they are read."""
        volume = self.layers.volume_of(self.active_id)
        return None if volume is None else volume.voxels

    @property
    def active_class(self) -> int:
        """The label that is drawn with."""
        return self.classes.active

    @property
    def locked(self) -> frozenset[int]:
        """Labels that no tool changes."""
        return self.layers.look(self.active_id).locked if self.active_id else frozenset()

    @property
    def position(self) -> Position:
        """Where the slices cut, in voxels of the shown grid."""
        return self.view.crosshair

    @property
    def layout(self) -> PaneLayout:
        """How the panes are laid out."""
        return self._layout

    @property
    def reading(self) -> Reading | None:
        """What is under the mouse; None while it is elsewhere."""
        return self._reading

    # -- item ----------------------------------------------------------------------------------------

    def set_shown(self, is_shown: bool) -> None:
        """Read cases while the screen is shown only: they may be large."""
        self._is_shown = is_shown
        if is_shown and self._is_stale:
            self.show_item(self._bench.item_id)

    def show_item(self, item_id: str) -> None:
        """Show a case: its label maps and images appear as they are read."""
        self._let_go(item_id)
        self._is_stale = False
        project = self._bench.project
        self._item = project.items.get(item_id) if project is not None and item_id else None
        self._begin(self._item)
        self._tell()

    def stop_reading(self) -> None:
        """Stop unpacking; what was read stays."""
        self._reader.drop()
        self._screen.show_progress(None, None)
        if self._item is not None and self.layers.base is None:
            self._screen.show_problem(
                Message("Reading {item} was stopped. Choose it again to go on.", {"item": self._item.id})
            )
            self._is_stale = True
        self.state_changed.emit()

    def read_again(self) -> None:
        """Read a case again whose reading was stopped."""
        if self._item is not None:
            self.show_item(self._item.id)

    def close(self) -> None:
        """Let go of the window's signals and of every array; the screen goes."""
        self._bench.item_changed.disconnect(self._on_item_changed)
        self._bench.data_changed.disconnect(self._on_data_changed)
        self._reader.drop()
        self.surfaces.stop()
        self.classes.forget()
        self.arrays.write_files()

    # -- choices -------------------------------------------------------------------------------------

    def set_active(self, label_map_id: str) -> None:
        """Draw in another label map; its grid is shown."""
        if label_map_id == self.active_id or (label_map_id and self.layers.map_of(label_map_id) is None):
            return
        self.layers.active_id = label_map_id
        if self._item is not None:
            self._actives[self._item.id] = label_map_id
        if label_map_id and not self.layers.look(label_map_id).is_visible:
            self.layers.set_look(label_map_id, is_visible=True)
        self._show_grid()
        self._show_labels()
        self.classes.count_later(is_now=True)
        self.surfaces.make()
        self._tell()

    def set_class(self, value: int) -> None:
        """Draw with another label."""
        self.classes.set_active(value)

    def set_base(self, key: str) -> None:
        """Choose the image at the bottom, which tools read."""
        self.layers.set_base(key)
        self._tell()

    def step_base(self, offset: int) -> None:
        """Take the next image of the case as the base."""
        keys = [image.key for image in self.layers.images]
        if keys and self.layers.base is not None:
            self.set_base(keys[(keys.index(self.layers.base.key) + offset) % len(keys)])

    def step_active(self, offset: int) -> None:
        """Draw in the next label map of the case."""
        keys = [label_map.id for label_map in self.layers.maps]
        if keys:
            index = keys.index(self.active_id) + offset if self.active_id in keys else 0
            self.set_active(keys[index % len(keys)])

    def set_layout(self, layout: PaneLayout) -> None:
        """Choose the panes; surfaces are made while a pane shows them only."""
        self._layout = layout
        self.view.set_layout(layout)
        self.surfaces.set_on(layout in WITH_SURFACE)
        self.state_changed.emit()

    def go_to(self, position: Position) -> None:
        """Move the slices to a voxel of the shown grid, and centre the panes on it."""
        self.view.set_crosshair(position, is_centred=True)

    def add_labels(self, layer: LabelLayer) -> None:
        """Show something above the label maps for a while."""
        self.layers.add_temporary(layer)

    def remove_labels(self, key: str) -> None:
        """Stop showing it."""
        self.layers.remove_temporary(key)

    # -- edits of label maps -------------------------------------------------------------------------

    def new_label_map(self, name: str) -> str:
        """Make an empty label map on the grid of the base image, and draw in it; empty when refused."""
        return self.edits.new(name)

    # -- the view speaks -----------------------------------------------------------------------------

    def hover(self, event: PaneEvent | None) -> None:
        """Take the mouse over a slice."""
        if event is None or self._grid is None:
            self._on_mouse(None)
            return
        reading = probe(self._grid, event.position, self.layers.base, self.layers.volume_of(self.active_id))
        if reading.label:
            reading = replace(reading, name=self.classes.name_of(self.active_id, reading.label))
        self._on_mouse(reading)

    def pick(self, world_mm: Sequence[float]) -> None:
        """Move the slices to a place of a surface."""
        if self._grid is not None:
            i, j, k = (float(value) for value in self._grid.voxel_of([world_mm])[0])
            self.go_to((i, j, k))

    # -- inside --------------------------------------------------------------------------------------

    def _let_go(self, item_id: str) -> None:
        """Let go of the case before: its arrays may be large."""
        self._remember_place()
        self._item = self._grid = None
        self._reader.drop()
        self._screen.show_progress(None, None)
        self.classes.forget()
        self.surfaces.forget()
        self.arrays.forget_all()
        self.layers.begin(item_id)
        self.view.set_images([])
        self.view.set_labels([])
        self.view.set_grid(None)
        self._on_mouse(None)

    def _begin(self, item: Item | None) -> None:
        if item is None:
            self._screen.show_message(_CHOOSE)
            return
        if item.kind not in VOLUME_KINDS:
            self._screen.show_problem(Message(_NO_VOLUME.text, {"item": item.id}), is_elsewhere=True)
            return
        files = image_files(item)
        if not files:
            self._screen.show_problem(Message(_NO_VOLUME.text, {"item": item.id}))
            return
        self._screen.show_message(Message("Reading {item}…", {"item": item.id}))
        self.read_maps()
        self._reader.read(files)

    def read_maps(self) -> None:
        """Read which label maps there are, and load the arrays of new ones."""
        project = self._bench.project
        if project is None or self._item is None:
            return
        maps = project.label_maps.of_item(self._item.id)
        if [_facts(one) for one in maps] == [_facts(one) for one in self.layers.maps]:
            return
        self.layers.set_maps(maps)
        if self.layers.active is None:
            self._choose_active(maps)
        for label_map in maps:
            if self.layers.volume_of(label_map.id) is None:
                self.arrays.load(label_map.id, self._taker(label_map.id))
        self._on_classes()
        self._tell()

    def _choose_active(self, maps: list[LabelMap]) -> None:
        assert self._item is not None
        wanted = self._actives.get(self._item.id, "")
        accepted = [one.id for one in maps if one.state is LabelMapState.ACCEPTED]
        ids = [one.id for one in maps]
        self.layers.active_id = wanted if wanted in ids else next(iter([*accepted, *ids]), "")
        self._show_grid()

    def _taker(self, label_map_id: str) -> Any:
        def take(volume: Volume | None) -> None:
            if volume is None or self.layers.map_of(label_map_id) is None:
                return
            self.layers.set_voxels(label_map_id, volume)
            if label_map_id == self.active_id:
                self.classes.count_later(is_now=True)
                self.surfaces.make()
                self._tell()

        return take

    def _is_drawing(self) -> bool:
        return self.arrays.is_drawing

    def _surface_request(self) -> SurfaceRequest | None:
        volume = self.layers.volume_of(self.active_id)
        if volume is None:
            return None
        hidden = self.layers.look(self.active_id).hidden
        rows = self.classes.rows()
        colours = {row.value: row.colour for row in rows if row.value not in hidden and row.volume_ml != 0}
        return SurfaceRequest(self.active_id, volume, colours)

    def _remember_place(self) -> None:
        if self._item is not None and self._grid is not None:
            self._places.remember(self._item.id, self._grid, self.view.crosshair)

    def _show_grid(self) -> None:
        """Show the grid of the active label map, or of the image; the crosshair stays in the patient."""
        wanted = self.layers.grid
        if wanted is None or (self._grid is not None and self._grid.difference(wanted) is None):
            return
        self._remember_place()
        self._grid = wanted
        self.view.set_grid(wanted)
        item_id = self._item.id if self._item is not None else ""
        self.view.set_crosshair(self._places.position(item_id, wanted))

    def _show_images(self) -> None:
        self._show_grid()
        self.view.set_images(self.layers.image_layers())
        self._screen.show_layers(self.layers.rows())
        self._show_window()

    def _show_labels(self) -> None:
        self.view.set_labels(self.layers.label_layers())
        self._screen.show_layers(self.layers.rows())

    def _show_window(self) -> None:
        self._screen.show_window(self.layers.window_row(self.presets))

    def _tell(self) -> None:
        self._screen.show_layers(self.layers.rows())
        self.active_changed.emit()
        self._on_classes()

    # -- answers -------------------------------------------------------------------------------------

    def _on_item_changed(self, item_id: str) -> None:
        if self._is_shown:
            self.show_item(item_id)
        elif not self._is_stale:
            self._is_stale = True
            self._let_go("")
            self._tell()

    def _on_data_changed(self) -> None:
        if self._item is not None and not self._is_stale and self._item.kind in VOLUME_KINDS:
            self.read_maps()

    def _on_image(self, image: CaseImage) -> None:
        is_first = self.layers.base is None
        self.layers.add_image(image)
        if is_first:
            self._screen.show_problem(None)
            self.surfaces.make()
            self._tell()

    def _on_refused(self, error: WorkstationError) -> None:
        if self.layers.base is None:
            self._screen.show_problem(error.advice)
        self._bench.post(Card.of_error(error))

    def _on_finished(self) -> None:
        self._screen.show_progress(None, None)
        self.item_loaded.emit()
        self.state_changed.emit()

    def _on_voxels(self, label_map_id: str, box: Box | None) -> None:
        volume = self.arrays.get(label_map_id)
        if volume is None or self.layers.map_of(label_map_id) is None:
            return
        if box is None or volume is not self.layers.volume_of(label_map_id):
            self.layers.set_voxels(label_map_id, volume)
        else:
            self.view.refresh_labels(label_map_id, box)
        if label_map_id == self.active_id:
            self.classes.count_later()
            self.surfaces.make_later()

    def _on_classes(self) -> None:
        self._screen.show_classes(self.classes.rows(), self.classes.num_unnamed)
        self.classes_changed.emit()
        self.state_changed.emit()
        self.surfaces.make_later()

    def _on_surfaces(self, meshes: Sequence[SurfaceMesh]) -> None:
        self.view.show_surfaces(meshes)

    def _on_mouse(self, reading: Reading | None) -> None:
        self._reading = reading
        self.reading_changed.emit(reading)


def _facts(label_map: LabelMap) -> tuple[Any, ...]:
    """Return what the screen shows of a label map; its revision grows with every stroke."""
    return label_map.id, label_map.name, label_map.state, label_map.classes
