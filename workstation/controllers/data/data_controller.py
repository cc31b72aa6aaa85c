"""Checking what a project holds, and correcting its items: every correction is an edit that can be undone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QObject, Signal

from engines.contract.errors import WorkstationError
from engines.contract.kinds import FileKind
from engines.contract.messages import Message
from workstation.controllers.background import CancelToken
from workstation.controllers.workbench import Workbench
from workstation.views.protocols.cards import NOTHING, Card
from workstation.views.protocols.imports import FindingRow, ItemFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    from workstation.project.data_check import DataFinding
    from workstation.project.history import Command

_CHECK = "data.check"
_CHECKING = Message("Looking through the images")
_PROGRESS_S = 0.05
_IMAGE_KINDS = (FileKind.IMAGE, FileKind.VOLUME)


class DataCheckView(Protocol):
    """The dialog that shows what a check found."""

    def show_progress(self, text: Message, done: int, total: int) -> None:
        """Show long work; an empty text: it is over; total 0: the length is unknown."""

    def show_findings(self, rows: Sequence[FindingRow]) -> None:
        """Show what is to be said."""

    def finish(self) -> None:
        """Close."""


class DataController(QObject):
    """Checks a project and corrects items.

    Parameters
    ----------
    workbench : Workbench

    Signals
    -------
    relink_wanted
        Missing files are to be found.
    """

    relink_wanted = Signal()
    _progressed = Signal(int, int)

    def __init__(self, workbench: Workbench, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._view: DataCheckView | None = None
        self._cancel = CancelToken()
        self._last_progress = 0.0
        self._findings: tuple[DataFinding, ...] = ()
        self._fixes: dict[str, list[tuple[Message, Callable[[], None]]]] = {}
        self._progressed.connect(self._on_progress)
        workbench.project_changed.connect(self.close)

    # -- the check -----------------------------------------------------------------------------------

    def attach(self, view: DataCheckView) -> None:
        """Check, and show it in a view."""
        self._view = view
        self.check()

    def close(self) -> None:
        """Stop checking and let the view go."""
        self._cancel.cancel()
        view, self._view = self._view, None
        if view is not None:
            view.finish()

    def check(self) -> None:
        """Look through everything."""
        project = self._bench.project
        if project is None or self._view is None:
            return
        cancel = self._cancel = CancelToken()

        def work() -> tuple[DataFinding, ...]:
            from workstation.project.data_check import CheckCancelled, check_data

            try:
                return check_data(project, progress=self._report, should_stop=cancel.is_cancelled)
            except CheckCancelled:
                return ()

        self._view.show_progress(_CHECKING, 0, 0)
        self._bench.background.submit(_CHECK, work, self._on_checked, self._on_failed)

    def _on_checked(self, findings: tuple[DataFinding, ...]) -> None:
        if self._view is None:
            return
        self._findings = findings
        self._fixes = {finding.key: self._fixes_of(finding) for finding in findings}
        rows = [
            FindingRow(
                finding.key,
                finding.severity,
                finding.message,
                tuple(title for title, _do in self._fixes[finding.key]),
                finding.items,
                finding.message.text,
            )
            for finding in findings
        ]
        self._view.show_progress(NOTHING, 0, 0)
        self._view.show_findings(rows)

    def _fixes_of(self, finding: DataFinding) -> list[tuple[Message, Callable[[], None]]]:
        from workstation.project.item_commands import MergeSubjects

        if finding.key == "missing":
            return [(Message("Find them…"), self.relink_wanted.emit)]
        fixes: list[tuple[Message, Callable[[], None]]] = []
        if finding.subjects:
            first = finding.subjects[0]
            for split in finding.splits:
                title = Message("Treat as one subject in '{split}'", {"split": split.value})
                fixes.append((title, partial(self._execute, MergeSubjects(finding.subjects, first, split))))
            if not finding.splits:
                merge = MergeSubjects(finding.subjects, first)
                fixes.append((Message("Treat as one subject"), partial(self._execute, merge)))
            fixes.append((Message("Keep both"), partial(self._keep, finding.key)))
        return fixes

    def fix(self, key: str, index: int, *, is_for_all: bool = False) -> None:
        """Do what a button of a finding says, or the same for every finding of its sort."""
        chosen = next((finding for finding in self._findings if finding.key == key), None)
        if chosen is None:
            return
        title = self._fixes[key][index][0].text
        meant = [chosen]
        if is_for_all:
            meant = [found for found in self._findings if found.message.text == chosen.message.text]
        for finding in meant:
            do = next((do for words, do in self._fixes[finding.key] if words.text == title), None)
            if do is not None:
                do()
        self.check()

    def go_to(self, items: Sequence[str]) -> None:
        """Show the first item of a finding."""
        if items:
            self._bench.set_item(items[0])

    def _keep(self, key: str) -> None:
        from workstation.project.data_check import keep

        if self._bench.project is not None:
            keep(self._bench.project, key)

    # -- items ---------------------------------------------------------------------------------------

    def facts(self) -> ItemFacts | None:
        """Return what is known of the current item."""
        project = self._bench.project
        if project is None or not self._bench.item_id:
            return None
        items = project.items.all()
        item = next((item for item in items if item.id == self._bench.item_id), None)
        if item is None:
            return None
        return ItemFacts(
            item_id=item.id,
            subject=item.subject,
            visit=item.visit or "",
            laterality=item.laterality or "",
            modalities=tuple(
                (role, file.modality or "") for role, file in item.files.items() if file.kind in _IMAGE_KINDS
            ),
            can_swap=item.has("fixed", "moving"),
            subjects=tuple(sorted({other.subject for other in items})),
        )

    def correct(self, facts: ItemFacts) -> None:
        """Store corrected facts as one edit."""
        from workstation.project.item_commands import EditItem

        before = self.facts()
        if facts == before or before is None:
            return
        known = dict(before.modalities)
        self._execute(
            EditItem(
                facts.item_id,
                facts.subject,
                facts.visit.strip() or None,
                facts.laterality or None,
                {
                    role: text.strip().upper() or None
                    for role, text in facts.modalities
                    if text.strip().upper() != known.get(role)
                },
            )
        )

    def swap(self) -> None:
        """Exchange fixed and moving of the current item."""
        from workstation.project.item_commands import SwapRoles

        if self._bench.item_id:
            self._execute(SwapRoles(self._bench.item_id))

    def _execute(self, command: Command) -> None:
        project = self._bench.project
        if project is None:
            return
        try:
            stored = project.history.execute(command)
        except WorkstationError as error:
            self._bench.post(Card.of_error(error))
            return
        self._bench.note("Done: {what}.", what=stored.title)
        # The images of the current item may have changed places: it is shown anew.
        self._bench.item_changed.emit(self._bench.item_id)

    def _report(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last_progress > _PROGRESS_S:
            self._last_progress = now
            self._progressed.emit(done, total)

    def _on_progress(self, done: int, total: int) -> None:
        if self._view is not None:
            self._view.show_progress(_CHECKING, done, total)

    def _on_failed(self, error: BaseException) -> None:
        if self._view is not None:
            self._view.show_progress(NOTHING, 0, 0)
        if isinstance(error, WorkstationError):
            self._bench.post(Card.of_error(error))
