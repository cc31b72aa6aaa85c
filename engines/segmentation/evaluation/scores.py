"""What masks and grades of subjects are worth. NumPy only; None where a number would not be one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.imaging.classification import (
    Confusion,
    brier_score,
    confusion,
    reliability,
    roc_auc,
)
from engines.imaging.volumes.label_metrics import Mask, Spacing, dice, iou, surface_distances

REGION_KEYS = ("", "_tc", "_et")
"""Suffixes of the metrics of whole tumour, core and enhancing part."""
LARGEST_HD95_MM = 373.13
"""The penalty where one of two masks is empty: the diagonal of a volume of 240 x 240 x 155 mm."""


def mask_scores(
    found: npt.NDArray[np.bool_], true: npt.NDArray[np.bool_], spacing: Spacing
) -> dict[str, float]:
    """Return Dice, IoU and 95 % Hausdorff distance of each region (R, S, H, W); both empty is perfect."""
    scores = {}
    for region, suffix in zip(range(len(true)), REGION_KEYS, strict=False):
        scores[f"dice{suffix}"] = dice(found[region], true[region])
        scores[f"iou{suffix}"] = iou(found[region], true[region])
        scores[f"hd95{suffix}_mm"] = _hd95(found[region], true[region], spacing)
    return scores


def _hd95(found: Mask, true: Mask, spacing: Spacing) -> float:
    if not found.any() and not true.any():
        return 0.0
    distance = surface_distances(found, true, spacing).hd95_mm
    return LARGEST_HD95_MM if distance is None else distance


def pairwise_dice(samples: npt.NDArray[np.bool_]) -> float | None:
    """Return the mean Dice of all pairs of samples (K, ...); None with one sample."""
    found = [
        dice(samples[first], samples[second])
        for first in range(len(samples))
        for second in range(first + 1, len(samples))
    ]
    return float(np.mean(found)) if found else None


def chance_dice(tumour_share: float) -> float:
    """Return the Dice that a mask of coin flips has against a tumour of this share of the pixels."""
    return tumour_share / (0.5 + tumour_share)


@dataclass
class GradeScores:
    """Grades of subjects, taken together before anything is computed from them.

    Parameters
    ----------
    probabilities : list of float
        Of the high grade.
    grades : list of int
        0, 1, or -1 where unknown: such a subject does not count.
    threshold : float
        Probability from which the high grade is said.
    """

    probabilities: list[float] = field(default_factory=list)
    grades: list[int] = field(default_factory=list)
    threshold: float = 0.5

    def add(self, probability: float, grade: int) -> None:
        """Take in a subject."""
        if grade >= 0:
            self.probabilities.append(probability)
            self.grades.append(grade)

    @property
    def is_high(self) -> npt.NDArray[np.bool_]:
        """Which subjects have the high grade."""
        return np.asarray(np.array(self.grades, dtype=int) == 1)

    def values(self) -> dict[str, float | None]:
        """Return every metric of the grade; None for those that a missing class makes undefined."""
        keys = ("auc", "f1", "f1_lgg", "f1_hgg", "accuracy", "balanced_accuracy", "brier", "ece")
        if not self.grades:
            return dict.fromkeys(keys)
        counts: Confusion = confusion(self.probabilities, self.is_high, self.threshold)
        has_both = 0 < int(self.is_high.sum()) < len(self.grades)
        return {
            "auc": roc_auc(self.probabilities, self.is_high),
            "f1": counts.f1_macro,
            "f1_lgg": counts.f1_negative if has_both else None,
            "f1_hgg": counts.f1_positive if has_both else None,
            "accuracy": counts.accuracy,
            "balanced_accuracy": counts.balanced_accuracy,
            "brier": brier_score(self.probabilities, self.is_high),
            "ece": reliability(self.probabilities, self.is_high).expected_error,
        }


def constant_scores(grades: Sequence[int]) -> dict[str, float | None]:
    """Return what always saying the more frequent grade scores."""
    known = [grade for grade in grades if grade >= 0]
    if not known:
        return GradeScores().values()
    high = float(np.mean(known))
    said = GradeScores([float(high >= 0.5)] * len(known), known)
    return said.values()


def mean_of(rows: Sequence[dict[str, Any]], key: str) -> float | None:
    """Return the mean of a key over the rows that have a value for it."""
    found = [row[key] for row in rows if row.get(key) is not None]
    return float(np.mean(found)) if found else None
