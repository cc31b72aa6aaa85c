"""Images that were moved: said when a project is opened, found by content, and relinked in one go."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from engines.contract.errors import WorkstationError
from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.controllers.background import CancelToken
from workstation.controllers.workbench import Workbench
from workstation.views.protocols.cards import NOTHING, Card, CardButton
from workstation.views.protocols.imports import MissingRow, RelinkView

if TYPE_CHECKING:
    from workstation.project.items import MissingFile
    from workstation.project.relinking import FoundFiles

_LOOK, _SEARCH, _WRITE = "relink.look", "relink.search", "relink.write"
_SEARCHING = Message("Searching")
_PROGRESS_S = 0.05


class RelinkController(QObject):
    """Finds moved files.

    Parameters
    ----------
    workbench : Workbench

    Signals
    -------
    view_wanted
        Somebody shall make a view and `attach` it.
    """

    view_wanted = Signal()
    _progressed = Signal(int, int)

    def __init__(self, workbench: Workbench, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._view: RelinkView | None = None
        self._missing: list[MissingFile] = []
        self._found: FoundFiles | None = None
        self._cancel = CancelToken()
        self._last_progress = 0.0
        self._is_searching = False
        self._progressed.connect(self._on_progress)
        workbench.project_changed.connect(self._on_project_changed)

    @property
    def num_missing(self) -> int:
        """Files that were missing when somebody looked last."""
        return len(self._missing)

    def _on_project_changed(self) -> None:
        self.close()
        self._missing = []
        project = self._bench.project
        if project is not None:
            self._bench.background.submit(_LOOK, project.missing_files, self._on_looked, self._on_failed)

    def _on_looked(self, missing: list[MissingFile]) -> None:
        self._missing = missing
        if not missing:
            return
        names = ", ".join(dict.fromkeys(file.path.name for file in missing[:3]))
        self._bench.post(
            Card(
                Severity.WARNING,
                Message("Images that are no longer where they were: {n}.", {"n": len(missing)}),
                why=Message("{names}", {"names": names + (", …" if len(missing) > 3 else "")}),
                kept=Message("All annotations are safe."),
                buttons=(CardButton("Find them…", self.open),),
            )
        )

    def open(self) -> None:
        """Look again at what is missing, and show it."""
        project = self._bench.project
        if project is not None:
            self._bench.background.submit(_LOOK, project.missing_files, self._on_listed, self._on_failed)

    def _on_listed(self, missing: list[MissingFile]) -> None:
        self._missing = missing
        if not missing:
            self._bench.note("Every image is where it should be.")
            return
        self.view_wanted.emit()

    def attach(self, view: RelinkView) -> None:
        """Show the missing files in a view."""
        self._view = view
        self._found = None
        self._show()

    def search(self, folder: Path) -> None:
        """Search a folder for the missing files."""
        missing, cancel = list(self._missing), CancelToken()
        self._cancel.cancel()
        self._cancel = cancel

        def work() -> FoundFiles | None:
            from workstation.project.relinking import SearchCancelled, find_moved

            try:
                return find_moved(missing, folder, progress=self._report, should_stop=cancel.is_cancelled)
            except SearchCancelled:
                return None

        self._is_searching = True
        if self._view is not None:
            self._view.show_progress(_SEARCHING, 0, 0)
        self._bench.background.submit(_SEARCH, work, self._on_searched, self._on_failed)

    def _on_searched(self, found: FoundFiles | None) -> None:
        self._stop_progress()
        if found is not None:
            self._found = found
            self._show()

    def relink(self) -> None:
        """Record every new place."""
        project, found = self._bench.project, self._found
        if project is None or found is None or not found.found:
            return

        def work() -> int:
            project.items.relink_all(found.found)
            return len(found.found)

        self._bench.background.submit(_WRITE, work, self._on_relinked, self._on_failed)

    def _on_relinked(self, num_relinked: int) -> None:
        left = len(self._missing) - num_relinked
        self._bench.note("Relinked: {n}. Still missing: {left}.", n=num_relinked, left=left)
        self._missing = self._found.missing if self._found is not None else []
        self._found = None
        if left:
            self._show()
        else:
            self.close()
        self._bench.data_changed.emit()
        # The images of the current item are there again: it is shown anew.
        self._bench.item_changed.emit(self._bench.item_id)

    def close(self) -> None:
        """Stop searching and let the view go."""
        self._cancel.cancel()
        self._is_searching = False
        view, self._view = self._view, None
        self._found = None
        if view is not None:
            view.finish()

    def _show(self) -> None:
        if self._view is None:
            return
        found = self._found.found if self._found is not None else {}
        self._view.show_files(
            [
                MissingRow(
                    file.item_id, file.role, str(file.path), str(found.get((file.item_id, file.role), ""))
                )
                for file in self._missing
            ]
        )
        message = NOTHING
        if self._found is not None:
            facts = {"found": len(found), "total": len(self._missing), "seen": self._found.num_seen}
            message = Message("Found {found} of {total} among {seen} files.", facts)
        self._view.show_state(message, len(found))

    def _report(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last_progress > _PROGRESS_S:
            self._last_progress = now
            self._progressed.emit(done, total)

    def _on_progress(self, done: int, total: int) -> None:
        if self._view is not None and self._is_searching:
            self._view.show_progress(_SEARCHING, done, total)

    def _stop_progress(self) -> None:
        self._is_searching = False
        if self._view is not None:
            self._view.show_progress(NOTHING, 0, 0)

    def _on_failed(self, error: BaseException) -> None:
        self._stop_progress()
        if isinstance(error, WorkstationError):
            self._bench.post(Card.of_error(error))
