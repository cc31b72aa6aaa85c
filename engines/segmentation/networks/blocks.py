"""Parts of the networks. Group norm everywhere: frozen parts have no running statistics that could move."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_GROUPS = 32


def norm(channels: int) -> nn.GroupNorm:
    """Return a group norm of at most 32 groups, at least four channels each where there are few."""
    groups = (
        math.gcd(channels, _GROUPS) if channels >= 4 * _GROUPS else math.gcd(channels, max(1, channels // 4))
    )
    return nn.GroupNorm(groups, channels)


def zeroed(layer: nn.Conv2d | nn.Conv1d) -> nn.Conv2d | nn.Conv1d:
    """Set a layer to 0, so that its block begins as the identity."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def step_code(steps: Tensor, size: int) -> Tensor:
    """Return sines and cosines of steps (B,), (B, size)."""
    half = size // 2
    rates = torch.exp(-math.log(10_000) * torch.arange(half, device=steps.device, dtype=torch.float32) / half)
    angles = steps.float()[:, None] * rates[None]
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class _NormedSiLU(nn.Module):
    """SiLU of what a norm gave and nobody else reads: in its place, where no gradient needs it again."""

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape."""
        return functional.silu(features, inplace=not features.requires_grad)


class ResidualBlock(nn.Module):
    """Two convolutions with the step's code added between them.

    Parameters
    ----------
    channels, out_channels : int
    code_size : int
        0: no code.
    """

    def __init__(self, channels: int, out_channels: int, code_size: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            norm(channels), _NormedSiLU(), nn.Conv2d(channels, out_channels, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(code_size, out_channels)) if code_size else None
        self.out_layers = nn.Sequential(
            norm(out_channels),
            _NormedSiLU(),
            nn.Identity(),
            zeroed(nn.Conv2d(out_channels, out_channels, 3, padding=1)),
        )
        is_same = channels == out_channels
        self.skip_connection = nn.Identity() if is_same else nn.Conv2d(channels, out_channels, 1)

    def forward(self, features: Tensor, code: Tensor | None) -> Tensor:
        """Return features (B, out_channels, H, W)."""
        inner = self.in_layers(features)
        if self.emb_layers is not None:
            assert code is not None
            inner = inner + self.emb_layers(code)[:, :, None, None]
        result: Tensor = self.skip_connection(features) + self.out_layers(inner)
        return result


class SelfAttention(nn.Module):
    """Attention over all places of a feature map, one head."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = zeroed(nn.Conv1d(channels, channels, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape."""
        batch, channels, height, width = features.shape
        flat = features.reshape(batch, channels, height * width)
        query, key, value = self.qkv(self.norm(flat)).transpose(1, 2).chunk(3, dim=2)
        seen = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2)
        result: Tensor = features + self.proj_out(seen).reshape(features.shape)
        return result


class RadialFilter(nn.Module):
    """A learned gain for each spatial frequency, by its distance from 0 alone; begins as the identity.

    Parameters
    ----------
    channels, num_rings : int
    """

    def __init__(self, channels: int, num_rings: int = 8) -> None:
        super().__init__()
        self.gains = nn.Parameter(torch.ones(channels, num_rings))

    def forward(self, features: Tensor) -> Tensor:
        """Return filtered features of the same shape."""
        height, width = features.shape[-2:]
        rows = torch.fft.fftfreq(height, device=features.device)[:, None]
        columns = torch.fft.rfftfreq(width, device=features.device)[None]
        radius = (rows**2 + columns**2).sqrt() / math.sqrt(0.5)
        last = self.gains.shape[1] - 1
        at = (radius * last).clamp(max=last)
        low = at.floor().long()
        share = at - low
        gain = self.gains[:, low] * (1 - share) + self.gains[:, (low + 1).clamp(max=last)] * share
        spectrum = torch.fft.rfft2(features.float(), norm="ortho")
        filtered = torch.fft.irfft2(spectrum * gain, s=(height, width), norm="ortho")
        result: Tensor = filtered.to(features.dtype)
        return result


class CrossBranchBlock(nn.Module):
    """The middle of both branches looks at the other: attention over filtered features of the condition.

    Parameters
    ----------
    channels, condition_channels : int
    """

    def __init__(self, channels: int, condition_channels: int) -> None:
        super().__init__()
        self.filter = RadialFilter(condition_channels)
        self.norm = norm(channels)
        self.condition_norm = norm(condition_channels)
        self.query = nn.Conv1d(channels, channels, 1)
        self.key_value = nn.Conv1d(condition_channels, 2 * channels, 1)
        self.proj_out = zeroed(nn.Conv1d(channels, channels, 1))

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Return features of the same shape."""
        filtered = self.condition_norm(self.filter(condition)).flatten(2)
        query = self.query(self.norm(features).flatten(2)).transpose(1, 2)
        key, value = self.key_value(filtered).transpose(1, 2).chunk(2, dim=2)
        seen = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2)
        result: Tensor = features + self.proj_out(seen).reshape(features.shape)
        return result


class AnchorGate(nn.Module):
    """A Gaussian blur of learned width over an anchor, the larger of blurred and sharp kept.

    Our reading of an anchor with uncertain borders; the width is at most `_LARGEST_SIGMA` px.
    """

    _REACH = 6
    _LARGEST_SIGMA = 3.0

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.width = nn.Parameter(torch.zeros(channels))
        self.project = zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, anchor: Tensor) -> Tensor:
        """Return a gated anchor of the same shape."""
        sigma = 0.3 + (self._LARGEST_SIGMA - 0.3) * torch.sigmoid(self.width)
        reach = torch.arange(-self._REACH, self._REACH + 1, device=anchor.device, dtype=torch.float32)
        kernel = torch.exp(-(reach[None] ** 2) / (2 * sigma[:, None] ** 2))
        kernel = (kernel / kernel.sum(1, keepdim=True)).to(anchor.dtype)
        channels = anchor.shape[1]
        across = kernel[:, None, None, :]
        blurred = functional.conv2d(anchor, across, padding=(0, self._REACH), groups=channels)
        down = kernel[:, None, :, None]
        blurred = functional.conv2d(blurred, down, padding=(self._REACH, 0), groups=channels)
        result: Tensor = anchor + self.project(torch.maximum(anchor, blurred))
        return result
