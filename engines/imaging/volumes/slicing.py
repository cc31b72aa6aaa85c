"""Slices of volumes as a radiologist looks at them: seen from the feet, the front and the left.

Slices run along the array axes; an axis is named by the anatomical direction it lies nearest to. A
*picture* is a slice as it is shown, ``[row, column]``, row 0 at the top: axial with the patient's right on
the left and the front at the top, coronal with the right on the left and the head at the top, sagittal with
the front on the left and the head at the top. Pixel positions are ``(x, y)``, column and row, pixel centres
at whole numbers; voxel positions are ``(i, j, k)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engines.contract.errors import UnknownKeyError
from engines.contract.geometry import FloatArray
from engines.imaging.volumes.volume import VolumeGeometry, VoxelArray

Position: TypeAlias = tuple[float, float, float]

PLANES = ("axial", "coronal", "sagittal")
_ACROSS = {"axial": "SI", "coronal": "AP", "sagittal": "LR"}
_RIGHTWARDS = {"axial": "L", "coronal": "L", "sagittal": "P"}
_DOWNWARDS = {"axial": "P", "coronal": "I", "sagittal": "I"}
_OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "S": "I", "I": "S"}
_STRAIGHT = 1e-4
"""Largest drift across a picture, in voxels per pixel, of axes that still count as parallel."""


class Projection(StrEnum):
    """What is shown of the voxels of a slab."""

    MAXIMUM = "maximum"
    MINIMUM = "minimum"
    MEAN = "mean"


@dataclass(frozen=True, slots=True)
class PlaneGeometry:
    """How a slice lies on the screen.

    Parameters
    ----------
    plane : str
        One of `PLANES`.
    axis, row_axis, column_axis : int
        Array axes across the slice, down the picture and to the right.
    is_row_flipped, is_column_flipped : bool
        Whether the index falls in that direction.
    shape : (rows, columns)
    num_slices : int
    pixel_mm : (x, y)
        Width and height of a pixel.
    slice_mm : float
        Distance of neighbouring slices.
    letters : (left, right, top, bottom)
        Anatomical directions of the edges, by the nearest axis: R, L, A, P, S or I.
    """

    plane: str
    axis: int
    row_axis: int
    column_axis: int
    is_row_flipped: bool
    is_column_flipped: bool
    shape: tuple[int, int]
    num_slices: int
    pixel_mm: tuple[float, float]
    slice_mm: float
    letters: tuple[str, str, str, str]

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of the whole picture."""
        return self.shape[1] * self.pixel_mm[0], self.shape[0] * self.pixel_mm[1]

    def pixel_of(self, position: Sequence[float]) -> tuple[float, float]:
        """Return the pixel position over which a voxel position lies, whatever its slice."""
        x, y = float(position[self.column_axis]), float(position[self.row_axis])
        return (
            self.shape[1] - 1 - x if self.is_column_flipped else x,
            self.shape[0] - 1 - y if self.is_row_flipped else y,
        )

    def position_of(self, xy: tuple[float, float], slice_index: float) -> Position:
        """Return the voxel position of a pixel position on a slice."""
        voxel = [0.0, 0.0, 0.0]
        voxel[self.axis] = float(slice_index)
        voxel[self.column_axis] = self.shape[1] - 1 - xy[0] if self.is_column_flipped else xy[0]
        voxel[self.row_axis] = self.shape[0] - 1 - xy[1] if self.is_row_flipped else xy[1]
        return voxel[0], voxel[1], voxel[2]

    def slice_index(self, position: Sequence[float]) -> int:
        """Return the number of the slice in which a position lies, within the volume."""
        return min(max(int(np.floor(position[self.axis] + 0.5)), 0), self.num_slices - 1)

    def cut(self, box: Sequence[slice]) -> tuple[slice, slice]:
        """Return the rows and columns of the picture over which a box of voxels lies."""
        rows = _turned(box[self.row_axis], self.shape[0], self.is_row_flipped)
        columns = _turned(box[self.column_axis], self.shape[1], self.is_column_flipped)
        return rows, columns

    def picture(self, across: VoxelArray) -> VoxelArray:
        """Turn what is left of a volume without its axis `axis` the way it is shown; a view, no copy."""
        picture = across if self.row_axis < self.column_axis else across.T
        return picture[:: -1 if self.is_row_flipped else 1, :: -1 if self.is_column_flipped else 1]


