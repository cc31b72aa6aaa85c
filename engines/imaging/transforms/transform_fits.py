"""Fit transforms to point pairs: least squares of every model, and robust ones for pairs with outliers.

All transforms are ``out_from_in``; points are ``(x, y)`` pixels. Errors are distances in the *out* frame.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from engines.contract.errors import GeometryError
from engines.contract.geometry import FloatArray, apply_homography, as_points_xy, compose, invert, normalise
from engines.imaging.opencv import cv2
from engines.imaging.transforms.point_pairs import (
    SMALLEST_NUM_POINTS,
    SMALLEST_SPREAD,
    collinear,
    paired,
    scaled_pairs,
)
from engines.imaging.transforms.point_transform import PointTransform, ProjectiveTransform, TransformModel
from engines.imaging.transforms.quadratic_transform import fit_quadratic
from engines.imaging.transforms.thin_plate_spline import fit_thin_plate_spline

MatrixModel: TypeAlias = Literal["similarity", "affine", "homography"]

_REFINEMENT_STEPS = 8
_PLAUSIBLE_SCALES = (0.15, 6.0)
_LARGEST_STRETCH = 2.0
_LARGEST_DEPTH_CHANGE = 0.5
_ROBUST_ITERATIONS = 10_000
_ROBUST_CONFIDENCE = 0.9999


def fit_transform(model: TransformModel, in_xy: npt.ArrayLike, out_xy: npt.ArrayLike) -> PointTransform:
    """Return the least-squares transform of any model; the thin-plate spline goes through every pair.

    Parameters
    ----------
    model : TransformModel
    in_xy, out_xy : array_like, (N, 2)
        At least ``SMALLEST_NUM_POINTS[model]`` pairs.

    Raises
    ------
    GeometryError
        If there are too few pairs, or they do not determine the model.
    """
    if model == "quadratic":
        return fit_quadratic(in_xy, out_xy)
    if model == "thin_plate_spline":
        return fit_thin_plate_spline(in_xy, out_xy)
    return ProjectiveTransform(fit(model, in_xy, out_xy))


def fit(model: MatrixModel, in_xy: npt.ArrayLike, out_xy: npt.ArrayLike) -> FloatArray:
    """Return the least-squares matrix of a model.

    Parameters
    ----------
    model : "similarity", "affine" or "homography"
    in_xy, out_xy : array_like, (N, 2)
        At least 2, 3 or 4 pairs.

    Returns
    -------
    ndarray of float64, (3, 3)
        ``out_from_in``.

    Raises
    ------
    GeometryError
        If there are too few pairs, or they coincide or lie on one line.
    """
    if model not in get_args(MatrixModel):
        raise GeometryError(
            "There is no transform model {model}.",
            remedy="Use {models}.",
            model=model,
            models=", ".join(get_args(MatrixModel)),
        )
    return {"similarity": fit_similarity, "affine": fit_affine, "homography": fit_homography}[model](
        in_xy, out_xy
    )


def fit_similarity(in_xy: npt.ArrayLike, out_xy: npt.ArrayLike) -> FloatArray:
    """Return the turn, scaling and shift with the least sum of squared errors; see `fit`."""
    points_in, points_out, frame_in, frame_out = scaled_pairs("similarity", in_xy, out_xy)
    x, y = points_in.T
    zero, one = np.zeros_like(x), np.ones_like(x)
    design = np.concatenate([np.column_stack([x, -y, one, zero]), np.column_stack([y, x, zero, one])])
    (a, b, shift_x, shift_y), *_ = np.linalg.lstsq(design, points_out.T.reshape(-1), rcond=None)
    inner = np.array([[a, -b, shift_x], [b, a, shift_y], [0.0, 0.0, 1.0]])
    return compose(invert(frame_out.matrix), inner, frame_in.matrix)


def fit_affine(in_xy: npt.ArrayLike, out_xy: npt.ArrayLike) -> FloatArray:
    """Return the affine transform with the least sum of squared errors; see `fit`."""
    points_in, points_out, frame_in, frame_out = scaled_pairs("affine", in_xy, out_xy)
    design = np.column_stack([points_in, np.ones(len(points_in))])
    solution, *_ = np.linalg.lstsq(design, points_out, rcond=None)
    return compose(invert(frame_out.matrix), np.vstack([solution.T, [0.0, 0.0, 1.0]]), frame_in.matrix)


def fit_homography(in_xy: npt.ArrayLike, out_xy: npt.ArrayLike) -> FloatArray:
    """Return the homography with the least sum of squared errors in the out frame; see `fit`.

    Starts from the normalised direct linear transform, whose error is algebraic, and improves the
    geometric error by Gauss-Newton steps as long as it falls.
    """
    points_in, points_out, frame_in, frame_out = scaled_pairs("homography", in_xy, out_xy)
    x, y = points_in.T
    u, v = points_out.T
    zero, one = np.zeros_like(x), np.ones_like(x)
    design = np.concatenate(
        [
            np.column_stack([x, y, one, zero, zero, zero, -u * x, -u * y, -u]),
            np.column_stack([zero, zero, zero, x, y, one, -v * x, -v * y, -v]),
        ]
    )
    # Four pairs leave the null space to a ninth direction, which a row of zeros makes room for.
    _, strengths, directions = np.linalg.svd(np.vstack([design, np.zeros(9)]), full_matrices=False)
    if strengths[7] < SMALLEST_SPREAD * strengths[0] or abs(directions[8, 8]) < 1e-9:
        raise collinear("homography")
    sizes = np.linalg.svd(directions[8].reshape(3, 3), compute_uv=False)
    if sizes[2] < SMALLEST_SPREAD * sizes[0]:
        # All but one of the points on a line: the solution squeezes the image to nothing.
        raise collinear("homography")
    matrix = normalise(directions[8].reshape(3, 3))
    error = _squared_error(matrix, points_in, points_out)
    for _ in range(_REFINEMENT_STEPS):
        improved = _homography_step(matrix, points_in, points_out)
        improved_error = _squared_error(improved, points_in, points_out)
        if not improved_error < error:
            break
        matrix, error = improved, improved_error
    return compose(invert(frame_out.matrix), matrix, frame_in.matrix)


def residuals(out_from_in: npt.ArrayLike, in_xy: npt.ArrayLike, out_xy: npt.ArrayLike) -> FloatArray:
    """Return the distance of each mapped point to its partner in out pixels, ``(N,)``."""
    difference = apply_homography(out_from_in, in_xy) - as_points_xy(out_xy)
    return np.asarray(np.hypot(difference[:, 0], difference[:, 1]))


class RobustFit(NamedTuple):
    """A transform from point pairs many of which may be wrong.

    Parameters
    ----------
    out_from_in : ndarray of float64, (3, 3), or None
        None when too few pairs agree or the transform is not plausible.
    is_inlier : ndarray of bool, (N,)
        Pairs that the estimate agrees with.
    """

    out_from_in: FloatArray | None
    is_inlier: npt.NDArray[np.bool_]

    @property
    def num_inliers(self) -> int:
        """Number of pairs that agree."""
        return int(self.is_inlier.sum())


def estimate_homography_magsac(
    in_xy: npt.ArrayLike, out_xy: npt.ArrayLike, threshold_px: float = 3.0
) -> RobustFit:
    """Estimate a homography with MAGSAC++ from matches with outliers.

    Parameters
    ----------
    in_xy, out_xy : array_like, (N, 2)
    threshold_px : float
        Error up to which a pair may agree, in out pixels.

    Returns
    -------
    RobustFit
        The same for the same input; never an error for matches that do not fit.
    """
    points_in, points_out = paired(in_xy, out_xy)
    if len(points_in) < SMALLEST_NUM_POINTS["homography"]:
        return _no_fit(len(points_in))
    try:
        matrix, kept = cv2.findHomography(
            points_in,
            points_out,
            cv2.USAC_MAGSAC,
            threshold_px,
            maxIters=_ROBUST_ITERATIONS,
            confidence=_ROBUST_CONFIDENCE,
        )
    except cv2.error:
        # Raised for matches in a degenerate position.
        return _no_fit(len(points_in))
    return _plausible_fit(matrix, kept, points_in)


def estimate_affine_magsac(
    in_xy: npt.ArrayLike, out_xy: npt.ArrayLike, threshold_px: float = 3.0
) -> RobustFit:
    """Estimate an affine transform with MAGSAC++; see `estimate_homography_magsac`."""
    points_in, points_out = paired(in_xy, out_xy)
    if len(points_in) < SMALLEST_NUM_POINTS["affine"]:
        return _no_fit(len(points_in))
    try:
        matrix, kept = cv2.estimateAffine2D(
            points_in,
            points_out,
            method=cv2.USAC_MAGSAC,
            ransacReprojThreshold=threshold_px,
            maxIters=_ROBUST_ITERATIONS,
            confidence=_ROBUST_CONFIDENCE,
        )
    except cv2.error:
        return _no_fit(len(points_in))
    return _plausible_fit(None if matrix is None else np.vstack([matrix, [0, 0, 1]]), kept, points_in)


def is_plausible(out_from_in: npt.ArrayLike, in_xy: npt.ArrayLike) -> bool:
    """Tell whether two images of one eye can differ by a transform, judged where the points lie.

    It must not mirror, must scale by 0.15 to 6, stretch by at most 2, and keep its depth within half of
    that at the centre of the points.
    """
    matrix = np.asarray(out_from_in, dtype=np.float64)
    points = as_points_xy(in_xy)
    if not np.isfinite(matrix).all() or len(points) == 0:
        return False
    depth = np.column_stack([points, np.ones(len(points))]) @ matrix[2]
    centre = points.mean(axis=0)
    central_depth = float(matrix[2] @ [*centre, 1.0])
    if central_depth == 0 or np.abs(depth / central_depth - 1.0).max() > _LARGEST_DEPTH_CHANGE:
        return False
    mapped = apply_homography(matrix, centre[None])[0]
    jacobian = (matrix[:2, :2] - np.outer(mapped, matrix[2, :2])) / central_depth
    large, small = np.linalg.svd(jacobian, compute_uv=False)
    return bool(
        np.linalg.det(jacobian) > 0
        and small >= _PLAUSIBLE_SCALES[0]
        and large <= _PLAUSIBLE_SCALES[1]
        and large <= _LARGEST_STRETCH * small
    )


def _homography_step(matrix: FloatArray, points_in: FloatArray, points_out: FloatArray) -> FloatArray:
    x, y = points_in.T
    mapped = apply_homography(matrix, points_in)
    one = 1.0 / (matrix[2, 0] * x + matrix[2, 1] * y + 1.0)
    zero = np.zeros_like(x)
    linear = np.column_stack([x * one, y * one, one])
    nothing = np.column_stack([zero, zero, zero])
    rows = [
        np.column_stack([*parts, -mapped[:, axis] * x * one, -mapped[:, axis] * y * one])
        for axis, parts in enumerate(((linear, nothing), (nothing, linear)))
    ]
    remainder = (points_out - mapped).T.reshape(-1)
    step, *_ = np.linalg.lstsq(np.concatenate(rows), remainder, rcond=None)
    return matrix + np.append(step, 0.0).reshape(3, 3)


def _squared_error(matrix: FloatArray, points_in: FloatArray, points_out: FloatArray) -> float:
    return float(np.square(residuals(matrix, points_in, points_out)).sum())


def _no_fit(num_points: int) -> RobustFit:
    return RobustFit(None, np.zeros(num_points, dtype=bool))


def _plausible_fit(
    matrix: FloatArray | None, kept: npt.NDArray[np.uint8] | None, points_in: FloatArray
) -> RobustFit:
    if matrix is None or kept is None or abs(matrix[2, 2]) < 1e-12:
        return _no_fit(len(points_in))
    is_inlier = kept.reshape(-1).astype(bool)
    if not is_inlier.any() or not is_plausible(matrix, points_in[is_inlier]):
        return RobustFit(None, is_inlier)
    return RobustFit(normalise(matrix), is_inlier)
