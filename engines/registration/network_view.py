"""What the network sees of an image: one scale, flat illumination, lines, and the vessels' polarity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray, Size, compose, resize_matrix, translation_matrix
from engines.imaging.field_of_view import (
    FIELD_DIAMETER_PX,
    BoolImage,
    common_size,
    enclosing_circle,
    erode_field_of_view,
    field_of_view,
    resize,
)
from engines.imaging.images import channel_for_vessels, to_uint8
from engines.imaging.opencv import cv2
from engines.imaging.vessels.vesselness import flatten_field, line_maps
from engines.registration.config import GRID_PX
from engines.registration.warps import FloatImage

Polarity: TypeAlias = Literal["dark", "bright"]
POLARITIES: tuple[Polarity, ...] = ("dark", "bright")
"""Vessels darker or brighter than their surroundings; each has its own first layers."""
_POLARITY_OF_MODALITY: dict[str, Polarity] = {
    "CF": "dark",
    "RF": "dark",
    "OCT": "dark",
    "FA": "bright",
    "ICGA": "bright",
    "OCTA": "bright",
}


_FIELD_SHARE = 0.95
_MEASURED_IS_CLEAR = 1.3
_LINE_PERCENTILE = 99.0


@dataclass(frozen=True)
class NetworkView:
    """One image as the network sees it.

    Parameters
    ----------
    intensity : ndarray of float32, (H, W)
        Field-flattened, 0 outside the field of view.
    vesselness : ndarray of float32, (H, W)
        0 to 1, whatever the polarity.
    field : ndarray of bool, (H, W)
        Eroded field of view.
    polarity : "dark" or "bright"
    view_from_native : ndarray of float64, (3, 3)
    native_size : (width, height), px
    """

    intensity: FloatImage
    vesselness: FloatImage
    field: BoolImage
    polarity: Polarity
    view_from_native: FloatArray
    native_size: Size

    @property
    def size(self) -> Size:
        """Size of the view as ``(width, height)``."""
        return self.field.shape[1], self.field.shape[0]

    def channels(self) -> FloatImage:
        """Return the network's input, (2, H, W)."""
        return np.stack([self.intensity, self.vesselness])


def network_view(
    image: npt.NDArray[Any], image_size_px: int, modality: str | None = None, *, is_square: bool = False
) -> NetworkView:
    """Bring an image to the scale at which the network was trained.

    The circle round the field of view gets one diameter, so neither the canvas nor a turn changes the
    scale. Sides are padded to whole cells.

    Parameters
    ----------
    image : ndarray of uint8 or uint16, (H, W) or (H, W, 3)
    image_size_px : int
        Side of the square that the field of view just fits into.
    modality : str or None
        Decides which first layers read the image, unless the image says clearly otherwise.
    is_square : bool
        Cut or pad to that square, centred on the field of view.
    """
    eight_bit = to_uint8(image)
    native_size = (image.shape[1], image.shape[0])
    scaled_size, _ = common_size(eight_bit)
    factor = image_size_px * _FIELD_SHARE / FIELD_DIAMETER_PX
    size = (max(GRID_PX, round(scaled_size[0] * factor)), max(GRID_PX, round(scaled_size[1] * factor)))
    scaled = resize(eight_bit, size)
    mask = field_of_view(scaled)
    if is_square:
        (x, y), _ = enclosing_circle(mask)
        middle = (image_size_px - 1) / 2
        shift, canvas = (round(middle - x), round(middle - y)), (image_size_px, image_size_px)
    else:
        shift = (0, 0)
        canvas = (_round_up(size[0], GRID_PX), _round_up(size[1], GRID_PX))
    field = erode_field_of_view(mask)
    flat = flatten_field(to_uint8(channel_for_vessels(scaled)), field)
    dark, bright = line_maps(flat)
    ratios = {"dark": dark.polarity_ratio(field), "bright": bright.polarity_ratio(field)}
    polarity = _polarity(ratios, modality)
    lines = (dark if polarity == "dark" else bright).response
    strongest = float(np.percentile(lines[field], _LINE_PERCENTILE)) if field.any() else 1.0
    return NetworkView(
        _placed(flat, shift, canvas),
        _placed(np.minimum(lines / (strongest + 1e-6), 1.0).astype(np.float32), shift, canvas),
        _placed(field.astype(np.uint8), shift, canvas) > 0,
        polarity,
        compose(translation_matrix(shift), resize_matrix(native_size, size)),
        native_size,
    )


def _polarity(ratios: dict[str, float], modality: str | None) -> Polarity:
    measured: Polarity = "dark" if ratios["dark"] >= ratios["bright"] else "bright"
    low, high = sorted(ratios.values())
    expected = _POLARITY_OF_MODALITY.get((modality or "").upper())
    return measured if expected is None or high > _MEASURED_IS_CLEAR * low else expected


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step


def _placed(image: npt.NDArray[Any], shift: tuple[int, int], canvas: Size) -> npt.NDArray[Any]:
    """Copy an image onto an empty canvas, moved by whole pixels."""
    matrix = np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]]])
    return np.asarray(cv2.warpAffine(image, matrix, canvas, flags=cv2.INTER_NEAREST))
