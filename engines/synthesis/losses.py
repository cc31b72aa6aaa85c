"""Losses of synthesis, each averaged as its docstring says; images are (B, C, H, W) in [-1, 1]."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

DATA_RANGE = 2.0
"""Of images in [-1, 1]; SSIM with another range is another loss."""
_WINDOW, _SIGMA = 11, 1.5
_K1, _K2 = 0.01, 0.03
MULTI_SCALE_WEIGHTS = (1.0, 0.5, 0.25)

Maps = Sequence[Sequence[Tensor]]
"""Of a discriminator: for each scale the maps of all layers, scores last."""


def lung_weights(lung: Tensor, weight: float) -> Tensor:
    """Return 1 outside the lung and `weight` inside, of the shape of `lung`."""
    return 1.0 + (weight - 1.0) * lung


def weighted_l1(image: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Return the mean absolute difference, divided by the sum of weights; `weights` is (B, 1 or C, H, W)."""
    weights = weights.expand_as(image)
    return (weights * (image - target).abs()).sum() / weights.sum()


@cache
def _kernel() -> Tensor:
    position = torch.arange(_WINDOW, dtype=torch.float32) - (_WINDOW - 1) / 2
    values = torch.exp(-position.square() / (2.0 * _SIGMA**2))
    return values / values.sum()


def _blurred(image: Tensor) -> Tensor:
    channels = image.shape[1]
    kernel = _kernel().to(image.device)
    down = kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    along = kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    return functional.conv2d(functional.conv2d(image, down, groups=channels), along, groups=channels)


def ssim(image: Tensor, target: Tensor, data_range: float = DATA_RANGE) -> Tensor:
    """Return the structural similarity, averaged over windows of 11 x 11 (Gaussian, sigma 1.5) that fit.

    Images smaller than a window are mirrored at their borders.
    """
    image, target = image.float(), target.float()
    missing = max(0, _WINDOW - min(image.shape[2:]))
    if missing:
        # Repeats instead of mirrors where a side is shorter than what is missing.
        pad = [missing // 2, missing - missing // 2] * 2
        image, target = (functional.pad(part, pad, mode="replicate") for part in (image, target))
    # One pass over all five moments is faster than five passes.
    moments = torch.cat([image, target, image * image, target * target, image * target], dim=1)
    mean_x, mean_y, square_x, square_y, product = _blurred(moments).chunk(5, dim=1)
    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    covariance = product - mean_x * mean_y
    variances = square_x - mean_x.square() + square_y - mean_y.square()
    means = mean_x.square() + mean_y.square()
    found = (2 * mean_x * mean_y + c1) * (2 * covariance + c2) / ((means + c1) * (variances + c2))
    return found.mean()


def reconstruction(image: Tensor, target: Tensor, weights: Tensor, num_scales: int = 1) -> Tensor:
    """Return weighted L1 plus ``1 - SSIM``; over several scales the weighted mean with 1, 1/2, 1/4."""
    total = torch.zeros((), device=image.device)
    scale_weights = MULTI_SCALE_WEIGHTS[:num_scales]
    for number, weight in enumerate(scale_weights):
        if number:
            image, target, weights = (functional.avg_pool2d(part, 2) for part in (image, target, weights))
        total = total + weight * (weighted_l1(image, target, weights) + 1.0 - ssim(image, target))
    return total / sum(scale_weights)


def _mean_over_scales(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean()


def discriminator_loss(real: Sequence[Tensor], fake: Sequence[Tensor], kind: str, smoothing: float) -> Tensor:
    """Return D's loss, averaged over patches, then over scales.

    ``lsgan`` is half the sum of both squares (0.25 for a constant D), ``hinge`` has no half (2 for a
    constant D). `smoothing` lowers the target of real patches, LSGAN only.
    """
    if kind == "hinge":
        parts = [(1.0 - a).relu().mean() + (1.0 + b).relu().mean() for a, b in zip(real, fake, strict=True)]
    else:
        target = 1.0 - smoothing
        parts = [
            0.5 * ((a - target).square().mean() + b.square().mean()) for a, b in zip(real, fake, strict=True)
        ]
    return _mean_over_scales(parts)


def generator_gan_loss(fake: Sequence[Tensor], kind: str) -> Tensor:
    """Return what G pays for being found out; under ``hinge`` it may be negative."""
    if kind == "hinge":
        return _mean_over_scales([-scores.mean() for scores in fake])
    return _mean_over_scales([(scores - 1.0).square().mean() for scores in fake])


def feature_matching(fake: Maps, real: Maps) -> Tensor:
    """Return ``mean over scales of sum over layers 4 / n * |difference|``, without the scores.

    ``n`` counts the layers that are compared.
    """
    total = torch.zeros((), device=fake[0][0].device)
    for fake_maps, real_maps in zip(fake, real, strict=True):
        layers = list(zip(fake_maps[:-1], real_maps[:-1], strict=True))
        for a, b in layers:
            total = total + 4.0 / len(layers) * (a.float() - b.detach().float()).abs().mean() / len(fake)
    return total


def r1_penalty(scores: Sequence[Tensor], real: Tensor, reduction: str, signs: torch.Generator) -> Tensor:
    """Return the squared gradient of D's scores at real images, summed over pixels, averaged over the batch.

    Parameters
    ----------
    scores : sequence of Tensor
        Patch scores of each scale, made from `real`.
    real : Tensor
        Needs a gradient; the NCCT is no part of it.
    reduction : "per_logit", "mean" or "sum"
        What of the patch map is differentiated. ``per_logit`` takes random signs over the root of their
        number: its expectation is the mean over patches, so gamma means the same at every map size.
    signs : torch.Generator
        On the processor.
    """
    parts = []
    for values in scores:
        count = values[0].numel()
        if reduction == "per_logit":
            drawn = torch.randint(0, 2, values.shape, generator=signs).to(values) * 2.0 - 1.0
            parts.append((drawn * values).sum() / math.sqrt(count))
        elif reduction == "mean":
            parts.append(values.sum() / count)
        else:
            parts.append(values.sum())
    total = torch.stack(parts).sum() / (len(parts) if reduction != "sum" else 1)
    (gradient,) = torch.autograd.grad(total, real, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()


def auc(real: Sequence[Tensor], fake: Sequence[Tensor], most: int = 1000) -> float:
    """Return the chance that a real patch scores above a fake one; 0.5 is no difference.

    Patches are taken evenly over all scales, at most `most` of each kind.
    """
    a, b = (_sorted_sample(scores, most) for scores in (real, fake))
    below = torch.searchsorted(b, a, right=False).double()
    up_to = torch.searchsorted(b, a, right=True).double()
    return float((0.5 * (below + up_to)).mean() / len(b))


def _sorted_sample(scores: Sequence[Tensor], most: int) -> Tensor:
    values = torch.cat([part.detach().float().flatten() for part in scores])
    if len(values) > most:
        values = values[torch.linspace(0, len(values) - 1, most, device=values.device).long()]
    return torch.sort(values).values.contiguous()
