"""Which edit undo takes next, which redo, and how many steps lead to one: queries of the journal."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from engines.contract.errors import InputError
from workstation.project.schema import CommandRow

Selected = TypeVar("Selected", CommandRow, int)


def within(query: Select[Selected], item_id: str | None) -> Select[Selected]:
    """Narrow a query to the edits of an item; those of the whole project are edits of every item."""
    if item_id is None:
        return query
    return query.where(or_(CommandRow.item_id == item_id, CommandRow.item_id.is_(None)))


def undoable(item_id: str | None) -> Select[CommandRow]:
    """Select what is done, in the order in which it can be taken back."""
    query = select(CommandRow).where(CommandRow.action == "do", CommandRow.undone_at.is_(None))
    return within(query, item_id).order_by(CommandRow.sequence.desc())


def redoable(item_id: str | None) -> Select[CommandRow]:
    """Select what can be done again, in the order of doing so."""
    # A new edit ends what can be redone: only what was undone after the newest edit counts.
    newest = within(select(func.max(CommandRow.sequence)).where(CommandRow.action == "do"), item_id)
    query = select(CommandRow).where(CommandRow.undone_at > newest.scalar_subquery())
    return within(query, item_id).order_by(CommandRow.undone_at.desc())


def steps_to(session: Session, sequence: int, item_id: str | None) -> int:
    """Return how many steps lead to the moment just after an edit; see `History.steps_to`."""
    done = list(session.scalars(undoable(item_id).with_only_columns(CommandRow.sequence)))
    if sequence == 0:
        return -len(done)
    if sequence in done:
        return -done.index(sequence)
    waiting = list(session.scalars(redoable(item_id).with_only_columns(CommandRow.sequence)))
    if sequence in waiting:
        return waiting.index(sequence) + 1
    raise InputError(
        "This edit was undone, and others were made since: it cannot be done again.",
        remedy="Choose another entry of the list.",
    )
