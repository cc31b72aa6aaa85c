"""The edits of label maps: a new one, a stroke, a state, a deletion. Voxels travel as `VoxelChanges`."""

from __future__ import annotations

import base64
import uuid
from dataclasses import field
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass
from sqlalchemy import select

from engines.contract.errors import GeometryError, InputError
from engines.contract.messages import Message
from engines.imaging.volumes.label_classes import LabelClass, classes_from, plain
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.voxel_changes import VoxelChanges
from workstation.project.history import Command, Edit, Outcome
from workstation.project.label_maps import PAINT, LabelMapState, living, shape_text
from workstation.project.schema import ItemRow, LabelMapRow


def new_label_map_id() -> str:
    """Return an id that no other label map has."""
    return uuid.uuid4().hex


class LabelMapRowCommand(Command):
    """An edit of the facts of a label map; its effect is their values before and after."""

    @classmethod
    def revert(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Put back the values as they were before."""
        _put(edit, effect["label_map"], effect["before"])

    @classmethod
    def reapply(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Put back the values as they were after."""
        _put(edit, effect["label_map"], effect["after"])


@dataclass(frozen=True)
class AddLabelMap(LabelMapRowCommand):
    """Make an empty label map on a grid; what is in it follows as strokes, or is imported.

    Parameters
    ----------
    item_id, name : str
        `name` is unique among the label maps of the item.
    shape : (I, J, K)
    world_from_voxel : 4x4 numbers
    header : str
        NIfTI header of the image, base 64; empty when there is none.
    state : LabelMapState
    source : str
        ``"manual"``, ``"import"``, or a run id.
    label_map_id : str
    """

    kind: ClassVar[str] = "add_label_map"
    item_id: str
    name: str
    shape: tuple[int, int, int]
    world_from_voxel: tuple[tuple[float, float, float, float], ...]
    header: str = ""
    state: LabelMapState = LabelMapState.ACCEPTED
    source: str = "manual"
    classes: tuple[LabelClass, ...] = ()
    file: str = ""
    """Written below the folder of label maps before; empty: nothing is drawn yet."""
    label_map_id: str = field(default_factory=new_label_map_id)

    @classmethod
    def on_grid_of(
        cls,
        volume: Volume,
        item_id: str,
        name: str,
        *,
        state: LabelMapState = LabelMapState.ACCEPTED,
        source: str = "manual",
        classes: tuple[LabelClass, ...] = (),
    ) -> AddLabelMap:
        """Return the edit that makes a label map on the grid of a volume."""
        rows = tuple(tuple(float(value) for value in row) for row in volume.geometry.world_from_voxel)
        header = base64.b64encode(volume.header).decode("ascii")
        return cls(item_id, name, volume.geometry.shape, rows, header, state, source, classes)  # type: ignore[arg-type]

    def apply(self, edit: Edit) -> Outcome:
        """Insert the row."""
        if edit.session.get(ItemRow, self.item_id) is None:
            raise InputError("The project has no item '{item}'.", item=self.item_id)
        VolumeGeometry(self.shape, self.world_from_voxel)  # type: ignore[arg-type]
        _refuse_taken(edit, self.item_id, self.name)
        edit.session.add(
            LabelMapRow(
                id=self.label_map_id,
                item_id=self.item_id,
                name=self.name,
                state=self.state.value,
                annotator=edit.annotator,
                source=self.source,
                shape=list(self.shape),
                world_from_voxel=[list(row) for row in self.world_from_voxel],
                header=base64.b64decode(self.header),
                classes=plain(classes_from(plain(self.classes))),
                file=self.file or None,
                base_sequence=0,
                revision=1,
                created=edit.at,
                changed=edit.at,
                is_deleted=False,
            )
        )
        edit.session.flush()
        effect = {
            "label_map": self.label_map_id,
            "before": {"is_deleted": True},
            "after": {"is_deleted": False},
        }
        return Outcome(self.item_id, Message("add label map {name}", {"name": self.name}), effect)


@dataclass(frozen=True)
class SetLabelMapFacts(LabelMapRowCommand):
    """Rename a label map, or change the names and colours of its classes; None leaves as it is."""

    kind: ClassVar[str] = "set_label_map_facts"
    label_map_id: str
    name: str | None = None
    classes: tuple[LabelClass, ...] | None = None

    def apply(self, edit: Edit) -> Outcome:
        """Set what is given."""
        row = living(edit.session, self.label_map_id)
        after: dict[str, Any] = {}
        if self.name is not None:
            if not self.name.strip():
                raise InputError("A label map needs a name.")
            _refuse_taken(edit, row.item_id, self.name)
            after["name"] = self.name
        if self.classes is not None:
            after["classes"] = plain(classes_from(plain(self.classes)))
        title = "rename label map {name}" if self.name is not None else "change classes of {name}"
        return _change(edit, row, after, Message(title, {"name": row.name}))


@dataclass(frozen=True)
class PaintVoxels(Command):
    """Change voxels of a label map: a brush stroke, a fill, an accepted proposal.

    Parameters
    ----------
    label_map_id : str
    changes : str
        `VoxelChanges.to_text`.
    title : str
        What was done, an English template for the history: ``"paint {label} in {name}"``.
    label : str
        Name of the class, for the title.
    revision : int or None
        Of the label map when the change was made; None skips the check.
    sources : tuple of (label map id, revision)
        Label maps that the change was computed from, a proposal for example.
    dropped : int or None
        A class that leaves the table together with its voxels.
    """

    kind: ClassVar[str] = PAINT
    label_map_id: str
    changes: str
    title: str = "paint {name}"
    revision: int | None = None
    label: str = ""
    sources: tuple[tuple[str, int], ...] = ()
    dropped: int | None = None

    def apply(self, edit: Edit) -> Outcome:
        """Record the change; readers replay it from the payload, which is stored once."""
        row = living(edit.session, self.label_map_id)
        shape = VoxelChanges.shape_of_text(self.changes)
        if shape != tuple(row.shape):
            raise GeometryError(
                "A change of {found} voxels does not fit the label map '{name}' of {expected}.",
                found=shape_text(shape),
                name=row.name,
                expected=shape_text(row.shape),
            )
        if self.revision is not None and row.revision != self.revision:
            raise InputError(
                "The label map '{name}' was changed by another edit in between.",
                remedy="Look at it again, then draw once more.",
                name=row.name,
            )
        title = Message(self.title, {"name": row.name, "label": self.label})
        if self.dropped is not None:
            kept = [one for one in row.classes if one["value"] != self.dropped]
            return _change(edit, row, {"classes": kept}, title)
        _count(edit, row)
        return Outcome(row.item_id, title, {"label_map": row.id})

    @classmethod
    def revert(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Count the change; the entry itself says that the stroke is undone."""
        _again(edit, effect, "before")

    @classmethod
    def reapply(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Count the change; the entry itself says that the stroke is done again."""
        _again(edit, effect, "after")


@dataclass(frozen=True)
class DeleteLabelMap(LabelMapRowCommand):
    """Delete a label map; a tombstone and its file stay."""

    kind: ClassVar[str] = "delete_label_map"
    label_map_id: str

    def apply(self, edit: Edit) -> Outcome:
        """Mark the row as deleted."""
        row = living(edit.session, self.label_map_id)
        return _change(
            edit, row, {"is_deleted": True}, Message("delete label map {name}", {"name": row.name})
        )


@dataclass(frozen=True)
class SetLabelMapState(LabelMapRowCommand):
    """Accept a proposal, or make a proposal of a label map again."""

    kind: ClassVar[str] = "set_label_map_state"
    label_map_id: str
    state: LabelMapState

    def apply(self, edit: Edit) -> Outcome:
        """Set the state."""
        row = living(edit.session, self.label_map_id)
        titles = {
            LabelMapState.ACCEPTED: "accept label map {name}",
            LabelMapState.PROPOSAL: "make label map {name} a proposal",
        }
        return _change(
            edit, row, {"state": self.state.value}, Message(titles[self.state], {"name": row.name})
        )


def _refuse_taken(edit: Edit, item_id: str, name: str) -> None:
    query = select(LabelMapRow.name).where(LabelMapRow.item_id == item_id, LabelMapRow.is_deleted.is_(False))
    if name in set(edit.session.scalars(query)):
        raise InputError(
            "{item} already has a label map '{name}'.",
            remedy="Choose another name.",
            item=item_id,
            name=name,
        )


def _change(edit: Edit, row: LabelMapRow, after: dict[str, Any], title: Message) -> Outcome:
    before = {name: getattr(row, name) for name in after}
    _put(edit, row.id, after)
    return Outcome(row.item_id, title, {"label_map": row.id, "before": before, "after": after})


def _put(edit: Edit, label_map_id: str, values: dict[str, Any]) -> None:
    row = edit.session.get_one(LabelMapRow, label_map_id)
    for name, value in values.items():
        setattr(row, name, value)
    _count(edit, row)


def _again(edit: Edit, effect: dict[str, Any], which: str) -> None:
    row = living(edit.session, effect["label_map"])
    if which in effect:
        _put(edit, row.id, effect[which])
    else:
        _count(edit, row)


def _count(edit: Edit, row: LabelMapRow) -> None:
    row.revision += 1
    row.changed = edit.at
    edit.session.flush()
