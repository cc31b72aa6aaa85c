"""Field of view and common size."""

from __future__ import annotations

import numpy as np
import pytest

from engines.contract.geometry import apply_homography
from engines.imaging.field_of_view import common_size, erode_field_of_view, field_of_view, resize
from engines.imaging.opencv import cv2
from engines.imaging.transforms.warping import rotate_on_enlarged_canvas


def _eye(side: int = 400, radius: float = 180.0, panel: int = 0, seed: int = 0) -> np.ndarray:
    rows, columns = np.indices((side, side))
    disc = np.hypot(rows - side / 2, columns - side / 2) < radius
    texture = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 40, (side, side)), (0, 0), 2)
    return np.where(disc, (130 + texture).clip(60, 255), panel).astype(np.uint8)


def _share_wrong(mask: np.ndarray, radius: float) -> float:
    rows, columns = np.indices(mask.shape)
    disc = np.hypot(rows - mask.shape[0] / 2, columns - mask.shape[1] / 2) < radius
    return float((mask != disc).mean())


@pytest.mark.parametrize("panel", [0, 8, 25, 70, 200])
def test_disc_is_found_on_black_and_on_grey_panels(panel: int) -> None:
    # The window that finds flat panels reaches 3 px over the rim; the erosion takes that back.
    assert _share_wrong(field_of_view(_eye(panel=panel)), 181.5) < 0.02


def test_caption_is_dropped_and_holes_are_filled() -> None:
    image = _eye()
    cv2.putText(image, "OD 12:30", (5, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1)
    image[180:220, 180:220] = 0
    mask = field_of_view(image)
    assert not mask[:30, :90].any()
    assert mask[180:220, 180:220].all()


def test_nothing_to_see_gives_the_whole_image() -> None:
    assert field_of_view(np.zeros((60, 80), np.uint8)).all()
    assert field_of_view(np.full((60, 80, 3), 255, np.uint8)).all()


def test_erosion_counts_the_outside_as_background() -> None:
    eroded = erode_field_of_view(np.ones((200, 400), bool))
    assert not eroded[:6].any()
    assert not eroded[:, -6:].any()
    assert eroded[6:-6, 6:-6].all()


def test_common_size_gives_the_disc_one_diameter_whatever_canvas_and_turn() -> None:
    image = _eye()
    wide = cv2.copyMakeBorder(image, 0, 100, 150, 20, cv2.BORDER_CONSTANT, value=0)
    turned, _ = rotate_on_enlarged_canvas(wide, 27.0)
    for version in (image, wide, turned):
        size, matrix = common_size(version)
        diameter = 360 * matrix[0, 0]
        assert diameter == pytest.approx(640, rel=0.03)
        assert resize(version, size).shape == (size[1], size[0])


def test_matrix_of_the_common_size_keeps_image_edges() -> None:
    image = _eye()
    size, matrix = common_size(image)
    np.testing.assert_allclose(
        apply_homography(matrix, [[-0.5, -0.5], [399.5, 399.5]]),
        [[-0.5, -0.5], [size[0] - 0.5, size[1] - 0.5]],
        atol=1e-9,
    )


def test_common_size_is_limited() -> None:
    speck = np.zeros((4000, 4000), np.uint8)
    assert max(common_size(speck)[0]) <= 1408
    assert max(common_size(np.full((32, 900), 90, np.uint8))[0]) >= 320
