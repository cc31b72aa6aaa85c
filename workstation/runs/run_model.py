"""`RunModel`: what is known about one run, fed by its events.

A live run, a finished one and one that is opened again after a restart go through the same code. The
model has no Qt and no thread; whoever owns it feeds it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.contract.errors import WorkstationError
from engines.contract.events import (
    Checkpoint,
    Continued,
    Diagnosis,
    Event,
    EventReader,
    Failed,
    Finished,
    Metric,
    Output,
    Panel,
    Paused,
    Phase,
    Preview,
    Progress,
    Selection,
    Started,
    Stopped,
    Warned,
)
from engines.contract.kinds import RunState
from engines.contract.messages import Message
from engines.contract.run_folder import RunFolder, RunRequest
from workstation.runs.death import derived_failure, failure_of_summary
from workstation.runs.process_watch import Liveness, liveness
from workstation.runs.remaining_time import RemainingTime, TimeRange
from workstation.runs.run_state import may_follow, state_of_summary
from workstation.runs.series import Series

_logger = logging.getLogger(__name__)

SeriesKey = tuple[str, str]
"""``(metric key, split)``."""


@dataclass
class RunModel:
    """State, series, pictures and findings of a run.

    Parameters
    ----------
    folder : RunFolder
    request : RunRequest or None
        None when `config.yaml` cannot be read; everything else is still shown.
    state : RunState
    """

    folder: RunFolder
    request: RunRequest | None = None
    state: RunState = RunState.QUEUED
    series: dict[SeriesKey, Series] = field(default_factory=dict)
    stage: str = ""
    """Named stage the run is in, an English phrase; empty when unnamed."""
    step: int = 0
    steps: int = 0
    """Steps in all; 0 while unknown."""
    epoch: int = 0
    previews: dict[tuple[str, str], list[tuple[int, Path]]] = field(default_factory=dict)
    """Pictures by ``(item, name)`` as ``(step, path)``, in the order of their steps."""
    panels: list[str] = field(default_factory=list)
    """Names of panels written so far, each once; the newest change is last."""
    selection: Selection | None = None
    """By which metric the best checkpoint is chosen; None until the run tells."""
    checkpoints: list[Checkpoint] = field(default_factory=list)
    diagnoses: list[Diagnosis] = field(default_factory=list)
    warnings: list[Message] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    started: Started | None = None
    """The newest start: device, items by split, facts."""
    started_at: float | None = None
    """First start, in s since the epoch of 1970."""
    ended_at: float | None = None
    failure: Failed | None = None
    """Why the run failed: cause, remedy and traceback; None unless it failed."""
    summary: dict[str, Any] = field(default_factory=dict)
    recent: deque[Event] = field(default_factory=lambda: deque(maxlen=50), repr=False, compare=False)
    """The newest events since the last start, for naming the cause of a death."""
    revision: int = 0
    """Grows with every change, so that a view can tell whether to draw again."""
    _remaining: RemainingTime = field(default_factory=RemainingTime, repr=False)

    @classmethod
    def load(cls, path: Path | RunFolder) -> RunModel:
        """Read a run from its folder, whatever state it is in.

        A damaged `config.yaml` leaves `request` empty; it does not hide the rest.
        """
        folder = path if isinstance(path, RunFolder) else RunFolder(path)
        request = None
        try:
            request = folder.read_request()
        except WorkstationError as error:
            _logger.warning("%s", error)
        model = cls(folder=folder, request=request)
        model.apply(EventReader(folder.events_path).poll())
        model.settle()
        return model

    @property
    def id(self) -> str:
        """Name of the run."""
        return self.folder.id

    @property
    def eta(self) -> TimeRange | None:
        """Remaining time, or None while unknown or when the run is not running."""
        return self._remaining.estimate() if self.state is RunState.RUNNING else None

    @property
    def best_checkpoint(self) -> Checkpoint | None:
        """The newest best checkpoint, or None."""
        return next((point for point in reversed(self.checkpoints) if point.best), None)

    def set_state(self, state: RunState) -> bool:
        """Go to a state; return whether anything changed.

        A state that may not follow is refused, so that a late message cannot revive an ended run.
        """
        if state is self.state:
            return False
        if not may_follow(state, self.state):
            _logger.debug("%s: %s cannot follow %s", self.id, state, self.state)
            return False
        self.state = state
        self.revision += 1
        if state is RunState.STARTING:
            self.failure = None
            self.ended_at = None
            self.summary = {}
        return True

    def set_failure(self, failure: Failed) -> None:
        """Take note that the run failed, once."""
        if self.state is RunState.FAILED and self.failure is not None:
            return
        if self.set_state(RunState.FAILED) or self.state is RunState.FAILED:
            self.failure = failure
            self.ended_at = failure.time
            self.revision += 1

    def settle(self) -> None:
        """Make the state agree with the summary and the process, for a run nobody watches."""
        summary = self.folder.read_summary()
        state = state_of_summary(summary)
        if summary is not None and state is not None:
            self._settle_from_summary(summary, state)
            return
        alive = liveness(self.folder)
        if alive is Liveness.ALIVE:
            if self.state is RunState.QUEUED or self.state.is_over:
                # Its process lives and has not said anything since it began (again).
                self.set_state(RunState.STARTING)
            if self.folder.read_control() == "stop":
                self.set_state(RunState.STOPPING)
        elif alive is Liveness.DEAD:
            if self.state.is_over and self._was_started_again():
                self.set_state(RunState.STARTING)
            if not self.state.is_over:
                self.set_failure(derived_failure(self.folder, tuple(self.recent)))

    def _was_started_again(self) -> bool:
        """Tell whether the newest process began after the run had ended."""
        process = self.folder.read_process()
        return process is not None and self.ended_at is not None and process.started_at > self.ended_at

    def _settle_from_summary(self, summary: dict[str, Any], state: RunState) -> None:
        self.summary = summary
        if state is RunState.FAILED:
            self.set_failure(failure_of_summary(summary))
        elif state is not self.state:
            # The summary is written last, so it outranks whatever the events ended with.
            self.state = state
            self.revision += 1

    def apply(self, events: Iterable[Event]) -> None:
        """Take in events, in the order in which they were written."""
        for event in events:
            if isinstance(event, Started):
                self.recent.clear()
            self.recent.append(event)
            self._apply_one(event)
            self.revision += 1

    def _apply_one(self, event: Event) -> None:
        match event:
            case Started():
                self._begin(event)
            case Phase(name=name):
                self.stage = name
                self._remaining.restart()
            case Progress():
                self.step, self.steps, self.epoch = event.step, event.steps, event.epoch
                self._remaining.add(event.time, event.step, event.steps)
            case Metric():
                self._series_of(event.key, event.split).append(event)
            case Selection():
                self.selection = event
            case Preview():
                shown = self.previews.setdefault((event.item, event.name), [])
                shown.append((event.step, self.folder.file_path(event.path)))
            case Panel(name=name):
                if name in self.panels:
                    self.panels.remove(name)
                self.panels.append(name)
            case Checkpoint():
                self.checkpoints.append(event)
            case Output():
                self.outputs.append(event)
            case Diagnosis():
                self.diagnoses.append(event)
            case Warned():
                self.warnings.append(Message(event.message, event.parameters))
            case Paused():
                self.set_state(RunState.PAUSED)
            case Continued():
                self._remaining.restart()
                self.set_state(RunState.RUNNING)
            case Finished() | Stopped():
                self._end(event)
            case Failed():
                self.set_failure(event)

    def _series_of(self, key: str, split: str) -> Series:
        return self.series.setdefault((key, split), Series(key, split))

    def _begin(self, event: Started) -> None:
        if event.resumed_from_step is not None:
            self._drop_beyond(event.resumed_from_step)
        if self.state.is_over:
            self.set_state(RunState.STARTING)
        self.started = event
        self.started_at = self.started_at or event.time
        self._remaining.restart()
        self.set_state(RunState.RUNNING)

    def _end(self, event: Finished | Stopped) -> None:
        if self.set_state(RunState.FINISHED if isinstance(event, Finished) else RunState.STOPPED):
            self.ended_at = event.time
        if isinstance(event, Finished):
            self.summary = dict(event.summary)

    def _drop_beyond(self, step: int) -> None:
        """Forget what the run did after the step from which it was resumed."""
        for series in self.series.values():
            series.drop_beyond(step)
        self.previews = {
            key: kept
            for key, shown in self.previews.items()
            if (kept := [(at, path) for at, path in shown if at <= step])
        }
        self.checkpoints = [point for point in self.checkpoints if point.step <= step]
        self.diagnoses = [finding for finding in self.diagnoses if finding.step <= step]
        self.step = min(self.step, step)
