"""Volumes and label maps on another grid. Nothing is resampled in silence: callers say so to people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from engines.contract.errors import GeometryError
from engines.contract.geometry import FloatArray
from engines.imaging.volumes.volume import Shape, Volume, VolumeGeometry, VoxelArray

Box = tuple[slice, slice, slice]
_EDGE_VOXELS = 0.5 + 1e-6
"""A voxel reaches half its size beyond its centre; positions on that edge still count as inside."""


def finer(geometry: VolumeGeometry, factor: int | Sequence[int]) -> VolumeGeometry:
    """Return a grid that covers the same box with smaller voxels.

    Parameters
    ----------
    geometry : VolumeGeometry
    factor : int or (int, int, int)
        Into how many voxels each one is cut, along each axis.

    Raises
    ------
    GeometryError
        If a factor is below 1.
    """
    factors = np.broadcast_to(np.asarray(factor, dtype=np.int64), 3)
    if factors.min() < 1:
        raise GeometryError("A voxel cannot be cut into {factor} parts.", factor=int(factors.min()))
    coarse_from_fine = np.diag([*(1.0 / factors), 1.0])
    # The outer faces agree, not the centres of the first voxels.
    coarse_from_fine[:3, 3] = (1.0 / factors - 1.0) / 2.0
    i, j, k = (int(count) for count in np.array(geometry.shape) * factors)
    return VolumeGeometry((i, j, k), geometry.world_from_voxel @ coarse_from_fine)


def resample_volume(volume: Volume, onto: VolumeGeometry, *, outside: float | None = None) -> Volume:
    """Return a volume on another grid, by linear interpolation in the patient.

    Parameters
    ----------
    volume : Volume
    onto : VolumeGeometry
    outside : float or None
        Value of voxels that the volume does not cover; None: its smallest one.

    Returns
    -------
    Volume
        float32.
    """
    fill = float(volume.voxels.min()) if outside is None else outside
    matrix = _source_from_target(volume.geometry, onto)
    voxels = _interpolated(volume.voxels, matrix, onto.shape)
    _fill_outside(voxels, matrix, volume.geometry.shape, fill)
    return Volume(voxels, onto)


def resample_labels(
    labels: VoxelArray, geometry: VolumeGeometry, onto: VolumeGeometry, *, smooth: bool = False
) -> VoxelArray:
    """Return a label map on another grid; voxels that it does not cover are background.

    Parameters
    ----------
    labels : ndarray of whole numbers, (I, J, K)
    geometry, onto : VolumeGeometry
        The grid of `labels`, and the one wanted.
    smooth : bool
        False: each voxel takes the nearest label, so that no label is moved and steps stay. True: each
        class is interpolated on its own and the largest share wins, background included: smooth surfaces
        on a finer grid, but parts thinner than a voxel of `onto` may go.

    Returns
    -------
    ndarray of the type of `labels`, in the shape of `onto`

    Raises
    ------
    GeometryError
        If labels and grid do not fit.
    """
    if labels.shape != geometry.shape:
        raise GeometryError(
            "Labels of {shape} voxels do not lie on a grid of {expected}.",
            shape=" x ".join(map(str, labels.shape)),
            expected=" x ".join(map(str, geometry.shape)),
        )
    matrix = _source_from_target(geometry, onto)
    return _smooth(labels, matrix, onto.shape) if smooth else _nearest(labels, matrix, onto.shape)


def _source_from_target(source: VolumeGeometry, target: VolumeGeometry) -> FloatArray:
    return np.asarray(np.linalg.solve(source.world_from_voxel, target.world_from_voxel))


def _nearest(labels: VoxelArray, matrix: FloatArray, shape: Shape) -> VoxelArray:
    found = np.zeros(shape, dtype=labels.dtype, order="F")
    for k in range(shape[2]):
        picks, is_inside = [], np.ones((1, 1), dtype=bool)
        for axis, position in enumerate(_positions(matrix, shape, k)):
            # A position half way, as on grids twice as fine with shared centres, takes the lower voxel.
            index = np.ceil(position - 0.5 - 1e-9).astype(np.intp)
            is_inside = is_inside & _covers(position, labels.shape[axis])
            picks.append(np.clip(index, 0, labels.shape[axis] - 1))
        found[:, :, k] = np.where(is_inside, labels[picks[0], picks[1], picks[2]], 0)
    return found


def _positions(matrix: FloatArray, shape: Shape, k: int) -> list[FloatArray]:
    """Return where the voxels of slice k lie along each axis of the source.

    Each is as small as it can be, (I or 1, J or 1): grids with the same axes need no full table.
    """
    i, j = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    found = []
    for row in matrix[:3]:
        position = np.full((1, 1), row[2] * k + row[3])
        for weight, index, count in ((row[0], i, shape[0]), (row[1], j, shape[1])):
            if abs(weight) * count > 1e-9:
                position = position + weight * index
        found.append(position)
    return found


def _covers(position: FloatArray, count: int) -> npt.NDArray[np.bool_]:
    return (position >= -_EDGE_VOXELS) & (position <= count - 1 + _EDGE_VOXELS)


def _interpolated(voxels: VoxelArray, matrix: FloatArray, shape: Shape) -> npt.NDArray[np.float32]:
    """Interpolate linearly; positions beyond the outermost centres take the value there."""
    linear: FloatArray = matrix[:3, :3]
    diagonal = np.diag(linear)
    is_diagonal = bool(np.abs(linear - np.diag(diagonal)).max() * max(shape) < 1e-9)
    return np.asarray(
        ndimage.affine_transform(
            voxels,
            diagonal if is_diagonal else linear,
            offset=matrix[:3, 3],
            output_shape=shape,
            output=np.float32,
            order=1,
            mode="nearest",
        )
    )


def _fill_outside(
    voxels: npt.NDArray[np.float32], matrix: FloatArray, source_shape: Shape, fill: float
) -> None:
    i, j, k = voxels.shape
    for index in range(k):
        is_inside = np.ones((1, 1), dtype=bool)
        for position, count in zip(_positions(matrix, (i, j, k), index), source_shape, strict=True):
            is_inside = is_inside & _covers(position, count)
        if not is_inside.all():
            voxels[:, :, index][~np.broadcast_to(is_inside, (i, j))] = fill


def _smooth(labels: VoxelArray, matrix: FloatArray, shape: Shape) -> VoxelArray:
    found = np.zeros(shape, dtype=labels.dtype, order="F")
    boxes = ndimage.find_objects(labels.astype(np.int32, copy=False))
    drawn = [(value, box) for value, box in enumerate(boxes, start=1) if box is not None]
    if not drawn:
        return found
    i, j, k = (
        slice(min(b[axis].start for _, b in drawn), max(b[axis].stop for _, b in drawn)) for axis in range(3)
    )
    window = _target_box((i, j, k), matrix, shape)
    largest = np.zeros([part.stop - part.start for part in window], dtype=np.float32)
    background = np.ones_like(largest)
    for value, box in drawn:
        target = _target_box(box, matrix, shape)
        if any(part.stop <= part.start for part in target):
            continue
        source: Box = tuple(slice(max(0, part.start - 1), part.stop + 1) for part in box)  # type: ignore[assignment]
        share = _share(labels[source] == value, source, matrix, target, labels.shape)
        local: Box = tuple(  # type: ignore[assignment]
            slice(part.start - outer.start, part.stop - outer.start)
            for part, outer in zip(target, window, strict=True)
        )
        background[local] -= share
        wins = share > largest[local]
        found[target][wins] = value
        largest[local][wins] = share[wins]
    found[window][background > largest + 1e-6] = 0
    return found


def _share(
    mask: npt.NDArray[np.bool_], source: Box, matrix: FloatArray, target: Box, source_shape: Shape
) -> npt.NDArray[np.float32]:
    """Return the share of a class in each voxel of a part of the target grid."""
    moved = matrix.copy()
    moved[:3, 3] = matrix[:3, 3] + matrix[:3, :3] @ [part.start for part in target]
    i, j, k = (part.stop - part.start for part in target)
    in_box = moved.copy()
    in_box[:3, 3] -= [part.start for part in source]
    share = _interpolated(mask.astype(np.float32), in_box, (i, j, k))
    _fill_outside(share, moved, source_shape, 0.0)
    return share


def _target_box(box: Box, matrix: FloatArray, shape: Shape) -> Box:
    """Return the part of the target grid that a part of the source can reach."""
    ends = np.array([[part.start - 1.0, float(part.stop)] for part in box])
    corners = np.array(np.meshgrid(*ends)).reshape(3, -1).T
    inverse = np.linalg.inv(matrix)
    reached = corners @ inverse[:3, :3].T + inverse[:3, 3]
    low = np.clip(np.floor(reached.min(axis=0)), 0, shape).astype(int)
    high = np.clip(np.ceil(reached.max(axis=0)) + 1, low, shape).astype(int)
    i, j, k = (slice(int(start), int(stop)) for start, stop in zip(low, high, strict=True))
    return i, j, k
