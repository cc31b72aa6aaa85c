"""A quadratic transform from vessel centre lines, for wide fields whose curvature no homography bends to.

It begins at a refined homography and moves only as far as vessels ask for it: a weak pull towards the
homography holds it where there are none.
"""

from __future__ import annotations

import numpy as np

from engines.contract.errors import GeometryError
from engines.contract.geometry import FloatArray, apply_homography, compose, image_corners_xy, invert
from engines.imaging.matching.skeleton_icp import Alignment
from engines.imaging.transforms.point_pairs import Frame
from engines.imaging.transforms.quadratic_transform import (
    QuadraticTransform,
    fit_quadratic,
    quadratic_design,
)
from engines.imaging.vessels.vessel_features import VesselFeatures

_TOLERANCES_PX = (5.0, 4.0, 4.0, 4.0, 4.0, 4.0)
_TANGENT_WEIGHT = 0.15
_PULL = 0.02
_FEWEST_PAIRS = 60
_LARGEST_BEND_PX = 25.0
_NODES = 12


def refine_quadratic(
    fixed: VesselFeatures, moving: VesselFeatures, homography_fixed_from_moving: FloatArray
) -> QuadraticTransform | None:
    """Bend a refined homography onto the vessels.

    Parameters
    ----------
    fixed, moving : VesselFeatures
    homography_fixed_from_moving : ndarray of float64, (3, 3)
        Native pixels.

    Returns
    -------
    QuadraticTransform or None
        Between native pixels; None when too few vessels meet, when it folds, or when it bends the image
        by more than 25 px at the common size.
    """
    if min(len(fixed.points), len(moving.points)) < _FEWEST_PAIRS:
        return None
    start = compose(fixed.common_from_native, homography_fixed_from_moving, invert(moving.common_from_native))
    alignment = Alignment(fixed.points, moving.points)
    moving_xy = moving.points.points_xy
    frame = _frame_of(moving_xy)
    design = quadratic_design(frame.scaled(moving_xy))
    grid_xy = _grid(moving.size)
    pull = quadratic_design(frame.scaled(grid_xy))
    target = apply_homography(start, grid_xy)
    coefficients, *_ = np.linalg.lstsq(pull, target, rcond=None)
    out = Frame(np.zeros(2), 1.0)
    for tolerance in _TOLERANCES_PX:
        curve = QuadraticTransform(coefficients, frame, out)
        mapped, slopes = curve.apply_with_jacobian(moving_xy)
        along = np.column_stack([np.cos(moving.points.directions), np.sin(moving.points.directions)])
        turned = np.einsum("nij,nj->ni", slopes, along)
        moving_index, fixed_index = alignment.pairs(mapped, np.arctan2(turned[:, 1], turned[:, 0]), tolerance)
        if len(moving_index) < _FEWEST_PAIRS:
            return None
        seen = fixed.points.points_xy[fixed_index]
        weight = np.exp(-np.square(mapped[moving_index] - seen).sum(axis=1) / (2 * tolerance**2))
        normal = alignment.fixed_normal[fixed_index]
        coefficients = _solve(design[moving_index], seen, normal, weight, pull, target)
    curve = QuadraticTransform(coefficients, frame, out)
    bend = np.linalg.norm(curve.apply(grid_xy) - target, axis=1)
    if not np.isfinite(bend).all() or bend.max() > _LARGEST_BEND_PX or curve.folded_share(moving.size) > 0:
        return None
    return _native(curve, fixed, moving)


def _solve(
    design: FloatArray,
    seen: FloatArray,
    normal: FloatArray,
    weight: FloatArray,
    pull: FloatArray,
    target: FloatArray,
) -> FloatArray:
    """Return the coefficients ``(6, 2)`` with the least weighted error across and along the vessels."""
    tangent = np.column_stack([normal[:, 1], -normal[:, 0]])
    share = np.sqrt(_PULL * weight.sum() / len(pull))
    zeros = np.zeros_like(pull)
    rows = [
        np.concatenate([np.hstack([pull, zeros]), np.hstack([zeros, pull])]) * share,
    ]
    values = [target.T.reshape(-1) * share]
    for direction, strength in ((normal, 1.0), (tangent, _TANGENT_WEIGHT)):
        scale = np.sqrt(strength * weight)
        rows.append(np.hstack([design * direction[:, :1], design * direction[:, 1:]]) * scale[:, None])
        values.append((direction * seen).sum(axis=1) * scale)
    solution, *_ = np.linalg.lstsq(np.concatenate(rows), np.concatenate(values), rcond=None)
    return np.asarray(solution.reshape(2, 6).T)


def _native(
    curve: QuadraticTransform, fixed: VesselFeatures, moving: VesselFeatures
) -> QuadraticTransform | None:
    """Return a curve between common sizes as one between native pixels: exact, as resizes are affine."""
    moving_xy = _grid(moving.native_size)
    common = curve.apply(apply_homography(moving.common_from_native, moving_xy))
    try:
        return fit_quadratic(moving_xy, apply_homography(invert(fixed.common_from_native), common))
    except GeometryError:
        return None


def _frame_of(points_xy: FloatArray) -> Frame:
    centre = points_xy.mean(axis=0)
    return Frame(centre, 1.0 / float(np.linalg.norm(points_xy - centre, axis=1).mean() + 1e-9))


def _grid(size: tuple[int, int]) -> FloatArray:
    corners = image_corners_xy(size)
    low, high = corners.min(axis=0), corners.max(axis=0)
    x, y = np.meshgrid(np.linspace(low[0], high[0], _NODES), np.linspace(low[1], high[1], _NODES))
    return np.column_stack([x.reshape(-1), y.reshape(-1)])
