"""The rule engine: what the events of a run say is wrong with it. No torch.

A rule is a pure function of the events seen so far and of the time. The same rules run live in the
engine and afterwards over a finished or dead run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from engines.contract.events import (
    Checkpoint,
    Continued,
    Diagnosis,
    Event,
    Failed,
    Finished,
    Metric,
    Paused,
    Phase,
    Progress,
    Started,
    Stopped,
)
from engines.contract.kinds import Severity

TRAINING_PHASE = "Training"
"""The stage in which steps are expected to follow each other; see `stalled`."""

_MAX_POINTS = 4000


@dataclass(frozen=True, slots=True)
class Gap:
    """A wait for the next step: from `since` to `until`, in s since the epoch, after `step`."""

    since: float
    until: float
    step: int

    @property
    def duration_s(self) -> float:
        """Length of the wait."""
        return self.until - self.since


@dataclass
class History:
    """The events of a run, sorted for rules; fed one by one.

    Old points of a long series are thinned out, so that a run of weeks fits in memory.

    Attributes
    ----------
    series : dict of (key, split) to list of Metric
    best : list of Checkpoint
        Checkpoints that were the best so far.
    step_seconds : list of float
        Duration of a step, from the progress of the run.
    longest_gap : Gap or None
        Longest wait for a step that ended.
    facts : dict
        Of the newest `Started`: the learning rate that was set, for example.
    now : float
        Time of the newest event, or later when set by the caller.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    series: dict[tuple[str, str], list[Metric]] = field(default_factory=dict)
    best: list[Checkpoint] = field(default_factory=list)
    step_seconds: list[float] = field(default_factory=list)
    longest_gap: Gap | None = None
    now: float = 0.0
    is_over: bool = False
    _progress: Progress | None = None
    _waits_since: float | None = None

    @classmethod
    def of(cls, events: Iterable[Event], now: float | None = None) -> History:
        """Sort events, as seen at `now`: the time of the last event unless given."""
        history = cls()
        for event in events:
            history.add(event)
        if now is not None:
            history.now = max(history.now, now)
        return history

    def add(self, event: Event) -> None:
        """Take in the next event."""
        self.now = max(self.now, event.time)
        if isinstance(event, Metric):
            points = self.series.setdefault((event.key, event.split), [])
            points.append(event)
            _thin(points)
        elif isinstance(event, Progress):
            self._add_progress(event)
        elif isinstance(event, Checkpoint) and event.best:
            self.best.append(event)
        elif isinstance(event, Started):
            self.facts = event.facts
            self._waits_since, self._progress = None, None
            self.is_over = False
        elif isinstance(event, Paused):
            self._waits_since, self._progress = None, None
        elif isinstance(event, Continued):
            self._waits_since, self._progress = event.time, None
        elif isinstance(event, Phase):
            # Elsewhere than in training a step may take any time.
            self._waits_since = event.time if event.name == TRAINING_PHASE else None
            self._progress = None
        elif isinstance(event, Finished | Stopped | Failed):
            self.is_over = True
            self._waits_since = None

    def _add_progress(self, event: Progress) -> None:
        if self._waits_since is not None:
            gap = Gap(self._waits_since, event.time, event.step)
            if self.longest_gap is None or gap.duration_s > self.longest_gap.duration_s:
                self.longest_gap = gap
        before = self._progress
        if before is not None and event.step > before.step:
            self.step_seconds.append((event.time - before.time) / (event.step - before.step))
            _thin(self.step_seconds)
        self._progress = event
        self._waits_since = event.time

    @property
    def step(self) -> int:
        """Last step seen."""
        return max((points[-1].step for points in self.series.values()), default=0)

    @property
    def open_gap(self) -> Gap | None:
        """The wait that goes on now, or None when no step is expected."""
        if self._waits_since is None or self.is_over:
            return None
        return Gap(self._waits_since, self.now, self._progress.step if self._progress else self.step)

    def points(self, key: str, split: str) -> list[Metric]:
        """Return the points of a series, oldest first."""
        return self.series.get((key, split), [])

    def values(self, key: str, split: str) -> list[tuple[int, float]]:
        """Return ``(step, value)`` of the defined points of a series."""
        return [(point.step, point.value) for point in self.points(key, split) if point.value is not None]


def _thin(points: list[Any]) -> None:
    if len(points) > _MAX_POINTS:
        half = _MAX_POINTS // 2
        points[:half] = points[:half:2]


def evidence_of(points: Iterable[Metric]) -> list[dict[str, Any]]:
    """Return points in the form that a `Diagnosis` shows."""
    return [
        {"key": point.key, "split": point.split, "step": point.step, "value": point.value} for point in points
    ]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: see the fields of the same names of `Diagnosis`."""

    cause: str
    parameters: dict[str, Any] = field(default_factory=dict)
    evidence: list[dict[str, Any]] = field(default_factory=list)
    remedy: str = ""
    config_patch: dict[str, Any] = field(default_factory=dict)
    step: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """A named way for a run to go wrong.

    Parameters
    ----------
    name : str
        lower_snake_case; a run shows each name once.
    severity : Severity
    find : function (History) -> Finding or None
        Pure: it depends on its argument only and changes nothing.
    """

    name: str
    severity: Severity
    find: Callable[[History], Finding | None]

    def apply(self, history: History) -> Diagnosis | None:
        """Return the diagnosis when the rule fires."""
        finding = self.find(history)
        if finding is None:
            return None
        return Diagnosis(
            time=history.now,
            name=self.name,
            severity=self.severity,
            cause=finding.cause,
            parameters=finding.parameters,
            evidence=finding.evidence,
            remedy=finding.remedy,
            config_patch=finding.config_patch,
            step=finding.step,
        )


def diagnose(events: Iterable[Event], rules: Iterable[Rule], now: float | None = None) -> list[Diagnosis]:
    """Apply rules to the events of a run.

    Parameters
    ----------
    events : iterable of Event
    rules : iterable of Rule
    now : float or None
        Seconds since the epoch up to which the run has been silent; None means its last event.
    """
    history = History.of(events, now)
    found = (rule.apply(history) for rule in rules)
    return [diagnosis for diagnosis in found if diagnosis is not None]


def new_diagnoses(history: History, rules: Sequence[Rule], known: set[str]) -> list[Diagnosis]:
    """Apply the rules whose name is not yet in `known`, and add the names of those that fire."""
    found = [rule.apply(history) for rule in rules if rule.name not in known]
    fired = [diagnosis for diagnosis in found if diagnosis is not None]
    known.update(diagnosis.name for diagnosis in fired)
    return fired
