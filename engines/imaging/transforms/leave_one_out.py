"""The honest residual: how far each pair lies from the transform fitted to all the others.

Models that are linear in their parameters need no second fit: with leverage ``h`` (diagonal of the hat
matrix) the residual of a left-out pair is ``r / (1 - h)``; of a thin-plate spline it is its weight over the
diagonal of the inverted system (Rippa 1999). The homography is fitted again for all pairs at once, by
Gauss-Newton steps from the fit to all of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from engines.contract.errors import GeometryError
from engines.contract.geometry import FloatArray, compose, invert
from engines.imaging.transforms.point_pairs import (
    MODEL_NAMES,
    SMALLEST_NUM_POINTS,
    ScaledPairs,
    paired,
    require_pairs,
    scaled_pairs,
)
from engines.imaging.transforms.point_transform import PointTransform, ProjectiveTransform, TransformModel
from engines.imaging.transforms.quadratic_transform import quadratic_design, solve_quadratic
from engines.imaging.transforms.thin_plate_spline import solve_thin_plate_spline
from engines.imaging.transforms.transform_fits import (
    fit,
    fit_affine,
    fit_homography,
    fit_similarity,
    residuals,
)

_FULL_LEVERAGE = 1.0 - 1e-9
_MANY_PAIRS = 24
"""Homographies of fewer pairs change too much without one of them for a few steps to find."""
_STEPS = 4
_SMALL_STEP = 1e-6
"""In scaled parameters: the step after it is smaller by orders, and moves no point by a visible amount."""

Fit = tuple[PointTransform, FloatArray]


def leave_one_out_residuals(model: TransformModel, in_xy: npt.ArrayLike, out_xy: npt.ArrayLike) -> FloatArray:
    """Return the residual of each pair under the transform fitted to all the others, ``(N,)``, out pixels.

    Raises
    ------
    GeometryError
        If there is not one pair more than the model needs, or the others do not determine it.
    """
    return fit_with_left_out(model, in_xy, out_xy)[1]


def fit_with_left_out(model: TransformModel, in_xy: npt.ArrayLike, out_xy: npt.ArrayLike) -> Fit:
    """Return a transform and its `leave_one_out_residuals`, for little more than the transform costs."""
    points_in, points_out = paired(in_xy, out_xy)
    require_pairs(model, len(points_in), SMALLEST_NUM_POINTS[model] + 1)
    pairs = scaled_pairs(model, points_in, points_out)
    way: dict[TransformModel, Callable[[ScaledPairs, FloatArray, FloatArray], Fit]] = {
        "similarity": _similarity,
        "affine": _affine,
        "homography": _homography,
        "quadratic": _quadratic,
        "thin_plate_spline": _thin_plate_spline,
    }
    return way[model](pairs, points_in, points_out)


def _similarity(pairs: ScaledPairs, points_in: FloatArray, points_out: FloatArray) -> Fit:
    # As numbers of the complex plane, a similarity is one factor and one shift.
    position = pairs.points_in[:, 0] + 1j * pairs.points_in[:, 1]
    leverage = 1.0 / len(position) + np.abs(position) ** 2 / float(np.sum(np.abs(position) ** 2))
    matrix = fit_similarity(points_in, points_out)
    return ProjectiveTransform(matrix), _grown(
        "similarity", residuals(matrix, points_in, points_out), leverage
    )


def _affine(pairs: ScaledPairs, points_in: FloatArray, points_out: FloatArray) -> Fit:
    design = np.column_stack([pairs.points_in, np.ones(len(points_in))])
    matrix = fit_affine(points_in, points_out)
    distances = residuals(matrix, points_in, points_out)
    return ProjectiveTransform(matrix), _grown("affine", distances, _leverage(design))


def _quadratic(pairs: ScaledPairs, points_in: FloatArray, points_out: FloatArray) -> Fit:
    transform = solve_quadratic(pairs)
    distances = _distances(transform.apply(points_in) - points_out)
    return transform, _grown("quadratic", distances, _leverage(quadratic_design(pairs.points_in)))


def _thin_plate_spline(pairs: ScaledPairs, _points_in: FloatArray, _points_out: FloatArray) -> Fit:
    spline, weights, strengths = solve_thin_plate_spline(pairs)
    if (np.abs(strengths) < 1e-12).any():
        raise _undetermined("thin_plate_spline")
    return spline, _distances(weights / strengths[:, None]) / pairs.frame_out.scale


def _homography(pairs: ScaledPairs, points_in: FloatArray, points_out: FloatArray) -> Fit:
    matrix = fit_homography(points_in, points_out)
    num_pairs = len(points_in)
    distances = np.full(num_pairs, np.nan)
    if num_pairs >= _MANY_PAIRS:
        inner = compose(pairs.frame_out.matrix, matrix, invert(pairs.frame_in.matrix))
        distances = _homographies_without_one(inner, pairs) / pairs.frame_out.scale
    for left_out in np.flatnonzero(~np.isfinite(distances)):
        is_kept = np.arange(num_pairs) != left_out
        other = fit("homography", points_in[is_kept], points_out[is_kept])
        distances[left_out] = residuals(other, points_in[[left_out]], points_out[[left_out]])[0]
    return ProjectiveTransform(matrix), distances


def _homographies_without_one(inner: FloatArray, pairs: ScaledPairs) -> FloatArray:
    """Return the residual of each pair under the homography of the others; not finite where none was found.

    All N homographies take their Gauss-Newton steps at once: ``(N, 8)`` parameters, the normal equations of
    each being those of all pairs less its own.
    """
    num_pairs = len(pairs.points_in)
    x, y = pairs.points_in.T
    homogeneous = np.column_stack([x, y, np.ones(num_pairs)])
    matrices = np.broadcast_to(inner / inner[2, 2], (num_pairs, 3, 3)).copy()
    own = np.arange(num_pairs)
    moved = np.full(num_pairs, np.inf)
    for _ in range(_STEPS):
        # (homography, pair, 3): where each homography puts each pair.
        lifted = homogeneous @ matrices.transpose(0, 2, 1)
        weight = 1.0 / lifted[:, :, 2]
        weight[own, own] = 0.0
        scaled = homogeneous * weight[:, :, None]
        normal = np.zeros((num_pairs, 8, 8))
        right = np.zeros((num_pairs, 8))
        for axis in (0, 1):
            # Each axis depends on five of the eight parameters.
            own_parameters = np.array([3 * axis, 3 * axis + 1, 3 * axis + 2, 6, 7])
            mapped = lifted[:, :, axis] * weight
            slopes = np.concatenate([scaled, -mapped[:, :, None] * scaled[:, :, :2]], axis=2)
            miss = np.where(weight == 0.0, 0.0, pairs.points_out[:, axis] - mapped)
            turned = slopes.transpose(0, 2, 1)
            normal[:, own_parameters[:, None], own_parameters] += turned @ slopes
            right[:, own_parameters] += (turned @ miss[:, :, None])[:, :, 0]
        try:
            step = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
        except np.linalg.LinAlgError:
            return np.full(num_pairs, np.nan)
        matrices += np.append(step, np.zeros((num_pairs, 1)), axis=1).reshape(-1, 3, 3)
        moved = np.abs(step).max(axis=1)
        if moved.max() < _SMALL_STEP:
            break
    lifted = np.einsum("nij,nj->ni", matrices, homogeneous)
    mapped = lifted[:, :2] / lifted[:, 2:]
    return np.where(moved < 10 * _SMALL_STEP, _distances(mapped - pairs.points_out), np.nan)


def _leverage(design: FloatArray) -> FloatArray:
    orthogonal, _ = np.linalg.qr(design)
    return np.asarray(np.einsum("ij,ij->i", orthogonal, orthogonal))


def _grown(model: TransformModel, distances: FloatArray, leverage: FloatArray) -> FloatArray:
    if (leverage > _FULL_LEVERAGE).any():
        raise _undetermined(model)
    return distances / (1.0 - leverage)


def _distances(difference: FloatArray) -> FloatArray:
    return np.asarray(np.hypot(difference[:, 0], difference[:, 1]))


def _undetermined(model: TransformModel) -> GeometryError:
    return GeometryError(
        "Without one of the pairs, the others do not determine this {model}.",
        remedy="Place more pairs away from each other.",
        model=MODEL_NAMES[model],
    )
