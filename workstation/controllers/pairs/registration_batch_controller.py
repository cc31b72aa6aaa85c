"""The table of all registrations: registering what is left, going to an item, and files."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from engines.contract.errors import WorkstationError
from engines.contract.kinds import Severity
from engines.contract.messages import Message
from engines.contract.run_folder import RunFolder
from workstation.controllers.runs.live_runs import LiveRun
from workstation.controllers.runs.run_schedule import schedule_of
from workstation.controllers.runs.runs_controller import model_in_use
from workstation.controllers.workbench import Workbench
from workstation.project.result_commands import Verdict
from workstation.views.protocols.cards import Card
from workstation.views.protocols.registration import RegistrationBatchView, RegistrationLine

if TYPE_CHECKING:
    from workstation.runs.registration_batch import RegistrationTable

_LOG = logging.getLogger(__name__)
_TABLE, _PREPARE, _EXPORT = "registrations.table", "registrations.prepare", "registrations.export"


class RegistrationBatchController(QObject):
    """Behind the table of all registrations.

    Parameters
    ----------
    workbench : Workbench
    """

    def __init__(self, workbench: Workbench, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._view: RegistrationBatchView | None = None
        self._table: RegistrationTable | None = None
        self._run_id = ""
        workbench.live_runs.changed.connect(self._on_run)
        workbench.live_runs.ended.connect(self._on_ended)
        workbench.data_changed.connect(self.refresh)
        workbench.project_changed.connect(self.close)

    # -- the table -----------------------------------------------------------------------------------

    @property
    def left(self) -> tuple[str, ...]:
        """Items that were not tried."""
        return self._table.left if self._table is not None else ()

    def attach(self, view: RegistrationBatchView) -> None:
        """Show the table in a view."""
        self._view = view
        self._show_progress()
        self.refresh()

    def close(self) -> None:
        """Let the view go; a run goes on."""
        view, self._view, self._table = self._view, None, None
        if view is not None:
            view.finish()

    def shut(self) -> None:
        """Stop listening; the screen goes."""
        self.close()
        self._bench.live_runs.changed.disconnect(self._on_run)
        self._bench.live_runs.ended.disconnect(self._on_ended)
        self._bench.data_changed.disconnect(self.refresh)
        self._bench.project_changed.disconnect(self.close)

    def refresh(self) -> None:
        """Read all registrations again."""
        project = self._bench.project
        if project is None or self._view is None:
            return

        def work() -> RegistrationTable:
            from workstation.runs.registration_batch import registering_spec, registration_table

            return registration_table(project, registering_spec())

        self._bench.background.submit(_TABLE, work, self._on_table, self._on_failed)

    def _on_table(self, table: RegistrationTable) -> None:
        self._table = table
        if self._view is None:
            return
        lines = [
            RegistrationLine(
                row.item,
                row.modalities,
                row.verdict,
                row.file.z if row.file else None,
                row.cycle_px,
                row.file.method if row.file else "",
                row.file.reason if row.file else "",
                row.judged.value if row.judged in (Verdict.ACCEPTED, Verdict.REJECTED) else "",
            )
            for row in table.rows
        ]
        notes = [
            Message(
                "{items} close a circle: {mean:.1f} px apart on average, {most:.1f} px at most.",
                {"items": ", ".join(cycle.items), "mean": cycle.mean_error_px, "most": cycle.max_error_px},
            )
            for cycle in table.cycles
        ]
        self._view.show_lines(lines, notes)

    def go_to(self, item_id: str) -> None:
        """Make an item the current one."""
        self._bench.set_item(item_id)

    def compare(self, item_id: str) -> None:
        """Show the registration of an item beside others, where it can be accepted."""
        rows = self._table.rows if self._table is not None else ()
        run_id = next((row.run_id for row in rows if row.item == item_id), "")
        if run_id:
            self._bench.set_item(item_id)
            self._bench.request_compare(f"run:{run_id}")

    # -- registering ---------------------------------------------------------------------------------

    def register(self, items: Sequence[str] = ()) -> None:
        """Start a run of some items; without any, of those that were not tried."""
        project = self._bench.project
        wanted = tuple(items) or self.left
        if project is None or not wanted or self._live() is not None:
            return

        def work() -> RunFolder:
            from workstation.runs.registration_batch import prepare_batch, registering_spec

            spec = registering_spec()
            chosen = model_in_use(project, spec.key)
            base_run = RunFolder(project.runs.folder(chosen)) if chosen else None
            return prepare_batch(project, spec, wanted, base_run=base_run)

        self._bench.background.submit(_PREPARE, work, self._on_prepared, self._on_failed)

    def stop(self) -> None:
        """End the run after its item; what it found stays, and the rest is still left."""
        live = self._live()
        if live is not None:
            live.thread_of_run.request_stop()

    def _on_prepared(self, folder: RunFolder) -> None:
        self._run_id = folder.id
        schedule_of(self._bench).start(folder)
        self._show_progress()

    def _live(self) -> LiveRun | None:
        live = self._bench.live_runs.get(self._run_id) if self._run_id else None
        return live if live is not None and not live.is_over else None

    def _on_run(self, run_id: str) -> None:
        if run_id == self._run_id:
            self._show_progress()

    def _on_ended(self, run_id: str) -> None:
        if run_id == self._run_id:
            self._run_id = ""
            self._show_progress()
        self.refresh()

    def _show_progress(self) -> None:
        if self._view is None:
            return
        live = self._live()
        model = live.model if live is not None else None
        done, total = (model.step, model.steps) if model is not None else (0, 0)
        self._view.show_progress(done, total, is_running=bool(self._run_id))

    # -- files ---------------------------------------------------------------------------------------

    def export(self, folder: Path, items: Sequence[str] = ()) -> None:
        """Write transforms and warped images of some items, of all by default."""
        project, table = self._bench.project, self._table
        if project is None or table is None:
            return
        rows = [row for row in table.rows if not items or row.item in items]

        def work() -> tuple[list[Path], list[Message]]:
            from workstation.runs.registration_batch import export_batch, registering_spec

            return export_batch(project, registering_spec(), rows, folder)

        self._bench.background.submit(
            _EXPORT, work, lambda made: self._on_exported(folder, made), self._on_failed
        )

    def _on_exported(self, folder: Path, made: tuple[list[Path], list[Message]]) -> None:
        files, notes = made
        said = Message("{n} files were written to {folder}.", {"n": len(files), "folder": str(folder)})
        self._bench.post(Card(Severity.NOTE, said, remedy=notes[0] if notes else Message("")))

    def _on_failed(self, error: BaseException) -> None:
        self._run_id = self._run_id if self._live() is not None else ""
        self._show_progress()
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))
