"""Everything registration needs to know of one image, computed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray, Size
from engines.imaging.field_of_view import (
    FIELD_DIAMETER_PX,
    BoolImage,
    common_size,
    erode_field_of_view,
    field_of_view,
    resize,
)
from engines.imaging.images import channel_for_vessels, to_uint8
from engines.imaging.vessels.skeleton import SkeletonPoints, skeleton_of_response, skeleton_points
from engines.imaging.vessels.vesselness import LineMap, flatten_field, line_maps

Polarity: TypeAlias = Literal["dark", "bright"]
PolarityChoice: TypeAlias = Literal["auto", "dark", "bright"]
_AMBIGUOUS_RATIO = 1.10


@dataclass(frozen=True)
class VesselFeatures:
    """Vessels of one image at the common size.

    Parameters
    ----------
    native_size : (width, height), px
    common_from_native : ndarray of float64, (3, 3)
    mask : ndarray of bool, (H, W)
        Eroded field of view at the common size.
    lines : LineMap
        Response and direction for the chosen polarity.
    points : SkeletonPoints
        Centre-line points at the common size.
    polarity : "dark" or "bright"
        Whether vessels are darker or brighter than the background.
    alternative : VesselFeatures or None
        The same image read with the other polarity, when the image does not tell which is right.
    """

    native_size: Size
    common_from_native: FloatArray
    mask: BoolImage
    lines: LineMap
    points: SkeletonPoints
    polarity: Polarity
    alternative: VesselFeatures | None = None

    @property
    def size(self) -> Size:
        """Common size as ``(width, height)``."""
        return self.mask.shape[1], self.mask.shape[0]


def prepare(
    image: npt.NDArray[np.uint8 | np.uint16],
    polarity: PolarityChoice = "auto",
    seed: int = 0,
    diameter_px: float = FIELD_DIAMETER_PX,
) -> VesselFeatures:
    """Find the vessels of an image.

    Parameters
    ----------
    image : ndarray of uint8 or uint16, (H, W) or (H, W, 3) RGB
    polarity : "auto", "dark" or "bright"
    seed : int
        Of the sampling of skeleton points.
    diameter_px : float
        Of the field of view at the common size.

    Returns
    -------
    VesselFeatures
        Without points when the image shows no lines.
    """
    eight_bit = to_uint8(image)
    native_size = (image.shape[1], image.shape[0])
    size, common_from_native = common_size(eight_bit, diameter_px)
    scaled = resize(eight_bit, size)
    mask = erode_field_of_view(field_of_view(scaled))
    dark, bright = line_maps(flatten_field(channel_for_vessels(scaled), mask))
    ratios = {"dark": dark.polarity_ratio(mask), "bright": bright.polarity_ratio(mask)}

    def features(chosen: Polarity, alternative: VesselFeatures | None = None) -> VesselFeatures:
        lines = dark if chosen == "dark" else bright
        points = skeleton_points(skeleton_of_response(lines, mask), lines.direction, seed)
        return VesselFeatures(native_size, common_from_native, mask, lines, points, chosen, alternative)

    if polarity != "auto":
        return features(polarity)
    likely, other = ("dark", "bright") if ratios["dark"] >= ratios["bright"] else ("bright", "dark")
    is_ambiguous = ratios[likely] < _AMBIGUOUS_RATIO * ratios[other]
    return features(likely, features(other) if is_ambiguous else None)
