"""D: judges patches at several scales; spectral norm on every convolution unless left out, no other norm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

_SLOPE = 0.2
_MOST_CHANNELS = 512
_SIGMA_PX, _REACH = 1.0, 3
_HALF_DETAIL = 0.1
"""Detail, as part of half a window, that becomes 0.5: some times the noise of a CT."""


def judged_image(ncct: Tensor, image: Tensor, condition: str) -> Tensor:
    """Return what D sees: the image, NCCT and image side by side, or what the image adds to the NCCT."""
    if condition == "concat":
        return torch.cat([ncct, image], dim=1)
    return image - ncct if condition == "residual" else image


def fine_detail(image: Tensor) -> Tensor:
    """Return what a blur takes from an image, in (-1, 1): noise is amplified, hard edges are bounded.

    The border, where a blur knows too little, is cut off: what it made up would be judged.
    """
    place = torch.arange(-_REACH, _REACH + 1, device=image.device, dtype=image.dtype)
    kernel = torch.exp(-0.5 * (place / _SIGMA_PX).square())
    kernel = kernel / kernel.sum()
    channels = image.shape[1]
    down = kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    along = kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    blurred = functional.conv2d(functional.conv2d(image, down, groups=channels), along, groups=channels)
    inner = image[..., _REACH:-_REACH, _REACH:-_REACH]
    return functional.softsign((inner - blurred) / _HALF_DETAIL)


Convolution = Callable[..., nn.Module]


def _plain(*sizes: Any, **options: Any) -> nn.Module:
    return nn.Conv2d(*sizes, **options)


def _normed(*sizes: Any, **options: Any) -> nn.Module:
    return spectral_norm(nn.Conv2d(*sizes, **options))


class PatchScale(nn.Module):
    """Five 4x4 convolutions; each output judges 70 px."""

    def __init__(self, channels_in: int, width: int, convolution: Convolution = _normed) -> None:
        super().__init__()
        widths = (width, 2 * width, 4 * width, 8 * width, 1)
        strides = (2, 2, 2, 1, 1)
        into = (channels_in, *widths[:-1])
        self.layers = nn.ModuleList(
            convolution(a, b, 4, stride, padding=2)
            for a, b, stride in zip(into, widths, strides, strict=True)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the maps of all layers, the patch scores last."""
        maps = []
        for number, layer in enumerate(self.layers):
            image = layer(image)
            if number < len(self.layers) - 1:
                image = functional.leaky_relu(image, _SLOPE)
            maps.append(image)
        return maps


class _DownBlock(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, convolution: Convolution) -> None:
        super().__init__()
        self.first = convolution(channels_in, channels_out, 3, padding=1)
        self.second = convolution(channels_out, channels_out, 4, stride=2, padding=1)
        self.shortcut = convolution(channels_in, channels_out, 1)

    def forward(self, image: Tensor) -> Tensor:
        features = self.first(functional.leaky_relu(image, _SLOPE))
        features = self.second(functional.leaky_relu(features, _SLOPE))
        # Pooled first: the same result for a quarter of the work.
        result: Tensor = features + self.shortcut(functional.avg_pool2d(image, 2))
        return result


class _Attention(nn.Module):
    """Self-attention with pooled keys and a gain that starts at zero."""

    def __init__(self, channels: int, convolution: Convolution) -> None:
        super().__init__()
        self.query = convolution(channels, channels // 8, 1)
        self.key = convolution(channels, channels // 8, 1)
        self.value = convolution(channels, channels // 2, 1)
        self.out = convolution(channels // 2, channels, 1)
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, image: Tensor) -> Tensor:
        query = self.query(image).flatten(2).transpose(1, 2)
        key = functional.max_pool2d(self.key(image), 2).flatten(2)
        value = functional.max_pool2d(self.value(image), 2).flatten(2)
        # Written out: R1 needs the second derivative, which fused attention lacks.
        weights = torch.softmax(query @ key, dim=-1)
        found = (value @ weights.transpose(1, 2)).reshape(image.shape[0], -1, *image.shape[2:])
        result: Tensor = image + self.gain * self.out(found)
        return result


class ResidualScale(nn.Module):
    """Residual blocks down to 1/16, with self-attention after the second."""

    def __init__(
        self,
        channels_in: int,
        width: int,
        num_blocks: int,
        has_attention: bool,
        convolution: Convolution = _normed,
    ) -> None:
        super().__init__()
        widths = [min(_MOST_CHANNELS, width * 2 ** (number + 1)) for number in range(num_blocks)]
        self.stem = convolution(channels_in, width, 3, padding=1)
        self.blocks = nn.ModuleList(
            _DownBlock(a, b, convolution) for a, b in zip((width, *widths[:-1]), widths, strict=True)
        )
        self.attention = _Attention(widths[min(1, num_blocks - 1)], convolution) if has_attention else None
        self.head = convolution(widths[-1], 1, 3, padding=1)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the maps of all layers, the patch scores last."""
        image = self.stem(image)
        maps = [image]
        for number, block in enumerate(self.blocks):
            image = block(image)
            if self.attention is not None and number == min(1, len(self.blocks) - 1):
                image = self.attention(image)
            maps.append(image)
        maps.append(self.head(functional.leaky_relu(image, _SLOPE)))
        return maps


class Discriminator(nn.Module):
    """The same kind of network at each of several scales.

    Parameters
    ----------
    kind : "patchgan" or "resblock"
    condition : "none", "concat" or "residual"
    width : int
        Channels of the first layer (`ndf`).
    num_scales : int
    num_blocks : int
        Of the residual kind.
    has_attention : bool
        Of the residual kind.
    is_high_pass : bool
        Whether only the fine detail is judged.
    has_spectral_norm : bool
        Whether every convolution has it: it keeps D smooth, and deaf to differences far below the noise.
    """

    def __init__(
        self,
        kind: str,
        condition: str,
        width: int = 64,
        num_scales: int = 2,
        num_blocks: int = 4,
        has_attention: bool = True,
        num_slices: int = 3,
        has_spectral_norm: bool = True,
        is_high_pass: bool = False,
    ) -> None:
        super().__init__()
        convolution = _normed if has_spectral_norm else _plain
        self.kind, self.condition, self.is_high_pass = kind, condition, is_high_pass
        channels = num_slices * (2 if condition == "concat" else 1)
        self.scales = nn.ModuleList(
            ResidualScale(channels, width, num_blocks, has_attention, convolution)
            if kind == "resblock"
            else PatchScale(channels, width, convolution)
            for _ in range(num_scales)
        )

    def forward(self, ncct: Tensor, image: Tensor) -> list[list[Tensor]]:
        """Return, for each scale, the maps of all layers; the last of each are the patch scores."""
        seen = judged_image(ncct, image, self.condition)
        if self.is_high_pass:
            seen = fine_detail(seen)
        results = []
        for number, scale in enumerate(self.scales):
            if number:
                seen = self._smaller(seen)
            results.append(scale(seen))
        return results

    def _smaller(self, image: Tensor) -> Tensor:
        if self.kind == "resblock":
            return functional.interpolate(
                image, scale_factor=0.5, mode="bilinear", align_corners=False, antialias=True
            )
        return functional.avg_pool2d(image, 3, stride=2, padding=1, count_include_pad=False)


def scores_of(maps: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """Return the patch scores of each scale in 32 bit."""
    return [scale[-1].float() for scale in maps]


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Let gradients pass through a module without reaching its weights, as far as built in the block."""
    was = [parameter.requires_grad for parameter in module.parameters()]
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter, needed in zip(module.parameters(), was, strict=True):
            parameter.requires_grad_(needed)
