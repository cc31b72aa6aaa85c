"""Finding files that were moved, by size and then by content; names do not matter."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engines.contract.errors import InputError
from engines.contract.files import hash_file
from workstation.project.items import MissingFile


class SearchCancelled(Exception):
    """The person stopped the search."""


@dataclass(slots=True)
class FoundFiles:
    """What a search found.

    Attributes
    ----------
    found : dict of (item, role) to Path
    missing : list of MissingFile
        What was not there.
    num_seen : int
        Files that were looked at.
    """

    found: dict[tuple[str, str], Path] = field(default_factory=dict)
    missing: list[MissingFile] = field(default_factory=list)
    num_seen: int = 0


def find_moved(
    missing: Iterable[MissingFile],
    folder: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> FoundFiles:
    """Search a folder and everything below it for missing files.

    Only files of a size that is missing are read. Of several copies the one with the old name, then the one
    whose folders agree most with the old place, is taken.

    Parameters
    ----------
    missing : iterable of MissingFile
    folder : Path
    progress : callable
        Given the files read and the files to be read; (n, 0) while folders are listed.
    should_stop : callable

    Raises
    ------
    InputError
        If the folder cannot be listed.
    SearchCancelled
        If it was asked to stop.
    """
    wanted: dict[str, list[MissingFile]] = defaultdict(list)
    for file in missing:
        wanted[file.sha256].append(file)
    sizes = {file.size_bytes for files in wanted.values() for file in files}
    result = FoundFiles()
    candidates = []
    for path, size in _files_below(folder):
        result.num_seen += 1
        if size in sizes:
            candidates.append(path)
        _report(progress, should_stop, result.num_seen, 0)
    copies: dict[str, list[Path]] = defaultdict(list)
    for done, path in enumerate(candidates, start=1):
        try:
            copies[hash_file(path)].append(path)
        except OSError:
            # Gone or locked meanwhile: it counts as not there.
            continue
        finally:
            _report(progress, should_stop, done, len(candidates))
    for sha256, files in wanted.items():
        for file in files:
            if copies.get(sha256):
                result.found[file.item_id, file.role] = max(
                    copies[sha256], key=lambda path: _nearness(path, file.path)
                )
            else:
                result.missing.append(file)
    return result


def _report(
    progress: Callable[[int, int], None] | None,
    should_stop: Callable[[], bool] | None,
    done: int,
    total: int,
) -> None:
    if should_stop is not None and should_stop():
        raise SearchCancelled
    if progress is not None and (total or done % 500 == 0):
        progress(done, total)


def _nearness(path: Path, old: Path) -> tuple[bool, int]:
    shared = 0
    for part, old_part in zip(reversed(path.parent.parts), reversed(old.parent.parts), strict=False):
        if part != old_part:
            break
        shared += 1
    return path.name == old.name, shared


def _files_below(folder: Path) -> Iterator[tuple[Path, int]]:
    if not folder.is_dir():
        raise InputError(
            "{folder} is not a folder.", remedy="Choose the folder of the images.", folder=folder
        )
    stack = [folder]
    while stack:
        place = stack.pop()
        try:
            with os.scandir(place) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if place != folder:
                continue  # a folder that may not be read holds nothing for us
            raise InputError(
                "The folder {folder} cannot be listed: {reason}.",
                remedy="Check that you may read it.",
                folder=folder,
                reason=error.strerror,
            ) from error
        for entry in listed:
            try:
                if entry.is_dir(follow_symlinks=False):
                    stack.append(Path(entry.path))
                elif entry.is_file():
                    yield Path(entry.path), entry.stat().st_size
            except OSError:
                continue
