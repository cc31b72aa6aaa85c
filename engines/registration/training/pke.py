"""Progressive keypoint expansion for two modalities: the detector's own points become labels once trusted.

A candidate of the fixed image is trusted when the moving detector sees it too (geometry) and when its
descriptor finds its partner among all surviving candidates (content). Trust is kept per image in a value
map in the fixed image's pixels: it grows where a candidate returns and decays elsewhere. Nothing here has a
gradient, and nothing loops over points.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engines.registration.model import sample_in_batch
from engines.registration.training.torch_geometry import dilated, largest_within, map_points

_BORDER_PX = 8
_MOST_COMPARED = 1024
_GAIN, _NEIGHBOUR_GAIN, _DECAY = 5, 1, 1
_NEIGHBOUR_PX = 2
_TRUSTED = 5
_LARGEST_VALUE = 255
_LARGEST_DISTANCE = 0.7
_MASK_MARGIN_PX = 2


@dataclass(frozen=True)
class ExpansionRules:
    """Thresholds of one expansion.

    Parameters
    ----------
    candidate_score : float
        Least probability of a candidate in the fixed image.
    geometry_score : float
        Least probability of the moving detector within a pixel of the mapped place.
    content_ratio : float
        Largest ratio of the distance to the own partner and to the nearest other one.
    max_new_points : int
        Candidates of one image that may be accepted in one round; the strongest in both detectors.
    radius_px : int
        Candidates keep this distance from each other and from given points.
    learned_radius_px : int
        Learned points keep this distance from each other.
    """

    candidate_score: float = 0.1
    geometry_score: float = 0.5
    content_ratio: float = 0.75
    max_new_points: int = 300
    radius_px: int = 10
    learned_radius_px: int = 16


@dataclass(frozen=True)
class Expansion:
    """What one round found.

    Parameters
    ----------
    images, rows, columns : Tensor of int64, (N,)
        Accepted points: number in the batch and fixed pixel.
    counts : dict of str to int
        Points left after each test, over the batch.
    """

    images: Tensor
    rows: Tensor
    columns: Tensor
    counts: dict[str, int]


@torch.no_grad()
def expand(
    fixed_score: Tensor,
    moving_score: Tensor,
    fixed_grid: Tensor,
    moving_grid: Tensor,
    moving_from_fixed: Tensor,
    given: Tensor,
    allowed: Tensor,
    rules: ExpansionRules,
) -> Expansion:
    """Find points that both detectors and the descriptors agree on.

    Parameters
    ----------
    fixed_score, moving_score : Tensor, (B, H, W)
        Probabilities.
    fixed_grid, moving_grid : Tensor, (B, D, H / 8, W / 8)
        Descriptors.
    moving_from_fixed : Tensor, (B, 3, 3)
    given : Tensor, (B, H, W)
        1 at given points of the fixed image.
    allowed : Tensor, (B, H, W)
        Where candidates may lie: the vessels of the fixed image.
    rules : ExpansionRules
    """
    _, height, width = fixed_score.shape
    fixed_score, moving_score = fixed_score.float(), moving_score.float()
    is_peak = local_maxima(fixed_score, rules.radius_px)
    is_candidate = is_peak & (fixed_score > rules.candidate_score) & dilated(allowed, _MASK_MARGIN_PX)
    is_candidate &= ~dilated(given, rules.radius_px)
    is_candidate &= _inner(height, width, fixed_score.device)
    images, rows, columns = torch.nonzero(is_candidate, as_tuple=True)
    num_candidates = len(images)

    points_xy = torch.stack([columns, rows], dim=1).float()
    mapped_xy = map_points(moving_from_fixed.float()[images], points_xy[:, None])[:, 0]
    is_on = (
        (mapped_xy >= _BORDER_PX) & (mapped_xy <= mapped_xy.new_tensor([width, height]) - 1 - _BORDER_PX)
    ).all(1)
    near = functional.max_pool2d(moving_score[:, None], 3, 1, 1)[:, 0]
    at = mapped_xy.round().long().clamp(min=0)
    seen = near[images, at[:, 1].clamp(max=height - 1), at[:, 0].clamp(max=width - 1)]
    kept = is_on & (seen >= rules.geometry_score)
    rank_score = fixed_score[images, rows, columns] * seen
    kept &= _is_among_best(images, torch.where(kept, rank_score, -1.0), _MOST_COMPARED)
    images, rows, columns, points_xy, mapped_xy, rank_score = (
        tensor[kept] for tensor in (images, rows, columns, points_xy, mapped_xy, rank_score)
    )
    num_geometry = len(images)

    kept = _content_test(
        sample_in_batch(fixed_grid, images, points_xy),
        sample_in_batch(moving_grid, images, mapped_xy),
        images,
        rules.content_ratio,
    )
    images, rows, columns, rank_score = (tensor[kept] for tensor in (images, rows, columns, rank_score))
    num_content = len(images)

    kept = _is_among_best(images, rank_score, rules.max_new_points)
    counts = {
        "candidates": num_candidates,
        "after_geometry": num_geometry,
        "after_content": num_content,
        "accepted": int(kept.sum()),
    }
    return Expansion(images[kept], rows[kept], columns[kept], counts)


def local_maxima(score: Tensor, radius_px: int) -> Tensor:
    """Tell which pixels are the largest within a square radius, (B, H, W); of equal ones, one is chosen.

    The published code breaks ties at random; here the place decides, so that a run can be repeated.
    """
    height, width = score.shape[-2:]
    order = torch.arange(height * width, device=score.device, dtype=torch.float32).reshape(height, width)
    scored = score + 1e-6 * order / (height * width)
    return scored == largest_within(scored, radius_px)


def updated_value_map(values: Tensor, one_hot: Tensor) -> Tensor:
    """Return the value map after a round.

    Parameters
    ----------
    values : Tensor of int16, (H, W)
    one_hot : Tensor, (H, W)
        1 at this round's points.

    Returns
    -------
    Tensor of int16, (H, W)
        A point that falls on a known pixel, or near none, counts 5 there; else it counts 1 for each known
        pixel within two pixels. Everything else loses 1, down to 0.
    """
    side = 2 * _NEIGHBOUR_PX + 1
    is_known = values > 0
    is_point = one_hot > 0
    has_known_near = dilated(is_known[None], _NEIGHBOUR_PX)[0]
    is_exact = is_point & (is_known | ~has_known_near)
    beside = (is_point & ~is_exact).float()[None, None]
    support = functional.conv2d(
        beside, torch.ones(1, 1, side, side, device=values.device), padding=_NEIGHBOUR_PX
    )
    gain = _GAIN * is_exact.int() + _NEIGHBOUR_GAIN * (support[0, 0].round().int() * is_known)
    changed = torch.where(gain > 0, values.int() + gain, (values.int() - _DECAY).clamp(min=0))
    return changed.clamp(max=_LARGEST_VALUE).to(torch.int16)


def learned_points(values: Tensor, given: Tensor, rules: ExpansionRules) -> Tensor:
    """Return where trusted points lie that no given point stands for, bool (B, H, W).

    Parameters
    ----------
    values : Tensor of int16, (B, H, W)
    given : Tensor, (B, H, W)
        1 at given points.
    """
    score = values.float()
    is_trusted = (score >= _TRUSTED) & local_maxima(score, rules.learned_radius_px)
    return is_trusted & ~dilated(given, rules.radius_px)


def _inner(height: int, width: int, device: torch.device) -> Tensor:
    inner = torch.zeros(height, width, dtype=torch.bool, device=device)
    inner[_BORDER_PX : height - _BORDER_PX, _BORDER_PX : width - _BORDER_PX] = True
    return inner


def _is_among_best(images: Tensor, score: Tensor, count: int) -> Tensor:
    """Tell which points are among the `count` best of their image, (N,)."""
    by_score = torch.argsort(score, descending=True, stable=True)
    order = by_score[torch.argsort(images[by_score], stable=True)]
    sorted_images = images[order]
    position = torch.arange(len(order), device=order.device)
    is_first = torch.ones_like(sorted_images, dtype=torch.bool)
    is_first[1:] = sorted_images[1:] != sorted_images[:-1]
    first = torch.cummax(torch.where(is_first, position, 0), dim=0).values if len(order) else position
    kept = torch.zeros_like(images, dtype=torch.bool)
    kept[order] = position - first < count
    return kept


def _content_test(fixed: Tensor, moving: Tensor, images: Tensor, ratio: float) -> Tensor:
    """Tell whose nearest partner descriptor of the same image is its own, clearly and near enough, (N,)."""
    if len(images) == 0:
        return torch.zeros(0, dtype=torch.bool, device=images.device)
    distance = (2 - 2 * fixed @ moving.T).clamp(min=0).sqrt()
    distance = distance.masked_fill(images[:, None] != images[None], torch.inf)
    own = distance.diagonal()
    itself = torch.eye(len(own), dtype=torch.bool, device=own.device)
    other = distance.masked_fill(itself, torch.inf).min(dim=1).values
    # A ratio over a set of one proves nothing.
    return (own < ratio * other) & (own < _LARGEST_DISTANCE) & torch.isfinite(other)
