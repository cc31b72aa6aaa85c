"""The transform fitted to an item's pairs, with both residuals; plain numbers, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engines.contract.errors import GeometryError
from engines.contract.geometry import FloatArray
from engines.imaging.point_transform import PointTransform, ProjectiveTransform
from engines.imaging.transform_fits import (
    SMALLEST_NUM_POINTS,
    TransformModel,
    fit,
    leave_one_out_residuals,
    residuals,
)
from workstation.project.annotations import KeypointPair, Point, Side
from workstation.views.protocols import FitSummary, PairRow


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
    model : similarity, affine or homography
    has_left_out : bool
        Whether to fit again without each pair; left away while a point is dragged.
    """
    rows = [_row(pair) for pair in pairs]
    used = [index for index, pair in enumerate(pairs) if pair.is_used]
    missing = max(0, SMALLEST_NUM_POINTS[model] - len(used))
    summary = FitSummary(model, len(used), len(pairs), missing=missing)
    if missing:
        return PairFit(tuple(rows), summary, None)
    moving = np.array([pairs[index].moving_xy for index in used], dtype=np.float64)
    fixed = np.array([pairs[index].fixed_xy for index in used], dtype=np.float64)
    try:
        matrix = fit(model, moving, fixed)
    except GeometryError as error:
        return PairFit(tuple(rows), replace(summary, problem=error.message), None)
    fitted = residuals(matrix, moving, fixed)
    left_out: FloatArray | None = None
    if has_left_out and len(used) > SMALLEST_NUM_POINTS[model]:
        try:
            left_out = leave_one_out_residuals(model, moving, fixed)
        except GeometryError:
            # Without one of the pairs the others lie on a line: there is no honest residual then.
            left_out = None
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
    )
    return PairFit(tuple(rows), summary, ProjectiveTransform(matrix))


def worst_first(rows: Sequence[PairRow]) -> list[PairRow]:
    """Return the rows that have a residual, the largest first: the left-out one where there is one."""
    ranked = [row for row in rows if row.fit_px is not None]
    return sorted(ranked, key=lambda row: -(row.loo_px if row.loo_px is not None else row.fit_px or 0.0))


def moved(pair: KeypointPair, side: Side, xy: Point) -> KeypointPair:
    """Return a pair with one point elsewhere."""
    return replace(pair, fixed_xy=xy) if side == "fixed" else replace(pair, moving_xy=xy)


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
