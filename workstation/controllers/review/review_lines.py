"""Results of runs as lines of the review queue, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from engines.contract.item_review import CHANGED_ML, ItemReview, Reason, ReviewColumn
from engines.contract.messages import Message
from workstation.controllers.runs.run_schedule import pipeline_title
from workstation.project.result_commands import Verdict
from workstation.project.result_review import ResultKey
from workstation.runs.results import ItemResult
from workstation.views.protocols.review import NOTHING, ReviewLine

STATUS_ORDER = ("reject", "review", "accept", "")
"""What needs a person most comes first."""


def key_of(result: ItemResult) -> str:
    """Return the key of a result's line."""
    return f"{result.run_id}/{result.item_id}"


def review_line(result: ItemResult, verdicts: Mapping[ResultKey, Verdict]) -> ReviewLine:
    """Return a result as a line."""
    review = result.review or ItemReview(status="review", columns=())
    changed = review.values.get(CHANGED_ML)
    return ReviewLine(
        key_of(result),
        result.item_id,
        result.run_id,
        pipeline_title(result.pipeline),
        review.status if result.review is not None else "",
        verdicts.get((result.item_id, result.run_id), Verdict.OPEN).value,
        tuple(sentence_of(reason) for reason in review.reasons),
        tuple(reason.rule for reason in review.reasons),
        float(changed) if isinstance(changed, int | float) else None,
        review.values,
    )


def in_order(lines: Iterable[ReviewLine]) -> list[ReviewLine]:
    """Sort by gate, then the largest change first, then by item."""
    return sorted(
        lines, key=lambda line: (STATUS_ORDER.index(line.status), -(line.changed_ml or 0.0), line.item_id)
    )


def columns_of(results: Iterable[ItemResult]) -> tuple[ReviewColumn, ...]:
    """Return the columns of all reviews, each once, without the one of the change, which all have."""
    found: dict[str, ReviewColumn] = {}
    for result in results:
        for column in result.review.columns if result.review is not None else ():
            found.setdefault(column.key, column)
    return tuple(column for key, column in found.items() if key != CHANGED_ML)


def sentence_of(reason: Reason) -> Message:
    """Return what a rule found; a template that asks for values it was not given is shown as it is."""
    message = Message(reason.text, dict(reason.values))
    try:
        message.render()
    except (KeyError, IndexError, ValueError):
        return Message(reason.text)
    return message


def conflicts_of(review: ItemReview, name_of: Callable[[int], str]) -> tuple[Message, ...]:
    """Return the conflicts between classes in words, the largest first."""
    ordered = sorted(review.conflicts, key=lambda conflict: -conflict.num_voxels)
    return tuple(
        Message(
            "{winner} won {n} voxels that {loser} had or wanted.",
            {
                "winner": name_of(conflict.winner),
                "loser": name_of(conflict.loser),
                "n": conflict.num_voxels,
            },
        )
        for conflict in ordered
        if conflict.num_voxels
    )


def priority_of(review: ItemReview, name_of: Callable[[int], str]) -> Message:
    """Return which class wins, in words."""
    if not review.priority:
        return NOTHING
    names = " > ".join(name_of(value) for value in review.priority)
    return Message("Priority: {names}", {"names": names})
