from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from engines.tiny.config import TinyTrainingConfig
from torch import Tensor, nn

from engines.contract.run_context import RunContext
from engines.core.loop import fit
from engines.core.task import Batch, PreviewImage, TrainingTask


class TinyTask(TrainingTask):
    best_metric = "error"
    best_is_higher = False
    validation_metric_keys = ("error", "second")

    def __init__(self, config: TinyTrainingConfig) -> None:
        self.config = config
        self.calls = 0
        torch.manual_seed(config.seed)
        width = config.width
        self._network = nn.Sequential(
            nn.Linear(3, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.3), nn.Linear(width, 1)
        )

    @property
    def network(self) -> nn.Module:
        return self._network

    @property
    def num_train_items(self) -> int:
        return 14

    def train_sample(self, index: int, seed: int) -> dict[str, Any]:
        generator = np.random.default_rng(seed)
        inputs = generator.normal(size=3).astype(np.float32) + index / 14
        return {"inputs": torch.from_numpy(inputs), "target": float(inputs.sum()), "item": f"item-{index}"}

    def collate(self, samples: Sequence[dict[str, Any]]) -> Batch:
        return {
            "inputs": torch.stack([sample["inputs"] for sample in samples]),
            "target": torch.tensor([[sample["target"]] for sample in samples]),
            "item": [sample["item"] for sample in samples],
        }

    def training_losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        self.calls += 1
        step = (self.calls - 1) // self.config.accumulate_batches + 1
        time.sleep(self.config.step_delay_s)
        if step == self.config.break_at_step:
            raise OSError(28, "No space left on device", "weights.bin")
        difference = network(batch["inputs"]) - batch["target"]
        square = (difference**2).mean()
        if step == self.config.nan_at_step:
            square = square * float("nan")
        # Random numbers from all three generators, so that a resume must restore each.
        noise = float(np.random.random()) * 1e-3
        return {"total": square + noise * difference.abs().mean(), "square": square}

    def validation_metrics(self, network: nn.Module, device: torch.device) -> dict[str, float | None]:
        if self.config.breaks_validation:
            raise KeyError("no such mask")
        inputs = torch.linspace(-1, 1, 30, device=device).reshape(10, 3)
        error = (network(inputs) - inputs.sum(1, keepdim=True)).abs().mean()
        return {"error": float(error), "second": None if self.config.is_metric_undefined else 1.0}

    def previews(self, network: nn.Module, device: torch.device) -> Sequence[PreviewImage]:
        return (PreviewImage("prediction", "item-0", np.zeros((8, 8), np.uint8)),)

    def model_facts(self) -> dict[str, Any]:
        return {"width": self.config.width}

    def extra_state(self) -> dict[str, Any]:
        return {"calls": self.calls}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        self.calls = state["calls"]


def train(run: RunContext) -> None:
    config = run.typed_config(TinyTrainingConfig)
    fit(run, TinyTask(config), config)
