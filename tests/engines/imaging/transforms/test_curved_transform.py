"""Quadratic transform and thin-plate spline: both directions, folds, and pairs that determine nothing."""

from __future__ import annotations

import numpy as np
import pytest

from engines.contract.errors import GeometryError
from engines.contract.geometry import apply_homography, resize_matrix
from engines.imaging.transforms.curved_transform import CurvedTransform, ResizedCurve
from engines.imaging.transforms.quadratic_transform import fit_quadratic
from engines.imaging.transforms.thin_plate_spline import fit_thin_plate_spline
from engines.imaging.transforms.transform_fits import fit_transform

CURVED = ["quadratic", "thin_plate_spline"]
SIZE = (640, 480)


def bend(points: np.ndarray) -> np.ndarray:
    """Turn, stretch and bow points like an eye does."""
    x, y = points.T / 640
    bowed = np.column_stack([12 * x * y + 8 * x * x, 9 * y * y - 7 * x * y])
    return points @ np.array([[1.05, 0.12], [-0.1, 0.92]]) + [20.0, -35.0] + bowed


@pytest.fixture
def moving() -> np.ndarray:
    return np.random.default_rng(7).uniform(0, 1, (30, 2)) * SIZE


def inside_hull(points: np.ndarray) -> np.ndarray:
    weights = np.random.default_rng(8).dirichlet(np.ones(len(points)), 200)
    return weights @ points


def test_quadratic_gives_its_own_transform_back(moving: np.ndarray) -> None:
    places = inside_hull(moving)
    mapped = fit_quadratic(moving, bend(moving)).apply(places)
    np.testing.assert_allclose(mapped, bend(places), atol=1e-9)


def test_quadratic_is_a_least_squares_minimum(moving: np.ndarray) -> None:
    fixed = bend(moving) + np.random.default_rng(1).normal(0, 3, moving.shape)
    left = fixed - fit_quadratic(moving, fixed).apply(moving)
    x, y = (moving / 640).T
    for term in (np.ones_like(x), x, y, x * x, x * y, y * y):
        # What is left has nothing in common with any term.
        np.testing.assert_allclose(term @ left, 0.0, atol=1e-8)


def test_spline_goes_through_every_pair_and_is_affine_where_the_pairs_are(moving: np.ndarray) -> None:
    fixed = bend(moving) + np.random.default_rng(1).normal(0, 3, moving.shape)
    np.testing.assert_allclose(fit_thin_plate_spline(moving, fixed).apply(moving), fixed, atol=1e-7)
    matrix = np.array([[1.1, 0.2], [-0.3, 0.9]])
    affine = fit_thin_plate_spline(moving, moving @ matrix + 5)
    far = np.array([[-2000.0, 900.0], [5000.0, 0.0]])
    np.testing.assert_allclose(affine.apply(far), far @ matrix + 5, atol=1e-6)


def test_smoothing_takes_the_spline_from_the_pairs_towards_the_affine_fit(moving: np.ndarray) -> None:
    fixed = bend(moving) + np.random.default_rng(1).normal(0, 3, moving.shape)
    affine = fit_transform("affine", moving, fixed).apply(moving)
    misses, distances = [], []
    for smoothing in (0.0, 0.01, 1.0, 1e4):
        mapped = fit_thin_plate_spline(moving, fixed, smoothing).apply(moving)
        misses.append(np.abs(mapped - fixed).mean())
        distances.append(np.abs(mapped - affine).mean())
    assert misses == sorted(misses)
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.01


@pytest.mark.parametrize("model", CURVED)
def test_way_there_and_back_ends_where_it_began(model: str, moving: np.ndarray) -> None:
    transform = fit_transform(model, moving, bend(moving))
    places = inside_hull(moving)
    np.testing.assert_allclose(transform.apply_inverse(transform.apply(places)), places, atol=1e-6)
    x, y = transform.map_back_xy(transform.map_xy((200.0, 150.0)))
    assert (x, y) == pytest.approx((200.0, 150.0), abs=1e-6)
    assert transform.matrix is None
    assert transform.scale_at((200.0, 150.0)) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("model", CURVED)
def test_slopes_are_those_of_the_map(model: str, moving: np.ndarray) -> None:
    transform = fit_transform(model, moving, bend(moving))
    assert isinstance(transform, CurvedTransform)
    places, step = inside_hull(moving)[:20], 1e-3
    mapped, jacobian = transform.apply_with_jacobian(places)
    np.testing.assert_allclose(mapped, transform.apply(places), atol=1e-9)
    for axis, offset in enumerate(np.eye(2) * step):
        slope = (transform.apply(places + offset) - transform.apply(places - offset)) / (2 * step)
        np.testing.assert_allclose(jacobian[:, :, axis], slope, atol=1e-5)


