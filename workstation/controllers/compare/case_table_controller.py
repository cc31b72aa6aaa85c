"""Behind the table of cases: which masks it compares, measuring on a thread, order, and its file."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engines.contract.errors import WorkstationError
from engines.contract.kinds import Severity
from engines.contract.messages import Message
from engines.imaging.volumes.label_comparison import Metric
from workstation.controllers.background import CancelToken
from workstation.controllers.compare.case_table import (
    CaseMeasures,
    Names,
    arranged,
    cases_of,
    first_choice,
    write_csv,
)
from workstation.controllers.compare.figure_export import free_path
from workstation.controllers.compare.volume_compare_sources import mask_names
from workstation.controllers.volume.volume_images import VOLUME_KINDS
from workstation.controllers.workbench import Workbench
from workstation.project.project import Project
from workstation.views.protocols.cards import Card, CardButton
from workstation.views.protocols.volume_compare import CaseTable, TableChoice, VolumeCompareScreenView

_LOG = logging.getLogger(__name__)
_CHANNEL = "compare.cases"
_NAMES = "compare.case_names"
_EXPORT = "compare.case_export"


class CaseTableController(QObject):
    """Measures cases by the names of their masks.

    Parameters
    ----------
    workbench : Workbench
    view : VolumeCompareScreenView
    open_folder : callable

    Signals
    -------
    state_changed
        What may be done now changed.
    """

    state_changed = Signal()
    _told = Signal(object, int, int)  # from the thread: token, done, total

    def __init__(
        self,
        workbench: Workbench,
        view: VolumeCompareScreenView,
        open_folder: Callable[[Path], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._view = view
        self._open_folder = open_folder
        self._project: Project | None = None
        self._measures: CaseMeasures | None = None
        self._names: Names = {}
        self._subjects: dict[str, str] = {}
        self._choice = TableChoice()
        self._table: CaseTable | None = None
        self._token: CancelToken | None = None
        self._told.connect(self._on_told)

    @property
    def choice(self) -> TableChoice:
        """Which masks are compared."""
        return self._choice

    @property
    def table(self) -> CaseTable | None:
        """What was measured; None before."""
        return self._table

    @property
    def is_measuring(self) -> bool:
        """Whether cases are being measured."""
        return self._token is not None

    @property
    def num_cases(self) -> int:
        """Items that have all three masks."""
        return len(cases_of(self._names, self._choice))

    def look(self, reference: str = "") -> None:
        """Read on a thread which label maps the items have.

        Parameters
        ----------
        reference : str
            Name of the label map that is compared with when nobody chose.
        """
        project = self._bench.project
        if project is not self._project:
            self.stop()
            self._project, self._names, self._choice = project, {}, TableChoice()
            self._measures = CaseMeasures(project) if project is not None else None
            self._set_table(None)
        if project is None:
            return

        def read() -> tuple[Names, dict[str, str]]:
            items = project.items.of_kind(*VOLUME_KINDS)
            return mask_names(project, items), {item.id: item.subject for item in items}

        self._bench.background.submit(
            _NAMES, read, lambda found: self._take_names(found, reference), self._on_failed
        )

    def choose(self, choice: TableChoice) -> None:
        """Compare other masks; the table is empty until they are measured."""
        if choice != self._choice:
            self.stop()
            self._choice = choice
            self._set_table(None)
            self._show_names()

    def set_class(self, label: int) -> None:
        """Compare one class only; 0 for all."""
        self.choose(replace(self._choice, label=label))

    def measure(self) -> None:
        """Measure every case on a thread; those that did not change since are taken over."""
        measures, names, choice = self._measures, self._names, self._choice
        if measures is None or not choice.is_complete or self.is_measuring:
            return
        token = self._token = CancelToken()
        subjects = dict(self._subjects)

        def progress(done: int, total: int) -> None:
            self._told.emit(token, done, total)

        self._bench.background.submit(
            _CHANNEL,
            lambda: measures.table(
                names, choice, subjects, progress=progress, should_stop=token.is_cancelled
            ),
            lambda table: self._on_measured(token, table),
            self._on_failed,
        )
        self._view.show_progress(0, self.num_cases)
        self.state_changed.emit()

    def stop(self) -> None:
        """Stop measuring; what was measured so far is kept for the next time."""
        if self._token is not None:
            self._token.cancel()
            self._token = None
            self._bench.background.drop(_CHANNEL)
            self._view.show_progress(0, 0)
            self.state_changed.emit()

    def sort_by(self, metric: Metric) -> None:
        """Put the cases that a metric finds worst first."""
        if self._table is not None:
            self._set_table(arranged(list(self._table.rows), self._table.choice, metric))

    def open(self, item_id: str) -> None:
        """Show a case."""
        self._bench.set_item(item_id)

    def export(self) -> None:
        """Write the table below the project, under a name that no file has."""
        table, project = self._table, self._project
        if table is None or project is None:
            return
        folder = project.folder / "exports"
        self._bench.background.submit(
            _EXPORT,
            lambda: write_csv(free_path(folder, "cases", "csv"), table),
            self._on_written,
            self._on_failed,
        )

    def _take_names(self, found: tuple[Names, dict[str, str]], reference: str) -> None:
        before = self._names
        self._names, self._subjects = found
        chosen = (self._choice.before, self._choice.after, self._choice.reference)
        if not all(name in self._names for name in chosen):
            self._choice = replace(first_choice(self._names, reference), label=self._choice.label)
            self._set_table(None)
        elif self._table is not None and _stamps(before) != _stamps(self._names):
            # Somebody drew meanwhile; old numbers must not stand under new masks.
            self._set_table(None)
        self._show_names()

    def _show_names(self) -> None:
        self._view.show_names([(name, len(found)) for name, found in self._names.items()], self._choice)
        self.state_changed.emit()

    def _set_table(self, table: CaseTable | None) -> None:
        self._table = table
        self._view.show_table(table)
        self.state_changed.emit()

    def _on_told(self, token: CancelToken, done: int, total: int) -> None:
        if token is self._token:
            self._view.show_progress(done, total)

    def _on_measured(self, token: CancelToken, table: CaseTable | None) -> None:
        if token is self._token:
            self._token = None
            self._view.show_progress(0, 0)
            self._set_table(table)

    def _on_written(self, path: Path) -> None:
        self._bench.post(
            Card(
                Severity.NOTE,
                Message("The table {name} was written.", {"name": path.name}),
                buttons=[CardButton("Open folder", lambda: self._open_folder(path.parent))],
            )
        )

    def _on_failed(self, error: BaseException) -> None:
        self._token = None
        self._view.show_progress(0, 0)
        self.state_changed.emit()
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))


def _stamps(names: Names) -> set[tuple[str, str, object]]:
    return {
        (name, item_id, source.stamp) for name, found in names.items() for item_id, source in found.items()
    }
