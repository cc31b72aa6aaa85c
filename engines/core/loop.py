"""The training loop that every pipeline shares: set up, resume, fit, validate, save.

Order within a step: batches and gradients, optimiser, average, metrics; then, where due, validation,
previews and checkpoints; then pause and stop. A checkpoint is therefore always written after everything
that belongs to its step, and a resumed run repeats nothing and leaves nothing out.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from engines.contract.config import TrainingConfig
from engines.contract.errors import InputError, NonFiniteError, WorkstationError
from engines.contract.events import Checkpoint
from engines.contract.files import write_json_atomically
from engines.contract.run_context import RunContext, StopRequested
from engines.core import checkpoint
from engines.core.device import (
    device_facts,
    fixed_generators,
    generator_state,
    launch_fabric,
    restore_generators,
    seed_generators,
)
from engines.core.diagnosis import TRAINING_PHASE
from engines.core.ema import WeightAverage
from engines.core.execution import rules_of
from engines.core.generations import BEST, LAST, remove_leftovers
from engines.core.live_diagnosis import LiveDiagnosis
from engines.core.previews import write_previews
from engines.core.sampler import Draw, StepSampler
from engines.core.scalars import TensorBoardScalars
from engines.core.schedule import learning_rate_factor
from engines.core.task import Batch, TrainingTask
from engines.core.train_metrics import TrainMetrics

_VALIDATION_PHASE = "Validation"

_log = logging.getLogger(__name__)


@dataclass
class Position:
    """Where a training stands: exactly the plain values of a checkpoint."""

    step: int = 0
    """Finished optimiser steps."""
    elapsed_s: float = 0.0
    """Time spent on training and validation, without pauses, over all attempts."""
    best_value: float | None = None
    best_step: int | None = None
    validations_without_improvement: int = 0
    validated_step: int = -1


@dataclass
class Training:
    """Everything that one training run holds together."""

    run: RunContext
    task: TrainingTask
    config: TrainingConfig
    fabric: Fabric
    network: nn.Module
    """The task's own module: validated and saved."""
    wrapped: nn.Module
    """The same weights behind precision and distribution: trained."""
    optimiser: Any
    average: WeightAverage | None
    sampler: StepSampler
    metrics: TrainMetrics
    total_steps: int
    position: Position = field(default_factory=Position)
    saved_at: float = field(default_factory=time.monotonic)
    saved_step: int = -1
    stage: str = ""

    @property
    def is_main(self) -> bool:
        """Whether this process writes to the run folder."""
        return self.fabric.is_global_zero

    @property
    def epoch(self) -> int:
        """Epochs finished; the one under way counts once its last step is done."""
        return self.sampler.position(self.position.step)[0]

    def enter(self, stage: str) -> None:
        """Say which stage begins, unless it is already the one."""
        if stage != self.stage:
            self.stage = stage
            self.run.phase(stage)


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
    run.phase("Preparing")
    training = set_up(run, task, config)
    with ExitStack() as stack:
        diagnosis = None
        if run.request.resume:
            resume(training)
        if training.is_main:
            stack.enter_context(TensorBoardScalars(run, training.position.step + 1))
            diagnosis = stack.enter_context(LiveDiagnosis(run, rules_of(run.request.pipeline)))
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
        "device": training.fabric.device.type,
        "training_s": round(training.position.elapsed_s, 3),
    }


def set_up(run: RunContext, task: TrainingTask, config: TrainingConfig) -> Training:
    """Build what a training needs: device, optimiser, average, sampler."""
    if task.num_train_items < 1:
        raise InputError(
            "There is nothing to train on.", remedy="Assign items with the needed files to the train split."
        )
    fabric = launch_fabric(config)
    seed_generators(config.seed + fabric.global_rank)
    network = task.network
    groups = []
    for group in task.parameter_groups():
        factor = float(group.get("learning_rate_factor", 1.0))
        groups.append({**group, "learning_rate_factor": factor, "lr": config.learning_rate * factor})
    optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=config.weight_decay)
    wrapped, wrapped_optimiser = fabric.setup(network, optimiser)
    sampler = StepSampler(
        task.num_train_items,
        config.batch_size,
        config.accumulate_batches,
        config.seed,
        fabric.global_rank,
        fabric.world_size,
    )
    total_steps = config.epochs * sampler.steps_per_epoch
    if config.max_steps:
        total_steps = min(total_steps, config.max_steps)
    if fabric.is_global_zero:
        _add_to_environment(run, device_facts(fabric, config))
        remove_leftovers(run.folder.checkpoints_dir)
    return Training(
        run=run,
        task=task,
        config=config,
        fabric=fabric,
        network=network,
        wrapped=wrapped,
        optimiser=wrapped_optimiser,
        average=WeightAverage(network, config.ema_decay) if config.ema_decay else None,
        sampler=sampler,
        metrics=TrainMetrics(run, total_steps),
        total_steps=total_steps,
    )


