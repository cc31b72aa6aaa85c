"""The published topology, with its layer names, so that a file of the authors' weights fits.

One difference is in how the descriptors are read. The published 4x4 convolution of stride 2 without padding
turns a grid of n cells into n - 2, whose cell m lies at pixel ``8 m + 11.5``; one cell of border on every
side makes that the aligned grid of `networks.base` exactly. `sample_as_published` reads the way the authors
did, up to 11.5 px beside the keypoint, for comparison.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.registration.networks.base import DESCRIPTOR_STRIDE, KeypointNetwork
from engines.registration.networks.modality_stems import NUM_STEMS, Stems
from engines.registration.networks.stems import through_stems

DESCRIPTOR_SIZE = 256
_STEM_LAYERS = ("conv1a", "conv1b")


class _Stem(nn.Module):
    """The first stage, as a stem of its own."""

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.conv1a = nn.Conv2d(num_channels, 64, 3, padding=1)
        self.conv1b = nn.Conv2d(64, 64, 3, padding=1)

    def forward(self, channels: Tensor) -> Tensor:
        return torch.relu(self.conv1b(torch.relu(self.conv1a(channels))))


class _PublishedBody(KeypointNetwork):
    """Everything behind the first stage."""

    _pads_context: bool

    def __init__(self) -> None:
        super().__init__()
        self.conv2a = nn.Conv2d(64, 64, 3, padding=1)
        self.conv2b = nn.Conv2d(64, 64, 3, padding=1)
        self.conv3a = nn.Conv2d(64, 128, 3, padding=1)
        self.conv3b = nn.Conv2d(128, 128, 3, padding=1)
        self.conv4a = nn.Conv2d(128, 128, 3, padding=1)
        self.conv4b = nn.Conv2d(128, 128, 3, padding=1)
        self.convDa = nn.Conv2d(128, 256, 3, padding=1)
        self.convDb = nn.Conv2d(256, 256, 4, stride=2, padding=1 if self._pads_context else 0)
        self.convDc = nn.Conv2d(256, DESCRIPTOR_SIZE, 1)
        self.trans_conv = nn.ConvTranspose2d(DESCRIPTOR_SIZE, DESCRIPTOR_SIZE, 2, stride=2)
        self.dconv_up3 = _pair(256, 128)
        self.dconv_up2 = _pair(192, 64)
        self.dconv_up1 = _pair(128, 64)
        self.conv_last = nn.Conv2d(64, 1, 1)

    def _maps(self, x1: Tensor) -> tuple[Tensor, Tensor]:
        """Return detector logits and the descriptor grid as published: one cell less on every side."""
        x2 = torch.relu(self.conv2b(torch.relu(self.conv2a(functional.max_pool2d(x1, 2)))))
        x3 = torch.relu(self.conv3b(torch.relu(self.conv3a(functional.max_pool2d(x2, 2)))))
        x4 = torch.relu(self.conv4b(torch.relu(self.conv4a(functional.max_pool2d(x3, 2)))))
        up3 = self.dconv_up3(torch.cat([_doubled(x4), x3], dim=1))
        up2 = self.dconv_up2(torch.cat([_doubled(up3), x2], dim=1))
        up1 = self.dconv_up1(torch.cat([_doubled(up2), x1], dim=1))
        inner = torch.relu(self.convDb(torch.relu(self.convDa(x4))))
        grid = self.trans_conv(functional.normalize(self.convDc(inner), dim=1))
        return self.conv_last(up1), grid


class CompatNetwork(_PublishedBody):
    """The published network: one channel, one first stage for every image."""

    _pads_context = False
    num_channels = 1

    def __init__(self) -> None:
        super().__init__()
        self.conv1a = nn.Conv2d(1, 64, 3, padding=1)
        self.conv1b = nn.Conv2d(64, 64, 3, padding=1)

    def forward(self, channels: Tensor, polarities: Tensor) -> tuple[Tensor, Tensor]:
        """Compute maps, see `KeypointNetwork.forward`; `polarities` is not looked at."""
        logits, grid = self.published_maps(channels[:, :1])
        return logits, functional.pad(grid, (1, 1, 1, 1), mode="replicate")

    def published_maps(self, intensity: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B, 1, H, W) and the published grid (B, 256, H / 8 - 2, W / 8 - 2)."""
        return self._maps(torch.relu(self.conv1b(torch.relu(self.conv1a(intensity)))))


class StemmedCompatNetwork(_PublishedBody):
    """The published layer sizes with own first stages and an aligned grid; the weights still fit.

    Parameters
    ----------
    num_channels : int
        2 with vesselness as a second channel, else 1.
    stems : "shared", "polarity" or "modality"
    """

    _pads_context = True

    def __init__(self, num_channels: int, stems: Stems) -> None:
        super().__init__()
        self.num_channels = num_channels
        self.stems = nn.ModuleList(_Stem(num_channels) for _ in range(NUM_STEMS[stems]))

    def forward(self, channels: Tensor, polarities: Tensor) -> tuple[Tensor, Tensor]:
        """Compute maps, see `KeypointNetwork.forward`."""
        logits, grid = self._maps(through_stems(self.stems, channels[:, : self.num_channels], polarities))
        return logits, grid


def stemmed_weights(published: Mapping[str, Tensor], network: StemmedCompatNetwork) -> dict[str, Tensor]:
    """Return published weights under the names of a network with own first stages.

    Every stem begins as a copy of the published first stage. A vesselness channel begins at zero, so that
    the network first computes what the published one does.
    """
    weights: dict[str, Tensor] = {}
    for name, tensor in published.items():
        layer = name.split(".")[0]
        if layer not in _STEM_LAYERS:
            weights[name] = tensor
            continue
        if name == "conv1a.weight" and tensor.ndim == 4 and tensor.shape[1] < network.num_channels:
            missing = tensor.new_zeros(
                tensor.shape[0], network.num_channels - tensor.shape[1], *tensor.shape[2:]
            )
            tensor = torch.cat([tensor, missing], dim=1)
        for number in range(len(network.stems)):
            weights[f"stems.{number}.{name}"] = tensor
    return weights


def sample_as_published(grid: Tensor, points_xy: Tensor) -> Tensor:
    """Read descriptors the way the authors did: as if the grid began and ended with the image's pixels.

    Parameters
    ----------
    grid : Tensor, (D, h, w)
        Published grid of one image.
    points_xy : Tensor, (N, 2)
        Pixels.

    Returns
    -------
    Tensor of float32, (N, D)
        Of length 1.
    """
    _, height, width = grid.shape
    span = torch.tensor([width, height], device=grid.device) * DESCRIPTOR_STRIDE - 1
    where = (2 * points_xy.float() / span - 1)[None, None]
    found = functional.grid_sample(
        grid[None].float(), where, mode="bilinear", padding_mode="zeros", align_corners=True
    )
    return functional.normalize(found[0, :, 0].T, dim=1)


def _pair(num_in: int, num_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(num_in, num_out, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(num_out, num_out, 3, padding=1),
        nn.ReLU(inplace=True),
    )


def _doubled(grid: Tensor) -> Tensor:
    # The published network was trained with aligned corners; newer PyTorch would silently do otherwise.
    return functional.interpolate(grid, scale_factor=2, mode="bilinear", align_corners=True)
