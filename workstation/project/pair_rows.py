"""The rows of keypoint pairs under edits: inserting, changing, and putting them back.

Every edit of pairs stores the rows before and after as its effect; undo and redo compute nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engines.contract.errors import InputError, UnknownKeyError
from engines.contract.messages import Message
from workstation.project.annotations import SIDES, PairState, Point, Side, check_point
from workstation.project.history import Command, Edit, Outcome
from workstation.project.schema import ItemRow, PairRow

Titles = tuple[Message, Message]
"""Templates for one pair and for several; parameters are filled in when executed."""

_CONTENT = (
    "label",
    "fixed_x",
    "fixed_y",
    "moving_x",
    "moving_y",
    "state",
    "annotator",
    "source",
    "score",
    "is_deleted",
)


def new_pair_id() -> str:
    """Return an id that no other pair has."""
    return uuid.uuid4().hex


class PairCommand(Command):
    """An edit of some pairs of one item; its effect is the rows before and after."""

    @classmethod
    def revert(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Put back the rows as they were before."""
        for change in effect["pairs"]:
            put_row(edit, change["id"], expected=change["after"], content=change["before"])

    @classmethod
    def reapply(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Put back the rows as they were after."""
        for change in effect["pairs"]:
            put_row(edit, change["id"], expected=change["before"], content=change["after"])


class NewPair(Protocol):
    """What a row is made of."""

    @property
    def fixed_xy(self) -> Point | None:
        """Pixels of the fixed image."""

    @property
    def moving_xy(self) -> Point | None:
        """Pixels of the moving image."""

    @property
    def state(self) -> PairState:
        """What it counts for."""

    @property
    def source(self) -> str:
        """Who made it; see `KeypointPair`."""

    @property
    def score(self) -> float | None:
        """How sure its method was."""


def insert_pair(edit: Edit, item_id: str, pair_id: str, label: str, pair: NewPair, labels: set[str]) -> None:
    """Insert a row; its label must be free, and its points must lie on their images."""
    if label in labels:
        raise InputError(
            "{item} already has a point '{label}'.", remedy="Choose another name.", item=item_id, label=label
        )
    for side, xy in zip(SIDES, (pair.fixed_xy, pair.moving_xy), strict=True):
        if xy is not None:
            check_point(edit.session, item_id, side, xy)
    fixed, moving = pair.fixed_xy or (None, None), pair.moving_xy or (None, None)
    last = edit.session.scalar(select(func.max(PairRow.position)).where(PairRow.item_id == item_id))
    edit.session.add(
        PairRow(
            id=pair_id,
            item_id=item_id,
            position=(last or 0) + 1,
            label=label,
            fixed_x=fixed[0],
            fixed_y=fixed[1],
            moving_x=moving[0],
            moving_y=moving[1],
            state=pair.state.value,
            annotator=edit.annotator,
            source=pair.source,
            score=pair.score,
            revision=1,
            created=edit.at,
            changed=edit.at,
            is_deleted=False,
        )
    )
    edit.session.flush()


def set_point(
    edit: Edit,
    pair_id: str,
    side: Side,
    xy: Point,
    title: Message,
    content: Mapping[str, Any] = MappingProxyType({}),
) -> Outcome:
    """Set the point of one side, and further columns."""
    row = living_row(edit.session, pair_id)
    check_point(edit.session, row.item_id, side, xy)
    change = put_row(edit, pair_id, content={f"{side}_x": xy[0], f"{side}_y": xy[1], **content})
    return Outcome(row.item_id, Message(title.text, {"label": row.label, "side": side}), {"pairs": [change]})


def change_all(edit: Edit, pair_ids: Iterable[str], content: dict[str, Any], titles: Titles) -> Outcome:
    """Write the same content into several pairs of one item."""
    rows = [living_row(edit.session, pair_id) for pair_id in dict.fromkeys(pair_ids)]
    if len({row.item_id for row in rows}) != 1:
        raise InputError("Pairs of one item are changed together, and at least one.")
    title = title_of([row.label for row in rows], titles)
    changes = [put_row(edit, row.id, content=content) for row in rows]
    return Outcome(rows[0].item_id, title, {"pairs": changes})


def title_of(labels: Sequence[str], titles: Titles) -> Message:
    """Return the name of an edit of one or of several pairs."""
    one, many = titles
    if len(labels) == 1:
        return Message(one.text, {"label": labels[0]})
    return Message(many.text, {"count": len(labels)})


def put_row(
    edit: Edit, pair_id: str, *, content: dict[str, Any], expected: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Write content into a row as its next revision; return the row before and after."""
    row = edit.session.get_one(PairRow, pair_id)
    before = _content(row)
    # An entry of an older program may know fewer columns than there are now.
    if expected is not None and any(before[name] != value for name, value in expected.items()):
        raise InputError(
            "Point {label} of {item} was changed by another edit in between.",
            remedy="Undo that edit first.",
            label=row.label,
            item=row.item_id,
        )
    for name, value in content.items():
        setattr(row, name, value)
    row.revision += 1
    row.changed = edit.at
    edit.session.flush()
    return {"id": pair_id, "before": before, "after": _content(row)}


def added_row(session: Session, pair_id: str) -> dict[str, Any]:
    """Return the change that inserting a row was: before it, there was a tombstone."""
    after = _content(session.get_one(PairRow, pair_id))
    return {"id": pair_id, "before": {**after, "is_deleted": True}, "after": after}


def _content(row: PairRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _CONTENT}


def living_row(session: Session, pair_id: str) -> PairRow:
    """Return the row of a pair that was not deleted."""
    row = session.get(PairRow, pair_id)
    if row is None or row.is_deleted:
        raise UnknownKeyError("There is no such point: it may have been deleted.")
    return row


def require_item(session: Session, item_id: str) -> None:
    """Refuse an item that the project does not have."""
    if session.get(ItemRow, item_id) is None:
        raise UnknownKeyError("The project has no item '{item}'.", item=item_id)


def used_labels(session: Session, item_id: str) -> set[str]:
    """Return the labels of an item's pairs."""
    query = select(PairRow.label).where(PairRow.item_id == item_id, PairRow.is_deleted.is_(False))
    return set(session.scalars(query))


def next_label(labels: set[str]) -> str:
    """Return the number after the largest of some labels."""
    return str(max((int(label) for label in labels if label.isascii() and label.isdigit()), default=0) + 1)
