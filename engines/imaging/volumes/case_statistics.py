"""Means over cases, and how sure they are: resampled by subject, because cases of one person are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FEWEST_SUBJECTS = 5
"""With fewer, an interval would say nothing."""
FEW_SUBJECTS = 10
NUM_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """The middle 95 % of resampled means."""

    low: float
    high: float


def mean_of(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values there are; None without any."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def bootstrap_interval(
    values: Sequence[float | None], subjects: Sequence[str], *, seed: int = 0
) -> Interval | None:
    """Return the 95 % interval of a mean over cases, whole subjects drawn with replacement.

    Parameters
    ----------
    values : sequence of float or None, (N,)
        None is left out.
    subjects : sequence of str, (N,)
        Who each case belongs to.
    seed : int
        The same values give the same interval.

    Returns
    -------
    Interval, or None with values of fewer than `FEWEST_SUBJECTS` subjects.
    """
    sums: dict[str, tuple[float, int]] = {}
    for value, subject in zip(values, subjects, strict=True):
        if value is not None:
            total, count = sums.get(subject, (0.0, 0))
            sums[subject] = (total + value, count + 1)
    if len(sums) < FEWEST_SUBJECTS:
        return None
    totals, counts = (np.array(column, dtype=np.float64) for column in zip(*sums.values(), strict=True))
    drawn = np.random.default_rng(seed).integers(0, len(sums), (NUM_RESAMPLES, len(sums)))
    means = totals[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(low), float(high))
