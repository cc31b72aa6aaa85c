"""`Training`: what one training run holds together, and how it is set up."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule
from torch import nn

from engines.contract.config import TrainingConfig
from engines.contract.errors import InputError
from engines.contract.files import write_json_atomically
from engines.contract.run_context import RunContext
from engines.core.device import device_facts, launch_fabric, seed_generators
from engines.core.ema import WeightAverage
from engines.core.generations import remove_leftovers
from engines.core.sampler import StepSampler
from engines.core.task import TrainingTask
from engines.core.train_metrics import TrainMetrics


@dataclass
class Position:
    """Where a training stands: exactly the plain values of a checkpoint."""

    step: int = 0
    """Finished optimiser steps."""
    elapsed_s: float = 0.0
    """Time spent on training and validation, without pauses, over all attempts."""
    best_value: float | None = None
    best_step: int | None = None
    best_values: dict[str, float | None] = field(default_factory=dict)
    """All validation metrics at the best step."""
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
    wrapped: _FabricModule
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

    def agree(self, decision: bool) -> bool:
        """Let the first process decide for all."""
        return bool(self.fabric.broadcast(decision)) if self.fabric.world_size > 1 else decision


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
        average=WeightAverage(network, config.ema_decay, task.is_averaged) if config.ema_decay else None,
        sampler=sampler,
        metrics=TrainMetrics(run, total_steps),
        total_steps=total_steps,
    )


def _add_to_environment(run: RunContext, facts: Mapping[str, Any]) -> None:
    path = run.folder.environment_path
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    write_json_atomically(path, {**known, **facts})
