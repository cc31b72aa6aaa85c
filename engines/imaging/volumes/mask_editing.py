"""The tools of a mask editor as functions: what to draw goes in, what changes comes out.

Every tool returns `VoxelChanges`, or a mask that `painted` turns into them, so that a preview and the edit
are the same thing. Lengths are millimetres on any spacing. A plane is the array axis it is perpendicular
to; None means in 3-D.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.draw import polygon2mask

from engines.contract.errors import GeometryError, InputError
from engines.imaging.volumes.components import label_components
from engines.imaging.volumes.label_metrics import CONNECTIVITY_26, Mask, Spacing, bounding_box
from engines.imaging.volumes.volume import Shape
from engines.imaging.volumes.voxel_changes import Labels, VoxelChanges

Voxel = tuple[int, int, int]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Gate:
    """Only voxels whose intensity lies in a window are painted.

    Parameters
    ----------
    image : ndarray, (I, J, K)
    low, high : float
        Both included.
    """

    image: npt.NDArray[Any]
    low: float
    high: float

    def passes(self, box: Box) -> Mask:
        """Return which voxels of a box may be painted."""
        values = self.image[box]
        return np.asarray((values >= self.low) & (values <= self.high))


@dataclass(frozen=True)
class Paint:
    """What a tool paints, and what it must leave alone.

    Parameters
    ----------
    label : int
        0 erases.
    gate : Gate or None
    locked : collection of int
        Labels whose voxels stay as they are.
    only : int or None
        Erases or replaces only this label.
    """

    label: int
    gate: Gate | None = None
    locked: Collection[int] = ()
    only: int | None = None


def painted(label_map: Labels, mask: Mask, paint: Paint, offset: Voxel = (0, 0, 0)) -> VoxelChanges:
    """Return the change that paints a mask.

    Parameters
    ----------
    label_map : ndarray of integers, (I, J, K)
        Is not changed.
    mask : ndarray of bool
        A box of the label map.
    paint : Paint
    offset : (i, j, k)
        Where the box begins.
    """
    box = _box_at(offset, mask.shape)
    before = label_map[box]
    wanted = mask.copy()
    if paint.gate is not None:
        wanted &= paint.gate.passes(box)
    if paint.only is not None:
        wanted &= before == paint.only
    for label in paint.locked:
        wanted &= before != label
    return VoxelChanges.setting(before, wanted, paint.label, _shape(label_map), offset)


def brush(spacing_mm: Spacing, radius_mm: float, plane: int | None) -> Mask:
    """Return the voxels under a round brush; its middle voxel is always among them.

    Returns
    -------
    ndarray of bool, (i, j, k)
        Odd sides; one voxel thick along `plane`.
    """
    reach = [0 if axis == plane else int(radius_mm / spacing_mm[axis]) for axis in range(3)]
    grid = np.ogrid[tuple(slice(-count, count + 1) for count in reach)]
    squared = sum((offsets * step) ** 2 for offsets, step in zip(grid, spacing_mm, strict=True))
    return np.asarray(squared <= radius_mm**2 + 1e-9)


def stroke(label_map: Labels, path: Sequence[Voxel], footprint: Mask, paint: Paint) -> VoxelChanges:
    """Return the change of a brush that is drawn along voxels, without gaps between them.

    Parameters
    ----------
    label_map : ndarray of integers, (I, J, K)
        Is not changed.
    path : sequence of (i, j, k)
        Middles of the brush; may lie outside.
    footprint : ndarray of bool
        From `brush`.
    paint : Paint
    """
    shape = _shape(label_map)
    if not path:
        return VoxelChanges(shape, np.empty((0, 4), dtype=np.int64))
    middles = _line(np.asarray(path, dtype=np.int64))
    reach = np.array(footprint.shape) // 2
    low = np.maximum(middles.min(axis=0) - reach, 0)
    high = np.minimum(middles.max(axis=0) + reach + 1, shape)
    if (high <= low).any():
        return VoxelChanges(shape, np.empty((0, 4), dtype=np.int64))
    mask = np.zeros(high - low, dtype=bool)
    for middle in middles:
        start = middle - reach - low
        inner = [
            slice(max(0, begin), begin + side) for begin, side in zip(start, footprint.shape, strict=True)
        ]
        # The part of the brush that lies before the array.
        cut = tuple(slice(max(0, -begin), None) for begin in start)
        target = mask[tuple(inner)]
        stamp = footprint[cut][tuple(slice(0, side) for side in target.shape)]
        target |= stamp
    return painted(label_map, mask, paint, (int(low[0]), int(low[1]), int(low[2])))


def fill(label_map: Labels, seed: Voxel, plane: int | None, paint: Paint) -> VoxelChanges:
    """Return the change that fills the region of one label around a voxel, up to other labels.

    With a gate the region also ends where the image leaves the window. In 3-D, voxels of a region share a
    face.

    Raises
    ------
    GeometryError
        If the seed lies outside.
    """
    if not all(0 <= at < count for at, count in zip(seed, label_map.shape, strict=True)):
        raise GeometryError("The filled region must begin inside the image.")
    offset, box = _slab(label_map, seed, plane)
    region = label_map[box] == label_map[seed]
    if paint.gate is not None:
        region &= paint.gate.passes(box)
    inner = tuple(at - start for at, start in zip(seed, offset, strict=True))
    labels, _ = ndimage.label(region)
    if labels[inner] == 0:
        return VoxelChanges(_shape(label_map), np.empty((0, 4), dtype=np.int64))
    return painted(label_map, labels == labels[inner], paint, offset)


def polygon(label_map: Labels, plane: int, index: int, corners: npt.ArrayLike, paint: Paint) -> VoxelChanges:
    """Return the change that paints the inside of a polygon in a slice.

    Parameters
    ----------
    corners : array_like, (N, 2)
        Voxel positions along the two other axes, in their order; at least three.
    """
    points = np.asarray(corners, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
        raise GeometryError("A polygon needs three corners.", remedy="Click at least three places.")
    sides = [label_map.shape[axis] for axis in range(3) if axis != plane]
    offset = [0, 0, 0]
    offset[plane] = index
    mask = np.expand_dims(polygon2mask((sides[0], sides[1]), points), plane)
    return painted(label_map, mask, paint, (offset[0], offset[1], offset[2]))


def between_slices(label_map: Labels, label: int, plane: int, spacing_mm: Spacing) -> Mask:
    """Return the slices that are missing between drawn ones, by their shapes (Raya & Udupa, 1990).

    In each gap the signed distances of the slices on both sides are mixed by how near they are.

    Returns
    -------
    ndarray of bool, (I, J, K)
        New voxels only; drawn slices stay.

    Raises
    ------
    InputError
        If there is no gap to fill.
    """
    mask = np.moveaxis(np.asarray(label_map == label), plane, 0)
    drawn = np.flatnonzero(mask.any(axis=(1, 2)))
    gaps = [(low, high) for low, high in itertools.pairwise(drawn) if high - low > 1]
    if not gaps:
        raise InputError(
            "There is no gap between drawn slices.", remedy="Draw two slices with empty ones between them."
        )
    in_plane = [spacing_mm[axis] for axis in range(3) if axis != plane]
    found = np.zeros_like(mask)
    for low, high in gaps:
        _, rows, columns = bounding_box(mask[[low, high]], margin=1)
        distances = [_signed_distance(mask[at][rows, columns], in_plane) for at in (low, high)]
        for at in range(low + 1, high):
            share = (at - low) / (high - low)
            found[at, rows, columns] = (1 - share) * distances[0] + share * distances[1] > 0
    return np.moveaxis(found, 0, plane)


def margin(mask: Mask, spacing_mm: Spacing, distance_mm: float) -> Mask:
    """Return a mask grown by a distance, or shrunk by a negative one; Euclidean, over the array's end."""
    if not mask.any():
        return mask
    if distance_mm >= 0:
        return np.asarray(ndimage.distance_transform_edt(~mask, sampling=spacing_mm) <= distance_mm)
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=spacing_mm) > -distance_mm)


