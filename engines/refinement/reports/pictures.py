"""Pictures of a refinement: what stayed, what came, what went."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engines.imaging.volumes.label_metrics import Mask

Picture = npt.NDArray[np.uint8]

KEPT, ADDED, REMOVED = (170, 170, 170), (60, 210, 90), (225, 60, 200)
_WINDOW = (-200.0, 600.0)
_SCALE = 3
_OPACITY = 0.6


def slice_picture(image: npt.NDArray[Any], label: Mask, refined: Mask) -> Picture:
    """Return the slice with most changes, as RGB: kept grey, added green, removed magenta."""
    changed = (label ^ refined).sum(axis=(0, 1))
    counts = changed if changed.any() else label.sum(axis=(0, 1))
    number = int(np.argmax(counts))
    low, high = _WINDOW
    grey = np.clip((image[:, :, number] - low) / (high - low), 0, 1) * 255
    canvas = np.repeat(grey[:, :, None], 3, axis=2)
    for mask, colour in _layers(label[:, :, number], refined[:, :, number]):
        canvas[mask] = (1 - _OPACITY) * canvas[mask] + _OPACITY * np.array(colour)
    return _shown(canvas)


def projection_picture(label: Mask, refined: Mask) -> Picture:
    """Return all voxels seen along the second axis, as RGB on black; changes lie over what was kept."""
    canvas = np.zeros((label.shape[0], label.shape[2], 3))
    for mask, colour in _layers(label, refined):
        depth = mask.sum(axis=1)
        seen = depth > 0
        shade = np.clip(0.45 + 0.1 * depth[seen], 0, 1)
        canvas[seen] = shade[:, None] * np.array(colour)
    return _shown(canvas)


def _layers(label: Mask, refined: Mask) -> tuple[tuple[Mask, tuple[int, int, int]], ...]:
    return ((label & refined, KEPT), (refined & ~label, ADDED), (label & ~refined, REMOVED))


def _shown(canvas: npt.NDArray[Any]) -> Picture:
    # First axis to the right, second upwards, enlarged without blur.
    turned = np.flip(np.swapaxes(canvas, 0, 1), axis=0)
    return np.ascontiguousarray(turned.repeat(_SCALE, axis=0).repeat(_SCALE, axis=1).astype(np.uint8))
