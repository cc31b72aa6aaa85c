"""G: a U-Net that adds contrast to a stack of three slices."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from engines.synthesis.networks.norm import NormLeakyReLU

SIZES: dict[str, tuple[int, ...]] = {
    "large": (64, 128, 256, 512, 768, 1024),
    "light": (32, 64, 128, 256, 512),
    "small": (16, 32, 64, 128),
    "tiny": (8, 16, 16),
}
"""Channels of each level, by name: 60,789,059, 7,760,163, 482,067 and 19,211 parameters."""
NUM_SLICES = 3


def _double(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1),
        NormLeakyReLU(),
        nn.Conv2d(channels_out, channels_out, 3, padding=1),
        NormLeakyReLU(),
    )


class Generator(nn.Module):
    """U-Net with double 3x3 convolutions, instance norm and transposed convolutions.

    With `is_residual` the result is ``clamp(x + scale * tanh(h(x)), -1, 1)`` and begins as the input
    itself: the last layer starts at zero.

    Parameters
    ----------
    channels : sequence of int
        Of each level, finest first; height and width must divide by ``2 ** (levels - 1)``.
    is_residual : bool
    scale : float
        Largest change of a value; 2 reaches every value from every other.
    """

    def __init__(self, channels: Sequence[int], is_residual: bool = True, scale: float = 1.0) -> None:
        super().__init__()
        self.channels = tuple(channels)
        self.is_residual = is_residual
        self.scale = scale
        into = (NUM_SLICES, *channels[:-1])
        self.down = nn.ModuleList(_double(a, b) for a, b in zip(into, channels, strict=True))
        pairs = list(zip(channels[:0:-1], channels[-2::-1], strict=True))
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in pairs)
        self.merge = nn.ModuleList(_double(2 * b, b) for _, b in pairs)
        self.last = nn.Conv2d(channels[0], NUM_SLICES, 1)
        if is_residual:
            nn.init.zeros_(self.last.weight)
            assert self.last.bias is not None
            nn.init.zeros_(self.last.bias)

    @property
    def multiple(self) -> int:
        """Number that height and width must divide by."""
        return int(2 ** (len(self.channels) - 1))

    def forward(self, ncct: Tensor) -> Tensor:
        """Return contrast slices, (B, 3, H, W) in [-1, 1], from slices of the same shape."""
        skips: list[Tensor] = []
        features = ncct
        for number, block in enumerate(self.down):
            features = block(features if number == 0 else torch.max_pool2d(features, 2))
            skips.append(features)
        skips.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            features = merge(torch.cat([up(features), skips.pop()], dim=1))
        change = torch.tanh(self.last(features))
        return soft_clamp(ncct + self.scale * change) if self.is_residual else change


def soft_clamp(image: Tensor) -> Tensor:
    """Clamp to [-1, 1] with the gradient of no clamp: pixels at the ends go on learning."""
    return image + (image.clamp(-1.0, 1.0) - image).detach()
