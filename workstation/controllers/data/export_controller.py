"""Exports, and imports of keypoint files: on a thread, with a card that says where the files are."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from engines.contract.errors import WorkstationError
from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.controllers.background import CancelToken
from workstation.controllers.project.project_controller import import_card
from workstation.controllers.workbench import Workbench
from workstation.views.protocols.cards import Card, CardButton
from workstation.views.protocols.exports import ExportChoice, ExportRequest, KeypointRequest

if TYPE_CHECKING:
    from workstation.project.exporters import ExportResult
    from workstation.project.importers import ImportReport

_LOG = logging.getLogger(__name__)
_NUM_NAMED = 12


class ExportController(QObject):
    """Behind the export dialog and the import of keypoint files.

    Parameters
    ----------
    workbench : Workbench
    show_folder : callable
        Shows a folder in the file manager of the system.

    Signals
    -------
    progressed : Path, int, int
        The place of an export, how many of its parts are done, and of how many.
    ended : Path
        The export to this place is written, refused or cancelled.
    """

    progressed = Signal(object, int, int)
    ended = Signal(object)

    def __init__(self, workbench: Workbench, show_folder: Callable[[Path], None]) -> None:
        super().__init__(workbench)
        self._bench = workbench
        self._show_folder = show_folder
        self._running: dict[Path, CancelToken] = {}

    def load_choices(self, done: Callable[[list[ExportChoice]], None]) -> None:
        """Hand over the formats, with a free place below the project for each; nothing without a project."""
        project = self._bench.project
        if project is not None:
            root = project.folder / "exports"

            def work() -> list[ExportChoice]:
                maps = (
                    known for item in project.items.all() for known in project.label_maps.of_item(item.id)
                )
                return export_choices(root, tuple(dict.fromkeys(known.name for known in maps)))

            # On a thread: what the formats need takes a moment to load.
            self._bench.background.submit("export.choices", work, done)

    def export(self, request: ExportRequest) -> None:
        """Write an export."""
        project = self._bench.project
        if project is None:
            return
        items = [request.item_id] if request.item_id else None
        place, cancel = request.place, CancelToken()
        self._running[place] = cancel

        def work() -> ExportResult | None:
            from workstation.project.exporters import ExportOptions, export
            from workstation.project.exporters.export_format import ExportCancelled

            options = ExportOptions(
                label_maps=(request.label_map,) if request.label_map else (),
                with_proposals=request.with_proposals,
                dicom_folder=request.dicom_folder,
                progress=lambda done, total: self.progressed.emit(place, done, total),
                should_stop=cancel.is_cancelled,
            )
            try:
                return export(project, request.key, place, items, options)
            except ExportCancelled:
                return None

        def done(result: ExportResult | None) -> None:
            self._end(place)
            if result is None:
                self._bench.note("The export was cancelled; nothing was written.")
            else:
                self._on_exported(result, place)

        def failed(error: BaseException) -> None:
            self._end(place)
            self._on_failed(error)

        # Two exports at a time are two jobs: neither answer makes the other worthless.
        self._bench.background.submit(f"export.{place}", work, done, failed)

    def cancel(self, place: Path) -> None:
        """Stop the export to a place."""
        if place in self._running:
            self._running[place].cancel()

    def import_keypoints(self, request: KeypointRequest) -> None:
        """Import a keypoint file into an item."""
        project = self._bench.project
        if project is None:
            return

        def work() -> ImportReport:
            from workstation.project.importers.keypoint_files import import_keypoint_file
            from workstation.project.keypoint_formats import ReadOptions

            options = ReadOptions(request.is_one_based, request.is_in_pixels, request.is_corner_origin)
            return import_keypoint_file(project, request.path, item_id=request.item_id, options=options)

        self._bench.background.submit("import.keypoints", work, self._on_imported, self._on_failed)

    def _end(self, place: Path) -> None:
        self._running.pop(place, None)
        self.ended.emit(place)

    def _on_exported(self, result: ExportResult, place: Path) -> None:
        folder = place if place.is_dir() else result.files[0].parent
        if len(result.files) == 1:
            what = Message("{file} was written.", {"file": result.files[0].name})
        else:
            what = Message("{n} files were written.", {"n": len(result.files)})
        left = len(result.files) - _NUM_NAMED
        names = [str(path) for path in result.files[:_NUM_NAMED]] + (["…"] if left > 0 else [])
        self._bench.post(
            Card(
                Severity.WARNING if result.notes else Severity.NOTE,
                what,
                why=next(iter(result.notes), Message("")),
                kept=Message("They are in {folder}.", {"folder": str(folder)})
                if len(result.files) > 1
                else Message("It is in {folder}.", {"folder": str(folder)}),
                details="\n".join(names),
                buttons=(CardButton("Show the folder", lambda: self._show_folder(folder)),),
            )
        )

    def _on_imported(self, report: ImportReport) -> None:
        if not report.num_rows:
            self._bench.post(Card(Severity.WARNING, Message("The file holds no points of this item.")))
        elif len(report.notes) == report.num_rows:
            what = Message("All {n} pairs of the file are there already.", {"n": report.num_rows})
            self._bench.post(Card(Severity.NOTE, what))
        else:
            self._bench.post(import_card(report))
        self._bench.data_changed.emit()

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))


def export_choices(root: Path, label_maps: tuple[str, ...] = ()) -> list[ExportChoice]:
    """Return every format, with a free place below a folder and the names of label maps to choose from."""
    from workstation.project.exporters import FORMATS

    return [
        ExportChoice(
            known.key,
            known.title,
            known.explanation,
            known.loss,
            known.suffix,
            known.is_whole,
            free_place(root / f"{known.key}{known.suffix}"),
            known.has_label_maps,
            label_maps if known.has_label_maps else (),
            known.refers_to_dicom,
        )
        for known in FORMATS.values()
    ]


def free_place(path: Path) -> Path:
    """Return a path with nothing there: the path itself, or its name with a number."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
