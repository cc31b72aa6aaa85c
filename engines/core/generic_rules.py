"""The diagnosis rules that hold for every pipeline. No torch."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from engines.contract.kinds import Severity
from engines.contract.registry import resolve
from engines.contract.spec import PipelineSpec
from engines.core.diagnosis import Finding, History, Rule, evidence_of


def find_non_finite_loss(history: History) -> Finding | None:
    """Fire when a training loss or the gradient stopped being a finite number."""
    broken = [
        point
        for (key, split), points in history.series.items()
        if split == "train" and (key.startswith("loss") or key == "gradient_norm")
        for point in points
        if point.value is None
    ]
    if not broken:
        return None
    first = min(broken, key=lambda point: point.step)
    before = [point for point in history.points(first.key, "train") if point.value is not None]
    rate = history.facts.get("learning_rate")
    patch: dict[str, Any] = {"gradient_clip_norm": 1.0, "precision": "32-true"}
    if rate:
        patch["learning_rate"] = float(f"{rate * 0.3:.3g}")
    return Finding(
        "'{key}' stopped being a finite number at step {step}.",
        {"key": first.key, "step": first.step},
        evidence_of([*before[-5:], first]),
        "Resume from the last checkpoint with a lower learning rate, clipped gradients and full precision.",
        patch,
        first.step,
    )


_STALL_FACTOR = 10.0
_STALL_FLOOR_S = 30.0


def find_stall(history: History) -> Finding | None:
    """Fire when the next step did not come for ten times the median duration of a step, 30 s at least."""
    if len(history.step_seconds) < 3:
        return None
    median_s = statistics.median(history.step_seconds)
    limit_s = max(_STALL_FACTOR * median_s, _STALL_FLOOR_S)
    gaps = [gap for gap in (history.open_gap, history.longest_gap) if gap is not None]
    worst = max(gaps, key=lambda gap: gap.duration_s, default=None)
    if worst is None or worst.duration_s <= limit_s:
        return None
    return Finding(
        "No step was finished for {waited_s} s after step {step}; a step usually takes {median_s} s.",
        {"waited_s": round(worst.duration_s), "step": worst.step, "median_s": float(f"{median_s:.3g}")},
        evidence_of(history.points("step_seconds", "train")[-5:]),
        "Look at the end of the log for where it waits; stop the run and resume it if it does not go on.",
        step=worst.step,
    )


_MIN_VALIDATIONS = 3


def find_never_computed_metric(history: History) -> Finding | None:
    """Fire when a validation metric has had no value in any of at least three validations."""
    missing = {
        key: points
        for (key, split), points in history.series.items()
        if split == "val" and len(points) >= _MIN_VALIDATIONS and all(point.value is None for point in points)
    }
    if not missing:
        return None
    last = {key: points[-1] for key, points in missing.items()}
    reason = next((point.reason for point in last.values() if point.reason), "no reason was given")
    return Finding(
        "Not measured in {validations} validations: {metrics} ({reason}).",
        {
            "metrics": ", ".join(sorted(missing)),
            "validations": min(len(points) for points in missing.values()),
            "reason": reason,
        },
        evidence_of(point for points in missing.values() for point in points[-3:]),
        "Check that the validation items hold what the metric needs, and that there are enough of them.",
        step=max(point.step for point in last.values()),
    )


_OVERFITTING_VALIDATIONS = 5
_OVERFITTING_SHARE = 0.02


def overfitting_finder(spec: PipelineSpec) -> Callable[[History], Finding | None]:
    """Return a rule's function: validation gets worse for five validations while the training loss falls.

    The loss on validation items decides where a pipeline reports it: single metrics of few items go up
    and down by chance.
    """

    def find(history: History) -> Finding | None:
        if history.points("loss_total", "val"):
            return _find_overfitting(history, "loss_total", higher_is_better=False)
        for metric in spec.metrics:
            finding = _find_overfitting(history, metric.key, higher_is_better=metric.higher_is_better)
            if finding is not None:
                return finding
        return None

    return find


def _find_overfitting(history: History, key: str, *, higher_is_better: bool) -> Finding | None:
    points = [point for point in history.points(key, "val") if point.value is not None]
    if len(points) <= _OVERFITTING_VALIDATIONS:
        return None
    sign = 1.0 if higher_is_better else -1.0
    values = [sign * point.value for point in points if point.value is not None]
    best = max(range(len(values)), key=values.__getitem__)
    later = values[best + 1 :]
    margin = _OVERFITTING_SHARE * max(abs(values[best]), 1e-12)
    recent = later[-_OVERFITTING_VALIDATIONS:]
    if len(recent) < _OVERFITTING_VALIDATIONS or max(recent) > values[best] - margin:
        return None
    losses = history.values("loss_total", "train")
    before = [value for step, value in losses if step <= points[best].step]
    after = [value for step, value in losses if step > points[best].step]
    if not before or not after:
        return None
    window = max(1, len(after) // 2)
    is_still_learning = statistics.fmean(after[-window:]) < statistics.fmean(before[-window:]) * (
        1 - _OVERFITTING_SHARE
    )
    if not is_still_learning:
        return None
    return Finding(
        "Since epoch {epoch} '{metric}' gets worse on validation items while the training loss falls.",
        {"epoch": points[best].epoch + 1, "metric": key},
        evidence_of(points[best:]),
        "Stop and keep the best checkpoint; early stopping does this by itself.",
        {"early_stopping_patience": _OVERFITTING_VALIDATIONS},
        points[-1].step,
    )


def generic_rules(spec: PipelineSpec) -> tuple[Rule, ...]:
    """Return the rules that hold for every pipeline."""
    return (
        Rule("non_finite_loss", Severity.ERROR, find_non_finite_loss),
        Rule("stalled", Severity.WARNING, find_stall),
        Rule("never_computed_metric", Severity.WARNING, find_never_computed_metric),
        Rule("overfitting", Severity.WARNING, overfitting_finder(spec)),
    )


def rules_of(spec: PipelineSpec) -> tuple[Rule, ...]:
    """Return the generic rules and those of a pipeline."""
    own: tuple[Rule, ...] = resolve(spec.diagnose) if spec.diagnose else ()
    return (*generic_rules(spec), *own)
