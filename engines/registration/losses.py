"""Losses of all phases; all in float32 whatever the precision of the network."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_DICE_EPSILON = 1e-3
_ORTHOGONAL_WEIGHT = 1.0


def dice_loss(probability: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor | None:
    """Return ``1 - 2 sum(P Y) / (sum P^2 + sum Y^2)`` over the whole batch.

    Parameters
    ----------
    probability, target : Tensor, same shape
        0 to 1.
    weight : Tensor, broadcastable, optional
        How much each pixel counts; 0 leaves it out.

    Returns
    -------
    Tensor or None
        None when the target is empty: Dice would then only teach to see nothing.
    """
    target, probability = target.float(), probability.float()
    if weight is not None:
        # The square root, because every sum is of products of two maps.
        root = weight.float().sqrt()
        target, probability = target * root, probability * root
    if not bool(target.any()):
        return None
    both = (probability * target).sum()
    return 1 - (2 * both + _DICE_EPSILON) / (
        probability.square().sum() + target.square().sum() + _DICE_EPSILON
    )


def _allowed(points_xy: Tensor, image_index: Tensor, exclusion_px: float) -> Tensor:
    """Tell which points may stand as wrong partners of which others, (N, N)."""
    is_other_image = image_index[:, None] != image_index[None]
    is_far = torch.cdist(points_xy.float(), points_xy.float()) >= max(exclusion_px, 1e-3)
    return is_other_image | is_far


def infonce_loss(
    fixed: Tensor,
    moving: Tensor,
    fixed_xy: Tensor,
    moving_xy: Tensor,
    image_index: Tensor,
    *,
    temperature: float,
    exclusion_px: float,
    weight: Tensor | None = None,
) -> Tensor | None:
    """Tell each point's partner from all other points of the batch, from both sides.

    Parameters
    ----------
    fixed, moving : Tensor, (N, D)
        Descriptors of length 1; row i of both is one point of the eye.
    fixed_xy, moving_xy : Tensor, (N, 2)
        Pixels.
    image_index : Tensor, (N,)
        Pair of the batch that a point belongs to.
    temperature : float
    exclusion_px : float
        Points nearer than this to the partner are neither right nor wrong.
    weight : Tensor, (N,), optional
        How much each point counts.

    Returns
    -------
    Tensor or None
        None with fewer than two points.
    """
    if len(fixed) < 2:
        return None
    similarity = fixed.float() @ moving.float().T / temperature
    itself = torch.eye(len(fixed), dtype=torch.bool, device=fixed.device)
    to_moving = _allowed(moving_xy, image_index, exclusion_px) | itself
    to_fixed = _allowed(fixed_xy, image_index, exclusion_px) | itself
    partner = torch.arange(len(fixed), device=fixed.device)
    forward = functional.cross_entropy(
        similarity.masked_fill(~to_moving, -torch.inf), partner, reduction="none"
    )
    backward = functional.cross_entropy(
        similarity.T.masked_fill(~to_fixed, -torch.inf), partner, reduction="none"
    )
    return _mean((forward + backward) / 2, weight)


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean; weights below 1 also make the whole smaller, as a doubtful pair should."""
    return values.mean() if weight is None else (values * weight.to(values.dtype)).mean()


def triplet_loss(
    fixed: Tensor,
    moving: Tensor,
    fixed_xy: Tensor,
    moving_xy: Tensor,
    image_index: Tensor,
    *,
    margin: float,
    exclusion_px: float,
    weight: Tensor | None = None,
) -> Tensor | None:
    """Keep each point's partner nearer than the hardest and an average wrong one, from both sides.

    The paper takes the hardest and one random wrong point; the average of all wrong points is the
    expectation of the latter and needs no random choice. Parameters as in `infonce_loss`.
    """
    if len(fixed) < 2:
        return None
    similarity = fixed.float() @ moving.float().T
    positive = 1 - similarity.diagonal()
    losses = []
    for matrix, points_xy in ((similarity, moving_xy), (similarity.T, fixed_xy)):
        allowed = _allowed(points_xy, image_index, exclusion_px)
        has_wrong = allowed.any(dim=1)
        if not bool(has_wrong.any()):
            return None
        wrong = matrix.masked_fill(~allowed, -torch.inf)[has_wrong]
        hardest = wrong.max(dim=1).values
        count = allowed[has_wrong].sum(dim=1)
        average = matrix.masked_fill(~allowed, 0)[has_wrong].sum(dim=1) / count
        squared = matrix.square().masked_fill(~allowed, 0)[has_wrong].sum(dim=1) / count
        hinge = functional.relu(margin + positive[has_wrong] - 0.5 * ((1 - hardest) + (1 - average)))
        each = hinge + _ORTHOGONAL_WEIGHT * (hardest.square() + squared)
        losses.append(_mean(each, None if weight is None else weight[has_wrong]))
    return (losses[0] + losses[1]) / 2
