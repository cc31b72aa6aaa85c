"""How well the vessels of two registered images agree, and how surprising that agreement is.

``s`` is the agreement of centre-line points with their directions, 0 to 1. ``z`` compares it with the
agreement after small wrong shifts, in standard deviations: it separates right from wrong where a number
of matches or the height of a peak does not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from engines.contract.geometry import FloatArray, apply_homography, invert
from engines.imaging.field_of_view import BoolImage
from engines.imaging.vessels.skeleton import SkeletonPoints

_DIRECTION_PX = 4.4
_LIMIT_PX = 9.0
_SIGMA_PX = 2.4
_FEWEST_POINTS = 50
_SHIFT_RADII_PX = (14.0, 22.0)
_NUM_SHIFT_DIRECTIONS = 8


class OverlapScore(NamedTuple):
    """Agreement of two images under a transform.

    Parameters
    ----------
    s : float
        Agreement, 0 to 1.
    z : float
        Agreement above that of shifted vessels, in standard deviations.
    overlap : float
        The smaller share of points that lies inside the other image's field of view, 0 to 1.
    """

    s: float
    z: float
    overlap: float


def score_overlap(
    fixed: SkeletonPoints,
    fixed_mask: BoolImage,
    moving: SkeletonPoints,
    moving_mask: BoolImage,
    fixed_from_moving: FloatArray,
) -> OverlapScore:
    """Score a transform between two images at the common size.

    Parameters
    ----------
    fixed, moving : SkeletonPoints
    fixed_mask, moving_mask : ndarray of bool, (H, W)
        Eroded fields of view.
    fixed_from_moving : ndarray of float64, (3, 3)
        Pixels at the common size.
    """
    comparison = _Comparison(fixed, fixed_mask, moving, moving_mask, fixed_from_moving)
    s, overlap = comparison.score((0.0, 0.0))
    if s == 0.0:
        return OverlapScore(0.0, 0.0, overlap)
    background = []
    for radius in _SHIFT_RADII_PX:
        for number in range(_NUM_SHIFT_DIRECTIONS):
            angle = 2 * np.pi * number / _NUM_SHIFT_DIRECTIONS
            background.append(comparison.score((radius * np.cos(angle), radius * np.sin(angle)))[0])
    z = (s - float(np.mean(background))) / (float(np.std(background)) + 0.01)
    return OverlapScore(s, z, overlap)


def overlap_share(
    fixed: SkeletonPoints,
    fixed_mask: BoolImage,
    moving: SkeletonPoints,
    moving_mask: BoolImage,
    fixed_from_moving: FloatArray,
) -> float:
    """Return the smaller share of points that lies inside the other image's field of view."""
    return _Comparison(fixed, fixed_mask, moving, moving_mask, fixed_from_moving).overlap((0.0, 0.0))


class _Comparison:
    """Points of both images in the fixed frame, scored for several shifts of the moving ones."""

    def __init__(
        self,
        fixed: SkeletonPoints,
        fixed_mask: BoolImage,
        moving: SkeletonPoints,
        moving_mask: BoolImage,
        fixed_from_moving: FloatArray,
    ) -> None:
        self._fixed = _features(fixed.points_xy, fixed.directions, _DIRECTION_PX)
        mapped_xy, mapped_directions = map_with_directions(fixed_from_moving, moving)
        self._moving = _features(mapped_xy, mapped_directions, _DIRECTION_PX)
        self._fixed_mask, self._moving_mask = fixed_mask, moving_mask
        self._moving_from_fixed = invert(fixed_from_moving)

    def _common(self, shift_xy: tuple[float, float]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Tell which fixed and which shifted moving points lie in the other's field of view."""
        shift = np.asarray(shift_xy)
        back = apply_homography(self._moving_from_fixed, self._fixed[:, :2] - shift)
        return lies_in(self._moving_mask, back), lies_in(self._fixed_mask, self._moving[:, :2] + shift)

    def overlap(self, shift_xy: tuple[float, float]) -> float:
        return min((float(part.mean()) if part.size else 0.0) for part in self._common(shift_xy))

    def score(self, shift_xy: tuple[float, float]) -> tuple[float, float]:
        """Return ``(s, overlap)`` with the moving points shifted."""
        is_fixed, is_moving = self._common(shift_xy)
        overlap = min((float(part.mean()) if part.size else 0.0) for part in (is_fixed, is_moving))
        if min(is_fixed.sum(), is_moving.sum()) < _FEWEST_POINTS:
            return 0.0, overlap
        fixed = self._fixed[is_fixed]
        moving = self._moving[is_moving] + np.array([*shift_xy, 0.0, 0.0])
        first, second = _agreement(moving, fixed), _agreement(fixed, moving)
        return 2 * first * second / (first + second + 1e-12), overlap


def map_with_directions(
    fixed_from_moving: FloatArray, points: SkeletonPoints
) -> tuple[FloatArray, FloatArray]:
    """Map points, and their directions by the Jacobian at each point.

    Returns
    -------
    points_xy : ndarray of float64, (N, 2)
    directions : ndarray of float64, (N,)
        Radians.
    """
    matrix = fixed_from_moving
    homogeneous = np.column_stack([points.points_xy, np.ones(len(points))]) @ matrix.T
    depth = homogeneous[:, 2:]
    mapped = homogeneous[:, :2] / depth
    along = np.column_stack([np.cos(points.directions), np.sin(points.directions)])
    # d(N/w) = (dN - (N/w) dw) / w along the direction of the vessel; its length does not matter.
    moved = along @ matrix[:2, :2].T - mapped * (along @ matrix[2, :2])[:, None]
    moved = moved * np.sign(depth)
    return mapped, np.arctan2(moved[:, 1], moved[:, 0])


def lies_in(mask: BoolImage, points_xy: FloatArray) -> npt.NDArray[np.bool_]:
    """Tell which points fall on a true pixel of a mask."""
    with np.errstate(invalid="ignore"):
        nearest = np.rint(np.nan_to_num(points_xy, nan=-1.0, posinf=-1.0, neginf=-1.0)).clip(-1, 2**30)
    columns, rows = nearest.astype(np.int64).T
    height, width = mask.shape
    is_on_image = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
    result = np.zeros(len(points_xy), dtype=bool)
    result[is_on_image] = mask[rows[is_on_image], columns[is_on_image]]
    return result


def _features(points_xy: FloatArray, directions: FloatArray, direction_px: float) -> FloatArray:
    """Return ``(x, y, r cos 2 theta, r sin 2 theta)``, in which distance means place and direction."""
    doubled = 2.0 * directions
    return np.column_stack([points_xy, direction_px * np.cos(doubled), direction_px * np.sin(doubled)])


def _agreement(queries: FloatArray, targets: FloatArray) -> float:
    distance, _ = cKDTree(targets, balanced_tree=False, compact_nodes=False).query(
        queries, distance_upper_bound=_LIMIT_PX
    )
    limited = np.minimum(distance, _LIMIT_PX)
    return float(np.exp(-np.square(limited) / (2 * _SIGMA_PX**2)).mean())
