"""The training loop that every pipeline shares: set up, resume, fit, validate, save.

Order within a step: batches and gradients, optimiser, average, metrics; pause and stop; then, where due,
validation, previews and checkpoint. A checkpoint is written after everything that belongs to its step,
except when a stop comes between a step and its validation: the resumed run then begins with that
validation. So a resumed run repeats nothing and leaves nothing out.
"""

from __future__ import annotations

import time
from contextlib import ExitStack

from engines.contract.config import TrainingConfig
from engines.contract.errors import NonFiniteError
from engines.contract.events import Selection
from engines.contract.run_context import RunContext, StopRequested
from engines.core.diagnosis import TRAINING_PHASE
from engines.core.generic_rules import rules_of
from engines.core.live_diagnosis import LiveDiagnosis
from engines.core.scalars import TensorBoardScalars
from engines.core.task import TrainingTask
from engines.core.train_step import batch_loader, train_step
from engines.core.training import Training, set_up
from engines.core.training_checkpoints import resume, save_last, save_when_due
from engines.core.validation import validate_when_due, verify_validation

_PREPARING_PHASE = "Preparing"


def fit(run: RunContext, task: TrainingTask, config: TrainingConfig) -> None:
    """Train a task to its end.

    Raises
    ------
    StopRequested
        After the step under way was finished and saved.
    NonFiniteError
        When a loss or the gradient is not a finite number; the last checkpoint is from before.
    CheckpointError
        When the checkpoint to resume from is of another model.
    InputError
        When there is nothing to train on, or the device asked for is missing.
    """
    run.phase(_PREPARING_PHASE)
    training = set_up(run, task, config)
    if training.is_main:
        run.emit(Selection(metric=task.best_metric, is_higher_better=task.best_is_higher))
    with ExitStack() as stack:
        diagnosis = None
        if run.request.resume:
            resume(training)
        if training.is_main:
            stack.enter_context(TensorBoardScalars(run, training.position.step + 1))
            diagnosis = stack.enter_context(LiveDiagnosis(run, rules_of(run.spec)))
        verify_validation(training)
        try:
            ended_by = train(training, diagnosis)
        except NonFiniteError:
            if diagnosis:
                diagnosis.update()
            raise
        training.metrics.flush()
        save_last(training)
        if diagnosis:
            diagnosis.update()
    run.summary |= {
        "ended_by": ended_by,
        "epoch": training.epoch,
        "best_metric": task.best_metric,
        "best_value": training.position.best_value,
        "best_step": training.position.best_step,
        "best_values": training.position.best_values,
        "device": training.fabric.device.type,
        "training_s": round(training.position.elapsed_s, 3),
    }


def train(training: Training, diagnosis: LiveDiagnosis | None) -> str:
    """Train until an end is reached and return which: epochs, max steps, time limit or early stopping."""
    position, sampler = training.position, training.sampler
    _make_up_for_validation(training)
    ended_by = _end_reached(training)
    clock = time.monotonic()
    while not ended_by:
        epoch, first_step = sampler.position(position.step)
        training.enter(_PREPARING_PHASE)
        training.task.on_epoch_start(epoch)
        training.enter(TRAINING_PHASE)
        batches = iter(batch_loader(training, epoch, first_step))
        for step_in_epoch in range(first_step, sampler.steps_per_epoch):
            values = train_step(training, batches, sampler.num_batches(step_in_epoch))
            position.step += 1
            training.run.step = position.step
            now = time.monotonic()
            training.metrics.add({**values, "step_seconds": now - clock}, step=position.step, epoch=epoch)
            position.elapsed_s += now - clock
            _stop_when_asked(training)
            # A pause is no training time, and the step after it is no slower.
            clock = time.monotonic()
            is_epoch_over = step_in_epoch == sampler.steps_per_epoch - 1
            is_end = bool(_end_reached(training))
            validate_when_due(training, epoch, is_epoch_over=is_epoch_over, is_end=is_end)
            ended_by = _end_reached(training)
            position.elapsed_s += time.monotonic() - clock
            if diagnosis:
                diagnosis.update_when_due()
            save_when_due(training)
            clock = time.monotonic()
            if ended_by:
                break
    return ended_by


def _make_up_for_validation(training: Training) -> None:
    """Validate now what a stop between a step and its validation left out."""
    step = training.position.step
    if step == 0 or training.position.validated_step == step:
        return
    epoch, steps_done = training.sampler.position(step)
    is_epoch_over = steps_done == 0
    is_end = bool(_end_reached(training))
    validate_when_due(training, epoch - is_epoch_over, is_epoch_over=is_epoch_over, is_end=is_end)


def _stop_when_asked(training: Training) -> None:
    if training.agree(training.run.should_stop() if training.is_main else False):
        save_last(training)
        raise StopRequested


def _end_reached(training: Training) -> str:
    config, position = training.config, training.position
    if position.step >= training.total_steps:
        return "max steps" if config.max_steps and position.step >= config.max_steps else "epochs"
    patience = config.early_stopping_patience
    if patience and position.validations_without_improvement >= patience:
        return "early stopping"
    limit_s = config.max_minutes * 60
    if limit_s and training.agree(position.elapsed_s >= limit_s):
        return "time limit"
    return ""
