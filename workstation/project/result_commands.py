"""The edit that says what a person thinks of the result of a run for an item.

What holds is read from the journal, see `result_review`, so undo, redo and a restart need no further record.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from engines.contract.errors import InputError
from engines.contract.messages import Message
from workstation.project.history import Command, Edit, Outcome
from workstation.project.label_maps import living
from workstation.project.schema import ItemRow, LabelMapRow

JUDGE_RESULT = "judge_result"


class Verdict(StrEnum):
    """What a person decided."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    LATER = "later"


_TITLES = {
    Verdict.OPEN: "open the result of {run} again",
    Verdict.ACCEPTED: "accept the result of {run}",
    Verdict.REJECTED: "reject the result of {run}",
    Verdict.LATER: "look at the result of {run} later",
}


@dataclass(frozen=True)
class JudgeResult(Command):
    """Decide about a result. What it changes in a label map is an edit of its own.

    Parameters
    ----------
    item_id, run_id : str
    verdict : Verdict
    label_map_ids : tuple of str
        Proposals of the result that go with it, when it is rejected.
    """

    kind: ClassVar[str] = JUDGE_RESULT
    item_id: str
    run_id: str
    verdict: Verdict
    label_map_ids: tuple[str, ...] = ()

    def apply(self, edit: Edit) -> Outcome:
        """Delete the proposals; the entry itself is the record of the decision."""
        if edit.session.get(ItemRow, self.item_id) is None:
            raise InputError("The project has no item '{item}'.", item=self.item_id)
        for label_map_id in self.label_map_ids:
            row = living(edit.session, label_map_id)
            if row.item_id != self.item_id:
                raise InputError(
                    "The label map '{name}' belongs to another item.", name=row.name, item=self.item_id
                )
        effect = {"label_maps": list(self.label_map_ids)}
        _delete(edit, effect, is_deleted=True)
        return Outcome(self.item_id, Message(_TITLES[self.verdict], {"run": self.run_id}), effect)

    @classmethod
    def revert(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Bring the proposals back."""
        _delete(edit, effect, is_deleted=False)

    @classmethod
    def reapply(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Delete the proposals again."""
        _delete(edit, effect, is_deleted=True)


def _delete(edit: Edit, effect: dict[str, Any], *, is_deleted: bool) -> None:
    for label_map_id in effect["label_maps"]:
        row = edit.session.get_one(LabelMapRow, label_map_id)
        row.is_deleted = is_deleted
        row.revision += 1
        row.changed = edit.at
    edit.session.flush()
