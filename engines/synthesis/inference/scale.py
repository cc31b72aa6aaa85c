"""Slices made to fit a network: padded by reflection, cut back, and moved in tiles."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional


def padded(images: Tensor, multiple: int) -> tuple[Tensor, tuple[int, int, int, int]]:
    """Return slices, (B, C, H, W), whose sides divide by a number, and how much was added at each side."""
    height, width = images.shape[2:]
    down, along = -height % multiple, -width % multiple
    pad = (along // 2, along - along // 2, down // 2, down - down // 2)
    if not any(pad):
        return images, pad
    # A side shorter than what is missing cannot be mirrored.
    fits = max(pad[:2]) < width and max(pad[2:]) < height
    return functional.pad(images, pad, mode="reflect" if fits else "replicate"), pad


def unpadded(images: Tensor, pad: tuple[int, int, int, int]) -> Tensor:
    """Return what `padded` was given."""
    left, right, top, bottom = pad
    return images[:, :, top : images.shape[2] - bottom, left : images.shape[3] - right]


def tiled(function: Callable[[Tensor], Tensor], images: Tensor, side: int, channels: int) -> Tensor:
    """Apply a function to tiles that overlap by half and blend the results without seams.

    Parameters
    ----------
    function : (B, C, side, side) to (B, channels, side, side)
    images : Tensor, (B, C, H, W)
    side : int
        Slices that fit into a tile are done at once.
    channels : int
        Of the result.
    """
    height, width = images.shape[2:]
    if height <= side and width <= side:
        return function(images)
    ramp = torch.hann_window(side, periodic=False).clamp_min(1e-3)
    weight = (ramp[:, None] * ramp[None, :]).to(images)
    total = images.new_zeros((images.shape[0], channels, height, width))
    sums = images.new_zeros((1, 1, height, width))
    for top in _starts(height, side):
        for left in _starts(width, side):
            part = (slice(None), slice(None), slice(top, top + side), slice(left, left + side))
            found = function(images[part])
            own = weight[: found.shape[2], : found.shape[3]]
            total[part] += own * found
            sums[part] += own
    return total / sums


def _starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    starts = list(range(0, length - side, max(1, side // 2)))
    return [*starts, length - side]
