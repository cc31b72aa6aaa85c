"""Where a training step looks: disjoint strata of the lattice, each with its exact importance weight.

Few points of a lattice are vessel. Points are drawn more often near the boundary, and weighted so that any
weighted mean estimates the mean over the whole lattice, whatever the shares were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from engines.contract.errors import GeometryError
from engines.refinement.lattice import FloatGrid

INSIDE, NEAR, FAR, REST = range(4)
NAMES = ("inside", "near", "far", "rest")
_INSIDE_SHARE = 0.4
"""Of the band's points; the others lie just outside the label."""
_FAR_SHARE = 0.4
"""Of the points away from the band."""


@dataclass(frozen=True)
class Strata:
    """A lattice cut into disjoint sets of points.

    Parameters
    ----------
    shape : (I, J, K)
    indices : tuple of ndarray of int64
        Flat indices of each stratum, in the order of `NAMES`: in the label; up to `near` points away from
        it; up to `far`; the rest. A stratum can be empty.
    """

    shape: tuple[int, ...]
    indices: tuple[npt.NDArray[np.int64], ...]

    @property
    def num_points(self) -> int:
        """Points of the lattice."""
        return sum(len(found) for found in self.indices)


@dataclass(frozen=True)
class Draw:
    """Points of one training step.

    Parameters
    ----------
    points_ijk : ndarray of int64, (P, 3)
        In the order of the array's axes.
    weights : ndarray of float32, (P,)
        ``(N_k / N) / (n_k / n)`` of the point's stratum; their mean is 1.
    strata : ndarray of int64, (P,)
        Index into `NAMES`.
    """

    points_ijk: npt.NDArray[np.int64]
    weights: FloatGrid
    strata: npt.NDArray[np.int64]

    @property
    def effective_num_points(self) -> float:
        """Number of equally weighted points that would be as sure: ``(sum w)^2 / sum w^2``."""
        total = float(self.weights.sum())
        return total * total / float((self.weights.astype(np.float64) ** 2).sum())


def strata_of(occupancy: FloatGrid, near: float = 2.0, far: float = 10.0) -> Strata:
    """Cut a lattice by distance to the label, in lattice points.

    Raises
    ------
    GeometryError
        If no point lies in the label.
    """
    label = occupancy >= 0.5
    if not label.any():
        raise GeometryError(
            "No point of the lattice lies in the label.",
            remedy="Choose a finer work_spacing_mm, or check the label class.",
        )
    distance = ndimage.distance_transform_edt(~label).ravel()
    limits = (0.0, near, far, np.inf)
    lower = -np.inf
    found = []
    for upper in limits:
        found.append(np.flatnonzero((distance > lower) & (distance <= upper)).astype(np.int64))
        lower = upper
    return Strata(occupancy.shape, tuple(found))


def counts_of(strata: Strata, num_points: int, band_share: float) -> list[int]:
    """Return how many points each stratum gives; those that are empty or small leave theirs to others."""
    shares = [
        band_share * _INSIDE_SHARE,
        band_share * (1 - _INSIDE_SHARE),
        (1 - band_share) * _FAR_SHARE,
        (1 - band_share) * (1 - _FAR_SHARE),
    ]
    usable = [bool(len(found)) for found in strata.indices]
    total = sum(share for share, is_used in zip(shares, usable, strict=True) if is_used)
    return [
        max(1, round(num_points * share / total)) if is_used else 0
        for share, is_used in zip(shares, usable, strict=True)
    ]


def draw(strata: Strata, counts: Sequence[int], generator: np.random.Generator) -> Draw:
    """Draw points of each stratum, with replacement; the same for the same generator."""
    num_drawn, num_points = sum(counts), strata.num_points
    flat, weights, numbers = [], [], []
    for number, (indices, count) in enumerate(zip(strata.indices, counts, strict=True)):
        if not count:
            continue
        flat.append(indices[generator.integers(0, len(indices), count)])
        weight = (len(indices) / num_points) / (count / num_drawn)
        weights.append(np.full(count, weight, dtype=np.float32))
        numbers.append(np.full(count, number, dtype=np.int64))
    points = np.column_stack(np.unravel_index(np.concatenate(flat), strata.shape)).astype(np.int64)
    return Draw(points, np.concatenate(weights), np.concatenate(numbers))


def band_share_at(epoch: int, epochs: int, shares: Sequence[float]) -> float:
    """Return the share of points on the boundary in an epoch: the curriculum's equal parts in turn."""
    part = min(len(shares) - 1, epoch * len(shares) // max(1, epochs))
    return shares[part]
