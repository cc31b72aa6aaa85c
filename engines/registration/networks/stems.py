"""First layers by polarity or modality."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def through_stems(stems: nn.ModuleList, channels: Tensor, indices: Tensor) -> Tensor:
    """Run each image through the stem of its index (modulo the number of stems), (B, C, H, W)."""
    if len(stems) == 1:
        return torch.as_tensor(stems[0](channels))
    chosen = indices % len(stems)
    parts = [(chosen == number).nonzero().flatten() for number in range(len(stems))]
    outputs = [stem(channels[part]) for stem, part in zip(stems, parts, strict=True) if len(part)]
    order = torch.argsort(torch.cat([part for part in parts if len(part)]))
    return torch.cat(outputs)[order]
