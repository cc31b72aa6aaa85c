"""R: small residual displacement between a generated and the real image, and warping by it.

Displacements are (B, 2, H, W) in pixels, rows first; ``warped[y, x] = image[y + u0, x + u1]``.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

_SLOPE = 0.2
_OUT_STD = 1e-5


class TinyRegistrar(nn.Module):
    """U-Net of 70,090 parameters: sees far enough for shifts of a few pixels.

    Parameters
    ----------
    num_slices : int
    has_attention : bool
        Self-attention at 1/8 of the resolution.
    """

    def __init__(self, num_slices: int = 3, has_attention: bool = False) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2 * num_slices, 14, 3, padding=1)
        widths = (14, 28, 32, 32)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(widths))
        self.attention = SelfAttention(32, heads=8, width=32) if has_attention else None
        self.middle = nn.Conv2d(32, 32, 3, padding=1)
        self.up = nn.ModuleList(
            nn.Conv2d(a + b, c, 3, padding=1) for a, b, c in ((32, 32, 32), (32, 28, 28), (28, 14, 14))
        )
        self.last = _flow_layer(14)

    def forward(self, generated: Tensor, real: Tensor) -> Tensor:
        """Return the displacement that makes `generated` lie on `real`."""
        features = functional.leaky_relu(self.stem(torch.cat([generated, real], dim=1)), _SLOPE)
        skips = [features]
        for layer in self.down:
            features = functional.leaky_relu(layer(features), _SLOPE)
            skips.append(features)
        skips.pop()
        if self.attention is not None:
            features = self.attention(features)
        features = functional.leaky_relu(self.middle(features), _SLOPE)
        for layer in self.up:
            skip = skips.pop()
            features = _enlarged(features, skip)
            features = functional.leaky_relu(layer(torch.cat([features, skip], dim=1)), _SLOPE)
        flow: Tensor = self.last(features)
        return flow


class SelfAttention(nn.Module):
    """Attention over a map with a zero start, keys at half the resolution."""

    def __init__(self, channels: int, heads: int, width: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Conv2d(channels, width, 1)
        self.key_value = nn.Conv2d(channels, 2 * width, 1)
        self.out = nn.Conv2d(width, channels, 1)
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, image: Tensor) -> Tensor:
        """Return the map with what it attends to added."""
        batch, _, height, width = image.shape
        query = self._heads(self.query(image))
        small = functional.avg_pool2d(image, 2, ceil_mode=True)
        key, value = (self._heads(part) for part in self.key_value(small).chunk(2, dim=1))
        found = functional.scaled_dot_product_attention(query, key, value)
        found = found.transpose(2, 3).reshape(batch, -1, height, width)
        result: Tensor = image + self.gain * self.out(found)
        return result

    def _heads(self, image: Tensor) -> Tensor:
        batch, channels, height, width = image.shape
        split = image.reshape(batch, self.heads, channels // self.heads, height * width)
        return split.transpose(2, 3)


class _Norm(nn.Module):
    """Instance norm that also takes maps of one pixel, which become 0."""

    def forward(self, image: Tensor) -> Tensor:
        variance, mean = torch.var_mean(image, dim=(2, 3), correction=0, keepdim=True)
        return (image - mean) * torch.rsqrt(variance + 1e-5)


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            _Norm(),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(channels, channels, 3, padding=1),
            _Norm(),
        )

    def forward(self, image: Tensor) -> Tensor:
        result: Tensor = image + self.body(image)
        return result


class DeepRegistrar(nn.Module):
    """Seven-level U-Net with residual blocks, 2,059,170 parameters for three slices.

    Sizes as published for Reg-GAN, written from their description.
    """

    _WIDTHS = (32, 64, 64, 64, 64, 64, 64)

    def __init__(self, num_slices: int = 3) -> None:
        super().__init__()
        widths = self._WIDTHS
        into = (2 * num_slices, *widths[:-1])
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.LeakyReLU(_SLOPE), _Residual(b))
            for a, b in zip(into, widths, strict=True)
        )
        deep = 2 * widths[-1]
        self.middle = nn.Sequential(
            nn.Conv2d(widths[-1], deep, 1),
            nn.LeakyReLU(_SLOPE),
            *(_Residual(deep) for _ in range(3)),
            nn.Conv2d(deep, widths[-1], 1),
            nn.LeakyReLU(_SLOPE),
        )
        outward = widths[::-1]
        below = (widths[-1], *outward[:-1])
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a + b, b, 3, padding=1), nn.LeakyReLU(_SLOPE))
            for a, b in zip(below, outward, strict=True)
        )
        self.refine = nn.Sequential(_Residual(widths[0]), nn.Conv2d(widths[0], widths[0], 1))
        self.last = _flow_layer(widths[0])

    def forward(self, generated: Tensor, real: Tensor) -> Tensor:
        """Return the displacement that makes `generated` lie on `real`."""
        features = torch.cat([generated, real], dim=1)
        skips: list[Tensor] = []
        for block in self.down:
            features = block(features)
            skips.append(features)
            features = functional.max_pool2d(features, 2, ceil_mode=True)
        features = self.middle(features)
        for block in self.up:
            skip = skips.pop()
            features = block(torch.cat([_enlarged(features, skip), skip], dim=1))
        flow: Tensor = self.last(self.refine(features))
        return flow


def _flow_layer(channels: int) -> nn.Conv2d:
    layer = nn.Conv2d(channels, 2, 3, padding=1)
    nn.init.normal_(layer.weight, 0.0, _OUT_STD)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def _enlarged(features: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(features, size=like.shape[2:], mode="bilinear", align_corners=False)


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Sample an image, (B, C, H, W), at ``position + flow``; outside, the border goes on."""
    height, width = image.shape[2:]
    flow = flow.float()
    rows = torch.arange(height, device=image.device, dtype=torch.float32)[:, None] + flow[:, 0]
    columns = torch.arange(width, device=image.device, dtype=torch.float32)[None, :] + flow[:, 1]
    grid = torch.stack(
        [2.0 * columns / max(1, width - 1) - 1.0, 2.0 * rows / max(1, height - 1) - 1.0], dim=-1
    )
    return functional.grid_sample(image.float(), grid, padding_mode="border", align_corners=True)


def jacobian_determinant(flow: Tensor) -> Tensor:
    """Return the area factor of a displacement, (B, H - 1, W - 1), by forward differences; <= 0 is a fold."""
    along_rows = flow[:, :, 1:, :-1] - flow[:, :, :-1, :-1]
    along_columns = flow[:, :, :-1, 1:] - flow[:, :, :-1, :-1]
    return (1.0 + along_rows[:, 0]) * (1.0 + along_columns[:, 1]) - along_columns[:, 0] * along_rows[:, 1]


def smoothness(flow: Tensor) -> Tensor:
    """Return the mean squared forward difference of a displacement, along rows plus along columns."""
    flow = flow.float()
    rows = (flow[:, :, 1:] - flow[:, :, :-1]).square().mean()
    columns = (flow[:, :, :, 1:] - flow[:, :, :, :-1]).square().mean()
    return rows + columns
