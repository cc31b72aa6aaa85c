"""`TrainingTask`: what a pipeline phase gives the shared training loop.

The loop owns devices, precision, accumulation, clipping, averaging, schedules, checkpoints, events and
stopping. The task owns data, networks, losses and metrics. Every random choice of a task comes from the
seed it is handed, so that a resumed run repeats what an uninterrupted one would have done.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Batch = Mapping[str, Any]
"""Named tensors and plain values; tensors are moved to the device by the loop.

``"item"``, when present, holds the item ids of the batch; errors name them.
"""


@dataclass(frozen=True, slots=True)
class PreviewImage:
    """A picture of a fixed validation item.

    Parameters
    ----------
    name : str
        What it shows, lower_snake_case; together with `item` it names a series over steps.
    item : str
        Item id.
    image : ndarray of uint8, (H, W) or (H, W, 3)
        Grey or RGB.
    """

    name: str
    item: str
    image: npt.NDArray[np.uint8]


class TrainingTask(ABC):
    """One phase of one pipeline, trainable by `engines.core.loop.fit`."""

    best_metric: str
    """Validation metric that selects the best checkpoint."""
    best_is_higher: bool
    """Whether more is better."""
    validation_metric_keys: tuple[str, ...] = ()
    """Every key that a validation should bring; a missing one is reported as "not computed", never as 0."""

    @property
    @abstractmethod
    def network(self) -> nn.Module:
        """Everything that is trained or saved; the state dict of this module is the checkpoint's weights."""

    @property
    @abstractmethod
    def num_train_items(self) -> int:
        """Number of training samples in an epoch."""

    @abstractmethod
    def train_sample(self, index: int, seed: int) -> dict[str, Any]:
        """Return one training sample.

        Parameters
        ----------
        index : int
            ``0 <= index < num_train_items``.
        seed : int
            Seeds every random choice made for this sample; the loop derives it from the run's seed, the
            epoch and the index, so the same sample comes back after a resume.
        """

    @abstractmethod
    def collate(self, samples: Sequence[dict[str, Any]]) -> Batch:
        """Join samples into a batch."""

    @abstractmethod
    def training_losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return named scalar losses; ``"total"`` is minimised and every part is plotted.

        Call ``network(...)``, not one of its methods: mixed precision and several devices work through
        the call.
        """

    @abstractmethod
    def validation_metrics(self, network: nn.Module, device: torch.device) -> dict[str, float | None]:
        """Score the network on the validation items, in evaluation mode and without gradients.

        The same items with the same seeds every time. None means undefined.
        """

    def quick_validation(self, network: nn.Module, device: torch.device) -> Mapping[str, float | None]:
        """Go through validation once before training, so that a broken one fails within seconds.

        All of `validation_metrics` by default; a task with many validation items should score only a few,
        by the same code and with the same keys.
        """
        return self.validation_metrics(network, device)

    def previews(self, network: nn.Module, device: torch.device) -> Sequence[PreviewImage]:
        """Return pictures of fixed validation items; none by default."""
        return ()

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return optimiser parameter groups; one group of everything trainable by default.

        A group may carry ``"learning_rate_factor"``, by which the run's learning rate is multiplied, and
        ``"warmup_steps"`` and ``"schedule"`` of its own instead of those of the run.
        """
        return [{"params": [parameter for parameter in self.network.parameters() if parameter.requires_grad]}]

    def is_averaged(self, name: str) -> bool:
        """Tell whether an entry of the state dict is averaged, when averaging is on, or just copied."""
        return True

    def before_optimiser_step(self) -> dict[str, float]:
        """Look at the gradients of a step, or limit them; return more values, reported as they are named."""
        return {}

    def after_optimiser_step(self) -> dict[str, float]:
        """Look at the new weights; return more values, reported as they are named."""
        return {}

    def extra_state(self) -> dict[str, Any]:
        """Return more state for the checkpoint: tensors and plain values only."""
        return {}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `extra_state` returned."""

    def model_facts(self) -> dict[str, Any]:
        """Return plain values needed to build the network again; written beside the weights."""
        return {}

    def on_epoch_start(self, epoch: int) -> None:
        """Prepare an epoch, for example a curriculum. Must depend on nothing but `epoch` and saved state."""
