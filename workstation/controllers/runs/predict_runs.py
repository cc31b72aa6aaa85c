"""Runs that make results for many items: how far they are, stopping them, and going on with what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from engines.contract.errors import RunFolderError, UnknownKeyError, WorkstationError
from engines.contract.kinds import Action, OutputKind, RunState
from engines.contract.messages import Message
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder
from workstation.controllers.runs.live_runs import LiveRun
from workstation.controllers.runs.run_headers import read_header
from workstation.controllers.runs.run_schedule import schedule_of
from workstation.controllers.workbench import Workbench
from workstation.runs.results import label_map_path
from workstation.views.protocols.cards import Card
from workstation.views.protocols.review import ReviewPanelView, RunProgress

if TYPE_CHECKING:
    from workstation.project.project import Project

REDRAW_MS = 150
_LEFT, _PREPARE = "review.left", "review.resume"


def items_left(folder: RunFolder) -> tuple[str, ...]:
    """Return the items of a run that makes label maps for which it wrote none; slow.

    Raises
    ------
    RunFolderError, UnknownKeyError
        If the run cannot be read, or its pipeline is not installed.
    """
    spec = load_spec(folder.read_request().pipeline)
    roles = [output.role for output in spec.outputs if output.kind is OutputKind.LABEL_MAP]
    return tuple(
        item.id
        for item in folder.read_manifest().items
        if roles and not any(label_map_path(folder, role, item.id) for role in roles)
    )


def newest_unfinished(project: Project) -> tuple[RunFolder, int, int] | None:
    """Return the newest run of results when it ended early, with its items left and all of them; slow."""
    newest: tuple[float, RunFolder, RunState] | None = None
    for path in project.runs.folders():
        header = read_header(RunFolder(path))
        if header.action == Action.PREDICT.value and header.state.is_over:
            started = header.started or 0.0
            if newest is None or started >= newest[0]:
                newest = (started, RunFolder(path), header.state)
    if newest is None or newest[2] is RunState.FINISHED:
        return None
    try:
        left = items_left(newest[1])
        return (newest[1], len(left), len(newest[1].read_manifest().items)) if left else None
    except (RunFolderError, UnknownKeyError):
        return None


def prepare_rest(project: Project, folder: RunFolder) -> RunFolder:
    """Write a run of the items that another one left, with its settings; slow.

    Raises
    ------
    WorkstationError
        If something that the run needs is missing.
    """
    from workstation.runs.launch import prepare_run

    request = folder.read_request()
    return prepare_run(
        project,
        load_spec(request.pipeline),
        action=Action.PREDICT,
        overrides=request.settings,
        base_run=folder.file_path(request.base_run) if request.base_run else None,
        items=items_left(folder),
        command=request.command,
    )


class PredictRuns(QObject):
    """Behind the line about runs that make results.

    Parameters
    ----------
    workbench : Workbench
    panel : ReviewPanelView

    Signals
    -------
    changed
        What may be done now changed.
    """

    changed = Signal()

    def __init__(self, workbench: Workbench, panel: ReviewPanelView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._panel = panel
        self._unfinished: tuple[RunFolder, int, int] | None = None
        self._is_preparing = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._tell)
        workbench.project_changed.connect(self.look)
        workbench.live_runs.attached.connect(self._on_attached)
        workbench.live_runs.changed.connect(self._on_changed)
        workbench.live_runs.ended.connect(self._on_ended)

    @property
    def live(self) -> LiveRun | None:
        """The newest run of results that is not over."""
        found = [run for run in self._bench.live_runs.live() if _makes_results(run)]
        return found[-1] if found else None

    @property
    def can_resume(self) -> bool:
        """Whether a run ended before its last item."""
        return self._unfinished is not None and self.live is None and not self._is_preparing

    def look(self) -> None:
        """Look whether the newest run ended early."""
        project = self._bench.project
        self._unfinished = None
        if project is not None:
            self._bench.background.submit(_LEFT, lambda: newest_unfinished(project), self._on_left)
        self._tell()

    def stop(self) -> None:
        """End the run after its item; what it made stays."""
        if self.live is not None:
            self.live.thread_of_run.request_stop()

    def resume(self) -> None:
        """Start a run of the items that are left."""
        project = self._bench.project
        if project is None or self._unfinished is None or not self.can_resume:
            return
        folder = self._unfinished[0]
        self._is_preparing = True
        self._bench.background.submit(
            _PREPARE, lambda: prepare_rest(project, folder), self._on_prepared, self._on_refused
        )
        self._tell()

    def close(self) -> None:
        """Let go of the window's signals; the screen goes."""
        self._timer.stop()
        self._bench.project_changed.disconnect(self.look)
        self._bench.live_runs.attached.disconnect(self._on_attached)
        self._bench.live_runs.changed.disconnect(self._on_changed)
        self._bench.live_runs.ended.disconnect(self._on_ended)

    # -- inside --------------------------------------------------------------------------------------

    def _on_left(self, found: tuple[RunFolder, int, int] | None) -> None:
        self._unfinished = found
        self._tell()

    def _on_prepared(self, folder: RunFolder) -> None:
        self._is_preparing = False
        self._unfinished = None
        schedule_of(self._bench).start(folder)
        self._tell()

    def _on_refused(self, error: BaseException) -> None:
        self._is_preparing = False
        if isinstance(error, WorkstationError):
            self._bench.post(Card.of_error(error))
        self._tell()

    def _on_attached(self, _run: LiveRun) -> None:
        self._timer.start()

    def _on_changed(self, _run_id: str) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _on_ended(self, _run_id: str) -> None:
        self.look()

    def _tell(self) -> None:
        self._panel.show_run(self._progress())
        self.changed.emit()

    def _progress(self) -> RunProgress | None:
        live = self.live
        if live is not None:
            model = live.model
            if model.state is RunState.STOPPING:
                return RunProgress(Message("Stopping after this item…"), None, is_live=True)
            if not model.steps:
                return RunProgress(Message("Starting {run}…", {"run": live.id}), None, is_live=True)
            text = Message("{n} of {count} items", {"n": model.step, "count": model.steps})
            return RunProgress(text, model.step / model.steps, is_live=True)
        if self._unfinished is None:
            return None
        folder, left, count = self._unfinished
        facts = {"run": folder.id, "n": count - left, "count": count}
        return RunProgress(Message("{run} ended after {n} of {count} items.", facts), None, is_live=False)


def _makes_results(run: LiveRun) -> bool:
    request = run.model.request
    if request is None or request.action is not Action.PREDICT:
        return False
    try:
        spec = load_spec(request.pipeline)
    except UnknownKeyError:
        return False
    return any(output.kind is OutputKind.LABEL_MAP for output in spec.outputs)
