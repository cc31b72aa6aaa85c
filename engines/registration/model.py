"""Networks by the facts of a checkpoint, and how their descriptors are read."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engines.registration.networks.base import DESCRIPTOR_STRIDE, KeypointNetwork
from engines.registration.networks.compat import CompatNetwork, StemmedCompatNetwork
from engines.registration.networks.xmodal import XmodalNetwork

__all__ = ["DESCRIPTOR_STRIDE", "KeypointNetwork", "build_network", "sample_descriptors"]


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
    """Build the network that a checkpoint's facts describe.

    Raises
    ------
    KeyError, ValueError
        If the facts are of no network known here.
    """
    mode = facts.get("mode", "xmodal")
    stems = facts.get("stems", "polarity")
    if mode == "compat":
        return CompatNetwork()
    if mode == "xmodal_wide":
        return StemmedCompatNetwork(int(facts["num_channels"]), stems)
    if mode != "xmodal":
        raise ValueError(f"unknown network '{mode}'")
    return XmodalNetwork(
        int(facts["width"]),
        int(facts["descriptor_size"]),
        int(facts["num_channels"]),
        stems,
        has_full_detector=bool(facts.get("has_full_detector", False)),
    )
