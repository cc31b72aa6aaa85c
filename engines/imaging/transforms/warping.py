"""Images under a transform: warped, turned, blended, and as a checkerboard."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray, Size, rotation_on_enlarged_canvas
from engines.imaging.images import ImageArray, channel_for_vessels, to_uint8
from engines.imaging.opencv import cv2
from engines.imaging.transforms.point_transform import PointTransform
from engines.imaging.transforms.sampling_map import FINAL_NODES, sampling_map

Interpolation: TypeAlias = Literal["nearest", "linear", "cubic"]
_FLAGS = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}
_STRETCH_PERCENTILES = (1.0, 99.0)


def warp_to_fixed(
    moving: ImageArray,
    fixed_from_moving: npt.ArrayLike | PointTransform,
    fixed_size: Size,
    interpolation: Interpolation = "linear",
    *,
    num_nodes: int = FINAL_NODES,
) -> ImageArray:
    """Resample a moving image on the pixels of the fixed image.

    Parameters
    ----------
    moving : ndarray of uint8 or uint16, (H, W) or (H, W, 3)
    fixed_from_moving : (3, 3) array_like or PointTransform
    fixed_size : (width, height), px
    interpolation : "nearest", "linear" or "cubic"
        Nearest for masks and label maps.
    num_nodes : int
        Of the grid on which a curved transform is inverted; `PREVIEW_NODES` while a point is dragged.

    Returns
    -------
    ndarray of the same type, (height, width) or (height, width, 3)
        0 where the moving image does not reach.
    """
    is_transform = isinstance(fixed_from_moving, PointTransform)
    matrix = fixed_from_moving.matrix if is_transform else np.asarray(fixed_from_moving, dtype=np.float64)
    if matrix is not None:
        return np.asarray(cv2.warpPerspective(moving, matrix, fixed_size, flags=_FLAGS[interpolation]))
    return resample(moving, sampling_map(fixed_from_moving, fixed_size, num_nodes), interpolation)


def resample(
    moving: ImageArray, moving_from_fixed_xy: npt.NDArray[np.float32], interpolation: Interpolation = "linear"
) -> ImageArray:
    """Resample a moving image through a `sampling_map`, which serves any number of images.

    Parameters
    ----------
    moving : ndarray of uint8 or uint16, (H, W) or (H, W, 3)
    moving_from_fixed_xy : ndarray of float32, (height, width, 2)

    Returns
    -------
    ndarray of the same type, (height, width) or (height, width, 3)
        0 where the moving image does not reach.
    """
    flags = _FLAGS[interpolation]
    return np.asarray(cv2.remap(moving, moving_from_fixed_xy, None, flags, borderMode=cv2.BORDER_CONSTANT))


def rotate_on_enlarged_canvas(
    image: ImageArray, degrees: float, interpolation: Interpolation = "linear"
) -> tuple[ImageArray, FloatArray]:
    """Turn an image counter-clockwise about its centre; nothing is cut off.

    Returns
    -------
    rotated : ndarray
        At 0 degrees the image itself.
    rotated_from_original : ndarray of float64, (3, 3)
    """
    matrix, size = rotation_on_enlarged_canvas((image.shape[1], image.shape[0]), degrees)
    if degrees % 360.0 == 0.0:
        return image, matrix
    return warp_to_fixed(image, matrix, size, interpolation), matrix


def blend(
    fixed: ImageArray, moving: ImageArray, fixed_from_moving: npt.ArrayLike | PointTransform
) -> npt.NDArray[np.uint8]:
    """Return the fixed image in green and the moving one in magenta, ``(H, W, 3)`` RGB uint8.

    Where both are equally bright the result is grey to white. Both are stretched to full contrast.
    """
    green = stretched(fixed)
    size = (fixed.shape[1], fixed.shape[0])
    magenta = warp_to_fixed(stretched(moving), fixed_from_moving, size)
    return np.dstack([magenta, green, magenta]).astype(np.uint8)


def checkerboard(
    fixed: ImageArray,
    moving: ImageArray,
    fixed_from_moving: npt.ArrayLike | PointTransform,
    tile_px: int = 64,
) -> npt.NDArray[np.uint8]:
    """Return squares of the fixed and of the warped moving image in turn, ``(H, W, 3)`` RGB uint8."""
    size = (fixed.shape[1], fixed.shape[0])
    warped = warp_to_fixed(moving, fixed_from_moving, size)
    rows, columns = np.indices(fixed.shape[:2]) // max(1, tile_px)
    is_fixed = ((rows + columns) % 2 == 0)[:, :, None]
    return np.where(is_fixed, _as_rgb(fixed), _as_rgb(warped)).astype(np.uint8)


def _as_rgb(image: ImageArray) -> npt.NDArray[np.uint8]:
    eight_bit = to_uint8(image)
    return eight_bit if eight_bit.ndim == 3 else np.dstack([eight_bit] * 3)


def stretched(image: ImageArray) -> npt.NDArray[np.uint8]:
    """Return the channel that shows vessels best at full contrast, ``(H, W)``."""
    grey = channel_for_vessels(to_uint8(image))
    seen = grey[grey > 0]
    low, high = np.percentile(seen, _STRETCH_PERCENTILES) if seen.size else (0.0, 1.0)
    scaled = (grey.astype(np.float32) - low) * (255.0 / max(high - low, 1.0))
    return scaled.clip(0, 255).astype(np.uint8)
