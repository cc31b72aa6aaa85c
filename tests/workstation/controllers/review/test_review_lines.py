"""Results in words: order, reasons, conflicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.contract.item_review import Conflict, ItemReview, Reason
from workstation.controllers.review.review_lines import (
    columns_of,
    conflicts_of,
    in_order,
    priority_of,
    review_line,
    sentence_of,
)
from workstation.project.result_commands import Verdict
from workstation.runs.results import ItemResult, ResultStep

STEPS = (ResultStep("refined", "Refined", Path("x.nii.gz")),)


def result(item: str, status: str = "", changed: float | None = None) -> ItemResult:
    values = {"changed_ml": changed, "dice_to_input": 0.9}
    review = ItemReview(status=status, values=values) if status else None  # type: ignore[arg-type]
    return ItemResult("run-1", item, "nothing", 1.0, STEPS, review)


def test_what_needs_a_person_most_comes_first() -> None:
    results = [
        result("unjudged"),
        result("fine", "accept", 5.0),
        result("small", "review", 0.1),
        result("large", "review", 0.7),
        result("bad", "reject", 0.01),
    ]
    decided = {("large", "run-1"): Verdict.LATER}
    lines = in_order(review_line(found, decided) for found in results)
    assert [line.item_id for line in lines] == ["bad", "large", "small", "fine", "unjudged"]
    assert [line.verdict for line in lines] == ["open", "later", "open", "open", "open"]
    assert "changed_ml" not in [column.key for column in columns_of(results)]


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("Grew by {percent:.0f} %.", {"percent": 31.4}, "Grew by 31 %."),
        ("Grew by {percent} %.", {}, "Grew by {percent} %."),
        ("A brace { alone", {"n": 1.0}, "A brace { alone"),
    ],
)
def test_a_reason_is_shown_whatever_its_template_asks_for(
    text: str, values: dict[str, float], expected: str
) -> None:
    assert sentence_of(Reason(rule="volume", text=text, values=values)).render() == expected


def test_conflicts_name_the_classes_and_the_largest_first() -> None:
    names = {9: "coronary", 6: "aorta"}
    review = ItemReview(
        status="review",
        conflicts=(
            Conflict(winner=9, loser=6, num_voxels=3),
            Conflict(winner=6, loser=9, num_voxels=12),
            Conflict(winner=6, loser=2, num_voxels=0),
        ),
        priority=(9, 6),
    )
    found = [message.render() for message in conflicts_of(review, lambda label: names.get(label, str(label)))]
    assert len(found) == 2
    assert found[0].startswith("aorta won 12 voxels that coronary")
    assert priority_of(review, lambda label: names.get(label, "?")).render() == "Priority: coronary > aorta"
