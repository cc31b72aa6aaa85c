"""Masks of one class each, as one label map: what TotalSegmentator and others write beside an image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engines.contract.errors import VolumeReadError
from engines.imaging.volumes.label_classes import LabelClass, colour_of
from engines.imaging.volumes.volume import Volume

LARGE_SHARE = 0.01
"""A class that loses more of itself to smaller ones is another mask than the one that was given."""


@dataclass(frozen=True, slots=True)
class MaskOverlap:
    """What smaller classes took of one.

    Parameters
    ----------
    name : str
    num_lost, num_voxels : int
        Voxels that were taken, of how many.
    """

    name: str
    num_lost: int
    num_voxels: int

    @property
    def is_large(self) -> bool:
        """Whether more than `LARGE_SHARE` of the class was taken."""
        return self.num_lost > LARGE_SHARE * self.num_voxels


@dataclass(frozen=True, slots=True)
class MergedMasks:
    """Files of one class each. Where several overlap the smallest is kept: it says more.

    Parameters
    ----------
    paths : tuple of Path
        Voxels above 0 belong to the class.
    classes : tuple of LabelClass
        One for each path.
    apart : frozenset of str
        Names of classes that get a label map of their own, and take part in no overlap.
    """

    paths: tuple[Path, ...]
    classes: tuple[LabelClass, ...]
    apart: frozenset[str] = frozenset()

    @classmethod
    def of(cls, paths: Sequence[Path], names: Sequence[str]) -> MergedMasks:
        """Return masks whose classes count from 1."""
        pairs = enumerate(names, start=1)
        return cls(tuple(paths), tuple(LabelClass(value, name, colour_of(value)) for value, name in pairs))

    @property
    def together(self) -> tuple[LabelClass, ...]:
        """The classes of the one label map."""
        return tuple(one for one in self.classes if one.name not in self.apart)

    def setting_apart(self, names: Iterable[str]) -> MergedMasks:
        """Return the masks with some classes in label maps of their own; one class at least stays."""
        apart = frozenset(names)
        return replace(self, apart=apart if len(apart) < len(self.classes) else frozenset())


def read_merged(
    masks: MergedMasks, *, should_stop: Callable[[], bool] = lambda: False
) -> tuple[Volume, tuple[MaskOverlap, ...]]:
    """Read masks into one label map; those that are set apart are left out.

    Returns
    -------
    labels : Volume
        On the grid of the first mask.
    overlaps : tuple of MaskOverlap
        Of classes that lost voxels to smaller ones.

    Raises
    ------
    VolumeReadError
        If a mask cannot be read, or it was stopped.
    GeometryError
        If the masks lie on different grids.
    """
    from engines.imaging.volumes.volume_files import check_same_grid, read_volume

    merged: Volume | None = None
    num_lost = np.zeros(len(masks.paths) + 1, dtype=np.int64)
    num_voxels = np.zeros(len(masks.paths) + 1, dtype=np.int64)
    dtype = np.uint8 if len(masks.paths) <= np.iinfo(np.uint8).max else np.uint16
    for path, label_class in zip(masks.paths, masks.classes, strict=True):
        if should_stop():
            raise VolumeReadError("Reading the masks was cancelled.")
        if label_class.name in masks.apart:
            continue
        mask = read_volume(path)
        if merged is None:
            merged = Volume(np.zeros(mask.geometry.shape, dtype, order="F"), mask.geometry, mask.header)
        check_same_grid(merged.geometry, mask.geometry, path.name)
        is_inside = mask.voxels > 0
        own = int(np.count_nonzero(is_inside))
        num_voxels[label_class.value] = own
        below = merged.voxels[is_inside]
        is_kept = (below > 0) & (num_voxels[below] <= own)
        for value, count in zip(*np.unique(below[(below > 0) & ~is_kept], return_counts=True), strict=True):
            num_lost[value] += count
        num_lost[label_class.value] += np.count_nonzero(is_kept)
        merged.voxels[is_inside] = np.where(is_kept, below, label_class.value)
    assert merged is not None, "no masks"
    return merged, tuple(
        MaskOverlap(one.name, int(num_lost[one.value]), int(num_voxels[one.value]))
        for one in masks.classes
        if num_lost[one.value]
    )


def read_apart(
    masks: MergedMasks, *, should_stop: Callable[[], bool] = lambda: False
) -> Iterator[tuple[LabelClass, Volume]]:
    """Read each class that is set apart as a label map of its own; errors as `read_merged`."""
    from engines.imaging.volumes.volume_files import read_volume

    for path, label_class in zip(masks.paths, masks.classes, strict=True):
        if label_class.name not in masks.apart:
            continue
        if should_stop():
            raise VolumeReadError("Reading the masks was cancelled.")
        mask = read_volume(path)
        dtype = np.uint8 if label_class.value <= np.iinfo(np.uint8).max else np.uint16
        labels = np.where(mask.voxels > 0, dtype(label_class.value), dtype(0))
        yield label_class, Volume(np.asfortranarray(labels), mask.geometry, mask.header)
