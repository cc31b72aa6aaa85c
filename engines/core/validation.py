"""Validate a training, keep the best weights, and write previews."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from engines.contract.errors import WorkstationError
from engines.core.device import fixed_generators
from engines.core.previews import write_previews
from engines.core.training import Training
from engines.core.training_checkpoints import save_best

_VALIDATION_PHASE = "Validation"


def verify_validation(training: Training) -> None:
    """Go through validation and previews once, so that a broken one fails before hours of training.

    Raises
    ------
    WorkstationError
        When the metric that selects the best checkpoint is not among the results.
    """
    if not training.is_main or training.position.step > 0:
        return
    training.enter("Checking validation")
    task = training.task
    with _validating(training):
        values = task.quick_validation(training.network, training.fabric.device)
        if task.best_metric not in values:
            raise WorkstationError(
                "Validation brings no '{metric}', which selects the best checkpoint; it brings {known}.",
                remedy="Correct best_metric of the task or the keys of its validation.",
                metric=task.best_metric,
                known=", ".join(values) or "nothing",
            )
        if training.config.preview_every_epochs:
            write_previews(training.run, task.previews(training.network, training.fabric.device), 0)


def validate_when_due(training: Training, epoch: int, *, is_epoch_over: bool, is_end: bool) -> None:
    """Validate and write previews at the end of every n-th epoch and at the end of the run."""
    config = training.config
    is_due = is_epoch_over and (epoch + 1) % config.validate_every_epochs == 0
    if is_due or is_end:
        training.metrics.flush()
        validate(training, epoch)
    shows = config.preview_every_epochs
    if training.is_main and shows and (is_end or (is_epoch_over and (epoch + 1) % shows == 0)):
        with _validating(training):
            images = training.task.previews(training.network, training.fabric.device)
            write_previews(training.run, images, training.position.step)


def validate(training: Training, epoch: int) -> None:
    """Score the validation items, keep the best weights, and count validations without improvement."""
    run, task, position = training.run, training.task, training.position
    training.enter(_VALIDATION_PHASE)
    values: dict[str, float | None] = {}
    if training.is_main:
        with _validating(training):
            values = dict(task.validation_metrics(training.network, training.fabric.device))
    values = training.fabric.broadcast(values)
    for key in dict.fromkeys((task.best_metric, *task.validation_metric_keys)):
        if key not in values:
            run.metric(key, None, split="val", step=position.step, epoch=epoch, reason="it was not computed")
    for key, value in values.items():
        known = run.spec.metric(key)
        reason = known.undefined_when if known and value is None else ""
        run.metric(key, value, split="val", step=position.step, epoch=epoch, reason=reason)
    position.validated_step = position.step
    if _is_better(values.get(task.best_metric), position.best_value, higher=task.best_is_higher):
        position.best_value = values[task.best_metric]
        position.best_step = position.step
        position.best_values = {
            key: value if value is not None and math.isfinite(value) else None
            for key, value in values.items()
        }
        position.validations_without_improvement = 0
        save_best(training, epoch)
    else:
        position.validations_without_improvement += 1


def _is_better(value: float | None, best: float | None, *, higher: bool) -> bool:
    if value is None or not math.isfinite(value):
        return False
    return best is None or (value > best if higher else value < best)


@contextmanager
def _validating(training: Training) -> Iterator[None]:
    """Switch to averaged weights, evaluation mode and fixed random choices; all comes back afterwards."""
    network, average = training.network, training.average
    modes = {module: module.training for module in network.modules()}
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(fixed_generators(training.config.seed))
        stack.enter_context(training.fabric.autocast())
        if average and average.num_updates:
            stack.enter_context(average.applied_to(network))
        network.eval()
        try:
            yield
        finally:
            for module, is_training in modes.items():
                module.training = is_training
