"""A tube that joins two pieces of a vessel where they are nearest."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from engines.imaging.volumes.components import ClassComponents, Gap, gap_between
from engines.imaging.volumes.label_metrics import Mask, Spacing
from engines.imaging.volumes.mask_editing import Box, Paint, bridge, is_connected, painted
from engines.imaging.volumes.voxel_changes import Labels, VoxelChanges


@dataclass(frozen=True, eq=False)
class Bridge:
    """What joins two pieces.

    Parameters
    ----------
    gap : Gap
    tube : ndarray of bool, (i, j, k)
        New voxels only: other classes keep theirs.
    box : three slices
        Where the tube lies in the label map.
    changes : VoxelChanges
    is_joining : bool
        Whether both pieces are one after it; False when another class lies in between.
    """

    gap: Gap
    tube: Mask
    box: Box
    changes: VoxelChanges
    is_joining: bool


def bridge_components(
    label_map: Labels,
    pieces: ClassComponents,
    first: int,
    second: int,
    spacing_mm: Spacing,
    radius_mm: float,
    locked: Collection[int] = (),
) -> Bridge:
    """Return the tube between the nearest voxels of two pieces.

    Parameters
    ----------
    label_map : ndarray of integers, (I, J, K)
        Is not changed.
    pieces : ClassComponents
        Of this label map.
    first, second : int
        Numbers of the pieces.
    spacing_mm : (i, j, k)
    radius_mm : float
    locked : collection of int

    Raises
    ------
    GeometryError
        If they are one piece, or there is no such piece.
    """
    gap = gap_between(pieces, first, second, spacing_mm)
    ends = np.array([gap.start, gap.end])
    # One voxel more, so that what the tube touches is in the box, too.
    reach = np.array([int(radius_mm / step) + 1 for step in spacing_mm])
    low = np.maximum(ends.min(axis=0) - reach, 0)
    high = np.minimum(ends.max(axis=0) + reach + 1, label_map.shape)
    i, j, k = (slice(int(start), int(stop)) for start, stop in zip(low, high, strict=True))
    start, end = ((int(a), int(b), int(c)) for a, b, c in ends - low)
    before = label_map[i, j, k]
    tube = bridge(np.zeros(before.shape, dtype=bool), start, end, spacing_mm, radius_mm) & (before == 0)
    if pieces.label in locked:
        tube[:] = False
    changes = painted(label_map, tube, Paint(pieces.label, locked=locked), (i.start, j.start, k.start))
    is_joining = is_connected((before == pieces.label) | tube, start, end)
    return Bridge(gap, tube, (i, j, k), changes, is_joining)
