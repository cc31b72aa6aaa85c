"""What every keypoint network has in common.

Geometry: cell m of a grid at stride s covers pixels ``s m .. s m + s - 1``; its centre is
``s m + (s - 1) / 2``. Every network gives its descriptors on that grid, whatever it computes inside.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

DESCRIPTOR_STRIDE = 8


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
