"""Whole slices through networks that were trained on crops.

Instance norm sees what is in its input: a whole slice has another share of air than a crop, and networks that
learned on crops make other values of it. So slices are done in tiles of the size trained on.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engines.synthesis.inference.scale import padded, tiled, unpadded
from engines.synthesis.model import SynthesisNetwork

_CHANNELS = 6


def make_slices(network: SynthesisNetwork, ncct: Tensor, tile_px: int) -> tuple[Tensor, Tensor]:
    """Return G's image and the final one of stacks of any size, both (B, 3, H, W), 32 bit.

    Parameters
    ----------
    network : SynthesisNetwork
    ncct : Tensor, (B, 3, H, W)
    tile_px : int
        Side of a tile; 0 takes slices whole.
    """

    def apply(images: Tensor) -> Tensor:
        given, pad = padded(images, network.generator.multiple)
        return unpadded(torch.cat(network.images(given), dim=1), pad).float()

    both = tiled(apply, ncct, tile_px, _CHANNELS) if tile_px else apply(ncct)
    generated, final = both.chunk(2, dim=1)
    return generated, final