def _add_to_environment(run: RunContext, facts: Mapping[str, Any]) -> None:
    path = run.folder.environment_path
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    write_json_atomically(path, {**known, **facts})


def resume(training: Training) -> None:
    """Restore the newest whole generation; without one, training begins from the start."""
    run = training.run
    found = checkpoint.load_newest(run.folder.checkpoints_dir)
    if found is None:
        run.warn("No checkpoint was found to resume from; training begins from the start.")
        return
    generation, weights, state = found
    checkpoint.load_into(training.network, state["network"] or weights, generation.path)
    training.optimiser.load_state_dict(state["optimiser"])
    training.fabric.strategy.precision.load_state_dict(state["precision"])
    if training.average:
        training.average.load(weights, state["average_updates"])
    training.task.load_extra_state(state["task"])
    restore_generators(state["generators"])
    training.position = Position(**state["position"])
    run.step = training.position.step
    training.saved_step = training.position.step
    _log.info("Resumed from %s at step %d.", generation.path, training.position.step)


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


def train(training: Training, diagnosis: LiveDiagnosis | None) -> str:
    """Train until an end is reached and return which: epochs, max steps, time limit or early stopping."""
    position, sampler = training.position, training.sampler
    ended_by = _end_reached(training)
    clock = time.monotonic()
    while not ended_by:
        epoch, first_step = sampler.position(position.step)
        training.task.on_epoch_start(epoch)
        training.enter(TRAINING_PHASE)
        batches = iter(_loader(training, epoch, first_step))
        for step_in_epoch in range(first_step, sampler.steps_per_epoch):
            values = train_step(training, batches, sampler.num_batches(step_in_epoch))
            position.step += 1
            training.run.step = position.step
            now = time.monotonic()
            training.metrics.add({**values, "step_seconds": now - clock}, step=position.step, epoch=epoch)
            position.elapsed_s += now - clock
            clock = now
            ended_by = _end_reached(training)
            is_epoch_over = step_in_epoch == sampler.steps_per_epoch - 1
            validate_when_due(training, epoch, is_epoch_over=is_epoch_over, is_end=bool(ended_by))
            ended_by = ended_by or _end_reached(training)
            now = time.monotonic()
            position.elapsed_s += now - clock
            if diagnosis:
                diagnosis.update_when_due()
            _save_when_due(training)
            _stop_when_asked(training)
            if ended_by:
                break
            # A pause is no training time, and the step after it is no slower.
            clock = time.monotonic()
    return ended_by


def train_step(
    training: Training, batches: Iterator[tuple[list[Draw], Batch]], num_batches: int
) -> dict[str, float]:
    """Do one optimiser step over `num_batches` batches and return its values by metric key.

    Raises
    ------
    NonFiniteError
        Before the weights are touched, when a loss or the gradient is not a finite number.
    """
    config, fabric, step = training.config, training.fabric, training.position.step
    rate = config.learning_rate * learning_rate_factor(
        step, total_steps=training.total_steps, warmup_steps=config.warmup_steps, kind=config.schedule
    )
    for group in training.optimiser.param_groups:
        group["lr"] = rate * group["learning_rate_factor"]
    training.optimiser.zero_grad()
    sums: dict[str, float] = {}
    items: list[str] = []
    for number in range(num_batches):
        draws, batch = next(batches)
        batch = fabric.to_device(batch)
        items += _item_names(batch, draws)
        with fabric.no_backward_sync(training.wrapped, enabled=number < num_batches - 1):
            losses = training.task.training_losses(training.wrapped, batch)
            parts = _numbers(losses)
            _require_finite(training, {f"loss_{name}": value for name, value in parts.items()}, items)
            fabric.backward(losses["total"] / num_batches)
        for name, value in parts.items():
            sums[f"loss_{name}"] = sums.get(f"loss_{name}", 0.0) + value / num_batches
    norm = _clip_gradients(training)
    if getattr(fabric.strategy.precision, "scaler", None) is None:
        # With a scaler an overflow is normal: it skips the step and scales less.
        _require_finite(training, {"gradient_norm": norm}, items)
    training.optimiser.step()
    if training.average:
        training.average.update(training.network)
    return {**sums, "gradient_norm": norm, "learning_rate": rate}