def smooth(mask: Mask, spacing_mm: Spacing, radius_mm: float) -> Mask:
    """Return a mask with its surface smoothed over a radius; its volume stays about the same."""
    sigma = [radius_mm / 2.0 / step for step in spacing_mm]
    return np.asarray(ndimage.gaussian_filter(mask.astype(np.float32), sigma) >= 0.5)


def without_islands(mask: Mask, smallest_num_voxels: int) -> Mask:
    """Return a mask without its pieces of fewer voxels (26-connectivity)."""
    labels, count = label_components(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    kept = sizes >= smallest_num_voxels
    kept[0] = False
    return np.asarray(kept[labels])


def with_holes_filled(mask: Mask) -> Mask:
    """Return a mask with the cavities filled that no path of faces joins to the outside."""
    return np.asarray(ndimage.binary_fill_holes(mask))


def bridge(mask: Mask, start: Voxel, end: Voxel, spacing_mm: Spacing, radius_mm: float) -> Mask:
    """Return a straight tube between two voxels, to join two pieces of a vessel."""
    tube = np.zeros(mask.shape, dtype=np.uint8)
    footprint = brush(spacing_mm, radius_mm, None)
    return stroke(tube, [start, end], footprint, Paint(1)).mask()


def is_connected(mask: Mask, first: Voxel, second: Voxel) -> bool:
    """Tell whether two voxels belong to one piece (26-connectivity)."""
    labels, _ = ndimage.label(mask, structure=CONNECTIVITY_26)
    return bool(labels[first] != 0 and labels[first] == labels[second])


def _line(path: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return every voxel on the way, so that fast strokes have no gaps."""
    parts = [path[:1]]
    for start, end in itertools.pairwise(path):
        count = int(np.abs(end - start).max())
        if count:
            shares = np.arange(1, count + 1)[:, None] / count
            parts.append(np.rint(start + shares * (end - start)).astype(np.int64))
    return np.unique(np.concatenate(parts), axis=0)


def _slab(label_map: Labels, seed: Voxel, plane: int | None) -> tuple[Voxel, Box]:
    if plane is None:
        return (0, 0, 0), _box_at((0, 0, 0), label_map.shape)
    offset = [0, 0, 0]
    offset[plane] = seed[plane]
    sides = list(label_map.shape)
    sides[plane] = 1
    place = (offset[0], offset[1], offset[2])
    return place, _box_at(place, sides)


def _signed_distance(mask: Mask, spacing_mm: Sequence[float]) -> npt.NDArray[np.float64]:
    inside = ndimage.distance_transform_edt(mask, sampling=spacing_mm)
    outside = ndimage.distance_transform_edt(~mask, sampling=spacing_mm)
    return np.asarray(inside - outside)


def _box_at(offset: Voxel, sides: Sequence[int]) -> Box:
    i, j, k = (slice(start, start + side) for start, side in zip(offset, sides, strict=True))
    return i, j, k


def _shape(label_map: Labels) -> Shape:
    i, j, k = label_map.shape
    return i, j, k
