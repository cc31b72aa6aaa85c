"""The losses of a batch of pairs in every phase, with keypoint expansion where the phase has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from engines.core.task import Batch
from engines.registration.config import TrainConfig
from engines.registration.losses import dice_loss, infonce_loss, triplet_loss
from engines.registration.model import sample_in_batch
from engines.registration.training.bifurcation_labels import kernel_side, label_kernel
from engines.registration.training.phase_plan import Terms
from engines.registration.training.pke import (
    Expansion,
    ExpansionRules,
    expand,
    learned_points,
)
from engines.registration.training.torch_geometry import (
    map_points,
    rasterised,
    softened,
    valid_area,
    warp_maps,
)
from engines.registration.training.value_maps import ValueMaps

_NOMINAL_SIZE_PX = 768
_ACTIVE = 0.5
_FIELD_MARGIN_PX = 4


def expansion_rules(config: TrainConfig, *, is_validation: bool = False) -> ExpansionRules:
    """Return the thresholds of expansion at the run's working size."""
    scale = config.image_size_px / _NOMINAL_SIZE_PX
    radius = max(2, round(config.pke_radius_px * scale))
    return ExpansionRules(
        candidate_score=config.pke_candidate_score,
        geometry_score=config.pke_geometry_score,
        content_ratio=config.pke_validation_ratio if is_validation else config.pke_content_ratio,
        max_new_points=config.pke_max_new_points,
        radius_px=radius,
        learned_radius_px=max(radius, round(1.6 * radius)),
    )


@dataclass
class Sides:
    """A batch sorted by reference and other image instead of fixed and moving.

    Parameters
    ----------
    score : Tensor, (B, 2, H, W)
        Probabilities, the reference first.
    grid : Tensor, (B, 2, D, h, w)
    fields, labels : Tensor, (B, 2, H, W)
    other_from_reference : Tensor, (B, 3, 3)
    """

    score: Tensor
    grid: Tensor
    fields: Tensor
    labels: Tensor
    other_from_reference: Tensor

    @classmethod
    def of(cls, logits: Tensor, grids: Tensor, batch: Batch) -> Sides:
        """Sort a batch's maps; `logits` and `grids` hold the fixed image of each pair first."""
        count = len(batch["channels"])
        reference = batch["reference_side"]
        order = torch.stack([reference, 1 - reference], dim=1)
        rows = torch.arange(count, device=order.device)[:, None]
        score = torch.sigmoid(logits.float()).reshape(count, 2, *logits.shape[2:])
        grid = grids.float().reshape(count, 2, *grids.shape[1:])
        return cls(
            score[rows, order],
            grid[rows, order],
            batch["fields"][rows, order],
            batch["labels"][rows, order],
            batch["other_from_reference"].float(),
        )


