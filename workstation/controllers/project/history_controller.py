"""Undo, redo and the history list: every step is an entry of the journal, and is seen where it happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal

from engines.contract.errors import WorkstationError
from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.controllers.workbench import Workbench
from workstation.views.protocols.cards import Card, CardButton
from workstation.views.protocols.project import HistoryRow, HistoryView

if TYPE_CHECKING:
    from workstation.project.history import History, StoredCommand
    from workstation.project.project import Project

MAX_ROWS = 1000
_LIST, _JUMP = "history.list", "history.jump"
_BEGINNING = Message("The beginning")


class HistoryController(QObject):
    """Walks the journal of the open project.

    Parameters
    ----------
    workbench : Workbench

    Signals
    -------
    stepped
        Something was undone or redone.
    unsaved_changed : int
        So many edits wait in the second place because the disk refused them.
    """

    stepped = Signal()
    unsaved_changed = Signal(int)
    _refused = Signal()

    def __init__(self, workbench: Workbench, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._view: HistoryView | None = None
        self._project: Project | None = None
        self._is_whole_project = False
        workbench.project_changed.connect(self._on_project_changed)
        workbench.data_changed.connect(self.refresh)
        workbench.item_changed.connect(lambda _item_id: self.refresh())
        # An edit may be refused on any thread; the card is posted after that of the refusal itself.
        self._refused.connect(self.offer_unsaved, Qt.ConnectionType.QueuedConnection)

    # -- undo and redo -------------------------------------------------------------------------------

    @property
    def scope(self) -> str | None:
        """Item whose edits undo and redo walk; None for all. What is not seen is not changed."""
        return self._bench.item_id or None

    def undo(self) -> None:
        """Take the last edit of the current item back."""
        self._step(lambda history: history.undo(self.scope))

    def redo(self) -> None:
        """Do again what was undone last in the current item."""
        self._step(lambda history: history.redo(self.scope))

    def _step(self, step: Callable[[History], object]) -> None:
        if self._bench.project is None:
            return
        try:
            step(self._bench.project.history)
        except WorkstationError as error:
            self._bench.post(Card.of_error(error))
        self.stepped.emit()

    # -- the list ------------------------------------------------------------------------------------

    def attach(self, view: HistoryView | None) -> None:
        """Keep a list up to date, or none."""
        self._view = view
        self.refresh()

    def set_whole_project(self, is_whole_project: bool) -> None:
        """List the edits of the whole project, or of the current item."""
        self._is_whole_project = is_whole_project
        self.refresh()

    @property
    def _list_scope(self) -> str | None:
        return None if self._is_whole_project else self.scope

    def refresh(self) -> None:
        """Read the journal again, on a thread."""
        project, view = self._bench.project, self._view
        if view is None:
            return
        scope = self._list_scope
        if project is None:
            view.show_history([], "", is_whole_project=True)
            return
        history = project.history
        self._bench.background.submit(
            _LIST, lambda: rows_of(history.timeline(MAX_ROWS, scope)), self._on_rows, self._on_failed
        )

    def _on_rows(self, rows: list[HistoryRow]) -> None:
        if self._view is not None:
            self._view.show_history(rows, self.scope or "", is_whole_project=self._list_scope is None)

    def say(self, row: HistoryRow) -> None:
        """Tell in one sentence what choosing an entry would do."""
        project = self._bench.project
        if project is None or self._view is None:
            return
        try:
            steps = project.history.steps_to(row.sequence, self._list_scope)
        except WorkstationError as error:
            self._view.show_sentence(error.message)
            return
        self._view.show_sentence(_would(steps))

    def go_to(self, row: HistoryRow) -> None:
        """Undo or redo until an entry is the last one that is done; its item is shown first."""
        project = self._bench.project
        if project is None:
            return
        scope, history = self._list_scope, project.history
        if row.item_id is not None and row.item_id != self._bench.item_id:
            self._bench.set_item(row.item_id)
        # Hundreds of steps take longer than a frame.
        self._bench.background.submit(
            _JUMP, lambda: history.go_to(row.sequence, scope), self._on_gone, self._on_failed
        )

    def _on_gone(self, steps: int) -> None:
        if self._view is not None:
            self._view.show_sentence(_did(steps))
        self.refresh()
        self.stepped.emit()

    def _on_failed(self, error: BaseException) -> None:
        if not isinstance(error, WorkstationError):
            raise error
        if self._view is not None:
            self._view.show_sentence(error.message)
        self._bench.post(Card.of_error(error))

    # -- edits that a disk refused -------------------------------------------------------------------

    def _on_project_changed(self) -> None:
        if self._project is not None:
            self._project.refused.disconnect(self._on_refused)
        self._project = self._bench.project
        if self._project is not None:
            self._project.refused.connect(self._on_refused)
        self.refresh()
        self._count_unsaved()

    def _on_refused(self) -> None:
        self._refused.emit()

    def offer_unsaved(self) -> None:
        """Ask what becomes of edits that the disk refused, while there are some."""
        project = self._bench.project
        if project is None:
            return
        num_unsaved = self._count_unsaved()
        if not num_unsaved:
            return
        self._bench.post(
            Card(
                Severity.WARNING,
                Message("Edits that were not saved before: {n}.", {"n": num_unsaved}),
                why=Message("The disk of the project refused them."),
                kept=Message("They wait in a second place until you decide."),
                buttons=(
                    CardButton("Do them again", lambda: self._do_again(project)),
                    CardButton("Drop them", lambda: self._drop_unsaved(project)),
                ),
            )
        )

    def _count_unsaved(self) -> int:
        project = self._bench.project
        try:
            num_unsaved = len(project.history.unsaved()) if project is not None else 0
        except WorkstationError as error:
            self._bench.post(Card.of_error(error))
            return 0
        self.unsaved_changed.emit(num_unsaved)
        return num_unsaved

    def _do_again(self, project: Project) -> None:
        if project is not self._bench.project:
            return
        try:
            num_saved, refusals = project.history.save_unsaved()
        except WorkstationError as error:
            self._bench.post(Card.of_error(error))
            return
        self._count_unsaved()
        for refusal in refusals:
            self._bench.post(Card.of_error(refusal))
        if num_saved:
            self._bench.note("Edits done again: {n}.", n=num_saved)

    def _drop_unsaved(self, project: Project) -> None:
        if project is self._bench.project:
            project.history.forget_unsaved()
            self._count_unsaved()


def rows_of(timeline: Sequence[StoredCommand]) -> list[HistoryRow]:
    """Return what the list shows: the edits, the newest first, and below them the beginning."""
    rows: list[HistoryRow] = []
    is_found = False
    for edit in timeline:
        state = "waiting" if edit.is_open else "lost" if edit.is_undone else "done"
        is_here = state == "done" and not is_found
        is_found = is_found or is_here
        rows.append(
            HistoryRow(
                edit.sequence, edit.title, edit.item_id, edit.annotator, edit.at, state, is_here=is_here
            )
        )
    return [*rows, HistoryRow(0, _BEGINNING, None, "", "", "done", is_here=not is_found)]


def _would(steps: int) -> Message:
    if steps == 0:
        return Message("This is where the project stands now.")
    text = "A click takes back {n} edits." if steps < 0 else "A click does {n} edits again."
    if abs(steps) == 1:
        text = "A click takes back one edit." if steps < 0 else "A click does one edit again."
    return Message(text, {"n": abs(steps)})


def _did(steps: int) -> Message:
    if steps == 0:
        return Message("Nothing was to be done: the project stands there already.")
    text = "{n} edits were taken back." if steps < 0 else "{n} edits were done again."
    if abs(steps) == 1:
        text = "One edit was taken back." if steps < 0 else "One edit was done again."
    return Message(text, {"n": abs(steps)})
