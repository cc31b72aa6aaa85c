"""Fit fields to labels: one latent a case, shared networks, points drawn by strata."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.contract.run_context import RunContext
from engines.core.loop import fit
from engines.core.task import Batch, PreviewImage, TrainingTask
from engines.imaging.volumes.label_metrics import centre_line, dice, num_components
from engines.refinement.config import TrainConfig
from engines.refinement.data import (
    CONTEXT_CHANNEL,
    NUM_CHANNELS,
    RefinementCase,
    appearance_channels,
    training_cases,
    vessel_radius_mm,
)
from engines.refinement.fields.latent_fit import fit_latent
from engines.refinement.fields.lattice_inference import dense, query_of
from engines.refinement.losses import latent_penalty, skeleton_recall, weighted_dice, weighted_focal
from engines.refinement.model import Architecture, RefinementField
from engines.refinement.reports.pictures import projection_picture, slice_picture
from engines.refinement.training.checks import point_independence, sampler_facts
from engines.refinement.training.label_context import disturbed_context
from engines.refinement.training.sampling import Draw, band_share_at, counts_of, draw, strata_of

_NUM_PREVIEWS = 2
_GRID_RATE = 10.0
"""A case's own grids learn faster than what all cases share."""
_SKELETON_POINTS = 2048
_VALIDATION_SEED = 30_000


def train(run: RunContext) -> None:
    """Fit fields in the run folder."""
    config = run.typed_config(TrainConfig)
    run.phase("Reading volumes")
    train_cases, validation_cases = training_cases(run, config)
    task = FieldTask(train_cases, validation_cases, config)
    fit(run, task, config)


class _Prepared:
    """A case with what its training steps need."""

    def __init__(self, case: RefinementCase, config: TrainConfig) -> None:
        self.case = case
        self.strata = strata_of(case.occupancy, config.band_points)
        self.channels = (
            torch.from_numpy(appearance_channels(case)) if config.variant == "shape+appearance" else None
        )
        if self.channels is not None and not config.label_context:
            self.channels[CONTEXT_CHANNEL] = 0.0
        self.occupancy = case.occupancy
        self.line = (
            np.argwhere(centre_line(case.occupancy >= 0.5)).astype(np.float32)
            if config.lambda_recall
            else np.zeros((0, 3), dtype=np.float32)
        )