def _clip_gradients(training: Training) -> float:
    limit = training.config.gradient_clip_norm or math.inf
    norm = training.fabric.clip_gradients(
        training.wrapped, training.optimiser, max_norm=limit, error_if_nonfinite=False
    )
    return float(norm) if norm is not None else 0.0


def _numbers(losses: Mapping[str, Tensor]) -> dict[str, float]:
    # One transfer from the device for all parts.
    values = torch.stack([loss.detach().float().reshape(()) for loss in losses.values()]).tolist()
    return dict(zip(losses, values, strict=True))


def _item_names(batch: Batch, draws: list[Draw]) -> list[str]:
    names = batch.get("item")
    if isinstance(names, list | tuple):
        return [str(name) for name in names]
    return [f"number {index}" for index, _ in draws]


def _require_finite(training: Training, values: Mapping[str, float], items: list[str]) -> None:
    broken = [key for key, value in values.items() if not math.isfinite(value)]
    if not broken:
        return
    training.metrics.flush()
    step = training.position.step + 1
    epoch = training.epoch
    for key, value in values.items():
        training.run.metric(key, value, split="train", step=step, epoch=epoch)
    raise NonFiniteError(
        "{parts} is not a finite number at step {step}, in a batch of {items}.",
        remedy="Resume from the last checkpoint with a lower learning rate; look at these items.",
        kept="The last checkpoint is from before.",
        parts=", ".join(broken),
        step=step,
        items=", ".join(dict.fromkeys(items)),
    )


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
    for key in (task.best_metric, *task.validation_metric_keys):
        if key not in values:
            run.metric(
                key, None, split="val", step=position.step, epoch=epoch, reason="it was not computed"
            )
    for key, value in values.items():
        known = run.spec.metric(key)
        reason = known.undefined_when if known and value is None else ""
        run.metric(key, value, split="val", step=position.step, epoch=epoch, reason=reason)
    position.validated_step = position.step
    if _is_better(values.get(task.best_metric), position.best_value, higher=task.best_is_higher):
        position.best_value = values[task.best_metric]
        position.best_step = position.step
        position.validations_without_improvement = 0
        _save_best(training, epoch)
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


def _save_best(training: Training, epoch: int) -> None:
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
        "is_averaged": training.average is not None,
    }


def _announce(training: Training, name: str, *, is_best: bool) -> None:
    training.run.emit(Checkpoint(path=f"checkpoints/{name}", step=training.position.step, best=is_best))


def _save_when_due(training: Training) -> None:
    """Save by time, and once after the first validation, so that there is something to resume from."""
    is_due = time.monotonic() - training.saved_at >= training.config.checkpoint_every_s
    is_first = training.saved_step < 0 and training.position.validated_step == training.position.step
    if _agree(training, is_due or is_first):
        save_last(training)


def _stop_when_asked(training: Training) -> None:
    if _agree(training, training.run.should_stop() if training.is_main else False):
        save_last(training)
        raise StopRequested


def _agree(training: Training, decision: bool) -> bool:
    """Let the first process decide for all."""
    return bool(training.fabric.broadcast(decision)) if training.fabric.world_size > 1 else decision


def _end_reached(training: Training) -> str:
    config, position = training.config, training.position
    if position.step >= training.total_steps:
        return "max steps" if config.max_steps and position.step >= config.max_steps else "epochs"
    patience = config.early_stopping_patience
    if patience and position.validations_without_improvement >= patience:
        return "early stopping"
    limit_s = config.max_minutes * 60
    if limit_s and _agree(training, position.elapsed_s >= limit_s):
        return "time limit"
    return ""


class _Draws(Dataset[tuple[Draw, dict[str, Any]]]):
    """The task's samples by draw, for a data loader."""

    def __init__(self, task: TrainingTask) -> None:
        self._task = task

    def __getitem__(self, draw: Draw) -> tuple[Draw, dict[str, Any]]:
        return draw, self._task.train_sample(*draw)


class _Collate:
    def __init__(self, task: TrainingTask) -> None:
        self._task = task

    def __call__(self, drawn: list[tuple[Draw, dict[str, Any]]]) -> tuple[list[Draw], Batch]:
        return [draw for draw, _ in drawn], self._task.collate([sample for _, sample in drawn])


def _loader(training: Training, epoch: int, first_step: int) -> DataLoader[Any]:
    return DataLoader(
        _Draws(training.task),
        batch_sampler=list(training.sampler.batches(epoch, first_step)),
        num_workers=training.config.num_workers,
        collate_fn=_Collate(training.task),
        pin_memory=training.fabric.device.type == "cuda",
        # Its own generator: drawing from torch's would shift every later random number of a resumed run.
        generator=torch.Generator(),
    )
