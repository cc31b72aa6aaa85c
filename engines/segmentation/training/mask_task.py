"""Training of mask and grade as the training loop sees it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.core.task import Batch, PreviewImage, TrainingTask
from engines.imaging.volumes.label_metrics import dice
from engines.segmentation.config import TrainConfig
from engines.segmentation.evaluation.pictures import preview_pictures
from engines.segmentation.evaluation.subject_scores import score_subjects, swapped_image_dice
from engines.segmentation.inference.sampling import SamplerOptions
from engines.segmentation.losses import (
    UncertaintyWeights,
    calibration_loss,
    cosine,
    grade_loss,
    mask_loss,
    task_gradients,
    with_projected_gradient,
)
from engines.segmentation.model import SegmentationNetwork, SegmentationOutput
from engines.segmentation.slices.augmentation import Augmentation
from engines.segmentation.slices.labels import regions_of
from engines.segmentation.slices.preparation import Prepared
from engines.segmentation.slices.slice_cache import CachedCase

_LOSS_SLICES = 8
_NUM_PREVIEWS = 2
_ALIASES = {
    "dice": "seg_dice",
    "iou": "seg_iou",
    "accuracy": "cls_acc",
    "f1": "cls_f1",
    "auc": "cls_auc",
    "loss_seg": "loss_seg",
    "loss_cls": "loss_cls",
    "sigma_seg": "sigma_seg",
    "sigma_cls": "sigma_cls",
}
"""Names that logs of the earlier implementation use."""
_log = logging.getLogger(__name__)


class Trainable(nn.Module):
    """The network and the learned weights of its tasks; its state is the checkpoint."""

    def __init__(self, model: SegmentationNetwork) -> None:
        super().__init__()
        self.model = model
        self.task_weights = UncertaintyWeights()

    def forward(self, image: Tensor, x_t: Tensor | None, steps: Tensor | None) -> SegmentationOutput:
        """Return what the network says."""
        found: SegmentationOutput = self.model(image, x_t, steps)
        return found


class SegmentationTask(TrainingTask):
    """Masks, and grades along with them where the phase has them.

    Parameters
    ----------
    trainable : Trainable
    prepared : Prepared
    config : TrainConfig
    has_grades : bool
        Whether the grade is trained; otherwise its head is frozen.
    facts : mapping
        Numbers that every validation repeats, for the rules.
    """

    def __init__(
        self,
        trainable: Trainable,
        prepared: Prepared,
        config: TrainConfig,
        *,
        has_grades: bool,
        facts: Mapping[str, float | None],
    ) -> None:
        self._trainable = trainable
        self._prepared = prepared
        self._config = config
        self._facts = dict(facts)
        model = trainable.model
        self._has_masks = model.classifier is None
        self._has_grades = has_grades and model.head is not None
        self._alpha = torch.tensor(prepared.alpha)
        self._augmentation = Augmentation(
            flips=config.flips,
            affine=config.affine,
            elastic=config.elastic,
            bias_field=config.bias_field,
            gamma=config.gamma,
            noise=config.noise,
            modality_dropout=config.modality_dropout,
        )
        self._scored = prepared.scored(config.num_evaluation_cases)
        self._num_batches = 0
        self._head_gradients: list[Tensor] | None = None
        self._reported: dict[str, float] = {}
        if self._has_masks:
            self.best_metric, self.best_is_higher = "dice", True
        else:
            self.best_metric, self.best_is_higher = "loss_cls", False
        if model.head is not None and not self._has_grades:
            freeze(model.head)
        if not (self._has_grades and config.weighting == "uncertainty"):
            freeze(trainable.task_weights)
        # The grade must not move the masks by sharing the clipped norm either: its gradient goes apart.
        architecture = model.architecture
        self._is_apart = (
            self._has_grades
            and self._has_masks
            and architecture.stop_gradient
            and config.weighting == "fixed"
            and config.precision != "16-mixed"
        )

    @property
    def network(self) -> nn.Module:
        """Network and task weights."""
        return self._trainable

    @property
    def num_train_items(self) -> int:
        """Slices drawn in an epoch."""
        return len(self._prepared.train) * self._config.slices_per_subject

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the network, and the task weights that learn slowly and never decay."""
        own = [found for found in self._trainable.model.parameters() if found.requires_grad]
        groups: list[dict[str, Any]] = [{"params": own}]
        raw = self._trainable.task_weights.raw
        if raw.requires_grad:
            groups.append({"params": [raw], "weight_decay": 0.0, "learning_rate_factor": 0.1})
        return groups

    def train_sample(self, index: int, seed: int) -> dict[str, Any]:
        """Draw a slice of a subject, more often one with tumour, and change it at random."""
        case = self._prepared.train[index // self._config.slices_per_subject]
        generator = np.random.default_rng(seed)
        places = case.tumour_places
        wants_tumour = generator.random() < self._config.tumour_share
        if not len(places) or (not wants_tumour and len(case.empty_places)):
            places = case.empty_places
        (image,), (labels,) = case.read([int(generator.choice(places))])
        image, labels = self._augmentation.apply(image, labels, generator)
        regions = regions_of(labels, self._prepared.coding, self._prepared.num_regions)
        sample: dict[str, Any] = {
            "item": case.id,
            "image": torch.from_numpy(image),
            "mask": torch.from_numpy(regions.astype(np.float32)),
            # A slice without tumour says nothing of its grade.
            "grade": case.grade if regions[0].any() else -1,
        }
        noise = generator.normal(size=regions.shape).astype(np.float32)
        sample["noise"] = torch.from_numpy(noise)
        sample["step"] = int(generator.integers(self._trainable.model.architecture.num_steps))
        return sample

    def collate(self, samples: Sequence[dict[str, Any]]) -> Batch:
        """Stack slices."""
        batch: dict[str, Any] = {"item": [sample["item"] for sample in samples]}
        for key in ("image", "mask", "noise"):
            batch[key] = torch.stack([sample[key] for sample in samples])
        for key in ("grade", "step"):
            batch[key] = torch.tensor([sample[key] for sample in samples])
        return batch

    def training_losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the parts and their weighted sum."""
        found, losses = self._losses(network, batch)
        self._note(found, batch)
        total = self._weighted(losses)
        self._num_batches += 1
        return {**losses, "total": total}

    def _losses(self, network: nn.Module, batch: Batch) -> tuple[SegmentationOutput, dict[str, Tensor]]:
        config, model = self._config, self._trainable.model
        image, mask = batch["image"], batch["mask"]
        noisy = steps = None
        if model.is_diffusion:
            steps = batch["step"]
            noisy = model.schedule.noisy(2 * mask - 1, batch["noise"], steps)
        found: SegmentationOutput = network(image, noisy, steps)
        losses: dict[str, Tensor] = {}
        if self._has_masks:
            calibration = calibration_loss(found.calib_map.float(), mask)
            if model.is_diffusion:
                losses["mask"] = self._mask_loss(found, batch)
                losses["calib"] = calibration
                losses["seg"] = losses["mask"] + config.calibration_weight * calibration
            else:
                losses["seg"] = mask_loss(found.seg_logits, mask, config.focal_weight, config.focal_gamma)
        if self._has_grades:
            losses["cls"] = grade_loss(found.cls_logits, batch["grade"], self._alpha, config.grade_gamma)
        return found, losses

    def _mask_loss(self, found: SegmentationOutput, batch: Batch) -> Tensor:
        config, model = self._config, self._trainable.model
        prediction = model.architecture.prediction
        if prediction == "x0":
            return mask_loss(found.seg_logits, batch["mask"], config.focal_weight, config.focal_gamma)
        wanted = model.schedule.target(2 * batch["mask"] - 1, batch["noise"], batch["step"], prediction)
        return ((found.raw.float() - wanted) ** 2).mean()

    def _weighted(self, losses: Mapping[str, Tensor]) -> Tensor:
        config = self._config
        if "cls" not in losses:
            return losses["seg"]
        if "seg" not in losses:
            return losses["cls"]
        segmentation, grade = losses["seg"], losses["cls"]
        if config.weighting == "uncertainty":
            self._measure_conflict(segmentation, grade)
            weighted: Tensor = self._trainable.task_weights(segmentation, grade)
            return weighted
        grade = config.grade_weight * grade
        if self._is_apart:
            self._add_head_gradient(grade)
            return segmentation + grade.detach()
        shared = self._shared()
        if config.weighting == "pcgrad" and shared and grade.requires_grad:
            total, angle = with_projected_gradient(segmentation, grade, shared)
            if angle is not None:
                self._reported["gradient_cosine"] = angle
            return total
        self._measure_conflict(segmentation, grade)
        return segmentation + grade

    def _shared(self) -> list[nn.Parameter]:
        """Return what both tasks move: nothing when the grade's gradient is stopped."""
        model = self._trainable.model
        if model.architecture.stop_gradient or model.condition is None:
            return []
        part = model.condition
        if model.architecture.grade_head == "bottleneck" and model.denoiser is not None:
            return [found for found in model.denoiser.input_blocks.parameters() if found.requires_grad]
        return [found for found in part.encoder.parameters() if found.requires_grad]

    def _measure_conflict(self, segmentation: Tensor, grade: Tensor) -> None:
        every = self._config.conflict_every_steps
        shared = self._shared()
        if not every or self._num_batches % every or not shared or not grade.requires_grad:
            return
        angle = cosine(task_gradients(segmentation, shared), task_gradients(grade, shared))
        if angle is not None:
            self._reported["gradient_cosine"] = angle

    def _add_head_gradient(self, grade: Tensor) -> None:
        head = self._trainable.model.head
        assert head is not None
        found = task_gradients(grade, list(head.parameters()))
        before = self._head_gradients
        self._head_gradients = (
            found if before is None else [a + b for a, b in zip(before, found, strict=True)]
        )

    def before_optimiser_step(self) -> dict[str, float]:
        """Give the head its gradient, clipped by itself."""
        if self._head_gradients is None:
            return {}
        head = self._trainable.model.head
        assert head is not None
        for parameter, gradient in zip(head.parameters(), self._head_gradients, strict=True):
            parameter.grad = gradient / self._config.accumulate_batches
        self._head_gradients = None
        limit = self._config.gradient_clip_norm
        norm = torch.nn.utils.clip_grad_norm_(head.parameters(), limit or float("inf"))
        return {"head_gradient_norm": float(norm)}

    def after_optimiser_step(self) -> dict[str, float]:
        """Return what the step noted: overlap, batches of one grade, angle of gradients, sigmas."""
        reported, self._reported = self._reported, {}
        if self._trainable.task_weights.raw.requires_grad:
            reported["sigma_seg"], reported["sigma_cls"] = self._trainable.task_weights.sigmas()
        return reported

    def _note(self, found: SegmentationOutput, batch: Batch) -> None:
        if self._has_masks:
            true = batch["mask"][:, 0].detach().cpu().numpy() > 0.5
            for key, logits in (("x0_dice", found.seg_logits), ("calib_dice", found.calib_map)):
                self._reported[key] = dice(logits[:, 0].detach().cpu().numpy() > 0, true)
        if self._has_grades:
            known = batch["grade"][batch["grade"] >= 0]
            self._reported["single_class_batch"] = float(len(torch.unique(known)) < 2)

    # -- validation ---------------------------------------------------------------------------------

    def validation_metrics(self, network: nn.Module, device: torch.device) -> dict[str, float | None]:
        """Score sampled masks and grades of validation subjects, with averaged weights."""
        return self._validate(device, self._scored)

    def quick_validation(self, network: nn.Module, device: torch.device) -> dict[str, float | None]:
        """Score one subject."""
        return self._validate(device, self._scored[:1])

    def _validate(self, device: torch.device, cases: Sequence[CachedCase]) -> dict[str, float | None]:
        config, model = self._config, self._trainable.model
        options = SamplerOptions("ddim", config.validation_steps)
        values = score_subjects(
            model,
            cases,
            self._prepared.coding,
            options,
            num_samples=config.validation_samples,
            slices_per_batch=config.slices_per_batch,
            device=device,
        ).means()
        if not self._has_masks:
            values = {key: value for key, value in values.items() if not key.startswith(_MASK_KEYS)}
        values |= self._validation_losses(device, cases)
        if self._has_masks and len(cases) > 1:
            values["swapped_image_dice"] = swapped_image_dice(model, cases[0], cases[1], options, device)
        if self._trainable.task_weights.raw.requires_grad:
            values["sigma_seg"], values["sigma_cls"] = self._trainable.task_weights.sigmas()
        values |= self._facts
        _log.info(
            "%s",
            " ".join(
                f"{alias}={'undefined' if values[key] is None else f'{values[key]:.4f}'}"
                for key, alias in _ALIASES.items()
                if key in values
            ),
        )
        return values

    def _validation_losses(
        self, device: torch.device, cases: Sequence[CachedCase]
    ) -> dict[str, float | None]:
        """Return the losses of a few slices of each subject, at fixed steps with fixed noise."""
        sums: dict[str, list[float]] = {}
        for number, case in enumerate(cases):
            generator = np.random.default_rng([number, 1])
            places = case.tumour_places if len(case.tumour_places) else np.arange(len(case.numbers))
            chosen = places[np.linspace(0, len(places) - 1, min(_LOSS_SLICES, len(places))).astype(int)]
            images, labels = case.read(chosen)
            regions = regions_of(labels, self._prepared.coding, self._prepared.num_regions)
            mask = torch.from_numpy(np.moveaxis(regions, 1, 0).astype(np.float32)).to(device)
            steps = np.linspace(0, self._trainable.model.architecture.num_steps - 1, len(chosen)).astype(int)
            batch = {
                "image": torch.from_numpy(images).to(device),
                "mask": mask,
                "noise": torch.from_numpy(generator.normal(size=mask.shape).astype(np.float32)).to(device),
                "step": torch.from_numpy(steps).to(device),
                "grade": torch.full((len(chosen),), case.grade, device=device),
            }
            _, losses = self._losses(self._trainable, batch)
            if case.grade < 0:
                losses.pop("cls", None)
            for name, value in losses.items():
                sums.setdefault(f"loss_{name}", []).append(float(value))
        values: dict[str, float | None] = {key: float(np.mean(found)) for key, found in sums.items()}
        if self._has_grades:
            values.setdefault("loss_cls", None)
        parts = [values.get("loss_seg"), values.get("loss_cls")]
        known = [part for part in parts if part is not None]
        values["loss_total"] = sum(known) if known else None
        return values

    def previews(self, network: nn.Module, device: torch.device) -> Sequence[PreviewImage]:
        """Show the largest tumour slice of the first validation subjects: truth, calibration, drawn mask."""
        if not self._has_masks:
            return ()
        options = SamplerOptions("ddim", self._config.validation_steps)
        model, coding = self._trainable.model, self._prepared.coding
        return [
            picture
            for case in self._scored[:_NUM_PREVIEWS]
            for picture in preview_pictures(model, case, coding, options, device)
        ]

    # -- checkpoint ---------------------------------------------------------------------------------

    def extra_state(self) -> dict[str, Any]:
        """Return how many batches were seen: every n-th measures the angle of gradients."""
        return {"num_batches": self._num_batches}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        """Go on counting."""
        self._num_batches = int(state["num_batches"])

    def model_facts(self) -> dict[str, Any]:
        """Return what builds the network again, and what its numbers mean."""
        return model_facts(self._trainable.model, self._prepared)


_MASK_KEYS = ("dice", "iou", "hd95", "calib_dice", "pairwise_dice", "chance_dice")


def freeze(module: nn.Module) -> None:
    """Keep a module as it is, in evaluation mode for good: dropout must not stay active in it either."""
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    module.eval()


def model_facts(model: SegmentationNetwork, prepared: Prepared) -> dict[str, Any]:
    """Return plain values that stand beside the weights."""
    return {
        "architecture": model.architecture.facts(),
        "mode": f"{model.architecture.method} {model.architecture.network}",
        "size": prepared.size,
        "label_coding": prepared.coding.key,
        "alpha": list(prepared.alpha),
        "parameters": {name: count for name, count, _ in model.parameter_table()},
    }
