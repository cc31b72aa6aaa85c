"""Facts of one registration beside its landmark error: how it came about, and whether it is plausible."""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.contract.geometry import FloatArray, image_corners_xy
from engines.imaging.opencv import cv2
from engines.registration.evaluation.conditions import ScoredPair
from engines.registration.inference.pair_result import PairResult

_CELLS = 4


def facts_of(result: PairResult, pair: ScoredPair) -> dict[str, Any]:
    """Return verdict, agreement, matches and plausibility of a result, None where it does not apply."""
    facts: dict[str, Any] = {
        "verdict": result.verdict,
        "model": result.model or None,
        "z": result.z,
        "s": result.s,
        "overlap": result.overlap,
        "sharpness": result.sharpness,
        "source": result.source or None,
        "cpu_s": None if result.cpu_s is None else round(result.cpu_s, 3),
    }
    if result.keypoints is not None:
        is_inlier = np.asarray(result.keypoints["is_inlier"], dtype=bool)
        inliers_xy = np.asarray(result.keypoints["fixed_xy"], dtype=np.float64).reshape(-1, 2)[is_inlier]
        facts |= {
            "matches": len(is_inlier),
            "inliers": int(is_inlier.sum()),
            "inlier_ratio": float(is_inlier.mean()) if len(is_inlier) else None,
            "coverage": hull_share(inliers_xy, pair.fixed.shape[:2]),
            "cells": occupied_cells(inliers_xy, pair.fixed.shape[:2]),
        }
    if result.homography_fixed_from_moving is not None:
        facts |= _shape_of(result.homography_fixed_from_moving, pair)
    return facts


def _shape_of(matrix: FloatArray, pair: ScoredPair) -> dict[str, Any]:
    """Return scale, stretch and perspective at the centre of the moving image."""
    height, width = pair.moving.shape[:2]
    centre = np.array([(width - 1) / 2, (height - 1) / 2, 1.0])
    x, y, depth = matrix @ centre
    slopes = (matrix[:2, :2] - np.outer([x / depth, y / depth], matrix[2, :2])) / depth
    large, small = np.linalg.svd(slopes, compute_uv=False)
    corners = np.column_stack([image_corners_xy((width, height)), np.ones(4)]) @ matrix[2]
    return {
        "scale": float(np.sqrt(max(large * small, 0.0)) * np.sign(np.linalg.det(slopes))),
        "stretch": float(large / max(small, 1e-12)),
        "perspective": float(np.abs(corners / depth - 1).max()),
    }


def hull_share(points_xy: FloatArray, shape: tuple[int, ...]) -> float:
    """Return the share of an image (H, W) that the convex hull of points covers."""
    if len(points_xy) < 3:
        return 0.0
    hull = cv2.convexHull(points_xy.astype(np.float32))
    return float(cv2.contourArea(hull)) / float(shape[0] * shape[1])


def occupied_cells(points_xy: FloatArray, shape: tuple[int, ...]) -> int:
    """Return how many cells of a 4 x 4 grid hold a point."""
    if len(points_xy) == 0:
        return 0
    columns = np.clip(points_xy[:, 0] * _CELLS / shape[1], 0, _CELLS - 1).astype(int)
    rows = np.clip(points_xy[:, 1] * _CELLS / shape[0], 0, _CELLS - 1).astype(int)
    return len(set(zip(rows.tolist(), columns.tolist(), strict=True)))
