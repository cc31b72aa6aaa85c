from __future__ import annotations

import pytest
import torch
from torch import nn

from engines.core.ema import WeightAverage


def network(value: float) -> nn.Module:
    module = nn.BatchNorm1d(2)
    nn.init.constant_(module.weight, value)
    return module


def test_average_moves_towards_the_weights_by_the_decay() -> None:
    module = network(0.0)
    average = WeightAverage(module, decay=0.9)
    average.num_updates = 10_000  # past the beginning, where the decay is smaller
    nn.init.constant_(module.weight, 1.0)
    average.update(module)
    assert average.weights()["weight"].tolist() == pytest.approx([0.1, 0.1])


def test_first_updates_forget_the_start_quickly() -> None:
    module = network(0.0)
    average = WeightAverage(module, decay=0.999)
    nn.init.constant_(module.weight, 1.0)
    average.update(module)
    assert average.weights()["weight"][0].item() == pytest.approx(1 - 2 / 11)


def test_entries_that_are_not_averaged_are_copied() -> None:
    module = network(0.0)
    average = WeightAverage(module, decay=0.999, is_averaged=lambda name: name != "weight")
    nn.init.constant_(module.weight, 1.0)
    average.update(module)
    assert average.weights()["weight"].tolist() == [1.0, 1.0]


def test_whole_numbers_are_copied() -> None:
    module = network(1.0)
    average = WeightAverage(module, decay=0.9)
    module(torch.randn(4, 2))
    average.update(module)
    assert average.weights()["num_batches_tracked"].item() == 1


def test_weights_come_back_after_an_error() -> None:
    module = network(0.0)
    average = WeightAverage(module, decay=0.9)
    nn.init.constant_(module.weight, 3.0)
    seen: list[float] = []
    with pytest.raises(RuntimeError, match="broken"), average.applied_to(module):  # noqa: PT012
        seen = module.weight.tolist()
        raise RuntimeError("broken")
    assert seen == [0.0, 0.0]
    assert module.weight.tolist() == [3.0, 3.0]
