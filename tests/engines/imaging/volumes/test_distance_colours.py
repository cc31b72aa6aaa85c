from __future__ import annotations

import numpy as np
import pytest

from engines.imaging.volumes.distance_colours import distance_colours, paint_distance, scale_end_mm

ENDS = ("#D55E00", "#0072B2")


def test_scale_ends_at_a_round_distance() -> None:
    assert scale_end_mm(np.array([0.1, 1.3, 1.7], np.float32)) == 2.0
    assert scale_end_mm(np.full(9, 5.0, np.float32)) == 5.0
    assert scale_end_mm(np.full(9, 12.0, np.float32)) == 20.0
    assert scale_end_mm(np.zeros(0, np.float32)) == 0.5


def test_one_outlier_does_not_stretch_the_scale() -> None:
    assert scale_end_mm(np.array([0.4] * 999 + [80.0], np.float32)) == 0.5


def test_ends_have_the_colours_of_removed_and_added() -> None:
    colours = distance_colours(np.array([-3.0, -2.0, 0.0, 2.0]), 2.0, ENDS)
    np.testing.assert_array_equal(colours[0], colours[1])
    np.testing.assert_array_equal(colours[1], [0xD5, 0x5E, 0x00])
    np.testing.assert_array_equal(colours[2], [0xF2, 0xF2, 0xF2])
    np.testing.assert_array_equal(colours[3], [0x00, 0x72, 0xB2])


def test_only_the_surface_is_painted() -> None:
    distance = np.full((4, 5), np.nan, np.float32)
    distance[1, 2] = 1.0
    painted = paint_distance(np.full((4, 5), 100, np.uint8), distance, 1.0, ENDS)
    assert tuple(painted[1, 2]) == (0x00, 0x72, 0xB2)
    others = np.delete(painted.reshape(-1, 3), 1 * 5 + 2, axis=0)
    assert set(others.ravel().tolist()) == {45}
    assert painted.dtype == np.uint8


@pytest.mark.parametrize("size", [0, 3])
def test_no_surface_is_no_paint(size: int) -> None:
    painted = paint_distance(np.zeros((size, 4), np.uint8), np.full((size, 4), np.nan, np.float32), 1.0, ENDS)
    assert painted.shape == (size, 4, 3)
    assert not painted.any()
