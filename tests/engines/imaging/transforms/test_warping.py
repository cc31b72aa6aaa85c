"""Warped, turned and blended images."""

from __future__ import annotations

import numpy as np
import pytest

from engines.contract.geometry import apply_homography, translation_matrix
from engines.imaging.transforms.warping import blend, checkerboard, rotate_on_enlarged_canvas, warp_to_fixed


@pytest.fixture
def dot() -> np.ndarray:
    image = np.zeros((61, 91), np.uint8)
    image[20, 30] = 255
    return image


def test_dot_lands_where_the_matrix_says(dot: np.ndarray) -> None:
    warped = warp_to_fixed(dot, translation_matrix((7, -4)), (100, 80))
    assert warped.shape == (80, 100)
    assert np.argwhere(warped == 255).tolist() == [[16, 37]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_type_and_channels_are_kept(dtype: type) -> None:
    image = np.full((40, 50, 3), 200, dtype)
    warped = warp_to_fixed(image, np.eye(3), (60, 40))
    assert warped.dtype == dtype
    assert warped[:, :50].min() == 200
    assert warped[:, 50:].max() == 0


def test_nearest_keeps_the_labels() -> None:
    labels = np.random.default_rng(0).choice([0, 3, 200], (50, 50)).astype(np.uint8)
    turned, _ = rotate_on_enlarged_canvas(labels, 33.0, "nearest")
    assert set(np.unique(turned)) <= {0, 3, 200}


def test_zero_degrees_changes_nothing(dot: np.ndarray) -> None:
    for degrees in (0, 360.0):
        rotated, matrix = rotate_on_enlarged_canvas(dot, degrees)
        np.testing.assert_array_equal(rotated, dot)
        np.testing.assert_array_equal(matrix, np.eye(3))


def test_quarter_turn_is_counter_clockwise_and_exact(dot: np.ndarray) -> None:
    rotated, _ = rotate_on_enlarged_canvas(dot, 90.0)
    np.testing.assert_array_equal(rotated, np.rot90(dot))


def test_nothing_is_cut_and_points_follow() -> None:
    image = np.zeros((61, 91), np.uint8)
    corners = np.array([[2, 2], [88, 2], [88, 58], [2, 58]])
    for x, y in corners:
        image[y - 1 : y + 2, x - 1 : x + 2] = 255
    rotated, matrix = rotate_on_enlarged_canvas(image, 30.0)
    for x, y in np.rint(apply_homography(matrix, corners)).astype(int):
        assert rotated[y, x] > 200


def test_blend_is_green_for_fixed_and_magenta_for_moving(dot: np.ndarray) -> None:
    fixed, moving = np.zeros_like(dot), np.zeros_like(dot)
    fixed[10:40, 10:40] = np.arange(1, 31) * 8
    moving[10:40, 50:80] = np.arange(1, 31) * 8
    picture = blend(fixed, moving, np.eye(3))
    assert picture.dtype == np.uint8
    assert picture[20, 39, 1] > 250
    assert picture[20, 39, [0, 2]].tolist() == [0, 0]
    assert picture[20, 79, [0, 2]].min() > 250
    assert picture[20, 79, 1] == 0
    assert blend(fixed, moving, translation_matrix((-40, 0)))[20, 39].min() > 250


def test_blend_of_a_black_image_is_black() -> None:
    assert blend(np.zeros((40, 40), np.uint8), np.zeros((40, 40, 3), np.uint16), np.eye(3)).max() == 0


def test_checkerboard_takes_turns() -> None:
    fixed, moving = np.full((40, 40), 50, np.uint8), np.full((40, 40, 3), 90, np.uint8)
    picture = checkerboard(fixed, moving, np.eye(3), tile_px=10)
    assert picture[5, 5].tolist() == [50] * 3
    assert picture[5, 15].tolist() == [90] * 3
    assert picture[15, 15].tolist() == [50] * 3
