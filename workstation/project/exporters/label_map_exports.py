"""Label maps as files of other programs, with a manifest that says where they came from.

Every export makes a folder of its own: written under another name beside its place, and renamed when it is
whole. So a full disk or a person who stops it leaves nothing half done, and nothing is ever replaced.
"""

from __future__ import annotations

import csv
import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from engines.contract.errors import PreconditionError, ProjectError
from engines.contract.files import hash_file, write_json_atomically, write_text_atomically
from engines.contract.messages import Message
from engines.imaging.volumes.label_classes import LabelClass, named
from engines.imaging.volumes.volume import WORLD, Volume, VoxelArray
from workstation.project.exporters.export_format import (
    ExportCancelled,
    ExportOptions,
    ExportResult,
)
from workstation.project.items import Item
from workstation.project.label_maps import LabelMap, LabelMapState
from workstation.project.project import Project
from workstation.project.store import now

MANIFEST = "manifest.json"
CLASS_TABLE = "classes.csv"
_PACKAGE = "annotation-training-workstation"
_LONGEST_NAME = 120
_FULL_BYTES = 1 << 20
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


@dataclass(frozen=True)
class LabelMapExport:
    """A label map on its way out.

    Parameters
    ----------
    item : Item
    label_map : LabelMap
    name : str
        For files: the name of the label map without characters that a system refuses, unique in its item.
    is_only : bool
        Whether it is the only one of its item in this export.
    options : ExportOptions
    """

    item: Item
    label_map: LabelMap
    name: str
    is_only: bool
    options: ExportOptions


@dataclass(frozen=True)
class ExportedLabels:
    """A label map as it is now, with the classes that are drawn or known."""

    volume: Volume
    classes: tuple[LabelClass, ...]
    num_voxels: Mapping[int, int]

    @property
    def drawn(self) -> tuple[LabelClass, ...]:
        """Classes with at least one voxel."""
        return tuple(one for one in self.classes if self.num_voxels.get(one.value))


@dataclass(frozen=True)
class WrittenFile:
    """A file of an export.

    Parameters
    ----------
    path : Path
    values : mapping of int to int
        What stands in the file for each value of the label map; empty: the values themselves.
    """

    path: Path
    values: Mapping[int, int] = field(default_factory=dict)


Writer = Callable[[LabelMapExport, ExportedLabels, Path], Sequence[WrittenFile]]
"""Writes one label map below the folder of the export; nothing when nothing is drawn that it can hold."""


def export_each(
    format_key: str,
    writer: Writer,
    project: Project,
    items: Sequence[Item],
    out: Path,
    options: ExportOptions,
) -> ExportResult:
    """Write label maps one after the other, with the manifest and the class table.

    Raises
    ------
    PreconditionError
        If there is no such label map, or none of them can be written.
    ProjectError
        If the place is taken.
    ExportCancelled
        If the person stopped it.
    """
    chosen = chosen_label_maps(project, items, options)
    records: list[dict[str, Any]] = []
    empty: list[str] = []
    with new_folder(out) as folder:
        for one in progressing(chosen, options):
            labels = read_labels(project, one.label_map)
            written = writer(one, labels, folder)
            if written:
                records.append(record(one, labels, written, folder))
            else:
                empty.append(f"{one.item.id}: {one.label_map.name}")
        if not records:
            raise PreconditionError(
                "Nothing is drawn in these label maps ({names}).",
                remedy="Draw first, or choose others.",
                names=", ".join(empty),
            )
        write_manifest(folder, project, format_key, records)
        files = tuple(out / path for path in files_of(records))
    return ExportResult(files, notes=_notes(empty))


def chosen_label_maps(
    project: Project, items: Sequence[Item], options: ExportOptions
) -> list[LabelMapExport]:
    """Return the label maps that an export is about, in the order of items.

    Raises
    ------
    PreconditionError
        If there are none, or no item has one of the names.
    """
    found: list[LabelMapExport] = []
    names: set[str] = set()
    num_proposals = 0
    for item in items:
        maps = project.label_maps.of_item(item.id)
        names |= {one.name for one in maps}
        wanted = [one for one in maps if not options.label_maps or one.name in options.label_maps]
        # Who asks for a label map by its name gets it, whatever its state.
        kept = [
            one
            for one in wanted
            if options.label_maps or options.with_proposals or one.state is LabelMapState.ACCEPTED
        ]
        num_proposals += len(wanted) - len(kept)
        taken: set[str] = set()
        for one in kept:
            found.append(
                LabelMapExport(item, one, unique_file_name(one.name, taken), len(kept) == 1, options)
            )
    unknown = sorted(set(options.label_maps) - names)
    if unknown:
        raise PreconditionError(
            "No label map of these items is called '{name}'.",
            remedy="Choose one of: {known}." if names else "Import or draw a label map first.",
            name=unknown[0],
            known=", ".join(sorted(names)),
        )
    if not found:
        raise PreconditionError(
            "These items have no accepted label map." if num_proposals else "These items have no label map.",
            remedy="Accept a proposal first, or write proposals too."
            if num_proposals
            else "Import or draw a label map first.",
        )
    return found