def plane_geometry(geometry: VolumeGeometry, plane: str) -> PlaneGeometry:
    """Return how the slices of a plane lie on the screen.

    Raises
    ------
    UnknownKeyError
        If the plane is none of `PLANES`.
    """
    if plane not in PLANES:
        raise UnknownKeyError(
            "There is no plane '{plane}'.",
            remedy="Choose one of: {known}.",
            plane=plane,
            known=", ".join(PLANES),
        )
    codes, spacing_mm = geometry.axis_codes, geometry.spacing_mm
    axis = _axis_along(codes, _ACROSS[plane])
    column_axis = _axis_along(codes, _RIGHTWARDS[plane])
    row_axis = _axis_along(codes, _DOWNWARDS[plane])
    right, down = _RIGHTWARDS[plane], _DOWNWARDS[plane]
    return PlaneGeometry(
        plane=str(plane),
        axis=axis,
        row_axis=row_axis,
        column_axis=column_axis,
        is_row_flipped=codes[row_axis] != down,
        is_column_flipped=codes[column_axis] != right,
        shape=(geometry.shape[row_axis], geometry.shape[column_axis]),
        num_slices=geometry.shape[axis],
        pixel_mm=(spacing_mm[column_axis], spacing_mm[row_axis]),
        slice_mm=spacing_mm[axis],
        letters=(_OPPOSITE[right], right, _OPPOSITE[down], down),
    )


def slab_range(plane: PlaneGeometry, slice_index: int, thickness_mm: float) -> range:
    """Return the slices of a slab around one, at least that one, within the volume."""
    count = max(1, round(thickness_mm / plane.slice_mm))
    start = min(max(slice_index, 0), plane.num_slices - 1) - (count - 1) // 2
    return range(max(start, 0), min(start + count, plane.num_slices))


def slice_picture(
    voxels: VoxelArray,
    plane: PlaneGeometry,
    slice_index: int,
    *,
    thickness_mm: float = 0.0,
    projection: Projection = Projection.MAXIMUM,
) -> VoxelArray:
    """Return a slice, or a slab projected across, as it is shown.

    Parameters
    ----------
    voxels : ndarray, (I, J, K)
    slice_index : int
        Is held within the volume.
    thickness_mm : float
        0: one slice.

    Returns
    -------
    ndarray, (rows, columns)
        A view for one slice. A mean is float32; NaN voxels count in no projection.
    """
    numbers = slab_range(plane, slice_index, thickness_mm)
    if len(numbers) == 1:
        return plane.picture(_across(voxels, plane.axis, numbers[0]))
    slab = _across(voxels, plane.axis, slice(numbers.start, numbers.stop))
    return plane.picture(_projected(slab, plane.axis, projection))


def resampled_picture(
    voxels: VoxelArray,
    geometry: VolumeGeometry,
    shown: VolumeGeometry,
    plane: PlaneGeometry,
    slice_index: int,
    *,
    order: int,
    thickness_mm: float = 0.0,
    projection: Projection = Projection.MAXIMUM,
) -> tuple[VoxelArray, npt.NDArray[np.bool_]]:
    """Return what a volume on another grid shows on a slice of the shown grid.

    Parameters
    ----------
    voxels : ndarray, (I, J, K)
    geometry : VolumeGeometry
        Of the voxels.
    shown : VolumeGeometry
        The grid whose slices are shown.
    plane : PlaneGeometry
        Of the shown grid.
    order : int
        0: the nearest voxel, for labels. 1: linear, for images.
    thickness_mm, projection
        As in `slice_picture`.

    Returns
    -------
    picture : ndarray, (rows, columns)
        Of the type of the voxels for order 0, float32 for order 1; 0 outside the volume.
    is_inside : ndarray of bool, (rows, columns)
        Where the volume has voxels.
    """
    own_from_shown = np.linalg.solve(geometry.world_from_voxel, shown.world_from_voxel)
    pictures, masks = [], []
    for number in slab_range(plane, slice_index, thickness_mm):
        picture, is_inside = _sampled(voxels, own_from_shown, plane, number, order)
        pictures.append(picture)
        masks.append(is_inside)
    if len(pictures) == 1:
        return pictures[0], masks[0]
    return _projected(np.stack(pictures, axis=2), 2, projection), np.logical_or.reduce(masks)


def direction_text(geometry: VolumeGeometry, plane: PlaneGeometry, position: Sequence[float]) -> str:
    """Return where a slice lies in the world, as letter and mm: ``"S 12.5 mm"``, ``"I 3.0 mm"``."""
    world = geometry.world_of([tuple(position)])[0]
    along = {"axial": 2, "coronal": 1, "sagittal": 0}[plane.plane]
    value = float(world[along])
    letter = ("RL", "AP", "SI")[along][int(value < 0)]
    return f"{letter} {abs(value):.1f} mm"


# -- parts -------------------------------------------------------------------------------------------------


def _axis_along(codes: tuple[str, str, str], letters: str) -> int:
    wanted = set(letters) | {_OPPOSITE[letter] for letter in letters}
    return next(axis for axis, code in enumerate(codes) if code in wanted)


def _across(voxels: VoxelArray, axis: int, at: int | slice) -> VoxelArray:
    return voxels[(slice(None),) * axis + (at,)]


