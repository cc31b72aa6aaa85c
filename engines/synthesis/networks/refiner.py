"""G2: sharpens what G made, and the ways to hand it NCCT and G's image.

With ``n`` for the NCCT and ``g`` for G's image, both in [-1, 1], the default is the product ``n * |g|``.
What that does to vessels depends on the window; see `engines.synthesis.evaluation.fusion_card`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.synthesis.networks.generator import soft_clamp

_SLOPE = 0.2
_NUM_CHANNELS = {"product": 3, "product01": 3, "g_only": 3, "gate": 3, "concat": 6, "concat_product": 9}
FUSIONS = tuple(_NUM_CHANNELS)


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        result: Tensor = image + self.second(functional.leaky_relu(self.first(image), _SLOPE))
        return result


class RefineNet(nn.Module):
    """Residual blocks at full resolution between a fused input and a base; 446,659 parameters.

    The last layer starts at zero: the result begins as the base. There is no norm inside, which keeps HU.

    Parameters
    ----------
    fusion : str
        One of `FUSIONS`.
    base : str
        What the correction is added to: "input", the fused one, which has three channels then, "g" or "ncct".
    width, num_blocks : int
    """

    def __init__(self, fusion: str, base: str, width: int = 64, num_blocks: int = 6) -> None:
        super().__init__()
        self.fusion, self.base = fusion, base
        self.gate = nn.Conv2d(6, 3, 3, padding=1) if fusion == "gate" else None
        self.first = nn.Conv2d(_NUM_CHANNELS[fusion], width, 3, padding=1)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(num_blocks)))
        self.last = nn.Conv2d(width, 3, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    def fused(self, ncct: Tensor, generated: Tensor) -> Tensor:
        """Return the input of the network, (B, C, H, W)."""
        if self.fusion == "product":
            return ncct * generated.abs()
        if self.fusion == "product01":
            return 2.0 * (0.5 * (ncct + 1.0)) * (0.5 * (generated + 1.0)) - 1.0
        if self.fusion == "g_only":
            return generated
        both = torch.cat([ncct, generated], dim=1)
        if self.gate is not None:
            return generated + torch.sigmoid(self.gate(both)) * (ncct - generated)
        if self.fusion == "concat_product":
            return torch.cat([both, ncct * generated.abs()], dim=1)
        return both

    def base_of(self, ncct: Tensor, generated: Tensor, fused: Tensor) -> Tensor:
        """Return what the correction is added to, (B, 3, H, W)."""
        return {"g": generated, "ncct": ncct, "input": fused}[self.base]

    def forward(self, ncct: Tensor, generated: Tensor) -> Tensor:
        """Return refined slices, (B, 3, H, W) in [-1, 1]."""
        fused = self.fused(ncct, generated)
        change = self.last(self.blocks(self.first(fused)))
        return soft_clamp(self.base_of(ncct, generated, fused) + change)
