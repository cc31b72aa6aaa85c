"""What the rules of cleaning look at: how a piece lies to the trees and the organs, and how bright it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from engines.contract.geometry import FloatArray
from engines.imaging.volumes.label_metrics import Mask, Spacing

_MOST_MEASURED = 20_000
_END_MM = 6.0


@dataclass(frozen=True)
class Lumen:
    """Values of the image in the root trees.

    Parameters
    ----------
    middle, reach : float
        Mean, and how far from it a value may lie.
    """

    middle: float
    reach: float

    @classmethod
    def of(cls, image: npt.NDArray[Any], at: npt.NDArray[np.intp], num_deviations: float) -> Lumen:
        """Measure the values at voxels, (N, 3); those within so many standard deviations count as lumen."""
        values = image[tuple(at.T)]
        return cls(float(np.mean(values)), num_deviations * max(float(np.std(values)), 1.0))

    def has(self, value: float) -> bool:
        """Tell whether a value is one of lumen."""
        return abs(value - self.middle) <= self.reach


@dataclass(frozen=True)
class Gap:
    """How a piece lies to the nearest root tree.

    Parameters
    ----------
    distance_mm : float
    angle_deg : float
        Between the end of the piece and the way across.
    middle_hu : float
        Median value on the way across.
    """

    distance_mm: float
    angle_deg: float
    middle_hu: float


def gap_to(
    at: npt.NDArray[np.intp], root_voxels: npt.NDArray[np.intp], image: npt.NDArray[Any], spacing_mm: Spacing
) -> Gap | None:
    """Return how a piece lies to the nearest root tree; None without one."""
    if not len(root_voxels):
        return None
    spacing = np.asarray(spacing_mm)
    distances, nearest = cKDTree(root_voxels * spacing).query(at * spacing)
    own = int(np.argmin(distances))
    tip, goal = at[own], root_voxels[nearest[own]]
    # The end of the piece points from its middle part to the tip.
    end = at[np.linalg.norm((at - tip) * spacing, axis=1) <= _END_MM]
    tangent, across = (tip - end.mean(axis=0)) * spacing, (goal - tip) * spacing
    lengths = float(np.linalg.norm(tangent) * np.linalg.norm(across))
    angle = 90.0 if lengths == 0 else float(np.degrees(np.arccos(np.clip(tangent @ across / lengths, -1, 1))))
    # Only what is between both: their own ends are lumen anyway.
    count = max(3, 2 * int(np.abs(goal - tip).max()) + 1)
    path = np.rint(tip + np.linspace(0, 1, count)[1:-1, None] * (goal - tip)).astype(int)
    return Gap(float(distances[own]), angle, float(np.median(image[tuple(path.T)])))


def places_of(labels: npt.NDArray[np.int32]) -> list[npt.NDArray[np.intp]]:
    """Return the voxels of each piece, (N, 3), in the order of their numbers."""
    at = np.argwhere(labels)
    numbers = labels[tuple(at.T)]
    order = np.argsort(numbers, kind="stable")
    return np.split(at[order], np.cumsum(np.bincount(numbers)[1:])[:-1])


def tree_of(voxels: npt.NDArray[np.intp], spacing_mm: Spacing) -> cKDTree:
    """Return voxels, (N, 3), as a tree of places in mm."""
    return cKDTree(voxels * np.asarray(spacing_mm))


def distances_to(
    at: npt.NDArray[np.intp],
    organ: str,
    inside: Mapping[str, Mask],
    trees: Mapping[str, cKDTree],
    spacing_mm: Spacing,
) -> FloatArray | None:
    """Return the distances of a piece's voxels to an organ, 0 within; None without one.

    Of a large piece every so many voxels are measured.
    """
    if organ not in trees:
        return None
    some = at[:: 1 + len(at) // _MOST_MEASURED]
    found = np.asarray(trees[organ].query(some * np.asarray(spacing_mm))[0], dtype=np.float64)
    found[inside[organ][tuple(some.T)]] = 0.0
    return found
