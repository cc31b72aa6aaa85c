"""What no method can beat: transforms fitted to the very landmarks that score them.

`landmark_fit` holds annotation noise and curvature; `landmark_fit_left_out` scores each landmark by the
transform of the others and holds less of the first.
"""

from __future__ import annotations

import numpy as np

from engines.contract.errors import GeometryError
from engines.imaging.matching.landmark_metrics import FAILED, PairScore, score_errors
from engines.imaging.transforms.leave_one_out import fit_with_left_out
from engines.imaging.transforms.point_transform import TransformModel
from engines.imaging.transforms.transform_fits import fit_transform
from engines.registration.evaluation.conditions import ScoredPair

BOUND_MODELS: tuple[TransformModel, ...] = ("affine", "homography", "quadratic")
_FALLBACK: tuple[TransformModel, ...] = ("homography", "affine", "similarity")


def landmark_fit(pair: ScoredPair, model: TransformModel | None = None) -> tuple[PairScore, str]:
    """Return the score of the least-squares transform of all landmarks, and its model; empty without one.

    Parameters
    ----------
    pair : ScoredPair
    model : str, optional
        Left out, a homography, or what the landmarks determine.
    """
    for family in _FALLBACK if model is None else (model,):
        try:
            transform = fit_transform(family, pair.moving_xy, pair.fixed_xy)
        except GeometryError:
            # Landmarks on one line or in one place determine fewer parameters: try the next family.
            continue
        gaps = transform.apply(pair.moving_xy) - pair.fixed_xy
        return score_errors(np.linalg.norm(gaps, axis=1)), family
    return FAILED, ""


def landmark_fit_left_out(pair: ScoredPair, model: TransformModel | None = None) -> tuple[PairScore, str]:
    """Return the score of each landmark under the transform of all others; see `landmark_fit`."""
    for family in _FALLBACK if model is None else (model,):
        try:
            _, errors = fit_with_left_out(family, pair.moving_xy, pair.fixed_xy)
        except GeometryError:
            continue
        return score_errors(errors), family
    return FAILED, ""
