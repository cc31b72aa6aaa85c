"""An exponential moving average of a network's weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Running average of all floating-point entries of a state dict; the others are copied.

    Parameters
    ----------
    network : Module
    decay : float
        ``average = decay * average + (1 - decay) * weights``. In the first steps the decay is smaller,
        ``(1 + n) / (10 + n)``, so that the average soon forgets the random start.
    is_averaged : function or None
        Which entries are averaged, by name; the others are copied. All by default.
    """

    def __init__(
        self, network: nn.Module, decay: float, is_averaged: Callable[[str], bool] | None = None
    ) -> None:
        self.decay = decay
        self._is_averaged = is_averaged or (lambda _name: True)
        self.num_updates = 0
        self._average = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take the weights after an optimiser step into the average."""
        self.num_updates += 1
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        for name, tensor in network.state_dict().items():
            average = self._average[name]
            if average.is_floating_point() and self._is_averaged(name):
                average.lerp_(tensor.to(average.device, average.dtype), 1.0 - decay)
            else:
                average.copy_(tensor)

    def weights(self) -> dict[str, Tensor]:
        """Return the averaged state dict; not a copy."""
        return dict(self._average)

    @contextmanager
    def applied_to(self, network: nn.Module) -> Iterator[None]:
        """Swap the average into the network; the weights come back however the block ends."""
        kept = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        network.load_state_dict(self._average)
        try:
            yield
        finally:
            network.load_state_dict(kept)

    def load(self, weights: Mapping[str, Tensor], num_updates: int) -> None:
        """Continue from a saved average."""
        for name, average in self._average.items():
            average.copy_(weights[name])
        self.num_updates = num_updates
