"""The score of a registration, on lists made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engines.contract.errors import GeometryError
from engines.imaging.matching.landmark_metrics import (
    FAILED,
    landmark_errors,
    score_errors,
    score_pair,
    score_pairs,
)
from engines.imaging.transforms.transform_fits import fit


def _pairs(*means: float) -> list:
    return [score_errors([mean]) for mean in means]


def test_errors_are_moving_to_fixed_in_fixed_pixels() -> None:
    shift = np.array([[2.0, 0.0, 10.0], [0.0, 2.0, 0.0], [0.0, 0.0, 1.0]])
    errors = landmark_errors(shift, [[10, 0], [12, 5]], [[0, 0], [1, 1]])
    np.testing.assert_allclose(errors, [0.0, 3.0])


def test_auc_counts_errors_strictly_below_each_threshold() -> None:
    # 0 px is below 1..25; 5 px is below 6..25; 25 px is below none.
    assert score_pairs(_pairs(0.0))["auc_25"] == 1.0
    assert score_pairs(_pairs(5.0))["auc_25"] == pytest.approx(20 / 25)
    assert score_pairs(_pairs(4.999))["auc_25"] == pytest.approx(21 / 25)
    assert score_pairs(_pairs(25.0))["auc_25"] == 0.0
    assert score_pairs(_pairs(0.0, 25.0))["auc_25"] == pytest.approx(0.5)


def test_success_includes_its_limit() -> None:
    summary = score_pairs(_pairs(5.0, 5.001, 10.0, 25.0))
    assert [summary[f"success_{limit}px"] for limit in (5, 10, 25)] == [0.25, 0.75, 1.0]


def test_classes_by_maximum_and_median() -> None:
    assert score_errors([20.0, 20.0, 50.0]).outcome == "acceptable"
    assert score_errors([1.0, 1.0, 50.01]).outcome == "inaccurate"
    assert score_errors([20.1, 20.1, 20.1]).outcome == "inaccurate"
    assert score_errors([1.0, np.inf]).outcome == "failed"
    assert score_pair(None, [[0, 0]], [[0, 0]]) == FAILED


def test_failed_pair_is_infinitely_wrong() -> None:
    summary = score_pairs([*_pairs(2.0, 4.0), FAILED])
    assert summary["median_error_px"] == 4.0
    assert summary["auc_25"] == pytest.approx((23 + 21) / 75)
    assert summary["failed"] == pytest.approx(1 / 3)
    assert summary["acceptable"] == pytest.approx(2 / 3)
    assert score_pairs([*_pairs(2.0), FAILED])["median_error_px"] is None


def test_no_pairs_is_undefined_not_zero() -> None:
    assert set(score_pairs([]).values()) == {None}


def test_summary_is_of_finite_numbers() -> None:
    summary = score_pairs([FAILED, FAILED])
    assert all(value is None or math.isfinite(value) for value in summary.values())


def test_unequal_landmarks_are_refused() -> None:
    with pytest.raises(GeometryError, match="not pairs"):
        landmark_errors(np.eye(3), [[0, 0]], np.zeros((0, 2)))


def test_bounds_of_the_public_pairs(landmark_pairs: dict) -> None:
    pairs = list(landmark_pairs.values())
    assert len(pairs) == 13
    bound = score_pairs(
        [score_pair(fit("homography", p.moving_xy, p.fixed_xy), p.fixed_xy, p.moving_xy) for p in pairs]
    )
    identity = score_pairs([score_pair(np.eye(3), p.fixed_xy, p.moving_xy) for p in pairs])
    assert bound["auc_25"] == pytest.approx(0.871, abs=0.005)
    assert identity["auc_25"] == pytest.approx(0.166, abs=0.005)
