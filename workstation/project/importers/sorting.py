"""What was dropped: tables of ours, keypoint files of other programs, or images and folders of images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engines.contract.errors import TableError
from engines.imaging.volumes.volume_names import DICOM_SUFFIXES
from workstation.project.importers.folder_tree import FoundFile
from workstation.project.importers.reading import read_table
from workstation.project.keypoint_formats import recognise

_TABLE_SUFFIXES = (".csv", ".tsv", ".txt")


@dataclass(frozen=True, slots=True)
class SortedPaths:
    """Paths by what is done with them.

    Parameters
    ----------
    tables : tuple of Path
        Tables of files or of keypoint pairs with our columns.
    keypoint_files : tuple of Path
        Of other programs.
    places : tuple of Path
        Images, folders, and texts that lie with images: their names are looked through.
    """

    tables: tuple[Path, ...]
    keypoint_files: tuple[Path, ...]
    places: tuple[Path, ...]


def sort_paths(paths: Iterable[Path]) -> SortedPaths:
    """Tell what each path is; what is nothing known counts as a table, whose reader says what is wrong."""
    tables, keypoint_files, places = [], [], []
    everything = [Path(path).absolute() for path in paths]
    has_images = any(_is_picture(path) for path in everything)
    for path in everything:
        if path.is_dir() or _is_picture(path):
            places.append(path)
        elif path.suffix.lower() in _TABLE_SUFFIXES and _is_table_of_ours(path):
            tables.append(path)
        elif has_images and path.suffix.lower() == ".txt":
            places.append(path)
        elif path.is_file() and recognise(path) is not None:
            keypoint_files.append(path)
        else:
            tables.append(path)
    return SortedPaths(tuple(tables), tuple(keypoint_files), tuple(places))


def _is_picture(path: Path) -> bool:
    file = FoundFile(path, ())
    return file.is_image or file.is_volume or path.suffix.lower() in DICOM_SUFFIXES


def _is_table_of_ours(path: Path) -> bool:
    try:
        read_table(path)
    except TableError:
        return False
    return True
