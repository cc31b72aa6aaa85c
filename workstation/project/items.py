"""Items of the project: subjects and visits, files by role with content hash and size, status."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engines.contract.errors import PreconditionError, UnknownKeyError
from engines.contract.files import hash_file, relative_or_absolute
from engines.contract.kinds import FileKind, ItemKind, Split
from engines.imaging.volumes.volume import VolumeGeometry
from workstation.project.schema import FileRow, ItemRow, SplitRow, SubjectRow, VisitRow
from workstation.project.store import Store, now


@dataclass(frozen=True, slots=True)
class ItemFile:
    """One file of an item.

    Parameters
    ----------
    path : Path
        Absolute. The file may have been moved since: see `require`.
    kind : FileKind
    sha256 : str
        Hash of the content at import.
    size_bytes : int
    modality : str or None
        ``"CF"``, ``"FA"``, ...
    width, height : int or None
        Size in pixels.
    spacing_mm : float or None
        Distance of neighbouring pixels, where it is known.
    perceptual_hash : str or None
        Of what an image looks like, see `engines.imaging.perceptual_hash`.
    grid : VolumeGeometry or None
        Of a volume or a label map.
    intensity_range : (float, float) or None
        Smallest and largest value of a volume, in HU for CT.
    """

    path: Path
    kind: FileKind
    sha256: str
    size_bytes: int
    modality: str | None
    width: int | None
    height: int | None
    spacing_mm: float | None = None
    perceptual_hash: str | None = None
    grid: VolumeGeometry | None = None
    intensity_range: tuple[float, float] | None = None

    def require(self) -> Path:
        """Return the path of a file that exists.

        Raises
        ------
        PreconditionError
            If the file was moved, renamed or deleted.
        """
        if not self.path.is_file():
            raise PreconditionError(
                "{path} is no longer there.",
                remedy="Put the file back, or tell the project where it is now.",
                path=self.path,
            )
        return self.path


@dataclass(frozen=True, slots=True)
class Item:
    """One row of the data set.

    Parameters
    ----------
    id : str
        The name given in the table; unique in the project and usable as a file name.
    subject, visit, laterality : str or None
    kind : ItemKind
    files : mapping of role to ItemFile
    split : Split or None
        None until it is given or assigned.
    status : str
    """

    id: str
    subject: str
    kind: ItemKind
    files: Mapping[str, ItemFile]
    split: Split | None
    laterality: str | None
    visit: str | None
    status: str

    def has(self, *roles: str) -> bool:
        """Tell whether the item holds a file for each of these roles."""
        return all(role in self.files for role in roles)


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file about to be recorded, with what its item needs if that is new too."""

    item_id: str
    subject: str
    role: str
    file_kind: FileKind
    path: Path
    sha256: str
    size_bytes: int
    modality: str | None = None
    width: int | None = None
    height: int | None = None
    spacing_mm: float | None = None
    perceptual_hash: str | None = None
    grid: VolumeGeometry | None = None
    intensity_range: tuple[float, float] | None = None
    visit: str | None = None
    laterality: str | None = None


@dataclass(frozen=True, slots=True)
class MissingFile:
    """A file that the project knows and the disk no longer has."""

    item_id: str
    role: str
    path: Path
    sha256: str
    size_bytes: int


class ItemStore:
    """Read side of the items, and the few facts of an item that a person may change.

    Parameters
    ----------
    store : Store
    folder : Path
        The project folder, which recorded paths are relative to.
    on_change : callable
        Told the id of a changed item.
    """

    def __init__(self, store: Store, folder: Path, on_change: Callable[[str | None], None]) -> None:
        self._store = store
        self._folder = folder
        self._on_change = on_change

    def all(self) -> list[Item]:
        """Return every item, in the order of import."""
        with self._store.read() as session:
            return load_items(session, self._folder)

    def of_kind(self, *kinds: ItemKind) -> list[Item]:
        """Return the items of some kinds, in the order of import."""
        return [item for item in self.all() if item.kind in kinds]

    def get(self, item_id: str) -> Item:
        """Return one item.

        Raises
        ------
        UnknownKeyError
            If there is no such item.
        """
        with self._store.read() as session:
            found = load_items(session, self._folder, only=(item_id,))
        if not found:
            raise UnknownKeyError(
                "The project has no item '{item}'.",
                remedy="List the items with: workstation items PROJECT.",
                item=item_id,
            )
        return found[0]

    def count(self) -> int:
        """Return the number of items."""
        with self._store.read() as session:
            return session.scalar(select(func.count()).select_from(ItemRow)) or 0

    def missing_files(self) -> list[MissingFile]:
        """Return the files that are no longer where they were."""
        return [
            MissingFile(item.id, role, file.path, file.sha256, file.size_bytes)
            for item in self.all()
            for role, file in item.files.items()
            if not file.path.is_file()
        ]

    def relink(self, item_id: str, role: str, path: Path) -> None:
        """Record where a moved file is now.

        Raises
        ------
        PreconditionError
            If `path` holds other content than the file that was imported.
        """
        expected = self.get(item_id).files[role].sha256
        if hash_file(path) != expected:
            raise PreconditionError(
                "{path} is not the file that was imported as '{role}' of {item}: its content differs.",
                remedy="Choose the original file, or import this one as a new item.",
                path=path,
                role=role,
                item=item_id,
            )
        with self._store.write() as session:
            row = session.get_one(FileRow, (item_id, role))
            row.path = recorded_path(path, self._folder)
        self._on_change(item_id)

    def relink_all(self, found: Mapping[tuple[str, str], Path]) -> None:
        """Record where moved files are now, by item and role; their content was compared before."""
        if not found:
            return
        with self._store.write() as session:
            for (item_id, role), path in found.items():
                session.get_one(FileRow, (item_id, role)).path = recorded_path(path, self._folder)
        self._on_change(None)

    def set_perceptual_hashes(self, hashes: Mapping[str, str]) -> None:
        """Record what images look like, by content hash; for images imported before that was recorded."""
        with self._store.write() as session:
            for row in session.scalars(select(FileRow).where(FileRow.perceptual_hash.is_(None))):
                row.perceptual_hash = hashes.get(row.sha256)

    def set_spacing(self, item_id: str, role: str, spacing_mm: float | None) -> None:
        """Tell the distance of neighbouring pixels of a file, or that it is not known."""
        with self._store.write() as session:
            session.get_one(FileRow, (item_id, role)).spacing_mm = spacing_mm
        self._on_change(item_id)

    def set_status(self, item_id: str, status: str) -> None:
        """Set how far the work on an item is."""
        with self._store.write() as session:
            session.get_one(ItemRow, item_id).status = status
        self._on_change(item_id)


