"""Reading what an import knows as a volume.

That is a file, a dataset of an HDF5 file, a DICOM series, or masks of one class each as one label map.
Libraries of formats are loaded with the first volume that is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from engines.contract.errors import InputError
from engines.contract.files import hash_file
from engines.imaging.volumes.label_names import classes_in
from engines.imaging.volumes.merged_masks import MaskOverlap, MergedMasks, read_merged
from engines.imaging.volumes.volume import Volume
from engines.imaging.volumes.volume_facts import VolumeFacts, label_facts, volume_facts
from engines.imaging.volumes.volume_names import split_hdf5, volume_suffix

if TYPE_CHECKING:
    from engines.imaging.volumes.dicom_series import DicomSeries

VolumeSource: TypeAlias = "DicomSeries | MergedMasks"
"""What a volume is made of that is not one file; it is written into the project once."""

ROLE_MODALITIES = {
    "ct": "CT", "ncct": "CT", "cta": "CTA", "t1": "T1", "t1ce": "T1CE", "t2": "T2", "flair": "FLAIR",
}  # fmt: skip
_CT_AIR_HU = -900.0
_VOXEL_BYTES = 4
_COPIES = 2
"""The voxels, and what is computed of them."""
_DETACHED_SUFFIXES = (".mhd", ".nhdr")
"""Headers whose voxels lie in another file: neither hash nor path of the header tells of that one."""


@dataclass(frozen=True, slots=True)
class ReadVolume:
    """A volume, and what is to be said about how it was read.

    Parameters
    ----------
    volume : Volume
    is_spacing_known : bool
    overlaps : tuple of MaskOverlap
        Of masks that were merged: what smaller classes took.
    """

    volume: Volume
    is_spacing_known: bool
    overlaps: tuple[MaskOverlap, ...] = ()


def is_volume_path(path: Path) -> bool:
    """Tell by its name whether a path is a volume."""
    return bool(volume_suffix(path)) or split_hdf5(path) is not None


def is_converted(path: Path, source: VolumeSource | None) -> bool:
    """Tell whether a volume has no file that every program can read, so that the project keeps one."""
    return source is not None or split_hdf5(path) is not None or volume_suffix(path) in _DETACHED_SUFFIXES


def series_of(source: VolumeSource | None) -> DicomSeries | None:
    """Return a source that is a DICOM series."""
    return None if source is None or isinstance(source, MergedMasks) else source


def read_source(
    path: Path,
    source: VolumeSource | None,
    *,
    is_label_map: bool,
    should_stop: Callable[[], bool] = lambda: False,
) -> ReadVolume:
    """Read a volume or a label map.

    Raises
    ------
    VolumeReadError, GeometryError
        If it cannot be used, or was stopped.
    """
    from engines.imaging.volumes.volume_files import as_labels, read_volume

    is_spacing_known = True
    if isinstance(source, MergedMasks):
        volume, overlaps = read_merged(source, should_stop=should_stop)
        return ReadVolume(volume, True, overlaps)
    if source is not None:
        from engines.imaging.volumes.dicom_series import read_series

        volume = read_series(source, should_stop=should_stop)
    else:
        volume = read_volume(path)
        if split_hdf5(path) is not None:
            from engines.imaging.volumes.hdf5_volumes import has_geometry

            is_spacing_known = has_geometry(path)
    if is_label_map:
        volume = Volume(as_labels(volume.voxels, path), volume.geometry, volume.header)
    return ReadVolume(volume, is_spacing_known)


def needed_bytes(path: Path, source: VolumeSource | None) -> int:
    """Return about how much memory `read_volume_facts` takes; 0 where the header does not tell.

    What cannot be read is refused by the reading itself.
    """
    if source is not None and not isinstance(source, MergedMasks):
        return _COPIES * int(np.prod(source.shape)) * _VOXEL_BYTES
    from engines.imaging.volumes.volume_files import read_geometry

    first = source.paths[0] if isinstance(source, MergedMasks) else path
    if split_hdf5(first) is not None:
        return 0
    try:
        shape = read_geometry(first).shape
    except InputError:
        return 0
    return _COPIES * int(np.prod(shape)) * _VOXEL_BYTES


def read_volume_facts(
    path: Path,
    source: VolumeSource | None,
    *,
    is_label_map: bool,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[str, int, VolumeFacts]:
    """Return content hash, size in bytes, and what a volume holds; errors as `read_source`.

    What is no file of its own is known by its voxels and its grid.
    """
    read = read_source(path, source, is_label_map=is_label_map, should_stop=should_stop)
    if is_label_map:
        facts = facts_of_labels(path, source, read)
    else:
        facts = volume_facts(read.volume, is_spacing_known=read.is_spacing_known)
    if is_converted(path, source):
        return _content_of(read.volume), int(read.volume.voxels.nbytes), facts
    return hash_file(path), path.stat().st_size, facts


def facts_of_labels(path: Path, source: VolumeSource | None, read: ReadVolume) -> VolumeFacts:
    """Return what a label map holds that was read."""
    classes = source.together if isinstance(source, MergedMasks) else classes_in(path)
    facts = label_facts(read.volume, classes, is_spacing_known=read.is_spacing_known)
    return replace(facts, overlaps=read.overlaps)


def modality_of(facts: VolumeFacts) -> str | None:
    """Return the modality that the values of a volume tell: air in CT is near -1000 HU."""
    return "CT" if not facts.is_label_map and facts.low <= _CT_AIR_HU else None


def _content_of(volume: Volume) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(volume.geometry.world_from_voxel).tobytes())
    digest.update(repr((volume.voxels.shape, volume.voxels.dtype.str)).encode())
    for number in range(volume.voxels.shape[2]):
        digest.update(np.ascontiguousarray(volume.voxels[:, :, number]).tobytes())
    return digest.hexdigest()
