"""Losses: known values, and what must not count."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from engines.registration.losses import dice_loss, infonce_loss, triplet_loss


def test_dice_is_zero_for_a_perfect_map_one_for_a_disjoint_one_and_absent_without_points() -> None:
    target = torch.zeros(2, 8, 8)
    target[0, 2:4, 2:4] = 1.0
    loss = dice_loss(target, target)
    assert loss is not None
    assert loss == pytest.approx(0.0, abs=1e-4)
    apart = dice_loss(target.flip(1), target)
    assert apart is not None
    assert apart == pytest.approx(1.0, abs=1e-3)
    half = dice_loss(0.5 * target, target)
    assert half is not None
    assert half == pytest.approx(1 - 2 * 2 / (1 + 4), abs=1e-3)
    assert dice_loss(target, torch.zeros_like(target)) is None


@pytest.mark.parametrize("name", ["infonce", "triplet"])
def test_right_descriptors_cost_less_than_shuffled_ones(name: str) -> None:
    torch.manual_seed(0)
    descriptors = functional.normalize(torch.randn(12, 16), dim=1)
    points = torch.rand(12, 2) * 200
    index = torch.arange(12) // 6

    def loss(moving: torch.Tensor) -> torch.Tensor:
        arguments = (descriptors, moving, points, points, index)
        if name == "infonce":
            found = infonce_loss(*arguments, temperature=0.07, exclusion_px=8.0)
        else:
            found = triplet_loss(*arguments, margin=0.8, exclusion_px=8.0)
        assert found is not None
        return found

    assert loss(descriptors) < 0.5 * loss(descriptors.roll(1, 0))


def test_neighbours_of_the_partner_are_neither_right_nor_wrong() -> None:
    descriptors = functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]]), dim=1)
    near = torch.tensor([[10.0, 10.0], [12.0, 10.0], [90.0, 90.0]])
    index = torch.zeros(3, dtype=torch.long)
    arguments = (descriptors, descriptors, near, near, index)
    strict = infonce_loss(*arguments, temperature=0.1, exclusion_px=0.0)
    lenient = infonce_loss(*arguments, temperature=0.1, exclusion_px=8.0)
    assert strict is not None
    assert lenient is not None
    assert lenient < 0.1 * strict
    # In another image the same place is another place.
    apart = infonce_loss(
        descriptors, descriptors, near, near, torch.tensor([0, 1, 0]), temperature=0.1, exclusion_px=8.0
    )
    assert apart == pytest.approx(float(strict))


def test_a_single_point_has_no_descriptor_loss() -> None:
    one = torch.ones(1, 4)
    points = torch.zeros(1, 2)
    index = torch.zeros(1, dtype=torch.long)
    assert infonce_loss(one, one, points, points, index, temperature=0.1, exclusion_px=8) is None
    assert triplet_loss(one, one, points, points, index, margin=0.8, exclusion_px=8) is None
