"""The course of the learning rate: a pure function of the step, so there is nothing to save."""

from __future__ import annotations

import math
from typing import Literal


def learning_rate_factor(
    step: int, *, total_steps: int, warmup_steps: int, kind: Literal["constant", "cosine"]
) -> float:
    """Return by what the peak learning rate is multiplied in a step.

    Parameters
    ----------
    step : int
        0 for the first step.
    total_steps : int
        Steps of the whole run.
    warmup_steps : int
        Steps over which the rate rises linearly; the first of them is not zero.
    kind : str
        ``"cosine"`` falls to zero at the end of the run.
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if kind == "constant":
        return 1.0
    done = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
