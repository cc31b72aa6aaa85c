"""Operations on one class of a label map: what to do goes in, the voxels that would change come out.

None of them touches another class: voxels are added where there is no label, and removed from the class
only. They work in a box around the class, so a small structure of a large volume is quick.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeAlias

import numpy as np

from engines.contract.errors import InputError
from engines.imaging.volumes import mask_editing
from engines.imaging.volumes.label_metrics import Mask, Spacing
from engines.imaging.volumes.mask_editing import Box, Gate, Paint
from engines.imaging.volumes.voxel_changes import Labels, VoxelChanges, merge

Operation: TypeAlias = Callable[[Labels, int, Spacing], VoxelChanges]
"""Takes a label map, the class, and its spacing in mm; the label map is not changed.

Raises `InputError` where there is nothing to do it with, for example no voxel of the class.
"""


def grown(distance_mm: float) -> Operation:
    """Return the operation that grows a class by a distance, or shrinks it by a negative one."""

    def operation(labels: Labels, value: int, spacing_mm: Spacing) -> VoxelChanges:
        reach = _reach(max(distance_mm, 0.0), spacing_mm)
        box = _box_of(labels, value, reach)
        return _replaced(
            labels,
            value,
            box,
            lambda mask: mask_editing.margin(mask, spacing_mm, distance_mm),
            is_shrunk=True,
        )

    return operation


def smoothed(radius_mm: float) -> Operation:
    """Return the operation that smooths the surface of a class over a radius."""

    def operation(labels: Labels, value: int, spacing_mm: Spacing) -> VoxelChanges:
        box = _box_of(labels, value, _reach(radius_mm, spacing_mm))
        return _replaced(
            labels, value, box, lambda mask: mask_editing.smooth(mask, spacing_mm, radius_mm), is_shrunk=True
        )

    return operation


def without_islands(smallest_mm3: float) -> Operation:
    """Return the operation that removes pieces below a volume; corners hang together."""

    def operation(labels: Labels, value: int, spacing_mm: Spacing) -> VoxelChanges:
        smallest = int(np.ceil(smallest_mm3 / float(np.prod(spacing_mm)) - 1e-9))
        box = _box_of(labels, value, (0, 0, 0))
        return _replaced(
            labels, value, box, lambda mask: mask_editing.without_islands(mask, smallest), is_shrunk=True
        )

    return operation


def with_holes_filled() -> Operation:
    """Return the operation that fills cavities without a way out."""

    def operation(labels: Labels, value: int, _spacing_mm: Spacing) -> VoxelChanges:
        box = _box_of(labels, value, (1, 1, 1))
        return _replaced(labels, value, box, mask_editing.with_holes_filled, is_shrunk=False)

    return operation


def between_slices(axis: int) -> Operation:
    """Return the operation that fills the empty slices between drawn ones, across an array axis."""

    def operation(labels: Labels, value: int, spacing_mm: Spacing) -> VoxelChanges:
        box = _box_of(labels, value, (2, 2, 2))
        added = mask_editing.between_slices(labels[box], value, axis, spacing_mm)
        return _added(labels, value, box, added)

    return operation


def copied(axis: int, index: int, step: int) -> Operation:
    """Return the operation that adds the class in one slice to the slice that lies `step` further."""

    def operation(labels: Labels, value: int, _spacing_mm: Spacing) -> VoxelChanges:
        target = index + step
        if not 0 <= target < labels.shape[axis]:
            raise InputError("There is no slice beyond this one.")
        mask = np.asarray(labels[_slice(labels, axis, index)] == value)
        if not mask.any():
            raise InputError("The slice holds nothing of the class.", remedy="Go to a slice that does.")
        return _added(labels, value, _slice(labels, axis, target), mask)

    return operation


def slice_cleared(axis: int, index: int) -> Operation:
    """Return the operation that removes the class from one slice."""

    def operation(labels: Labels, value: int, _spacing_mm: Spacing) -> VoxelChanges:
        box = _slice(labels, axis, index)
        before = labels[box]
        return _set(labels, box, np.asarray(before == value), 0)

    return operation


def deleted() -> Operation:
    """Return the operation that takes the class away."""

    def operation(labels: Labels, value: int, _spacing_mm: Spacing) -> VoxelChanges:
        box = _box_of(labels, value, (0, 0, 0))
        return _set(labels, box, np.asarray(labels[box] == value), 0)

    return operation


def within_gate(gate: Gate, locked: Collection[int], *, is_over_labels: bool) -> Operation:
    """Return the operation that gives the class every voxel whose intensity lies in the gate.

    Parameters
    ----------
    gate : Gate
    locked : collection of int
        Labels that stay.
    is_over_labels : bool
        Whether voxels of other classes are taken, too.
    """

    def operation(labels: Labels, value: int, _spacing_mm: Spacing) -> VoxelChanges:
        paint = Paint(value, gate, locked, None if is_over_labels else 0)
        found = []
        # Slab by slice: masks of a whole volume would take much memory.
        for index in range(labels.shape[2]):
            box = _slice(labels, 2, index)
            everywhere = np.ones(labels[box].shape, dtype=bool)
            change = mask_editing.painted(labels, everywhere, paint, (0, 0, index))
            if not change.is_empty:
                found.append(change)
        return merge(found) if found else _nothing(labels)

    return operation


def region(seed: tuple[int, int, int], paint: Paint) -> Operation:
    """Return the operation that fills the 3-D region around a voxel, up to other labels or the gate."""

    def operation(labels: Labels, _value: int, _spacing_mm: Spacing) -> VoxelChanges:
        return mask_editing.fill(labels, seed, None, paint)

    return operation


def _box_of(labels: Labels, value: int, reach: tuple[int, int, int]) -> Box:
    """Return the smallest box around a class, larger by some voxels, within the label map."""
    mask = np.asarray(labels == value)
    spans = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        at = np.flatnonzero(mask.any(axis=others))
        if not at.size:
            raise InputError("The label map holds nothing of the class.", remedy="Draw it first.")
        start, end = int(at[0]) - reach[axis], int(at[-1]) + 1 + reach[axis]
        spans.append(slice(max(0, start), min(end, labels.shape[axis])))
    return spans[0], spans[1], spans[2]


def _reach(distance_mm: float, spacing_mm: Spacing) -> tuple[int, int, int]:
    i, j, k = (int(np.ceil(distance_mm / step)) + 1 for step in spacing_mm)
    return i, j, k


def _replaced(
    labels: Labels, value: int, box: Box, change: Callable[[Mask], Mask], *, is_shrunk: bool
) -> VoxelChanges:
    """Return the change that gives the class another shape in a box."""
    before = np.asarray(labels[box])
    mask = before == value
    wanted = change(mask)
    added = wanted & (before == 0)
    after = np.where(added, np.int64(value), before.astype(np.int64))
    if is_shrunk:
        after[mask & ~wanted] = 0
    return VoxelChanges.between(before.astype(np.int64), after, _shape(labels), _offset(box))


def _added(labels: Labels, value: int, box: Box, mask: Mask) -> VoxelChanges:
    return _set(labels, box, mask & (labels[box] == 0), value)


def _set(labels: Labels, box: Box, mask: Mask, value: int) -> VoxelChanges:
    return VoxelChanges.setting(labels[box], mask, value, _shape(labels), _offset(box))


def _slice(labels: Labels, axis: int, index: int) -> Box:
    box = [slice(0, count) for count in labels.shape]
    box[axis] = slice(index, index + 1)
    return box[0], box[1], box[2]


def _offset(box: Box) -> tuple[int, int, int]:
    return box[0].start, box[1].start, box[2].start


def _shape(labels: Labels) -> tuple[int, int, int]:
    i, j, k = labels.shape
    return i, j, k


def _nothing(labels: Labels) -> VoxelChanges:
    return VoxelChanges(_shape(labels), np.empty((0, 4), dtype=np.int64))
