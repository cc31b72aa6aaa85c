"""Rules that know refinement; those that hold for every pipeline are in `engines.core.diagnosis`.

Each names a mistake that an implementation of this method was seen to make.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from engines.contract.kinds import Severity
from engines.core.diagnosis import Finding, History, Rule, evidence_of

_HIGH_SAMPLE_DICE = 0.6
_DICE_GAP = 0.25
_LEAST_BAND_INSIDE = 0.05
_LARGEST_BAND_FAR = 0.01
_LARGEST_QUERY_GAP = 1e-3
_LARGEST_SPACING_RATIO = 2.0
_FLAT_SPREAD = 1e-3
_PATIENCE_VALIDATIONS = 3
_NO_DICE = 1e-3
_PIECES = 5.0
_FORECAST_STEPS = 10
_SLOWER = 1.5


def _newest(history: History, *keys: str) -> list[Any] | None:
    """Return the newest point of each key, or None unless all are defined at one step."""
    points = [history.points(key, "val") for key in keys]
    if not all(points):
        return None
    last = [found[-1] for found in points]
    if any(point.value is None for point in last) or len({point.step for point in last}) > 1:
        return None
    return last


def _one(
    key: str, is_wrong: Callable[[float], bool], finding: Finding
) -> Callable[[History], Finding | None]:
    """Return a rule about the newest value of one metric; its cause may name ``{value}``."""

    def find(history: History) -> Finding | None:
        found = _newest(history, key)
        if found is None or not is_wrong(found[0].value):
            return None
        return Finding(
            finding.cause,
            {"value": found[0].value},
            evidence_of(found),
            finding.remedy,
            finding.config_patch,
            found[0].step,
        )

    return find


def _sampling_gap(history: History) -> Finding | None:
    """Fire when drawn points are fitted and the lattice is not."""
    found = _newest(history, "sample_dice", "lattice_dice")
    if found is None:
        return None
    sample, lattice = (point.value for point in found)
    if sample < _HIGH_SAMPLE_DICE or sample - lattice < _DICE_GAP:
        return None
    return Finding(
        "Dice is {sample:.2f} on drawn points and {lattice:.2f} on the whole lattice: the errors lie where "
        "no points are drawn, or points count wrongly.",
        {"sample": sample, "lattice": lattice},
        evidence_of(found),
        "Switch weights on, and draw fewer points on the boundary.",
        {"has_weights": True, "band_share_start": 0.3, "band_share_end": 0.1},
        found[0].step,
    )


def _never_any_vessel(history: History) -> Finding | None:
    """Fire when several validations in a row find not one voxel right."""
    points = [point for point in history.points("lattice_dice", "val") if point.value is not None]
    recent = [point for point in points if point.step > 0][-_PATIENCE_VALIDATIONS:]
    if len(recent) < _PATIENCE_VALIDATIONS or max(point.value or 0.0 for point in recent) > _NO_DICE:
        return None
    return Finding(
        "Dice on the lattice stays exactly 0: the field says background everywhere.",
        {},
        evidence_of(recent),
        "Weigh Dice more, which rare classes need, and check that label_class is the vessel's.",
        {"lambda_dice": 0.7, "lambda_focal": 0.3},
        recent[-1].step,
    )


def _flat(history: History) -> Finding | None:
    """Fire when the field has one value everywhere, time after time."""
    points = [point for point in history.points("output_spread", "val") if point.value is not None]
    recent = [point for point in points if point.step > 0][-_PATIENCE_VALIDATIONS:]
    if len(recent) < _PATIENCE_VALIDATIONS or max(point.value or 0.0 for point in recent) > _FLAT_SPREAD:
        return None
    return Finding(
        "The field has nearly one value everywhere (spread {spread:.2g}).",
        {"spread": recent[-1].value},
        evidence_of(recent),
        "Raise the learning rate or the steps, and lower lambda_latent.",
        {"learning_rate": 2e-3, "lambda_latent": 1e-5},
        recent[-1].step,
    )


def _more_pieces(history: History) -> Finding | None:
    """Fire when refined masks fall into clearly more pieces than their labels, time after time."""
    points = [point for point in history.points("components_added", "val") if point.value is not None]
    recent = [point for point in points if point.step > 0][-_PATIENCE_VALIDATIONS:]
    if len(recent) < _PATIENCE_VALIDATIONS or min(point.value or 0.0 for point in recent) < _PIECES:
        return None
    return Finding(
        "Refined masks have {count:.0f} more pieces than the labels they come from.",
        {"count": recent[-1].value},
        evidence_of(recent),
        "Keep the centre line by lambda_recall, let the field see the image, and train longer.",
        {"lambda_recall": 0.2, "variant": "shape+appearance"},
        recent[-1].step,
    )


def _slower_than_forecast(history: History) -> Finding | None:
    """Fire when steps take clearly longer than the first ones, from which the end was forecast."""
    points = [point for point in history.points("step_seconds", "train") if point.value is not None]
    # The first step of all warms up caches, and compiles.
    first, recent = points[1 : 1 + _FORECAST_STEPS], points[1 + _FORECAST_STEPS :][-_FORECAST_STEPS:]
    if len(recent) < _FORECAST_STEPS:
        return None
    forecast_s, now_s = (statistics.median(point.value or 0.0 for point in part) for part in (first, recent))
    if now_s <= _SLOWER * forecast_s:
        return None
    return Finding(
        "A step takes {now_s} s, {times:.1f} times as long as the first, which the forecast is made from.",
        {"now_s": float(f"{now_s:.3g}"), "times": now_s / forecast_s},
        evidence_of([first[-1], *recent[-3:]]),
        "End other programs, or draw fewer points in a step.",
        {"points_per_step": 8192},
        recent[-1].step,
    )


def _implausible_class(history: History) -> Finding | None:
    """Fire when the label fills more of its surroundings than vessels can."""
    found = _newest(history, "label_share")
    if found is None or found[0].value < 0.2:
        return None
    return Finding(
        "The label fills {percent:.0f} % of the box around it: this looks like an organ, not like vessels.",
        {"percent": 100 * found[0].value},
        evidence_of(found),
        "Check label_class against the classes of the label map.",
        {},
        found[0].step,
    )


RULES = (
    Rule("sampling_gap", Severity.WARNING, _sampling_gap),
    Rule(
        "axes_swapped",
        Severity.ERROR,
        _one(
            "band_far_share",
            lambda value: value > _LARGEST_BAND_FAR,
            Finding(
                "{value:.2f} of the boundary points lie away from it: axes are in the wrong order.",
                remedy="Report this with the run folder: it is an error of the program.",
            ),
        ),
    ),
    Rule(
        "band_outside_only",
        Severity.WARNING,
        _one(
            "band_inside_share",
            lambda value: value < _LEAST_BAND_INSIDE,
            Finding(
                "Only {value:.2f} of the boundary points lie in the label: the field hardly sees a vessel.",
                remedy="Draw points on both sides of the boundary; check that the lattice is fine enough.",
            ),
        ),
    ),
    Rule(
        "query_dependent_output",
        Severity.ERROR,
        _one(
            "query_gap",
            lambda value: value > _LARGEST_QUERY_GAP,
            Finding(
                "A point's value changes by {value:.3g} with the points asked along with it.",
                remedy="No layer after the sampling may mix points: results depend on chunks otherwise.",
                config_patch={"precision": "32-true"},
            ),
        ),
    ),
    Rule(
        "features_too_coarse",
        Severity.WARNING,
        _one(
            "feature_spacing_ratio",
            lambda value: value > _LARGEST_SPACING_RATIO,
            Finding(
                "The finest features lie {value:.1f} vessel radii apart: thin vessels cannot be told apart.",
                remedy="Give cases grids of their own, or let the field see the image.",
                config_patch={"residual_channels": 4, "residual_spacing_mm": 0.0},
            ),
        ),
    ),
    Rule("wrong_class", Severity.WARNING, _implausible_class),
    Rule("dice_zero", Severity.WARNING, _never_any_vessel),
    Rule("flat_field", Severity.WARNING, _flat),
    Rule("more_pieces", Severity.WARNING, _more_pieces),
    Rule("slower_than_forecast", Severity.WARNING, _slower_than_forecast),
)
