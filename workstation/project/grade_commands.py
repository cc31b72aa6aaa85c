"""The edit that says of which grade items are. What holds is read from the journal, see `grades`."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from engines.contract.errors import InputError, UnknownKeyError
from engines.contract.messages import Message
from workstation.project.history import Command, Edit, Outcome
from workstation.project.schema import ItemRow

SET_GRADES = "set_grades"
ANNOTATED = "annotated"


@dataclass(frozen=True)
class SetGrades(Command):
    """Give items their grade, or take it away.

    Parameters
    ----------
    grades : dict of item id to str or None
        A class name; None takes the grade away.
    source : str
        `ANNOTATED`, or the table they come from.
    sources : dict of item id to str
        Where each comes from more exactly: column and row.
    """

    kind: ClassVar[str] = SET_GRADES
    grades: dict[str, str | None]
    source: str = ANNOTATED
    sources: dict[str, str] | None = None

    def apply(self, edit: Edit) -> Outcome:
        """Look that the items exist; the entry itself is the record."""
        if not self.grades:
            raise InputError("There is no item to grade.", remedy="Choose items first.")
        for item_id, grade in self.grades.items():
            if edit.session.get(ItemRow, item_id) is None:
                raise UnknownKeyError("The project has no item '{item}'.", item=item_id)
            if grade is not None and not grade.strip():
                raise InputError("The grade of {item} is empty.", remedy="Write a name.", item=item_id)
        items = list(self.grades)
        return Outcome(items[0] if len(items) == 1 else None, self._title(), {"items": items})

    @classmethod
    def revert(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Do nothing: the journal says that the entry no longer holds."""

    @classmethod
    def reapply(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Do nothing: the journal says that the entry holds again."""

    def _title(self) -> Message:
        if len(self.grades) > 1:
            return Message("grade {n} items", {"n": len(self.grades)})
        ((item, grade),) = self.grades.items()
        if grade is None:
            return Message("take away the grade of {item}", {"item": item})
        return Message("grade {item} as {grade}", {"item": item, "grade": grade})
