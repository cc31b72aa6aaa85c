"""Field of view: which pixels of a retinal image show the eye, and the size at which vessels compare.

Captions, grey panels and black borders are background. Everything downstream works at a *common size*
in which the circle around the field of view has one fixed diameter, whatever the canvas or rotation.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray, Size, resize_matrix
from engines.imaging.opencv import cv2

BoolImage = npt.NDArray[np.bool_]

FIELD_DIAMETER_PX = 640.0
"""Diameter of the field of view at the common size."""
_LONG_SIDE_LIMITS_PX = (320, 1408)
_PREVIEW_LONG_SIDE_PX = 320
_DARK_LEVEL = 12.0
_DARK_SHARE = 0.18
_FLAT_RANGE = 3.0
_FLAT_WINDOW_PX = 7
_OPENING_SHARE = 0.01
_EROSION_SHARE = 0.015
_SMALLEST_SHARE = 0.10


def field_of_view(image: npt.NDArray[np.uint8]) -> BoolImage:
    """Return the field of view, not eroded.

    Background is what is dark or flat and connected to the border of the image. Flatness removes the
    grey panels round angiograms; darkness relative to the image removes faint panels round photographs.

    Parameters
    ----------
    image : ndarray of uint8, (H, W) or (H, W, 3)

    Returns
    -------
    ndarray of bool, (H, W)
        One component without holes; the whole image when less than a tenth of it would remain.
    """
    channels = image if image.ndim == 3 else image[:, :, None]
    smooth = cv2.GaussianBlur(channels, (0, 0), 1.0)
    brightness = smooth.reshape(channels.shape).max(axis=2)
    raw = np.ascontiguousarray(channels.max(axis=2))
    window = np.ones((_FLAT_WINDOW_PX, _FLAT_WINDOW_PX), np.uint8)
    value_range = cv2.subtract(cv2.dilate(raw, window), cv2.erode(raw, window))
    is_dark = brightness <= max(_DARK_LEVEL, _DARK_SHARE * float(np.percentile(brightness, 90)))
    background = _connected_to_border(is_dark | (value_range <= _FLAT_RANGE))

    radius = max(1, round(_OPENING_SHARE * max(image.shape[:2])))
    opened = cv2.morphologyEx(
        (~background).astype(np.uint8),
        cv2.MORPH_OPEN,
        ellipse(radius),
        borderType=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    largest = _largest_component(opened)
    filled = ~_connected_to_border(~largest)
    if filled.mean() < _SMALLEST_SHARE or not largest.any():
        return np.ones(image.shape[:2], dtype=bool)
    return filled


def erode_field_of_view(mask: BoolImage) -> BoolImage:
    """Shrink a field of view by 1.5 % of the long side; outside of the image counts as background."""
    radius = max(1, round(_EROSION_SHARE * max(mask.shape)))
    eroded = cv2.erode(mask.astype(np.uint8), ellipse(radius), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return eroded.astype(bool)


def common_size(
    image: npt.NDArray[np.uint8], diameter_px: float = FIELD_DIAMETER_PX
) -> tuple[Size, FloatArray]:
    """Return the size at which the field of view has a certain diameter.

    Parameters
    ----------
    image : ndarray of uint8, (H, W) or (H, W, 3)
    diameter_px : float
        Of the circle round the field of view.

    Returns
    -------
    size : (width, height), px
    common_from_native : ndarray of float64, (3, 3)
        Exact pixel-centre matrix of the resize.
    """
    height, width = image.shape[:2]
    ratio = _PREVIEW_LONG_SIDE_PX / max(width, height)
    preview = resize(image, (max(1, round(width * ratio)), max(1, round(height * ratio))))
    _, radius = enclosing_circle(field_of_view(preview))
    scale = ratio * diameter_px / (2.0 * radius)
    limits = (limit * diameter_px / FIELD_DIAMETER_PX for limit in _LONG_SIDE_LIMITS_PX)
    low, high = (limit / max(width, height) for limit in limits)
    scale = min(max(scale, low), high)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return size, resize_matrix((width, height), size)


def resize(image: npt.NDArray[np.uint8], size: Size) -> npt.NDArray[np.uint8]:
    """Resize to ``(width, height)``: by area when it shrinks, bilinear when it grows."""
    shrinks = size[0] * size[1] < image.shape[0] * image.shape[1]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))


def enclosing_circle(mask: BoolImage) -> tuple[tuple[float, float], float]:
    """Return centre ``(x, y)`` and radius in pixels of the smallest circle around a mask.

    An empty mask gives the circle around the whole image.
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        height, width = mask.shape
        return ((width - 1) / 2, (height - 1) / 2), float(np.hypot(width, height)) / 2
    centre, radius = cv2.minEnclosingCircle(np.concatenate(contours))
    return (float(centre[0]), float(centre[1])), float(radius) + 0.5


def ellipse(radius_px: int) -> npt.NDArray[np.uint8]:
    """Return a round structuring element, (2 r + 1, 2 r + 1)."""
    side = 2 * radius_px + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), dtype=np.uint8)


def _connected_to_border(mask: BoolImage) -> BoolImage:
    """Keep the 4-connected components that touch the border."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    is_border = np.zeros(int(labels.max()) + 1, dtype=bool)
    is_border[np.unique(border)] = True
    is_border[0] = False
    return np.asarray(is_border[labels])


def _largest_component(mask: npt.NDArray[np.uint8]) -> BoolImage:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if len(stats) < 2:
        return np.zeros(mask.shape, dtype=bool)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))
