"""From scored pairs to tables: intervals, parts, conditions, verdicts, and the protocol of FIRE."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engines.core.evaluation_page import PageTable
from engines.core.page_charts import ChartLine, PageChart
from engines.imaging.classification import wilson
from engines.imaging.matching.landmark_metrics import PairScore, score_pairs
from engines.registration.evaluation.conditions import Condition

RIGHT_PX = 25.0
"""A mean error above this is a failure."""
_AUC_LIMITS = (5, 10)
_FIRE_NAME = re.compile(r"(?:^|[^A-Za-z0-9])([SPA])(\d{2})(?:$|[^0-9])")
_FIRE_WRONG = "P37"
_RESAMPLED_KEYS = ("auc_25", "median_error_px", "success_5px", "success_10px", "success_25px")


@dataclass(frozen=True)
class Scored:
    """One pair under one condition by one method."""

    item: str
    subject: str
    condition: Condition
    row: str
    score: PairScore
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_right(self) -> bool:
        """Whether the mean error is at most 25 px."""
        return self.score.mean_error_px <= RIGHT_PX


def summary_of(scored: Sequence[Scored]) -> dict[str, float | None]:
    """Return the metrics of a row: those of `score_pairs`, areas to 5 and 10 px, and processor time."""
    result = score_pairs([one.score for one in scored])
    means = np.array([one.score.mean_error_px for one in scored])
    for limit in _AUC_LIMITS:
        result[f"auc_{limit}"] = area(means, limit) if len(means) else None
    seconds = [one.facts["cpu_s"] for one in scored if one.facts.get("cpu_s") is not None]
    if seconds:
        result["cpu_s"] = float(np.mean(seconds))
    return result


def area(mean_errors_px: np.ndarray, limit_px: int) -> float:
    """Return the mean over t = 1..limit px of the share of pairs whose mean error is below t."""
    return float(np.mean([(mean_errors_px < step).mean() for step in range(1, limit_px + 1)]))


def bootstrap(scored: Sequence[Scored], num_samples: int, seed: int) -> dict[str, tuple[float, float]]:
    """Return 95 % intervals, drawn over subjects: pairs of one person are not independent."""
    groups: dict[str, list[Scored]] = {}
    for one in scored:
        groups.setdefault(one.subject, []).append(one)
    subjects = list(groups)
    if len(subjects) < 3 or num_samples < 2:
        return {}
    generator = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {key: [] for key in _RESAMPLED_KEYS}
    for _ in range(num_samples):
        picked = generator.integers(0, len(subjects), len(subjects))
        values = score_pairs([one.score for place in picked for one in groups[subjects[place]]])
        for key in _RESAMPLED_KEYS:
            value = values[key]
            # An undefined median is an infinite one: half of the pairs or more have no transform.
            drawn[key].append(np.inf if value is None else value)
    intervals = {}
    for key, found in drawn.items():
        low, high = np.percentile(found, [2.5, 97.5], method="nearest")
        if np.isfinite([low, high]).all():
            intervals[key] = (float(low), float(high))
    return intervals


def verdict_table(scored: Iterable[Scored], rows: Sequence[str]) -> PageTable:
    """Count verdicts of right and wrong results, with the interval of what was accepted wrongly."""
    lines = []
    for name in rows:
        own = [one for one in scored if one.row == name and "verdict" in one.facts]
        for title, is_right in (("right", True), ("wrong", False)):
            cases = [one for one in own if one.is_right is is_right]
            counts = [
                sum(one.facts["verdict"] == verdict for one in cases)
                for verdict in ("registered", "uncertain", "not_registered")
            ]
            interval = wilson(counts[0], len(cases))
            said = "" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"
            lines.append((name, title, len(cases), *counts, said))
    return PageTable(
        "Verdicts",
        ("row", "result", "cases", "registered", "uncertain", "not registered", "registered, 95 % (Wilson)"),
        tuple(lines),
        f"A result is wrong when its mean landmark error is above {RIGHT_PX:g} px. Over all conditions; "
        "cases made from one pair are not independent, so the intervals are too narrow.",
    )


def condition_table(scored: Sequence[Scored], rows: Sequence[str]) -> PageTable:
    """Return AUC to 25 px and shares within 10 and 25 px of every condition, seeds pooled by their mean."""
    conditions = list(dict.fromkeys(one.condition for one in scored))
    names = list(dict.fromkeys(condition.name for condition in conditions))
    lines = []
    for name in names:
        for row in rows:
            by_seed = [
                score_pairs([one.score for one in scored if one.row == row and one.condition == condition])
                for condition in conditions
                if condition.name == name
            ]
            if not by_seed or by_seed[0]["auc_25"] is None:
                continue
            areas = [float(values["auc_25"] or 0) for values in by_seed]
            shares = [np.mean([values[key] or 0 for values in by_seed]) for key in _RESAMPLED_KEYS[2:]]
            spread = float(np.std(areas, ddof=1)) if len(areas) > 1 else None
            lines.append((name, row, len(by_seed), float(np.mean(areas)), spread, *map(float, shares)))
    return PageTable(
        "Conditions",
        ("condition", "row", "seeds", "AUC to 25 px", "spread over seeds", "<= 5 px", "<= 10 px", "<= 25 px"),
        tuple(lines),
        "Turns are about the centre on a larger canvas. zoom: moving image cut to a disc; low overlap: "
        "35 % of the width is cut from opposite sides; any: any turn, scale 0.75 to 1.33; degraded: blurred, "
        "less contrast, noise.",
    )


def percentile_table(scored: Sequence[Scored], rows: Sequence[str]) -> PageTable:
    """Return percentiles of the mean error and the means of facts, by row."""
    lines = []
    for row in rows:
        own = [one for one in scored if one.row == row]
        errors = np.array([one.score.mean_error_px for one in own])
        found = [_percentile(errors, share) for share in (25, 50, 75, 90)]
        facts = [_mean_fact(own, key) for key in ("matches", "inliers", "inlier_ratio", "coverage", "cpu_s")]
        lines.append((row, *found, *facts))
    return PageTable(
        "Errors and matches",
        (
            "row", "25 %", "50 %", "75 %", "90 % of mean errors, px",
            "matches", "inliers", "inlier ratio", "hull of inliers", "processor s",
        ),
        tuple(lines),
    )  # fmt: skip


def _percentile(errors: np.ndarray, share: float) -> float | None:
    value = float(np.percentile(errors, share, method="nearest")) if len(errors) else np.inf
    return value if np.isfinite(value) else None


def _mean_fact(scored: Sequence[Scored], key: str) -> float | None:
    values = [float(one.facts[key]) for one in scored if one.facts.get(key) is not None]
    return float(np.mean(values)) if values else None


def fire_table(scored: Sequence[Scored], rows: Sequence[str]) -> PageTable | None:
    """Return areas by category as FIRE defines them, or None when items are not named like its pairs.

    Pair P37 is left out: its control points are wrong. The mean area is the plain mean of the categories.
    """
    categories = {one.item: fire_category(one.item) for one in scored}
    if not categories or any(category is None for category in categories.values()):
        return None
    lines = []
    for row in rows:
        areas, counts = [], []
        for category in "SAP":
            errors = np.array(
                [
                    one.score.mean_error_px
                    for one in scored
                    if one.row == row and (categories[one.item] or ("", ""))[0] == category
                    and (categories[one.item] or ("", ""))[1] != _FIRE_WRONG
                ]
            )  # fmt: skip
            areas.append(area(errors, 25) if len(errors) else None)
            counts.append(len(errors))
        known = [value for value in areas if value is not None]
        lines.append((row, *areas, float(np.mean(known)) if len(known) == 3 else None, *counts))
    return PageTable(
        "FIRE protocol",
        ("row", "AUC S", "AUC A", "AUC P", "mean AUC", "pairs S", "pairs A", "pairs P"),
        tuple(lines),
        "Mean over t = 1..25 px of the share of pairs with a mean error below t; P37 is excluded; "
        "the mean is over categories, not over pairs.",
    )


def fire_category(item: str) -> tuple[str, str] | None:
    """Return category and number of a pair of FIRE by the item's name, for example ``("P", "P37")``."""
    found = _FIRE_NAME.search(item)
    return (found[1], found[1] + found[2]) if found else None


