"""Colours of signed distances: one end of the scale inside the reference, the other outside, pale at 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engines.imaging.screen_picture import ByteImage

SMALLEST_END_MM = 0.5
MIDDLE = "#f2f2f2"
NO_OFFSET = "#181818"
_DIMMING = 0.45
_PERCENTILE = 98.0


def scale_end_mm(sizes_mm: npt.NDArray[np.float32]) -> float:
    """Return a round distance that nearly all of them do not exceed: the end of the colour scale."""
    wanted = max(float(np.percentile(sizes_mm, _PERCENTILE)) if sizes_mm.size else 0.0, SMALLEST_END_MM)
    power = 10.0 ** np.floor(np.log10(wanted))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= wanted * (1 - 1e-6)))


def distance_colours(
    distance_mm: npt.NDArray[Any], end_mm: float, ends: tuple[str, str], middle: str = MIDDLE
) -> npt.NDArray[np.float32]:
    """Return RGB, 0 to 255, of signed distances.

    Parameters
    ----------
    distance_mm : ndarray, (N,)
    end_mm : float
        Distances beyond it have the colour of the end.
    ends : ("#rrggbb", "#rrggbb")
        Furthest inside and furthest outside.
    middle : "#rrggbb"
        Of 0.
    """
    inside, pale, outside = (_rgb(colour) for colour in (ends[0], middle, ends[1]))
    share = np.clip(np.asarray(distance_mm, dtype=np.float32) / end_mm, -1, 1)[:, None]
    end = np.where(share < 0, inside, outside)
    return np.asarray(pale + np.abs(share) * (end - pale), dtype=np.float32)


def paint_distance(
    grey: ByteImage, distance_mm: npt.NDArray[np.float32], end_mm: float, ends: tuple[str, str]
) -> ByteImage:
    """Return a darkened slice with its surface in the colours of distances, ``(H, W, 3)`` RGB.

    Parameters
    ----------
    grey : ndarray of uint8, (H, W)
    distance_mm : ndarray of float32, (H, W)
        NaN where there is no surface.
    """
    painted = np.repeat((grey * _DIMMING).astype(np.uint8)[:, :, None], 3, axis=2)
    place = np.isfinite(distance_mm)
    painted[place] = distance_colours(distance_mm[place], end_mm, ends).astype(np.uint8)
    return painted


def paint_offset(offset: npt.NDArray[np.float32], end: float, ends: tuple[str, str]) -> ByteImage:
    """Return a slice of differences in colours, ``(H, W, 3)`` RGB: dark at 0, so that what differs shines.

    Parameters
    ----------
    offset : ndarray of float32, (H, W)
        NaN where there is none.
    end : float
        Differences beyond it have the colour of the end.
    ends : ("#rrggbb", "#rrggbb")
        Below and above.
    """
    values = np.nan_to_num(offset, nan=0.0).reshape(-1)
    return distance_colours(values, end, ends, NO_OFFSET).astype(np.uint8).reshape(*offset.shape, 3)


def _rgb(colour: str) -> npt.NDArray[np.float32]:
    return np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)], dtype=np.float32)
