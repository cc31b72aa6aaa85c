from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines.imaging.transforms.point_pairs import SMALLEST_NUM_POINTS
from workstation.controllers.pairs.pair_fit import compare_models, fit_pairs, worst_first
from workstation.project.annotations import KeypointPair, PairState
from workstation.views.protocols.pairs import PairRow

MATRIX = np.array([[1.1, 0.05, 12.0], [-0.04, 0.95, -3.0], [0.0, 0.0, 1.0]])
PLACES = [(10.0, 10.0), (90.0, 12.0), (15.0, 80.0), (85.0, 90.0), (50.0, 40.0), (30.0, 60.0)]


def pair(number: int, moving: tuple[float, float], error: tuple[float, float] = (0.0, 0.0)) -> KeypointPair:
    x, y, _ = MATRIX @ [*moving, 1.0]
    return KeypointPair(
        id=f"id{number}",
        item_id="item",
        label=str(number),
        fixed_xy=(x + error[0], y + error[1]),
        moving_xy=moving,
        state=PairState.PLACED,
        annotator="wang",
        source="manual",
        score=None,
        revision=1,
        created="",
        changed="",
    )


@pytest.fixture
def pairs() -> list[KeypointPair]:
    return [pair(number, place) for number, place in enumerate(PLACES)]


def test_exact_pairs_give_their_transform_and_no_residual(pairs: list[KeypointPair]) -> None:
    result = fit_pairs(pairs, "affine")
    np.testing.assert_allclose(result.fixed_from_moving.matrix, MATRIX, atol=1e-9)
    assert max(row.fit_px for row in result.rows) < 1e-9
    assert result.summary.num_used == result.summary.num_pairs == 6


@pytest.mark.parametrize(("model", "needed"), list(SMALLEST_NUM_POINTS.items()))
def test_too_few_pairs_say_how_many_are_missing(pairs: list[KeypointPair], model: str, needed: int) -> None:
    result = fit_pairs(pairs[: needed - 1], model)
    assert result.summary.missing == 1
    assert result.fixed_from_moving is None
    assert fit_pairs(pairs[:needed], model).summary.missing == 0


def test_half_and_excluded_pairs_do_not_pull(pairs: list[KeypointPair]) -> None:
    wrong = replace(pair(8, (50.0, 50.0), (400.0, 0.0)), state=PairState.EXCLUDED)
    half = replace(pair(9, (20.0, 20.0)), moving_xy=None)
    result = fit_pairs([*pairs, wrong, half], "affine")
    np.testing.assert_allclose(result.fixed_from_moving.matrix, MATRIX, atol=1e-9)
    assert [row.state for row in result.rows[-2:]] == ["excluded", "half"]
    assert result.rows[-1].fit_px is None
    assert result.rows[-2].loo_px is None


def test_left_out_residual_is_the_honest_one(pairs: list[KeypointPair]) -> None:
    wrong = pair(6, (60.0, 20.0), (8.0, 0.0))
    result = fit_pairs([*pairs, wrong], "affine")
    row = result.rows[-1]
    assert row.loo_px == pytest.approx(8.0, abs=1e-6)
    assert row.fit_px < row.loo_px
    assert result.summary.worst == "6"
    assert worst_first(result.rows)[0].label == "6"


def test_points_on_a_line_are_a_problem_not_a_crash(pairs: list[KeypointPair]) -> None:
    line = [pair(number, (10.0 * number, 10.0 * number)) for number in range(5)]
    result = fit_pairs(line, "homography")
    assert result.fixed_from_moving is None
    assert "one line" in result.summary.problem.text


def test_smallest_number_of_pairs_has_no_left_out_residual(pairs: list[KeypointPair]) -> None:
    result = fit_pairs(pairs[:4], "homography")
    assert result.summary.loo_px is None
    assert result.summary.mean_px is not None


def test_spline_fits_every_pair_and_is_found_out_when_one_is_left_out() -> None:
    rng = np.random.default_rng(3)
    noisy = [
        pair(number, tuple(place), tuple(rng.normal(0, 3, 2)))
        for number, place in enumerate(rng.uniform(0, 300, (12, 2)))
    ]
    result = fit_pairs(noisy, "thin_plate_spline")
    assert result.summary.mean_px < 1e-6
    assert result.summary.loo_px > 3.0
    assert result.fixed_from_moving.matrix is None
    assert sorted(result.summary.residuals_px) == sorted(row.loo_px for row in result.rows)
    scores = {score.model: score for score in compare_models(noisy, (300, 300))}
    assert list(scores) == list(SMALLEST_NUM_POINTS)
    assert scores["thin_plate_spline"].loo_px == pytest.approx(result.summary.loo_px)
    assert scores["affine"].loo_px < scores["thin_plate_spline"].loo_px
    assert [score.model for score in scores.values() if score.is_best] == ["affine"]


def test_models_that_need_more_pairs_or_other_places_say_so(pairs: list[KeypointPair]) -> None:
    scores = {score.model: score for score in compare_models(pairs[:4])}
    assert scores["quadratic"].missing == 2
    assert scores["homography"].loo_px is None
    assert scores["homography"].fit_px is not None
    line = [pair(number, (10.0 * number, 10.0 * number)) for number in range(7)]
    scores = {score.model: score for score in compare_models(line)}
    assert "one line" in scores["affine"].problem.text
    assert scores["similarity"].is_best
    assert not any(score.is_best for score in compare_models([]))


def test_folds_are_reported_over_the_moving_image(pairs: list[KeypointPair]) -> None:
    crossed = replace(pairs[4], fixed_xy=pairs[0].fixed_xy), replace(pairs[0], fixed_xy=pairs[4].fixed_xy)
    scores = compare_models([*crossed, *pairs[1:4], pairs[5]], (100, 100))
    folded = {score.model: score.folded_share for score in scores}
    assert folded["affine"] == 0.0
    assert 0.0 < folded["thin_plate_spline"] < 1.0


def test_others_on_a_line_leave_the_fit_without_honest_residuals(pairs: list[KeypointPair]) -> None:
    line = [pair(number, (10.0 * number, 10.0 * number)) for number in range(4)]
    result = fit_pairs([*line, pair(9, (0.0, 50.0))], "affine")
    assert result.fixed_from_moving is not None
    assert result.summary.loo_px is None
    assert result.rows[0].fit_px is not None


def test_worst_is_by_the_left_out_residual_and_pairs_without_one_do_not_count() -> None:
    rows = [
        PairRow(name, name, "placed", None, None, fit_px, loo_px)
        for name, fit_px, loo_px in (("a", 1.0, 5.0), ("b", 4.0, 4.5), ("half", None, None), ("c", 0.0, 9.0))
    ]
    assert [row.id for row in worst_first(rows)] == ["c", "a", "b"]
