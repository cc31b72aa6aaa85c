"""The edits of suggested pairs: taking them in, accepting and rejecting them.

A suggestion is a pair in the state `predicted`. Accepting it changes the state and the annotator; the
source and the score stay, so that it is known for ever who proposed a point and who answered for it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from engines.contract.errors import InputError
from engines.contract.messages import Message
from workstation.project.annotations import REJECTING_KIND, PairState
from workstation.project.commands import ImportedPair
from workstation.project.history import Edit, Outcome
from workstation.project.pair_rows import (
    PairCommand,
    Titles,
    added_row,
    change_all,
    insert_pair,
    living_row,
    next_label,
    put_row,
    require_item,
    title_of,
    used_labels,
)
from workstation.project.schema import PairRow


@dataclass(frozen=True)
class SuggestPairs(PairCommand):
    """Take suggestions in, in one step; untouched older ones make room for them.

    Parameters
    ----------
    item_id : str
    pairs : tuple of ImportedPair
        Their labels are given anew, and their state is `predicted`.
    replaced_ids : tuple of str
        Suggestions that go.
    origin : str
        Item that the points came from; empty when a run suggests them.
    """

    kind: ClassVar[str] = "suggest_pairs"
    item_id: str
    pairs: tuple[ImportedPair, ...]
    replaced_ids: tuple[str, ...] = ()
    origin: str = ""

    def apply(self, edit: Edit) -> Outcome:
        """Bury the replaced rows and insert the new ones."""
        require_item(edit.session, self.item_id)
        changes: list[dict[str, Any]] = []
        for pair_id in self.replaced_ids:
            row = _suggestion(edit, pair_id)
            if row.item_id != self.item_id:
                raise InputError("Suggestions of one item are changed together.")
            changes.append(put_row(edit, pair_id, content={"is_deleted": True}))
        labels = used_labels(edit.session, self.item_id)
        new: list[str] = []
        for pair in self.pairs:
            if pair.state is not PairState.PREDICTED:
                raise InputError("A suggestion is in the state 'predicted'.")
            label = next_label(labels)
            insert_pair(edit, self.item_id, pair.pair_id, label, pair, labels)
            labels.add(label)
            new.append(label)
            changes.append(added_row(edit.session, pair.pair_id))
        title = title_of(new, (Message("suggest point {label}"), Message("suggest {count} points")))
        if self.origin:
            title = Message(
                "propagate {count} points of {origin}", {"count": len(self.pairs), "origin": self.origin}
            )
        return Outcome(self.item_id, title, {"pairs": changes})


@dataclass(frozen=True)
class AcceptSuggestions(PairCommand):
    """Make suggestions pairs of the person who accepts them."""

    kind: ClassVar[str] = "accept_suggestions"
    pair_ids: tuple[str, ...]

    def apply(self, edit: Edit) -> Outcome:
        """Set state and annotator; source and score stay."""
        titles = Message("accept suggestion {label}"), Message("accept {count} suggestions")
        content = {"state": PairState.PLACED.value, "annotator": edit.annotator}
        return _change_suggestions(edit, self.pair_ids, content, titles)


@dataclass(frozen=True)
class RejectSuggestions(PairCommand):
    """Decline suggestions; a tombstone of each stays, and the place is not suggested again."""

    kind: ClassVar[str] = REJECTING_KIND
    pair_ids: tuple[str, ...]

    def apply(self, edit: Edit) -> Outcome:
        """Mark the rows as deleted."""
        titles = Message("reject suggestion {label}"), Message("reject {count} suggestions")
        return _change_suggestions(edit, self.pair_ids, {"is_deleted": True}, titles)


def _change_suggestions(
    edit: Edit, pair_ids: tuple[str, ...], content: dict[str, Any], titles: Titles
) -> Outcome:
    for pair_id in pair_ids:
        _suggestion(edit, pair_id)
    return change_all(edit, pair_ids, content, titles)


def _suggestion(edit: Edit, pair_id: str) -> PairRow:
    row = living_row(edit.session, pair_id)
    if row.state != PairState.PREDICTED:
        raise InputError("Point {label} is no suggestion any more.", label=row.label)
    return row
