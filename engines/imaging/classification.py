"""How well scores tell two classes apart: ranking, calibration, and intervals over subjects. NumPy only.

Scores are of the positive class. What has no value, because a class is missing, is None and never a number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
_TINY = 1e-9


def roc_auc(scores: npt.ArrayLike, is_positive: npt.ArrayLike) -> float | None:
    """Return the area under the ROC curve by mean ranks, ties counting half; None when a class is missing."""
    values, positive = _checked(scores, is_positive)
    num_positive, num_negative = int(positive.sum()), int((~positive).sum())
    if not (num_positive and num_negative):
        return None
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[inverse]
    wins = ranks[positive].sum() - num_positive * (num_positive + 1) / 2
    return float(wins / (num_positive * num_negative))


def roc_curve(scores: npt.ArrayLike, is_positive: npt.ArrayLike) -> tuple[FloatArray, FloatArray] | None:
    """Return false and true positive rates from (0, 0) to (1, 1); None when a class is missing."""
    values, positive = _checked(scores, is_positive)
    if positive.all() or not positive.any():
        return None
    hits, alarms = _cumulative(values, positive)
    return alarms / alarms[-1], hits / hits[-1]


def precision_recall_curve(
    scores: npt.ArrayLike, is_positive: npt.ArrayLike
) -> tuple[FloatArray, FloatArray] | None:
    """Return recall and precision at every threshold; None when a class is missing."""
    values, positive = _checked(scores, is_positive)
    if positive.all() or not positive.any():
        return None
    hits, alarms = _cumulative(values, positive)
    return hits[1:] / hits[-1], hits[1:] / (hits[1:] + alarms[1:])


def average_precision(scores: npt.ArrayLike, is_positive: npt.ArrayLike) -> float | None:
    """Return the area under the precision-recall steps; None when a class is missing."""
    found = precision_recall_curve(scores, is_positive)
    if found is None:
        return None
    recall, precision = found
    return float(np.sum(np.diff(np.concatenate([[0.0], recall])) * precision))


@dataclass(frozen=True)
class Confusion:
    """Counts of decisions.

    Parameters
    ----------
    true_positive, false_positive, false_negative, true_negative : int
    """

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def accuracy(self) -> float:
        """Share of right decisions."""
        total = self.true_positive + self.false_positive + self.false_negative + self.true_negative
        return (self.true_positive + self.true_negative) / total

    @property
    def balanced_accuracy(self) -> float | None:
        """Mean recall of both classes; None when one is missing."""
        positives = self.true_positive + self.false_negative
        negatives = self.true_negative + self.false_positive
        if not (positives and negatives):
            return None
        return (self.true_positive / positives + self.true_negative / negatives) / 2

    @property
    def f1_positive(self) -> float | None:
        """F1 of the positive class; None when it neither occurs nor is decided for."""
        return _f1(self.true_positive, self.false_positive, self.false_negative)

    @property
    def f1_negative(self) -> float | None:
        """F1 of the negative class; None when it neither occurs nor is decided for."""
        return _f1(self.true_negative, self.false_negative, self.false_positive)

    @property
    def f1_macro(self) -> float | None:
        """Mean F1 of both classes; None when a class does not occur."""
        if self.balanced_accuracy is None:
            return None
        return ((self.f1_positive or 0.0) + (self.f1_negative or 0.0)) / 2


def confusion(scores: npt.ArrayLike, is_positive: npt.ArrayLike, threshold: float = 0.5) -> Confusion:
    """Return the counts of deciding for the positive class from a threshold on."""
    values, positive = _checked(scores, is_positive)
    return _counted(values >= threshold, positive)


def _counted(decided: BoolArray, positive: BoolArray) -> Confusion:
    return Confusion(
        int((decided & positive).sum()),
        int((decided & ~positive).sum()),
        int((~decided & positive).sum()),
        int((~decided & ~positive).sum()),
    )


@dataclass(frozen=True)
class Decisions:
    """What is said from a threshold on, with a band around it in which nothing is said.

    Parameters
    ----------
    said : Confusion
        Counts of the cases of which something is said.
    undecided_negative, undecided_positive : int
        Cases of either class inside the band.
    """

    said: Confusion
    undecided_negative: int
    undecided_positive: int

    @property
    def sensitivity(self) -> tuple[int, int]:
        """Hits, and the positive cases of which something is said."""
        return self.said.true_positive, self.said.true_positive + self.said.false_negative

    @property
    def specificity(self) -> tuple[int, int]:
        """Rejections, and the negative cases of which something is said."""
        return self.said.true_negative, self.said.true_negative + self.said.false_positive

    @property
    def num_said(self) -> int:
        """Cases of which something is said."""
        return self.sensitivity[1] + self.specificity[1]

    @property
    def num_cases(self) -> int:
        """All cases."""
        return self.num_said + self.undecided_negative + self.undecided_positive


def decide(
    scores: npt.ArrayLike, is_positive: npt.ArrayLike, threshold: float = 0.5, band: float = 0.0
) -> Decisions:
    """Say the positive class from a threshold on, and nothing nearer to it than `band`."""
    values, positive = _checked(scores, is_positive)
    # As far as the band is wide is far enough, whatever the last bit says.
    is_said = np.abs(values - threshold) >= band - _TINY
    return Decisions(
        _counted(values[is_said] >= threshold, positive[is_said]),
        int((~is_said & ~positive).sum()),
        int((~is_said & positive).sum()),
    )


def wilson(num_hits: int, num_cases: int) -> tuple[float, float] | None:
    """Return the 95 % Wilson interval of a share, or None without cases."""
    if num_cases == 0:
        return None
    z = 1.959964
    share = num_hits / num_cases
    middle = (share + z * z / (2 * num_cases)) / (1 + z * z / num_cases)
    half = z * np.sqrt(share * (1 - share) / num_cases + z * z / (4 * num_cases**2)) / (1 + z * z / num_cases)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def brier_score(scores: npt.ArrayLike, is_positive: npt.ArrayLike) -> float:
    """Return the mean squared distance of probabilities to what was true."""
    values, positive = _checked(scores, is_positive)
    return float(np.mean((values - positive) ** 2))


@dataclass(frozen=True)
class Reliability:
    """Stated probability against observed share, in equal bins.

    Parameters
    ----------
    stated, observed : ndarray of float64, (B,)
        Means of the bins that hold something.
    counts : ndarray of int, (B,)
    """

    stated: FloatArray
    observed: FloatArray
    counts: npt.NDArray[np.int64]

    @property
    def expected_error(self) -> float:
        """Expected calibration error: the mean distance of both, by counts."""
        return float(np.sum(self.counts * np.abs(self.stated - self.observed)) / self.counts.sum())


def reliability(scores: npt.ArrayLike, is_positive: npt.ArrayLike, num_bins: int = 10) -> Reliability:
    """Return the reliability diagram of probabilities."""
    values, positive = _checked(scores, is_positive)
    bins = np.minimum((values * num_bins).astype(int), num_bins - 1)
    used = [number for number in range(num_bins) if (bins == number).any()]
    return Reliability(
        np.array([values[bins == number].mean() for number in used]),
        np.array([positive[bins == number].mean() for number in used]),
        np.array([int((bins == number).sum()) for number in used]),
    )


def bootstrap_interval(
    scores: npt.ArrayLike,
    is_positive: npt.ArrayLike,
    score: Callable[[Any, Any], float | None] = roc_auc,
    *,
    num_draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Return the 95 % percentile interval of a score over subjects drawn with replacement, by class.

    None when a class is missing.
    """
    values, positive = _checked(scores, is_positive)
    groups = [np.flatnonzero(positive), np.flatnonzero(~positive)]
    if not all(len(group) for group in groups):
        return None
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(num_draws):
        chosen = np.concatenate([generator.choice(group, len(group)) for group in groups])
        value = score(values[chosen], positive[chosen])
        if value is not None:
            found.append(value)
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def _checked(scores: npt.ArrayLike, is_positive: npt.ArrayLike) -> tuple[FloatArray, BoolArray]:
    values = np.asarray(scores, dtype=np.float64).ravel()
    positive = np.asarray(is_positive, dtype=bool).ravel()
    if len(values) != len(positive) or not len(values):
        raise ValueError(f"{len(values)} scores of {len(positive)} subjects")
    return values, positive


def _cumulative(values: FloatArray, positive: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return hits and false alarms at each distinct threshold, from the strictest; both begin with 0."""
    order = np.argsort(-values, kind="stable")
    ordered = positive[order]
    ends = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)
    hits = np.concatenate([[0.0], np.cumsum(ordered)[ends]])
    alarms = np.concatenate([[0.0], np.cumsum(~ordered)[ends]])
    return hits, alarms


def _f1(hits: int, false_alarms: int, misses: int) -> float | None:
    total = 2 * hits + false_alarms + misses
    return 2 * hits / total if total else None
