"""What is wrong with a volume that should be a CT, before time is spent on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engines.contract.errors import InputError
from engines.imaging.volumes.volume import Volume

_OFFSET = (850.0, 1250.0)
"""Where soft tissue lies when 1024 has not been subtracted."""
_DISORDER = 1.15
_MOST_SAMPLES = 2_000_000


def check_ct(volume: Volume, name: str) -> None:
    """Refuse what is no CT in HU.

    Raises
    ------
    InputError
        If the offset of HU is missing, the volume looks like MR, or it is constant or not finite.
    """
    values = _sampled(volume.voxels)
    if not np.isfinite(values).all():
        raise InputError(
            "{name} holds values that are not finite numbers.",
            remedy="Write the volume again without them.",
            name=name,
        )
    low, high = float(values.min()), float(values.max())
    if low == high:
        raise InputError("{name} has the same value everywhere.", remedy="Choose another file.", name=name)
    if low >= 0:
        bright = values[values > 0.3 * np.percentile(values, 99)]
        middle = float(np.median(bright)) if bright.size else high
        if _OFFSET[0] <= middle <= _OFFSET[1]:
            raise InputError(
                "{name} has no value below 0 and tissue at {middle:.0f}: the offset of HU is missing.",
                remedy="Subtract 1024, or import the DICOM series, which says its offset.",
                name=name,
                middle=middle,
            )
        raise InputError(
            "{name} has no value below 0: it looks like MR or a scaled image, not like CT in HU.",
            remedy="Give a CT in Hounsfield units, where air is -1000.",
            name=name,
        )


def check_slice_order(turned: npt.NDArray[Any], name: str) -> None:
    """Refuse slices that are out of order: neighbours differ more than slices two apart.

    Raises
    ------
    InputError
        If so.
    """
    if turned.shape[2] < 6:
        return
    part = turned[::2, ::2].astype(np.float32)
    one = float(np.abs(np.diff(part, axis=2)).mean())
    two = float(np.abs(part[:, :, 2:] - part[:, :, :-2]).mean())
    if one > _DISORDER * two:
        raise InputError(
            "The slices of {name} seem to be out of order: neighbours differ more than slices two apart.",
            remedy="Import the DICOM series again, which sorts slices by their position.",
            name=name,
        )


def _sampled(voxels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    step = max(1, voxels.size // _MOST_SAMPLES)
    return voxels.reshape(-1)[::step]
