"""Vessel centre lines: from a line filter's response to thin curves and to points with directions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from skimage.filters import apply_hysteresis_threshold
from skimage.morphology import skeletonize

from engines.contract.geometry import FloatArray
from engines.imaging.field_of_view import BoolImage
from engines.imaging.opencv import cv2
from engines.imaging.vessels.vesselness import LineMap

_LOW_PERCENTILE = 88.0
_HIGH_PERCENTILE = 94.0
_SHORTEST_PX = 25
# Vessels reach 0.5 and more; what is under this is rounding in an image without lines.
_LOWEST_RESPONSE = 0.02
NUM_POINTS = 4000


@dataclass(frozen=True)
class SkeletonPoints:
    """Points on vessel centre lines.

    Parameters
    ----------
    points_xy : ndarray of float64, (N, 2)
        Pixels.
    directions : ndarray of float64, (N,)
        Direction of the vessel in radians, modulo pi.
    """

    points_xy: FloatArray
    directions: FloatArray

    def __len__(self) -> int:
        return len(self.points_xy)


def skeleton_of_response(lines: LineMap, mask: BoolImage) -> BoolImage:
    """Threshold a response with hysteresis inside a mask, thin it, and drop short pieces.

    Parameters
    ----------
    lines : LineMap
    mask : ndarray of bool, (H, W)

    Returns
    -------
    ndarray of bool, (H, W)
    """
    return drop_small_components(skeletonize(vessels_of_response(lines, mask)), _SHORTEST_PX)


def vessels_of_response(lines: LineMap, mask: BoolImage) -> BoolImage:
    """Threshold a response with hysteresis inside a mask, ``(H, W)``: vessels as wide as they respond."""
    values = lines.response[mask]
    if values.size == 0:
        return np.zeros_like(mask)
    low, high = np.percentile(values, [_LOW_PERCENTILE, _HIGH_PERCENTILE])
    inside = np.where(mask, lines.response, 0.0)
    vessels = apply_hysteresis_threshold(inside, *np.maximum([low, high], _LOWEST_RESPONSE))
    return np.asarray(vessels, dtype=bool)


def skeleton_points(skeleton: BoolImage, direction: npt.NDArray[np.float32], seed: int = 0) -> SkeletonPoints:
    """Sample at most `NUM_POINTS` points of a skeleton, each with its direction.

    Parameters
    ----------
    skeleton : ndarray of bool, (H, W)
    direction : ndarray of float32, (H, W)
        Radians.
    seed : int
        Of the choice when there are more points.
    """
    rows, columns = np.nonzero(skeleton)
    if len(rows) > NUM_POINTS:
        kept = np.sort(np.random.default_rng(seed).choice(len(rows), NUM_POINTS, replace=False))
        rows, columns = rows[kept], columns[kept]
    points_xy = np.column_stack([columns, rows]).astype(np.float64)
    return SkeletonPoints(points_xy, direction[rows, columns].astype(np.float64))


def drop_small_components(mask: BoolImage, smallest_px: int) -> BoolImage:
    """Remove 8-connected components of fewer than `smallest_px` pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    is_kept = stats[:, cv2.CC_STAT_AREA] >= smallest_px
    is_kept[0] = False
    return np.asarray(is_kept[labels])
