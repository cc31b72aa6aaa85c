"""The tables of the project database.

Deleting an annotation leaves a tombstone (`PairRow.is_deleted`); nothing here is removed by an edit.
Paths are relative to the project folder with forward slashes, or absolute across drives.
Times are ISO 8601 in UTC.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA_VERSION = 3


class Base(DeclarativeBase):
    """Registry of the tables."""


class SchemaRow(Base):
    """One row: the version of the schema and the number of write transactions so far."""

    __tablename__ = "schema"

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int]
    num_changes: Mapped[int] = mapped_column(default=0)


class ProjectRow(Base):
    """One row: what the project is called and the id it keeps when its folder moves."""

    __tablename__ = "project"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    created: Mapped[str]


class SubjectRow(Base):
    """A person."""

    __tablename__ = "subjects"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class VisitRow(Base):
    """One examination of a subject."""

    __tablename__ = "visits"
    __table_args__ = (UniqueConstraint("subject_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"))
    name: Mapped[str]


class ItemRow(Base):
    """One row of the data set; `id` is the name the user gave, unique in the project."""

    __tablename__ = "items"

    id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(index=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"), index=True)
    visit_id: Mapped[int | None] = mapped_column(ForeignKey("visits.id"))
    kind: Mapped[str]
    laterality: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="new")
    added: Mapped[str]


class FileRow(Base):
    """One file of an item. The file itself stays where it is."""

    __tablename__ = "files"

    item_id: Mapped[str] = mapped_column(ForeignKey("items.id"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    path: Mapped[str]
    sha256: Mapped[str] = mapped_column(index=True)
    size_bytes: Mapped[int]
    modality: Mapped[str | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    spacing_mm: Mapped[float | None]
    perceptual_hash: Mapped[str | None]
    grid: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    intensity_range: Mapped[list[float] | None] = mapped_column(JSON)


class PairRow(Base):
    """A keypoint pair, in 0-based pixel centres; one side may be missing."""

    __tablename__ = "keypoint_pairs"

    id: Mapped[str] = mapped_column(primary_key=True)
    item_id: Mapped[str] = mapped_column(ForeignKey("items.id"), index=True)
    position: Mapped[int]
    label: Mapped[str]
    fixed_x: Mapped[float | None]
    fixed_y: Mapped[float | None]
    moving_x: Mapped[float | None]
    moving_y: Mapped[float | None]
    state: Mapped[str]
    annotator: Mapped[str]
    source: Mapped[str]
    score: Mapped[float | None]
    revision: Mapped[int]
    created: Mapped[str]
    changed: Mapped[str]
    is_deleted: Mapped[bool] = mapped_column(default=False)


class LabelMapRow(Base):
    """A label map of an item: its grid, and the file that holds it up to `base_sequence` of the journal."""

    __tablename__ = "label_maps"

    id: Mapped[str] = mapped_column(primary_key=True)
    item_id: Mapped[str] = mapped_column(ForeignKey("items.id"), index=True)
    name: Mapped[str]
    state: Mapped[str]
    annotator: Mapped[str]
    source: Mapped[str]
    shape: Mapped[list[int]] = mapped_column(JSON)
    world_from_voxel: Mapped[list[list[float]]] = mapped_column(JSON)
    header: Mapped[bytes]
    classes: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    file: Mapped[str | None]
    base_sequence: Mapped[int] = mapped_column(default=0)
    revision: Mapped[int]
    created: Mapped[str]
    changed: Mapped[str]
    is_deleted: Mapped[bool] = mapped_column(default=False)


class CommandRow(Base):
    """One entry of the journal. An undo or redo is an entry too and names its `target`.

    `undone_at` of a done command is the entry that took it back, or null while it holds.
    """

    __tablename__ = "commands"

    sequence: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str]
    target: Mapped[int | None] = mapped_column(ForeignKey("commands.sequence"))
    undone_at: Mapped[int | None]
    item_id: Mapped[str | None] = mapped_column(index=True)
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    effect: Mapped[dict[str, Any]] = mapped_column(JSON)
    title: Mapped[str]
    title_parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    annotator: Mapped[str]
    at: Mapped[str]


class SplitRow(Base):
    """The split of a subject: given by a table, by a person, or assigned with a seed."""

    __tablename__ = "splits"

    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"), primary_key=True)
    split: Mapped[str]
    origin: Mapped[str]
    seed: Mapped[int | None]
    changed: Mapped[str]


class RunRow(Base):
    """Where a run lies."""

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(primary_key=True)
    folder: Mapped[str]
    added: Mapped[str]
    is_discarded: Mapped[bool] = mapped_column(default=False)


class SettingRow(Base):
    """A setting of the project, as JSON."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)
