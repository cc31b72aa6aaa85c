"""The transform fitted to an item's pairs, with both residuals; plain numbers, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engines.contract.errors import GeometryError
from engines.contract.geometry import FloatArray, Size
from engines.imaging.transforms.curved_transform import CurvedTransform
from engines.imaging.transforms.leave_one_out import fit_with_left_out
from engines.imaging.transforms.point_pairs import SMALLEST_NUM_POINTS
from engines.imaging.transforms.point_transform import PointTransform, TransformModel
from engines.imaging.transforms.transform_fits import fit_transform
from workstation.project.annotations import KeypointPair, Point, Side
from workstation.views.protocols.pairs import FitSummary, ModelScore, PairRow


@dataclass(frozen=True)
class PairFit:
    """Rows with residuals, their summary, and the transform.

    Parameters
    ----------
    fixed_from_moving : PointTransform or None
        None while there are too few pairs, or they do not determine the model.
    """

    rows: tuple[PairRow, ...]
    summary: FitSummary
    fixed_from_moving: PointTransform | None


def fit_pairs(pairs: Sequence[KeypointPair], model: TransformModel, *, has_left_out: bool = True) -> PairFit:
    """Fit a model to the used pairs.

    Parameters
    ----------
    pairs : sequence of KeypointPair
    model : TransformModel
    has_left_out : bool
        Whether to tell how far each pair lies from the fit to the others.
    """
    rows = [_row(pair) for pair in pairs]
    used = [index for index, pair in enumerate(pairs) if pair.is_used]
    missing = max(0, SMALLEST_NUM_POINTS[model] - len(used))
    summary = FitSummary(model, len(used), len(pairs), missing=missing)
    if missing:
        return PairFit(tuple(rows), summary, None)
    moving, fixed = _used_points(pairs)
    try:
        transform, left_out = _fitted(model, moving, fixed, has_left_out=has_left_out)
    except GeometryError as error:
        return PairFit(tuple(rows), replace(summary, problem=error.message), None)
    fitted = _distances(transform, moving, fixed)
    for place, index in enumerate(used):
        rows[index] = replace(
            rows[index],
            fit_px=float(fitted[place]),
            loo_px=None if left_out is None else float(left_out[place]),
        )
    ranked = fitted if left_out is None else left_out
    worst = int(np.argmax(ranked))
    summary = replace(
        summary,
        mean_px=float(fitted.mean()),
        loo_px=None if left_out is None else float(left_out.mean()),
        worst=rows[used[worst]].label,
        worst_px=float(ranked[worst]),
        residuals_px=tuple(ranked.tolist()),
    )
    return PairFit(tuple(rows), summary, transform)


def compare_models(pairs: Sequence[KeypointPair], moving_size: Size | None = None) -> tuple[ModelScore, ...]:
    """Return every model's residuals on the same used pairs, the stiffest model first.

    Parameters
    ----------
    pairs : sequence of KeypointPair
    moving_size : (width, height) in px, or None
        Over which folds are looked for.
    """
    moving, fixed = _used_points(pairs)
    scores = [_scored(model, moving, fixed, moving_size) for model in SMALLEST_NUM_POINTS]
    left_out = [score.loo_px for score in scores if score.loo_px is not None]
    best = min(left_out, default=None)
    return tuple(replace(score, is_best=best is not None and score.loo_px == best) for score in scores)


def worst_first(rows: Sequence[PairRow]) -> list[PairRow]:
    """Return the rows that have a residual, the largest first: the left-out one where there is one."""
    ranked = [row for row in rows if row.fit_px is not None]
    return sorted(ranked, key=lambda row: -(row.loo_px if row.loo_px is not None else row.fit_px or 0.0))


def moved(pair: KeypointPair, side: Side, xy: Point) -> KeypointPair:
    """Return a pair with one point elsewhere."""
    return replace(pair, fixed_xy=xy) if side == "fixed" else replace(pair, moving_xy=xy)


def _scored(
    model: TransformModel, moving: FloatArray, fixed: FloatArray, moving_size: Size | None
) -> ModelScore:
    missing = max(0, SMALLEST_NUM_POINTS[model] - len(moving))
    if missing:
        return ModelScore(model, missing=missing)
    try:
        transform, left_out = _fitted(model, moving, fixed)
    except GeometryError as error:
        return ModelScore(model, problem=error.message)
    folded = 0.0
    if isinstance(transform, CurvedTransform) and moving_size is not None:
        folded = transform.folded_share(moving_size)
    return ModelScore(
        model,
        fit_px=float(_distances(transform, moving, fixed).mean()),
        loo_px=None if left_out is None else float(left_out.mean()),
        folded_share=folded,
    )


def _fitted(
    model: TransformModel, moving: FloatArray, fixed: FloatArray, *, has_left_out: bool = True
) -> tuple[PointTransform, FloatArray | None]:
    if has_left_out and len(moving) > SMALLEST_NUM_POINTS[model]:
        try:
            return fit_with_left_out(model, moving, fixed)
        except GeometryError:
            # Perhaps only the others, without one of the pairs, lie on a line: then there is a transform,
            # and no honest residual.
            return fit_transform(model, moving, fixed), None
    return fit_transform(model, moving, fixed), None


def _used_points(pairs: Sequence[KeypointPair]) -> tuple[FloatArray, FloatArray]:
    """Return moving and fixed points of the used pairs, ``(N, 2)``."""
    points = [(pair.moving_xy, pair.fixed_xy) for pair in pairs if pair.is_used]
    stacked = np.array(points, dtype=np.float64).reshape(-1, 2, 2)
    return stacked[:, 0], stacked[:, 1]


def _distances(transform: PointTransform, moving: FloatArray, fixed: FloatArray) -> FloatArray:
    difference = transform.apply(moving) - fixed
    return np.asarray(np.hypot(difference[:, 0], difference[:, 1]))


def _row(pair: KeypointPair) -> PairRow:
    is_half = pair.state == "placed" and not pair.is_complete
    return PairRow(
        id=pair.id,
        label=pair.label,
        state="half" if is_half else pair.state.value,
        fixed_xy=pair.fixed_xy,
        moving_xy=pair.moving_xy,
        annotator=pair.annotator,
        source=pair.source,
        score=pair.score,
    )
