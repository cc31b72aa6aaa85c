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
    """Files of one class each, in the order in which they are laid: later ones do not cover earlier ones.

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
        Voxels of a class, by its name, that an earlier class had taken already.

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
    dtype = np.uint8 if len(masks.paths) <= np.iinfo(np.uint8).max else np.uint16
    for path, label_class in zip(masks.paths, masks.classes, strict=True):
        if should_stop():
            raise VolumeReadError("Reading the masks was cancelled.")
        mask = read_volume(path)
        if merged is None:
            merged = Volume(np.zeros(mask.geometry.shape, dtype, order="F"), mask.geometry, mask.header)
        check_same_grid(merged.geometry, mask.geometry, path.name)
        is_inside = mask.voxels > 0
        is_taken = merged.voxels > 0
        num_taken = int(np.count_nonzero(is_inside & is_taken))
        if num_taken:
            overlaps[label_class.name] = num_taken
        merged.voxels[is_inside & ~is_taken] = label_class.value
    assert merged is not None, "no masks"
    return merged, overlaps
