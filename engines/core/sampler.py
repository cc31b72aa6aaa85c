"""Which samples an optimiser step sees: a pure function of the run's seed and the step.

There is no state to save. A resumed run asks for the step it comes to and gets the samples that an
uninterrupted run would have had.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

Draw = tuple[int, int]
"""Index of an item and the seed of its random choices."""

_SEED_LIMIT = 2**31
"""Small enough for every random generator that a task might seed, OpenCV's included."""


def sample_seed(run_seed: int, epoch: int, index: int) -> int:
    """Return the seed of one sample, ``0 <= seed < 2**31``."""
    return int(np.random.SeedSequence((run_seed, epoch, index)).generate_state(1, np.uint32)[0]) % _SEED_LIMIT


def epoch_order(run_seed: int, epoch: int, num_items: int) -> list[int]:
    """Return the order of the items in an epoch: a permutation of ``0 .. num_items - 1``."""
    order = np.random.default_rng((run_seed, epoch)).permutation(num_items)
    return [int(index) for index in order]


@dataclass(frozen=True, slots=True)
class StepSampler:
    """Deal the items of each epoch to steps, batches and devices.

    Parameters
    ----------
    num_items : int
    batch_size : int
        Items in one batch of one device.
    accumulate_batches : int
        Batches of one device in one step; the last step of an epoch may have fewer.
    seed : int
    rank, world_size : int
        Which of how many devices this one is.
    """

    num_items: int
    batch_size: int
    accumulate_batches: int
    seed: int
    rank: int = 0
    world_size: int = 1

    @property
    def batches_per_epoch(self) -> int:
        """Number of batches that each device sees; the last one may be smaller."""
        return -(-self.num_items // (self.batch_size * self.world_size))

    @property
    def steps_per_epoch(self) -> int:
        """Number of optimiser steps in an epoch."""
        return -(-self.batches_per_epoch // self.accumulate_batches)

    def position(self, step: int) -> tuple[int, int]:
        """Return the epoch that follows `step` finished steps, and the steps already done in it."""
        return divmod(step, self.steps_per_epoch)

    def num_batches(self, step_in_epoch: int) -> int:
        """Return how many batches a step of an epoch accumulates."""
        first = step_in_epoch * self.accumulate_batches
        return min(self.accumulate_batches, self.batches_per_epoch - first)

    def batches(self, epoch: int, first_step: int = 0) -> Iterator[list[Draw]]:
        """Yield this device's batches of an epoch, from one of its steps on."""
        order = epoch_order(self.seed, epoch, self.num_items)
        # Devices must do the same number of batches, so a short last one begins again at the front.
        shortage = -self.num_items % self.world_size
        order += order[:shortage]
        mine = order[self.rank :: self.world_size]
        for batch in range(first_step * self.accumulate_batches, self.batches_per_epoch):
            chosen = mine[batch * self.batch_size : (batch + 1) * self.batch_size]
            yield [(index, sample_seed(self.seed, epoch, index)) for index in chosen]
