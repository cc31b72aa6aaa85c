"""Where the slices of each case were left: in the patient, so that another grid shows the same place."""

from __future__ import annotations

from engines.contract.geometry import FloatArray
from engines.imaging.volumes.volume import VolumeGeometry
from workstation.views.protocols.volume import Position


class CasePlaces:
    """Remembers a place in mm for each case."""

    def __init__(self) -> None:
        self._places: dict[str, FloatArray] = {}

    def remember(self, item_id: str, grid: VolumeGeometry, crosshair: Position) -> None:
        """Keep where the slices of a case cut, in voxels of a grid."""
        self._places[item_id] = grid.world_of([crosshair])[0]

    def position(self, item_id: str, grid: VolumeGeometry) -> Position:
        """Return where they cut on a grid: the place they were left at, else the middle."""
        place = self._places.get(item_id)
        if place is None:
            i, j, k = (float(count // 2) for count in grid.shape)
        else:
            i, j, k = (
                float(min(max(value, 0.0), count - 1.0))
                for value, count in zip(grid.voxel_of(place)[0], grid.shape, strict=True)
            )
        return i, j, k
