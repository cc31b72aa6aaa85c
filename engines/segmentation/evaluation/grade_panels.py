"""Pictures of graded subjects: ROC, precision and recall, reliability, confusion."""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.contract.kinds import PanelKind
from engines.contract.panels import PanelFile
from engines.contract.run_context import RunContext
from engines.imaging.classification import (
    bootstrap_interval,
    precision_recall_curve,
    reliability,
    roc_auc,
    roc_curve,
)
from engines.segmentation.data import GRADES
from engines.segmentation.evaluation.scores import GradeScores


def write_grade_panels(run: RunContext, found: GradeScores, abstain_band: float) -> None:
    """Write what can be drawn; curves need both grades."""
    if not found.grades:
        return
    scores, is_high = found.probabilities, found.is_high
    bins = reliability(scores, is_high)
    _write(
        run,
        "reliability",
        PanelKind.RELIABILITY,
        "Stated and observed share of high grades",
        {
            "stated": bins.stated.tolist(),
            "observed": bins.observed.tolist(),
            "counts": bins.counts.tolist(),
            "expected_error": bins.expected_error,
        },
    )
    _write(
        run,
        "confusion",
        PanelKind.DECISION,
        "Grades said and true",
        {
            "classes": list(GRADES),
            "scores": [round(float(score), 4) for score in scores],
            "is_positive": is_high.tolist(),
            "threshold": found.threshold,
            "band": abstain_band,
        },
    )
    _write_abstain(run, found)
    curve = roc_curve(scores, is_high)
    if curve is None:
        return
    area, interval = roc_auc(scores, is_high), bootstrap_interval(scores, is_high)
    assert area is not None
    assert interval is not None
    name = f"AUC {area:.3f} ({interval[0]:.3f}-{interval[1]:.3f})"
    series = [_line(name, *curve), {"name": "chance", "x": [0, 1], "y": [0, 1]}]
    _write(run, "roc", PanelKind.CURVE, "ROC of the grade", _axes(series, "False alarms", "Hits"))
    recall, precision = precision_recall_curve(scores, is_high) or ((), ())
    share = float(is_high.mean())
    series = [
        _line("high grade", recall, precision),
        {"name": "always high", "x": [0, 1], "y": [share, share]},
    ]
    _write(
        run,
        "precision_recall",
        PanelKind.CURVE,
        "Precision and recall of the high grade",
        _axes(series, "Recall", "Precision"),
    )


def _write_abstain(run: RunContext, found: GradeScores) -> None:
    """Write accuracy and share of the subjects that a grade is said of, against the width of the band."""
    probability = np.asarray(found.probabilities)
    is_right = (probability >= found.threshold) == found.is_high
    bands = np.linspace(0, 0.45, 19)
    answered = [np.abs(probability - found.threshold) >= band for band in bands]
    said = [
        (band, float(is_right[own].mean())) for band, own in zip(bands, answered, strict=True) if own.any()
    ]
    series = [
        _line("accuracy where a grade is said", *zip(*said, strict=True)),
        _line("share of which a grade is said", bands, [own.mean() for own in answered]),
    ]
    _write(
        run,
        "abstain",
        PanelKind.CURVE,
        "Accuracy where nothing is said near the threshold",
        _axes(series, "Band around the threshold", "Share"),
    )


def _write(run: RunContext, name: str, kind: PanelKind, title: str, data: dict[str, Any]) -> None:
    run.panel(name, PanelFile(kind=kind, title=title, data=data))


def _line(name: str, x: Any, y: Any) -> dict[str, Any]:
    return {"name": name, "x": [float(value) for value in x], "y": [float(value) for value in y]}


def _axes(series: list[dict[str, Any]], x_label: str, y_label: str) -> dict[str, Any]:
    return {"series": series, "x_label": x_label, "y_label": y_label}
