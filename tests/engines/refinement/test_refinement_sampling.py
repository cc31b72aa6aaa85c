"""Strata, exact weights, and the estimates made with them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import ndimage

from engines.contract.errors import GeometryError
from engines.refinement.losses import weighted_dice, weighted_focal
from engines.refinement.training.sampling import INSIDE, NEAR, band_share_at, counts_of, draw, strata_of

SHAPE = (40, 56, 72)


@pytest.fixture(scope="module")
def mask(vessel: Callable[..., np.ndarray]) -> np.ndarray:
    return vessel(SHAPE, 0)


@pytest.fixture(scope="module")
def occupancy(mask: np.ndarray) -> np.ndarray:
    return mask.astype(np.float32)


def test_strata_are_disjoint_and_hold_every_point(mask: np.ndarray, occupancy: np.ndarray) -> None:
    strata = strata_of(occupancy)
    together = np.concatenate(strata.indices)
    assert len(together) == strata.num_points == mask.size
    assert len(np.unique(together)) == mask.size


def test_band_points_lie_at_the_boundary_in_array_axes(mask: np.ndarray, occupancy: np.ndarray) -> None:
    """The axis test: unequal sides and an asymmetric mask; swapped axes put the band elsewhere."""
    strata = strata_of(occupancy, near=2.0)
    drawn = draw(strata, counts_of(strata, 4000, 0.5), np.random.default_rng(0))
    distance = ndimage.distance_transform_edt(~mask)
    at = drawn.points_ijk
    is_band = (drawn.strata == INSIDE) | (drawn.strata == NEAR)
    assert distance[tuple(at[is_band].T)].max() <= 2.0
    assert mask[tuple(at[drawn.strata == INSIDE].T)].all()
    swapped = at[is_band][:, ::-1].copy()
    inside = (swapped < SHAPE).all(axis=1)
    assert (distance[tuple(swapped[inside].T)] > 2.0).mean() > 0.5


def test_weights_have_mean_one_and_sum_to_each_stratum(occupancy: np.ndarray) -> None:
    strata = strata_of(occupancy)
    drawn = draw(strata, counts_of(strata, 8000, 0.5), np.random.default_rng(0))
    assert drawn.weights.mean() == pytest.approx(1.0, abs=1e-4)
    for number, indices in enumerate(strata.indices):
        share = drawn.weights[drawn.strata == number].sum() / len(drawn.weights)
        assert share == pytest.approx(len(indices) / strata.num_points, rel=1e-4)
    assert drawn.effective_num_points < len(drawn.weights)


def _lattice_dice(probability: np.ndarray, occupancy: np.ndarray) -> float:
    return float(2 * (probability * occupancy).sum() / (probability + occupancy).sum())


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_weighted_dice_estimates_the_lattice_and_unweighted_does_not(
    share: float, occupancy: np.ndarray
) -> None:
    generator = np.random.default_rng(3)
    # Vessel mostly found, and false vessel all over.
    probability = 0.85 * ndimage.gaussian_filter(occupancy, 0.7) + 0.01 * generator.random(SHAPE)
    truth = _lattice_dice(probability, occupancy)
    strata = strata_of(occupancy)
    counts = counts_of(strata, 8192, share)
    weighted, unweighted = [], []
    for _ in range(200):
        drawn = draw(strata, counts, generator)
        at = tuple(drawn.points_ijk.T)
        values = torch.from_numpy(probability[at].astype(np.float32))
        target = torch.from_numpy(occupancy[at])
        weighted.append(float(weighted_dice(values, target, torch.from_numpy(drawn.weights))))
        unweighted.append(float(weighted_dice(values, target, torch.ones(len(values)))))
    assert np.mean(weighted) == pytest.approx(truth, rel=0.01)
    assert abs(np.mean(unweighted) - truth) > 0.05 * truth


def test_weighted_focal_estimates_the_lattice(mask: np.ndarray, occupancy: np.ndarray) -> None:
    generator = np.random.default_rng(4)
    logits = (6.0 * occupancy - 3.0 + generator.normal(0, 1, SHAPE)).astype(np.float32)
    everywhere = weighted_focal(
        torch.from_numpy(logits.ravel()), torch.from_numpy(occupancy.ravel()), torch.ones(mask.size), 4.0
    )
    strata = strata_of(occupancy)
    found = []
    for _ in range(100):
        drawn = draw(strata, counts_of(strata, 8192, 0.5), generator)
        at = tuple(drawn.points_ijk.T)
        found.append(
            float(
                weighted_focal(
                    torch.from_numpy(logits[at]),
                    torch.from_numpy(occupancy[at]),
                    torch.from_numpy(drawn.weights),
                    4.0,
                )
            )
        )
    assert np.mean(found) == pytest.approx(float(everywhere), rel=0.03)


def test_an_empty_stratum_leaves_its_points_to_the_others() -> None:
    occupancy = np.zeros((5, 6, 7), dtype=np.float32)
    occupancy[1:4, 2:4, 3:5] = 1.0
    strata = strata_of(occupancy, near=2.0, far=20.0)
    counts = counts_of(strata, 1000, 0.5)
    assert counts[3] == 0
    assert sum(counts) == pytest.approx(1000, abs=3)
    drawn = draw(strata, counts, np.random.default_rng(0))
    assert drawn.weights.mean() == pytest.approx(1.0, abs=1e-4)


def test_a_label_finer_than_the_lattice_is_refused() -> None:
    with pytest.raises(GeometryError, match="work_spacing_mm"):
        strata_of(np.full((4, 4, 4), 0.3, dtype=np.float32))


def test_the_curriculum_has_three_equal_parts() -> None:
    shares = [band_share_at(epoch, 300, (0.5, 0.3, 0.1)) for epoch in (0, 99, 100, 199, 200, 299)]
    assert shares == [0.5, 0.5, 0.3, 0.3, 0.1, 0.1]