def recorded_path(path: Path, folder: Path) -> str:
    """Return how a file's path is stored: relative to the project folder where that exists."""
    return relative_or_absolute(path.resolve(), folder.resolve())


def load_items(session: Session, folder: Path, only: Iterable[str] | None = None) -> list[Item]:
    """Read items with their files, in the order of import."""
    query = (
        select(ItemRow, SubjectRow.name, VisitRow.name, SplitRow.split)
        .join(SubjectRow, ItemRow.subject_id == SubjectRow.id)
        .outerjoin(VisitRow, ItemRow.visit_id == VisitRow.id)
        .outerjoin(SplitRow, ItemRow.subject_id == SplitRow.subject_id)
        .order_by(ItemRow.position)
    )
    file_query = select(FileRow).order_by(FileRow.role)
    if only is not None:
        wanted = tuple(only)
        query = query.where(ItemRow.id.in_(wanted))
        file_query = file_query.where(FileRow.item_id.in_(wanted))
    files: dict[str, dict[str, ItemFile]] = {}
    root = folder.resolve()
    for file in session.scalars(file_query):
        files.setdefault(file.item_id, {})[file.role] = ItemFile(
            path=Path(os.path.normpath(root / file.path)),
            kind=FileKind(file.kind),
            sha256=file.sha256,
            size_bytes=file.size_bytes,
            modality=file.modality,
            width=file.width,
            height=file.height,
            spacing_mm=file.spacing_mm,
            perceptual_hash=file.perceptual_hash,
            grid=None if file.grid is None else _geometry(file.grid),
            intensity_range=None
            if file.intensity_range is None
            else (file.intensity_range[0], file.intensity_range[1]),
        )
    return [
        Item(
            id=row.id,
            subject=subject,
            kind=ItemKind(row.kind),
            files=files.get(row.id, {}),
            split=Split(split) if split else None,
            laterality=row.laterality,
            visit=visit,
            status=row.status,
        )
        for row, subject, visit, split in session.execute(query)
    ]


def insert_file(session: Session, new: NewFile, folder: Path) -> None:
    """Record a file, and its subject, visit and item when they are new.

    The kind of a new item is provisional until `set_item_kind`: it depends on all of its files.
    """
    subject_id = subject_id_of(session, new.subject)
    item = session.get(ItemRow, new.item_id)
    if item is None:
        position = (session.scalar(select(func.max(ItemRow.position))) or 0) + 1
        item = ItemRow(
            id=new.item_id,
            position=position,
            subject_id=subject_id,
            visit_id=None,
            kind=ItemKind.IMAGE_SET.value,
            laterality=None,
            status="new",
            added=now(),
        )
        session.add(item)
        session.flush()
    if new.visit:
        item.visit_id = visit_id_of(session, subject_id, new.visit)
    if new.laterality:
        item.laterality = new.laterality
    session.add(
        FileRow(
            item_id=new.item_id,
            role=new.role,
            kind=new.file_kind.value,
            path=recorded_path(new.path, folder),
            sha256=new.sha256,
            size_bytes=new.size_bytes,
            modality=new.modality,
            width=new.width,
            height=new.height,
            spacing_mm=new.spacing_mm,
            perceptual_hash=new.perceptual_hash,
            grid=None if new.grid is None else _plain_grid(new.grid),
            intensity_range=None if new.intensity_range is None else list(new.intensity_range),
        )
    )
    session.flush()


def _geometry(grid: Mapping[str, Any]) -> VolumeGeometry:
    i, j, k = grid["shape"]
    return VolumeGeometry((i, j, k), np.array(grid["world_from_voxel"]))


def _plain_grid(geometry: VolumeGeometry) -> dict[str, Any]:
    return {"shape": list(geometry.shape), "world_from_voxel": geometry.world_from_voxel.tolist()}


def set_item_kind(session: Session, item_id: str, kind: ItemKind) -> None:
    """Set what an item is."""
    session.get_one(ItemRow, item_id).kind = kind.value


def subject_id_of(session: Session, name: str) -> int:
    """Return the row of a subject, made when there is none."""
    subject = session.scalars(select(SubjectRow).where(SubjectRow.name == name)).one_or_none()
    if subject is None:
        subject = SubjectRow(name=name)
        session.add(subject)
        session.flush()
    return subject.id


def visit_id_of(session: Session, subject_id: int, name: str) -> int:
    """Return the row of a visit of a subject, made when there is none."""
    query = select(VisitRow).where(VisitRow.subject_id == subject_id, VisitRow.name == name)
    visit = session.scalars(query).one_or_none()
    if visit is None:
        visit = VisitRow(subject_id=subject_id, name=name)
        session.add(visit)
        session.flush()
    return visit.id
