"""Matches and consensus: direction, outliers, and the choice of a family."""

from __future__ import annotations

import numpy as np
import pytest

from engines.contract.geometry import apply_homography, similarity_matrix
from engines.registration.inference.matching import corner_error_px, find_consensus, mutual_matches

SIZE = (300, 280)


def _points(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(10, 270, (count, 2))


def test_matches_are_mutual_and_pass_the_ratio() -> None:
    fixed = np.eye(4, dtype=np.float32)
    moving = fixed[[2, 0, 3]]
    assert mutual_matches(fixed, moving, 0.9).tolist() == [[0, 1], [2, 0], [3, 2]]
    ambiguous = np.vstack([moving, moving[:1]])
    assert [0, 1] in mutual_matches(fixed, ambiguous, 0.9).tolist()
    assert 2 not in mutual_matches(fixed, ambiguous, 0.9)[:, 0]
    assert mutual_matches(fixed[:1], moving, 0.9).shape == (0, 2)


@pytest.mark.parametrize("angle_deg", [0.0, 30.0, 170.0])
def test_a_similarity_is_found_among_wrong_matches_and_maps_moving_to_fixed(angle_deg: float) -> None:
    truth = similarity_matrix(angle_deg, 1.2, (140.0, 140.0), (12.0, -8.0))
    moving_xy = _points(60)
    fixed_xy = apply_homography(truth, moving_xy) + np.random.default_rng(1).normal(0, 0.7, (60, 2))
    fixed_xy[:30] = _points(30, seed=2)
    found = find_consensus(fixed_xy, moving_xy, inlier_px=4.0, min_inliers=6)
    assert found is not None
    assert found.model == "similarity"
    assert found.is_inlier[30:].mean() > 0.95
    assert found.rmse_px < 1.5
    assert corner_error_px(found.fixed_from_moving, truth, SIZE) < 2
    assert corner_error_px(np.linalg.inv(found.fixed_from_moving), truth, SIZE) > 20


def test_perspective_is_taken_when_the_matches_show_it() -> None:
    truth = np.array([[1.0, 0.02, 3.0], [-0.01, 1.0, -4.0], [4e-4, 2e-4, 1.0]])
    moving_xy = _points(80)
    found = find_consensus(apply_homography(truth, moving_xy), moving_xy, inlier_px=3.0, min_inliers=6)
    assert found is not None
    assert found.model == "homography"
    assert corner_error_px(found.fixed_from_moving, truth, SIZE) < 1


def test_the_family_asked_for_is_kept() -> None:
    truth = np.array([[1.05, 0.1, 3.0], [-0.02, 0.95, -4.0], [0.0, 0.0, 1.0]])
    moving_xy = _points(40)
    found = find_consensus(
        apply_homography(truth, moving_xy), moving_xy, inlier_px=3.0, min_inliers=6, model="affine"
    )
    assert found is not None
    assert found.model == "affine"
    np.testing.assert_array_equal(found.fixed_from_moving[2], [0, 0, 1])


def test_no_agreement_and_mirrors_give_no_transform() -> None:
    assert find_consensus(_points(12), _points(12, seed=5), inlier_px=2.0, min_inliers=8) is None
    assert find_consensus(_points(2), _points(2), inlier_px=2.0, min_inliers=4) is None
    moving_xy = _points(50)
    mirrored = moving_xy * [-1, 1] + [280, 0]
    assert find_consensus(mirrored, moving_xy, inlier_px=2.0, min_inliers=25) is None
