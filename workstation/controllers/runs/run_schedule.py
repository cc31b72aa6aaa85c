"""Which run starts when: one a device, the others wait; says at the end how each went.

One for each window, found by `schedule_of`; it fills the strip and posts the cards, whatever screen is
shown.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from engines.contract.errors import WorkstationError
from engines.contract.kinds import RunState, Severity
from engines.contract.messages import Message
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder
from workstation.controllers.runs.live_runs import LiveRun
from workstation.controllers.runs.run_views import failure_card, strip_text
from workstation.controllers.workbench import Workbench
from workstation.views.protocols.cards import Card, CardButton

if TYPE_CHECKING:
    from workstation.runs.queue import RunQueue

_LOG = logging.getLogger(__name__)
STRIP_MS = 200


class RunSchedule(QObject):
    """Starts runs in turn.

    Signals
    -------
    changed
        The queue, or the set of living runs, is another.
    """

    changed = Signal()

    def __init__(self, workbench: Workbench) -> None:
        super().__init__(workbench)
        self._workbench = workbench
        self._queue: RunQueue | None = None
        self._seen_alive: set[str] = set()
        self.watchers: list[Callable[[str], bool]] = []
        """Tell whether a screen shows the run already, so that its end needs no card."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(STRIP_MS)
        self._timer.timeout.connect(self._tell_strip)
        workbench.project_changed.connect(self._on_project)
        workbench.live_runs.attached.connect(self._on_attached)
        workbench.live_runs.changed.connect(self._on_changed)
        workbench.live_runs.ended.connect(self._on_ended)
        self._on_project()

    @property
    def waiting(self) -> list[str]:
        """Ids of the runs that wait, next first."""
        return [folder.id for folder in self._queue.waiting] if self._queue is not None else []

    def start(self, folder: RunFolder) -> None:
        """Start a prepared run, or let it wait for its device."""
        if self._queue is None:
            return
        self._queue.add(folder)
        self._start_next()
        self.changed.emit()

    def resume(self, folder: RunFolder) -> LiveRun:
        """Continue a run that has ended."""
        live = self._workbench.live_runs.resume(folder)
        self.changed.emit()
        return live

    def forget(self, run_id: str) -> None:
        """Take a run out of the queue."""
        if self._queue is not None:
            self._queue.remove(run_id)
            self.changed.emit()

    def _on_project(self) -> None:
        self._seen_alive = {run.id for run in self._workbench.live_runs.live()}
        project = self._workbench.project
        if project is None:
            self._queue = None
            return
        from workstation.runs.queue import RunQueue

        self._queue = RunQueue(project.folder / "runs")
        self._start_next()
        self._timer.start()

    def _start_next(self) -> None:
        """Start every waiting run whose device is free."""
        while self._queue is not None:
            alive = [run.model.folder for run in self._workbench.live_runs.live()]
            try:
                folder = self._queue.take_startable(alive)
                if folder is None:
                    return
                self._workbench.live_runs.start(folder)
            except WorkstationError as error:
                self._workbench.post(Card.of_error(error))
                return

    def _on_attached(self, live: LiveRun) -> None:
        self._on_changed(live.id)
        self.changed.emit()

    def _on_changed(self, run_id: str) -> None:
        live = self._workbench.live_runs.get(run_id)
        if live is not None and live.model.state in (RunState.STARTING, RunState.RUNNING):
            self._seen_alive.add(run_id)
        if not self._timer.isActive():
            self._timer.start()

    def _on_ended(self, run_id: str) -> None:
        live = self._workbench.live_runs.get(run_id)
        if live is not None and run_id in self._seen_alive:
            self._seen_alive.discard(run_id)
            if not any(watches(run_id) for watches in self.watchers):
                self._post_end(live)
        self._start_next()
        self._tell_strip()
        self.changed.emit()

    def _post_end(self, live: LiveRun) -> None:
        show = CardButton("Show", partial(self._workbench.request_run, live.id))
        if live.model.state is RunState.FAILED:
            card = failure_card(live.model)
            if card is not None:
                self._workbench.post(
                    Card(card.severity, card.what, card.why, card.kept, card.remedy, card.details, (show,))
                )
            return
        text = (
            "The run {run} has finished."
            if live.model.state is RunState.FINISHED
            else "The run {run} was stopped; its model is kept."
        )
        self._workbench.post(Card(Severity.NOTE, Message(text, {"run": live.id}), buttons=(show,)))

    def _tell_strip(self) -> None:
        live = self._workbench.live_runs.live()
        if not live:
            self._workbench.strip_changed.emit(None)
            return
        model = live[-1].model
        others = len(live) - 1 + len(self.waiting)
        self._workbench.strip_changed.emit(strip_text(model, model.id, others))


def schedule_of(workbench: Workbench) -> RunSchedule:
    """Return the schedule of a window, made on first use."""
    found = workbench.findChild(RunSchedule)
    return found if isinstance(found, RunSchedule) else RunSchedule(workbench)


def pipeline_title(key: str) -> str:
    """Return the title of a pipeline; the key itself when it is not installed here."""
    try:
        return load_spec(key).title
    except WorkstationError:
        _LOG.warning("The pipeline %s is not installed.", key)
        return key
