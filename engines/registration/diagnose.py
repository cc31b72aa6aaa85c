"""Rules that know registration; those that hold for every pipeline are in `engines.core.diagnosis`."""

from __future__ import annotations

from engines.contract.kinds import Severity
from engines.core.diagnosis import Finding, History, Rule, evidence_of

_BLANK_LOSS = 0.9
_PATIENCE_STEPS = 200
_RECENT = 20
_CHANCE = 0.12
_LEAST_VALIDATIONS = 5


def _detector_blank(history: History) -> Finding | None:
    """Fire when the detector overlaps no bifurcation although it had time to learn."""
    points = [point for point in history.points("loss_detector", "train") if point.value is not None]
    recent = points[-_RECENT:]
    if len(recent) < _RECENT or recent[-1].step < _PATIENCE_STEPS:
        return None
    if min(point.value or 0.0 for point in recent) < _BLANK_LOSS:
        return None
    return Finding(
        cause="After {steps} steps the detector still sees hardly any bifurcation.",
        parameters={"steps": recent[-1].step},
        evidence=evidence_of(recent),
        remedy="Check that each vessel mask belongs to its image; train on the warped image too.",
        config_patch={"lambda_moving": 1.0, "lambda_detector": 1.0},
        step=recent[-1].step,
    )


def _descriptor_collapse(history: History) -> Finding | None:
    """Fire when descriptors cannot tell points apart and do not get better at it."""
    points = [point for point in history.points("matching_accuracy", "val") if point.value is not None]
    if len(points) < _LEAST_VALIDATIONS or points[-1].step < _PATIENCE_STEPS:
        return None
    recent = points[-_LEAST_VALIDATIONS:]
    if max(point.value or 0.0 for point in recent) > _CHANCE:
        return None
    return Finding(
        cause="Descriptors tell true points apart in only {percent:.0f} % of cases and do not improve.",
        parameters={"percent": 100 * (recent[-1].value or 0.0)},
        evidence=evidence_of(recent),
        remedy="Start with smaller turns and weaker changes of appearance.",
        config_patch={"rotation_start_epochs": 10, "photometric_strength": 0.5},
        step=recent[-1].step,
    )


RULES = (
    Rule("detector_blank", Severity.WARNING, _detector_blank),
    Rule("descriptor_collapse", Severity.WARNING, _descriptor_collapse),
)
