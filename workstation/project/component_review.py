"""What people decided about the components of a label map, read from the journal.

An acceptance is an edit of its own (`JudgeComponents`). A rejection is the stroke that erased the voxels,
recognised by its title: restoring it needs exactly its voxels, and they are in it. So both hold as long as
the entry holds, survive a restart, and follow undo and redo by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, select

from engines.contract.messages import Message
from engines.imaging.volumes.voxel_changes import VoxelChanges
from workstation.project.component_commands import JUDGE
from workstation.project.label_maps import PAINT, living
from workstation.project.schema import CommandRow
from workstation.project.store import Store

Voxel = tuple[int, int, int]

REJECT = Message("reject component of {name}").text
REJECT_SMALL = Message("reject small components of {name}").text
KEEP_ONLY = Message("keep only chosen components of {name}").text
FOLLOW = Message("reject components of {name} as suggested").text
REJECTIONS = (REJECT, REJECT_SMALL, KEEP_ONLY, FOLLOW)
"""Titles of the strokes whose voxels can be restored."""


@dataclass(frozen=True, eq=False)
class Rejection:
    """A stroke that took components away.

    Parameters
    ----------
    sequence : int
        Of the journal.
    changes : VoxelChanges
    """

    sequence: int
    changes: VoxelChanges


def accepted_voxels(store: Store, label_map_id: str, label: int) -> frozenset[Voxel]:
    """Return the voxels that name accepted components of a class.

    Raises
    ------
    UnknownKeyError
        If there is no such label map.
    """
    found: set[Voxel] = set()
    with store.read() as session:
        item_id = living(session, label_map_id).item_id
        for payload in session.scalars(_holding(item_id, JUDGE).with_only_columns(CommandRow.payload)):
            if payload["label_map_id"] != label_map_id or payload["label"] != label:
                continue
            voxels = {(int(i), int(j), int(k)) for i, j, k in payload["voxels"]}
            found = found | voxels if payload["is_accepted"] else found - voxels
    return frozenset(found)


def rejections(store: Store, label_map_id: str) -> list[Rejection]:
    """Return the strokes that took components away and hold, the newest first.

    Raises
    ------
    UnknownKeyError
        If there is no such label map.
    """
    with store.read() as session:
        strokes = _holding(living(session, label_map_id).item_id, PAINT)
        query = strokes.where(CommandRow.title.in_(REJECTIONS))
        columns = query.with_only_columns(CommandRow.sequence, CommandRow.payload)
        entries = session.execute(columns).all()
    return [
        Rejection(sequence, VoxelChanges.from_text(payload["changes"]))
        for sequence, payload in reversed(entries)
        if payload["label_map_id"] == label_map_id
    ]


def _holding(item_id: str, kind: str) -> Select[CommandRow]:
    return (
        select(CommandRow)
        .where(
            CommandRow.item_id == item_id,
            CommandRow.kind == kind,
            CommandRow.action == "do",
            CommandRow.undone_at.is_(None),
        )
        .order_by(CommandRow.sequence)
    )
