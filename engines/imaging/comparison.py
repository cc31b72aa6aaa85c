"""Two images in one frame, compared: curtain, checkerboard, change of vessels, residual vectors, numbers.

Everything here lies in the frame of the fixed image; see `engines.imaging.screen_picture` for bringing a
moving image there.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray, Size, as_points_xy
from engines.imaging.field_of_view import BoolImage
from engines.imaging.images import ImageArray, to_grey, to_uint8
from engines.imaging.opencv import cv2
from engines.imaging.screen_picture import ByteImage
from engines.imaging.transforms.point_transform import PointTransform
from engines.imaging.vessels.vessel_features import prepare

_VESSEL_PERCENTILE = 90.0
_DIMMING = 0.45
_OVERLAP_GRID = 64
_NICE = (1, 2, 5)


class Change(IntEnum):
    """Classes of a change map."""

    NOTHING = 0
    KEPT = 1
    ADDED = 2
    REMOVED = 3


# -- composed pictures, as figures show them -------------------------------------------------------------


def blend_of(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> ByteImage:
    """Return two grey images of one size, uint8: the first in green and the second in magenta, RGB."""
    return np.asarray(np.dstack([second, first, second]), dtype=np.uint8)


def compose_curtain(first: ByteImage, second: ByteImage, share: float, *, is_vertical: bool) -> ByteImage:
    """Return the first image up to a share of the width, or of the height, and the second beyond.

    Parameters
    ----------
    first, second : ndarray of uint8, (H, W, 3)
    share : float
        0 to 1.
    is_vertical : bool
        Whether the edge runs from top to bottom.
    """
    composed = second.copy()
    length = composed.shape[1] if is_vertical else composed.shape[0]
    edge = round(min(max(share, 0.0), 1.0) * length)
    if is_vertical:
        composed[:, :edge] = first[:, :edge]
    else:
        composed[:edge] = first[:edge]
    return composed


def compose_checkerboard(first: ByteImage, second: ByteImage, tile_px: float) -> ByteImage:
    """Return tiles of the first and of the second image in turn; the tile at the origin is the first's."""
    rows = (np.arange(first.shape[0]) // max(1.0, tile_px)).astype(np.int64)
    columns = (np.arange(first.shape[1]) // max(1.0, tile_px)).astype(np.int64)
    is_second = ((rows[:, None] + columns[None, :]) % 2 == 1)[:, :, None]
    return np.where(is_second, second, first)


# -- change of vessels -----------------------------------------------------------------------------------


def vessel_mask(image: ImageArray) -> BoolImage:
    """Return the vessels of an image, ``(H, W)``: the strongest tenth of the line response inside its view.

    Slow: it filters the whole image in every direction.
    """
    features = prepare(image)
    response = features.lines.response
    inside = response[features.mask]
    if not inside.size:
        return np.zeros(image.shape[:2], dtype=bool)
    threshold = max(float(np.percentile(inside, _VESSEL_PERCENTILE)), 1e-6)
    mask = ((response > threshold) & features.mask).astype(np.uint8)
    size = (image.shape[1], image.shape[0])
    return np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST) > 0)


def change_between(first: BoolImage, second: BoolImage, tolerance_px: float = 2.0) -> ByteImage:
    """Compare two masks of the same frame, as `Change` by pixel.

    Parameters
    ----------
    first, second : ndarray of bool, (H, W)
    tolerance_px : float
        How far apart two pixels may lie and still be the same structure.
    """
    radius = max(0, round(tolerance_px))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    near_first, near_second = (cv2.dilate(mask.astype(np.uint8), disc) > 0 for mask in (first, second))
    change = np.full(first.shape, Change.NOTHING, dtype=np.uint8)
    change[first & ~near_second] = Change.REMOVED
    change[second & ~near_first] = Change.ADDED
    change[(first & near_second) | (second & near_first)] = Change.KEPT
    return change


