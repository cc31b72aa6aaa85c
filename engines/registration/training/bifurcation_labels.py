"""Detector labels: vessel bifurcations as points, and the soft map that the detector learns."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from engines.contract.geometry import FloatArray, Size
from engines.imaging.opencv import cv2

_KERNEL_SIDE = 13
_NOMINAL_SIZE_PX = 768
_SMALLEST_SIDE = 7
_NUM_SIGMAS = 2.0
_DUST = 1e-6


@cache
def label_kernel(side: int = _KERNEL_SIDE) -> npt.NDArray[np.float32]:
    """Return the soft spot around a labelled point, 1 in the middle and 0 at the corners.

    Differences of the normal distribution function on evenly spaced knots, as an outer product, under a
    square root, and stretched to 0..1.

    Parameters
    ----------
    side : int
        Odd side in pixels.

    Returns
    -------
    ndarray of float32, (side, side)
    """
    half_interval = (2 * _NUM_SIGMAS + 1) / (2 * side)
    knots = np.linspace(-_NUM_SIGMAS - half_interval, _NUM_SIGMAS + half_interval, side + 1)
    profile = np.diff(ndtr(knots))
    kernel = np.sqrt(np.outer(profile, profile))
    kernel = np.asarray((kernel - kernel.min()) / (kernel.max() - kernel.min()), dtype=np.float32)
    kernel.flags.writeable = False
    return np.asarray(kernel)


def kernel_side(image_size_px: int) -> int:
    """Return the side of the spot at a working size: 13 px at 768 px, and 7 px at least."""
    side = round(_KERNEL_SIDE * image_size_px / _NOMINAL_SIZE_PX)
    return max(_SMALLEST_SIDE, side + 1 - side % 2)


def label_map(points_xy: FloatArray, size: Size, side: int) -> npt.NDArray[np.float32]:
    """Return the detector's target: spots around points, added and cut at 1.

    Parameters
    ----------
    points_xy : ndarray of float64, (N, 2)
        Pixels; points off the image are left out.
    size : (width, height), px
    side : int
        Side of the spot.

    Returns
    -------
    ndarray of float32, (H, W)
    """
    width, height = size
    one_hot = np.zeros((height, width), dtype=np.float32)
    columns, rows = np.rint(points_xy).astype(np.int64).reshape(-1, 2).T
    is_on_image = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
    one_hot[rows[is_on_image], columns[is_on_image]] = 1.0
    soft = cv2.filter2D(one_hot, -1, label_kernel(side), borderType=cv2.BORDER_CONSTANT)
    # OpenCV filters by Fourier transform, which leaves a dust of rounding errors.
    return np.asarray(np.where(soft < _DUST, 0.0, np.minimum(soft, 1.0)), dtype=np.float32)