def _turned(part: slice, count: int, is_flipped: bool) -> slice:
    start, stop = max(part.start, 0), min(part.stop, count)
    return slice(count - stop, count - start) if is_flipped else slice(start, stop)


def _projected(slab: VoxelArray, axis: int, projection: Projection) -> VoxelArray:
    has_nan = slab.dtype.kind == "f"
    if projection is Projection.MEAN:
        slab = slab.astype(np.float32)
        counted = np.isfinite(slab)
        total = np.where(counted, slab, 0).sum(axis=axis, dtype=np.float32)
        return total / np.maximum(counted.sum(axis=axis), 1).astype(np.float32)
    if projection is Projection.MINIMUM:
        return (np.fmin if has_nan else np.minimum).reduce(slab, axis=axis)
    return (np.fmax if has_nan else np.maximum).reduce(slab, axis=axis)


def _sampled(
    voxels: VoxelArray, own_from_shown: FloatArray, plane: PlaneGeometry, number: int, order: int
) -> tuple[VoxelArray, npt.NDArray[np.bool_]]:
    """Sample one slice; places in the volume are linear in row and column."""
    rows, columns = plane.shape
    linear, shift = own_from_shown[:3, :3], own_from_shown[:3, 3]
    origin = linear @ np.array(plane.position_of((0, 0), number)) + shift
    per_row = linear[:, plane.row_axis] * (-1 if plane.is_row_flipped else 1)
    per_column = linear[:, plane.column_axis] * (-1 if plane.is_column_flipped else 1)
    row_axis, column_axis = int(np.argmax(np.abs(per_row))), int(np.argmax(np.abs(per_column)))
    drift = np.abs(np.delete(per_row, row_axis)).max() + np.abs(np.delete(per_column, column_axis)).max()
    if row_axis != column_axis and drift <= _STRAIGHT:
        axes = (3 - row_axis - column_axis, row_axis, column_axis)
        places = (
            np.array([origin[axes[0]]]),
            origin[row_axis] + per_row[row_axis] * np.arange(rows),
            origin[column_axis] + per_column[column_axis] * np.arange(columns),
        )
        return _sampled_straight(voxels.transpose(axes), places, order)
    points = (
        origin[:, None, None]
        + per_row[:, None, None] * np.arange(rows)[:, None]
        + per_column[:, None, None] * np.arange(columns)
    )
    counts = np.array(voxels.shape)[:, None, None]
    is_inside = ((points >= -0.5) & (points <= counts - 0.5)).all(axis=0)
    if order == 0:
        i, j, k = np.clip(np.floor(points + 0.5).astype(np.intp), 0, counts - 1)
        return np.where(is_inside, voxels[i, j, k], voxels.dtype.type(0)), is_inside
    from scipy import ndimage

    picture = ndimage.map_coordinates(
        voxels, points, order=1, mode="nearest", output=np.float32, prefilter=False
    )
    return np.where(is_inside, picture, np.float32(0)), is_inside


def _sampled_straight(
    voxels: VoxelArray, places: Sequence[FloatArray], order: int
) -> tuple[VoxelArray, npt.NDArray[np.bool_]]:
    """Sample where the axes of both grids are parallel; the first axis lies across."""
    within = [
        (place >= -0.5) & (place <= count - 0.5) for place, count in zip(places, voxels.shape, strict=True)
    ]
    is_inside = within[0][0] & within[1][:, None] & within[2]
    if order == 0:
        across, rows, columns = (
            np.clip(np.floor(place + 0.5).astype(np.intp), 0, count - 1)
            for place, count in zip(places, voxels.shape, strict=True)
        )
        picture = voxels[int(across[0])][np.ix_(rows, columns)]
        return np.where(is_inside, picture, voxels.dtype.type(0)), is_inside
    low, share = _neighbours(places[0], voxels.shape[0])
    high = min(int(low[0]) + 1, voxels.shape[0] - 1)
    picture = voxels[int(low[0])].astype(np.float32)
    if share[0] > 0:
        picture += np.float32(share[0]) * (voxels[high].astype(np.float32) - picture)
    for axis in (0, 1):
        low, share = _neighbours(places[1 + axis], picture.shape[axis])
        high_places = np.minimum(low + 1, picture.shape[axis] - 1)
        below = picture.take(low, axis=axis)
        weights = share.astype(np.float32)[(slice(None), None) if axis == 0 else (None, slice(None))]
        picture = below + weights * (picture.take(high_places, axis=axis) - below)
    return np.where(is_inside, picture, np.float32(0)), is_inside


def _neighbours(place: FloatArray, count: int) -> tuple[npt.NDArray[np.intp], FloatArray]:
    held = np.clip(place, 0, count - 1)
    low = np.floor(held).astype(np.intp)
    return low, held - low
