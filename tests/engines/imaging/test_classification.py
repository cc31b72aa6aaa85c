from __future__ import annotations

import numpy as np
import pytest

from engines.imaging.classification import (
    average_precision,
    bootstrap_interval,
    brier_score,
    confusion,
    decide,
    precision_recall_curve,
    reliability,
    roc_auc,
    roc_curve,
)


def pairwise_auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """The definition: how often a positive scores above a negative, ties counting half."""
    differences = scores[positive][:, None] - scores[~positive][None]
    return float(((differences > 0) + 0.5 * (differences == 0)).mean())


def test_the_area_under_the_curve_is_its_definition() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        scores = generator.integers(0, 6, 30).astype(float)
        positive = generator.random(30) < 0.3
        positive[:2] = True, False
        assert roc_auc(scores, positive) == pytest.approx(pairwise_auc(scores, positive))
        false_rate, true_rate = roc_curve(scores, positive)
        assert np.trapezoid(true_rate, false_rate) == pytest.approx(roc_auc(scores, positive))


def test_with_one_class_nothing_is_a_number() -> None:
    scores, positive = [0.2, 0.7], [True, True]
    assert roc_auc(scores, positive) is None
    assert roc_curve(scores, positive) is None
    assert precision_recall_curve(scores, positive) is None
    assert average_precision(scores, positive) is None
    assert bootstrap_interval(scores, positive) is None
    counts = confusion(scores, positive)
    assert counts.balanced_accuracy is None
    assert counts.f1_macro is None
    assert counts.accuracy == 0.5


def test_the_constant_decision_scores_as_known() -> None:
    positive = np.arange(369) < 293
    counts = confusion(np.ones(369), positive)
    assert counts.accuracy == pytest.approx(0.794, abs=5e-4)
    assert counts.f1_positive == pytest.approx(0.885, abs=5e-4)
    assert counts.f1_negative == 0.0
    assert counts.balanced_accuracy == 0.5


def test_perfect_ranking_and_calibration() -> None:
    positive = np.array([False, False, True, True])
    assert average_precision([0.1, 0.2, 0.8, 0.9], positive) == 1.0
    assert brier_score(positive.astype(float), positive) == 0.0
    assert reliability(positive.astype(float), positive).expected_error == 0.0
    assert bootstrap_interval([0.1, 0.2, 0.8, 0.9], positive) == (1.0, 1.0)


def test_the_calibration_error_of_an_over_sure_score() -> None:
    positive = np.arange(100) < 60
    assert reliability(np.full(100, 0.95), positive).expected_error == pytest.approx(0.35)


def test_nothing_is_said_near_the_threshold() -> None:
    found = decide([0.1, 0.5, 0.7, 0.4, 0.6, 0.9], [False, False, False, True, True, True], 0.5, 0.1)
    assert (found.undecided_negative, found.undecided_positive) == (1, 0)
    assert found.sensitivity == (2, 3)
    assert found.specificity == (1, 2)
    assert (found.num_said, found.num_cases) == (5, 6)
    nothing = decide([0.5, 0.5], [False, True], 0.5, 0.2)
    assert (nothing.num_said, nothing.num_cases) == (0, 2)
    assert nothing.sensitivity == (0, 0)
