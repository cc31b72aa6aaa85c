"""What every keypoint network has in common.

Geometry: cell m of a grid at stride s covers pixels ``s m .. s m + s - 1``; its centre is
``s m + (s - 1) / 2``. Every network gives its descriptors on that grid, whatever it computes inside.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, TypeAlias

from torch import Tensor, nn

DESCRIPTOR_STRIDE = 8

Stems: TypeAlias = Literal["shared", "polarity", "modality"]
NUM_STEMS: dict[Stems, int] = {"shared": 1, "polarity": 2, "modality": 4}
_STEM_OF_MODALITY = {"OCT": 2, "OCTA": 3}


def stem_index(polarity: str, modality: str | None = None) -> int:
    """Return which first layers read an image: 0 dark vessels, 1 bright ones, 2 OCT, 3 OCTA.

    A network with fewer stems takes the index modulo their number: OCT is then read as dark vessels, OCTA
    as bright ones.
    """
    bright = int(polarity == "bright")
    index = _STEM_OF_MODALITY.get((modality or "").upper(), bright)
    # What is measured in the image wins over its name.
    return index if index % 2 == bright else bright


class KeypointNetwork(nn.Module, ABC):
    """Find keypoints and describe them.

    Attributes
    ----------
    num_channels : int
        2 with vesselness as a second channel, else 1.
    """

    num_channels: int

    @abstractmethod
    def forward(self, channels: Tensor, polarities: Tensor) -> tuple[Tensor, Tensor]:
        """Compute maps.

        Parameters
        ----------
        channels : Tensor, (B, 2, H, W)
            Intensity and vesselness; H and W are multiples of 16.
        polarities : Tensor of int64, (B,)
            Which first layers read each image, see `stem_index`.

        Returns
        -------
        logits : Tensor, (B, 1, H, W)
            Of the probability that a pixel is a keypoint.
        descriptors : Tensor, (B, D, H / 8, W / 8)
            Not normalised; cell m lies at pixel ``8 m + 3.5``.
        """
