"""Score a network on subjects: sampled masks of whole volumes, and one grade a subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from engines.imaging.volumes.label_metrics import dice
from engines.segmentation.evaluation.scores import (
    GradeScores,
    chance_dice,
    mask_scores,
    mean_of,
    pairwise_dice,
)
from engines.segmentation.inference.sampling import SamplerOptions
from engines.segmentation.inference.slice_inference import (
    DrawnSlices,
    draw_slices,
    probability_of,
    subject_logit,
)
from engines.segmentation.model import SegmentationNetwork
from engines.segmentation.slices.labels import LabelCoding, regions_of
from engines.segmentation.slices.slice_cache import CachedCase

SEED = 40_000
_THRESHOLD = 0.5


@dataclass
class SubjectScores:
    """Rows of subjects, and their grades taken together.

    Parameters
    ----------
    rows : list of dict
        Metrics of each subject.
    grades : GradeScores
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    grades: GradeScores = field(default_factory=GradeScores)

    def means(self) -> dict[str, float | None]:
        """Return the mean of every mask metric, and the metrics of the grade."""
        keys = dict.fromkeys(key for row in self.rows for key in row if key != "item")
        return {**{key: mean_of(self.rows, key) for key in keys}, **self.grades.values()}


@torch.no_grad()
def score_subjects(
    network: SegmentationNetwork,
    cases: Sequence[CachedCase],
    coding: LabelCoding,
    options: SamplerOptions,
    *,
    num_samples: int,
    slices_per_batch: int,
    device: torch.device,
) -> SubjectScores:
    """Draw the masks of cached cases from fixed seeds, and score them."""
    found = SubjectScores()
    for case in cases:
        images, labels = case.read(np.arange(len(case.numbers)))
        drawn = draw_slices(
            network,
            images,
            options,
            num_samples=num_samples,
            seed=SEED,
            numbers=np.array(case.numbers),
            slices_per_batch=slices_per_batch,
            device=device,
        )
        true = regions_of(labels, coding, network.architecture.num_regions)
        found.rows.append({"item": case.id, **_mask_row(drawn, true, case)})
        if network.head is not None:
            logit = subject_logit(drawn.grades, drawn.tumour_share)
            found.grades.add(probability_of(logit), case.grade)
    return found


def _mask_row(drawn: DrawnSlices, true: Any, case: CachedCase) -> dict[str, float | None]:
    mean = drawn.samples.mean(axis=0).transpose(1, 0, 2, 3)
    row: dict[str, float | None] = dict(mask_scores(mean >= _THRESHOLD, true, case.spacing_mm))
    row["calib_dice"] = dice(drawn.calibration[:, 0] >= _THRESHOLD, true[0])
    if len(drawn.samples) > 1:
        row["pairwise_dice"] = pairwise_dice(drawn.samples[:, :, 0] >= _THRESHOLD)
    row["chance_dice"] = chance_dice(float(true[0].mean()))
    return row


@torch.no_grad()
def swapped_image_dice(
    network: SegmentationNetwork,
    case: CachedCase,
    other: CachedCase,
    options: SamplerOptions,
    device: torch.device,
) -> float | None:
    """Return the Dice of masks drawn from the same noise for one subject's slices and for another's.

    Near 1 a network ignores the image; None when neither mask has anything in it.
    """
    count = min(4, len(case.tumour_places), len(other.tumour_places))
    if not count or not network.is_diffusion:
        return None
    masks = []
    for found in (case, other):
        middle = len(found.tumour_places) // 2
        places = found.tumour_places[max(0, middle - count // 2) :][:count]
        images, _ = found.read(places)
        drawn = draw_slices(network, images, options, num_samples=1, seed=SEED, device=device)
        masks.append(drawn.samples[0, :, 0] >= _THRESHOLD)
    size = min(len(masks[0]), len(masks[1]))
    first, second = masks[0][:size], masks[1][:size]
    return dice(first, second) if first.any() or second.any() else None
