"""From the tables of sweeps to what the Runs screen draws."""

from __future__ import annotations

from collections.abc import Mapping

from engines.contract.errors import WorkstationError
from engines.contract.registry import load_spec
from engines.contract.spec import MetricSpec
from workstation.runs.sweep import BASE, SweepTable, as_text
from workstation.views.protocols.runs import SweepRow, SweepView


def sweep_view(name: str, table: SweepTable) -> SweepView:
    """Return a table as it is drawn: headline metrics first, then all others, losses last."""
    metrics = _metrics(table)
    runs: dict[tuple[str, str], list[str]] = {}
    for line in table.lines:
        runs.setdefault((line.key, as_text(line.value)), []).append(line.run)
    rows = tuple(
        SweepRow("" if key == BASE else key, value, num_finished, tuple(runs[key, value]), values)
        for key, value, num_finished, values in table.summary()
    )
    return SweepView(name, table.split_hash, metrics, rows)


def line_titles(tables: Mapping[str, SweepTable]) -> dict[str, tuple[str, str]]:
    """Return for each run the sweep that it belongs to, and what stands for it there."""
    return {
        line.run: (name, f"{name}: {_setting(line.key, as_text(line.value))}, seed {line.seed}")
        for name, table in tables.items()
        for line in table.lines
    }


def _setting(key: str, value: str) -> str:
    return key if key == BASE else f"{key}={value}"


def _metrics(table: SweepTable) -> tuple[MetricSpec, ...]:
    try:
        known = load_spec(table.pipeline).metrics
    except WorkstationError:
        # The pipeline is not installed here; its numbers are still worth reading.
        return tuple(MetricSpec(key, key, "", higher_is_better=True) for key in table.metric_keys)
    present = [metric for metric in known if metric.key in table.metric_keys]
    return tuple(sorted(present, key=lambda metric: (not metric.is_headline, metric.key.startswith("loss"))))
