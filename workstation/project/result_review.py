"""What people decided about the results of runs, read from the journal.

A result counts as accepted as long as the edit holds that took one of its proposals over, so one undo takes
both back; what takes nothing over is a decision of its own (`JudgeResult`). The newest entry holds.
"""

from __future__ import annotations

from sqlalchemy import func, or_, select

from engines.contract.messages import Message
from workstation.project.label_maps import PAINT
from workstation.project.result_commands import JUDGE_RESULT, Verdict
from workstation.project.schema import CommandRow, LabelMapRow
from workstation.project.store import Store

ACCEPT_ALL = Message("accept proposal into {name}").text
REPLACE = Message("replace {name} by the proposal").text
TAKE_OVERS = (ACCEPT_ALL, REPLACE)
"""Titles of the edits that take a whole proposal over."""

ResultKey = tuple[str, str]
"""``(item id, run id)``."""


def verdicts(store: Store) -> dict[ResultKey, Verdict]:
    """Return what was decided, by item and run; what is missing is open."""
    found: dict[ResultKey, Verdict] = {}
    query = (
        select(
            CommandRow.kind,
            CommandRow.item_id,
            func.json_extract(CommandRow.payload, "$.run_id"),
            func.json_extract(CommandRow.payload, "$.verdict"),
            # The voxels of a stroke stay where they are: they may be millions.
            func.json_extract(CommandRow.payload, "$.sources[0][0]"),
        )
        .where(
            or_(
                CommandRow.kind == JUDGE_RESULT,
                (CommandRow.kind == PAINT) & CommandRow.title.in_(TAKE_OVERS),
            ),
            CommandRow.action == "do",
            CommandRow.undone_at.is_(None),
        )
        .order_by(CommandRow.sequence)
    )
    with store.read() as session:
        sources = {
            str(key): str(run) for key, run in session.execute(select(LabelMapRow.id, LabelMapRow.source))
        }
        for kind, item_id, run_id, verdict, proposal in session.execute(query):
            if kind == JUDGE_RESULT:
                found[item_id, run_id] = Verdict(verdict)
            elif proposal in sources:
                found[item_id, sources[proposal]] = Verdict.ACCEPTED
    return {key: verdict for key, verdict in found.items() if verdict is not Verdict.OPEN}