class FieldTask(TrainingTask):
    """Fitting as the training loop sees it.

    The best checkpoint is chosen by `clean_dice` where validation cases have a clean label. Otherwise by
    `lattice_dice`, the agreement with the labels trained on: high for a field that repeats their errors.

    Parameters
    ----------
    train_cases, validation_cases : sequence of RefinementCase
    config : TrainConfig
    """

    best_is_higher = True

    def __init__(
        self,
        train_cases: Sequence[RefinementCase],
        validation_cases: Sequence[RefinementCase],
        config: TrainConfig,
    ) -> None:
        self._config = config
        self._train = [_Prepared(case, config) for case in train_cases]
        self._validation = [_Prepared(case, config) for case in validation_cases]
        self._band_share = config.band_share_start
        has_reference = any(case.reference is not None for case in validation_cases)
        self.best_metric = "clean_dice" if has_reference else "lattice_dice"
        self._radius_mm = float(np.median([vessel_radius_mm(case) for case in train_cases]))
        # The same weights for the same seed, whatever was drawn before.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self._network = RefinementField(self._architecture(train_cases))

    def _architecture(self, cases: Sequence[RefinementCase]) -> Architecture:
        config = self._config
        prevalence = float(np.mean([case.prevalence for case in cases]))
        spacing = config.residual_spacing_mm or self._radius_mm
        return Architecture(
            num_cases=len(cases),
            num_image_channels=NUM_CHANNELS if config.variant == "shape+appearance" else 0,
            latent_size=config.latent_size,
            latent_grid=config.latent_grid,
            encoder_width=config.encoder_width,
            encoder_levels=config.encoder_levels,
            head_width=config.head_width,
            fourier_octaves=config.fourier_octaves,
            residual_channels=config.residual_channels,
            residual_shapes=tuple(_grid_shape(case, spacing) for case in cases),
            output_bias=math.log(prevalence / (1.0 - prevalence)),
        )

    @property
    def network(self) -> nn.Module:
        """The field."""
        return self._network

    @property
    def num_train_items(self) -> int:
        """Cases."""
        return len(self._train)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return shared weights and latents, and the faster grids of single cases."""
        grids = list(self._network.grids)
        own = {id(parameter) for parameter in grids}
        shared = [parameter for parameter in self._network.parameters() if id(parameter) not in own]
        groups: list[dict[str, Any]] = [{"params": shared}]
        if grids:
            groups.append({"params": grids, "learning_rate_factor": _GRID_RATE})
        return groups

    def on_epoch_start(self, epoch: int) -> None:
        """Draw fewer points on the boundary as training goes on."""
        config = self._config
        shares = (config.band_share_start, config.band_share_middle, config.band_share_end)
        self._band_share = band_share_at(epoch, config.epochs, shares)

    def train_sample(self, index: int, seed: int) -> dict[str, Any]:
        """Draw points of one case."""
        prepared = self._train[index]
        generator = np.random.default_rng(seed)
        drawn = self._draw(prepared, generator)
        sample = _as_sample(prepared, drawn, index)
        if not self._config.has_weights:
            sample["weights"] = torch.ones_like(sample["weights"])
        if prepared.channels is not None and self._config.label_context:
            channels = prepared.channels.clone()
            context = disturbed_context(channels[CONTEXT_CHANNEL].numpy(), prepared.strata, generator)
            channels[CONTEXT_CHANNEL] = torch.from_numpy(context)
            sample["channels"] = channels
        # A mirrored vessel is a vessel, with other noise.
        mirrored = generator.random(3) < 0.5
        sample["flips"] = [axis for axis in range(3) if self._config.is_mirrored and mirrored[axis]]
        if len(prepared.line):
            chosen = generator.integers(0, len(prepared.line), min(_SKELETON_POINTS, 4 * len(prepared.line)))
            sample["line"] = torch.from_numpy(prepared.line[chosen])
        return sample

    def _draw(self, prepared: _Prepared, generator: np.random.Generator) -> Draw:
        counts = counts_of(prepared.strata, self._config.points_per_step, self._band_share)
        return draw(prepared.strata, counts, generator)

    def collate(self, samples: Sequence[dict[str, Any]]) -> Batch:
        """Keep cases apart: their lattices differ in size."""
        return {"item": [sample["item"] for sample in samples], "cases": list(samples)}

    def training_losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the parts, averaged over the batch's cases, and their weighted sum."""
        parts: dict[str, list[Tensor]] = {}
        for sample in batch["cases"]:
            for name, value in self._losses(network, sample).items():
                parts.setdefault(name, []).append(value)
        return {name: torch.stack(values).mean() for name, values in parts.items()}

    def _losses(self, network: nn.Module, sample: dict[str, Any]) -> dict[str, Tensor]:
        config = self._config
        points, shape, row = sample["points"], sample["shape"], sample["row"]
        has_line = "line" in sample
        asked = torch.cat([points, sample["line"]]) if has_line else points
        logits = network(row, sample.get("channels"), asked, shape, sample["flips"])
        logit, target, weight = logits[: len(points)].float(), sample["target"], sample["weights"]
        probability = torch.sigmoid(logit)
        overlap = weighted_dice(probability, target, weight)
        focal = weighted_focal(logit, target, weight, config.focal_gamma)
        penalty = latent_penalty(self._network.latents[row])
        losses = {"dice": 1.0 - overlap, "focal": focal, "latent": penalty}
        total = config.lambda_dice * losses["dice"] + config.lambda_focal * focal
        total = total + config.lambda_latent * penalty
        if has_line:
            losses["recall"] = skeleton_recall(logits[len(points) :].float())
            total = total + config.lambda_recall * losses["recall"]
        return {**losses, "total": total}

    def validation_metrics(self, network: nn.Module, device: torch.device) -> dict[str, float | None]:
        """Score whole lattices of some training cases and of all validation cases."""
        return self._score(network, device, self._train[: self._config.num_scored], self._validation)

    def quick_validation(self, network: nn.Module, device: torch.device) -> dict[str, float | None]:
        """Score one case of each kind."""
        return self._score(network, device, self._train[:1], self._validation[:1])

    def _score(
        self,
        network: nn.Module,
        device: torch.device,
        trained: Sequence[_Prepared],
        unseen: Sequence[_Prepared],
    ) -> dict[str, float | None]:
        assert isinstance(network, RefinementField)
        values: dict[str, list[float]] = {}

        def note(key: str, value: float) -> None:
            values.setdefault(key, []).append(value)

        for row, prepared in enumerate(trained):
            probability = self._probability(network, prepared, row, device)
            mask, label = probability >= 0.5, prepared.case.occupancy >= 0.5
            note("lattice_dice", dice(mask, label))
            note("sample_dice", self._sample_dice(probability, prepared, row))
            note("components_added", num_components(mask) - num_components(label))
            note("output_spread", float(probability.max() - probability.min()))
        for prepared in unseen:
            probability = self._probability(network, prepared, None, device)
            mask = probability >= 0.5
            note("new_case_dice", dice(mask, prepared.case.occupancy >= 0.5))
            if prepared.case.reference is not None:
                note("clean_dice", dice(mask, prepared.case.reference >= 0.5))
        metrics: dict[str, float | None] = {key: float(np.mean(found)) for key, found in values.items()}
        for key in ("new_case_dice", "clean_dice"):
            metrics.setdefault(key, None)
        first = trained[0]
        generator = np.random.default_rng(_VALIDATION_SEED)
        facts = sampler_facts(self._draw(first, generator), first.case.occupancy, self._config.band_points)
        grids = network.feature_grids(0, _on(first.channels, device))
        metrics |= facts
        metrics["query_gap"] = point_independence(
            query_of(network, grids, first.case.lattice.shape), first.case.lattice.shape, device
        )
        metrics["label_share"] = float(np.mean([prepared.case.prevalence for prepared in self._train]))
        metrics["feature_spacing_ratio"] = self._feature_spacing_mm() / self._radius_mm
        return metrics

    def _feature_spacing_mm(self) -> float:
        """Return the finest point distance of any feature grid, over the first case."""
        lattice = self._train[0].case.lattice
        extent = max((side - 1) * lattice.spacing_mm for side in lattice.shape)
        found = [extent / (self._config.latent_grid - 1)]
        if self._config.residual_channels:
            found.append(self._config.residual_spacing_mm or self._radius_mm)
        if self._config.variant == "shape+appearance":
            found.append(lattice.spacing_mm)
        return min(found)

    def _probability(
        self, network: RefinementField, prepared: _Prepared, row: int | None, device: torch.device
    ) -> np.ndarray[Any, Any]:
        channels = _on(prepared.channels, device)
        shape = prepared.case.lattice.shape
        latent = None
        if row is None:
            latent = fit_latent(
                network, channels, prepared.case, self._config.latent_steps, _VALIDATION_SEED, device
            )
        return dense(
            query_of(network, network.feature_grids(row, channels, latent), shape), shape, device
        ).probability

    def _sample_dice(self, probability: np.ndarray[Any, Any], prepared: _Prepared, row: int) -> float:
        """Return Dice on points drawn as in training, without weights."""
        drawn = self._draw(prepared, np.random.default_rng(_VALIDATION_SEED + row))
        at = tuple(drawn.points_ijk.T)
        found, label = probability[at] >= 0.5, prepared.case.occupancy[at] >= 0.5
        total = int(found.sum()) + int(label.sum())
        return 2.0 * float((found & label).sum()) / total if total else 1.0

    def previews(self, network: nn.Module, device: torch.device) -> Sequence[PreviewImage]:
        """Show slices and a projection of the first training cases: kept, added and removed."""
        assert isinstance(network, RefinementField)
        pictures = []
        for row, prepared in enumerate(self._train[:_NUM_PREVIEWS]):
            refined = self._probability(network, prepared, row, device) >= 0.5
            label, name = prepared.case.occupancy >= 0.5, prepared.case.id
            pictures += [
                PreviewImage("slice", name, slice_picture(prepared.case.image, label, refined)),
                PreviewImage("projection", name, projection_picture(label, refined)),
            ]
        return pictures

    def model_facts(self) -> dict[str, Any]:
        """Return what builds the field again, and which case has which row."""
        config = self._config
        return {
            "mode": config.variant,
            "architecture": self._network.architecture.facts(),
            "rows": {prepared.case.id: row for row, prepared in enumerate(self._train)},
            "label_class": config.label_class,
            "work_spacing_mm": config.work_spacing_mm,
            "margin_mm": config.margin_mm,
            "label_context": config.label_context,
        }


def _grid_shape(case: RefinementCase, spacing_mm: float) -> tuple[int, int, int]:
    ratio = case.lattice.spacing_mm / spacing_mm
    i, j, k = (max(2, math.ceil((side - 1) * ratio) + 1) for side in case.lattice.shape)
    return i, j, k


def _as_sample(prepared: _Prepared, drawn: Draw, row: int) -> dict[str, Any]:
    sample: dict[str, Any] = {
        "item": prepared.case.id,
        "row": row,
        "shape": prepared.case.lattice.shape,
        "points": torch.from_numpy(drawn.points_ijk.astype(np.float32)),
        "target": torch.from_numpy(prepared.occupancy[tuple(drawn.points_ijk.T)]),
        "weights": torch.from_numpy(drawn.weights),
    }
    if prepared.channels is not None:
        sample["channels"] = prepared.channels
    return sample


def _on(channels: Tensor | None, device: torch.device) -> Tensor | None:
    return None if channels is None else channels.to(device)
