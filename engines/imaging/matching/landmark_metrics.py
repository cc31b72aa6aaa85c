"""Score of a registration against landmarks, one definition for every evaluation.

Errors are distances in fixed-image pixels after mapping moving landmarks to the fixed image. A pair
without a transform has failed and counts as infinitely wrong. `auc_25` is the mean over t = 1..25 px of
the share of pairs whose mean error is *below* t; `success_Tpx` is the share with a mean error of at most T.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from engines.contract.errors import GeometryError
from engines.contract.geometry import FloatArray, apply_homography, as_points_xy

Outcome: TypeAlias = Literal["acceptable", "inaccurate", "failed"]

ACCEPTABLE_MAX_PX = 50.0
ACCEPTABLE_MEDIAN_PX = 20.0
AUC_LIMIT_PX = 25
SUCCESS_LIMITS_PX = (5, 10, 25)


@dataclass(frozen=True)
class PairScore:
    """Landmark errors of one pair in fixed-image pixels; infinite when it failed."""

    mean_error_px: float
    median_error_px: float
    max_error_px: float
    outcome: Outcome


FAILED = PairScore(np.inf, np.inf, np.inf, "failed")


def landmark_errors(
    homography_fixed_from_moving: npt.ArrayLike, fixed_xy: npt.ArrayLike, moving_xy: npt.ArrayLike
) -> FloatArray:
    """Return the error of each landmark in fixed-image pixels, ``(N,)``."""
    fixed, moving = as_points_xy(fixed_xy), as_points_xy(moving_xy)
    if len(fixed) != len(moving) or len(fixed) == 0:
        raise GeometryError(
            "{num_fixed} fixed and {num_moving} moving landmarks are not pairs.",
            remedy="Give the same number of landmarks, at least one, for both images.",
            num_fixed=len(fixed),
            num_moving=len(moving),
        )
    difference = apply_homography(homography_fixed_from_moving, moving) - fixed
    return np.asarray(np.hypot(difference[:, 0], difference[:, 1]))


def score_pair(
    homography_fixed_from_moving: npt.ArrayLike | None, fixed_xy: npt.ArrayLike, moving_xy: npt.ArrayLike
) -> PairScore:
    """Score one pair.

    Parameters
    ----------
    homography_fixed_from_moving : array_like, (3, 3), or None
        None when no transform was returned.
    fixed_xy, moving_xy : array_like, (N, 2)
        Landmarks in native pixels, in the same order.
    """
    if homography_fixed_from_moving is None:
        return FAILED
    return score_errors(landmark_errors(homography_fixed_from_moving, fixed_xy, moving_xy))


def score_errors(errors_px: npt.ArrayLike) -> PairScore:
    """Score one pair from its landmark errors, ``(N,)``; an error that is not finite fails it."""
    errors = np.asarray(errors_px, dtype=np.float64)
    if errors.size == 0 or not np.isfinite(errors).all():
        return FAILED
    mean, median, largest = float(errors.mean()), float(np.median(errors)), float(errors.max())
    is_acceptable = largest <= ACCEPTABLE_MAX_PX and median <= ACCEPTABLE_MEDIAN_PX
    return PairScore(mean, median, largest, "acceptable" if is_acceptable else "inaccurate")


def score_pairs(scores: Sequence[PairScore]) -> dict[str, float | None]:
    """Summarise pairs under the metric keys of every evaluation.

    Returns
    -------
    dict of str to float or None
        Shares lie in 0..1. None means undefined: no pairs, or an infinite median.
    """
    keys = ("auc_25", "median_error_px", *(f"success_{limit}px" for limit in SUCCESS_LIMITS_PX))
    outcomes: tuple[Outcome, ...] = ("acceptable", "inaccurate", "failed")
    if not scores:
        return dict.fromkeys((*keys, *outcomes))
    means = np.array([score.mean_error_px for score in scores])
    median = float(np.median(means))
    summary: dict[str, float | None] = {
        "auc_25": float(np.mean([(means < limit).mean() for limit in range(1, AUC_LIMIT_PX + 1)])),
        "median_error_px": median if np.isfinite(median) else None,
    }
    for limit in SUCCESS_LIMITS_PX:
        summary[f"success_{limit}px"] = float((means <= limit).mean())
    for outcome in outcomes:
        summary[outcome] = float(np.mean([score.outcome == outcome for score in scores]))
    return summary
