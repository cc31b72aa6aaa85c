"""The written-down conventions, checked against hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest

from engines.contract import geometry
from engines.contract.errors import GeometryError


def test_homography_maps_points_and_its_inverse_maps_them_back() -> None:
    matrix = np.array([[1.1, 0.2, 5.0], [-0.1, 0.9, -3.0], [1e-4, -2e-4, 1.0]])
    points = np.array([[0.0, 0.0], [100.0, 50.0], [-20.0, 7.5]])
    mapped = geometry.apply_homography(matrix, points)
    expected = np.array([(1.1 * 100 + 0.2 * 50 + 5) / 1.0, (-0.1 * 100 + 0.9 * 50 - 3) / 1.0])
    np.testing.assert_allclose(mapped[1], expected)
    np.testing.assert_allclose(geometry.apply_homography(geometry.invert(matrix), mapped), points, atol=1e-9)


def test_resize_matrix_keeps_image_edges_on_image_edges() -> None:
    matrix = geometry.resize_matrix((10, 20), (25, 10))
    edges = geometry.apply_homography(matrix, [[-0.5, -0.5], [9.5, 19.5]])
    np.testing.assert_allclose(edges, [[-0.5, -0.5], [24.5, 9.5]])


def test_positive_angle_turns_counter_clockwise_on_the_screen() -> None:
    matrix = geometry.similarity_matrix(90.0, 1.0, (0.0, 0.0))
    # To the right becomes up, and up is negative y.
    np.testing.assert_allclose(geometry.apply_homography(matrix, [[1.0, 0.0]]), [[0.0, -1.0]], atol=1e-12)


def test_rotation_by_zero_changes_nothing() -> None:
    matrix, size = geometry.rotation_on_enlarged_canvas((31, 17), 0.0)
    assert size == (31, 17)
    np.testing.assert_array_equal(matrix, np.eye(3))


@pytest.mark.parametrize("angle_deg", [15.0, 30.0, 60.0, 90.0, -135.0])
def test_rotation_on_enlarged_canvas_cuts_nothing(angle_deg: float) -> None:
    matrix, size = geometry.rotation_on_enlarged_canvas((64, 40), angle_deg)
    edges = np.array([[-0.5, -0.5], [63.5, -0.5], [63.5, 39.5], [-0.5, 39.5]])
    turned = geometry.apply_homography(matrix, edges)
    assert np.all(turned >= -0.5 - 1e-6)
    assert np.all(turned <= np.array(size) - 0.5 + 1e-6)


def test_points_of_a_wrong_shape_are_refused() -> None:
    with pytest.raises(GeometryError, match=r"\(N, 2\)"):
        geometry.apply_homography(np.eye(3), [[1.0, 2.0, 3.0]])


def test_singular_matrix_is_refused() -> None:
    with pytest.raises(GeometryError, match="singular"):
        geometry.invert(np.zeros((3, 3)))


def test_volume_geometry_round_trip_on_an_oblique_flipped_anisotropic_grid() -> None:
    angle = np.deg2rad(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-0.5, 0.7, 2.5])
    affine[:3, 3] = [12.0, -34.0, 56.0]
    volume = geometry.VolumeGeometry((4, 5, 6), affine)
    np.testing.assert_allclose(volume.spacing_mm, (2.5, 0.7, 0.5))
    voxels = np.array([[0.0, 0.0, 0.0], [3.0, 4.0, 5.0], [1.5, 0.0, 2.0]])
    world = volume.world_from_voxel(voxels)
    np.testing.assert_allclose(world[0], affine[:3, 3])
    # One step along x of the array moves along the first column of the affine.
    step = volume.world_from_voxel([[0, 0, 1]])[0] - world[0]
    np.testing.assert_allclose(step, affine[:3, 0])
    np.testing.assert_allclose(volume.voxel_from_world(world), voxels, atol=1e-9)


def test_grids_are_the_same_only_with_shape_and_affine() -> None:
    volume = geometry.VolumeGeometry((4, 5, 6), np.eye(4))
    shifted = np.eye(4)
    shifted[0, 3] = 0.01
    assert volume.is_same_grid(geometry.VolumeGeometry((4, 5, 6), np.eye(4)))
    assert not volume.is_same_grid(geometry.VolumeGeometry((4, 5, 6), shifted))
    assert not volume.is_same_grid(geometry.VolumeGeometry((4, 5, 7), np.eye(4)))
