"""Open, make and fill projects; everything slow happens on a thread."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from engines.contract.errors import WorkstationError
from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.controllers.background import CancelToken
from workstation.controllers.freed_memory import give_back
from workstation.controllers.workbench import Workbench
from workstation.views.protocols.cards import Card, CardButton

if TYPE_CHECKING:
    from workstation.project.importers import ImportReport
    from workstation.project.project import Project

_LOG = logging.getLogger(__name__)
_OPENING = "project"
_IMPORT = "import"


class ProjectController(QObject):
    """What the Project menu does.

    Signals
    -------
    opened : Path
        A project was opened; its folder.
    paths_ready : sequence of Path
        What was to be imported into a new project; that is open now.
    work_changed : str, int, int
        The window's own long work: what, how many done, of how many (0: unknown). Empty text: over.
    """

    opened = Signal(object)
    paths_ready = Signal(object)
    work_changed = Signal(str, int, int)
    _progressed = Signal(int, int)

    def __init__(self, workbench: Workbench, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._cancel = CancelToken()
        self._work = ""
        self._waiting_paths: list[Path] = []
        self._progressed.connect(self._on_progress)

    @property
    def work(self) -> str:
        """What the window is busy with; empty when it is not."""
        return self._work

    def open(self, folder: Path) -> None:
        """Open a project."""

        def work() -> Project:
            from workstation.project.project import Project

            return Project.open(folder)

        self._begin("Opening the project", _OPENING, work, self._on_opened)

    def create(self, folder: Path, name: str = "") -> None:
        """Make an empty project and open it."""

        def work() -> Project:
            from workstation.project.project import Project

            return Project.create(folder, name or folder.name)

        self._begin("Making the project", _OPENING, work, self._on_opened)

    def open_sample(self, folder: Path) -> None:
        """Make the sample project where there is none yet, and open it."""

        def work() -> Project:
            from workstation.project.sample import create_sample

            made = create_sample(folder)
            give_back()
            return made

        self._begin("Building the sample project", _OPENING, work, self._on_opened)

    def create_for(self, folder: Path, paths: Sequence[Path]) -> None:
        """Make a project; `paths_ready` then says what is to be imported into it."""
        self._waiting_paths = list(paths)
        self.create(folder)

    def import_paths(self, paths: Sequence[Path]) -> None:
        """Import tables into the open project; a cancelled import leaves nothing."""
        project = self._workbench.project
        if project is None or not paths:
            return
        cancel = self._cancel = CancelToken()

        def work() -> Any:
            from workstation.project.importers import import_paths

            return import_paths(
                project, list(paths), progress=self._progressed.emit, should_stop=cancel.is_cancelled
            )

        self._begin("Importing", _IMPORT, work, self._on_imported)

    def import_keypoint_files(self, paths: Sequence[Path], item_id: str = "") -> None:
        """Import keypoint files of other programs; without an item, they say themselves which they mean."""
        project = self._workbench.project
        if project is None:
            return

        def work() -> Any:
            from workstation.project.importers import ImportReport
            from workstation.project.importers.keypoint_files import UnclearItemError, import_keypoint_file

            reports, unclear = [], []
            for path in paths:
                try:
                    reports.append(import_keypoint_file(project, path, item_id=item_id or None))
                except UnclearItemError as error:
                    unclear.append((path, error))
            return ImportReport.merged(reports), unclear

        self._begin("Importing", _IMPORT, work, self._on_keypoints)

    def _on_keypoints(self, outcome: tuple[ImportReport, list[tuple[Path, WorkstationError]]]) -> None:
        report, unclear = outcome
        self._set_work("")
        for path, error in unclear:
            self._workbench.post(self._unclear_card(path, error))
        if report.num_rows or not unclear:
            self._on_imported(report)

    def _unclear_card(self, path: Path, error: WorkstationError) -> Card:
        """Return the card of a file that does not say which item it means; the current one is offered."""
        item_id = self._workbench.item_id
        into_current = CardButton(
            "Import into the current item", lambda: self.import_keypoint_files([path], item_id)
        )
        buttons = (into_current,) if item_id else ()
        return Card(Severity.WARNING, error.message, remedy=error.remedy, buttons=buttons)

    def close(self) -> None:
        """Close the open project."""
        self._workbench.set_project(None)

    def cancel(self) -> None:
        """Stop the import that is running."""
        self._cancel.cancel()

    def _begin(self, text: str, channel: str, work: Any, done: Any) -> None:
        self._set_work(text)
        self._workbench.background.submit(channel, work, done, self._on_failed)

    def _set_work(self, text: str, done: int = 0, total: int = 0) -> None:
        self._work = text
        self.work_changed.emit(text, done, total)

    def _on_progress(self, done: int, total: int) -> None:
        if self._work:
            self._set_work(self._work, done, total)

    def _on_opened(self, project: Project) -> None:
        self._set_work("")
        self._workbench.set_project(project)
        self.opened.emit(project.folder)
        paths, self._waiting_paths = self._waiting_paths, []
        if paths:
            self.paths_ready.emit(paths)

    def _on_failed(self, error: BaseException) -> None:
        self._set_work("")
        self._waiting_paths = []
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._workbench.post(Card.of_error(error))

    def _on_imported(self, report: ImportReport) -> None:
        self._set_work("")
        self._workbench.post(import_card(report))
        self._workbench.data_changed.emit()


def import_card(report: ImportReport) -> Card:
    """Return the card of an import report: counts first, the first finding as the why, all in the details."""
    if report.is_cancelled:
        return Card(Severity.NOTE, Message("The import was cancelled; nothing was imported."))
    refused, warnings = report.refused, report.warnings
    parameters = {
        "files": report.num_files,
        "pairs": report.num_pairs,
        "refused": len(refused),
        "warnings": len(warnings),
    }
    what = "{files} files and {pairs} keypoint pairs were imported."
    severity = Severity.NOTE
    if refused:
        what = "{files} files and {pairs} keypoint pairs were imported, {refused} rows were refused."
        severity = Severity.ERROR if report.exit_code else Severity.WARNING
    elif warnings:
        what = "{files} files and {pairs} keypoint pairs were imported, {warnings} rows with a warning."
        severity = Severity.WARNING
    first = next(iter([*refused, *warnings]), None)
    return Card(
        severity,
        Message(what, parameters),
        why=Message("{finding}", {"finding": str(first)}) if first is not None else Message(""),
        details="\n".join(str(finding) for finding in report.findings),
    )
