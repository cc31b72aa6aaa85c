"""Losses of mask, calibration map and grade, and the ways to weigh two tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

_SMOOTH = 1.0
_LOWEST, _HIGHEST = -2.0, 4.0
"""Bounds of log sigma squared: without them the weight of a solved task grows without end."""


def soft_dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return 1 - Dice over the batch, the mean of all regions.

    Parameters
    ----------
    logits, target : Tensor, (B, R, H, W)
        `target` in {0, 1}.
    """
    probability = torch.sigmoid(logits)
    common = (probability * target).sum(dim=(0, 2, 3))
    total = probability.sum(dim=(0, 2, 3)) + target.sum(dim=(0, 2, 3))
    return (1 - (2 * common + _SMOOTH) / (total + _SMOOTH)).mean()


def binary_focal_loss(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Return the mean focal loss of pixels; `gamma` 0 is cross entropy."""
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    if gamma == 0:
        return cross_entropy.mean()
    right = torch.exp(-cross_entropy)
    return ((1 - right) ** gamma * cross_entropy).mean()


def mask_loss(logits: Tensor, target: Tensor, focal_weight: float, gamma: float) -> Tensor:
    """Return Dice plus weighted focal loss of clean-mask logits."""
    logits, target = logits.float(), target.float()
    return soft_dice_loss(logits, target) + focal_weight * binary_focal_loss(logits, target, gamma)


def calibration_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return Dice plus cross entropy of the image-only map."""
    return mask_loss(logits, target, 1.0, 0.0)


def grade_loss(logits: Tensor, grades: Tensor, alpha: Tensor, gamma: float) -> Tensor:
    """Return the focal loss of grades, by log softmax and without any clamp.

    Parameters
    ----------
    logits : Tensor, (B, 2)
    grades : Tensor of int64, (B,)
        -1 where unknown: such slices do not count; 0 when none is known.
    alpha : Tensor, (2,)
        Weight of each class.
    gamma : float
        0 is weighted cross entropy.
    """
    known = grades >= 0
    if not bool(known.any()):
        return logits.sum() * 0.0
    chosen = grades[known][:, None]
    log_right = torch.log_softmax(logits[known].float(), dim=1).gather(1, chosen)[:, 0]
    weight = alpha.to(logits.device)[grades[known]]
    return (-weight * (1 - log_right.exp()) ** gamma * log_right).mean()


class UncertaintyWeights(nn.Module):
    """Learned weights of two losses (Kendall et al. 2018): ``0.5 e^-a A + e^-b B + 0.5 (a + b)``.

    `a` and `b` are log sigma squared, bounded to [-2, 4]; the first task counts as a regression, the second
    as a classification. At the optimum sigma squared is A, and 2 B.
    """

    def __init__(self) -> None:
        super().__init__()
        middle, half = (_LOWEST + _HIGHEST) / 2, (_HIGHEST - _LOWEST) / 2
        # Begins at log sigma squared 0.
        self.raw = nn.Parameter(torch.full((2,), math.atanh(-middle / half)))

    def log_variances(self) -> Tensor:
        """Return both log sigma squared, (2,)."""
        middle, half = (_LOWEST + _HIGHEST) / 2, (_HIGHEST - _LOWEST) / 2
        return middle + half * torch.tanh(self.raw)

    def sigmas(self) -> tuple[float, float]:
        """Return both sigma."""
        first, second = torch.exp(self.log_variances().detach() / 2).tolist()
        return first, second

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the weighted sum."""
        log_variances = self.log_variances()
        weights = torch.exp(-log_variances)
        return 0.5 * weights[0] * first + weights[1] * second + 0.5 * log_variances.sum()


def task_gradients(loss: Tensor, shared: Sequence[nn.Parameter]) -> list[Tensor]:
    """Return the gradient of a loss with respect to shared parameters, zeros where it does not depend."""
    found = torch.autograd.grad(loss, list(shared), retain_graph=True, allow_unused=True)
    return [
        torch.zeros_like(parameter) if gradient is None else gradient
        for parameter, gradient in zip(shared, found, strict=True)
    ]


def cosine(first: Sequence[Tensor], second: Sequence[Tensor]) -> float | None:
    """Return the cosine of two gradients; None when one is 0."""
    product = sum(float((a * b).sum()) for a, b in zip(first, second, strict=True))
    lengths = [math.sqrt(sum(float((a**2).sum()) for a in found)) for found in (first, second)]
    return product / (lengths[0] * lengths[1]) if all(lengths) else None


def projected(first: Sequence[Tensor], second: Sequence[Tensor]) -> list[Tensor]:
    """Return the sum of two gradients without what each has against the other (PCGrad, Yu et al. 2020)."""
    product = sum(float((a * b).sum()) for a, b in zip(first, second, strict=True))
    if product >= 0:
        return [a + b for a, b in zip(first, second, strict=True)]
    squares = [sum(float((a**2).sum()) for a in found) for found in (first, second)]
    return [
        a - product / squares[1] * b + b - product / squares[0] * a
        for a, b in zip(first, second, strict=True)
    ]


def with_projected_gradient(
    first: Tensor, second: Tensor, shared: Sequence[nn.Parameter]
) -> tuple[Tensor, float | None]:
    """Return a loss of the value ``first + second`` whose gradient on shared parameters is `projected`.

    Also the cosine of both gradients. One backward pass for each task, and then the usual one.
    """
    gradients = task_gradients(first, shared), task_gradients(second, shared)
    angle = cosine(*gradients)
    total = first + second
    for parameter, wanted, one, other in zip(shared, projected(*gradients), *gradients, strict=True):
        correction = (parameter * (wanted - one - other).detach()).sum()
        total = total + correction - correction.detach()
    return total, angle
