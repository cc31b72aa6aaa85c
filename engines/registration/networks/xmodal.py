"""The network that trains on a processor: small, with first layers by polarity or modality."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.registration.networks.base import KeypointNetwork
from engines.registration.networks.modality_stems import NUM_STEMS, Stems
from engines.registration.networks.stems import through_stems

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


class XmodalNetwork(KeypointNetwork):
    """A small shared encoder, a detector and a descriptor head; every layer is padded to stay aligned.

    Parameters
    ----------
    width : int
        Channels of the first stage; rounded up to a multiple of 4.
    descriptor_size : int
        Length of a descriptor.
    num_channels : int
        2 with vesselness as a second channel, else 1.
    stems : "shared", "polarity" or "modality"
        What the first layers follow.
    has_full_detector : bool
        Whether the detector works at full resolution; half of it costs less and is doubled at the end.
    """

    def __init__(
        self,
        width: int,
        descriptor_size: int,
        num_channels: int,
        stems: Stems = "polarity",
        *,
        has_full_detector: bool = False,
    ) -> None:
        super().__init__()
        width = -(-width // _GROUPS) * _GROUPS
        self.num_channels = num_channels
        self.stems = nn.ModuleList(_Block(num_channels, width) for _ in range(NUM_STEMS[stems]))
        self.stage2 = _Block(width, 2 * width)
        self.stage3 = _Block(2 * width, 4 * width)
        self.stage4 = _Block(4 * width, 4 * width)
        self.lateral3 = nn.Conv2d(4 * width, 4 * width, 1)
        self.merge3 = nn.Conv2d(4 * width, 2 * width, 3, padding=1)
        self.lateral2 = nn.Conv2d(2 * width, 2 * width, 1)
        self.merge2 = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.lateral1 = nn.Conv2d(width, 2 * width, 1) if has_full_detector else None
        self.merge1 = nn.Conv2d(2 * width, width, 3, padding=1) if has_full_detector else None
        self.detector = nn.Conv2d(width if has_full_detector else 2 * width, 1, 1)
        # Bifurcations cover a few hundredths of an image: start from there.
        assert self.detector.bias is not None
        nn.init.constant_(self.detector.bias, -3.0)
        self.local = nn.Conv2d(4 * width, 4 * width, 3, padding=1)
        self.context = nn.Conv2d(4 * width, 4 * width, 4, stride=2, padding=1)
        self.descriptor = nn.Conv2d(8 * width, descriptor_size, 1)

    def forward(self, channels: Tensor, polarities: Tensor) -> tuple[Tensor, Tensor]:
        """Compute maps, see `KeypointNetwork.forward`."""
        x1 = through_stems(self.stems, channels[:, : self.num_channels], polarities)
        x2 = self.stage2(functional.max_pool2d(x1, 2))
        x3 = self.stage3(functional.max_pool2d(x2, 2))
        x4 = self.stage4(functional.max_pool2d(x3, 2))

        up3 = torch.relu(self.merge3(_doubled(x4) + self.lateral3(x3)))
        up2 = torch.relu(self.merge2(_doubled(up3) + self.lateral2(x2)))
        if self.lateral1 is not None and self.merge1 is not None:
            logits = self.detector(torch.relu(self.merge1(_doubled(up2) + self.lateral1(x1))))
        else:
            logits = _doubled(self.detector(up2))

        local = torch.relu(self.local(x4))
        context = _doubled(torch.relu(self.context(local)))
        return logits, self.descriptor(torch.cat([local, context], dim=1))


def _doubled(grid: Tensor) -> Tensor:
    return functional.interpolate(grid, scale_factor=2, mode="bilinear", align_corners=False)
