"""Put refined classes back into a label map of many classes, by the documented priority."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from engines.contract.errors import GeometryError
from engines.imaging.volumes.label_metrics import Mask, Spacing, bounding_box
from engines.refinement.anatomy.organs import PUBLIC_CARDIAC_CT

PRIORITY = PUBLIC_CARDIAC_CT.priority
"""Coronary, appendage, pulmonary veins, LA, LV, myocardium, aorta, RA, RV, PA."""
_NEIGHBOURHOOD = 2
DEEPEST_OSTIUM_MM = 2.0


@dataclass(frozen=True)
class Fused:
    """A fused label map.

    Parameters
    ----------
    labels : ndarray, (I, J, K)
    conflicts : dict of (winner, loser) to number of voxels
        Voxels that a refined class wanted and another class had or wanted.
    """

    labels: npt.NDArray[Any]
    conflicts: dict[tuple[int, int], int]


def fuse(labels: npt.NDArray[Any], refined: Mapping[int, Mask], priority: Sequence[int] = PRIORITY) -> Fused:
    """Return a label map with refined classes; untouched classes change only where a stronger one grew.

    A voxel that a class gave up takes the most frequent other label within two voxels; background counts as
    one, so that a leak into fat does not become muscle.

    Parameters
    ----------
    labels : ndarray of unsigned integers, (I, J, K)
    refined : mapping of class to ndarray of bool, (I, J, K)
        Classes outside `priority` yield to all of it.
    priority : sequence of int
        Classes, the strongest first.

    Raises
    ------
    GeometryError
        If a mask has another shape.
    """
    for value, mask in refined.items():
        if mask.shape != labels.shape:
            raise GeometryError(
                "The refined class {value} has another grid than the label map.",
                remedy="Refine it on the grid of the label map.",
                value=value,
            )

    def rank(value: int) -> int:
        return priority.index(value) if value in priority else len(priority) + value

    result = np.array(labels)
    freed = np.zeros(labels.shape, dtype=bool)
    for value, mask in refined.items():
        lost = (labels == value) & ~mask
        result[lost] = 0
        freed |= lost
    conflicts: dict[tuple[int, int], int] = {}
    # Weakest first, so that stronger classes overwrite.
    for value in sorted(refined, key=rank, reverse=True):
        wanted = refined[value] & (result != value)
        for other in np.unique(result[wanted]):
            at = wanted & (result == other)
            if other == 0:
                result[at] = value
                continue
            wins = rank(value) < rank(int(other))
            pair = (value, int(other)) if wins else (int(other), value)
            conflicts[pair] = conflicts.get(pair, 0) + int(at.sum())
            if wins:
                result[at] = value
    _fill(result, freed & (result == 0), labels)
    return Fused(result, conflicts)


def without_ostium_overrun(mask: Mask, aorta: Mask | None, spacing_mm: Spacing) -> Mask:
    """Return a vessel that ends at the aortic wall: what lies deep in the aorta is given back to it.

    Parameters
    ----------
    mask : ndarray of bool, (I, J, K)
    aorta : ndarray of bool or None
        As the input has it.
    spacing_mm : (i, j, k)
    """
    if aorta is None or not (mask & aorta).any():
        return mask
    box = bounding_box(aorta, margin=1)
    depth = ndimage.distance_transform_edt(aorta[box], sampling=spacing_mm)
    result = mask.copy()
    result[box] &= ~(aorta[box] & (depth > DEEPEST_OSTIUM_MM))
    return result


def _fill(result: npt.NDArray[Any], freed: Mask, labels: npt.NDArray[Any]) -> None:
    """Give freed voxels the most frequent label around them that was not their own."""
    if not freed.any():
        return
    box = bounding_box(freed, margin=_NEIGHBOURHOOD)
    result, freed, labels = result[box], freed[box], labels[box]
    best = np.zeros(labels.shape, dtype=np.float32)
    winner = np.zeros_like(result)
    size = 2 * _NEIGHBOURHOOD + 1
    for value in np.unique(result):
        votes = ((result == value) & ~freed).astype(np.float32)
        share = ndimage.uniform_filter(votes, size, mode="constant")
        share[labels == value] = 0.0
        better = freed & (share > best + 1e-6)
        best[better] = share[better]
        winner[better] = value
    result[freed] = winner[freed]