def test_places_without_a_way_back_are_not_finite() -> None:
    x, y = np.meshgrid(np.linspace(0, 100, 4), np.linspace(0, 100, 4))
    moving = np.column_stack([x.reshape(-1), y.reshape(-1)])
    # x grows and falls again: nothing lands right of 25.
    fixed = np.column_stack([moving[:, 0] - moving[:, 0] ** 2 / 100 + 0.2 * moving[:, 0], moving[:, 1]])
    back = fit_quadratic(moving, fixed).apply_inverse([[80.0, 50.0], [10.0, 50.0]])
    assert not np.isfinite(back[0]).any()
    assert np.isfinite(back[1]).all()


def test_folds_are_counted_over_the_image(moving: np.ndarray) -> None:
    smooth = fit_transform("thin_plate_spline", moving, bend(moving))
    assert isinstance(smooth, CurvedTransform)
    assert smooth.folded_share(SIZE) == 0.0
    crossed = bend(moving)
    order = np.argsort(np.hypot(*(moving - moving[0]).T))
    crossed[[order[0], order[1]]] = crossed[[order[1], order[0]]]
    folded = fit_transform("thin_plate_spline", moving, crossed)
    assert isinstance(folded, CurvedTransform)
    assert 0.0 < folded.folded_share(SIZE) < 0.5


@pytest.mark.parametrize("model", CURVED)
def test_mirrored_images_go_there_and_back_without_a_fold(model: str, moving: np.ndarray) -> None:
    transform = fit_transform(model, moving, bend(moving) * [-1.0, 1.0])
    assert isinstance(transform, CurvedTransform)
    assert transform.folded_share(SIZE) == 0.0
    places = inside_hull(moving)
    np.testing.assert_allclose(transform.apply_inverse(transform.apply(places)), places, atol=1e-6)


@pytest.mark.parametrize(("model", "needed"), [("quadratic", 6), ("thin_plate_spline", 3)])
def test_smallest_number_of_pairs_is_exact_and_one_fewer_is_refused(
    model: str, needed: int, moving: np.ndarray
) -> None:
    few, fixed = moving[:needed], bend(moving[:needed])
    np.testing.assert_allclose(fit_transform(model, few, fixed).apply(few), fixed, atol=1e-6)
    with pytest.raises(GeometryError, match=f"{needed} are needed") as caught:
        fit_transform(model, few[1:], fixed[1:])
    assert str(caught.value.remedy)


@pytest.mark.parametrize("model", CURVED)
def test_points_on_a_line_are_refused_with_advice(model: str) -> None:
    line = np.column_stack([np.arange(8.0) * 30, np.arange(8.0) * 20 + 5])
    with pytest.raises(GeometryError, match="one line") as caught:
        fit_transform(model, line, line + 3)
    assert str(caught.value.remedy)


def test_points_on_a_circle_do_not_determine_a_quadratic() -> None:
    angle = np.linspace(0, 6, 12)
    circle = np.column_stack([np.cos(angle), np.sin(angle)]) * 100 + 200
    with pytest.raises(GeometryError, match="circle") as caught:
        fit_transform("quadratic", circle, circle + 1)
    assert "affine" in str(caught.value.remedy)


def test_pairs_that_share_a_point_have_no_exact_spline(moving: np.ndarray) -> None:
    moving[4] = moving[3]
    fixed = bend(moving)
    fixed[4] += 9.0
    with pytest.raises(GeometryError, match="share a point") as caught:
        fit_transform("thin_plate_spline", moving, fixed)
    assert "exclude" in str(caught.value.remedy)
    # A smooth one goes between them.
    middle = fit_thin_plate_spline(moving, fixed, smoothing=0.01).apply(moving[[3]])[0]
    assert np.hypot(*(middle - fixed[[3, 4]].mean(axis=0))) < 4.0


@pytest.mark.parametrize("model", CURVED)
def test_missing_coordinates_are_refused(model: str, moving: np.ndarray) -> None:
    fixed = bend(moving)
    fixed[3, 0] = np.nan
    with pytest.raises(GeometryError, match="finite"):
        fit_transform(model, moving, fixed)


@pytest.mark.parametrize("model", CURVED)
def test_resized_copies_map_like_the_images(model: str, moving: np.ndarray) -> None:
    transform = fit_transform(model, moving, bend(moving))
    assert isinstance(transform, CurvedTransform)
    halved, doubled = resize_matrix((640, 480), (320, 240)), resize_matrix((640, 480), (1280, 960))
    resized = ResizedCurve(transform, halved, doubled)
    places = inside_hull(moving)
    small, large = apply_homography(halved, places), apply_homography(doubled, transform.apply(places))
    np.testing.assert_allclose(resized.apply(small), large, atol=1e-8)
    np.testing.assert_allclose(resized.apply_inverse(large), small, atol=1e-6)
