"""Inverse of curved transforms on a grid, and images warped through it."""

from __future__ import annotations

import numpy as np
import pytest

from engines.imaging.transforms.point_transform import PointTransform
from engines.imaging.transforms.sampling_map import PREVIEW_NODES, sampling_map
from engines.imaging.transforms.transform_fits import fit_transform
from engines.imaging.transforms.warping import resample, warp_to_fixed

SIZE = (611, 397)


def eye_like(model: str) -> PointTransform:
    """Return the transform of 25 pairs that lie up to 12 px off an affine one."""
    moving = np.random.default_rng(4).uniform(0, 1, (25, 2)) * SIZE
    fixed = moving @ np.array([[1.05, 0.1], [-0.08, 0.95]]) + [-20.0, 12.0]
    return fit_transform(model, moving, fixed + 8 * np.sin(moving / 180))


def pixels(size: tuple[int, int]) -> np.ndarray:
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    return np.column_stack([x.reshape(-1), y.reshape(-1)]).astype(float)


@pytest.mark.parametrize("model", ["quadratic", "thin_plate_spline"])
@pytest.mark.parametrize(("num_nodes", "limit_px"), [(PREVIEW_NODES, 0.25), (256, 0.03)])
def test_grid_is_close_to_the_inverse_of_every_pixel(model: str, num_nodes: int, limit_px: float) -> None:
    transform = eye_like(model)
    exact = transform.apply_inverse(pixels(SIZE))
    error = np.hypot(*(sampling_map(transform, SIZE, num_nodes).reshape(-1, 2) - exact).T)
    assert np.isfinite(exact).all()
    assert error.max() < limit_px
    assert error.mean() < limit_px / 10


def test_one_node_a_pixel_is_exact() -> None:
    transform = eye_like("thin_plate_spline")
    found = sampling_map(transform, (40, 30), 64).reshape(-1, 2)
    np.testing.assert_allclose(found, transform.apply_inverse(pixels((40, 30))), atol=1e-4)


def test_affine_pairs_warp_alike_whether_by_matrix_or_by_spline() -> None:
    rng = np.random.default_rng(0)
    moving = np.kron(rng.integers(0, 255, (20, 30), dtype=np.uint8), np.ones((16, 16), np.uint8))
    places = rng.uniform(0, 300, (12, 2))
    mapped = places @ np.array([[1.1, 0.1], [-0.1, 0.9]]) + 9
    by_matrix = warp_to_fixed(moving, fit_transform("affine", places, mapped), SIZE)
    by_spline = warp_to_fixed(moving, fit_transform("thin_plate_spline", places, mapped), SIZE)
    assert by_spline.shape == (SIZE[1], SIZE[0])
    assert np.mean(np.abs(by_matrix.astype(int) - by_spline)) < 0.6


def test_labels_stay_labels_and_outside_is_zero() -> None:
    labels = np.full((397, 611), 7, np.uint16)
    warped = warp_to_fixed(labels, eye_like("thin_plate_spline"), (900, 700), "nearest")
    assert warped.dtype == np.uint16
    assert set(np.unique(warped)) == {0, 7}


def test_pixels_without_a_way_back_are_black() -> None:
    x, y = np.meshgrid(np.linspace(0, 100, 4), np.linspace(0, 100, 4))
    moving = np.column_stack([x.reshape(-1), y.reshape(-1)])
    fixed = np.column_stack([1.2 * moving[:, 0] - moving[:, 0] ** 2 / 100, moving[:, 1]])
    positions = sampling_map(fit_transform("quadratic", moving, fixed), (101, 101))
    assert np.isfinite(positions).all()
    warped = resample(np.full((101, 101), 200, np.uint8), positions)
    assert warped[50, 10] == 200
    assert (warped[:, 60:] == 0).all()
