"""Which terms a phase trains with, and how its weights rise. No torch here.

Each phase is a run of its own that starts from the weights of the one before. In the epochs of the published
plan they follow each other: 1 to 20, 21 to 40, 41 to 99, and from 100 on.
"""

from __future__ import annotations

from dataclasses import dataclass

from engines.registration.config import TrainConfig

PHASE_KEYS = ("phase_1", "phase_2", "phase_3", "phase_4")
FIRST_EPOCHS = {"phase_1": 1, "phase_2": 21, "phase_3": 41, "phase_4": 100}
"""First epoch of each phase in the published plan, counted from 1."""

_PKE_RAMP_EPOCHS = 5
_PKE_START_SHARE = 0.6


def phase_of_epoch(epoch: int) -> str:
    """Return the phase of an epoch of the published plan, counted from 1."""
    if epoch < 1:
        raise ValueError(f"epochs are counted from 1, not {epoch}")
    return max(PHASE_KEYS, key=lambda key: FIRST_EPOCHS[key] if FIRST_EPOCHS[key] <= epoch else 0)


@dataclass(frozen=True)
class Terms:
    """What a phase adds to the losses of phase 1.

    Parameters
    ----------
    phase : str
    """

    phase: str

    @property
    def has_geometry(self) -> bool:
        """Whether both detectors have to agree."""
        return self.phase in PHASE_KEYS[1:]

    @property
    def has_expansion(self) -> bool:
        """Whether trusted points of the detector become labels."""
        return self.phase in PHASE_KEYS[2:]

    @property
    def has_real_pairs(self) -> bool:
        """Whether real pairs are trained on."""
        return self.phase == PHASE_KEYS[3]

    def geometry_weight(self, config: TrainConfig, epoch: int) -> float:
        """Return the weight of the agreement in an epoch of the run, counted from 0."""
        if not self.has_geometry:
            return 0.0
        if self.phase != "phase_2" or config.geometry_ramp_epochs == 0:
            return config.lambda_geometry
        return config.lambda_geometry * min(1.0, (epoch + 1) / config.geometry_ramp_epochs)

    def is_reference_held(self, config: TrainConfig, epoch: int) -> bool:
        """Tell whether only the moving detector follows: else both could agree on seeing nothing."""
        return self.phase == "phase_2" and epoch < config.geometry_ramp_epochs

    def expansion_weight(self, config: TrainConfig, epoch: int) -> float:
        """Return the weight of the descriptor loss at learned points in an epoch of the run."""
        if not self.has_real_pairs:
            return 0.0
        risen = min(1.0, epoch / _PKE_RAMP_EPOCHS)
        return config.lambda_pke * (_PKE_START_SHARE + (1 - _PKE_START_SHARE) * risen)
