"""What the run list says about a run, read from the first and last files of its folder only.

A thousand runs are listed without one events file being read. Files that did not change since the last
look are not read again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from engines.contract.errors import RunFolderError
from engines.contract.evaluation import EvaluationReport
from engines.contract.kinds import Action, RunState
from engines.contract.run_folder import RunFolder
from workstation.runs.process_watch import Liveness, liveness

_SPLIT_HASH = re.compile(r'"split_hash"\s*:\s*"([^"]*)"')
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAIL_BYTES = 200


@dataclass(frozen=True, slots=True)
class RunHeader:
    """Facts about a run.

    Parameters
    ----------
    started, ended : float or None
        Seconds since the epoch of 1970.
    values : mapping of metric key to number or None
        What its summary or evaluation tells.
    at_best : mapping of metric key to number or None
        All validation metrics of the best checkpoint.
    command : str
        Command line that repeats it.
    """

    run_id: str
    folder: Path
    pipeline: str = ""
    action: str = ""
    phase: str = ""
    preset: str = ""
    base_run: str = ""
    state: RunState = RunState.QUEUED
    started: float | None = None
    ended: float | None = None
    split_hash: str = ""
    values: dict[str, float | None] = field(default_factory=dict)
    at_best: dict[str, float | None] = field(default_factory=dict)
    command: str = ""

    def reached(self, metric: str) -> float | None:
        """Return a metric of the model that was kept; None when it was not measured."""
        return self.at_best.get(metric, self.values.get(metric))


class RunHeaders:
    """Reads headers, and remembers those of runs that are over."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[float, float, RunHeader]] = {}

    def read(self, folders: Iterable[Path]) -> list[RunHeader]:
        """Return the headers of run folders, newest start first. Slow the first time: call it on a thread."""
        headers = [self._read_one(path) for path in folders]
        newest = float("inf")
        return sorted(headers, key=lambda header: (header.started or newest, header.run_id), reverse=True)

    def _read_one(self, path: Path) -> RunHeader:
        folder = RunFolder(path)
        stamp = (_changed(folder.summary_path), _changed(folder.config_path))
        known = self._known.get(path)
        if known is not None and known[:2] == stamp and known[2].state.is_over:
            return known[2]
        header = read_header(folder)
        self._known[path] = (*stamp, header)
        return header


def read_header(folder: RunFolder) -> RunHeader:
    """Read one header; what cannot be read stays empty."""
    request = _first_lines(folder.config_path)
    summary = folder.read_summary()
    started = _started(folder)
    ended = _changed(folder.summary_path) if summary is not None else None
    return RunHeader(
        run_id=folder.id,
        folder=folder.path,
        pipeline=str(request.get("pipeline", "")),
        action=str(request.get("action", "")),
        phase=str(request.get("phase") or ""),
        preset=str(request.get("preset") or ""),
        base_run=str(request.get("base_run") or ""),
        state=_state(folder, summary),
        started=started,
        ended=ended,
        split_hash=_split_hash(folder.manifest_path),
        values=_values(folder, request, summary or {}),
        at_best=_at_best(folder, request, summary or {}),
        command=str(request.get("command") or ""),
    )


def _state(folder: RunFolder, summary: dict[str, Any] | None) -> RunState:
    if summary is not None:
        try:
            return RunState(str(summary.get("state")))
        except ValueError:
            return RunState.FAILED
    match liveness(folder):
        case Liveness.ALIVE:
            return RunState.PAUSED if folder.read_control() == "pause" else RunState.RUNNING
        case Liveness.DEAD:
            return RunState.FAILED
        case _:
            return RunState.QUEUED


def _values(folder: RunFolder, request: dict[str, Any], summary: dict[str, Any]) -> dict[str, float | None]:
    if request.get("action") == Action.EVALUATE.value:
        try:
            rows = EvaluationReport.read(folder.evaluation_path).rows
        except RunFolderError:
            return {}
        return dict(rows.get("model") or next(iter(rows.values()), {}))
    # A run that was stopped or failed tells nothing in its summary, but its best checkpoint does.
    facts = summary if "best_metric" in summary else _best_facts(folder)
    key = facts.get("best_metric", facts.get("metric"))
    value = facts.get("best_value")
    if not isinstance(key, str):
        return {}
    return {key: float(value) if isinstance(value, int | float) else None}


def _at_best(folder: RunFolder, request: dict[str, Any], summary: dict[str, Any]) -> dict[str, float | None]:
    if request.get("action") != Action.TRAIN.value:
        return {}
    found = (summary if "best_values" in summary else _best_facts(folder)).get("best_values")
    if not isinstance(found, dict):
        return {}
    return {
        str(key): float(value) if isinstance(value, int | float) else None for key, value in found.items()
    }


def _best_facts(folder: RunFolder) -> dict[str, Any]:
    try:
        facts = json.loads((folder.checkpoints_dir / "best" / "model.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _first_lines(path: Path) -> dict[str, Any]:
    """Return the request without its settings, which come last and are long."""
    try:
        text = path.read_text(encoding="utf-8").partition("\nsettings:")[0]
        values = yaml.load(text, Loader=_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return values if isinstance(values, dict) else {}


def _split_hash(path: Path) -> str:
    """Return the split hash, the last key of a manifest."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - _TAIL_BYTES))
            found = _SPLIT_HASH.search(stream.read().decode("utf-8", errors="replace"))
    except OSError:
        return ""
    return found[1] if found else ""


def _started(folder: RunFolder) -> float | None:
    """Return the first start; `process.json` tells the newest one only."""
    try:
        with folder.events_path.open("rb") as stream:
            first = json.loads(stream.readline())
        return float(first["time"])
    except (OSError, ValueError, KeyError, TypeError):
        return _changed(folder.config_path) or None


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
