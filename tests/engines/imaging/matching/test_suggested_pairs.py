"""Bifurcations of images, and the pairs that a transform makes of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial import cKDTree

from engines.contract.geometry import apply_homography
from engines.imaging.matching.suggested_pairs import SuggestedPairs, spread, suggest_pairs
from engines.imaging.opencv import cv2
from engines.imaging.transforms.warping import warp_to_fixed
from engines.imaging.vessels.image_bifurcations import bifurcations_of_image, refined

Tree = tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]
MOVING_FROM_FIXED = np.array([[0.97, -0.12, 30.0], [0.12, 0.97, -20.0], [0.0, 0.0, 1.0]])
FIXED_FROM_MOVING = np.linalg.inv(MOVING_FROM_FIXED)


def _moving(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    size = (image.shape[1], image.shape[0])
    return np.asarray(warp_to_fixed(image, MOVING_FROM_FIXED, size)).astype(np.uint8)


def test_suggestions_lie_at_one_place_of_both_images(vessel_tree: Tree) -> None:
    fixed = vessel_tree[0]
    found = suggest_pairs(fixed, 255 - _moving(fixed), FIXED_FROM_MOVING)
    assert len(found) >= 8
    gaps = np.linalg.norm(apply_homography(FIXED_FROM_MOVING, found.moving_xy) - found.fixed_xy, axis=1)
    assert np.median(gaps) < 1.5
    assert gaps.max() < 5.0
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert (np.diff(found.scores) <= 0).all()


def test_another_eye_scores_less(vessel_tree: Tree, other_vessel_tree: Tree) -> None:
    same = suggest_pairs(vessel_tree[0], vessel_tree[0], np.eye(3))
    other = suggest_pairs(vessel_tree[0], other_vessel_tree[0], np.eye(3))
    assert len(other) < len(same)
    assert same.scores.mean() > 0.9
    assert len(other) == 0 or other.scores.mean() < 0.75


def test_images_without_vessels_suggest_nothing() -> None:
    empty = np.full((200, 240), 90, dtype=np.uint8)
    assert len(suggest_pairs(empty, empty, np.eye(3))) == 0
    assert bifurcations_of_image(empty).shape == (0, 2)
    assert bifurcations_of_image(empty, np.zeros((200, 240), dtype=np.uint8)).shape == (0, 2)


def test_spread_keeps_the_surest_of_near_pairs_and_no_more_than_asked() -> None:
    xy = np.array([[10.0, 10.0], [11.0, 10.0], [60.0, 10.0], [10.0, 60.0], [500.0, 500.0]])
    pairs = SuggestedPairs(xy, xy + 1, np.array([0.5, 0.8, 0.9, 0.7, 1.0]))
    assert spread(pairs, (100, 100), 10).scores.tolist() == [0.9, 0.8, 0.7]
    assert spread(pairs, (100, 100), 2).moving_xy.tolist() == [[61.0, 11.0], [12.0, 11.0]]


def test_bifurcations_come_from_the_mask_in_pixels_of_the_image(vessel_tree: Tree) -> None:
    image, vessels = vessel_tree
    full = bifurcations_of_image(image, vessels)
    double = bifurcations_of_image(image, cv2.resize(vessels.astype(np.uint8), (960, 960)))
    assert len(full) > 10
    distances, _ = cKDTree(full).query(double)
    assert np.median(distances) < 2.0
    assert len(bifurcations_of_image(image)) > 10


@pytest.mark.parametrize("offset", [(0.0, 0.0), (1.4, -1.0)])
def test_a_fork_is_found_between_pixels(offset: tuple[float, float]) -> None:
    drawn = np.zeros((101, 101), dtype=np.uint8)
    fork = np.array([50.25, 49.5])
    for angle in np.deg2rad((90, 210, 330)):
        end = fork + 40 * np.array([np.cos(angle), np.sin(angle)])
        ends = [tuple(round(16 * value) for value in point) for point in (fork, end)]
        cv2.line(drawn, ends[0], ends[1], 255, 3, cv2.LINE_AA, 4)
    found = refined(drawn > 127, (fork + offset)[None])
    assert np.linalg.norm(found[0] - fork) < 0.6


def test_a_straight_vessel_does_not_move_a_point() -> None:
    drawn = np.zeros((81, 81), dtype=bool)
    drawn[39:42, 5:75] = True
    points = np.array([[40.0, 40.0]])
    assert refined(drawn, points).tolist() == points.tolist()
