"""What the tools of the mask editor draw with and on: settings, gate, locks, and the label map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QObject, Signal

from engines.contract.errors import WorkstationError
from engines.contract.messages import Message
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.voxel_changes import VoxelChanges
from workstation.controllers.background import Background
from workstation.controllers.volume.volume_controller import VolumeController
from workstation.views.protocols.cards import Card
from workstation.views.protocols.masks import MaskTool
from workstation.views.protocols.volume import PaneEvent

NEW_MAP = "mask"
Voxel = tuple[int, int, int]

_NO_VOLUME = Message("There is no volume to draw on.")
_READING = Message("The label map is still being read.")
_LOCKED = Message("The class {label} is locked: unlock it in the list of classes, or choose another.")
_NO_GATE = Message("The image is being brought to the grid of the label map, for the gate.")


@dataclass
class MaskSettings:
    """How the tools are set; kept over cases.

    Parameters
    ----------
    tool : MaskTool
    radius_mm : float
    is_ball : bool
        Brush and fill in three dimensions.
    is_gated : bool
    low, high : float
        The gate, in the unit of the image.
    is_over_labels : bool
        Whether painting replaces other classes that are not locked.
    """

    tool: MaskTool = MaskTool.CROSSHAIR
    radius_mm: float = 2.0
    is_ball: bool = False
    is_gated: bool = False
    low: float = 150.0
    high: float = 600.0
    is_over_labels: bool = True


class GateImage(QObject):
    """The values that the gate looks at, on the grid of the label map.

    Signals
    -------
    changed
        They are there now.
    """

    changed = Signal()

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._image: Volume | None = None
        self._grid: VolumeGeometry | None = None
        self._values: npt.NDArray[Any] | None = None

    def values(self, image: Volume, grid: VolumeGeometry) -> npt.NDArray[Any] | None:
        """Return the values of an image on a grid; None while they are resampled on a thread."""
        if image is self._image and grid is self._grid:
            return self._values
        self._image, self._grid = image, grid
        is_same = image.geometry.difference(grid) is None
        self._values = image.voxels if is_same else None
        if not is_same:
            self._background.submit("masks.gate", lambda: _resampled(image, grid), self._on_values)
        return self._values

    def forget(self) -> None:
        """Let go of the values."""
        self._background.drop("masks.gate")
        self._image = self._grid = self._values = None

    def _on_values(self, values: npt.NDArray[Any]) -> None:
        self._values = values
        self.changed.emit()


class MaskDrawing(QObject):
    """The label map that tools change, and what they must leave alone.

    Parameters
    ----------
    volumes : VolumeController
    background : Background
    colours : mapping of str to "#rrggbb"
        Of what would be ``added`` and ``removed``, and of what passes the ``gate``.

    Attributes
    ----------
    settings : MaskSettings
    gate_image : GateImage

    Signals
    -------
    hinted : Message
        Why nothing happened.
    """

    hinted = Signal(object)

    def __init__(
        self,
        volumes: VolumeController,
        background: Background,
        colours: Mapping[str, str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.volumes = volumes
        self.colours = colours
        self.settings = MaskSettings()
        self.gate_image = GateImage(background, self)

    # -- what there is -------------------------------------------------------------------------------

    @property
    def labels(self) -> npt.NDArray[Any] | None:
        """The voxels that are drawn in; None while there are none."""
        volume = self.volumes.arrays.get(self.volumes.active_id)
        return None if volume is None else volume.voxels

    @property
    def class_name(self) -> str:
        """The class that is drawn with, as it is called."""
        value = self.volumes.active_class
        return self.volumes.classes.name_of(self.volumes.active_id, value) or str(value)

    @property
    def gate_values(self) -> npt.NDArray[Any] | None:
        """What the gate looks at, or None while there is nothing."""
        image, grid = self.volumes.image, self.volumes.grid
        return None if image is None or grid is None else self.gate_image.values(image, grid)

    def voxel(self, event: PaneEvent) -> Voxel:
        """Return the voxel under the mouse; it may lie outside."""
        i, j, k = (int(np.floor(at + 0.5)) for at in event.position)
        return i, j, k

    def is_inside(self, voxel: Voxel) -> bool:
        """Tell whether a voxel lies in the label map."""
        labels = self.labels
        return labels is not None and all(
            0 <= at < count for at, count in zip(voxel, labels.shape, strict=True)
        )

    # -- drawing -------------------------------------------------------------------------------------

    def problem(self, *, is_erasing: bool = False) -> Message | None:
        """Return why nothing can be drawn now, or None; a case without label map gets an empty one."""
        volumes = self.volumes
        if volumes.grid is None or volumes.image is None:
            return _NO_VOLUME
        if not volumes.active_id and not volumes.new_label_map(volumes.edits.free_name(NEW_MAP)):
            return _NO_VOLUME
        if self.labels is None and volumes.arrays.load_now(volumes.active_id) is None:
            return _READING
        if not is_erasing and volumes.active_class in volumes.locked:
            return Message(_LOCKED.text, {"label": self.class_name})
        if self.settings.is_gated and self.gate_values is None:
            return _NO_GATE
        return None

    def show(self, changes: VoxelChanges) -> None:
        """Bring a part of a stroke into the label map."""
        self.volumes.arrays.show(self.volumes.active_id, changes)

    def store(self, changes: VoxelChanges, title: str, *, is_shown: bool = False) -> bool:
        """Make an edit of a change; False when it was refused."""
        return self.volumes.arrays.commit(
            self.volumes.active_id, changes, title, is_shown=is_shown, label=self.class_name
        )


def card_of(error: BaseException) -> Card | None:
    """Return the card of an error that advises."""
    return Card.of_error(error) if isinstance(error, WorkstationError) else None


def _resampled(image: Volume, grid: VolumeGeometry) -> npt.NDArray[Any]:
    from engines.imaging.volumes.resampling import resample_volume

    return resample_volume(image, grid).voxels
