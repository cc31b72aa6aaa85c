"""The whole recipe on drawn vessels, and on public landmark pairs where they are there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engines.contract.geometry import (
    apply_homography,
    compose,
    invert,
    rotation_on_enlarged_canvas,
    similarity_matrix,
)
from engines.imaging.matching.classical_registration import (
    ClassicalOptions,
    prepare,
    refine,
    register,
    verify,
)
from engines.imaging.opencv import cv2

if TYPE_CHECKING:
    import numpy.typing as npt

_GRID = np.stack(np.meshgrid(np.linspace(120, 360, 5), np.linspace(120, 360, 5)), axis=-1).reshape(-1, 2)


def _grid_error(estimate: npt.NDArray[np.float64], truth: npt.NDArray[np.float64]) -> float:
    moving = apply_homography(invert(truth), _GRID)
    return float(np.linalg.norm(apply_homography(estimate, moving) - _GRID, axis=1).max())


@pytest.fixture(scope="module")
def turned(vessel_tree: tuple) -> tuple:
    """Fixed picture; moving = turned by 37 degrees, larger by 1.25, inverted and grey; the truth."""
    fixed, _ = vessel_tree
    size = (640, 600)
    moving_from_fixed = similarity_matrix(37.0, 1.25, (239.5, 239.5), (80.0, 60.0))
    field = cv2.warpPerspective((fixed.max(axis=2) > 12).astype(np.uint8), moving_from_fixed, size)
    grey = cv2.warpPerspective(fixed[:, :, 1], moving_from_fixed, size, flags=cv2.INTER_LINEAR)
    moving = np.where(field > 0, 220 - grey, 0).astype(np.uint8)
    return fixed, moving, invert(moving_from_fixed)


def test_turned_scaled_inverted_copy_is_registered_within_two_pixels(turned: tuple) -> None:
    fixed, moving, truth = turned
    result = register(fixed, moving)
    assert result.verdict == "registered"
    assert (result.fixed_polarity, result.moving_polarity) == ("dark", "bright")
    assert _grid_error(result.homography_fixed_from_moving, truth) < 2.0


def test_result_is_the_same_every_time_and_reports_progress(turned: tuple) -> None:
    fixed, moving, _ = turned
    shares: list[float] = []
    first = register(fixed, moving, progress=shares.append)
    second = register(fixed, moving)
    np.testing.assert_array_equal(first.homography_fixed_from_moving, second.homography_fixed_from_moving)
    assert (first.s, first.z) == (second.s, second.z)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_proposed_transform_is_refined_and_verified_like_a_found_one(turned: tuple) -> None:
    fixed, moving, truth = turned
    fixed_features, moving_features = prepare(fixed), prepare(moving)
    rough = compose(similarity_matrix(2.0, 1.02, (240.0, 240.0), (4.0, -5.0)), truth)
    candidate = refine(fixed_features, moving_features, rough, source="matcher")
    assert candidate is not None
    assert candidate.source == "matcher"
    assert _grid_error(candidate.homography_fixed_from_moving, truth) < 2.0
    assert verify(fixed_features, moving_features, candidate.homography_fixed_from_moving).z > 6
    assert verify(fixed_features, moving_features, rough).z < 4.5


def test_another_eye_is_not_registered(vessel_tree: tuple, other_vessel_tree: tuple) -> None:
    result = register(vessel_tree[0], other_vessel_tree[0])
    assert result.verdict == "not_registered"
    assert result.reason is not None


@pytest.mark.parametrize("kind", ["constant", "black", "noise"])
def test_image_without_vessels_gives_a_reason_and_no_error(vessel_tree: tuple, kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 300), dtype=np.uint8)
    moving = {"constant": np.full((200, 300), 90, np.uint8), "black": np.zeros((200, 300), np.uint8)}
    result = register(vessel_tree[0], moving.get(kind, noise))
    assert result.verdict == "not_registered"
    assert str(result.reason)


def test_stop_ends_without_transform(turned: tuple) -> None:
    result = register(turned[0], turned[1], should_stop=lambda: True)
    assert result.is_stopped
    assert result.homography_fixed_from_moving is None


def test_model_can_be_fixed(turned: tuple) -> None:
    result = register(turned[0], turned[1], options=ClassicalOptions(model="affine"))
    assert result.model == "affine"
    np.testing.assert_allclose(result.homography_fixed_from_moving[2], [0, 0, 1], atol=1e-12)


def _landmark_error(pair, degrees: float) -> tuple[float, float, float]:
    height, width = pair.moving.shape[:2]
    rotated_from_moving, size = rotation_on_enlarged_canvas((width, height), degrees)
    moving = pair.moving if degrees == 0 else cv2.warpPerspective(pair.moving, rotated_from_moving, size)
    before = time.process_time()
    result = register(pair.fixed, moving)
    cpu_s = time.process_time() - before
    assert result.verdict == "registered"
    moving_xy = apply_homography(rotated_from_moving, pair.moving_xy)
    mapped = apply_homography(result.homography_fixed_from_moving, moving_xy)
    wrong_way = apply_homography(invert(result.homography_fixed_from_moving), moving_xy)
    errors = [float(np.linalg.norm(points - pair.fixed_xy, axis=1).mean()) for points in (mapped, wrong_way)]
    return errors[0], errors[1], cpu_s


@pytest.mark.parametrize("name", ["52", "80"])
@pytest.mark.parametrize("degrees", [0, 30])
def test_landmarks_lie_where_they_belong(landmark_pairs: dict, name: str, degrees: float) -> None:
    error, wrong_way, _ = _landmark_error(landmark_pairs[name], degrees)
    assert error < 5.0
    assert wrong_way > 2 * error


@pytest.mark.slow
@pytest.mark.parametrize("degrees", [0, 15, 30, 60])
def test_all_landmark_pairs_reach_the_bound(landmark_pairs: dict, degrees: float) -> None:
    measured = np.array([_landmark_error(pair, degrees) for pair in landmark_pairs.values()])
    errors, cpu_s = measured[:, 0], measured[:, 2]
    auc_25 = np.mean([(errors < threshold).mean() for threshold in range(1, 26)])
    assert auc_25 >= 0.85
    assert errors.max() < 10.0
    assert cpu_s.mean() < 5.0
