"""Label maps as they are now: the NIfTI file that was written last, and every stroke since.

A stroke is a command of the one history, with the voxels that it changed. The file of a label map is
written now and then (`LabelMapStore.write`), atomically and under a new name; whatever was drawn after it
is replayed from the history. So a kill between two files loses nothing, and undo reaches back beyond them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased

from engines.contract.errors import PreconditionError, UnknownKeyError
from engines.imaging.volumes.label_classes import LabelClass, classes_from
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.voxel_changes import VoxelChanges
from workstation.project.schema import CommandRow, LabelMapRow
from workstation.project.store import Store

PAINT = "paint_voxels"
NUM_KEPT_FILES = 2


class LabelMapState(StrEnum):
    """What a label map counts for; only accepted ones are trained on."""

    ACCEPTED = "accepted"
    PROPOSAL = "proposal"


@dataclass(frozen=True, slots=True)
class LabelMap:
    """One label map of an item; its voxels are read with `LabelMapStore.read`.

    Parameters
    ----------
    id : str
        Stable over every edit.
    item_id, name : str
        `name` is unique among the label maps of the item.
    state : LabelMapState
    annotator : str
        Who made it.
    source : str
        ``"manual"``, ``"import"``, or a run id.
    geometry : VolumeGeometry
        Its own grid, which may be finer than the image's.
    classes : tuple of LabelClass
        Names and colours of its labels; labels without a class are shown by their number.
    revision : int
        Grows with every change, undo and redo included.
    created, changed : str
        ISO 8601, UTC.
    """

    id: str
    item_id: str
    name: str
    state: LabelMapState
    annotator: str
    source: str
    geometry: VolumeGeometry
    revision: int
    created: str
    changed: str
    classes: tuple[LabelClass, ...] = ()


class LabelMapStore:
    """Read side of the label maps, and their files. Edits are commands: see `label_map_commands`.

    Parameters
    ----------
    store : Store
    folder : Path
        ``label_maps`` of the project.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder

    def of_item(self, item_id: str) -> list[LabelMap]:
        """Return the label maps of an item, in the order in which they were made."""
        query = (
            select(LabelMapRow)
            .where(LabelMapRow.item_id == item_id, LabelMapRow.is_deleted.is_(False))
            .order_by(LabelMapRow.created, LabelMapRow.id)
        )
        with self._store.read() as session:
            return [as_label_map(row) for row in session.scalars(query)]

    def counts(self) -> dict[str, int]:
        """Return the number of label maps of every item that has any."""
        query = (
            select(LabelMapRow.item_id, func.count())
            .where(LabelMapRow.is_deleted.is_(False))
            .group_by(LabelMapRow.item_id)
        )
        with self._store.read() as session:
            return {str(row[0]): int(row[1]) for row in session.execute(query)}

    def accepted(self) -> dict[str, LabelMap]:
        """Return, by item id, the accepted label map that was changed last."""
        query = (
            select(LabelMapRow)
            .where(LabelMapRow.state == LabelMapState.ACCEPTED.value, LabelMapRow.is_deleted.is_(False))
            .order_by(LabelMapRow.changed, LabelMapRow.id)
        )
        with self._store.read() as session:
            return {row.item_id: as_label_map(row) for row in session.scalars(query)}

    def get(self, label_map_id: str) -> LabelMap:
        """Return one label map.

        Raises
        ------
        UnknownKeyError
            If there is none, or it was deleted.
        """
        with self._store.read() as session:
            return as_label_map(living(session, label_map_id))

    def read(self, label_map_id: str) -> tuple[Volume, int]:
        """Return the voxels as they are now, and the number of the last journal entry in them.

        Returns
        -------
        volume : Volume
            uint8, or uint16 when a label needs it; writable.
        sequence : int
            For `changes_since`.

        Raises
        ------
        UnknownKeyError
            If there is no such label map.
        PreconditionError
            If its file was removed by hand.
        """
        with self._store.read() as session:
            row = living(session, label_map_id)
            base = self._base(row)
            changes = _changes(session, row, row.base_sequence)
        largest = max(
            (int(change.runs[:, 3].max()) for _, change in changes if not change.is_empty), default=0
        )
        dtype = np.uint16 if largest > np.iinfo(np.uint8).max or base.dtype == np.uint16 else np.uint8
        # What was never drawn in is empty already, and page by page only what is drawn takes memory.
        is_new = row.file is None and base.dtype == dtype
        voxels = base if is_new else np.array(base, dtype=dtype, order="F")
        for _, change in changes:
            change.apply(voxels)
        sequence = changes[-1][0] if changes else row.base_sequence
        return Volume(voxels, geometry_of(row), row.header), sequence

    def changes_since(self, label_map_id: str, sequence: int) -> tuple[list[VoxelChanges], int]:
        """Return what was drawn, undone and redone after a journal entry, and the number of the last."""
        with self._store.read() as session:
            changes = _changes(session, living(session, label_map_id), sequence)
        return [change for _, change in changes], changes[-1][0] if changes else sequence

    def has_changes_between(self, label_map_id: str, after: int, before: int) -> bool:
        """Tell whether anything was drawn, undone or redone between two journal entries, both left out."""
        with self._store.read() as session:
            query, target = _entries(living(session, label_map_id), after)
            effects = query.with_only_columns(CommandRow.effect, target.effect)
            rows = session.execute(effects.where(CommandRow.sequence < before)).all()
            return any((row[0] or row[1])["label_map"] == label_map_id for row in rows)

    def path(self, label_map_id: str) -> Path | None:
        """Return the file that was written last, or None before the first."""
        with self._store.read() as session:
            row = living(session, label_map_id)
            return None if row.file is None else self._folder / row.file

    def write(self, label_map_id: str) -> Path:
        """Write the label map as it is now to a NIfTI file, and let the next reading begin there.

        The file before stays; older ones go. Slow: called on a thread.

        Raises
        ------
        UnknownKeyError, PreconditionError
            As `read`.
        OSError
            If the disk refuses; everything stays as it was.
        """
        from engines.imaging.volumes.volume_files import write_volume

        volume, sequence = self.read(label_map_id)
        label_map = self.get(label_map_id)
        folder = self._folder / label_map.item_id
        folder.mkdir(parents=True, exist_ok=True)
        path = write_volume(folder / f"{label_map_id}.{sequence}.nii.gz", volume)
        with self._store.write() as session:
            row = session.get_one(LabelMapRow, label_map_id)
            # Another process may have written a later one meanwhile.
            if row.file is None or sequence > row.base_sequence:
                row.file = path.relative_to(self._folder).as_posix()
                row.base_sequence = sequence
        self._remove_old_files(folder, label_map_id, path)
        return path

    def keep(self, item_id: str, label_map_id: str, volume: Volume) -> str:
        """Write the voxels of a label map that is about to be added; for `AddLabelMap.file`.

        Slow: called on a thread.

        Raises
        ------
        OSError
            If the disk refuses.
        """
        from engines.imaging.volumes.volume_files import write_volume

        folder = self._folder / item_id
        folder.mkdir(parents=True, exist_ok=True)
        path = write_volume(folder / f"{label_map_id}.0.nii.gz", volume)
        return path.relative_to(self._folder).as_posix()

    def _base(self, row: LabelMapRow) -> npt.NDArray[Any]:
        # Libraries of file formats take long to import, and most projects hold no label maps.
        from engines.imaging.volumes.volume_files import read_label_map

        if row.file is None:
            return np.zeros(tuple(row.shape), dtype=np.uint8, order="F")
        path = self._folder / row.file
        if not path.is_file():
            raise PreconditionError(
                "The file {path} of the label map '{name}' of {item} is gone.",
                remedy="Put it back from a copy of the project folder.",
                path=path,
                name=row.name,
                item=row.item_id,
            )
        return read_label_map(path).voxels

    def _remove_old_files(self, folder: Path, label_map_id: str, newest: Path) -> None:
        numbered = {
            int(file.name.split(".")[1]): file
            for file in folder.glob(f"{label_map_id}.*.nii.gz")
            if file.name.split(".")[1].isdigit() and file != newest
        }
        for number in sorted(numbered)[: -(NUM_KEPT_FILES - 1)]:
            numbered[number].unlink(missing_ok=True)


