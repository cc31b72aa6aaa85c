"""What lies under a place of a case: world position, voxel, grey value and label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.imaging.volumes.volume import Volume, VolumeGeometry
from workstation.controllers.volume.volume_images import CaseImage
from workstation.views.protocols.volume import Position


@dataclass(frozen=True, slots=True)
class Reading:
    """One place.

    Parameters
    ----------
    world_mm : (x, y, z)
        RAS.
    voxel : (i, j, k)
        Of the shown grid, rounded.
    value : float or None
        Of the base image; None outside of it.
    unit : str
        Of `value`; empty when it has none.
    image : str
        Title of the base image.
    label : int or None
        Of the active label map; None without one, and outside of it.
    name : str
        Of that label.
    """

    world_mm: tuple[float, float, float]
    voxel: tuple[int, int, int]
    value: float | None = None
    unit: str = ""
    image: str = ""
    label: int | None = None
    name: str = ""


def value_at(volume: Volume, world_mm: Any) -> float | None:
    """Return the nearest voxel's value at a world position, or None outside."""
    at = np.rint(volume.geometry.voxel_of(world_mm)[0]).astype(int)
    if (at < 0).any() or (at >= volume.geometry.shape).any():
        return None
    return float(volume.voxels[tuple(at)])


def probe(
    grid: VolumeGeometry, position: Position, image: CaseImage | None, labels: Volume | None
) -> Reading:
    """Return what lies at a voxel position of the shown grid; names of labels are the caller's to add."""
    x, y, z = (float(value) for value in grid.world_of(position)[0])
    i, j, k = (round(value) for value in position)
    label = None if labels is None else value_at(labels, (x, y, z))
    return Reading(
        (x, y, z),
        (i, j, k),
        None if image is None else value_at(image.volume, (x, y, z)),
        "" if image is None else image.unit,
        "" if image is None else image.title,
        None if label is None else int(label),
    )
