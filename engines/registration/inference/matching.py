"""Match descriptors and find the transform that most matches agree on. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray, Size, apply_homography, image_corners_xy
from engines.imaging.opencv import cv2
from engines.imaging.transforms.transform_fits import (
    MatrixModel,
    estimate_affine_magsac,
    estimate_homography_magsac,
    is_plausible,
)

_PARAMETERS = {"similarity": 4, "affine": 6, "homography": 8}
_LEAST_MATCHES = {"similarity": 3, "affine": 5, "homography": 8}
_ITERATIONS = 5000
_CONFIDENCE = 0.9999
_LEAST_LIKENESS = 0.5


@dataclass(frozen=True)
class Keypoints:
    """Keypoints of one image.

    Parameters
    ----------
    points_xy : ndarray of float64, (N, 2)
        View pixels.
    scores : ndarray of float32, (N,)
    descriptors : ndarray of float32, (N, D)
        Of length 1.
    """

    points_xy: FloatArray
    scores: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.points_xy)


@dataclass(frozen=True)
class Consensus:
    """A transform and the matches that support it.

    Parameters
    ----------
    fixed_from_moving : ndarray of float64, (3, 3)
        Between view pixels.
    model : str
    is_inlier : ndarray of bool, (M,)
    rmse_px : float
        Of the inliers, view pixels.
    """

    fixed_from_moving: FloatArray
    model: MatrixModel
    is_inlier: npt.NDArray[np.bool_]
    rmse_px: float

    @property
    def num_inliers(self) -> int:
        """Number of matches that agree."""
        return int(self.is_inlier.sum())


def mutual_matches(
    fixed: npt.NDArray[np.float32], moving: npt.NDArray[np.float32], ratio: float
) -> npt.NDArray[np.int64]:
    """Return pairs of indices that are each other's nearest descriptor, (M, 2).

    Parameters
    ----------
    fixed, moving : ndarray of float32, (N, D) and (K, D)
        Of length 1.
    ratio : float
        Largest ratio of the nearest to the second nearest distance, on either side; 1 keeps all.
    """
    if min(len(fixed), len(moving)) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    distance = np.sqrt(np.maximum(2 - 2 * fixed @ moving.T, 0))
    forward, backward = distance.argmin(axis=1), distance.argmin(axis=0)
    rows = np.flatnonzero(backward[forward] == np.arange(len(fixed)))
    columns = forward[rows]
    nearest = distance[rows, columns]
    second = np.minimum(
        np.partition(distance[rows], 1, axis=1)[:, 1], np.partition(distance[:, columns], 1, axis=0)[1]
    )
    kept = (nearest < ratio * second) | (ratio >= 1)
    return np.column_stack([rows[kept], columns[kept]]).astype(np.int64)


def guided_matches(fixed: Keypoints, moving: Keypoints, radius_px: float) -> npt.NDArray[np.int64]:
    """Return pairs of indices that are each other's most alike within a radius, (M, 2).

    Parameters
    ----------
    fixed, moving : Keypoints
        In one frame: the moving ones laid on the fixed image.
    radius_px : float
        Farther keypoints are not compared. There is no test of ratio: neighbours so near look alike.
    """
    if min(len(fixed), len(moving)) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    gaps = np.linalg.norm(fixed.points_xy[:, None] - moving.points_xy[None], axis=2)
    likeness = np.where(gaps <= radius_px, fixed.descriptors @ moving.descriptors.T, -np.inf)
    forward, backward = likeness.argmax(axis=1), likeness.argmax(axis=0)
    rows = np.flatnonzero(backward[forward] == np.arange(len(fixed)))
    kept = rows[likeness[rows, forward[rows]] >= _LEAST_LIKENESS]
    return np.column_stack([kept, forward[kept]]).astype(np.int64)


def find_consensus(
    fixed_xy: FloatArray,
    moving_xy: FloatArray,
    *,
    inlier_px: float,
    min_inliers: int,
    model: Literal["auto", "homography", "affine", "quadratic"] = "auto",
) -> Consensus | None:
    """Find the transform that most matches support.

    ``auto`` fits a similarity, an affine transform and a homography, drops implausible ones and takes
    the one whose truncated error, plus a price for each parameter, is least. So does ``quadratic``: the
    few matches of a network do not carry its twelve parameters, which the refinement adds.

    Parameters
    ----------
    fixed_xy, moving_xy : ndarray of float64, (M, 2)
        View pixels.
    inlier_px : float
    min_inliers : int
    model : "auto", "homography", "affine" or "quadratic"

    Returns
    -------
    Consensus or None
    """
    families: tuple[MatrixModel, ...] = (
        (model,) if model in ("homography", "affine") else ("similarity", "affine", "homography")
    )
    best: tuple[float, Consensus] | None = None
    for family in families:
        if len(fixed_xy) < _LEAST_MATCHES[family]:
            continue
        matrix = _estimate(family, fixed_xy, moving_xy, inlier_px)
        if matrix is None:
            continue
        error = np.linalg.norm(apply_homography(matrix, moving_xy) - fixed_xy, axis=1)
        is_inlier = error <= inlier_px
        if is_inlier.sum() < max(min_inliers, _LEAST_MATCHES[family]):
            continue
        truncated = float(np.minimum(np.square(error / inlier_px), 1.0).sum())
        cost = truncated + 0.5 * _PARAMETERS[family] * np.log(max(is_inlier.sum(), 2)) / 2
        rmse = float(np.sqrt(np.square(error[is_inlier]).mean()))
        if best is None or cost < best[0]:
            best = (cost, Consensus(matrix, family, is_inlier, rmse))
    return best[1] if best else None


def _estimate(
    family: MatrixModel, fixed_xy: FloatArray, moving_xy: FloatArray, inlier_px: float
) -> FloatArray | None:
    if family == "homography":
        return estimate_homography_magsac(moving_xy, fixed_xy, inlier_px).out_from_in
    if family == "affine":
        return estimate_affine_magsac(moving_xy, fixed_xy, inlier_px).out_from_in
    # OpenCV's estimator of similarities refuses MAGSAC.
    cv2.setRNGSeed(0)
    rows, _ = cv2.estimateAffinePartial2D(
        moving_xy,
        fixed_xy,
        method=cv2.RANSAC,
        ransacReprojThreshold=inlier_px,
        maxIters=_ITERATIONS,
        confidence=_CONFIDENCE,
    )
    if rows is None:
        return None
    matrix = np.vstack([rows, [0.0, 0.0, 1.0]]).astype(np.float64)
    return matrix if is_plausible(matrix, moving_xy) else None


def corner_error_px(estimated: FloatArray, true: FloatArray, size: Size) -> float:
    """Return the mean distance of the image corners under two transforms."""
    corners = image_corners_xy(size)
    gap = apply_homography(estimated, corners) - apply_homography(true, corners)
    return float(np.linalg.norm(gap, axis=1).mean())