def error_chart(scored: Sequence[Scored], rows: Sequence[str], bounds: Sequence[str]) -> PageChart:
    """Return the share of pairs within an error, over errors to 25 px."""
    limits = np.arange(0, 25.5, 0.5)
    lines = []
    for row in rows:
        errors = np.array([one.score.mean_error_px for one in scored if one.row == row])
        if len(errors):
            shares = [(errors <= limit).mean() for limit in limits]
            title = f"{row} ({area(errors, 25):.3f})"
            lines.append(ChartLine(title, limits.tolist(), shares, row in bounds))
    note = "In brackets: AUC to 25 px. Dashed lines are bounds."
    return PageChart(
        "Success by error", "mean landmark error, px", "share of pairs", tuple(lines), note, (0, 1)
    )


def rotation_chart(scored: Sequence[Scored], rows: Sequence[str]) -> PageChart | None:
    """Return AUC to 25 px over turns of the moving image, or None without several turns."""
    turned = [one for one in scored if one.condition.stress == "none"]
    angles = sorted({one.condition.rotation_deg for one in turned})
    if len(angles) < 2:
        return None
    lines = [ChartLine(row, angles, [_area_at(turned, row, angle) for angle in angles]) for row in rows]
    title = "Turned moving image"
    return PageChart(title, "turn, degrees", "AUC to 25 px", tuple(lines), y_range=(0, 1))


def _area_at(scored: Sequence[Scored], row: str, angle: float) -> float:
    own = [one.score for one in scored if one.row == row and one.condition.rotation_deg == angle]
    value = score_pairs(own)["auc_25"]
    return float("nan") if value is None else value


def groups_of(
    scored: Sequence[Scored], rows: Sequence[str], title_of: Callable[[Scored], str]
) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return the rows over parts of the pairs, by the part's title; one part alone is left out."""
    titles = sorted({title_of(one) for one in scored})
    if len(titles) < 2:
        return {}
    return {
        title: {
            row: summary_of([one for one in scored if one.row == row and title_of(one) == title])
            for row in rows
        }
        for title in titles
    }
