"""Losses over weighted points: estimates of what the same loss over the whole lattice would be."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_EPSILON = 1e-6


def weighted_dice(probability: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the Dice overlap, with soft labels; all (P,).

    A ratio of weighted sums: consistent, with a bias that vanishes as points grow.
    """
    common = (weight * probability * target).sum()
    total = (weight * (probability + target)).sum()
    return 2.0 * common / total.clamp_min(_EPSILON)


def weighted_focal(logit: Tensor, target: Tensor, weight: Tensor, gamma: float) -> Tensor:
    """Return the focal loss ``(1 - p_t)^gamma * cross entropy``, averaged by weight; all (P,)."""
    entropy = functional.binary_cross_entropy_with_logits(logit, target, reduction="none")
    if gamma:
        probability = torch.sigmoid(logit)
        miss = (probability - target).abs()
        entropy = miss.clamp_min(_EPSILON) ** gamma * entropy
    return (weight * entropy).sum() / weight.sum()


def skeleton_recall(logit: Tensor) -> Tensor:
    """Return how much of the centre line's points, (P,), the field misses."""
    return 1.0 - torch.sigmoid(logit).mean()


def latent_penalty(latent: Tensor) -> Tensor:
    """Return the squared length of a latent; unlike the length itself it pulls less as it nears 0."""
    return latent.square().sum()
