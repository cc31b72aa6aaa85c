"""The files below dropped folders, listed once; every layout reads this listing and not the disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engines.contract.errors import InputError
from engines.imaging.volumes.volume_names import DICOM_SUFFIXES, HDF5_SUFFIXES, stem_of, volume_suffix

IMAGE_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".bmp", ".gif"))
MAX_FILES = 200_000
PROJECT_FILE = "project.db"
_IGNORED_FOLDERS = frozenset(("__macosx", "node_modules", "@eadir"))


class ScanCancelled(Exception):
    """The person stopped the scan."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of a tree; `parts` are the folders between the dropped folder and the file, outermost first."""

    path: Path
    parts: tuple[str, ...]

    @property
    def stem(self) -> str:
        """Name without its suffix."""
        return stem_of(self.path)

    @property
    def is_image(self) -> bool:
        """Whether the suffix is one of an image."""
        return self.path.suffix.lower() in IMAGE_SUFFIXES

    @property
    def is_volume(self) -> bool:
        """Whether the suffix is one of a volume, HDF5 included."""
        return bool(volume_suffix(self.path)) or self.path.suffix.lower() in HDF5_SUFFIXES

    @property
    def may_be_dicom(self) -> bool:
        """Whether it may be a slice of a DICOM series: archives often write files without any suffix."""
        suffix = self.path.suffix.lower()
        return suffix in DICOM_SUFFIXES or not suffix or suffix[1:].isdigit()


@dataclass(frozen=True)
class FolderTree:
    """Files below one or several places, sorted by folder and by number within names.

    Parameters
    ----------
    roots : tuple of Path
        What was dropped.
    files : tuple of FoundFile
    should_stop : callable
        Asked by layouts that have to look into files.
    """

    roots: tuple[Path, ...]
    files: tuple[FoundFile, ...]
    should_stop: Callable[[], bool] = field(default=lambda: False, compare=False, repr=False)

    @property
    def images(self) -> tuple[FoundFile, ...]:
        """Files that are images by name."""
        return tuple(file for file in self.files if file.is_image)

    @property
    def volumes(self) -> tuple[FoundFile, ...]:
        """Files that are volumes by name."""
        return tuple(file for file in self.files if file.is_volume)

    def named(self, name: str) -> FoundFile | None:
        """Return the first file of a name, in whatever case."""
        return next((file for file in self.files if file.path.name.lower() == name.lower()), None)


def natural_key(text: str) -> tuple[object, ...]:
    """Return a sorting key by which "2" comes before "10"."""
    parts: list[tuple[int, object]] = []
    number = ""
    for character in f"{text.casefold()}\0":
        if character.isascii() and character.isdigit():
            number += character
            continue
        if number:
            parts.append((0, int(number)))
            number = ""
        parts.append((1, character))
    return tuple(parts)


def scan(paths: Iterable[Path], should_stop: Callable[[], bool] | None = None) -> FolderTree:
    """List the files below folders, and single files as they are; hidden ones are left out.

    Raises
    ------
    InputError
        If a path does not exist, a folder cannot be listed, or there are too many files.
    ScanCancelled
        If it was asked to stop.
    """
    roots = tuple(Path(path).absolute() for path in paths)
    found: dict[Path, FoundFile] = {}
    for root in roots:
        for file in _below(root, should_stop):
            found.setdefault(file.path, file)
            if len(found) > MAX_FILES:
                raise InputError(
                    "{folder} holds more than {limit} files.",
                    remedy="Choose the folder of the images, not the disk.",
                    folder=root,
                    limit=MAX_FILES,
                )
    files = sorted(
        found.values(),
        key=lambda file: ([natural_key(part) for part in file.parts], natural_key(file.path.name)),
    )
    return FolderTree(roots, tuple(files), should_stop or (lambda: False))


def _below(root: Path, should_stop: Callable[[], bool] | None) -> Iterator[FoundFile]:
    if root.is_file():
        yield FoundFile(root, ())
        return
    if not root.is_dir():
        raise InputError("There is no file {path}.", remedy="Check the path.", path=root)
    for folder, names, files in os.walk(root, onerror=_refuse):
        if should_stop is not None and should_stop():
            raise ScanCancelled
        names[:] = [
            name for name in names if not name.startswith(".") and name.lower() not in _IGNORED_FOLDERS
        ]
        place = Path(folder)
        if PROJECT_FILE in files and place != root:
            # The images of another project are its own: its runs and results are no data.
            names.clear()
            continue
        parts = place.relative_to(root).parts
        for name in files:
            if not name.startswith("."):
                yield FoundFile(place / name, parts)


def _refuse(error: OSError) -> None:
    raise InputError(
        "The folder {folder} cannot be listed: {reason}.",
        remedy="Check that you may read it.",
        folder=error.filename,
        reason=error.strerror,
    ) from error
