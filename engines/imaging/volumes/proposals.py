"""What a proposal would change in an accepted label map, and the change that takes it over.

A proposal speaks about the classes that occur in it: what it does not name, it does not change. Locked
classes neither lose nor gain a voxel. Taking over is a union: voxels are added, and none loses its label.
Only `replaced` removes, and its difference says beforehand exactly which voxels.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from engines.contract.errors import GeometryError
from engines.imaging.volumes.label_metrics import CONNECTIVITY_26, Mask, bounding_box
from engines.imaging.volumes.volume import Shape
from engines.imaging.volumes.voxel_changes import Labels, VoxelChanges

Voxel = tuple[int, int, int]
Box = tuple[slice, slice, slice]

ADDED, REMOVED, KEPT, RELABELLED = 1, 2, 3, 4
"""Codes of `Difference.codes`; a relabelled voxel would go over to another class."""


@dataclass(frozen=True, eq=False)
class Difference:
    """A proposal against an accepted label map.

    Parameters
    ----------
    shape : (I, J, K)
        Of both.
    box : three slices
        Outside of it nothing differs, and nothing is proposed.
    codes : ndarray of uint8, (i, j, k)
        `ADDED`, `REMOVED`, `KEPT`, `RELABELLED`, or 0, for each voxel of the box.
    """

    shape: Shape
    box: Box
    codes: npt.NDArray[np.uint8]

    def count(self, code: int) -> int:
        """Return how many voxels have a code."""
        return int(np.count_nonzero(self.codes == code))

    @property
    def num_lost(self) -> int:
        """Voxels whose accepted label would go when the proposal replaces it."""
        return self.count(REMOVED) + self.count(RELABELLED)

    def full(self) -> npt.NDArray[np.uint8]:
        """Return the codes of the whole label map, (I, J, K)."""
        # In the order of label maps as they are read.
        found = np.zeros(self.shape, dtype=np.uint8, order="F")
        found[self.box] = self.codes
        return found


def difference(accepted: Labels, proposal: Labels, locked: Collection[int] = ()) -> Difference:
    """Compare a proposal with what is accepted.

    Parameters
    ----------
    accepted, proposal : ndarray of integers, (I, J, K)
    locked : collection of int
        Classes that must not change.

    Raises
    ------
    GeometryError
        If they differ in size.
    """
    shape = _shape_of_both(accepted, proposal)
    spoken = proposal != 0
    if not spoken.any():
        nothing = slice(0, 0)
        return Difference(shape, (nothing, nothing, nothing), np.zeros((0, 0, 0), dtype=np.uint8))
    # Counting is many times faster than sorting, and a label is a small number.
    named = _lookup(np.flatnonzero(np.bincount(proposal[bounding_box(spoken)].ravel(order="K"))))
    # Accepted voxels of the named classes outside the proposal's own box are proposed to go, too.
    box = bounding_box(spoken | _is_among(accepted, named))
    own, other = accepted[box], proposal[box]
    codes = np.zeros(own.shape, dtype=np.uint8)
    codes[(own == 0) & (other != 0)] = ADDED
    codes[(other == 0) & _is_among(own, named)] = REMOVED
    codes[(own != 0) & (other != 0)] = RELABELLED
    codes[(own != 0) & (own == other)] = KEPT
    is_locked = _lookup(locked)
    codes[(_is_among(own, is_locked) | _is_among(other, is_locked)) & (codes != KEPT)] = 0
    return Difference(shape, box, codes)


def united(accepted: Labels, proposal: Labels, found: Difference, within: Mask | None = None) -> VoxelChanges:
    """Return the change that adds the proposed voxels; nothing that is accepted loses its label.

    Parameters
    ----------
    accepted, proposal : ndarray of integers, (I, J, K)
    found : Difference
        Of these two.
    within : ndarray of bool or None
        Only there, in the box of the difference; None: everywhere.
    """
    return _taken_over(accepted, proposal, found, np.asarray(found.codes == ADDED), within)


def replaced(
    accepted: Labels, proposal: Labels, found: Difference, within: Mask | None = None
) -> VoxelChanges:
    """Return the change that makes the accepted label map as the proposal is, for the classes it names.

    It takes away exactly the voxels that `found` calls removed or relabelled: show them before.
    """
    differs = (found.codes == ADDED) | (found.codes == REMOVED) | (found.codes == RELABELLED)
    return _taken_over(accepted, proposal, found, np.asarray(differs), within)


def slice_within(found: Difference, axis: int, index: int) -> Mask:
    """Return one slice of the label map as a mask of the difference's box, (i, j, k)."""
    mask = np.zeros(found.codes.shape, dtype=bool)
    at = index - found.box[axis].start
    if 0 <= at < mask.shape[axis]:
        mask[(slice(None),) * axis + (at,)] = True
    return mask


def added_piece(found: Difference, voxel: Voxel, reach: int = 2) -> Mask | None:
    """Return the added voxels that hang together at a voxel, or at the nearest added one within reach.

    Returns
    -------
    ndarray of bool, (i, j, k), or None
        In the box of the difference; None when nothing is added there.
    """
    added = found.codes == ADDED
    here = np.array(voxel) - [side.start for side in found.box]
    window = tuple(slice(max(0, int(at) - reach), max(0, int(at) + reach + 1)) for at in here)
    near = np.argwhere(added[window])
    if not len(near):
        return None
    near += [side.start for side in window]
    seed = near[np.argmin(((near - here) ** 2).sum(axis=1))]
    numbers, _ = ndimage.label(added, structure=CONNECTIVITY_26)
    return np.asarray(numbers == numbers[tuple(seed)])


def _taken_over(
    accepted: Labels, proposal: Labels, found: Difference, chosen: Mask, within: Mask | None
) -> VoxelChanges:
    if _shape_of_both(accepted, proposal) != found.shape:
        raise GeometryError("This difference belongs to other label maps.")
    chosen = chosen if within is None else chosen & within
    if not chosen.any():
        return VoxelChanges(found.shape, np.empty((0, 4), dtype=np.int64))
    inner = bounding_box(chosen)
    before = accepted[found.box][inner]
    # In a wide type: a label beyond the type of the accepted map must not wrap around.
    after = np.where(chosen[inner], proposal[found.box][inner].astype(np.int64), before.astype(np.int64))
    i, j, k = (side.start + part.start for side, part in zip(found.box, inner, strict=True))
    return VoxelChanges.between(before, after, found.shape, (i, j, k))


def _lookup(labels: Collection[int] | npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    return np.array(sorted({int(label) for label in labels} - {0}), dtype=np.int64)


def _is_among(label_map: Labels, labels: npt.NDArray[np.int64]) -> Mask:
    found = np.zeros(label_map.shape, dtype=bool)
    # A few comparisons of whole arrays are faster than a sorted search of each voxel.
    for label in labels:
        found |= label_map == label
    return found


def _shape_of_both(accepted: Labels, proposal: Labels) -> Shape:
    if accepted.shape != proposal.shape or accepted.ndim != 3:
        raise GeometryError(
            "The proposal has {found} voxels, the accepted label map {expected}.",
            remedy="Resample the proposal on the grid of the accepted label map.",
            found=" x ".join(map(str, proposal.shape)),
            expected=" x ".join(map(str, accepted.shape)),
        )
    i, j, k = accepted.shape
    return i, j, k
