"""How well three registrations of one eye agree: along two sides of a triangle and back along the third.

With CF-FA, CF-OCT and FA-OCT of one eye nobody needs to know the truth: a point that is carried round the
three images should come back to where it began. The error blames no side, and misses what all share.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from engines.contract.geometry import FloatArray, Size, apply_homography, inside, invert

_NODES = 12
_FEWEST_POINTS = 4


@dataclass(frozen=True)
class RegisteredPair:
    """One side of a triangle: a registered pair of images.

    Parameters
    ----------
    item : str
    fixed, moving : hashable
        Which images: two sides that share one name the same.
    fixed_size, moving_size : (width, height), px
    homography_fixed_from_moving : ndarray of float64, (3, 3)
    """

    item: str
    fixed: Hashable
    moving: Hashable
    fixed_size: Size
    moving_size: Size
    homography_fixed_from_moving: FloatArray


@dataclass(frozen=True)
class Cycle:
    """Three pairs that close a circle.

    Parameters
    ----------
    items : tuple of str
        Of the three sides, sorted.
    mean_error_px, max_error_px : float
        Between where points begin and where they come back, pixels of the image they begin in: the fixed
        image of the first side.
    start : hashable
        That image.
    """

    items: tuple[str, str, str]
    mean_error_px: float
    max_error_px: float
    start: Hashable


def cycles(pairs: Iterable[RegisteredPair]) -> list[Cycle]:
    """Return every circle of three pairs, the worst first.

    Points are spread over the image that lies most inside the other two, and only those that stay on all
    three images count; a circle with fewer than four such points is left out.
    """
    found = []
    for sides in combinations(sorted(pairs, key=lambda pair: pair.item), 3):
        names = {name for side in sides for name in (side.fixed, side.moving)}
        ends = [{side.fixed, side.moving} for side in sides]
        if len(names) != 3 or any(len(end) != 2 for end in ends) or ends[0] == ends[1] or ends[1] == ends[2]:
            continue
        if ends[0] == ends[2]:
            continue
        tried = [walk for name in names if (walk := _walk(sides, name)) is not None]
        if tried:
            _, start, errors = max(tried, key=lambda walk: walk[0])
            items = (sides[0].item, sides[1].item, sides[2].item)
            found.append(Cycle(items, float(errors.mean()), float(errors.max()), start))
    return sorted(found, key=lambda cycle: -cycle.mean_error_px)


def _walk(sides: tuple[RegisteredPair, ...], start: Hashable) -> tuple[float, Hashable, FloatArray] | None:
    """Carry points of one image round; return the share that stays on all images, and their errors."""
    sizes = {
        name: size
        for side in sides
        for name, size in ((side.fixed, side.fixed_size), (side.moving, side.moving_size))
    }
    width, height = sizes[start]
    x, y = np.meshgrid(np.linspace(0, width - 1, _NODES), np.linspace(0, height - 1, _NODES))
    begun = np.column_stack([x.reshape(-1), y.reshape(-1)])
    points, at, left = begun, start, list(sides)
    stays = np.ones(len(points), dtype=bool)
    while left:
        side = next(side for side in left if at in (side.fixed, side.moving))
        left.remove(side)
        if at == side.moving:
            points, at = apply_homography(side.homography_fixed_from_moving, points), side.fixed
        else:
            points, at = apply_homography(invert(side.homography_fixed_from_moving), points), side.moving
        stays &= inside(np.nan_to_num(points, nan=-1e9), sizes[at]) | (at == start)
    if stays.sum() < _FEWEST_POINTS:
        return None
    return float(stays.mean()), start, np.linalg.norm(points - begun, axis=1)[stays]
