"""What a run says of itself when it starts, beyond its numbers; rules read it."""

from __future__ import annotations

from typing import Any

from engines.contract.run_context import RunContext
from engines.synthesis.config import TrainConfig


def started_facts(run: RunContext) -> dict[str, Any]:
    """Return the words of a training's settings that change what its curves mean."""
    if not isinstance(run.config, TrainConfig):
        return {}
    config = run.config
    return {
        "gan_loss_type": config.gan_loss_type,
        "d_cond_mode": config.d_cond_mode,
        "r1_reduction": config.r1_reduction,
        "window": config.window,
        "fusion": config.fusion,
    }
