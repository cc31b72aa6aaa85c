"""From the logit of a subject's grade to a probability that keeps its word. NumPy only.

The focal loss and its class weights rank grades and do not make probabilities: they push logits towards zero
and move them by the weights. After training, ``p = logistic(scale * logit + bias)`` is fitted on the
validation subjects (Platt 1999), which train no weight; the subjects of a report are never seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

LEAST_SUBJECTS = 3
"""Of each grade; with fewer nothing is fitted."""
_ROUNDS = 100
_RIDGE = 1e-3
_ENOUGH = 1e-9


@dataclass(frozen=True)
class GradeCalibration:
    """A line over logits.

    Parameters
    ----------
    scale : float
        One over the temperature.
    bias : float
    num_low, num_high : int
        Validation subjects that it was fitted on; none when it leaves logits as they are.
    """

    scale: float = 1.0
    bias: float = 0.0
    num_low: int = 0
    num_high: int = 0

    @classmethod
    def fit(cls, logits: Sequence[float], grades: Sequence[int]) -> GradeCalibration | None:
        """Fit it on subjects; None when they are too few, or ranked the wrong way round.

        Parameters
        ----------
        logits : sequence of float
            Of the high grade.
        grades : sequence of int
            0 low, 1 high.
        """
        values, is_high = np.asarray(logits, dtype=np.float64), np.asarray(grades) == 1
        num_high = int(is_high.sum())
        num_low = len(is_high) - num_high
        if min(num_low, num_high) < LEAST_SUBJECTS:
            return None
        # Targets short of 0 and 1, as of one subject more of each: else separable subjects give an
        # infinite scale.
        target = np.where(is_high, (num_high + 1) / (num_high + 2), 1 / (num_low + 2))
        spread = float(values.std()) or 1.0
        middle = float(values.mean())
        slope, level = _newton((values - middle) / spread, target)
        scale = slope / spread
        if scale <= 0:
            return None
        return cls(scale, level - scale * middle, num_low, num_high)

    @property
    def is_fitted(self) -> bool:
        """Whether it changes anything."""
        return bool(self.num_low and self.num_high)

    def logits(self, grades: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return calibrated logits (N, 2) of low and high grade; their differences are what is calibrated.

        A subject's mean over slices is calibrated when its slices are.
        """
        margin = self.scale * (grades[:, 1] - grades[:, 0]) + self.bias
        return np.stack([np.zeros_like(margin), margin], axis=1).astype(np.float32)

    def raw(self, logit: float) -> float:
        """Return what a calibrated logit was before."""
        return (logit - self.bias) / self.scale

    def facts(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> GradeCalibration:
        """Build it from what stands beside the weights; without, logits stay as they are."""
        return cls(**facts.get("grade_calibration", {}))


def _newton(values: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return slope and level of the logistic regression, with a small ridge on the slope."""
    design = np.stack([values, np.ones_like(values)], axis=1)
    ridge = np.diag([_RIDGE, 0.0])
    weights = np.zeros(2)
    for _ in range(_ROUNDS):
        probability = 1 / (1 + np.exp(-(design @ weights)))
        gradient = design.T @ (probability - target) + ridge @ weights
        curvature = (design * (probability * (1 - probability))[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature + _ENOUGH * np.eye(2), gradient)
        # A long step overshoots where the logistic is flat.
        weights = weights - step * min(1.0, 2.0 / max(float(np.abs(step).max()), _ENOUGH))
        if float(np.abs(step).max()) < _ENOUGH:
            break
    return float(weights[0]), float(weights[1])
