"""What the network sees of an image: one scale, flat illumination, lines, and the vessels' polarity."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
from engines.registration.networks.modality_stems import stem_index
from engines.registration.networks.published_preprocessing import Preprocessing, published_intensity
from engines.registration.training.warps import FloatImage

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
    modality : str or None
    preprocessing : "flat" or "published"
        What `intensity` is, see `network_view`.
    """

    intensity: FloatImage
    vesselness: FloatImage
    field: BoolImage
    polarity: Polarity
    view_from_native: FloatArray
    native_size: Size
    modality: str | None = None
    preprocessing: Preprocessing = "flat"

    @property
    def stem(self) -> int:
        """Which first layers of a network read the image."""
        return stem_index(self.polarity, self.modality)

    @property
    def size(self) -> Size:
        """Size of the view as ``(width, height)``."""
        return self.field.shape[1], self.field.shape[0]

    def channels(self) -> FloatImage:
        """Return the network's input, (2, H, W)."""
        return np.stack([self.intensity, self.vesselness])


def network_view(
    image: npt.NDArray[Any],
    image_size_px: int,
    modality: str | None = None,
    *,
    is_square: bool = False,
    preprocessing: Preprocessing = "flat",
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
    preprocessing : "flat" or "published"
        Even illumination inside the field of view, around 0; or what the published network was trained on,
        0 to 1.
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
    seen = described(scaled, erode_field_of_view(mask), modality, preprocessing)
    return replace(
        seen,
        intensity=_placed(seen.intensity, shift, canvas),
        vesselness=_placed(seen.vesselness, shift, canvas),
        field=_placed(seen.field.astype(np.uint8), shift, canvas) > 0,
        view_from_native=compose(translation_matrix(shift), resize_matrix(native_size, size)),
        native_size=native_size,
    )


def described(
    image: npt.NDArray[np.uint8],
    field: BoolImage,
    modality: str | None = None,
    preprocessing: Preprocessing = "flat",
) -> NetworkView:
    """Return what the network sees of an image that already has the working size.

    Parameters
    ----------
    image : ndarray of uint8, (H, W) or (H, W, 3)
    field : ndarray of bool, (H, W)
        Eroded field of view.
    modality, preprocessing
        As in `network_view`.
    """
    grey = to_uint8(channel_for_vessels(image))
    flat = flatten_field(grey, field)
    dark, bright = line_maps(flat)
    ratios = {"dark": dark.polarity_ratio(field), "bright": bright.polarity_ratio(field)}
    polarity = _polarity(ratios, modality)
    lines = (dark if polarity == "dark" else bright).response
    strongest = float(np.percentile(lines[field], _LINE_PERCENTILE)) if field.any() else 1.0
    intensity = flat if preprocessing == "flat" else published_intensity(grey) * field
    return NetworkView(
        intensity.astype(np.float32),
        np.minimum(lines / (strongest + 1e-6), 1.0).astype(np.float32),
        field,
        polarity,
        np.eye(3),
        (field.shape[1], field.shape[0]),
        modality,
        preprocessing,
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
