"""Transforms that came from files: ``transforms/<item>/<time>.json`` in the project.

They stand beside the registrations that runs made; the newest counts, and nothing is replaced.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from engines.contract.errors import WorkstationError
from engines.contract.transform_file import TransformFile
from workstation.project.project import Project

IMPORTED = "imported"
"""Method of a transform that came from a file."""
_FOLDER = "transforms"


def keep_imported(project: Project, item_id: str, transform: TransformFile) -> Path:
    """Write a transform of an item beside the earlier ones and return its place.

    Raises
    ------
    OSError
        If the disk refuses.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    kept = project.folder / _FOLDER / item_id / f"{stamp}.json"
    transform.write(kept)
    return kept


def newest_imported(project: Project, item_id: str) -> tuple[float, TransformFile] | None:
    """Return the newest imported transform of an item and its time in seconds, or None."""
    for file in sorted((project.folder / _FOLDER / item_id).glob("*.json"), reverse=True):
        try:
            return file.stat().st_mtime, TransformFile.read(file)
        except (OSError, WorkstationError):
            continue  # damaged since: the one before it counts
    return None
