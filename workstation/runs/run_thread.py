"""`RunThread`: start or attach to the engine of one run, follow its events, and stop it when asked.

The thread does input and output only. Ending the thread never ends the run. What it says, it says by
signals; the receiving side feeds a `RunModel` with them.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal

from engines.contract.errors import WorkstationError
from engines.contract.events import (
    Diagnosis,
    Event,
    EventReader,
    Failed,
    Metric,
    Preview,
    Progress,
)
from engines.contract.kinds import RunState
from engines.contract.run_folder import RunFolder
from workstation.runs.death import derived_failure, failure_of_summary, write_failure
from workstation.runs.launch import exit_code_of, prepare_resume, start_engine
from workstation.runs.process_watch import Liveness, Rung, StopLadder, liveness
from workstation.runs.run_model import RunModel

_logger = logging.getLogger(__name__)

POLL_S = 0.1
"""Time between two looks at the events."""
LIVENESS_EVERY_S = 0.5
"""Time between two looks at the process."""
EXIT_S = 15.0
"""Time that an engine may take to exit after its last event."""
EVENTS_PER_SIGNAL = 2000
"""Events of an old, long run reach the window in portions."""

Command = Callable[[], None]


class RunThread(QThread):
    """Supervise one run folder.

    Parameters
    ----------
    folder : RunFolder or Path
    launch : callable or None
        Starts the engine and returns its process id; None attaches to a run that is alive or over.
        See the constructors `to_start`, `to_attach` and `to_resume`.
    parent : QObject or None

    Notes
    -----
    A thread tells the run from its first event, so it needs a fresh `RunModel` on the receiving side:
    connect `events_received` to `model.apply`, `state_changed` to `model.set_state` and `failed` to
    `model.set_failure`. `events_received` comes before the `state_changed` that the events cause.
    """

    events_received = Signal(list)
    """Events in their order."""
    state_changed = Signal(object)
    """`RunState`"""
    failed = Signal(object)
    """`Failed`: the engine's own, or derived from the way in which it died."""
    progressed = Signal(object)
    """The newest `Progress` of a portion of events."""
    metrics_received = Signal(list)
    previews_written = Signal(list)
    diagnosed = Signal(list)
    rung_changed = Signal(object)
    """`Rung` of the stop ladder."""
    over = Signal(object)
    """The final `RunState`; the last signal of a run that ended."""

    def __init__(
        self,
        folder: RunFolder | Path,
        launch: Callable[[RunFolder], int] | None = None,
        *,
        ladder: StopLadder | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.folder = folder if isinstance(folder, RunFolder) else RunFolder(folder)
        self._launch = launch
        self._ladder = ladder or StopLadder(self.folder)
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._reader = EventReader(self.folder.events_path)
        # The thread's own copy: it decides states from the same events as the window's model.
        self._model = RunModel(self.folder)
        self._pid: int | None = None
        self._exit_code: int | None = None
        self._is_detached = False
        self._next_look = 0.0
        self._over_since: float | None = None

    @classmethod
    def to_start(cls, folder: RunFolder | Path, parent: QObject | None = None) -> RunThread:
        """Return a thread that starts the engine."""
        return cls(folder, start_engine, parent=parent)

    @classmethod
    def to_attach(cls, folder: RunFolder | Path, parent: QObject | None = None) -> RunThread:
        """Return a thread that follows a run which is already alive or over."""
        return cls(folder, None, parent=parent)

    @classmethod
    def to_resume(cls, folder: RunFolder | Path, parent: QObject | None = None) -> RunThread:
        """Return a thread that continues a run which has ended."""

        def resume(run: RunFolder) -> int:
            prepare_resume(run)
            return start_engine(run)

        return cls(folder, resume, parent=parent)

    def request_stop(self) -> None:
        """Climb the stop ladder: ask, terminate, kill. Returns at once."""
        self._commands.put(self._begin_stop)

    def pause(self) -> None:
        """Ask the engine to wait after its step. Returns at once."""
        self._commands.put(lambda: self._write_control("pause"))

    def resume(self) -> None:
        """Let a paused engine go on. Returns at once."""
        self._commands.put(lambda: self._write_control("resume"))

    def detach(self) -> None:
        """End the supervision, not the run. Returns at once; `wait` for the thread."""
        self._commands.put(self._stop_watching)

    def run(self) -> None:
        """Supervise until the run is over or the thread is detached."""
        if self._launch is None:
            self._attach()
        elif not self._start(self._launch):
            return
        while not self._is_detached and not self._is_settled():
            self._wait_for_command()
            self._look()

    def _start(self, launch: Callable[[RunFolder], int]) -> bool:
        # The earlier part of a resumed run is told first.
        self._read_events(is_past=True)
        self._go_to(RunState.STARTING)
        try:
            self._pid = self._ladder.pid = launch(self.folder)
        except (WorkstationError, OSError) as error:
            _logger.warning("The engine of %s did not start: %s", self.folder.id, error)
            remedy = error.remedy.render() if isinstance(error, WorkstationError) else "Try again."
            self._fail(
                Failed(
                    type=type(error).__name__,
                    message=str(error),
                    cause="The engine could not be started.",
                    remedy=remedy,
                ),
                is_kept=False,
            )
            self.over.emit(self._model.state)
            return False
        return True

    def _attach(self) -> None:
        self._read_events(is_past=True)
        self._model.settle()
        self._tell_state()
        if self._model.state is RunState.STOPPING:
            # The stop was asked for before the window was closed.
            self._begin_stop()

    def _is_settled(self) -> bool:
        if not self._model.state.is_over:
            return False
        if not self._is_gone():
            # The last event is written, the process still ends.
            self._over_since = self._over_since or time.monotonic()
            if time.monotonic() - self._over_since > EXIT_S:
                self._ladder.begin()
            return False
        self._read_events()
        self.over.emit(self._model.state)
        return True

    def _wait_for_command(self) -> None:
        try:
            command = self._commands.get(timeout=POLL_S)
        except queue.Empty:
            return
        command()

    def _look(self) -> None:
        if self._is_detached:
            return
        self._read_events()
        if self._ladder.advance():
            self.rung_changed.emit(self._ladder.rung)
        now = time.monotonic()
        if self._model.state.is_over or now < self._next_look:
            return
        self._next_look = now + LIVENESS_EVERY_S
        if not self._is_gone():
            return
        # The process is gone: its last words are complete now.
        self._read_events()
        if not self._model.state.is_over:
            self._conclude()

    def _is_gone(self) -> bool:
        """Tell whether the engine has ended; a run that somebody else will start has not."""
        if self._pid is not None and self._exit_code is None:
            self._exit_code = exit_code_of(self._pid)
            if self._exit_code is None:
                return False
        alive = liveness(self.folder)
        return alive is Liveness.DEAD or (alive is Liveness.NEVER_STARTED and self._pid is not None)

    def _conclude(self) -> None:
        """Name the end of a run whose process is gone and whose events do not tell it."""
        summary = self.folder.read_summary()
        if summary is not None and summary.get("state") == RunState.FAILED:
            self._fail(failure_of_summary(summary), is_kept=False)
        elif summary is not None:
            self._go_to(RunState(str(summary["state"])))
        elif self._ladder.rung in (Rung.TERMINATED, Rung.KILLED):
            # It was asked to stop and did not obey: stopped, with what the last checkpoint holds.
            self.folder.write_summary(RunState.STOPPED, {"ended_by": self._ladder.rung.value})
            self._go_to(RunState.STOPPED)
        else:
            self._fail(derived_failure(self.folder, tuple(self._model.recent), self._exit_code), is_kept=True)

    def _fail(self, failure: Failed, *, is_kept: bool) -> None:
        if is_kept:
            write_failure(self.folder, failure)
        self._model.set_failure(failure)
        self._tell_state()

    def _tell_state(self) -> None:
        if self._model.state is RunState.FAILED and self._model.failure is not None:
            self.failed.emit(self._model.failure)
        self.state_changed.emit(self._model.state)

    def _go_to(self, state: RunState) -> None:
        if self._model.set_state(state):
            self.state_changed.emit(state)

    def _read_events(self, *, is_past: bool = False) -> None:
        """Tell what was written since the last call; the states of the past are not told again."""
        events = self._reader.poll()
        for start in range(0, len(events), EVENTS_PER_SIGNAL):
            self._tell(events[start : start + EVENTS_PER_SIGNAL], is_past=is_past)

    def _tell(self, events: list[Event], *, is_past: bool) -> None:
        before = self._model.state
        self._model.apply(events)
        self.events_received.emit(events)
        for kind, signal in (
            (Metric, self.metrics_received),
            (Preview, self.previews_written),
            (Diagnosis, self.diagnosed),
        ):
            of_kind = [event for event in events if isinstance(event, kind)]
            if of_kind:
                signal.emit(of_kind)
        progress = [event for event in events if isinstance(event, Progress)]
        if progress:
            self.progressed.emit(progress[-1])
        if self._model.state is not before and not is_past:
            self._tell_state()

    def _begin_stop(self) -> None:
        if self._model.state.is_over:
            return
        self._ladder.begin()
        self._go_to(RunState.STOPPING)
        self.rung_changed.emit(self._ladder.rung)

    def _write_control(self, word: str) -> None:
        if self._model.state in (RunState.RUNNING, RunState.PAUSED):
            self.folder.write_control("pause" if word == "pause" else "resume")

    def _stop_watching(self) -> None:
        self._is_detached = True
