"""What an edit changed in a label map: runs of voxels with the label before and after, small as bytes.

Undo is the same change the other way round. Voxels are numbered in the memory order of a C-contiguous
``(I, J, K)`` array, whatever the order of the array that is changed.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from engines.contract.errors import GeometryError, InputError
from engines.imaging.volumes.volume import Shape

Labels: TypeAlias = npt.NDArray[Any]
Mask: TypeAlias = npt.NDArray[np.bool_]
Runs: TypeAlias = npt.NDArray[np.int64]
_FORMAT = "<i8"


@dataclass(frozen=True, eq=False)
class VoxelChanges:
    """Runs of voxels that had one label and got one label.

    Parameters
    ----------
    shape : (I, J, K)
        Of the whole label map.
    runs : ndarray of int64, (N, 4)
        First voxel, number of voxels, label before, label after; in ascending order, without overlap.
    """

    shape: Shape
    runs: Runs

    @classmethod
    def between(cls, before: Labels, after: Labels, shape: Shape, offset: Shape = (0, 0, 0)) -> VoxelChanges:
        """Return what changed in a box of the label map.

        Parameters
        ----------
        before, after : ndarray of integers, (i, j, k)
            The box.
        shape : (I, J, K)
            Of the whole label map.
        offset : (i, j, k)
            Where the box begins.

        Raises
        ------
        GeometryError
            If the boxes differ in size or leave the label map.
        """
        ends = [start + count for start, count in zip(offset, before.shape, strict=True)]
        is_inside = min(offset) >= 0 and all(end <= count for end, count in zip(ends, shape, strict=True))
        if before.shape != after.shape or not is_inside:
            raise GeometryError("The changed box does not lie in the label map.")
        places = np.nonzero(before != after)
        old, new = before[places].astype(np.int64), after[places].astype(np.int64)
        return cls(shape, _runs(_numbers(places, shape, offset), old, new))

    @classmethod
    def setting(cls, before: Labels, mask: Mask, label: int, shape: Shape, offset: Shape) -> VoxelChanges:
        """Return the change that gives the voxels of a mask one label; quicker than `between`.

        Parameters
        ----------
        before : ndarray of integers, (i, j, k)
            The box.
        mask : ndarray of bool, (i, j, k)
        label : int
        shape : (I, J, K)
            Of the whole label map.
        offset : (i, j, k)
            Where the box begins.
        """
        places = np.nonzero(mask & (before != label))
        old = before[places].astype(np.int64)
        return cls(shape, _runs(_numbers(places, shape, offset), old, np.full_like(old, label)))

    @property
    def num_voxels(self) -> int:
        """Number of changed voxels."""
        return int(self.runs[:, 1].sum())

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed."""
        return len(self.runs) == 0

    @property
    def inverse(self) -> VoxelChanges:
        """The change that takes this one back."""
        return VoxelChanges(self.shape, self.runs[:, [0, 1, 3, 2]])

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """The smallest box around the changed voxels; empty when there are none."""
        if self.is_empty:
            return slice(0, 0), slice(0, 0), slice(0, 0)
        # A run may go on in the next line, and over the end of a plane.
        first = np.array(np.unravel_index(self.runs[:, 0], self.shape))
        last = np.array(np.unravel_index(self.runs[:, 0] + self.runs[:, 1] - 1, self.shape))
        low, high = np.minimum(first, last).min(axis=1), np.maximum(first, last).max(axis=1)
        for axis in (2, 1):
            if (first[:axis] != last[:axis]).any():
                low[axis], high[axis] = 0, self.shape[axis] - 1
        i, j, k = (slice(int(start), int(end) + 1) for start, end in zip(low, high, strict=True))
        return i, j, k

    def added(self) -> int:
        """Return how many voxels got a label that had none."""
        return int(self.runs[(self.runs[:, 2] == 0) & (self.runs[:, 3] != 0), 1].sum())

    def removed(self) -> int:
        """Return how many voxels lost their label."""
        return int(self.runs[(self.runs[:, 2] != 0) & (self.runs[:, 3] == 0), 1].sum())

    def apply(self, label_map: Labels, *, is_checked: bool = False) -> None:
        """Write the new labels into a label map, in place.

        Parameters
        ----------
        label_map : ndarray of integers, (I, J, K)
        is_checked : bool
            Whether to look first that every voxel has the label it had before.

        Raises
        ------
        GeometryError
            If the label map has another shape.
        InputError
            If it is checked and differs; nothing is written then.
        """
        if label_map.shape != self.shape:
            raise GeometryError(
                "A change of {expected} voxels does not fit a label map of {shape}.",
                expected=" x ".join(map(str, self.shape)),
                shape=" x ".join(map(str, label_map.shape)),
            )
        if self.is_empty:
            return
        places = np.unravel_index(self._positions(), self.shape)
        if is_checked:
            expected = np.repeat(self.runs[:, 2], self.runs[:, 1])
            if not np.array_equal(label_map[places], expected):
                raise InputError(
                    "The label map was changed by another edit in between.", remedy="Undo that edit first."
                )
        label_map[places] = np.repeat(self.runs[:, 3], self.runs[:, 1])

    def mask(self) -> Mask:
        """Return the changed voxels as bool, (I, J, K)."""
        found = np.zeros(self.shape, dtype=bool)
        found.reshape(-1)[self._positions()] = True
        return found

    def mask_in(self, box: tuple[slice, slice, slice]) -> Mask:
        """Return the changed voxels of a box that holds all of them, see `box`, as bool, (i, j, k)."""
        found = np.zeros([side.stop - side.start for side in box], dtype=bool)
        if not self.is_empty:
            places = np.unravel_index(self._positions(), self.shape)
            found[tuple(place - side.start for place, side in zip(places, box, strict=True))] = True
        return found

    def to_text(self) -> str:
        """Return the change as text for a database: the shape, then the runs, compressed, base 64."""
        # Column after column: the columns of labels are long repetitions.
        content = zlib.compress(np.ascontiguousarray(_differences(self.runs).T, dtype=_FORMAT).tobytes(), 3)
        return f"{_times(self.shape)}:{base64.b64encode(content).decode('ascii')}"

    @staticmethod
    def shape_of_text(text: str) -> Shape:
        """Return the size of the label map that a stored change belongs to, without reading the change.

        Raises
        ------
        InputError
            If it is no such text.
        """
        head, _, _ = text.partition(":")
        sides = head.split("x")
        if len(sides) != 3 or not all(side.isdecimal() for side in sides):
            raise _damaged()
        return int(sides[0]), int(sides[1]), int(sides[2])

    @classmethod
    def from_text(cls, text: str) -> VoxelChanges:
        """Read what `to_text` wrote.

        Raises
        ------
        InputError
            If it is something else.
        """
        shape = cls.shape_of_text(text)
        try:
            content = zlib.decompress(base64.b64decode(text.partition(":")[2], validate=True))
            runs = np.frombuffer(content, dtype=_FORMAT).astype(np.int64).reshape(4, -1).T.copy()
        except (ValueError, zlib.error, binascii.Error) as error:
            raise _damaged() from error
        runs[:, 0] = np.cumsum(runs[:, 0])
        return cls(shape, runs)

    def _positions(self) -> Runs:
        starts, counts = self.runs[:, 0], self.runs[:, 1]
        ends = np.cumsum(counts)
        return np.arange(ends[-1]) + np.repeat(starts - (ends - counts), counts)


