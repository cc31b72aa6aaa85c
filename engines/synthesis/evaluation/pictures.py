"""Pictures of a synthesis: NCCT, generated, refined and real in one HU window, and what differs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engines.synthesis.volumes.windows import FloatVoxels

Picture = npt.NDArray[np.uint8]

_SHOWN_HU = (-200.0, 500.0)
"""Wide enough that fat, muscle and vessels are told apart in one window."""
_LUNG_HU = (-1000.0, 300.0)
_DIFFERENCE_HU = 200.0
_GAP = 4


def strip(planes: Sequence[FloatVoxels], *, is_lung: bool = False) -> Picture:
    """Return slices side by side in one HU window, grey, as RGB."""
    low, high = _LUNG_HU if is_lung else _SHOWN_HU
    shown = [np.clip((_turned(plane) - low) / (high - low), 0, 1) * 255 for plane in planes]
    return _joined([np.repeat(plane[:, :, None], 3, axis=2) for plane in shown])


def difference_strip(planes: Sequence[FloatVoxels], real: FloatVoxels) -> Picture:
    """Return each slice minus the real one, side by side: red is too high, blue too low, +-200 HU."""
    return _joined([_diverging(_turned(plane - real) / _DIFFERENCE_HU) for plane in planes])


def projection_strip(volumes: Sequence[FloatVoxels], first: int, last: int) -> Picture:
    """Return the largest values of a slab, side by side, in the window of vessels."""
    return strip([volume[:, :, first : last + 1].max(axis=2) for volume in volumes])


def checkerboard(ncct: FloatVoxels, cta: FloatVoxels, tiles: int = 8) -> Picture:
    """Return a slice that alternates between both scans: edges that break show what is not aligned."""
    rows, columns = (np.arange(side) * tiles // side for side in ncct.shape)
    is_second = (rows[:, None] + columns[None, :]) % 2 == 1
    return strip([np.where(is_second, cta, ncct)], is_lung=True)


def stacked(strips: Sequence[Picture]) -> Picture:
    """Return strips below each other, the narrower ones filled with black."""
    width = max(picture.shape[1] for picture in strips)
    rows = []
    for number, picture in enumerate(strips):
        if number:
            rows.append(np.zeros((_GAP, width, 3), dtype=np.uint8))
        rows.append(np.pad(picture, ((0, 0), (0, width - picture.shape[1]), (0, 0))))
    return np.concatenate(rows)


def _turned(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    # First axis is the patient's right, which is on the left of the screen; the front is up.
    return np.flip(np.swapaxes(plane, 0, 1), axis=(0, 1))


def _diverging(share: npt.NDArray[np.float32]) -> Picture:
    strength = np.clip(np.abs(share), 0, 1)[:, :, None]
    colour = np.where(share[:, :, None] > 0, np.array([235.0, 70.0, 60.0]), np.array([70.0, 130.0, 240.0]))
    return np.asarray(strength * colour + (1 - strength) * 20.0, dtype=np.uint8)


def _joined(pictures: Sequence[npt.NDArray[np.generic]]) -> Picture:
    parts: list[npt.NDArray[np.generic]] = []
    for number, picture in enumerate(pictures):
        if number:
            parts.append(np.zeros((picture.shape[0], _GAP, 3), dtype=np.uint8))
        parts.append(picture.astype(np.uint8))
    return np.ascontiguousarray(np.concatenate(parts, axis=1))
