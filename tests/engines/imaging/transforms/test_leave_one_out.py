"""Closed leave-one-out formulas against fitting again without each pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engines.contract.errors import GeometryError
from engines.imaging.matching.landmark_metrics import score_errors, score_pairs
from engines.imaging.transforms.leave_one_out import fit_with_left_out, leave_one_out_residuals
from engines.imaging.transforms.point_pairs import SMALLEST_NUM_POINTS
from engines.imaging.transforms.transform_fits import fit_transform

MODELS = list(SMALLEST_NUM_POINTS)


def bent(points: np.ndarray, noise_px: float = 2.0) -> np.ndarray:
    rng = np.random.default_rng(len(points))
    mapped = points @ np.array([[1.1, 0.1], [-0.05, 0.95]]) + 30 + 5 * np.sin(points / 150)
    return mapped + rng.normal(0, noise_px, points.shape)


def brute_force(model: str, moving: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    distances = []
    for left_out in range(len(moving)):
        is_kept = np.arange(len(moving)) != left_out
        transform = fit_transform(model, moving[is_kept], fixed[is_kept])
        distances.append(np.hypot(*(transform.apply(moving[[left_out]]) - fixed[[left_out]])[0]))
    return np.array(distances)


@pytest.mark.parametrize("num_pairs", [8, 40])
@pytest.mark.parametrize("model", MODELS)
def test_closed_formula_equals_fitting_again_without_each_pair(model: str, num_pairs: int) -> None:
    moving = np.random.default_rng(num_pairs).uniform(0, 1000, (num_pairs, 2))
    fixed = bent(moving)
    found = leave_one_out_residuals(model, moving, fixed)
    np.testing.assert_allclose(found, brute_force(model, moving, fixed), atol=1e-5)


def test_homography_far_from_affine_equals_fitting_again() -> None:
    moving = np.random.default_rng(5).uniform(0, 600, (30, 2))
    depth = 1 + 1.5e-3 * moving[:, :1] - 5e-4 * moving[:, 1:]
    fixed = moving / depth + np.random.default_rng(6).normal(0, 6.0, moving.shape)
    found = leave_one_out_residuals("homography", moving, fixed)
    np.testing.assert_allclose(found, brute_force("homography", moving, fixed), atol=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_one_pair_more_than_the_model_needs_is_the_least(model: str) -> None:
    needed = SMALLEST_NUM_POINTS[model]
    moving = np.random.default_rng(2).uniform(0, 500, (needed + 1, 2))
    assert leave_one_out_residuals(model, moving, bent(moving)).shape == (needed + 1,)
    with pytest.raises(GeometryError, match=f"{needed + 1} are needed") as caught:
        leave_one_out_residuals(model, moving[:needed], bent(moving[:needed]))
    assert str(caught.value.remedy)


@pytest.mark.parametrize("model", ["affine", "homography", "thin_plate_spline"])
def test_others_on_one_line_are_refused(model: str) -> None:
    moving = np.array([[0.0, 0.0], [10, 10], [25, 25], [40, 40], [60, 60], [10, 50]])
    with pytest.raises(GeometryError) as caught:
        leave_one_out_residuals(model, moving, bent(moving))
    assert "others" in caught.value.message.text or "one line" in caught.value.message.text


def test_spline_hides_a_wrong_pair_in_the_fit_and_not_when_left_out() -> None:
    moving = np.random.default_rng(3).uniform(0, 500, (15, 2))
    fixed = moving + 4.0
    fixed[6] += [0.0, 25.0]
    transform, left_out = fit_with_left_out("thin_plate_spline", moving, fixed)
    assert np.abs(transform.apply(moving) - fixed).max() < 1e-6
    assert int(np.argmax(left_out)) == 6
    assert left_out[6] == pytest.approx(25.0, abs=1e-6)


@pytest.mark.parametrize(
    ("model", "fitted", "left_out"),
    [("affine", 0.868, 0.837), ("homography", 0.871, 0.822), ("quadratic", 0.883, 0.815)],
)
def test_landmark_bounds_of_the_public_pairs(
    landmark_pairs: dict[str, Any], model: str, fitted: float, left_out: float
) -> None:
    def auc(errors: Callable[[Any], np.ndarray]) -> float:
        value = score_pairs([score_errors(errors(pair)) for pair in landmark_pairs.values()])["auc_25"]
        assert value is not None
        return value

    def fit_errors(pair: Any) -> np.ndarray:
        mapped = fit_transform(model, pair.moving_xy, pair.fixed_xy).apply(pair.moving_xy)
        return np.hypot(*(mapped - pair.fixed_xy).T)

    assert auc(fit_errors) == pytest.approx(fitted, abs=6e-4)
    found = auc(lambda pair: leave_one_out_residuals(model, pair.moving_xy, pair.fixed_xy))
    assert found == pytest.approx(left_out, abs=6e-4)
