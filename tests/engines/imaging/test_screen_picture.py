"""Pictures for the screen agree with the images that they show."""

from __future__ import annotations

import numpy as np
import pytest

from engines.contract.geometry import similarity_matrix
from engines.imaging.pyramid import ImagePyramid
from engines.imaging.screen_picture import (
    ResizedTransform,
    fit_for_screen,
    level_for_screen,
    picture_of,
    screen_size,
    warp_for_screen,
)
from engines.imaging.transforms.point_transform import PointTransform, ProjectiveTransform
from engines.imaging.transforms.warping import warp_to_fixed

TURN = ProjectiveTransform(similarity_matrix(12.0, 1.1, (150.0, 120.0), (8.0, -5.0)))


def smooth_image(height: int = 240, width: int = 300) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return ((np.sin(rows / 17) + np.cos(columns / 23) + 2) * 60).astype(np.uint8)


def test_picture_is_bgra_with_halved_copies() -> None:
    image = np.zeros((600, 1100, 3), np.uint8)
    image[:, :, 0] = 200
    made = picture_of(image)
    assert made.size == (1100, 600)
    assert [level.shape for level in made.levels] == [(600, 1100, 4), (300, 550, 4)]
    assert made.levels[1][100, 100].tolist() == [0, 0, 200, 255]
    assert made.scale == 1.0


@pytest.mark.parametrize("dtype", [bool, np.uint16])
def test_picture_of_masks_and_deep_images(dtype: type) -> None:
    image = np.zeros((40, 50), dtype)
    image[10:20] = 1 if dtype is bool else 255
    made = picture_of(image, (500, 400))
    assert made.levels[0][15, 5].tolist() == [255, 255, 255, 255]
    assert made.levels[0][0, 0].tolist() == [0, 0, 0, 255]
    assert made.scale == pytest.approx(0.1)


def test_coarse_warp_agrees_with_the_full_one() -> None:
    moving = smooth_image()
    full = warp_to_fixed(moving, TURN, (280, 260))
    coarse = warp_for_screen(moving, TURN, (280, 260), max_side_px=140)
    assert coarse.shape == (130, 140)
    reduced = fit_for_screen(full, 140)
    inside = np.s_[30:100, 30:110]
    assert np.abs(coarse[inside].astype(int) - reduced[inside].astype(int)).max() <= 6
    assert np.array_equal(warp_for_screen(moving, TURN, (280, 260)), full)


def test_resized_transform_goes_both_ways() -> None:
    halved, tripled = np.diag([0.5, 0.5, 1.0]), np.diag([3.0, 3.0, 1.0])
    resized: PointTransform = ResizedTransform(TURN, halved, tripled)
    points = np.array([[10.0, 20.0], [60.0, 5.0]])
    expected = 3.0 * TURN.apply(2.0 * points)
    np.testing.assert_allclose(resized.apply(points), expected)
    np.testing.assert_allclose(resized.apply_inverse(expected), points)
    assert resized.matrix is not None
    np.testing.assert_allclose(ProjectiveTransform(resized.matrix).apply(points), expected)


def test_screen_size_keeps_the_shape() -> None:
    assert screen_size((8000, 4000), 1000) == (1000, 500)
    assert screen_size((80, 40), 1000) == (80, 40)


def test_reduced_copy_of_moving_is_warped_as_the_whole_image() -> None:
    moving = smooth_image()
    copy = fit_for_screen(moving, 150)
    warped = warp_for_screen(copy, TURN, (280, 260), moving_size=(300, 240))
    whole = warp_to_fixed(moving, TURN, (280, 260))
    inside = np.s_[60:200, 60:220]
    assert warped.shape == whole.shape
    assert np.abs(warped[inside].astype(int) - whole[inside].astype(int)).max() <= 8


def test_pyramid_gives_a_level_that_the_screen_takes() -> None:
    levels = tuple(np.zeros((4, side), np.uint8) for side in (9000, 4500, 2250, 1125))
    level, size = level_for_screen(ImagePyramid((4, 9000), levels))
    assert level.shape == (4, 2250)
    assert size == (9000, 4)
    image = smooth_image()
    assert level_for_screen(image)[0] is image
