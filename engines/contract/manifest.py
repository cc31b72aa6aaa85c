"""The manifest: which items a run was given, frozen with their hashes, split and annotations."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from engines.contract.errors import InputError, RunFolderError
from engines.contract.files import hash_text, write_text_atomically
from engines.contract.geometry import FloatArray
from engines.contract.kinds import AnnotationKind, ItemKind, Split


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileRecord(_Record):
    """One file of an item.

    Attributes
    ----------
    path : str
        Relative to the run folder where a relative path exists, else absolute.
    sha256 : str
        Hash of the content when it was imported.
    modality : str or None
        ``"CF"``, ``"FA"``, ``"CT"``...
    """

    path: str
    sha256: str = ""
    modality: str | None = None


class AnnotationRecord(_Record):
    """A frozen copy of an annotation, under ``annotations/`` of the run folder."""

    path: str
    revision: str = ""
    annotator: str = ""


class ComponentDecision(_Record):
    """What a person decided about a component of one of the item's label maps.

    Attributes
    ----------
    source : str
        Run that wrote the label map; empty for one that no run wrote.
    label : int
        The class.
    voxel : (i, j, k)
        One of the component's voxels.
    shape : (I, J, K)
        Of the label map.
    is_accepted : bool
        False: it was taken away.
    """

    source: str = ""
    label: int
    voxel: tuple[int, int, int]
    shape: tuple[int, int, int]
    is_accepted: bool


class ItemRecord(_Record):
    """One item of a run: id, subject, split, files by role, annotations by kind, and decisions."""

    id: str
    subject: str
    kind: ItemKind
    split: Split | None = None
    files: dict[str, FileRecord]
    annotations: dict[AnnotationKind, AnnotationRecord] = {}
    laterality: str | None = None
    visit: str | None = None
    decisions: tuple[ComponentDecision, ...] = ()
    """About components of label maps, the oldest first."""

    def has(self, *roles: str) -> bool:
        """Tell whether the item holds a file for each of these roles."""
        return all(role in self.files for role in roles)


class Manifest(_Record):
    """Every item of a run, and the hash of the split it was trained or scored on."""

    items: tuple[ItemRecord, ...]
    split_hash: str = ""

    def of_split(self, *splits: Split) -> tuple[ItemRecord, ...]:
        """Return the items of some splits, in manifest order."""
        return tuple(item for item in self.items if item.split in splits)

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_text_atomically(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest.

        Raises
        ------
        RunFolderError
            If the file is missing or is no manifest.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise RunFolderError(
                "The manifest {path} cannot be read: {reason}.",
                remedy="Start the run again from the project.",
                path=path,
                reason=str(error).splitlines()[0],
            ) from error


def hash_of_split(subject_splits: Iterable[tuple[str, str]]) -> str:
    """Return 16 hexadecimal digits that name a split: the hash of its sorted ``(subject, split)`` rows."""
    return hash_text("\n".join(f"{subject}\t{split}" for subject, split in sorted(set(subject_splits))))[:16]


KEYPOINT_COLUMNS = ("item", "point", "fixed_x", "fixed_y", "moving_x", "moving_y")


def write_keypoint_pairs(
    path: Path, item: str, point_ids: Iterable[str], fixed_xy: Any, moving_xy: Any
) -> None:
    """Write keypoint pairs as CSV in `KEYPOINT_COLUMNS`, 0-based pixel centres, atomically."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(KEYPOINT_COLUMNS)
    for point, fixed, moving in zip(point_ids, fixed_xy, moving_xy, strict=True):
        writer.writerow([item, point, *(f"{float(value):.4f}" for value in (*fixed, *moving))])
    write_text_atomically(path, buffer.getvalue())


def read_keypoint_pairs(path: Path) -> tuple[list[str], FloatArray, FloatArray]:
    """Read what `write_keypoint_pairs` wrote.

    Returns
    -------
    point_ids : list of str
    fixed_xy, moving_xy : ndarray of float64, (N, 2)
        0-based pixel centres.

    Raises
    ------
    InputError
        If the file is no such table.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        ids = [row["point"] for row in rows]
        numbers = np.array(
            [[float(row[name]) for name in KEYPOINT_COLUMNS[2:]] for row in rows], dtype=np.float64
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            "Keypoint pairs cannot be read from {path}: {reason}.",
            remedy="Expected columns: {columns}.",
            path=path.name,
            reason=str(error),
            columns=", ".join(KEYPOINT_COLUMNS),
        ) from error
    numbers = numbers.reshape(-1, 4)
    return ids, numbers[:, :2], numbers[:, 2:]
