"""Pictures of a training: keypoints, matches, and the registered image in a checkerboard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray, apply_homography, invert
from engines.imaging.opencv import cv2
from engines.registration.training.warps import FloatImage, sample_through

Picture = npt.NDArray[np.uint8]

_GREEN, _RED, _AMBER = (80, 220, 90), (235, 70, 60), (240, 180, 60)
_TILES = 8
_MOST_LINES = 150
_LEAST_SIDE_PX = 320


def grey_picture(intensity: FloatImage, vesselness: FloatImage) -> Picture:
    """Return the network's input as a grey picture; vesselness stands in for a hidden intensity.

    Parameters
    ----------
    intensity, vesselness : ndarray of float32, (H, W)

    Returns
    -------
    ndarray of uint8, (H, W)
    """
    if not np.any(intensity):
        shown = vesselness
    elif intensity.min() < 0:
        shown = (intensity + 2.0) / 4.0
    else:
        shown = intensity
    return np.asarray(np.clip(shown, 0, 1) * 255, dtype=np.uint8)


def draw_keypoints(image: Picture, found_xy: FloatArray, true_xy: FloatImage) -> Picture:
    """Draw extracted bifurcations as red rings and predicted keypoints as green dots on top, (H, W, 3).

    A small image is enlarged, so that rings do not hide it.
    """
    canvas, factor = _enlarged(image)
    for x, y in _places(true_xy, factor):
        cv2.circle(canvas, (x, y), 4, _RED, 1, cv2.LINE_AA)
    for x, y in _places(found_xy, factor):
        cv2.circle(canvas, (x, y), 1, _GREEN, -1, cv2.LINE_AA)
    return np.asarray(canvas, dtype=np.uint8)


def draw_learned(image: Picture, given_xy: FloatImage, learned_xy: FloatArray) -> Picture:
    """Draw given points as red rings and points that training came to trust as amber dots, (H, W, 3)."""
    canvas, factor = _enlarged(image)
    for x, y in _places(given_xy, factor):
        cv2.circle(canvas, (x, y), 4, _RED, 1, cv2.LINE_AA)
    for x, y in _places(learned_xy, factor):
        cv2.circle(canvas, (x, y), 2, _AMBER, -1, cv2.LINE_AA)
    return np.asarray(canvas, dtype=np.uint8)


def _enlarged(image: Picture) -> tuple[npt.NDArray[np.uint8], int]:
    """Return an image in colour, enlarged by a whole factor so that points are told apart, and the factor."""
    factor = max(1, -(-_LEAST_SIDE_PX // max(image.shape)))
    size = (factor * image.shape[1], factor * image.shape[0])
    large = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC) if factor > 1 else image
    return np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2RGB), dtype=np.uint8), factor


def _places(points_xy: npt.ArrayLike, factor: int) -> list[tuple[int, int]]:
    points = np.asarray(points_xy, dtype=np.float64).reshape(-1, 2)
    return [(round(x), round(y)) for x, y in (points + 0.5) * factor - 0.5]


def side_by_side(images: Sequence[Picture]) -> Picture:
    """Lay grey pictures of one height beside each other with a thin gap."""
    gap = np.full((images[0].shape[0], 4), 128, dtype=np.uint8)
    row = [part for image in images for part in (image, gap)][:-1]
    return np.asarray(np.hstack(row), dtype=np.uint8)


def warped_picture(moving: Picture, fixed_from_moving: FloatArray | None) -> Picture:
    """Return the moving picture on the fixed grid, (H, W, 3); without transform as it is, in amber."""
    if fixed_from_moving is None:
        return _framed(cv2.cvtColor(moving, cv2.COLOR_GRAY2RGB))
    size = (moving.shape[1], moving.shape[0])
    warped = np.asarray(sample_through(moving, invert(fixed_from_moving), size), dtype=np.uint8)
    return np.asarray(cv2.cvtColor(warped, cv2.COLOR_GRAY2RGB), dtype=np.uint8)


def _framed(canvas: npt.NDArray[np.uint8]) -> Picture:
    cv2.rectangle(canvas, (0, 0), (canvas.shape[1] - 1, canvas.shape[0] - 1), _AMBER, 3)
    return np.asarray(canvas, dtype=np.uint8)


def draw_matches(
    fixed: Picture,
    moving: Picture,
    fixed_xy: FloatArray,
    moving_xy: FloatArray,
    homography_moving_from_fixed: FloatArray,
    right_px: float,
) -> Picture:
    """Draw both images side by side with their matches: green within `right_px` of the truth, else red."""
    canvas = np.ascontiguousarray(cv2.cvtColor(np.hstack([fixed, moving]), cv2.COLOR_GRAY2RGB))
    gap = np.linalg.norm(apply_homography(homography_moving_from_fixed, fixed_xy) - moving_xy, axis=1)
    # Wrong ones first, so that right ones lie on top.
    for index in np.argsort(-gap)[-_MOST_LINES:]:
        start = (round(fixed_xy[index, 0]), round(fixed_xy[index, 1]))
        end = (round(moving_xy[index, 0]) + fixed.shape[1], round(moving_xy[index, 1]))
        colour = _GREEN if gap[index] <= right_px else _RED
        cv2.line(canvas, start, end, colour, 1, cv2.LINE_AA)
    return np.asarray(canvas, dtype=np.uint8)


def checkerboard(fixed: Picture, moving: Picture, fixed_from_moving: FloatArray | None) -> Picture:
    """Lay the registered moving image under every other tile; an amber frame means no transform.

    Returns
    -------
    ndarray of uint8, (H, W, 3)
    """
    height, width = fixed.shape
    registered = (
        warped_picture(moving, fixed_from_moving)[:, :, 1] if fixed_from_moving is not None else moving
    )
    rows, columns = np.mgrid[0:height, 0:width]
    is_fixed = (rows * _TILES // height + columns * _TILES // width) % 2 == 0
    canvas = cv2.cvtColor(np.where(is_fixed, fixed, registered).astype(np.uint8), cv2.COLOR_GRAY2RGB)
    return _framed(canvas) if fixed_from_moving is None else np.asarray(canvas, dtype=np.uint8)
