"""The runs this window follows: one supervising thread and one model each, shared by every screen."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from engines.contract.events import Event, Failed
from engines.contract.kinds import RunState
from engines.contract.run_folder import RunFolder

if TYPE_CHECKING:
    from workstation.project.project import Project
    from workstation.runs.run_model import RunModel
    from workstation.runs.run_thread import RunThread

_LOG = logging.getLogger(__name__)
_DETACH_MS = 1500


class LiveRun(QObject):
    """A run that is followed: its thread, and the model that its events feed on the UI thread.

    Signals
    -------
    changed
        The model holds something new.
    ended
        The run is over.
    """

    changed = Signal()
    ended = Signal()

    def __init__(self, thread: RunThread, model: RunModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.thread_of_run = thread
        self.model = model
        thread.events_received.connect(self._on_events)
        thread.state_changed.connect(self._on_state)
        thread.failed.connect(self._on_failed)
        thread.over.connect(self._on_over)

    @property
    def id(self) -> str:
        """Name of the run."""
        return self.model.folder.id

    @property
    def is_over(self) -> bool:
        """Whether the run has ended."""
        return self.model.state.is_over

    def _on_events(self, events: list[Event]) -> None:
        self.model.apply(events)
        self.changed.emit()

    def _on_state(self, state: RunState) -> None:
        self.model.set_state(state)
        self.changed.emit()

    def _on_failed(self, failure: Failed) -> None:
        self.model.set_failure(failure)
        self.changed.emit()

    def _on_over(self, _state: RunState) -> None:
        self.changed.emit()
        self.ended.emit()


class LiveRuns(QObject):
    """Followed runs, by run id.

    Signals
    -------
    attached : LiveRun
        A run is followed from now on.
    changed : str
        Something happened in a run, by id.
    ended : str
        A run is over, by id; it stays readable.
    """

    attached = Signal(object)
    changed = Signal(str)
    ended = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runs: dict[str, LiveRun] = {}

    def start(self, folder: RunFolder) -> LiveRun:
        """Start the engine of a prepared run folder and follow it."""
        from workstation.runs.run_thread import RunThread

        return self._follow(RunThread.to_start(folder), folder)

    def resume(self, folder: RunFolder) -> LiveRun:
        """Continue a run that has ended and follow it."""
        from workstation.runs.run_thread import RunThread

        return self._follow(RunThread.to_resume(folder), folder)

    def attach(self, folder: RunFolder) -> LiveRun:
        """Follow a run that is alive, or read one that is over; a run that is followed stays as it is."""
        from workstation.runs.run_thread import RunThread

        known = self._runs.get(folder.id)
        return known if known is not None else self._follow(RunThread.to_attach(folder), folder)

    def reattach(self, project: Project) -> None:
        """Follow every run of a project whose engine still lives."""
        from workstation.runs.queue import attach_live_runs

        for folder in attach_live_runs(project):
            _LOG.info("Run %s outlived the window; following it again.", folder.id)
            self.attach(folder)

    def get(self, run_id: str) -> LiveRun | None:
        """Return a followed run, or None."""
        return self._runs.get(run_id)

    def live(self) -> list[LiveRun]:
        """Return the followed runs that are not over, oldest first."""
        return [run for run in self._runs.values() if not run.is_over]

    def detach_all(self) -> None:
        """Let go of every run; the engines go on."""
        runs, self._runs = list(self._runs.values()), {}
        for run in runs:
            run.blockSignals(True)
            run.thread_of_run.detach()
        for run in runs:
            if not run.thread_of_run.wait(_DETACH_MS):
                _LOG.warning("The thread of run %s did not end in time.", run.id)
            run.deleteLater()

    def _follow(self, thread: RunThread, folder: RunFolder) -> LiveRun:
        from workstation.runs.run_model import RunModel

        before = self._runs.pop(folder.id, None)
        if before is not None:
            before.blockSignals(True)
            before.thread_of_run.detach()
            before.thread_of_run.wait(_DETACH_MS)
            before.deleteLater()
        run = LiveRun(thread, RunModel(folder, folder.read_request()), self)
        thread.setParent(run)
        self._runs[folder.id] = run
        run.changed.connect(lambda run_id=folder.id: self.changed.emit(run_id))
        run.ended.connect(lambda run_id=folder.id: self.ended.emit(run_id))
        thread.start()
        self.attached.emit(run)
        return run
