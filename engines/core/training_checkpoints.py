"""Save a training and resume it exactly."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from typing import Any

from torch import Tensor

from engines.contract.errors import CheckpointError
from engines.contract.events import Checkpoint
from engines.core import checkpoint
from engines.core.device import generator_state, restore_generators
from engines.core.generations import BEST, LAST
from engines.core.training import Position, Training

_log = logging.getLogger(__name__)


def resume(training: Training) -> None:
    """Restore the newest whole generation; without one, training begins from the start.

    Raises
    ------
    CheckpointError
        If it is of another model or of other settings.
    """
    run = training.run
    found = checkpoint.load_newest(run.folder.checkpoints_dir)
    if found is None:
        run.warn("No checkpoint was found to resume from; training begins from the start.")
        return
    generation, weights, state = found
    try:
        checkpoint.load_into(training.network, state["network"] or weights, generation.path)
        _load_optimiser(training, state["optimiser"])
        training.fabric.strategy.precision.load_state_dict(state["precision"])
        if training.average:
            training.average.load(weights, state["average_updates"])
        training.task.load_extra_state(state["task"])
        restore_generators(state["generators"])
        training.position = Position(**state["position"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            "The training state of {path} does not fit this training: {reason}.",
            remedy="Resume with the settings that it was trained with, or train again.",
            path=generation.path,
            reason=str(error),
        ) from error
    run.step = training.position.step
    training.saved_step = training.position.step
    _log.info("Resumed from %s at step %d.", generation.path, training.position.step)


def _load_optimiser(training: Training, state: dict[str, Any]) -> None:
    # The moments come from the checkpoint, the settings from the run: a resume may change them.
    settings = [
        {key: value for key, value in group.items() if key != "params"}
        for group in training.optimiser.param_groups
    ]
    training.optimiser.load_state_dict(state)
    for group, own in zip(training.optimiser.param_groups, settings, strict=True):
        group.update(own)


def save_when_due(training: Training) -> None:
    """Save by time, and once after the first validation, so that there is something to resume from."""
    is_due = time.monotonic() - training.saved_at >= training.config.checkpoint_every_s
    is_first = training.saved_step < 0 and training.position.validated_step == training.position.step
    if training.agree(is_due or is_first):
        save_last(training)


def save_last(training: Training) -> None:
    """Save what an exact resume needs as the newest generation, unless this step has been saved."""
    if training.saved_step == training.position.step:
        return
    training.metrics.flush()
    if training.is_main:
        position = training.position
        average = training.average
        state = {
            "position": asdict(position),
            "network": training.network.state_dict() if average else None,
            "average_updates": average.num_updates if average else 0,
            "optimiser": training.optimiser.state_dict(),
            "precision": training.fabric.strategy.precision.state_dict(),
            "generators": generator_state(),
            "task": training.task.extra_state(),
        }
        folder = checkpoint.save(
            training.run.folder.checkpoints_dir,
            LAST,
            weights=_weights_to_use(training),
            facts=_model_facts(training, training.epoch),
            state=state,
        )
        _announce(training, folder.name, is_best=False)
    training.saved_at = time.monotonic()
    training.saved_step = training.position.step


def save_best(training: Training, epoch: int) -> None:
    """Save the weights that validated best so far."""
    if not training.is_main:
        return
    folder = checkpoint.save(
        training.run.folder.checkpoints_dir,
        BEST,
        weights=_weights_to_use(training),
        facts=_model_facts(training, epoch + 1),
    )
    _announce(training, folder.name, is_best=True)


def _weights_to_use(training: Training) -> dict[str, Tensor]:
    if training.average and training.average.num_updates:
        return training.average.weights()
    return training.network.state_dict()


def _model_facts(training: Training, epoch: int) -> dict[str, Any]:
    position = training.position
    return {
        **training.task.model_facts(),
        "pipeline": training.run.request.pipeline,
        "phase": training.run.request.phase,
        "step": position.step,
        "epoch": epoch,
        "metric": training.task.best_metric,
        "best_value": position.best_value,
        "best_step": position.best_step,
        "best_values": position.best_values,
        "is_averaged": training.average is not None,
    }


def _announce(training: Training, name: str, *, is_best: bool) -> None:
    training.run.emit(Checkpoint(path=f"checkpoints/{name}", step=training.position.step, best=is_best))
