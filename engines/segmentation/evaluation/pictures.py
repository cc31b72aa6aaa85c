"""Pictures of slices with masks, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from engines.core.task import PreviewImage
from engines.segmentation.data import MODALITIES
from engines.segmentation.inference.sampling import SamplerOptions
from engines.segmentation.inference.slice_inference import draw_slices
from engines.segmentation.model import SegmentationNetwork
from engines.segmentation.slices.labels import LabelCoding, regions_of
from engines.segmentation.slices.slice_cache import CachedCase

Picture = npt.NDArray[np.uint8]
_COLOURS = ((86, 180, 233), (213, 94, 0), (240, 228, 66))
"""Of whole tumour, core and enhancing part; told apart by colour-blind people too."""
_SMALLEST_SIDE = 192
_SEED = 40_000
_WINDOW = (-2.5, 3.0)


def preview_pictures(
    model: SegmentationNetwork,
    case: CachedCase,
    coding: LabelCoding,
    options: SamplerOptions,
    device: torch.device,
) -> list[PreviewImage]:
    """Return the slice with most tumour: modalities above, true, image-only and drawn mask below."""
    place = int(np.argmax(case.tumour_px))
    images, labels = case.read([place])
    drawn = draw_slices(
        model,
        images,
        options,
        num_samples=1,
        seed=_SEED,
        numbers=np.array([case.numbers[place]]),
        device=device,
        has_trajectory=True,
    )
    true = regions_of(labels[0], coding, model.architecture.num_regions)
    flair = images[0, shown_modality(images[0])]
    above = [grey(part) for part in images[0]]
    below = [
        outlined(flair, true),
        outlined(flair, drawn.calibration[0] >= 0.5),
        outlined(flair, drawn.samples[0, 0] >= 0.5),
    ]
    below.append(np.zeros_like(below[0]))
    picture = np.vstack([side_by_side(above), side_by_side(below)])
    found = [PreviewImage("true_calibration_drawn", case.id, np.ascontiguousarray(picture))]
    if len(drawn.trajectory) > 1:
        strip = side_by_side([probability_picture(step[0]) for step in drawn.trajectory])
        found.append(PreviewImage("drawing", case.id, strip))
    return found


def shown_modality(image: npt.NDArray[Any]) -> int:
    """Return the number of the modality to draw masks on: FLAIR, or the last that is there."""
    return next(number for number in range(len(MODALITIES) - 1, -1, -1) if image[number].any() or number == 0)


def grey(slice_: npt.NDArray[Any]) -> Picture:
    """Return a normalised slice as RGB; the first axis to the right, the second upwards."""
    return shown(_windowed(slice_))


def _windowed(slice_: npt.NDArray[Any]) -> npt.NDArray[Any]:
    low, high = _WINDOW
    values = np.where(slice_ == 0, 0.0, np.clip((slice_ - low) / (high - low), 0, 1)) * 255
    return np.repeat(values[:, :, None], 3, axis=2)


def outlined(slice_: npt.NDArray[Any], regions: npt.NDArray[np.bool_]) -> Picture:
    """Return a slice with the regions (R, H, W) laid over it, later ones over earlier ones."""
    canvas = _windowed(slice_)
    for region, colour in zip(regions, _COLOURS, strict=False):
        canvas[region] = 0.45 * canvas[region] + 0.55 * np.array(colour)
    return shown(canvas)


def probability_picture(values: npt.NDArray[Any]) -> Picture:
    """Return values of 0 to 1 as grey."""
    scaled = np.clip(values, 0, 1)[:, :, None] * 255
    return shown(np.repeat(scaled, 3, axis=2))


def heat_picture(values: npt.NDArray[Any], largest: float) -> Picture:
    """Return values of 0 to `largest` from black over red and yellow to white."""
    share = np.clip(values / max(largest, 1e-9), 0, 1)[:, :, None]
    canvas = np.concatenate([np.clip(3 * share - start, 0, 1) for start in range(3)], axis=2)
    return shown(canvas * 255)


def side_by_side(tiles: Sequence[Picture]) -> Picture:
    """Return pictures of one size in a row with a thin gap."""
    gap = np.full((tiles[0].shape[0], 4, 3), 40, dtype=np.uint8)
    parts = [part for tile in tiles for part in (tile, gap)][:-1]
    return np.ascontiguousarray(np.hstack(parts))


def in_rows(*rows: Sequence[Picture]) -> Picture:
    """Return rows of pictures of one size below each other; shorter rows end in black."""
    strips = [side_by_side(row) for row in rows if row]
    width = max(strip.shape[1] for strip in strips)
    parts = []
    for strip in strips:
        missing = np.zeros((strip.shape[0], width - strip.shape[1], 3), dtype=np.uint8)
        parts += [np.hstack([strip, missing]), np.full((4, width, 3), 40, dtype=np.uint8)]
    return np.ascontiguousarray(np.vstack(parts[:-1]))


def shown(canvas: npt.NDArray[Any]) -> Picture:
    """Return an array (I, J, 3) turned as people look at it, enlarged without blur where it is small."""
    turned = np.flip(np.swapaxes(canvas, 0, 1), axis=0)
    scale = max(1, -(-_SMALLEST_SIDE // turned.shape[0]))
    large = turned.repeat(scale, axis=0).repeat(scale, axis=1)
    return np.ascontiguousarray(large.clip(0, 255).astype(np.uint8))
