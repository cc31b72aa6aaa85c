"""Pictures of two images in one frame, and the numbers beside them."""

from __future__ import annotations

import numpy as np
import pytest

from engines.contract.geometry import similarity_matrix
from engines.imaging.comparison import (
    Change,
    blend_of,
    change_between,
    change_shares,
    compose_checkerboard,
    compose_curtain,
    magnification_for,
    nice_length,
    overlap_share,
    paint_change,
    residual_vectors,
    vessel_mask,
    viridis,
)
from engines.imaging.transforms.point_transform import ProjectiveTransform

TURN = ProjectiveTransform(similarity_matrix(12.0, 1.1, (150.0, 120.0), (8.0, -5.0)))


def test_curtain_and_checkerboard_show_both_images() -> None:
    first, second = np.zeros((8, 12, 3), np.uint8), np.full((8, 12, 3), 9, np.uint8)
    assert compose_curtain(first, second, 0.25, is_vertical=True)[0, :, 0].tolist() == [0] * 3 + [9] * 9
    assert compose_curtain(first, second, 0.5, is_vertical=False)[:, 0, 0].tolist() == [0] * 4 + [9] * 4
    board = compose_checkerboard(first, second, 4)
    assert board[0, ::4, 0].tolist() == [0, 9, 0]
    assert board[4, ::4, 0].tolist() == [9, 0, 9]


def test_blend_is_green_for_the_first_and_magenta_for_the_second() -> None:
    blended = blend_of(np.array([[200, 0]], np.uint8), np.array([[0, 100]], np.uint8))
    assert blended.tolist() == [[[0, 200, 0], [100, 0, 100]]]


def test_change_is_added_removed_and_kept_within_a_tolerance() -> None:
    first, second = np.zeros((30, 30), bool), np.zeros((30, 30), bool)
    first[5], second[6] = True, True
    first[15], second[25] = True, True
    change = change_between(first, second, 2.0)
    assert set(change[5]) == set(change[6]) == {Change.KEPT}
    assert set(change[15]) == {Change.REMOVED}
    assert set(change[25]) == {Change.ADDED}
    assert change_shares(change) == {Change.KEPT: 0.5, Change.ADDED: 0.25, Change.REMOVED: 0.25}
    assert sum(change_shares(np.zeros((3, 3), np.uint8)).values()) == 0.0


def test_painted_change_takes_the_colours_that_were_given() -> None:
    change = np.zeros((4, 4), np.uint8)
    change[0], change[1] = Change.ADDED, Change.REMOVED
    painted = paint_change(
        np.full((4, 4), 100, np.uint8), change, {Change.ADDED: "#0072B2", Change.REMOVED: "#D55E00"}
    )
    assert painted[0, 0].tolist() == [0x00, 0x72, 0xB2]
    assert painted[1, 0].tolist() == [0xD5, 0x5E, 0x00]
    assert painted[3, 3].tolist() == [45, 45, 45]


def test_vessel_mask_finds_dark_lines() -> None:
    image = np.random.default_rng(1).normal(150, 3, (400, 400))
    for column in range(40, 400, 60):
        image[:, column : column + 4] -= 60
    mask = vessel_mask(image.astype(np.uint8))
    assert mask.shape == image.shape
    assert mask[100:300, 161:163].mean() > 0.9
    assert mask[100:300, 180:200].mean() < 0.1


def test_residual_vectors_point_from_mapped_to_true() -> None:
    moving = np.array([[10.0, 10.0], [50.0, 80.0]])
    true = TURN.apply(moving) + np.array([[3.0, 4.0], [0.0, 0.0]])
    vectors = residual_vectors(TURN, true, moving)
    np.testing.assert_allclose(vectors.length_px, [5.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(vectors.true_xy - vectors.mapped_xy, [[3.0, 4.0], [0.0, 0.0]], atol=1e-9)
    assert vectors.mean_px == pytest.approx(2.5)
    assert residual_vectors(TURN, [], []).mean_px is None


def test_pairs_that_the_transform_does_not_reach_are_left_out() -> None:
    tilted = np.eye(3)
    tilted[2, 0] = -0.01
    vectors = residual_vectors(
        ProjectiveTransform(tilted), [[1.0, 1.0], [2.0, 2.0]], [[100.0, 0.0], [0.0, 0.0]]
    )
    assert len(vectors.length_px) == 1


def test_magnification_and_lengths_are_round() -> None:
    assert [nice_length(value) for value in (1.0, 4.9, 5.0, 0.3, 37.0)] == [1.0, 2.0, 5.0, 0.2, 20.0]
    assert magnification_for(np.array([2.0, 2.0]), 44.0) == 20
    assert magnification_for(np.array([200.0]), 44.0) == 1
    assert magnification_for(np.array([]), 44.0) == 1


def test_viridis_runs_from_violet_to_yellow() -> None:
    assert viridis([0.0, 1.0]) == ["#440154", "#fde725"]
    assert viridis([]) == []


def test_overlap_is_the_covered_share() -> None:
    half = ProjectiveTransform([[1, 0, 50], [0, 1, 0], [0, 0, 1]])
    assert overlap_share(half, (100, 80), (100, 80)) == pytest.approx(0.5, abs=0.02)
