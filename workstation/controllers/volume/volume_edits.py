"""Edits of whole label maps: a new one, another name, another grid, deletion. Strokes are made elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject

from engines.contract.errors import WorkstationError
from engines.contract.messages import Message
from engines.imaging.volumes.label_classes import LabelClass, colour_of
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from workstation.controllers.background import CancelToken
from workstation.controllers.pairs.pair_edits import execute
from workstation.controllers.volume.volume_layers import VolumeLayers
from workstation.controllers.workbench import Workbench
from workstation.project.label_map_commands import AddLabelMap, DeleteLabelMap, SetLabelMapFacts
from workstation.views.protocols.cards import Card
from workstation.views.protocols.volume import VolumeScreenView

LARGEST_NUM_VOXELS = 2_000_000_000
"""Of a label map on a finer grid: more would not fit into the memory of most computers."""


class VolumeEdits(QObject):
    """Edits of the label maps of the current case.

    Parameters
    ----------
    workbench : Workbench
    screen : VolumeScreenView
    layers : VolumeLayers
    read_maps : callable
        Reads which label maps there are, after an edit.
    set_active : callable
        Draws in a label map.
    """

    def __init__(
        self,
        workbench: Workbench,
        screen: VolumeScreenView,
        layers: VolumeLayers,
        read_maps: Callable[[], None],
        set_active: Callable[[str], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._screen = screen
        self._layers = layers
        self._read_maps = read_maps
        self._set_active = set_active
        self._is_resampling = False
        self._token = CancelToken()

    @property
    def is_resampling(self) -> bool:
        """Whether a label map is brought to another grid now."""
        return self._is_resampling

    def free_name(self, stem: str) -> str:
        """Return a name that no label map of the case has: the stem, or the stem with a number."""
        taken = {label_map.name for label_map in self._layers.maps}
        names = (stem if number == 1 else f"{stem} {number}" for number in range(1, len(taken) + 2))
        return next(name for name in names if name not in taken)

    def new(self, name: str) -> str:
        """Make an empty label map on the grid of the base image, and draw in it; empty when refused."""
        base = self._layers.base
        if base is None:
            return ""
        classes = (LabelClass(1, "label 1", colour_of(1)),)
        return self.add(AddLabelMap.on_grid_of(base.volume, self._bench.item_id, name, classes=classes))

    def add(self, command: AddLabelMap) -> str:
        """Make a label map, and draw in it; returns its id, empty when it was refused."""
        if not execute(self._bench, command):
            return ""
        self._read_maps()
        self._set_active(command.label_map_id)
        return command.label_map_id

    def rename(self, label_map_id: str, name: str) -> None:
        """Rename a label map."""
        label_map = self._layers.map_of(label_map_id)
        if label_map is not None and name.strip() and name.strip() != label_map.name:
            execute(self._bench, SetLabelMapFacts(label_map.id, name=name.strip()))
            self._read_maps()

    def delete(self) -> None:
        """Delete the active label map; undo brings it back."""
        if self._layers.active_id and execute(self._bench, DeleteLabelMap(self._layers.active_id)):
            self._read_maps()

    def can_refine(self, grid: VolumeGeometry) -> bool:
        """Tell whether a grid twice as fine can be worked with."""
        return 8 * grid.shape[0] * grid.shape[1] * grid.shape[2] <= LARGEST_NUM_VOXELS

    def refine(self, name: str) -> None:
        """Make a new label map of the active one with voxels of half the size."""
        source = self._layers.active
        if source is not None and self.can_refine(source.geometry):
            self.resample(halved(source.geometry), name, is_smooth=True)

    def resample(self, onto: VolumeGeometry, name: str, *, is_smooth: bool) -> None:
        """Make a new label map of the active one on another grid, on a thread.

        Parameters
        ----------
        onto : VolumeGeometry
        name : str
        is_smooth : bool
            Interpolate each class, for finer grids, instead of taking nearest labels.
        """
        project, source, base = self._bench.project, self._layers.active, self._layers.base
        volume = self._layers.volume_of(self._layers.active_id)
        if project is None or source is None or volume is None or self._is_resampling:
            return
        is_image_grid = base is not None and base.volume.geometry.difference(onto) is None
        header = base.volume.header if base is not None and is_image_grid else b""
        item_id = source.item_id
        token = self._token = CancelToken()

        def work() -> AddLabelMap | None:
            from engines.imaging.volumes.resampling import resample_labels

            voxels = resample_labels(volume.voxels, volume.geometry, onto, smooth=is_smooth)
            if token.is_cancelled():
                return None
            made = Volume(voxels, onto, header)
            command = AddLabelMap.on_grid_of(
                made, item_id, name, state=source.state, source=source.source, classes=source.classes
            )
            return replace(command, file=project.label_maps.keep(item_id, command.label_map_id, made))

        self._is_resampling = True
        self._screen.show_progress(Message("Resampling {name}", {"name": source.name}), None)
        self._bench.background.submit("volume.resample", work, self._on_resampled, self._on_failed)

    def cancel(self) -> None:
        """Give up the label map that is being resampled; nothing of it is kept."""
        self._token.cancel()

    def _on_resampled(self, command: AddLabelMap | None) -> None:
        self._end()
        if command is None:
            return
        if command.item_id == self._bench.item_id:
            self.add(command)
        else:
            execute(self._bench, command)

    def _on_failed(self, error: BaseException) -> None:
        self._end()
        if isinstance(error, WorkstationError):
            self._bench.post(Card.of_error(error))

    def _end(self) -> None:
        self._is_resampling = False
        self._screen.show_progress(None, None)


def halved(geometry: VolumeGeometry) -> VolumeGeometry:
    """Return the grid of voxels of half the size over the same box."""
    # SciPy, which resamples, is not loaded with the screen.
    from engines.imaging.volumes.resampling import finer

    return finer(geometry, 2)
