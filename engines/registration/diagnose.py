"""Rules that know registration; those that hold for every pipeline are in `engines.core.diagnosis`.

Each rule looks at a few series and fires once something has held for several points of them; a short or a
healthy run stays silent.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from engines.contract.events import Metric
from engines.contract.kinds import Severity
from engines.core.diagnosis import Finding, History, Rule, evidence_of

_BLANK_LOSS = 0.9
_BLANK_SHARE = 1e-5
_DENSE_SHARE = 0.25
_PATIENCE_STEPS = 200
_RECENT = 20
_CHANCE = 0.12
_LEAST_VALIDATIONS = 5
_ALIKE = 0.95
_MOVING_SHARE = 0.1
_LEAST_ACTIVE = 1e-4
_EXPLOSION_FACTOR = 3.0
_MANY_POINTS = 300
_DRIFT_LOSS = 0.3
_SWAPPED_MARGIN = 0.1
_STYLE_LOSS = 0.25
_FORGETTING_LOSS = 0.2
_LASTING = 3


def _defined(history: History, key: str, split: str) -> list[Metric]:
    return [point for point in history.points(key, split) if point.value is not None]


def _values(points: Sequence[Metric]) -> list[float]:
    return [point.value for point in points if point.value is not None]


def _lasting_fall(points: Sequence[Metric], share: float) -> float | None:
    """Return the best value when the last points have all lost a share of it, or None."""
    values = _values(points)
    if len(values) < _LASTING + 2:
        return None
    best = max(values[:-_LASTING])
    if best <= 0 or max(values[-_LASTING:]) > (1 - share) * best:
        return None
    return best


def _detector_blank(history: History) -> Finding | None:
    """Fire when the detector overlaps no bifurcation although it had time to learn."""
    points = _defined(history, "loss_detector", "train")
    recent = points[-_RECENT:]
    if len(recent) < _RECENT or recent[-1].step < _PATIENCE_STEPS:
        return None
    active = _values(_defined(history, "active_reference", "train")[-_RECENT:])
    is_blank = len(active) == _RECENT and max(active) < _BLANK_SHARE
    if min(_values(recent)) < _BLANK_LOSS and not is_blank:
        return None
    return Finding(
        cause="After {steps} steps the detector still sees hardly any bifurcation.",
        parameters={"steps": recent[-1].step},
        evidence=evidence_of(recent),
        remedy="Check that each vessel mask belongs to its image; train on the warped image too.",
        config_patch={"lambda_moving": 1.0, "lambda_detector": 1.0},
        step=recent[-1].step,
    )


def _detector_dense(history: History) -> Finding | None:
    """Fire when the detector calls a large part of the eye a bifurcation."""
    recent = _defined(history, "active_reference", "train")[-_RECENT:]
    if len(recent) < _RECENT or recent[-1].step < _PATIENCE_STEPS or min(_values(recent)) < _DENSE_SHARE:
        return None
    return Finding(
        cause="The detector fires on {percent:.0f} % of the eye; keypoints are a few hundredths of it.",
        parameters={"percent": 100 * _values(recent)[-1]},
        evidence=evidence_of(recent),
        remedy="Check that masks hold vessels and not the field of view; give the detector loss more weight.",
        config_patch={"lambda_detector": 2.0, "pke_candidate_score": 0.3},
        step=recent[-1].step,
    )


def _descriptor_collapse(history: History) -> Finding | None:
    """Fire when descriptors cannot tell points apart and do not get better at it."""
    points = _defined(history, "matching_accuracy", "val")
    if len(points) < _LEAST_VALIDATIONS or points[-1].step < _PATIENCE_STEPS:
        return None
    recent = points[-_LEAST_VALIDATIONS:]
    alike = _values(_defined(history, "descriptor_alikeness", "train")[-_RECENT:])
    is_alike = len(alike) == _RECENT and min(alike) > _ALIKE
    if max(_values(recent)) > _CHANCE and not is_alike:
        return None
    return Finding(
        cause="Descriptors tell true points apart in only {percent:.0f} % of cases and do not improve.",
        parameters={"percent": 100 * _values(recent)[-1]},
        evidence=evidence_of(recent),
        remedy="Start with smaller turns and weaker changes of appearance.",
        config_patch={"rotation_start_epochs": 10, "photometric_strength": 0.5},
        step=recent[-1].step,
    )


def _moving_collapse(history: History) -> Finding | None:
    """Fire when the detector sees the fixed images and next to nothing of the warped ones."""
    reference = _defined(history, "active_reference", "train")[-_RECENT:]
    moving = _defined(history, "active_moving", "train")[-_RECENT:]
    if min(len(reference), len(moving)) < _RECENT or moving[-1].step < _PATIENCE_STEPS:
        return None
    typical = statistics.median(_values(reference))
    if typical < _LEAST_ACTIVE or max(_values(moving)) > _MOVING_SHARE * typical:
        return None
    return Finding(
        cause="The detector has gone blank on the warped image: {moving:.4f} of it against {fixed:.4f} "
        "of the fixed one.",
        parameters={"moving": _values(moving)[-1], "fixed": typical},
        evidence=evidence_of([*reference[-5:], *moving[-5:]]),
        remedy="Train the detector on the warped image too, and let the agreement of both rise slowly.",
        config_patch={"lambda_moving": 1.0, "geometry_ramp_epochs": 10},
        step=moving[-1].step,
    )


def _expansion_explosion(history: History) -> Finding | None:
    """Fire when learned points become several times as many, and more than an eye has."""
    points = _defined(history, "pke_points", "train")
    if len(points) < 2 * _RECENT:
        return None
    start = statistics.median(_values(points[:_RECENT]))
    recent = points[-_RECENT:]
    smallest = min(_values(recent))
    if smallest < _MANY_POINTS or smallest < _EXPLOSION_FACTOR * max(start, 1.0):
        return None
    return Finding(
        cause="Training trusts {now:.0f} new points of an image, {factor:.0f} times as many as at first.",
        parameters={"now": smallest, "factor": smallest / max(start, 1.0)},
        evidence=evidence_of(recent),
        remedy="Ask for more agreement before a point is trusted, and take fewer in a round.",
        config_patch={"pke_content_ratio": 0.7, "pke_geometry_score": 0.6, "pke_max_new_points": 200},
        step=recent[-1].step,
    )


def _expansion_drift(history: History) -> Finding | None:
    """Fire when given points are found less and less while learned ones are trusted."""
    learned = _values(_defined(history, "pke_points", "train")[-_RECENT:])
    if len(learned) < _RECENT or max(learned) < 1.0:
        return None
    points = _defined(history, "given_recall_3px", "val")
    best = _lasting_fall(points, _DRIFT_LOSS)
    if best is None:
        return None
    return Finding(
        cause="The detector finds {now:.0%} of the given points, {best:.0%} at its best: learned points have "
        "led it away.",
        parameters={"now": _values(points)[-1], "best": best},
        evidence=evidence_of(points[-_LASTING - 1 :]),
        remedy="Ask for more agreement before a point is trusted; go back to the phase before.",
        config_patch={"pke_content_ratio": 0.7, "pke_geometry_score": 0.6},
        step=points[-1].step,
    )


def _direction_error(history: History) -> Finding | None:
    """Fire when vessels lie on each other under the inverse of the transform, and not under it."""
    straight = _defined(history, "direction_agreement", "val")
    turned = _defined(history, "direction_agreement_swapped", "val")
    if not straight or not turned:
        return None
    first, second = _values(straight)[-1], _values(turned)[-1]
    if second < first + _SWAPPED_MARGIN:
        return None
    return Finding(
        cause="Vessels agree better under the inverse of the given transforms ({turned:.2f}) than under them "
        "({straight:.2f}).",
        parameters={"turned": second, "straight": first},
        evidence=evidence_of([straight[-1], turned[-1]]),
        remedy="Fixed and moving points of the pairs are probably swapped; import them the other way round.",
        step=straight[-1].step,
    )


def _synthetic_overfit(history: History) -> Finding | None:
    """Fire when real pairs get worse while warped copies get better."""
    real = _defined(history, "real_auc_25", "val")
    synthetic = _values(_defined(history, "matching_accuracy", "val"))
    best = _lasting_fall(real, _STYLE_LOSS)
    if best is None or len(synthetic) < _LASTING + 2:
        return None
    if statistics.median(synthetic[-_LASTING:]) < max(synthetic[:-_LASTING]) * 0.98:
        return None
    return Finding(
        cause="Real pairs fell from {best:.2f} to {now:.2f} while warped copies are matched as well as ever: "
        "the network has learned the style of the synthetic images.",
        parameters={"best": best, "now": _values(real)[-1]},
        evidence=evidence_of(real[-_LASTING - 1 :]),
        remedy="Make synthetic images more different from each other, and give real pairs a larger share.",
        config_patch={"modality_probability": 0.8, "looks_per_item": 8, "real_share": 0.9},
        step=real[-1].step,
    )


def _forgetting(history: History) -> Finding | None:
    """Fire when training on real pairs undoes what warped copies taught."""
    if not _defined(history, "real_auc_25", "val") and not _defined(history, "loss_descriptor_pke", "train"):
        return None
    points = _defined(history, "matching_accuracy", "val")
    best = _lasting_fall(points, _FORGETTING_LOSS)
    if best is None:
        return None
    return Finding(
        cause="On warped copies, matching fell from {best:.0%} to {now:.0%}: what earlier phases taught is "
        "being forgotten.",
        parameters={"best": best, "now": _values(points)[-1]},
        evidence=evidence_of(points[-_LASTING - 1 :]),
        remedy="Give synthetic pairs a larger share, and learn more slowly.",
        config_patch={"real_share": 0.5, "learning_rate": 1e-4},
        step=points[-1].step,
    )


RULES = (
    Rule("detector_blank", Severity.WARNING, _detector_blank),
    Rule("detector_dense", Severity.WARNING, _detector_dense),
    Rule("descriptor_collapse", Severity.WARNING, _descriptor_collapse),
    Rule("moving_collapse", Severity.WARNING, _moving_collapse),
    Rule("expansion_explosion", Severity.WARNING, _expansion_explosion),
    Rule("expansion_drift", Severity.WARNING, _expansion_drift),
    Rule("direction_error", Severity.ERROR, _direction_error),
    Rule("synthetic_overfit", Severity.WARNING, _synthetic_overfit),
    Rule("forgetting", Severity.WARNING, _forgetting),
)
