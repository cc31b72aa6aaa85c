"""The work lattice, and the way back to the native grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engines.imaging.volumes.label_metrics import Spacing
from engines.refinement.data import make_case
from engines.refinement.lattice import lattice_around

Draw = Callable[..., Any]
SHAPE = (40, 34, 28)
SPACINGS = [(1.0, 1.0, 1.0), (0.4, 0.4, 0.7), (0.9, 0.5, 1.3)]


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_refined_field_that_equals_the_input_returns_every_voxel(
    spacing: Spacing, vessel: Draw, ct_of: Draw
) -> None:
    mask = vessel(SHAPE, 1)
    case = make_case("a", ct_of(mask, spacing=spacing), mask, spacing_mm=1.0, margin_mm=4.0)
    back = case.lattice.refined_mask(mask, case.occupancy, case.occupancy)
    np.testing.assert_array_equal(back, mask)


def test_where_the_field_is_unsure_the_label_stays(vessel: Draw, ct_of: Draw) -> None:
    mask = vessel(SHAPE, 1)
    case = make_case("a", ct_of(mask), mask, spacing_mm=1.0, margin_mm=4.0)
    probability = np.full(case.lattice.shape, 0.6, dtype=np.float32)
    probability[:10] = 0.95
    probability[-10:] = 0.05
    box = case.lattice.native_box
    back = case.lattice.refined_mask(mask, case.occupancy, probability, keep_margin=0.3)[box]
    assert back[:10].all()
    assert not back[-10:].any()
    np.testing.assert_array_equal(back[10:-10], mask[box][10:-10])


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_change_on_the_lattice_comes_back_where_it_was_made(
    spacing: Spacing, vessel: Draw, ct_of: Draw
) -> None:
    mask = vessel(SHAPE, 1)
    case = make_case("a", ct_of(mask, spacing=spacing), mask, spacing_mm=0.5, margin_mm=4.0)
    lattice = case.lattice
    native = np.array([20, 8, 20])
    point = np.rint((native - lattice.start_ijk) / lattice.step_ijk).astype(int)
    refined = case.occupancy.copy()
    box = tuple(slice(max(0, at - 3), at + 4) for at in point)
    assert not refined[box].any()
    refined[box] = 1.0
    back = lattice.refined_mask(mask, case.occupancy, refined)
    changed = np.argwhere(back != mask)
    assert back[tuple(native)]
    assert np.abs((changed - native) * spacing).max() <= 3 * 0.5 + max(spacing)


def test_the_lattice_holds_the_margin_and_stays_in_the_volume() -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[2, 15:18, 10:12] = True
    lattice = lattice_around(mask, (1.0, 1.0, 1.0), 4.0, 1.0)
    assert lattice.is_crop
    assert lattice.native_box == (slice(0, 7), slice(11, 22), slice(6, 16))
    assert lattice.shape == (7, 11, 10)


def test_points_of_a_finer_lattice_lie_where_they_should(vessel: Draw) -> None:
    mask = vessel(SHAPE, 0)
    lattice = lattice_around(mask, (0.9, 0.5, 1.3), 3.0, 0.5)
    ramps = np.meshgrid(*map(np.arange, SHAPE), indexing="ij")
    for axis in range(3):
        sampled = lattice.sample(ramps[axis].astype(np.float32))
        line = np.moveaxis(sampled, axis, 0)[:, 1, 1]
        expected = lattice.start_ijk[axis] + np.arange(lattice.shape[axis]) * lattice.step_ijk[axis]
        inner = slice(3, -3)
        np.testing.assert_allclose(line[inner], np.minimum(expected, SHAPE[axis] - 1)[inner], atol=1e-3)


def test_occupancy_is_soft_and_keeps_the_volume(vessel: Draw, ct_of: Draw) -> None:
    mask = vessel(SHAPE, 2)
    case = make_case("a", ct_of(mask, spacing=(0.4, 0.4, 0.4)), mask, spacing_mm=0.8, margin_mm=4.0)
    assert case.occupancy.min() >= 0.0
    assert case.occupancy.max() <= 1.0
    volume = float(case.occupancy.sum()) * 0.8**3
    assert volume == pytest.approx(mask.sum() * 0.4**3, rel=0.05)
