"""Images made ready for the screen: in its byte order, with halved copies, warped no finer than needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray, Size, apply_homography, compose, resize_matrix
from engines.imaging.field_of_view import BoolImage
from engines.imaging.images import ImageArray, to_uint8
from engines.imaging.opencv import cv2
from engines.imaging.pyramid import ImagePyramid
from engines.imaging.transforms.curved_transform import CurvedTransform, ResizedCurve
from engines.imaging.transforms.point_transform import PointTransform
from engines.imaging.transforms.sampling_map import FINAL_NODES, PREVIEW_NODES
from engines.imaging.transforms.warping import Interpolation, warp_to_fixed

ByteImage = npt.NDArray[np.uint8]

SCREEN_LIMIT_PX = 4096
"""Longest side of a picture for the screen; what is larger is shown reduced."""
COARSE_LIMIT_PX = 1024
"""Longest side of a picture that shows no more than a coarse grid of a curved transform does."""
_SMALLEST_LEVEL_PX = 256


@dataclass(frozen=True, eq=False)
class Picture:
    """An image ready for the screen: its pixels and halved copies of them.

    Parameters
    ----------
    size : (width, height), px
        Of the frame that it fills, whatever the size of its pixels.
    levels : tuple of ndarray of uint8, (H, W, 4)
        Blue, green, red and 255; the first is the largest, each other half as large.
    """

    size: Size
    levels: tuple[ByteImage, ...]

    @property
    def scale(self) -> float:
        """Pixels of the largest level for one pixel of the frame; under 1 when reduced."""
        return self.levels[0].shape[1] / self.size[0]


def picture_of(image: ImageArray | BoolImage, size: Size | None = None) -> Picture:
    """Make a picture.

    Parameters
    ----------
    image : ndarray of uint8, uint16 or bool, (H, W) or (H, W, 3) RGB
    size : (width, height), px, or None
        Of the frame when the image is a reduced copy.
    """
    pixels = image.astype(np.uint8) * 255 if image.dtype == bool else to_uint8(image)
    code = cv2.COLOR_GRAY2BGRA if pixels.ndim == 2 else cv2.COLOR_RGB2BGRA
    level = np.ascontiguousarray(cv2.cvtColor(np.ascontiguousarray(pixels), code))
    levels = [level]
    while min(level.shape[:2]) >= 2 * _SMALLEST_LEVEL_PX:
        half = (level.shape[1] // 2, level.shape[0] // 2)
        level = np.ascontiguousarray(cv2.resize(level, half, interpolation=cv2.INTER_AREA))
        levels.append(level)
    return Picture(size or (image.shape[1], image.shape[0]), tuple(levels))


class ResizedTransform(PointTransform):
    """A transform between resized copies of the two images that it was made for.

    Parameters
    ----------
    inner : PointTransform
        Between the images.
    in_from_inner, out_from_inner : ndarray of float64, (3, 3)
        The resizes.
    """

    def __init__(self, inner: PointTransform, in_from_inner: FloatArray, out_from_inner: FloatArray) -> None:
        self._inner = inner
        self._in_from_inner, self._out_from_inner = in_from_inner, out_from_inner
        self._inner_from_in = np.linalg.inv(in_from_inner)
        self._inner_from_out = np.linalg.inv(out_from_inner)

    @property
    def matrix(self) -> FloatArray | None:
        """``out_from_in`` of the copies."""
        inner = self._inner.matrix
        return None if inner is None else compose(self._out_from_inner, inner, self._inner_from_in)

    def apply(self, in_xy: npt.ArrayLike) -> FloatArray:
        """Map points; see `PointTransform.apply`."""
        inner = self._inner.apply(apply_homography(self._inner_from_in, in_xy))
        return apply_homography(self._out_from_inner, inner)

    def apply_inverse(self, out_xy: npt.ArrayLike) -> FloatArray:
        """Map points back; see `PointTransform.apply_inverse`."""
        inner = self._inner.apply_inverse(apply_homography(self._inner_from_out, out_xy))
        return apply_homography(self._in_from_inner, inner)


def level_for_screen(image: npt.NDArray[Any] | ImagePyramid) -> tuple[npt.NDArray[Any], Size]:
    """Return pixels that are not too many for the screen, and the size of the whole image.

    Parameters
    ----------
    image : ndarray or ImagePyramid
        An array is returned as it is.
    """
    size = (image.shape[1], image.shape[0])
    if not isinstance(image, ImagePyramid):
        return image, size
    fine = (level for level in image.levels if max(level.shape[:2]) <= SCREEN_LIMIT_PX)
    return np.asarray(next(fine, image.levels[-1])), size


def screen_size(size: Size, max_side_px: int = SCREEN_LIMIT_PX) -> Size:
    """Return a size that is no longer than a limit, with the same shape."""
    longest = max(size)
    if longest <= max_side_px:
        return size
    return max(1, round(size[0] * max_side_px / longest)), max(1, round(size[1] * max_side_px / longest))


def fit_for_screen(
    image: ImageArray | BoolImage, max_side_px: int = SCREEN_LIMIT_PX
) -> ImageArray | BoolImage:
    """Return an image, reduced when a side is longer than the limit."""
    size = (image.shape[1], image.shape[0])
    return resize_to(image, screen_size(size, max_side_px))


def resize_to(image: npt.NDArray[Any], size: Size) -> npt.NDArray[Any]:
    """Return an image at a size, masks by the nearest pixel; the image itself when it has it already."""
    if size == (image.shape[1], image.shape[0]):
        return image
    if image.dtype == bool:
        return np.asarray(cv2.resize(image.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def warp_for_screen(
    moving: ImageArray,
    fixed_from_moving: PointTransform,
    fixed_size: Size,
    *,
    max_side_px: int = SCREEN_LIMIT_PX,
    interpolation: Interpolation = "linear",
    moving_size: Size | None = None,
) -> ImageArray:
    """Resample a moving image on the fixed pixels, or on coarser ones when there are too many.

    Parameters
    ----------
    moving : ndarray of uint8 or uint16, (H, W) or (H, W, 3)
    fixed_from_moving : PointTransform
    fixed_size : (width, height), px
    max_side_px : int
        Longest side of the result, and of the moving image that is read for it.
    interpolation : "nearest", "linear" or "cubic"
    moving_size : (width, height), px, or None
        That the transform was made for, when `moving` is a reduced copy.

    Returns
    -------
    ndarray
        Of the size `screen_size` gives.
    """
    target = screen_size(fixed_size, max_side_px)
    size = moving_size or (moving.shape[1], moving.shape[0])
    if target == fixed_size and size == (moving.shape[1], moving.shape[0]):
        return warp_to_fixed(moving, fixed_from_moving, fixed_size, interpolation)
    # Twice as fine as the target, so that a magnifying transform still finds its detail.
    small = fit_for_screen(moving, 2 * max_side_px)
    small_size = (small.shape[1], small.shape[0])
    resizes = resize_matrix(size, small_size), resize_matrix(fixed_size, target)
    is_curved = isinstance(fixed_from_moving, CurvedTransform)
    resized = (ResizedCurve if is_curved else ResizedTransform)(fixed_from_moving, *resizes)
    num_nodes = PREVIEW_NODES if max_side_px <= COARSE_LIMIT_PX else FINAL_NODES
    return warp_to_fixed(small, resized, target, interpolation, num_nodes=num_nodes)


def encode_png(pixels: ByteImage) -> bytes:
    """Return an image, ``(H, W, 3)`` RGB uint8, as the bytes of a PNG file."""
    _is_encoded, encoded = cv2.imencode(".png", np.ascontiguousarray(pixels[:, :, ::-1]))
    return bytes(encoded.tobytes())
