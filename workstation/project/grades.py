"""Grades of items, read from the journal: an edit holds until it is undone or a later one follows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import select

from workstation.project.grade_commands import SET_GRADES
from workstation.project.schema import CommandRow
from workstation.project.store import Store

_SITE = re.compile(r"site[ -](\w+)")


@dataclass(frozen=True)
class Grade:
    """The grade of an item.

    Parameters
    ----------
    value : str
        A class name.
    source : str
        Where it comes from: a table with column and row, or ``"annotated"``.
    annotator : str
    revision : str
        Place of the edit in the journal.
    at : str
        When it was said, ISO 8601; empty where nobody knows.
    """

    value: str
    source: str
    annotator: str
    revision: str
    at: str = ""

    @property
    def stratum(self) -> str:
        """Grade and, where it is known, hospital: what the parts of a split should share alike."""
        site = _SITE.search(self.source)
        return f"{self.value} {site[1]}" if site else self.value


def grades(store: Store) -> dict[str, Grade]:
    """Return the grade of each item that has one."""
    query = (
        select(CommandRow)
        .where(CommandRow.kind == SET_GRADES, CommandRow.action == "do", CommandRow.undone_at.is_(None))
        .order_by(CommandRow.sequence)
    )
    found: dict[str, Grade] = {}
    with store.read() as session:
        for row in session.scalars(query):
            sources = row.payload.get("sources") or {}
            for item_id, value in row.payload["grades"].items():
                if value is None:
                    found.pop(item_id, None)
                    continue
                source = sources.get(item_id, row.payload["source"])
                found[item_id] = Grade(value, source, row.annotator, str(row.sequence), row.at)
    return found
