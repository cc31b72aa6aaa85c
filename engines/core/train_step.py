"""One optimiser step: batches, losses, gradients, and the refusal of numbers that are not finite."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from engines.contract.errors import NonFiniteError
from engines.core.sampler import Draw
from engines.core.schedule import learning_rate_factor
from engines.core.task import Batch, TrainingTask
from engines.core.training import Training


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


def batch_loader(training: Training, epoch: int, first_step: int) -> DataLoader[Any]:
    """Return the batches of an epoch from one of its steps on, each with its draws."""
    return DataLoader(
        _Draws(training.task),
        batch_sampler=list(training.sampler.batches(epoch, first_step)),
        num_workers=training.config.num_workers,
        collate_fn=_Collate(training.task),
        pin_memory=training.fabric.device.type == "cuda",
        # Its own generator: drawing from torch's would shift every later random number of a resumed run.
        generator=torch.Generator(),
    )


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
    for group in training.optimiser.param_groups:
        share = learning_rate_factor(
            step,
            total_steps=training.total_steps,
            warmup_steps=group.get("warmup_steps", config.warmup_steps),
            kind=group.get("schedule", config.schedule),
        )
        group["lr"] = config.learning_rate * share * group["learning_rate_factor"]
    first = training.optimiser.param_groups[0]
    training.optimiser.zero_grad()
    values_of: dict[str, list[float]] = {}
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
            values_of.setdefault(f"loss_{name}", []).append(value)
    norm = _clip_gradients(training)
    if getattr(fabric.strategy.precision, "scaler", None) is None:
        # With a scaler an overflow is normal: it skips the step and scales less.
        _require_finite(training, {"gradient_norm": norm}, items)
    reported = training.task.before_optimiser_step()
    training.optimiser.step()
    if training.average:
        training.average.update(training.network)
    reported |= training.task.after_optimiser_step()
    means = {name: sum(values) / len(values) for name, values in values_of.items()}
    return {
        **means,
        "gradient_norm": norm,
        "learning_rate": first["lr"] / first["learning_rate_factor"],
        **reported,
    }


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
