"""Checkerboards of registered pairs, with the error of every landmark."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engines.imaging.opencv import cv2
from engines.imaging.transforms.point_transform import PointTransform
from engines.imaging.transforms.warping import checkerboard, stretched
from engines.registration.evaluation.conditions import ScoredPair

_LONG_SIDE_PX = 640
_TILES = 8
_GREEN, _AMBER, _RED = (80, 220, 90), (240, 180, 60), (235, 70, 60)
_RIGHT_PX, _FAIR_PX = 5.0, 25.0


def hard_pair_picture(pair: ScoredPair, fixed_from_moving: PointTransform | None) -> npt.NDArray[np.uint8]:
    """Draw a checkerboard of both images with the landmarks on it.

    A ring marks where a landmark belongs, a line leads to where the transform puts it: green within 5 px,
    amber within 25 px, else red. Without a transform both images stand side by side.

    Returns
    -------
    ndarray of uint8, (H, W, 3)
        Long side of 640 px at most.
    """
    fixed, moving = stretched(pair.fixed), stretched(pair.moving)
    if fixed_from_moving is None:
        height = max(fixed.shape[0], moving.shape[0])
        padded = [
            cv2.copyMakeBorder(image, 0, height - image.shape[0], 0, 0, cv2.BORDER_CONSTANT, value=0)
            for image in (fixed, moving)
        ]
        return _shrunk(np.dstack([np.hstack(padded)] * 3))
    tile_px = max(8, max(fixed.shape) // _TILES)
    canvas = np.ascontiguousarray(checkerboard(fixed, moving, fixed_from_moving, tile_px))
    mapped = fixed_from_moving.apply(pair.moving_xy)
    thickness = max(1, round(max(fixed.shape) / 640))
    for seen, found in zip(pair.fixed_xy, mapped, strict=True):
        gap = float(np.linalg.norm(found - seen))
        colour = _GREEN if gap <= _RIGHT_PX else _AMBER if gap <= _FAIR_PX else _RED
        start = (round(seen[0]), round(seen[1]))
        cv2.circle(canvas, start, 6 * thickness, colour, thickness, cv2.LINE_AA)
        if np.isfinite(found).all() and np.abs(found).max() < 1e5:
            cv2.line(canvas, start, (round(found[0]), round(found[1])), colour, thickness, cv2.LINE_AA)
    return _shrunk(canvas)


def _shrunk(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = picture.shape[:2]
    ratio = min(1.0, _LONG_SIDE_PX / max(width, height))
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
