"""The edits of keypoint pairs.

Each stores the rows before and after as its effect, so that undo and redo put rows back and compute nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass
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
            _put(edit, change["id"], expected=change["after"], content=change["before"])

    @classmethod
    def reapply(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Put back the rows as they were after."""
        for change in effect["pairs"]:
            _put(edit, change["id"], expected=change["before"], content=change["after"])


@dataclass(frozen=True)
class AddPair(PairCommand):
    """Place a pair, or its first point; the other then follows with `PlacePoint`.

    Parameters
    ----------
    item_id : str
    fixed_xy, moving_xy : (x, y) or None
        Pixels; at least one.
    label : str or None
        None: the next free number.
    state : PairState
        `predicted` for a suggestion of a model.
    source : str
        ``"manual"``, or the id of the run that suggested it.
    score : float or None
        How sure that run was, 0 to 1.
    pair_id : str
    """

    kind: ClassVar[str] = "add_pair"
    item_id: str
    fixed_xy: Point | None
    moving_xy: Point | None = None
    label: str | None = None
    state: PairState = PairState.PLACED
    source: str = "manual"
    score: float | None = None
    pair_id: str = field(default_factory=new_pair_id)

    def apply(self, edit: Edit) -> Outcome:
        """Insert the row."""
        if self.fixed_xy is None and self.moving_xy is None:
            raise InputError("A pair needs at least one point.")
        _require_item(edit.session, self.item_id)
        labels = _labels(edit.session, self.item_id)
        label = self.label or _next_label(labels)
        _insert(edit, self.item_id, self.pair_id, label, self, labels)
        return Outcome(
            self.item_id,
            Message("add point {label}", {"label": label}),
            {"pairs": [_added(edit.session, self.pair_id)]},
        )


@dataclass(frozen=True)
class PlacePoint(PairCommand):
    """Place the missing point of a half pair."""

    kind: ClassVar[str] = "place_point"
    pair_id: str
    side: Side
    xy: Point

    def apply(self, edit: Edit) -> Outcome:
        """Set the coordinates of one side."""
        return _set_point(edit, self.pair_id, self.side, self.xy, Message("place point {label} in {side}"))


@dataclass(frozen=True)
class MovePoint(PairCommand):
    """Move one point of a pair."""

    kind: ClassVar[str] = "move_point"
    pair_id: str
    side: Side
    xy: Point

    def apply(self, edit: Edit) -> Outcome:
        """Set the coordinates of one side."""
        return _set_point(edit, self.pair_id, self.side, self.xy, Message("move point {label} in {side}"))


@dataclass(frozen=True)
class DeletePairs(PairCommand):
    """Delete pairs of one item; a tombstone of each stays."""

    kind: ClassVar[str] = "delete_pairs"
    pair_ids: tuple[str, ...]

    def apply(self, edit: Edit) -> Outcome:
        """Mark the rows as deleted."""
        titles = Message("delete point {label}"), Message("delete {count} points")
        return _change_all(edit, self.pair_ids, {"is_deleted": True}, titles)


_STATE_TITLES = {
    PairState.PLACED: (Message("include point {label}"), Message("include {count} points")),
    PairState.EXCLUDED: (Message("exclude point {label}"), Message("exclude {count} points")),
    PairState.NOT_VISIBLE: (
        Message("mark point {label} as not visible"),
        Message("mark {count} points as not visible"),
    ),
    PairState.PREDICTED: (
        Message("mark point {label} as predicted"),
        Message("mark {count} points as predicted"),
    ),
}


@dataclass(frozen=True)
class SetPairState(PairCommand):
    """Exclude pairs of one item, include them again, or say that they cannot be seen."""

    kind: ClassVar[str] = "set_pair_state"
    pair_ids: tuple[str, ...]
    state: PairState

    def apply(self, edit: Edit) -> Outcome:
        """Set the state of the rows."""
        return _change_all(edit, self.pair_ids, {"state": self.state.value}, _STATE_TITLES[self.state])


@dataclass(frozen=True)
class ImportedPair:
    """One row of `ImportPairs`."""

    label: str
    fixed_xy: Point | None
    moving_xy: Point | None
    state: PairState = PairState.PLACED
    source: str = "import"
    score: float | None = None
    pair_id: str = field(default_factory=new_pair_id)


@dataclass(frozen=True)
class ImportPairs(PairCommand):
    """Add many pairs to an item in one step."""

    kind: ClassVar[str] = "import_pairs"
    item_id: str
    pairs: tuple[ImportedPair, ...]

    def apply(self, edit: Edit) -> Outcome:
        """Insert the rows."""
        _require_item(edit.session, self.item_id)
        labels = _labels(edit.session, self.item_id)
        for pair in self.pairs:
            _insert(edit, self.item_id, pair.pair_id, pair.label, pair, labels)
            labels.add(pair.label)
        titles = Message("import point {label}"), Message("import {count} points")
        return Outcome(
            self.item_id,
            _title([pair.label for pair in self.pairs], titles),
            {"pairs": [_added(edit.session, pair.pair_id) for pair in self.pairs]},
        )


def _insert(
    edit: Edit, item_id: str, pair_id: str, label: str, pair: AddPair | ImportedPair, labels: set[str]
) -> None:
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


def _set_point(edit: Edit, pair_id: str, side: Side, xy: Point, title: Message) -> Outcome:
    row = _living(edit.session, pair_id)
    check_point(edit.session, row.item_id, side, xy)
    change = _put(edit, pair_id, content={f"{side}_x": xy[0], f"{side}_y": xy[1]})
    return Outcome(row.item_id, Message(title.text, {"label": row.label, "side": side}), {"pairs": [change]})


def _change_all(edit: Edit, pair_ids: Iterable[str], content: dict[str, Any], titles: Titles) -> Outcome:
    rows = [_living(edit.session, pair_id) for pair_id in dict.fromkeys(pair_ids)]
    if len({row.item_id for row in rows}) != 1:
        raise InputError("Pairs of one item are changed together, and at least one.")
    title = _title([row.label for row in rows], titles)
    changes = [_put(edit, row.id, content=content) for row in rows]
    return Outcome(rows[0].item_id, title, {"pairs": changes})


def _title(labels: Sequence[str], titles: Titles) -> Message:
    one, many = titles
    if len(labels) == 1:
        return Message(one.text, {"label": labels[0]})
    return Message(many.text, {"count": len(labels)})


def _put(
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


def _added(session: Session, pair_id: str) -> dict[str, Any]:
    after = _content(session.get_one(PairRow, pair_id))
    return {"id": pair_id, "before": {**after, "is_deleted": True}, "after": after}


def _content(row: PairRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _CONTENT}


def _living(session: Session, pair_id: str) -> PairRow:
    row = session.get(PairRow, pair_id)
    if row is None or row.is_deleted:
        raise UnknownKeyError("There is no such point: it may have been deleted.")
    return row


def _require_item(session: Session, item_id: str) -> None:
    if session.get(ItemRow, item_id) is None:
        raise UnknownKeyError("The project has no item '{item}'.", item=item_id)


def _labels(session: Session, item_id: str) -> set[str]:
    query = select(PairRow.label).where(PairRow.item_id == item_id, PairRow.is_deleted.is_(False))
    return set(session.scalars(query))


def _next_label(labels: set[str]) -> str:
    return str(max((int(label) for label in labels if label.isascii() and label.isdigit()), default=0) + 1)
