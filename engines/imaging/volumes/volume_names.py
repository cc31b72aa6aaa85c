"""What files of volumes are called; light enough to be asked before any library of formats is loaded."""

from __future__ import annotations

import os
from pathlib import Path

NIFTI_SUFFIXES = (".nii", ".nii.gz")
ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")
VOLUME_SUFFIXES = NIFTI_SUFFIXES + ITK_SUFFIXES
HDF5_SUFFIXES = (".h5", ".hdf5")
DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
_LONGEST_FIRST = tuple(sorted(VOLUME_SUFFIXES, key=len, reverse=True))


def volume_suffix(path: str | os.PathLike[str]) -> str:
    """Return the suffix by which a volume file is known, or an empty text."""
    name = Path(path).name.lower()
    return next((suffix for suffix in _LONGEST_FIRST if name.endswith(suffix)), "")


def stem_of(path: str | os.PathLike[str]) -> str:
    """Return the name of a file without its suffix: ``a`` of ``a.nii.gz``."""
    file = Path(path)
    suffix = volume_suffix(file)
    return file.name[: -len(suffix)] if suffix else file.stem


def split_hdf5(path: str | os.PathLike[str]) -> tuple[Path, str] | None:
    """Return file and dataset of a path into an HDF5 file (``case.h5/image``), or None for any other path.

    The dataset is empty when only the file is named.
    """
    whole = Path(path)
    for depth, place in enumerate((whole, *whole.parents)):
        if place.suffix.lower() in HDF5_SUFFIXES and not place.is_dir():
            parts = whole.parts[len(whole.parts) - depth :] if depth else ()
            return place, "/".join(parts)
    return None
