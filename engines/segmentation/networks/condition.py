"""The image-only branch: a U-Net that sees the slice and nothing of the mask or the step.

It is computed once a slice. Its logits are the calibration map, its features the anchors of the diffusion
branch, and what the grade head pools.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.segmentation.networks.architecture import Architecture
from engines.segmentation.networks.blocks import norm


@dataclass(frozen=True)
class Condition:
    """What the image-only branch says of slices.

    Parameters
    ----------
    anchors : tuple of Tensor
        Decoder features from full resolution to the coarsest, (B, C_l, H / 2^l, W / 2^l).
    calibration : Tensor, (B, R, H, W)
        Logits of the mask.
    pooled : Tensor, (B, F)
        Features for the grade, weighted by the calibration map.
    """

    anchors: tuple[Tensor, ...]
    calibration: Tensor
    pooled: Tensor

    def repeated(self, times: int) -> Condition:
        """Return each slice `times` times, one after the other."""

        def repeat(found: Tensor) -> Tensor:
            return found.repeat_interleave(times, dim=0)

        return Condition(
            tuple(repeat(anchor) for anchor in self.anchors), repeat(self.calibration), repeat(self.pooled)
        )


class _Stage(nn.Sequential):
    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(channels, out_channels, 3, padding=1),
            norm(out_channels),
            nn.LeakyReLU(0.01),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
            norm(out_channels),
            nn.LeakyReLU(0.01),
        )


class ConditionBranch(nn.Module):
    """A U-Net over the modalities of a slice.

    Parameters
    ----------
    architecture : Architecture
    width : int
        Channels at full resolution.
    """

    def __init__(self, architecture: Architecture, width: int) -> None:
        super().__init__()
        widths = [width * factor for factor in architecture.factors]
        self.widths = tuple(widths)
        self._num_modalities = architecture.num_modalities
        ins = [architecture.num_modalities, *widths[:-1]]
        self.encoder = nn.ModuleList(_Stage(a, b) for a, b in zip(ins, widths, strict=True))
        self.decoder = nn.ModuleList(
            _Stage(widths[level] + widths[level + 1], widths[level]) for level in range(len(widths) - 1)
        )
        self.head = nn.Conv2d(widths[0], architecture.num_regions, 1)

    @property
    def num_pooled(self) -> int:
        """Number of pooled features: mean and largest of the image and of every level."""
        return 2 * (self._num_modalities + sum(self.widths))

    def forward(self, image: Tensor) -> Condition:
        """Return what it says of slices (B, M, H, W)."""
        features, kept = image, []
        for level, stage in enumerate(self.encoder):
            features = stage(functional.max_pool2d(features, 2) if level else features)
            kept.append(features)
        anchors = [kept[-1]]
        for level in range(len(self.decoder) - 1, -1, -1):
            size = kept[level].shape[-2:]
            risen = functional.interpolate(anchors[0], size=size, mode="bilinear", align_corners=False)
            anchors.insert(0, self.decoder[level](torch.cat([kept[level], risen], dim=1)))
        calibration = self.head(anchors[0])
        return Condition(tuple(anchors), calibration, pool((image, *anchors), calibration))


def pool(levels: tuple[Tensor, ...], calibration: Tensor) -> Tensor:
    """Return mean and largest of features where the calibration map sees the whole tumour, (B, F).

    The weights are its probabilities and no gradient goes back through them; where it sees nothing they are
    small and even, so the mean is that of the slice.
    """
    weight = torch.sigmoid(calibration[:, :1].detach().float())
    parts = []
    for features in levels:
        height, width = features.shape[-2:]
        is_same = weight.shape[-2:] == features.shape[-2:]
        here = weight if is_same else functional.adaptive_avg_pool2d(weight, (height, width))
        total = here.sum(dim=(2, 3)).clamp(min=1e-6)
        values = features.float()
        parts.append((values * here).sum(dim=(2, 3)) / total)
        parts.append((values * here).amax(dim=(2, 3)))
    return torch.cat(parts, dim=1)
