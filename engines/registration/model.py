"""Networks by the facts of a checkpoint, and how their descriptors are read."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engines.registration.networks.base import DESCRIPTOR_STRIDE, KeypointNetwork
from engines.registration.networks.compat import CompatNetwork, StemmedCompatNetwork
from engines.registration.networks.xmodal import XmodalNetwork

__all__ = [
    "DESCRIPTOR_STRIDE",
    "KeypointNetwork",
    "build_network",
    "sample_descriptors",
    "sample_in_batch",
]


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
    first = torch.zeros(len(points_xy), dtype=torch.int64, device=descriptors.device)
    return sample_in_batch(descriptors[None], first, points_xy)


def sample_in_batch(descriptors: Tensor, images: Tensor, points_xy: Tensor) -> Tensor:
    """Read the descriptors of several images at points; see `sample_descriptors`.

    Parameters
    ----------
    descriptors : Tensor, (B, D, h, w)
    images : Tensor of int64, (N,)
        Number of the image that each point lies in.
    points_xy : Tensor, (N, 2)
    """
    _, size, height, width = descriptors.shape
    cells = (points_xy.float() - (DESCRIPTOR_STRIDE - 1) / 2) / DESCRIPTOR_STRIDE
    limit = cells.new_tensor([width - 1, height - 1])
    cells = torch.minimum(cells.clamp(min=0), limit)
    low = cells.floor().long()
    high = torch.minimum(low + 1, limit.long())
    part = cells - low
    flat = descriptors.float().permute(0, 2, 3, 1)
    read = torch.zeros(len(images), size, device=descriptors.device)
    for x, weight_x in ((low[:, 0], 1 - part[:, 0]), (high[:, 0], part[:, 0])):
        for y, weight_y in ((low[:, 1], 1 - part[:, 1]), (high[:, 1], part[:, 1])):
            read = read + (weight_x * weight_y)[:, None] * flat[images, y, x]
    return functional.normalize(read, dim=1)


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
