"""Masks of one class each, as one label map: what TotalSegmentator and others write beside an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.contract.errors import VolumeReadError
from engines.imaging.volumes.label_classes import LabelClass, colour_of
from engines.imaging.volumes.volume import Volume


@dataclass(frozen=True, slots=True)
class MergedMasks:
    """Files of one class each. Where several overlap the smallest is kept: it says more.

    Parameters
    ----------
    paths : tuple of Path
        Voxels above 0 belong to the class.
    classes : tuple of LabelClass
        One for each path.
    """

    paths: tuple[Path, ...]
    classes: tuple[LabelClass, ...]

    @classmethod
    def of(cls, paths: Sequence[Path], names: Sequence[str]) -> MergedMasks:
        """Return masks whose classes count from 1."""
        pairs = enumerate(names, start=1)
        return cls(tuple(paths), tuple(LabelClass(value, name, colour_of(value)) for value, name in pairs))


def read_merged(
    masks: MergedMasks, *, should_stop: Callable[[], bool] = lambda: False
) -> tuple[Volume, dict[str, int]]:
    """Read masks into one label map.

    Returns
    -------
    labels : Volume
        On the grid of the first mask.
    overlaps : dict of str to int
        Voxels of a class, by its name, that a smaller class took.

    Raises
    ------
    VolumeReadError
        If a mask cannot be read, or it was stopped.
    GeometryError
        If the masks lie on different grids.
    """
    from engines.imaging.volumes.volume_files import check_same_grid, read_volume

    merged: Volume | None = None
    overlaps: dict[str, int] = {}
    num_voxels = np.zeros(len(masks.paths) + 1, dtype=np.int64)
    dtype = np.uint8 if len(masks.paths) <= np.iinfo(np.uint8).max else np.uint16
    for path, label_class in zip(masks.paths, masks.classes, strict=True):
        if should_stop():
            raise VolumeReadError("Reading the masks was cancelled.")
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
            name = masks.classes[int(value) - 1].name
            overlaps[name] = overlaps.get(name, 0) + int(count)
        if is_kept.any():
            overlaps[label_class.name] = overlaps.get(label_class.name, 0) + int(is_kept.sum())
        merged.voxels[is_inside] = np.where(is_kept, below, label_class.value)
    assert merged is not None, "no masks"
    return merged, overlaps
