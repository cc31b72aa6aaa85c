"""A sweep: one phase trained again and again on one split, one setting changed at a time.

Every line of the table is one training. Values are those at the step whose checkpoint was kept as best,
so that all metrics of a line belong to the same weights.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import yaml

from engines.contract.config import parse_overrides
from engines.contract.errors import ConfigError
from engines.contract.files import write_json_atomically, write_text_atomically
from engines.contract.kinds import RunState
from engines.contract.spec import MetricSpec, PipelineSpec, VariantsSpec
from workstation.runs.run_model import RunModel

BASE = "base"
"""Key of the line on which no setting is changed."""


@dataclass(frozen=True)
class Trial:
    """One training of a sweep.

    Parameters
    ----------
    key : str
        Setting that is changed; `BASE` for none.
    value : object
        What it is set to; None for the base.
    seed : int
    settings : mapping or None
        What is set when one value stands for several settings.
    """

    key: str
    value: Any
    seed: int
    settings: Mapping[str, Any] | None = None

    def overrides(self, common: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of this training that win over preset and defaults."""
        changed = {} if self.key == BASE else {self.key: self.value}
        changed = changed if self.settings is None else dict(self.settings)
        return {**common, **changed, "seed": self.seed}


@dataclass(frozen=True)
class Line:
    """What one training came to; a metric without a value is None."""

    key: str
    value: Any
    seed: int
    run: str
    state: str
    minutes: float | None
    metrics: dict[str, float | None]
    reason: str = ""


@dataclass
class SweepTable:
    """The lines of a sweep, and where they come from.

    Parameters
    ----------
    pipeline, phase, preset, split_hash, command : str
    lines : list of Line
    """

    pipeline: str
    phase: str
    preset: str
    command: str
    split_hash: str = ""
    lines: list[Line] = field(default_factory=list)

    @property
    def metric_keys(self) -> tuple[str, ...]:
        """Every metric that a line has a value of, in their order."""
        return tuple(dict.fromkeys(key for line in self.lines for key in line.metrics))

    def write(self, folder: Path) -> None:
        """Write ``sweep.csv`` and ``sweep.json``, atomically."""
        folder.mkdir(parents=True, exist_ok=True)
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(("key", "value", "seed", "run", "state", "minutes", *self.metric_keys, "reason"))
        for line in self.lines:
            facts = (line.key, as_text(line.value), line.seed, line.run, line.state, line.minutes)
            metrics = (line.metrics.get(key) for key in self.metric_keys)
            writer.writerow(["" if cell is None else cell for cell in (*facts, *metrics, line.reason)])
        write_text_atomically(folder / "sweep.csv", buffer.getvalue())
        write_json_atomically(folder / "sweep.json", asdict(self))

    def summary(self) -> list[tuple[str, str, int, dict[str, tuple[float, float | None] | None]]]:
        """Return ``(key, value, seeds that ended well, metric -> (mean, spread))`` of each setting.

        The spread is the standard deviation over seeds; None with fewer than two.
        """
        groups: dict[tuple[str, str], list[Line]] = {}
        for line in self.lines:
            groups.setdefault((line.key, as_text(line.value)), []).append(line)
        return [
            (
                key,
                value,
                sum(line.state == RunState.FINISHED for line in lines),
                {metric: _mean_and_spread(lines, metric) for metric in self.metric_keys},
            )
            for (key, value), lines in groups.items()
        ]


def _mean_and_spread(lines: Sequence[Line], metric: str) -> tuple[float, float | None] | None:
    values = [value for line in lines if (value := line.metrics.get(metric)) is not None]
    if not values:
        return None
    return fmean(values), stdev(values) if len(values) > 1 else None


def plan(keys: Iterable[str], seeds: Sequence[int], *, with_base: bool = True) -> list[Trial]:
    """Return the trainings of a sweep: the base, then each value of each key, each with every seed.

    Parameters
    ----------
    keys : iterable of str
        ``key=value,value,...``; a value with commas of its own stands in brackets: ``key=[1,2],[3,4]``.
    seeds : sequence of int
    with_base : bool
        Whether the unchanged settings are trained too.

    Raises
    ------
    ConfigError
        If a word is not of this form, or a key stands twice.
    """
    settings: list[tuple[str, Any]] = [(BASE, None)] if with_base else []
    seen: set[str] = set()
    for word in keys:
        key, separator, text = word.partition("=")
        key = key.strip()
        if not separator or not key or not text.strip():
            raise ConfigError(
                "'{word}' names no values to try.", remedy="Write --key name=value,value,...", word=word
            )
        if key in seen or key == "seed":
            raise ConfigError(
                "'{key}' cannot be swept here.",
                remedy="Name each key once; seeds are given by --seeds.",
                key=key,
            )
        seen.add(key)
        settings += [(key, parse_overrides([f"{key}={part}"])[key]) for part in split_values(text)]
    return [Trial(key, value, seed) for key, value in settings for seed in seeds]


def plan_variants(variants: VariantsSpec, seeds: Sequence[int]) -> list[Trial]:
    """Return the short trainings that a phase offers for comparison, each with every seed."""
    return [
        Trial(variants.key, name, seed, {**variants.short, **settings})
        for name, settings in variants.rows.items()
        for seed in seeds
    ]


def split_values(text: str) -> list[str]:
    """Return the parts between commas that stand in no bracket."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def new_folder(root: Path) -> Path:
    """Return a folder for a table that does not exist yet."""
    taken = {path.name for path in root.iterdir()} if root.is_dir() else set()
    number = next(number for number in range(1, len(taken) + 2) if f"sweep_{number}" not in taken)
    return root / f"sweep_{number}"


def line_of(trial: Trial, model: RunModel, spec: PipelineSpec) -> Line:
    """Return what a training that is over came to."""
    started, ended = model.started_at, model.ended_at
    minutes = None if started is None or ended is None else round((ended - started) / 60, 2)
    reason = "" if model.failure is None else model.failure.cause
    return Line(
        trial.key,
        trial.value,
        trial.seed,
        model.id,
        model.state.value,
        minutes,
        values_at_best(model, spec.metrics),
        reason,
    )


def values_at_best(model: RunModel, metrics: Iterable[MetricSpec]) -> dict[str, float | None]:
    """Return the validation metrics at the step of the best checkpoint; their last ones without it."""
    point = model.best_checkpoint
    values: dict[str, float | None] = {}
    for metric in metrics:
        series = model.series.get((metric.key, "val"))
        if series is None or len(series) == 0:
            continue
        places = np.flatnonzero(series.steps <= (point.step if point is not None else np.inf))
        value = float(series.values[places[-1]]) if len(places) else None
        values[metric.key] = None if value is None or not np.isfinite(value) else value
    return values


def as_text(value: Any) -> str:
    """Return a setting's value as it would be typed."""
    if value is None:
        return ""
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()
