"""Training of the grade head alone, on features that the frozen network gave once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.core.task import Batch, TrainingTask
from engines.segmentation.config import TrainConfig
from engines.segmentation.evaluation.scores import GradeScores
from engines.segmentation.inference.slice_inference import probability_of, subject_logit
from engines.segmentation.losses import grade_loss
from engines.segmentation.slices.preparation import Prepared
from engines.segmentation.slices.slice_cache import CachedCase
from engines.segmentation.training.mask_task import Trainable, freeze, model_facts


class CachedFeatures:
    """Pooled features of the slices of subjects.

    Parameters
    ----------
    features : Tensor, (N, F)
    grades : Tensor of int64, (N,)
    shares : ndarray of float32, (N,)
        Tumour share of each slice, by the image-only branch.
    owners : ndarray of int, (N,)
        Number of each slice's case.
    """

    def __init__(self, features: Tensor, grades: Tensor, shares: Any, owners: Any, names: list[str]) -> None:
        self.features = features
        self.grades = grades
        self.shares = shares
        self.owners = owners
        self.names = names

    @classmethod
    @torch.no_grad()
    def of(
        cls, trainable: Trainable, cases: Sequence[CachedCase], *, only_tumour: bool, batch: int, seed: int
    ) -> CachedFeatures:
        """Compute the features of graded cases with the network as it is.

        Parameters
        ----------
        only_tumour : bool
            Training takes slices with true tumour; validation takes all, as a prediction does.
        """
        model = trainable.model
        model.eval()
        parts, grades, shares, owners = [], [], [], []
        graded = [case for case in cases if case.grade >= 0]
        for number, case in enumerate(graded):
            places = case.tumour_places if only_tumour else np.arange(len(case.numbers))
            for start in range(0, len(places), batch):
                chosen = places[start : start + batch]
                images, _ = case.read(chosen)
                features, share = _features(trainable, torch.from_numpy(images), seed)
                parts.append(features)
                shares.append(share)
                grades += [case.grade] * len(chosen)
                owners += [number] * len(chosen)
        width = model.head.num_features if model.head is not None else 0
        return cls(
            torch.cat(parts) if parts else torch.zeros(0, width),
            torch.tensor(grades, dtype=torch.long),
            np.concatenate(shares) if shares else np.zeros(0, np.float32),
            np.array(owners, dtype=int),
            [case.id for case in graded],
        )

    def subject_logits(self, logits: Tensor) -> tuple[list[float], list[int]]:
        """Return logit and grade of each subject, from the logits (N, 2) of its slices."""
        margins, grades = [], []
        for number in range(len(self.names)):
            own = self.owners == number
            margins.append(subject_logit(logits[torch.from_numpy(own)].numpy(), self.shares[own]))
            grades.append(int(self.grades[own][0]))
        return margins, grades


def _features(trainable: Trainable, images: Tensor, seed: int) -> tuple[Tensor, Any]:
    model = trainable.model
    if model.classifier is not None:
        return model.classifier(images), np.ones(len(images), dtype=np.float32)
    condition = model.condition_of(images)
    share = torch.sigmoid(condition.calibration[:, 0]).mean(dim=(1, 2)).numpy()
    if model.architecture.grade_head != "bottleneck" or model.denoiser is None:
        return condition.pooled, share
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(images), model.architecture.num_regions, *images.shape[-2:], generator=generator)
    steps = torch.full((len(images),), model.architecture.num_steps - 1, dtype=torch.long)
    return model.denoiser(images, noise, steps, condition.anchors)[1], share


class _HeadOnly(nn.Module):
    """Calls the head through the whole network, whose state stays the checkpoint."""

    def __init__(self, trainable: Trainable) -> None:
        super().__init__()
        self.model = trainable.model
        self.task_weights = trainable.task_weights

    def forward(self, features: Tensor) -> Tensor:
        """Return grade logits (B, 2)."""
        return self.model.grades_of(features)


class GradeTask(TrainingTask):
    """The head alone: everything else is frozen, its dropout and norms too, and never computed again.

    Parameters
    ----------
    trainable : Trainable
    prepared : Prepared
    config : TrainConfig
    facts : mapping
        Numbers that every validation repeats.
    """

    best_metric = "loss_cls"
    best_is_higher = False

    def __init__(
        self,
        trainable: Trainable,
        prepared: Prepared,
        config: TrainConfig,
        facts: Mapping[str, float | None],
    ) -> None:
        freeze(trainable)
        head = trainable.model.head
        assert head is not None
        for parameter in head.parameters():
            parameter.requires_grad_(True)
        self._trainable, self._prepared, self._config = trainable, prepared, config
        self._facts = dict(facts)
        self._alpha = torch.tensor(prepared.alpha)
        batch, seed = config.slices_per_batch, config.seed
        self._train = CachedFeatures.of(trainable, prepared.train, only_tumour=True, batch=batch, seed=seed)
        self._validation = CachedFeatures.of(
            trainable, prepared.validation, only_tumour=False, batch=batch, seed=seed
        )
        self._network = _HeadOnly(trainable)
        head.train()

    @property
    def network(self) -> nn.Module:
        """The whole network, so that the checkpoint is one of all stages."""
        return self._network

    @property
    def num_train_items(self) -> int:
        """Tumour slices of graded subjects."""
        return len(self._train.grades)

    def train_sample(self, index: int, seed: int) -> dict[str, Any]:
        """Return the features of a slice."""
        owner = int(self._train.owners[index])
        return {
            "item": self._train.names[owner],
            "features": self._train.features[index],
            "grade": self._train.grades[index],
        }

    def collate(self, samples: Sequence[dict[str, Any]]) -> Batch:
        """Stack features."""
        return {
            "item": [sample["item"] for sample in samples],
            "features": torch.stack([sample["features"] for sample in samples]),
            "grade": torch.stack([sample["grade"] for sample in samples]),
        }

    def training_losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the plain class loss: no weighing of tasks, as there is one."""
        loss = grade_loss(network(batch["features"]), batch["grade"], self._alpha, self._config.grade_gamma)
        return {"cls": loss, "total": loss * 1.0}

    def validation_metrics(self, network: nn.Module, device: torch.device) -> dict[str, float | None]:
        """Score the grades of validation subjects."""
        found = self._validation
        scores = GradeScores()
        loss = None
        if len(found.grades):
            model = self._trainable.model
            logits = model.grades_of(found.features.to(device)).float().cpu()
            loss = float(grade_loss(logits, found.grades, self._alpha, self._config.grade_gamma))
            for logit, grade in zip(*found.subject_logits(logits), strict=True):
                scores.add(probability_of(logit), grade)
        return {
            **scores.values(),
            "loss_cls": loss,
            "loss_total": loss,
            **self._facts,
        }

    def model_facts(self) -> dict[str, Any]:
        """Return what builds the network again."""
        return model_facts(self._trainable.model, self._prepared)