@dataclass
class PairLosses:
    """Compute losses; remembers what the newest batch was like.

    Parameters
    ----------
    config : TrainConfig
    terms : Terms
    maps : ValueMaps
    """

    config: TrainConfig
    terms: Terms
    maps: ValueMaps
    epoch: int = 0
    values: dict[str, float] = field(default_factory=dict)
    """Facts of the newest training batch by metric key."""

    def of_batch(
        self, logits: Tensor, grids: Tensor, batch: Batch, *, is_training: bool
    ) -> dict[str, Tensor]:
        """Return every part that is defined for this batch, and their weighted sum as ``total``."""
        config = self.config
        sides = Sides.of(logits, grids, batch)
        given, labels = self._given(sides, batch), sides.labels
        learned = torch.zeros_like(given, dtype=torch.bool)
        counts: dict[str, int] = {}
        if self.terms.has_expansion:
            learned, counts = self._expanded(sides, given, batch, is_training=is_training)
            labels = self._enriched_labels(sides, labels, given, learned)
        trust = batch["weight"].float()[:, None, None]
        parts: dict[str, tuple[float, Tensor | None]] = {
            "detector": (config.lambda_detector, dice_loss(sides.score[:, 0], labels[:, 0], trust)),
            "moving": (config.lambda_moving, dice_loss(sides.score[:, 1], labels[:, 1], trust)),
            "descriptor": (config.lambda_descriptor, self._given_descriptors(grids, batch)),
        }
        if self.terms.has_geometry:
            weight = self.terms.geometry_weight(config, self.epoch)
            parts["geometry"] = (weight, self._agreement(sides, batch))
        if self.terms.has_real_pairs:
            weight = self.terms.expansion_weight(config, self.epoch)
            parts["descriptor_pke"] = (weight, self._learned_descriptors(sides, learned, batch))
        if is_training:
            self.values = self._facts(sides, grids, batch, learned, counts)
        losses = {name: loss for name, (_, loss) in parts.items() if loss is not None}
        weighted = [factor * losses[name] for name, (factor, _) in parts.items() if name in losses and factor]
        # A batch without any point can still be back-propagated.
        total = sum(weighted) if weighted else 0.0 * (logits.float().mean() + grids.float().mean())
        return {**losses, "total": torch.as_tensor(total)}

    @property
    def needs_other_detector(self) -> bool:
        """Whether anything is learned from the detector of the warped image."""
        return self.config.lambda_moving > 0 or self.terms.has_geometry

    def found_points(self, logits: Tensor, grids: Tensor, batch: Batch) -> int:
        """Return how many new points a batch of validation pairs would bring."""
        sides = Sides.of(logits, grids, batch)
        rules = expansion_rules(self.config, is_validation=True)
        return self._expansion(sides, self._given(sides, batch), batch, rules).counts["accepted"]

    def _given(self, sides: Sides, batch: Batch) -> Tensor:
        places = batch["given_xy"].round().long()
        count, _, height, width = sides.score.shape
        return rasterised(places[:, 1], places[:, 0], batch["given_index"], (count, height, width))

    def _expansion(self, sides: Sides, given: Tensor, batch: Batch, rules: ExpansionRules) -> Expansion:
        return expand(
            sides.score[:, 0].detach(),
            sides.score[:, 1].detach(),
            sides.grid[:, 0].detach(),
            sides.grid[:, 1].detach(),
            sides.other_from_reference,
            given,
            batch["vessels"] * sides.fields[:, 0],
            rules,
        )

    def _expanded(
        self, sides: Sides, given: Tensor, batch: Batch, *, is_training: bool
    ) -> tuple[Tensor, dict[str, int]]:
        """Return all learned points of the eyes of a batch, bool (B, H, W), after this round."""
        rules = expansion_rules(self.config)
        names: list[str] = list(batch["item"])
        counts: dict[str, int] = {}
        if is_training:
            found = self._expansion(sides, given, batch, rules)
            shape = (given.shape[0], given.shape[1], given.shape[2])
            self.maps.update(names, rasterised(found.rows, found.columns, found.images, shape))
            counts = found.counts
        return learned_points(self.maps.of(names, given.device), given, rules), counts

    def _enriched_labels(self, sides: Sides, labels: Tensor, given: Tensor, learned: Tensor) -> Tensor:
        """Add learned points to the targets of both images."""
        height, width = given.shape[1:]
        kernel = torch.from_numpy(label_kernel(kernel_side(self.config.image_size_px)).copy())
        kernel = kernel.to(given.device)
        images, rows, columns = torch.nonzero(learned, as_tuple=True)
        points_xy = torch.stack([columns, rows], dim=1).float()
        mapped = map_points(sides.other_from_reference[images], points_xy[:, None])[:, 0].round().long()
        shape = (given.shape[0], height, width)
        moved = rasterised(mapped[:, 1], mapped[:, 0], images, shape)
        extra = torch.stack([softened(learned.float(), kernel), softened(moved, kernel)], dim=1)
        return (labels + extra * sides.fields).clamp(max=1.0)

    def _given_descriptors(self, grids: Tensor, batch: Batch) -> Tensor | None:
        """Return the descriptor loss at given points, under the true transform: the anchor of all phases."""
        index = batch["image_index"]
        return self._descriptor_loss(
            sample_in_batch(grids, 2 * index, batch["fixed_xy"]),
            sample_in_batch(grids, 2 * index + 1, batch["moving_xy"]),
            batch["fixed_xy"],
            batch["moving_xy"],
            index,
            batch["geometry_weight"],
        )

    def _learned_descriptors(self, sides: Sides, learned: Tensor, batch: Batch) -> Tensor | None:
        images, rows, columns = torch.nonzero(learned, as_tuple=True)
        points_xy = torch.stack([columns, rows], dim=1).float()
        mapped = map_points(sides.other_from_reference[images], points_xy[:, None])[:, 0]
        height, width = learned.shape[1:]
        last = mapped.new_tensor([width - 1, height - 1]) - _FIELD_MARGIN_PX
        kept = ((mapped >= _FIELD_MARGIN_PX) & (mapped <= last)).all(1)
        images, points_xy, mapped = images[kept], points_xy[kept], mapped[kept]
        places = mapped.round().long()
        kept = sides.fields[images, 1, places[:, 1], places[:, 0]] > 0
        images, points_xy, mapped = images[kept], points_xy[kept], mapped[kept]
        return self._descriptor_loss(
            sample_in_batch(sides.grid[:, 0], images, points_xy),
            sample_in_batch(sides.grid[:, 1], images, mapped),
            points_xy,
            mapped,
            images,
            batch["geometry_weight"],
        )

    def _descriptor_loss(
        self,
        first: Tensor,
        second: Tensor,
        first_xy: Tensor,
        second_xy: Tensor,
        index: Tensor,
        trust: Tensor,
    ) -> Tensor | None:
        config = self.config
        weight = trust.float()[index]
        arguments = (first, second, first_xy, second_xy, index)
        if config.descriptor_loss == "infonce":
            return infonce_loss(
                *arguments,
                temperature=config.temperature,
                exclusion_px=config.negatives_exclusion_px,
                weight=weight,
            )
        return triplet_loss(
            *arguments,
            margin=config.triplet_margin,
            exclusion_px=config.negatives_exclusion_px,
            weight=weight,
        )

    def _agreement(self, sides: Sides, batch: Batch) -> Tensor | None:
        """Return how little both detectors agree in the common area of the images."""
        moved = warp_maps(sides.score[:, 1:], sides.other_from_reference)[:, 0]
        valid = valid_area(sides.fields[:, 0], sides.fields[:, 1], sides.other_from_reference)
        reference = sides.score[:, 0]
        if self.terms.is_reference_held(self.config, self.epoch):
            reference = reference.detach()
        return dice_loss(moved, reference, valid * batch["geometry_weight"].float()[:, None, None])

    def _facts(
        self, sides: Sides, grids: Tensor, batch: Batch, learned: Tensor, counts: Mapping[str, int]
    ) -> dict[str, float]:
        """Return what rules watch: how busy the detectors are, how alike descriptors, how expansion goes."""
        count = len(batch["channels"])
        with torch.no_grad():
            active = (sides.score > _ACTIVE).float() * sides.fields
            area = sides.fields.sum((0, 2, 3)).clamp(min=1)
            share = (active.sum((0, 2, 3)) / area).tolist()
            facts: dict[str, Any] = {"active_reference": share[0], "active_moving": share[1]}
            index = batch["image_index"]
            if len(index) > 1:
                described = sample_in_batch(grids, 2 * index, batch["fixed_xy"])
                mean = described.mean(0)
                # Of unit vectors: 1 when all are alike, near 0 when they spread.
                facts["descriptor_alikeness"] = float(mean.square().sum())
            for name, number in counts.items():
                facts[f"pke_{name}"] = number / count
            if self.terms.has_expansion:
                facts["pke_points"] = float(learned.sum()) / count
                facts["pke_known_pixels"] = self.maps.num_known
        return facts