def progressing(chosen: Sequence[LabelMapExport], options: ExportOptions) -> Iterator[LabelMapExport]:
    """Yield each label map, telling how far it is; raises `ExportCancelled` when it is to stop."""
    for done, one in enumerate(chosen):
        if options.progress is not None:
            options.progress(done, len(chosen))
        if options.should_stop():
            raise ExportCancelled
        yield one
    if options.should_stop():
        raise ExportCancelled
    if options.progress is not None:
        options.progress(len(chosen), len(chosen))


def read_labels(project: Project, label_map: LabelMap) -> ExportedLabels:
    """Read a label map as it is now."""
    volume, _ = project.label_maps.read(label_map.id)
    counts = count_labels(volume.voxels)
    known = {one.value for one in label_map.classes}
    return ExportedLabels(volume, named({*counts, *known}, label_map.classes), counts)


def count_labels(labels: VoxelArray) -> dict[int, int]:
    """Return the number of voxels of each value that is drawn, without 0."""
    counts = np.zeros(np.iinfo(np.uint16).max + 1, dtype=np.int64)
    # Slice by slice: counting takes eight bytes for each voxel.
    for k in range(labels.shape[2]):
        found = np.bincount(labels[:, :, k].ravel())
        counts[: found.size] += found
    return {int(value): int(counts[value]) for value in np.flatnonzero(counts) if value}


def record(
    one: LabelMapExport, labels: ExportedLabels, written: Sequence[WrittenFile], folder: Path
) -> dict[str, Any]:
    """Return what the manifest says about a label map."""
    grid = labels.volume.geometry
    label_map = one.label_map
    return {
        "item": one.item.id,
        "subject": one.item.subject,
        "split": one.item.split.value if one.item.split else None,
        "label_map": {
            "id": label_map.id,
            "name": label_map.name,
            "state": label_map.state.value,
            "revision": label_map.revision,
            "annotator": label_map.annotator,
            "source": label_map.source,
            "created": label_map.created,
            "changed": label_map.changed,
        },
        "images": [
            {"role": role, "file": file.path.name, "sha256": file.sha256}
            for role, file in one.item.files.items()
        ],
        "shape": list(grid.shape),
        "spacing_mm": list(grid.spacing_mm),
        "world_from_voxel": grid.world_from_voxel.tolist(),
        "classes": [
            {
                "value": known.value,
                "name": known.name,
                "colour": known.colour,
                "num_voxels": labels.num_voxels.get(known.value, 0),
                "volume_ml": labels.num_voxels.get(known.value, 0) * grid.voxel_volume_ml,
            }
            for known in labels.classes
        ],
        "files": [
            {
                "path": file.path.relative_to(folder).as_posix(),
                "sha256": hash_file(file.path),
                "values": {str(value): number for value, number in file.values.items()},
            }
            for file in written
        ],
    }


def write_manifest(
    folder: Path, project: Project, format_key: str, records: Sequence[dict[str, Any]]
) -> None:
    """Write where everything came from, and the table of classes."""
    manifest = {
        "format": format_key,
        "project": project.name,
        "program": _PACKAGE,
        "version": version(_PACKAGE),
        "exported": now(),
        "world": WORLD,
        "label_maps": list(records),
    }
    write_json_atomically(folder / MANIFEST, manifest)
    table = StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("item", "label_map", "value", "name", "colour", "num_voxels", "volume_ml"))
    for row in records:
        for known in row["classes"]:
            facts = (known["value"], known["name"], known["colour"], known["num_voxels"])
            writer.writerow((row["item"], row["label_map"]["name"], *facts, f"{known['volume_ml']:.4f}"))
    write_text_atomically(folder / CLASS_TABLE, table.getvalue())


def files_of(records: Sequence[dict[str, Any]]) -> list[str]:
    """Return the paths of an export below its folder, the manifest last."""
    return [*(file["path"] for row in records for file in row["files"]), CLASS_TABLE, MANIFEST]


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Give a folder to write in, which gets its name when all went well.

    Raises
    ------
    ProjectError
        If there is a file, or a folder that holds something.
    """
    if out.exists() and (out.is_file() or any(out.iterdir())):
        raise ProjectError(
            "{path} is a file." if out.is_file() else "{path} is not empty, and nothing in it is replaced.",
            remedy="Choose a folder that is new or empty.",
            path=out,
        )
    part = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.part")
    part.mkdir(parents=True)
    try:
        yield part
        if out.is_dir():
            out.rmdir()
        part.rename(out)
    except OSError as error:
        # Libraries that write compressed files do not say what the system said.
        if error.errno is None and shutil.disk_usage(part).free < _FULL_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def unique_file_name(text: str, taken: set[str]) -> str:
    """Return a text as a file name that every system takes and that is not in `taken`, and put it there."""
    kept = "".join("_" if char in '<>:"/\\|?*' or ord(char) < 32 else char for char in text)
    base = kept.strip(" .")[:_LONGEST_NAME].strip(" .") or "unnamed"
    if base.split(".")[0].lower() in _RESERVED:
        base = f"{base}_"
    name, number = base, 1
    while name.casefold() in taken:
        number += 1
        name = f"{base}-{number}"
    taken.add(name.casefold())
    return name


def _notes(empty: Sequence[str]) -> tuple[Message, ...]:
    if not empty:
        return ()
    names = ", ".join(empty)
    return (Message("Left out, because nothing is drawn there: {names}.", {"names": names}),)
