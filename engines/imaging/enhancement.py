"""How an image is shown while it is annotated: other grey values, never other data.

The order is fixed: green channel, local contrast (CLAHE), inversion, window. A window ``(low, high)`` are
the values shown black and white, on the scale of what came before it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engines.imaging.field_of_view import common_size, erode_field_of_view, field_of_view, resize
from engines.imaging.images import ImageArray, channel_for_vessels, to_uint8
from engines.imaging.opencv import cv2
from engines.imaging.vessels.vesselness import flatten_field, line_maps

Window: TypeAlias = tuple[float, float]

_CLAHE_LIMIT = 3.0
_CLAHE_TILES = (8, 8)
_AUTO_PERCENTILES = (0.5, 99.5)
_MOST_SAMPLES = 250_000
_VESSEL_PERCENTILES = (80.0, 99.0)
_NARROWEST_SHARE = 1e-3
_WIDTH_PER_PX = 1 / 200
_CENTRE_PER_PX = 1 / 400


@dataclass(frozen=True, slots=True)
class Enhancement:
    """What is done to the pixels before they are shown.

    Parameters
    ----------
    is_green : bool
        Show the green channel of a colour image, in which vessels stand out.
    has_local_contrast : bool
        Contrast limited adaptive histogram equalisation.
    is_inverted : bool
    window : (low, high) or None
        Of colour images only; a grey image is windowed by the canvas.
    """

    is_green: bool = False
    has_local_contrast: bool = False
    is_inverted: bool = False
    window: Window | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether the image stays as it is."""
        return self == Enhancement()


def enhance(image: ImageArray, how: Enhancement) -> ImageArray:
    """Return the image as it is to be shown; the one that is given stays as it is.

    Parameters
    ----------
    image : ndarray of uint8 or uint16, (H, W) or (H, W, 3) RGB
    how : Enhancement

    Returns
    -------
    ndarray of uint8 or uint16, (H, W) or (H, W, 3)
        The image itself when nothing is to be done.
    """
    shown = channel_for_vessels(image) if how.is_green else image
    if how.has_local_contrast:
        shown = _equalised(shown)
    if how.is_inverted:
        top = np.array(full_window(shown)[1], dtype=shown.dtype)
        shown = np.asarray(top - np.minimum(shown, top), dtype=shown.dtype)
    if how.window is not None and shown.ndim == 3:
        shown = _windowed(shown, how.window)
    return shown


def full_window(image: npt.NDArray[np.generic]) -> Window:
    """Return the window of the whole range: 0 to 255, or to the bit depth that a 16-bit image uses."""
    if image.dtype == np.uint8 or image.size == 0:
        return 0.0, 255.0
    brightest = float(_samples(image).max())
    if not np.issubdtype(image.dtype, np.integer):
        return float(_samples(image).min()), brightest
    bits = max(8, math.ceil(math.log2(brightest + 1)))
    return 0.0, float(2**bits - 1)


def auto_window(image: ImageArray) -> Window:
    """Return the window that leaves out the darkest and brightest half per cent of the field of view."""
    values = _samples(image)
    seen = values[values > 0]
    low, high = np.percentile(seen if seen.size else values, _AUTO_PERCENTILES)
    return float(low), float(max(high, low + 1.0))


def dragged_window(window: Window, right_px: float, down_px: float, full: Window) -> Window:
    """Return a window changed by a drag: to the right wider (less contrast), down darker.

    Parameters
    ----------
    window, full : (low, high)
        The present one, and that of the whole range, which sets the pace.
    right_px, down_px : float
        Pixels of the screen.
    """
    span = full[1] - full[0]
    width = max((window[1] - window[0]) * math.exp(right_px * _WIDTH_PER_PX), span * _NARROWEST_SHARE)
    centre = (window[0] + window[1]) / 2 + down_px * _CENTRE_PER_PX * span
    return centre - width / 2, centre + width / 2


def vessel_map(image: ImageArray) -> npt.NDArray[np.float32]:
    """Return where vessels are, 0 to 1, at the common size, which is smaller than most images.

    Whether vessels are darker or brighter than their surroundings is told from the image.

    Parameters
    ----------
    image : ndarray of uint8 or uint16, (H, W) or (H, W, 3)

    Returns
    -------
    ndarray of float32, (h, w)
        Covers the whole image; zero outside the field of view.
    """
    eight_bit = to_uint8(image)
    scaled = resize(eight_bit, common_size(eight_bit)[0])
    mask = erode_field_of_view(field_of_view(scaled))
    maps = line_maps(flatten_field(channel_for_vessels(scaled), mask))
    response = max(maps, key=lambda lines: lines.polarity_ratio(mask)).response
    if not mask.any():
        return np.zeros(mask.shape, np.float32)
    low, high = np.percentile(response[mask], _VESSEL_PERCENTILES)
    strength = (response - low) / max(high - low, 1e-6) * mask
    return np.clip(strength, 0.0, 1.0).astype(np.float32)


def _equalised(image: ImageArray) -> ImageArray:
    clahe = cv2.createCLAHE(clipLimit=_CLAHE_LIMIT, tileGridSize=_CLAHE_TILES)
    if image.ndim == 2:
        return np.asarray(clahe.apply(np.ascontiguousarray(image)))
    lightness_first = cv2.cvtColor(np.ascontiguousarray(to_uint8(image)), cv2.COLOR_RGB2LAB)
    lightness_first[:, :, 0] = clahe.apply(np.ascontiguousarray(lightness_first[:, :, 0]))
    return np.asarray(cv2.cvtColor(lightness_first, cv2.COLOR_LAB2RGB))


def _windowed(image: ImageArray, window: Window) -> npt.NDArray[np.uint8]:
    top = 256 if image.dtype == np.uint8 else 65536
    low, high = window
    table = (np.arange(top) - low) * (255.0 / max(high - low, 1e-6))
    rounded = table.clip(0, 255).round().astype(np.uint8)
    if image.dtype == np.uint8:
        return np.asarray(cv2.LUT(np.ascontiguousarray(image), rounded))
    return np.asarray(rounded[image])


def _samples(image: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return every n-th row and column, a quarter of a million values at most."""
    step = max(1, math.ceil(math.sqrt(image.size / _MOST_SAMPLES)))
    return np.asarray(image[::step, ::step])