def change_shares(change: ByteImage) -> dict[Change, float]:
    """Return how much of all marked pixels each class holds, 0 to 1; zeros where nothing is marked."""
    counts = np.bincount(change.ravel(), minlength=len(Change))
    total = int(counts[1:].sum())
    return {kind: (float(counts[kind]) / total if total else 0.0) for kind in list(Change)[1:]}


def paint_change(base: ImageArray, change: ByteImage, colours: Mapping[Change, str]) -> ByteImage:
    """Return a darkened grey image with the classes of a change map in colour, ``(H, W, 3)`` RGB.

    Parameters
    ----------
    base : ndarray of uint8 or uint16, (H, W) or (H, W, 3)
    change : ndarray of uint8, (H, W)
    colours : mapping of Change to ``"#rrggbb"``
    """
    grey = to_grey(to_uint8(base))
    painted = np.repeat((grey * _DIMMING).astype(np.uint8)[:, :, None], 3, axis=2)
    for kind, colour in colours.items():
        painted[change == kind] = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return painted


# -- residuals -------------------------------------------------------------------------------------------


class ResidualVectors(NamedTuple):
    """From where a transform puts moving points to where they belong, in fixed pixels.

    Parameters
    ----------
    mapped_xy, true_xy : ndarray of float64, (N, 2)
    length_px : ndarray of float64, (N,)
        Pairs outside the reach of the transform are left out.
    """

    mapped_xy: FloatArray
    true_xy: FloatArray
    length_px: FloatArray

    @property
    def mean_px(self) -> float | None:
        """Mean length; None without pairs."""
        return float(self.length_px.mean()) if len(self.length_px) else None


def residual_vectors(
    fixed_from_moving: PointTransform, fixed_xy: npt.ArrayLike, moving_xy: npt.ArrayLike
) -> ResidualVectors:
    """Return the residual of each pair, ``(N, 2)`` points each."""
    true, mapped = as_points_xy(fixed_xy), fixed_from_moving.apply(as_points_xy(moving_xy))
    is_defined = np.isfinite(mapped).all(axis=1)
    true, mapped = true[is_defined], mapped[is_defined]
    return ResidualVectors(mapped, true, np.hypot(*(true - mapped).T))


def magnification_for(length_px: FloatArray, wanted_px: float) -> int:
    """Return 1, 2, 5, 10, 20...: the most that keeps the 90th percentile of lengths within `wanted_px`."""
    typical = float(np.percentile(length_px, 90)) if len(length_px) else 0.0
    if typical <= 0:
        return 1
    return max(1, int(nice_length(min(wanted_px / typical, 100.0))))


def nice_length(limit: float) -> float:
    """Return the largest of ..., 0.1, 0.2, 0.5, 1, 2, 5, 10... that is not above a limit.

    Parameters
    ----------
    limit : float
        Above 0.
    """
    power = 10.0 ** np.floor(np.log10(limit))
    factor = max(step for step in _NICE if step * power <= limit * (1 + 1e-9))
    return float(factor * power)


def viridis(values: npt.ArrayLike) -> list[str]:
    """Return ``"#rrggbb"`` of the viridis scale for values from 0 to 1."""
    levels = np.rint(np.clip(np.asarray(values, dtype=np.float64), 0, 1) * 255).astype(np.uint8)
    if not levels.size:
        return []
    colours = np.asarray(cv2.applyColorMap(levels.reshape(-1, 1), cv2.COLORMAP_VIRIDIS))[:, 0]
    return [f"#{red:02x}{green:02x}{blue:02x}" for blue, green, red in colours]


# -- numbers ---------------------------------------------------------------------------------------------


def overlap_share(fixed_from_moving: PointTransform, fixed_size: Size, moving_size: Size) -> float:
    """Return the share of the fixed image that the warped moving image covers, 0 to 1, sampled on a grid."""
    x, y = ((np.arange(_OVERLAP_GRID) + 0.5) * side / _OVERLAP_GRID - 0.5 for side in fixed_size)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    back = fixed_from_moving.apply_inverse(points)
    with np.errstate(invalid="ignore"):
        is_inside = (back >= -0.5).all(axis=1) & (back <= np.array(moving_size) - 0.5).all(axis=1)
    return float(is_inside.mean())