def merge(changes: list[VoxelChanges]) -> VoxelChanges:
    """Return one change that does what several do, one after another.

    Raises
    ------
    InputError
        If there are none.
    """
    if not changes:
        raise InputError("There is no change to merge.")
    at = np.concatenate([change._positions() for change in changes if not change.is_empty] or [np.empty(0)])
    old = np.concatenate([np.repeat(change.runs[:, 2], change.runs[:, 1]) for change in changes])
    new = np.concatenate([np.repeat(change.runs[:, 3], change.runs[:, 1]) for change in changes])
    at = at.astype(np.int64)
    order = np.argsort(at, kind="stable")
    at, old, new = at[order], old[order], new[order]
    is_first = np.append(True, np.diff(at) != 0) if at.size else np.empty(0, dtype=bool)
    is_last = np.append(np.diff(at) != 0, True) if at.size else np.empty(0, dtype=bool)
    at, old, new = at[is_first], old[is_first], new[is_last]
    is_changed = old != new
    return VoxelChanges(changes[0].shape, _runs(at[is_changed], old[is_changed], new[is_changed]))


def _damaged() -> InputError:
    return InputError("A stored edit of a label map is damaged.", remedy="Restore the project from a copy.")


def _times(shape: Shape) -> str:
    return "x".join(map(str, shape))


def _numbers(places: tuple[npt.NDArray[np.intp], ...], shape: Shape, offset: Shape) -> Runs:
    """Return the numbers of voxels of a box, ascending when the places are in memory order of C."""
    i, j, k = (place + start for place, start in zip(places, offset, strict=True))
    return np.asarray((i * shape[1] + j) * shape[2] + k, dtype=np.int64)


def _runs(at: Runs, old: Runs, new: Runs) -> Runs:
    if at.size == 0:
        return np.empty((0, 4), dtype=np.int64)
    goes_on = (np.diff(at) == 1) & (np.diff(old) == 0) & (np.diff(new) == 0)
    starts = np.flatnonzero(np.append(True, ~goes_on))
    counts = np.diff(np.append(starts, at.size))
    return np.column_stack([at[starts], counts, old[starts], new[starts]])


def _differences(runs: Runs) -> Runs:
    # Distances between runs repeat from line to line, which compresses well.
    different = runs.copy()
    different[1:, 0] = np.diff(runs[:, 0])
    return different
