"""A mask from a probability by a threshold: what it would be, and what it changes in a label map."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from engines.contract.errors import GeometryError
from engines.contract.probability_file import SparseProbability
from engines.imaging.volumes.label_metrics import CONNECTIVITY_26, Mask
from engines.imaging.volumes.voxel_changes import Labels, VoxelChanges


@dataclass(frozen=True, eq=False)
class Thresholded:
    """A mask at a threshold.

    Parameters
    ----------
    threshold : float
    mask : ndarray of bool, (i, j, k)
        The box of the probability; nothing lies outside it.
    num_voxels, num_components : int
        Voxels that share a corner hang together.
    """

    threshold: float
    mask: Mask
    num_voxels: int
    num_components: int


def at_threshold(probability: SparseProbability, threshold: float) -> Thresholded:
    """Return the mask where a probability reaches a threshold; a threshold of 0 means any that is not 0."""
    mask = np.asfortranarray(probability.values >= _positive(threshold))
    num_components = int(ndimage.label(mask, structure=CONNECTIVITY_26)[1])
    return Thresholded(threshold, mask, int(np.count_nonzero(mask)), num_components)


def threshold_changes(
    labels: Labels, probability: SparseProbability, threshold: float, locked: Collection[int] = ()
) -> VoxelChanges:
    """Return the change that makes a class as large as a threshold says; other classes keep their voxels.

    Parameters
    ----------
    labels : ndarray of integers, (I, J, K)
        Is not changed.
    probability : SparseProbability
        Of the class that changes.
    threshold : float
    locked : collection of int
        Labels whose voxels stay as they are; when the class is one of them, it grows but does not shrink.

    Raises
    ------
    GeometryError
        If the label map has another shape.
    """
    if labels.shape != probability.shape:
        raise GeometryError(
            "The probability has {found} voxels and the label map {expected}.",
            remedy="Apply it to the proposal that it came with.",
            found=" x ".join(map(str, probability.shape)),
            expected=" x ".join(map(str, labels.shape)),
        )
    inside = np.zeros(labels.shape, dtype=bool)
    inside[probability.box] = probability.values >= _positive(threshold)
    after = np.array(labels)
    if probability.label not in locked:
        after[(labels == probability.label) & ~inside] = 0
    after[inside & (labels == 0)] = probability.label
    i, j, k = labels.shape
    return VoxelChanges.between(labels, after, (i, j, k))


def _positive(threshold: float) -> np.float16:
    return max(np.float16(threshold), np.finfo(np.float16).tiny)