def geometry_of(row: LabelMapRow) -> VolumeGeometry:
    """Return the grid of a row."""
    i, j, k = row.shape
    return VolumeGeometry((i, j, k), np.array(row.world_from_voxel))


def as_label_map(row: LabelMapRow) -> LabelMap:
    """Return a row as plain data."""
    return LabelMap(
        id=row.id,
        item_id=row.item_id,
        name=row.name,
        state=LabelMapState(row.state),
        annotator=row.annotator,
        source=row.source,
        geometry=geometry_of(row),
        revision=row.revision,
        created=row.created,
        changed=row.changed,
        classes=classes_from(row.classes),
    )


def living(session: Session, label_map_id: str) -> LabelMapRow:
    """Return the row of a label map that is not deleted.

    Raises
    ------
    UnknownKeyError
        If there is none.
    """
    row = session.get(LabelMapRow, label_map_id)
    if row is None or row.is_deleted:
        raise UnknownKeyError("There is no such label map: it may have been deleted.")
    return row


def _changes(session: Session, row: LabelMapRow, after: int) -> Sequence[tuple[int, VoxelChanges]]:
    """Return journal number and change of every stroke, undo and redo of a label map, in order."""
    query, target = _entries(row, after)
    columns = (CommandRow.sequence, CommandRow.action, CommandRow.payload, target.payload)
    found = []
    for sequence, action, own, others in session.execute(query.with_only_columns(*columns)):
        payload = own if action == "do" else others
        if payload["label_map_id"] == row.id:
            change = VoxelChanges.from_text(payload["changes"])
            found.append((sequence, change.inverse if action == "undo" else change))
    return found


def _entries(row: LabelMapRow, after: int) -> tuple[Select[CommandRow], type[CommandRow]]:
    """Return the entries of an item's strokes in order, joined with what was undone or redone by them."""
    target = aliased(CommandRow)
    query = (
        select(CommandRow)
        .outerjoin(target, CommandRow.target == target.sequence)
        .where(
            CommandRow.item_id == row.item_id,
            CommandRow.kind == PAINT,
            CommandRow.sequence > after,
        )
        .order_by(CommandRow.sequence)
    )
    return query, target


def shape_text(shape: Sequence[int]) -> str:
    """Return the size of a grid for people."""
    return " x ".join(map(str, shape))
