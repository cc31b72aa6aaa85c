from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from engines.segmentation.losses import (
    UncertaintyWeights,
    binary_focal_loss,
    cosine,
    grade_loss,
    mask_loss,
    projected,
    soft_dice_loss,
    task_gradients,
    with_projected_gradient,
)
from engines.segmentation.slices.grade_weights import class_weights


def test_the_known_weights_of_the_grades() -> None:
    assert class_weights(76, 293) == pytest.approx((2.428, 0.630), abs=5e-4)
    assert class_weights(76, 293, 1.5)[0] == pytest.approx(3.641, abs=5e-4)
    assert class_weights(0, 5) == (0.0, 0.5)


def test_right_masks_cost_nothing_and_wrong_ones_everything() -> None:
    target = torch.zeros(2, 1, 8, 8)
    target[:, :, 2:6, 2:6] = 1
    sure = 40 * target - 20
    assert float(mask_loss(sure, target, 0.5, 1.5)) == pytest.approx(0, abs=0.01)
    assert float(soft_dice_loss(-sure, target)) > 0.9


def test_focal_loss_without_gamma_is_cross_entropy() -> None:
    logits, target = torch.randn(2, 1, 4, 4), torch.ones(2, 1, 4, 4)
    expected = nn.functional.binary_cross_entropy_with_logits(logits, target)
    assert torch.allclose(binary_focal_loss(logits, target, 0.0), expected)
    assert float(binary_focal_loss(logits, target, 2.0)) < float(expected)


def test_a_surely_wrong_subject_still_has_a_gradient() -> None:
    logits = torch.tensor([[-30.0, 30.0]], requires_grad=True)
    loss = grade_loss(logits, torch.tensor([0]), torch.tensor([2.4, 0.6]), 2.0)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(144.0, rel=1e-3)
    assert logits.grad is not None
    assert float(logits.grad.abs().max()) > 1


def test_unknown_grades_do_not_count() -> None:
    logits, alpha = torch.randn(3, 2), torch.ones(2)
    some = grade_loss(logits, torch.tensor([1, -1, -1]), alpha, 2.0)
    assert torch.allclose(some, grade_loss(logits[:1], torch.tensor([1]), alpha, 2.0))
    assert float(grade_loss(logits, torch.tensor([-1, -1, -1]), alpha, 2.0)) == 0.0


def test_learned_weights_settle_where_the_formula_says() -> None:
    weights = UncertaintyWeights()
    assert weights.sigmas() == pytest.approx((1.0, 1.0))
    optimiser = torch.optim.Adam(weights.parameters(), lr=0.05)
    first, second = torch.tensor(0.6), torch.tensor(0.4)
    for _ in range(400):
        optimiser.zero_grad()
        weights(first, second).backward()
        optimiser.step()
    assert weights.sigmas() == pytest.approx((math.sqrt(0.6), math.sqrt(0.8)), abs=0.01)


def test_learned_weights_are_bounded_when_a_task_is_solved() -> None:
    weights = UncertaintyWeights()
    optimiser = torch.optim.Adam(weights.parameters(), lr=0.5)
    for _ in range(300):
        optimiser.zero_grad()
        loss = weights(torch.tensor(0.0), torch.tensor(0.0))
        loss.backward()
        optimiser.step()
    assert float(weights.log_variances().detach().min()) >= -2
    assert bool(torch.isfinite(loss))


def test_gradients_in_conflict_are_projected() -> None:
    first, second = [torch.tensor([1.0, 0.0])], [torch.tensor([-1.0, 1.0])]
    assert cosine(first, second) == pytest.approx(-math.sqrt(0.5))
    (joined,) = projected(first, second)
    assert float(joined @ first[0]) >= 0
    assert float(joined @ second[0]) >= 0
    in_peace = [torch.tensor([1.0, 2.0])]
    assert torch.equal(projected(first, in_peace)[0], torch.tensor([2.0, 2.0]))
    assert cosine(first, [torch.zeros(2)]) is None


def test_a_projected_loss_keeps_its_value_and_gives_the_projected_gradient() -> None:
    shared = nn.Parameter(torch.tensor([1.0, 2.0]))
    own = nn.Parameter(torch.tensor([3.0]))
    first = shared[0] * 2 + own[0]
    second = -shared[0] + shared[1]
    wanted = projected(task_gradients(first, [shared]), task_gradients(second, [shared]))[0]
    total, angle = with_projected_gradient(first, second, [shared])
    assert float(total.detach()) == pytest.approx(float((first + second).detach()))
    assert angle is not None
    assert angle < 0
    total.backward()
    assert shared.grad is not None
    assert torch.allclose(shared.grad, wanted)
    assert own.grad is not None
    assert float(own.grad) == 1.0
