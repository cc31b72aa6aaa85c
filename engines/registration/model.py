"""The network: a small shared encoder with first layers by polarity, a detector and a descriptor head.

Geometry: cell m of a grid at stride s covers pixels ``s m .. s m + s - 1``; its centre is
``s m + (s - 1) / 2``. Every layer is padded so that this holds, and `sample_descriptors` relies on it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.registration.network_view import POLARITIES

DESCRIPTOR_STRIDE = 8
_GROUPS = 4


class _Block(nn.Sequential):
    """Two 3x3 convolutions with one normalisation."""

    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__(
            nn.Conv2d(num_in, num_out, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(num_out, num_out, 3, padding=1, bias=False),
            nn.GroupNorm(_GROUPS, num_out),
            nn.ReLU(inplace=True),
        )


class KeypointNetwork(nn.Module):
    """Find keypoints and describe them.

    Parameters
    ----------
    width : int
        Channels of the first stage; a multiple of 4.
    descriptor_size : int
        Length of a descriptor.
    num_channels : int
        2 with vesselness as a second channel, else 1.
    """

    def __init__(self, width: int, descriptor_size: int, num_channels: int) -> None:
        super().__init__()
        width = -(-width // _GROUPS) * _GROUPS
        self.num_channels = num_channels
        self.stems = nn.ModuleList(_Block(num_channels, width) for _ in POLARITIES)
        self.stage2 = _Block(width, 2 * width)
        self.stage3 = _Block(2 * width, 4 * width)
        self.stage4 = _Block(4 * width, 4 * width)
        self.lateral3 = nn.Conv2d(4 * width, 4 * width, 1)
        self.merge3 = nn.Conv2d(4 * width, 2 * width, 3, padding=1)
        self.lateral2 = nn.Conv2d(2 * width, 2 * width, 1)
        self.merge2 = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.detector = nn.Conv2d(2 * width, 1, 1)
        # Bifurcations cover a few hundredths of an image: start from there.
        assert self.detector.bias is not None
        nn.init.constant_(self.detector.bias, -3.0)
        self.local = nn.Conv2d(4 * width, 4 * width, 3, padding=1)
        self.context = nn.Conv2d(4 * width, 4 * width, 4, stride=2, padding=1)
        self.descriptor = nn.Conv2d(8 * width, descriptor_size, 1)

    def forward(self, channels: Tensor, polarities: Tensor) -> tuple[Tensor, Tensor]:
        """Compute maps.

        Parameters
        ----------
        channels : Tensor, (B, 2, H, W)
            Intensity and vesselness; H and W are multiples of 16.
        polarities : Tensor of int64, (B,)
            Which first layers read each image.

        Returns
        -------
        logits : Tensor, (B, 1, H, W)
            Of the probability that a pixel is a keypoint.
        descriptors : Tensor, (B, D, H / 8, W / 8)
            Not normalised.
        """
        x1 = self._stem(channels[:, : self.num_channels], polarities)
        x2 = self.stage2(functional.max_pool2d(x1, 2))
        x3 = self.stage3(functional.max_pool2d(x2, 2))
        x4 = self.stage4(functional.max_pool2d(x3, 2))

        up3 = torch.relu(self.merge3(_doubled(x4) + self.lateral3(x3)))
        up2 = torch.relu(self.merge2(_doubled(up3) + self.lateral2(x2)))
        logits = _doubled(self.detector(up2))

        local = torch.relu(self.local(x4))
        context = _doubled(torch.relu(self.context(local)))
        return logits, self.descriptor(torch.cat([local, context], dim=1))

    def _stem(self, channels: Tensor, polarities: Tensor) -> Tensor:
        parts = [(polarities == number).nonzero().flatten() for number in range(len(self.stems))]
        outputs = [stem(channels[part]) for stem, part in zip(self.stems, parts, strict=True) if len(part)]
        order = torch.argsort(torch.cat([part for part in parts if len(part)]))
        return torch.cat(outputs)[order]


def _doubled(grid: Tensor) -> Tensor:
    return functional.interpolate(grid, scale_factor=2, mode="bilinear", align_corners=False)


def sample_descriptors(descriptors: Tensor, points_xy: Tensor) -> Tensor:
    """Read one image's descriptors at points, between cells bilinearly.

    Parameters
    ----------
    descriptors : Tensor, (D, h, w)
        Cell m lies at pixel ``8 m + 3.5``.
    points_xy : Tensor, (N, 2)
        Pixels.

    Returns
    -------
    Tensor of float32, (N, D)
        Of length 1.
    """
    _, height, width = descriptors.shape
    cells = (points_xy.float() - (DESCRIPTOR_STRIDE - 1) / 2) / DESCRIPTOR_STRIDE
    last = torch.tensor([width - 1, height - 1], device=cells.device, dtype=torch.float32)
    grid = (2 * cells / last.clamp(min=1) - 1)[None, None]
    sampled = functional.grid_sample(
        descriptors[None].float(), grid, mode="bilinear", padding_mode="border", align_corners=True
    )
    return functional.normalize(sampled[0, :, 0].T, dim=1)


def build_network(facts: dict[str, Any]) -> KeypointNetwork:
    """Build the network that a checkpoint's facts describe."""
    return KeypointNetwork(int(facts["width"]), int(facts["descriptor_size"]), int(facts["num_channels"]))
