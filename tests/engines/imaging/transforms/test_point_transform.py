from __future__ import annotations

import numpy as np
import pytest

from engines.contract.errors import GeometryError
from engines.imaging.transforms.point_transform import ProjectiveTransform, between_sizes

TILTED = np.array([[1.1, 0.2, 5.0], [-0.1, 0.9, -7.0], [1e-4, -2e-4, 1.0]])


def test_points_come_back_through_the_inverse() -> None:
    transform = ProjectiveTransform(TILTED)
    points = np.array([(0.0, 0.0), (120.5, 33.0), (300.0, 200.0)])

    assert np.allclose(transform.apply_inverse(transform.apply(points)), points)


def test_matrix_is_normalised() -> None:
    assert np.allclose(ProjectiveTransform(3.0 * TILTED).matrix, TILTED)


def test_scale_is_the_root_of_the_area_a_pixel_covers() -> None:
    transform = ProjectiveTransform(np.diag([2.0, 8.0, 1.0]))

    assert transform.scale_at((10.0, 10.0)) == pytest.approx(4.0)


def test_a_point_on_the_horizon_has_no_image() -> None:
    transform = ProjectiveTransform([[1, 0, 0], [0, 1, 0], [-0.01, 0, 1]])

    assert transform.map_xy((100.0, 20.0)) is None
    assert transform.map_xy((50.0, 20.0)) is not None


def test_sizes_lay_one_whole_image_on_another() -> None:
    transform = between_sizes((100, 50), (200, 100))

    assert transform.map_xy((-0.5, -0.5)) == pytest.approx((-0.5, -0.5))
    assert transform.map_xy((99.5, 49.5)) == pytest.approx((199.5, 99.5))


def test_a_matrix_without_inverse_is_refused() -> None:
    with pytest.raises(GeometryError):
        ProjectiveTransform(np.diag([1.0, 0.0, 1.0]))
