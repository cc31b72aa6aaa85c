"""`RunThread`: a `RunSupervisor` in a thread of its own, which speaks by signals.

The thread does input and output only. The receiving side feeds a `RunModel` with what it says.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal

from engines.contract.events import Diagnosis, Event, Failed, Metric, Preview, Progress
from engines.contract.kinds import RunState
from engines.contract.run_folder import RunFolder
from workstation.runs.launch import resume_run, start_engine
from workstation.runs.process_watch import Rung, StopLadder
from workstation.runs.supervisor import POLL_S, Launch, RunSupervisor


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
    """The final `RunState`, when the engine's process is gone; the last signal of a run."""

    def __init__(
        self,
        folder: RunFolder | Path,
        launch: Launch | None = None,
        *,
        ladder: StopLadder | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.folder = folder if isinstance(folder, RunFolder) else RunFolder(folder)
        self._supervisor = RunSupervisor(self.folder, self, launch, ladder=ladder)
        self._commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._is_detached = False

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
        return cls(folder, resume_run, parent=parent)

    def request_stop(self) -> None:
        """Climb the stop ladder: ask, terminate, kill. Returns at once."""
        self._commands.put(self._supervisor.request_stop)

    def pause(self) -> None:
        """Ask the engine to wait after its step. Returns at once."""
        self._commands.put(self._supervisor.pause)

    def resume(self) -> None:
        """Let a paused engine go on. Returns at once."""
        self._commands.put(self._supervisor.resume)

    def detach(self) -> None:
        """End the supervision, not the run. Returns at once; `wait` for the thread."""
        self._commands.put(self._stop_watching)

    def run(self) -> None:
        """Supervise until the run is over or the thread is detached."""
        self._supervisor.start()
        while not self._is_detached and not self._supervisor.is_settled:
            self._obey()
            if not self._is_detached:
                self._supervisor.look()
        if self._supervisor.is_settled:
            self.over.emit(self._supervisor.model.state)

    def on_events(self, events: list[Event]) -> None:
        """Emit events, all and by kind; called by the supervisor in this thread."""
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

    def on_state(self, state: RunState) -> None:
        """Emit the state; called by the supervisor in this thread."""
        self.state_changed.emit(state)

    def on_failure(self, failure: Failed) -> None:
        """Emit the failure; called by the supervisor in this thread."""
        self.failed.emit(failure)

    def on_rung(self, rung: Rung) -> None:
        """Emit the rung; called by the supervisor in this thread."""
        self.rung_changed.emit(rung)

    def _obey(self) -> None:
        """Carry out one command; wait for it no longer than until the next look."""
        try:
            command = self._commands.get(timeout=POLL_S)
        except queue.Empty:
            return
        command()

    def _stop_watching(self) -> None:
        self._is_detached = True
