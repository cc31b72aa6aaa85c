"""What the rules of synthesis share: the newest values of a series, and rules about one series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engines.contract.events import Metric
from engines.core.diagnosis import Finding, History, evidence_of

RECENT = 40
"""Steps over which values of single steps are averaged."""


def recent(history: History, key: str, split: str = "train", count: int = RECENT) -> list[Metric]:
    """Return the newest defined points of a metric."""
    return [point for point in history.points(key, split) if point.value is not None][-count:]


def mean(points: Sequence[Metric]) -> float:
    """Return the mean value of points."""
    values = [float(point.value) for point in points if point.value is not None]
    return sum(values) / len(values)


def last(history: History, key: str, count: int, split: str = "val") -> list[Metric] | None:
    """Return the newest points of a validation metric after training began, None when there are fewer."""
    points = [point for point in history.points(key, split) if point.value is not None and point.step > 0]
    return points[-count:] if len(points) >= count else None


def always(
    key: str,
    is_wrong: Callable[[float], bool],
    finding: Finding,
    *,
    count: int = 3,
    split: str = "val",
) -> Callable[[History], Finding | None]:
    """Return a rule: the newest `count` values are all wrong; its cause may name ``{value}``."""

    def find(history: History) -> Finding | None:
        points = last(history, key, count, split)
        if points is None or not all(is_wrong(float(point.value or 0.0)) for point in points):
            return None
        return found(finding, points, {"value": points[-1].value})

    return find


def found(finding: Finding, points: Sequence[Metric], parameters: dict[str, Any]) -> Finding:
    """Return a finding with its parameters and the points that show it."""
    return Finding(
        finding.cause,
        parameters,
        evidence_of(points),
        finding.remedy,
        finding.config_patch,
        points[-1].step,
    )
