"""The edits of keypoint pairs.

Each stores the rows before and after as its effect, so that undo and redo put rows back and compute nothing.
"""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar

from pydantic.dataclasses import dataclass

from engines.contract.errors import InputError
from engines.contract.messages import Message
from workstation.project.annotations import PairState, Point, Side
from workstation.project.history import Edit, Outcome
from workstation.project.pair_rows import (
    PairCommand,
    added_row,
    change_all,
    insert_pair,
    living_row,
    new_pair_id,
    next_label,
    put_row,
    require_item,
    set_point,
    title_of,
    used_labels,
)

SNAPPED = "snapped"


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
    note : str
        `SNAPPED` when the point was drawn to a bifurcation.
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
    note: str = ""

    def apply(self, edit: Edit) -> Outcome:
        """Insert the row."""
        if self.fixed_xy is None and self.moving_xy is None:
            raise InputError("A pair needs at least one point.")
        require_item(edit.session, self.item_id)
        labels = used_labels(edit.session, self.item_id)
        label = self.label or next_label(labels)
        insert_pair(edit, self.item_id, self.pair_id, label, self, labels)
        title = Message("add point {label}")
        if self.note == SNAPPED:
            title = Message("add point {label}, snapped")
        return Outcome(
            self.item_id,
            Message(title.text, {"label": label}),
            {"pairs": [added_row(edit.session, self.pair_id)]},
        )


@dataclass(frozen=True)
class PlacePoint(PairCommand):
    """Place the missing point of a half pair."""

    kind: ClassVar[str] = "place_point"
    pair_id: str
    side: Side
    xy: Point
    note: str = ""
    """See `AddPair`."""

    def apply(self, edit: Edit) -> Outcome:
        """Set the coordinates of one side."""
        title = Message("place point {label} in {side}")
        if self.note == SNAPPED:
            title = Message("place point {label} in {side}, snapped")
        return set_point(edit, self.pair_id, self.side, self.xy, title)


@dataclass(frozen=True)
class MovePoint(PairCommand):
    """Move one point of a pair. Whoever moves a suggestion accepts it; where it came from stays known."""

    kind: ClassVar[str] = "move_point"
    pair_id: str
    side: Side
    xy: Point
    note: str = ""
    """See `AddPair`."""

    def apply(self, edit: Edit) -> Outcome:
        """Set the coordinates of one side."""
        row = living_row(edit.session, self.pair_id)
        if row.state == PairState.PREDICTED:
            title = Message("accept point {label}, edited in {side}")
            content = {"state": PairState.PLACED.value, "annotator": edit.annotator}
            return set_point(edit, self.pair_id, self.side, self.xy, title, content)
        title = Message("move point {label} in {side}")
        if self.note == SNAPPED:
            title = Message("move point {label} in {side}, snapped")
        return set_point(edit, self.pair_id, self.side, self.xy, title)


@dataclass(frozen=True)
class DeletePairs(PairCommand):
    """Delete pairs of one item; a tombstone of each stays."""

    kind: ClassVar[str] = "delete_pairs"
    pair_ids: tuple[str, ...]

    def apply(self, edit: Edit) -> Outcome:
        """Mark the rows as deleted."""
        titles = Message("delete point {label}"), Message("delete {count} points")
        return change_all(edit, self.pair_ids, {"is_deleted": True}, titles)


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
        return change_all(edit, self.pair_ids, {"state": self.state.value}, _STATE_TITLES[self.state])


@dataclass(frozen=True)
class MarkNotVisible(PairCommand):
    """Say that a place cannot be seen in one image: the pair has no point there, never a made-up one."""

    kind: ClassVar[str] = "mark_not_visible"
    pair_id: str
    side: Side

    def apply(self, edit: Edit) -> Outcome:
        """Take the point of that side away."""
        row = living_row(edit.session, self.pair_id)
        other = "moving" if self.side == "fixed" else "fixed"
        if getattr(row, f"{other}_x") is None:
            raise InputError(
                "Point {label} has no other point than the one in {side}.",
                remedy="Delete it instead.",
                label=row.label,
                side=self.side,
            )
        content = {
            f"{self.side}_x": None,
            f"{self.side}_y": None,
            "state": PairState.NOT_VISIBLE.value,
            "annotator": edit.annotator,
        }
        title = Message(
            "mark point {label} as not visible in {side}", {"label": row.label, "side": self.side}
        )
        return Outcome(row.item_id, title, {"pairs": [put_row(edit, row.id, content=content)]})


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
        require_item(edit.session, self.item_id)
        labels = used_labels(edit.session, self.item_id)
        for pair in self.pairs:
            insert_pair(edit, self.item_id, pair.pair_id, pair.label, pair, labels)
            labels.add(pair.label)
        titles = Message("import point {label}"), Message("import {count} points")
        return Outcome(
            self.item_id,
            title_of([pair.label for pair in self.pairs], titles),
            {"pairs": [added_row(edit.session, pair.pair_id) for pair in self.pairs]},
        )
