"""The diffusion branch: a U-Net over slice and noisy mask, told the step and given the anchors.

Layers are named as in the published programme (`input_blocks`, `middle_block`, `output_blocks`), so that its
weights can be told apart.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.segmentation.networks.architecture import Architecture
from engines.segmentation.networks.blocks import (
    AnchorGate,
    CrossBranchBlock,
    ResidualBlock,
    SelfAttention,
    norm,
    step_code,
    zeroed,
)


class _Downsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        found: Tensor = self.op(features)
        return found


class _Upsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        found: Tensor = self.conv(functional.interpolate(features, scale_factor=2, mode="nearest"))
        return found


class _Layers(nn.Sequential):
    """Layers one after another; residual blocks get the step's code."""

    def run(self, features: Tensor, code: Tensor) -> Tensor:
        for layer in self:
            features = layer(features, code) if isinstance(layer, ResidualBlock) else layer(features)
        return features


class Denoiser(nn.Module):
    """A U-Net of residual blocks.

    Parameters
    ----------
    architecture : Architecture
    anchor_channels : tuple of int
        Channels of the anchors, from full resolution.
    """

    def __init__(self, architecture: Architecture, anchor_channels: tuple[int, ...]) -> None:
        super().__init__()
        self.architecture = architecture
        width, factors = architecture.width, architecture.factors
        code = 4 * width
        self.time_embed = nn.Sequential(nn.Linear(width, code), nn.SiLU(), nn.Linear(code, code))
        num_inputs = architecture.num_modalities + architecture.num_regions
        self.input_blocks = nn.ModuleList([_Layers(nn.Conv2d(num_inputs, width, 3, padding=1))])
        channels, skips = width, [width]
        anchor_at: list[int | None] = [0]
        for level, factor in enumerate(factors):
            for _ in range(architecture.encoder_blocks):
                layers: list[nn.Module] = [ResidualBlock(channels, width * factor, code)]
                channels = width * factor
                if level in architecture.attention_levels:
                    layers.append(SelfAttention(channels))
                self.input_blocks.append(_Layers(*layers))
                skips.append(channels)
                anchor_at.append(None)
            if level < len(factors) - 1:
                self.input_blocks.append(_Layers(_Downsample(channels)))
                skips.append(channels)
                anchor_at.append(level + 1)
        middle: list[nn.Module] = [ResidualBlock(channels, channels, code)]
        if architecture.has_middle_attention:
            middle.append(SelfAttention(channels))
        middle.append(ResidualBlock(channels, channels, code))
        self.middle_block = _Layers(*middle)
        self.num_middle = channels
        self.output_blocks = nn.ModuleList()
        remaining = list(skips)
        for level in range(len(factors) - 1, -1, -1):
            for number in range(architecture.decoder_blocks):
                # With fewer blocks than skips of a level, several skips enter one block.
                taken = _share(architecture, level, number)
                joined = sum(remaining.pop() for _ in range(taken))
                layers = [ResidualBlock(channels + joined, width * factors[level], code)]
                channels = width * factors[level]
                if level in architecture.attention_levels:
                    layers.append(SelfAttention(channels))
                if level and number == architecture.decoder_blocks - 1:
                    layers.append(_Upsample(channels))
                self.output_blocks.append(_Layers(*layers))
        assert not remaining
        last = nn.Conv2d(channels, architecture.num_regions, 3, padding=1)
        self.out = nn.Sequential(norm(channels), nn.SiLU(), zeroed(last))
        self._anchor_at = anchor_at
        levels = [level for level in anchor_at if level is not None]
        targets = [skips[number] for number, level in enumerate(anchor_at) if level is not None]
        self.anchors = nn.ModuleList(
            nn.Conv2d(anchor_channels[level], target, 1)
            for level, target in zip(levels, targets, strict=True)
        )
        is_v2 = architecture.network == "v2"
        self.gate = AnchorGate(anchor_channels[0]) if is_v2 else None
        self.cross = CrossBranchBlock(self.num_middle, anchor_channels[-1]) if is_v2 else None

    def forward(
        self, image: Tensor, noisy: Tensor, steps: Tensor, anchors: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor]:
        """Return its output (B, R, H, W) and its middle features, pooled, (B, F)."""
        code = self.time_embed(step_code(steps, self.architecture.width))
        features = torch.cat([image, noisy], dim=1)
        kept: list[Tensor] = []
        projections = iter(self.anchors)
        for block, level in zip(self.input_blocks, self._anchor_at, strict=True):
            assert isinstance(block, _Layers)
            features = block.run(features, code)
            if level is not None:
                anchor = anchors[level].detach() if self.architecture.detaches_anchors else anchors[level]
                if level == 0 and self.gate is not None:
                    anchor = self.gate(anchor)
                features = features + next(projections)(anchor)
            kept.append(features)
        features = self.middle_block.run(features, code)
        if self.cross is not None:
            features = self.cross(features, anchors[-1])
        middle = features.float().mean(dim=(2, 3))
        blocks = iter(self.output_blocks)
        for level in range(len(self.architecture.factors) - 1, -1, -1):
            for number in range(self.architecture.decoder_blocks):
                joined = [kept.pop() for _ in range(_share(self.architecture, level, number))]
                block = next(blocks)
                assert isinstance(block, _Layers)
                features = torch.cat([features, *joined], dim=1)
                # A prediction needs them no more, and they are as large as what is computed from them.
                joined.clear()
                features = block.run(features, code)
        output: Tensor = self.out(features)
        return output, middle


def _share(architecture: Architecture, level: int, number: int) -> int:
    """Return how many skips enter a decoder block: those of its level, shared out from the first block on."""
    total = architecture.encoder_blocks + 1
    blocks = architecture.decoder_blocks
    return total // blocks + (number < total % blocks)
