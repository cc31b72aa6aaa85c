from __future__ import annotations

import pytest

from engines.core.sampler import StepSampler, epoch_order, sample_seed


def test_seeds_differ_by_run_epoch_and_index() -> None:
    seeds = {sample_seed(run, epoch, index) for run in (0, 1) for epoch in range(5) for index in range(20)}
    assert len(seeds) == 200
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_seed_is_the_same_in_every_process() -> None:
    assert sample_seed(3, 2, 1) == 1760858510


def test_order_is_a_permutation_that_changes_with_the_epoch() -> None:
    first, second = epoch_order(7, 0, 30), epoch_order(7, 1, 30)
    assert sorted(first) == list(range(30)) == sorted(second)
    assert first != second
    assert first == epoch_order(7, 0, 30)


@pytest.mark.parametrize(
    ("num_items", "batch_size", "accumulate"), [(10, 3, 2), (7, 7, 1), (1, 4, 3), (9, 2, 2)]
)
def test_every_item_is_drawn_once_an_epoch(num_items: int, batch_size: int, accumulate: int) -> None:
    sampler = StepSampler(num_items, batch_size, accumulate, seed=5)
    batches = list(sampler.batches(0))
    assert sorted(index for batch in batches for index, _ in batch) == list(range(num_items))
    counts = [sampler.num_batches(step) for step in range(sampler.steps_per_epoch)]
    assert sum(counts) == len(batches) == sampler.batches_per_epoch
    assert all(count > 0 for count in counts)


def test_batches_from_the_middle_are_the_rest_of_the_epoch() -> None:
    sampler = StepSampler(23, 3, 2, seed=1)
    assert list(sampler.batches(4, first_step=2)) == list(sampler.batches(4))[4:]


def test_position_counts_epochs() -> None:
    sampler = StepSampler(10, 2, 1, seed=0)
    assert sampler.position(0) == (0, 0)
    assert sampler.position(7) == (1, 2)
    assert sampler.position(10) == (2, 0)


def test_devices_share_the_items_in_batches_of_equal_number() -> None:
    samplers = [StepSampler(11, 2, 1, seed=0, rank=rank, world_size=3) for rank in range(3)]
    dealt = [list(sampler.batches(0)) for sampler in samplers]
    assert len({len(batches) for batches in dealt}) == 1
    drawn = [index for batches in dealt for batch in batches for index, _ in batch]
    assert set(drawn) == set(range(11))
    assert len(drawn) == 12
