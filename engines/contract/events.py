"""Typed events: the one channel from an engine to everybody who watches it.

A run appends one JSON object a line to ``events.jsonl`` and flushes it. Readers keep a half-written
last line for the next poll, skip a line that is no event, and drop the points beyond the step at which
a run was resumed.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from engines.contract.kinds import Severity


class _Event(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    time: float = Field(default_factory=time.time)
    """Seconds since the epoch."""


class Started(_Event):
    """The engine process began, or began again."""

    event: Literal["started"] = "started"
    pipeline: str
    action: str
    phase: str = ""
    device: str = "cpu"
    num_items: dict[str, int] = {}
    """Items by split."""
    resumed_from_step: int | None = None
    facts: dict[str, Any] = {}
    """Numbers worth printing at the start, by name."""


class Phase(_Event):
    """A named stage inside a run began, for example reading images."""

    event: Literal["phase"] = "phase"
    name: str


class Progress(_Event):
    """How far the run is; `steps` is 0 while the end is unknown."""

    event: Literal["progress"] = "progress"
    step: int
    steps: int
    epoch: int = 0


class Metric(_Event):
    """One value of a series. `value` is None when the metric is undefined, and `reason` says why."""

    event: Literal["metric"] = "metric"
    key: str
    split: str
    step: int
    epoch: int = 0
    value: float | None
    reason: str = ""


class Selection(_Event):
    """By which validation metric a training chooses its best checkpoint; told before the first step."""

    event: Literal["selection"] = "selection"
    metric: str
    is_higher_better: bool


class Preview(_Event):
    """A picture of a fixed validation item; `path` is relative to the run folder."""

    event: Literal["preview"] = "preview"
    path: str
    name: str
    item: str = ""
    step: int = 0


class Panel(_Event):
    """``panels/<name>.json`` was written or renewed."""

    event: Literal["panel"] = "panel"
    name: str


class Checkpoint(_Event):
    """Weights and training state are on the disk; `path` is relative to the run folder."""

    event: Literal["checkpoint"] = "checkpoint"
    path: str
    step: int
    best: bool = False


class Output(_Event):
    """A result file of an item; `path` is relative to the run folder."""

    event: Literal["output"] = "output"
    item: str
    role: str
    path: str


class Diagnosis(_Event):
    """A rule fired."""

    event: Literal["diagnosis"] = "diagnosis"
    name: str
    severity: Severity
    cause: str
    """What is likely wrong, in one English sentence: a translation id with `parameters`."""
    parameters: dict[str, Any] = {}
    evidence: list[dict[str, Any]] = []
    """Points that show it: ``{"key", "split", "step", "value"}``."""
    remedy: str = ""
    """What to do, one English sentence."""
    config_patch: dict[str, Any] = {}
    """Settings that carry the remedy out."""
    step: int = 0


class Warned(_Event):
    """Something a person should know, but that stops nothing."""

    event: Literal["warning"] = "warning"
    message: str
    parameters: dict[str, Any] = {}


class Paused(_Event):
    """The run waits."""

    event: Literal["paused"] = "paused"
    step: int = 0


class Continued(_Event):
    """The run goes on after a pause."""

    event: Literal["continued"] = "continued"
    step: int = 0


class Finished(_Event):
    """The run reached its end."""

    event: Literal["finished"] = "finished"
    summary: dict[str, Any] = {}


class Stopped(_Event):
    """The run ended early because it was asked to; everything is saved."""

    event: Literal["stopped"] = "stopped"
    step: int = 0


class Failed(_Event):
    """The run broke. `cause` names why in plain words."""

    event: Literal["failed"] = "failed"
    type: str
    message: str
    cause: str
    remedy: str = ""
    traceback: str = ""
    step: int = 0


Event: TypeAlias = (
    Started
    | Phase
    | Progress
    | Metric
    | Selection
    | Preview
    | Panel
    | Checkpoint
    | Output
    | Diagnosis
    | Warned
    | Paused
    | Continued
    | Finished
    | Stopped
    | Failed
)
_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def finite_or_none(value: float | None) -> float | None:
    """Return the value, or None where JSON has no word for it."""
    return value if value is not None and math.isfinite(value) else None


class EventWriter:
    """Append events to a file, one flushed line each.

    A line that a killed process left unfinished is closed first, so that it costs nobody else's line.
    Threads may share a writer.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_torn = path.exists() and not _ends_with_newline(path)
        self._lock = threading.Lock()
        self._stream = path.open("a", encoding="utf-8", newline="\n")
        if is_torn:
            self._stream.write("\n")

    def write(self, event: Event) -> None:
        """Append one event."""
        with self._lock:
            self._stream.write(event.model_dump_json() + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        if stream.tell() == 0:
            return True
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"


class EventReader:
    """Follow an events file.

    Parameters
    ----------
    path : Path
        It need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.num_skipped_lines = 0
        self._offset = 0

    def poll(self) -> list[Event]:
        """Return the events whole lines of which were written since the last call."""
        try:
            with self.path.open("rb") as stream:
                stream.seek(self._offset)
                content = stream.read()
        except FileNotFoundError:
            return []
        whole, newline, _half = content.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        events: list[Event] = []
        for line in whole.split(b"\n"):
            if not line.strip():
                continue
            try:
                events.append(_ADAPTER.validate_json(line))
            except ValidationError:
                # A line torn by a kill, or an event of a newer version: the next one is still good.
                self.num_skipped_lines += 1
        return events


def read_events(path: Path) -> list[Event]:
    """Return every event of a run, without the points that a resume took back."""
    return drop_superseded(EventReader(path).poll())


def drop_superseded(events: Iterable[Event]) -> list[Event]:
    """Drop metrics, previews and checkpoints beyond the step from which a run was resumed."""
    kept: list[Event] = []
    for event in events:
        if isinstance(event, Started) and event.resumed_from_step is not None:
            limit = event.resumed_from_step
            kept = [
                old
                for old in kept
                if not (
                    isinstance(old, Metric | Preview | Checkpoint | Progress | Diagnosis) and old.step > limit
                )
            ]
        kept.append(event)
    return kept
