"""Tables of an evaluation on hand-made scores."""

from __future__ import annotations

import numpy as np
import pytest

from engines.imaging.matching.landmark_metrics import PairScore, score_errors
from engines.registration.evaluation.conditions import Condition
from engines.registration.evaluation.pair_facts import hull_share, occupied_cells
from engines.registration.evaluation.summaries import (
    Scored,
    area,
    bootstrap,
    condition_table,
    fire_category,
    fire_table,
    groups_of,
    rotation_chart,
    summary_of,
    verdict_table,
    wilson,
)


def _scored(item: str, error: float, *, subject: str = "", row: str = "model", **more: object) -> Scored:
    score = PairScore(np.inf, np.inf, np.inf, "failed") if np.isinf(error) else score_errors([error])
    condition = more.pop("condition", Condition())
    return Scored(item, subject or item, condition, row, score, more)  # type: ignore[arg-type]


def test_area_is_the_mean_over_whole_thresholds_and_strict() -> None:
    errors = np.array([0.5, 4.0, 25.0, np.inf])
    # t = 1..4 hold one pair, t = 5..25 two: an error of 4 is not below 4, and one of 25 not below 25.
    assert area(errors, 25) == pytest.approx((4 * 0.25 + 21 * 0.5) / 25)
    values = summary_of([_scored(str(number), error, cpu_s=2.0) for number, error in enumerate(errors)])
    assert values["auc_25"] == pytest.approx(area(errors, 25))
    assert values["auc_5"] == pytest.approx((4 * 0.25 + 0.5) / 5)
    assert values["cpu_s"] == 2.0


def test_intervals_are_drawn_over_subjects() -> None:
    alone = [_scored(str(number), 3.0 + number) for number in range(12)]
    twins = [
        _scored(f"{number}{side}", 3.0 + number, subject=str(number)) for number in range(12) for side in "ab"
    ]
    one, two = (bootstrap(cases, 400, 0)["auc_25"] for cases in (alone, twins))
    assert one == two, "a second copy of every pair adds no certainty"
    assert one[0] < summary_of(alone)["auc_25"] < one[1]
    assert bootstrap(alone[:2], 400, 0) == {}
    assert "median_error_px" not in bootstrap([_scored(str(n), np.inf) for n in range(5)], 50, 0)


def test_wilson_by_the_book() -> None:
    assert wilson(0, 0) is None
    assert wilson(13, 13) == pytest.approx((0.772, 1.0), abs=1e-3)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)


def test_fire_leaves_p37_out_and_averages_categories() -> None:
    cases = [_scored(name, error) for name, error in (
        ("S01", 0.5), ("S02", 0.5), ("A01", 12.5), ("P01", 30.0), ("P37", 0.5),
    )]  # fmt: skip
    table = fire_table(cases, ["model"])
    assert table is not None
    row, s, a, p, mean, *counts = table.rows[0]
    assert (row, s, a, p, counts) == ("model", 1.0, pytest.approx(13 / 25), 0.0, [2, 1, 1])
    assert mean == pytest.approx((1.0 + 13 / 25) / 3)
    assert fire_table([*cases, _scored("other pair", 1.0)], ["model"]) is None
    assert fire_category("fire_P37_1_2") == ("P", "P37")
    assert fire_category("SAP2000") is None


def test_verdicts_are_counted_apart_for_right_and_wrong() -> None:
    cases = [
        _scored("a", 3.0, verdict="registered"),
        _scored("b", 4.0, verdict="uncertain"),
        _scored("c", 80.0, verdict="registered"),
        _scored("d", np.inf, verdict="not_registered"),
    ]
    right, wrong = verdict_table(cases, ["model"]).rows
    assert right[:6] == ("model", "right", 2, 1, 1, 0)
    assert wrong[:6] == ("model", "wrong", 2, 1, 0, 1)


def test_conditions_pool_seeds_and_turns_make_a_curve() -> None:
    cases = [
        _scored("a", error, condition=condition)
        for condition, error in (
            (Condition(), 0.5),
            (Condition(30.0), 25.0),
            (Condition(stress="any", seed=0), 0.5),
            (Condition(stress="any", seed=1), np.inf),
        )
    ]
    table = condition_table(cases, ["model"])
    assert [(line[0], line[2], line[3]) for line in table.rows] == [
        ("0 degrees", 1, 1.0),
        ("30 degrees", 1, 0.0),
        ("any", 2, 0.5),
    ]
    chart = rotation_chart(cases, ["model"])
    assert chart is not None
    assert (list(chart.lines[0].xs), list(chart.lines[0].ys)) == ([0.0, 30.0], [1.0, 0.0])
    assert rotation_chart(cases[:1], ["model"]) is None


def test_parts_are_shown_only_where_there_are_several() -> None:
    cases = [_scored("a", 1.0, polarity="same"), _scored("b", 9.0, polarity="opposite")]
    parts = groups_of(cases, ["model"], lambda one: str(one.facts["polarity"]))
    assert parts["same"]["model"]["success_5px"] == 1.0
    assert parts["opposite"]["model"]["success_5px"] == 0.0
    assert groups_of(cases[:1], ["model"], lambda one: str(one.facts["polarity"])) == {}


def test_coverage_of_inliers() -> None:
    corners = np.array([[0.0, 0.0], [99.0, 0.0], [99.0, 99.0], [0.0, 99.0]])
    assert hull_share(corners, (100, 100)) == pytest.approx(0.98, abs=0.01)
    assert hull_share(corners[:2], (100, 100)) == 0.0
    assert occupied_cells(corners, (100, 100)) == 4
    assert occupied_cells(np.zeros((0, 2)), (100, 100)) == 0
