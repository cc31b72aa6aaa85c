"""Guess what kind of retinal image a file is, from its name and then from its look."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from engines.imaging.field_of_view import erode_field_of_view, field_of_view, resize
from engines.imaging.images import ImageArray, channel_for_vessels, to_uint8
from engines.imaging.vessels.vesselness import flatten_field, line_maps

Modality: TypeAlias = Literal["CF", "FA", "RF", "OCT", "OCTA", "ICGA", "FAF", "IR"]

_NAMES: dict[str, Modality] = {
    "cf": "CF", "cfp": "CF", "fundus": "CF", "colour": "CF", "color": "CF",
    "fa": "FA", "ffa": "FA", "fluorescein": "FA", "angiogram": "FA", "angiography": "FA",
    "rf": "RF", "redfree": "RF", "oct": "OCT", "octa": "OCTA", "icga": "ICGA", "icg": "ICGA",
    "faf": "FAF", "ir": "IR", "nir": "IR",
}  # fmt: skip
_PREVIEW_SIDE_PX = 480
_COLOURFUL = 20.0
_CLEAR_RATIO = 1.15


def guess_modality(image: ImageArray | None, name: str = "") -> Modality | None:
    """Return the likely modality of a retinal image, or None when neither name nor look tells.

    Parameters
    ----------
    image : ndarray of uint8 or uint16, (H, W) or (H, W, 3) RGB, optional
        Colourful means colour fundus; grey with bright vessels fluorescein angiography, grey with dark
        vessels red-free. OCT and OCTA are told by name only.
    name : str
        File name, with or without folder; only whole words of it count.
    """
    return _from_name(name) or (None if image is None else _from_look(to_uint8(image)))


def _from_name(name: str) -> Modality | None:
    stem = re.split(r"[\\/]", name)[-1].lower().replace("red-free", "redfree").replace("red_free", "redfree")
    found = {_NAMES[word] for word in re.findall(r"[a-z]+", stem) if word in _NAMES}
    return found.pop() if len(found) == 1 else None


def _from_look(image: npt.NDArray[np.uint8]) -> Modality | None:
    ratio = _PREVIEW_SIDE_PX / max(image.shape[:2])
    small = resize(image, (max(1, round(image.shape[1] * ratio)), max(1, round(image.shape[0] * ratio))))
    mask = erode_field_of_view(field_of_view(small))
    if not mask.any():
        return None
    if small.ndim == 3:
        red, green, blue = (float(small[:, :, channel][mask].mean()) for channel in range(3))
        # A red-free picture may be stored in green; colour fundus is red above all.
        if red - blue > _COLOURFUL and red >= green:
            return "CF"
    dark, bright = (
        lines.polarity_ratio(mask) for lines in line_maps(flatten_field(channel_for_vessels(small), mask))
    )
    if max(dark, bright) < _CLEAR_RATIO * min(dark, bright) or max(dark, bright) == 0.0:
        return None
    return "FA" if bright > dark else "RF"
