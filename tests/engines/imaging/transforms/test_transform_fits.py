"""Least-squares and robust fits of point pairs."""

from __future__ import annotations

import numpy as np
import pytest

from engines.contract.errors import GeometryError
from engines.contract.geometry import apply_homography, similarity_matrix
from engines.imaging.transforms.leave_one_out import leave_one_out_residuals
from engines.imaging.transforms.transform_fits import (
    estimate_affine_magsac,
    estimate_homography_magsac,
    fit,
    is_plausible,
    residuals,
)

_TRUTH = {
    "similarity": similarity_matrix(25.0, 1.3, (200.0, 100.0), (40.0, -15.0)),
    "affine": np.array([[1.1, 0.2, -30.0], [-0.1, 0.9, 55.0], [0.0, 0.0, 1.0]]),
    "homography": np.array([[1.1, 0.2, -30.0], [-0.1, 0.9, 55.0], [2e-4, -1e-4, 1.0]]),
}
_MODELS = list(_TRUTH)


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 640, (20, 2))


@pytest.mark.parametrize("model", _MODELS)
def test_exact_pairs_give_the_transform_back(model: str, points: np.ndarray) -> None:
    mapped = apply_homography(_TRUTH[model], points)
    np.testing.assert_allclose(fit(model, points, mapped), _TRUTH[model], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("model", "needed"), [("similarity", 2), ("affine", 3), ("homography", 4)])
def test_smallest_number_of_pairs_is_exact_and_one_fewer_is_refused(
    model: str, needed: int, points: np.ndarray
) -> None:
    few = points[:needed]
    mapped = apply_homography(_TRUTH[model], few)
    assert residuals(fit(model, few, mapped), few, mapped).max() < 1e-6
    with pytest.raises(GeometryError, match=f"{needed} are needed") as caught:
        fit(model, few[1:], mapped[1:])
    assert str(caught.value.remedy)


@pytest.mark.parametrize("model", _MODELS)
def test_fit_is_a_least_squares_minimum(model: str, points: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    mapped = apply_homography(_TRUTH[model], points) + rng.normal(0, 3.0, points.shape)
    best = fit(model, points, mapped)
    error = np.square(residuals(best, points, mapped)).sum()
    nudges = [similarity_matrix(0.05, 1.0, (320, 320)), similarity_matrix(0, 1.001, (320, 320))]
    nudges += [similarity_matrix(0, 1.0, (0, 0), (0.2, 0)), similarity_matrix(0, 1.0, (0, 0), (0, 0.2))]
    for nudge in nudges:
        for step in (nudge, np.linalg.inv(nudge)):
            assert np.square(residuals(step @ best, points, mapped)).sum() > error


def test_richer_models_fit_no_worse(points: np.ndarray) -> None:
    mapped = apply_homography(_TRUTH["homography"], points)
    mapped += np.random.default_rng(3).normal(0, 4.0, points.shape)
    errors = [np.square(residuals(fit(model, points, mapped), points, mapped)).sum() for model in _MODELS]
    assert errors[0] >= errors[1] >= errors[2]


@pytest.mark.parametrize("model", ["affine", "homography"])
def test_points_on_a_line_are_refused_with_advice(model: str) -> None:
    line = np.column_stack([np.arange(6.0) * 30, np.arange(6.0) * 20 + 5])
    with pytest.raises(GeometryError, match="one line") as caught:
        fit(model, line, line + 3)
    assert "similarity" in str(caught.value.remedy)
    assert residuals(fit("similarity", line, line + 3), line, line + 3).max() < 1e-6


def test_homography_of_four_points_with_three_on_a_line_is_refused() -> None:
    points = np.array([[0.0, 0.0], [100.0, 0.0], [200.0, 0.0], [50.0, 90.0]])
    with pytest.raises(GeometryError, match="one line"):
        fit("homography", points, points + 1)


@pytest.mark.parametrize("model", _MODELS)
def test_coinciding_points_are_refused(model: str) -> None:
    with pytest.raises(GeometryError, match="one place"):
        fit(model, np.full((6, 2), 50.0), np.random.default_rng(0).uniform(0, 9, (6, 2)))


def test_unpaired_or_missing_coordinates_are_refused(points: np.ndarray) -> None:
    with pytest.raises(GeometryError, match="paired"):
        fit("affine", points, points[1:])
    broken = points.copy()
    broken[3, 0] = np.nan
    with pytest.raises(GeometryError, match="finite"):
        fit("affine", points, broken)
    with pytest.raises(GeometryError, match="no transform model"):
        fit("spline", points, points)


def test_leave_one_out_shows_the_wrong_pair(points: np.ndarray) -> None:
    mapped = apply_homography(_TRUTH["affine"], points)
    mapped[7] += [30.0, 0.0]
    distances = leave_one_out_residuals("affine", points, mapped)
    assert int(np.argmax(distances)) == 7
    assert distances[7] == pytest.approx(30.0, abs=1e-6)
    with pytest.raises(GeometryError, match="4 are needed"):
        leave_one_out_residuals("affine", points[:3], mapped[:3])


@pytest.mark.parametrize(
    ("estimate", "model"), [(estimate_homography_magsac, "homography"), (estimate_affine_magsac, "affine")]
)
def test_robust_fit_finds_the_transform_among_wrong_pairs(estimate, model: str) -> None:
    rng = np.random.default_rng(4)
    points = rng.uniform(0, 640, (120, 2))
    mapped = apply_homography(_TRUTH[model], points) + rng.normal(0, 0.5, points.shape)
    mapped[:70] = rng.uniform(0, 640, (70, 2))
    result = estimate(points, mapped, 3.0)
    assert result.out_from_in is not None
    assert residuals(result.out_from_in, points[70:], apply_homography(_TRUTH[model], points[70:])).max() < 2
    assert result.is_inlier[70:].mean() > 0.9
    assert result.is_inlier[:70].mean() < 0.1
    again = estimate(points, mapped, 3.0)
    np.testing.assert_array_equal(result.out_from_in, again.out_from_in)


@pytest.mark.parametrize("estimate", [estimate_homography_magsac, estimate_affine_magsac])
def test_robust_fit_returns_nothing_rather_than_fail(estimate) -> None:
    assert estimate(np.zeros((0, 2)), np.zeros((0, 2))).out_from_in is None
    assert estimate(np.zeros((2, 2)), np.zeros((2, 2))).out_from_in is None
    line = np.column_stack([np.arange(30.0), np.arange(30.0)])
    assert estimate(line, np.zeros((30, 2))).out_from_in is None
    points = np.random.default_rng(0).uniform(0, 500, (50, 2))
    mirrored = estimate(points, points * [-1, 1])
    assert mirrored.out_from_in is None
    assert mirrored.is_inlier.shape == (50,)


def test_plausible_is_what_two_images_of_an_eye_can_be() -> None:
    points = np.random.default_rng(0).uniform(0, 600, (40, 2))
    assert is_plausible(similarity_matrix(170, 0.2, (300, 300)), points)
    assert not is_plausible(similarity_matrix(0, 0.1, (300, 300)), points)
    assert not is_plausible(np.diag([3.0, 1.0, 1.0]), points)
    assert not is_plausible(np.array([[1, 0, 0], [0, 1, 0], [3e-3, 0, 1.0]]), points)
    assert not is_plausible(np.full((3, 3), np.nan), points)
