from __future__ import annotations

import numpy as np
import pytest

from engines.imaging.transforms.local_uncertainty import LocalUncertainty, uncertainty_of
from engines.imaging.transforms.point_transform import ProjectiveTransform

GRID = np.array([[x, y] for x in (100.0, 200.0, 300.0) for y in (100.0, 200.0, 300.0)])


def test_equal_residuals_give_their_value_at_a_pair() -> None:
    uncertainty = LocalUncertainty(GRID, np.full(9, 4.0))
    assert uncertainty.radius_px((200.0, 200.0)) == pytest.approx(4.0)


def test_radius_grows_in_proportion_far_outside() -> None:
    uncertainty = LocalUncertainty(GRID, np.full(9, 4.0))
    near, far, farther = (uncertainty.radius_px((x, 200.0)) for x in (300.0, 1300.0, 2300.0))
    assert near < far < farther
    assert farther / far == pytest.approx(2.0, rel=0.02)


def test_a_bad_pair_widens_the_circle_near_it_most() -> None:
    residuals = np.full(9, 1.0)
    residuals[0] = 20.0
    uncertainty = LocalUncertainty(GRID, residuals)
    assert uncertainty.radius_px((100.0, 100.0)) > 1.5 * uncertainty.radius_px((300.0, 300.0))


def test_two_pairs_say_nothing() -> None:
    assert LocalUncertainty(GRID[:2], np.ones(2)).radius_px((0.0, 0.0)) is None


def test_pairs_on_one_line_still_have_a_spacing() -> None:
    line = np.array([[0.0, 50.0], [100.0, 50.0], [200.0, 50.0]])
    assert LocalUncertainty(line, np.ones(3)).spacing_px > 30


def test_own_fit_counts_left_out_residuals_and_a_foreign_transform_its_distance() -> None:
    transform = ProjectiveTransform(np.eye(3))
    moving = GRID + np.array([3.0, 4.0])
    own = uncertainty_of(transform, GRID, moving, np.full(9, 5.0), np.full(9, 7.0))
    foreign = uncertainty_of(transform, GRID, moving, np.full(9, 0.2), np.full(9, 0.3))
    assert own is not None
    assert foreign is not None
    assert own.radius_px((200.0, 200.0)) == pytest.approx(7.0)
    assert foreign.radius_px((200.0, 200.0)) == pytest.approx(5.0)


def test_an_exact_fit_without_left_out_residuals_is_not_called_certain() -> None:
    nothing = np.full(4, np.nan)
    assert uncertainty_of(ProjectiveTransform(np.eye(3)), GRID[:4], GRID[:4], np.zeros(4), nothing) is None
