"""From dropped paths to imported items: look, read, check, let a person correct, write.

Everything that touches a file runs on a thread. A change of the proposal shows at once; what is to be said
about it is worked out again on a thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from engines.contract.errors import WorkstationError
from engines.contract.kinds import Severity, Split
from engines.contract.messages import Message
from workstation.controllers.background import CancelToken
from workstation.controllers.data.import_rows import RowCache, finding_rows, layout_rows, preview_of
from workstation.controllers.data.import_volume_rows import volume_preview
from workstation.controllers.project.project_controller import ProjectController, import_card
from workstation.controllers.workbench import Workbench
from workstation.views.protocols.cards import NOTHING, Card
from workstation.views.protocols.imports import ImportView, LayoutRow

if TYPE_CHECKING:
    from workstation.project.importers import ImportReport
    from workstation.project.importers.findings import ProposalFinding
    from workstation.project.importers.inspection import FileFacts, Inspection
    from workstation.project.importers.proposal import ImportProposal
    from workstation.project.importers.sorting import SortedPaths

_SORT, _SCAN, _CHECK, _WRITE, _PREVIEW = (
    f"import.{step}" for step in ("sort", "scan", "check", "write", "preview")
)
_PROGRESS_S = 0.05
_READING, _CHECKING = Message("Reading the images"), Message("Checking")
_LOOKING, _WRITING = Message("Looking through the folders"), Message("Importing")


class ImportController(QObject):
    """Imports what was dropped or chosen.

    Parameters
    ----------
    workbench : Workbench
    projects : ProjectController
        Takes tables and keypoint files.

    Signals
    -------
    view_wanted
        Folders or images came: somebody shall make a view and `attach` it.
    """

    view_wanted = Signal()
    _progressed = Signal(int, int)

    def __init__(
        self, workbench: Workbench, projects: ProjectController, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._projects = projects
        self._view: ImportView | None = None
        self._cancel = CancelToken()
        self._last_progress = 0.0
        self._reset()
        self._progressed.connect(self._on_progress)
        projects.paths_ready.connect(self.receive)
        workbench.project_changed.connect(self.close)

    def _reset(self) -> None:
        self._proposals: dict[str, ImportProposal] = {}
        self._layout = ""
        self._inspection: Inspection | None = None
        self._findings: tuple[ProposalFinding, ...] = ()
        self._num_ready = 0
        self._undone: list[tuple[str, ImportProposal]] = []
        self._rows: dict[str, RowCache] = {}
        self._layout_rows: list[LayoutRow] = []
        self._partners: tuple[Path, ...] = ()
        self._work = NOTHING
        self._shown_key = ""

    # -- from paths to a proposal --------------------------------------------------------------------

    def receive(self, paths: Sequence[Path]) -> None:
        """Take tables, keypoint files, images and folders; the dialog is for the last two."""
        if self._bench.project is None or not paths:
            return

        def work() -> SortedPaths:
            from workstation.project.importers.sorting import sort_paths

            return sort_paths(paths)

        self._bench.background.submit(_SORT, work, self._on_sorted, self._on_failed)

    def _on_sorted(self, found: SortedPaths) -> None:
        if found.tables:
            self._projects.import_paths(found.tables)
        if found.keypoint_files:
            self._projects.import_keypoint_files(found.keypoint_files)
        if found.places:
            self.look_through(found.places)

    def look_through(self, places: Sequence[Path]) -> None:
        """Show what folders and images hold."""
        project = self._bench.project
        if project is None:
            return
        self.close()
        self.view_wanted.emit()
        cancel = self._cancel = CancelToken()
        notes: list[Message] = []

        def work() -> _Prepared:
            from workstation.project.importers.folder_tree import ScanCancelled, scan
            from workstation.project.importers.layouts import recognise
            from workstation.project.importers.near_format import CONVERTED, with_converted

            def go_on(_done: int, _count: int) -> None:
                if cancel.is_cancelled():
                    raise ScanCancelled

            try:
                found = with_converted(places, project.folder / CONVERTED, notes.append, go_on)
                return _Prepared.of(recognise(scan(found, cancel.is_cancelled)))
            except ScanCancelled:
                return _Prepared.of(())

        self._begin(_LOOKING)
        names = ", ".join(place.name for place in places[:3])
        self._bench.background.submit(
            _SCAN, work, lambda found: self._on_scanned(found, names, notes), self._on_failed
        )

    def attach(self, view: ImportView) -> None:
        """Show everything in a view."""
        self._view = view
        view.show_progress(self._work, 0, 0)
        self._show_state()

    def close(self) -> None:
        """Stop what is being done, and forget the proposal."""
        self._cancel.cancel()
        for channel in (_SCAN, _CHECK, _PREVIEW):
            self._bench.background.drop(channel)
        view, self._view = self._view, None
        self._reset()
        if view is not None:
            view.finish()

    def _on_scanned(self, found: _Prepared, names: str, notes: Sequence[Message] = ()) -> None:
        self._end()
        if self._cancel.is_cancelled():
            return
        for note in notes:
            self._bench.post(Card(Severity.NOTE, note))
        if not found.proposals:
            self.close()
            self._bench.post(
                Card(
                    Severity.WARNING,
                    Message("There are no images to import in {names}.", {"names": names}),
                    remedy=Message(
                        "Choose a folder with images (PNG, JPEG, TIFF, BMP, GIF) or volumes (NIfTI, NRRD, "
                        "MetaImage, HDF5, DICOM), or a table of files."
                    ),
                )
            )
            return
        self._layout = next(iter(found.proposals))
        self._take(found)
        self._read_files()

    def _take(self, prepared: _Prepared) -> None:
        """Show proposals that were prepared on a thread."""
        self._proposals, self._rows = prepared.proposals, prepared.rows
        self._layout_rows = prepared.layout_rows
        self._undone.clear()
        self._show_layouts()
        self._show_items()

    def _read_files(self) -> None:
        project = self._bench.project
        proposals, cancel = tuple(self._proposals.values()), self._cancel
        assert project is not None

        def work() -> tuple[Inspection, _Prepared] | None:
            from workstation.project.importers.folder_tree import ScanCancelled
            from workstation.project.importers.inspection import inspect, known_images

            try:
                known = known_images(project.items.all())
                read = inspect(proposals, known, progress=self._report, should_stop=cancel.is_cancelled)
            except ScanCancelled:
                return None
            guesses = {path: facts.modality for path, facts in read.facts.items()}
            known_better = tuple(found.with_modalities(guesses) for found in proposals)
            return read, _Prepared.of(known_better, read.facts)

        self._begin(_READING)
        self._bench.background.submit(_SCAN, work, self._on_read, self._on_failed)

    def _on_read(self, found: tuple[Inspection, _Prepared] | None) -> None:
        self._end()
        if found is None or not self._proposals:
            return
        # What was corrected while the files were read would be lost: the cells are locked until then.
        self._inspection, prepared = found
        self._take(prepared)
        self.preview(self._shown_key)
        self._check()

    # -- corrections ---------------------------------------------------------------------------------

    @property
    def proposal(self) -> ImportProposal | None:
        """The proposal as it is now."""
        return self._proposals.get(self._layout)

    @property
    def findings(self) -> tuple[ProposalFinding, ...]:
        """What is to be said about it."""
        return self._findings

    @property
    def num_ready(self) -> int:
        """How many items would be imported."""
        return self._num_ready

    def choose_layout(self, key: str) -> None:
        """Show what another layout proposes."""
        if key in self._proposals and key != self._layout:
            self._layout = key
            self._findings = ()
            self._show_layouts()
            self._show_items()
            self._check()

    def change(self, change: Callable[[ImportProposal], ImportProposal]) -> None:
        """Change the proposal; `undo` takes it back."""
        before = self.proposal
        if before is None or self._inspection is None:
            return
        self._undone.append((self._layout, before))
        self._proposals[self._layout] = change(before)
        self._show_items()
        self._check()

    def undo(self) -> None:
        """Take the last change of the proposal back."""
        if self._undone:
            self._layout, proposal = self._undone.pop()
            self._proposals[self._layout] = proposal
            self._show_layouts()
            self._show_items()
            self._check()

    def edit(self, key: str, column: str, value: str) -> None:
        """Correct a cell: subject, item, visit, laterality, split, fixed_modality or moving_modality."""
        text = value.strip()
        if column in ("fixed_modality", "moving_modality"):
            role = column.removesuffix("_modality")
            self.change(lambda proposal: proposal.with_modality(key, role, text.upper() or None))
            return
        fact: object = text if column in ("subject", "item") else text or None
        if column == "split":
            fact = Split(text) if text else None
        self.change(
            lambda proposal: proposal.changed(key, lambda item: replace(item, **{column: fact}))  # type: ignore[arg-type]
        )

    def include(self, keys: Sequence[str], is_included: bool) -> None:
        """Choose items, or leave them out."""
        self.change(lambda proposal: proposal.with_included(keys, is_included))

    def swap(self, keys: Sequence[str]) -> None:
        """Exchange fixed and moving of items."""
        self.change(lambda proposal: proposal.swapped(keys))

    def fix(self, finding_key: str, index: int, *, is_for_all: bool = False) -> None:
        """Do what a button of a finding says, or the same for every finding of its sort."""
        chosen = next((found for found in self._findings if found.key == finding_key), None)
        if chosen is None:
            return
        fix = chosen.fixes[index]
        if fix.change is None:
            self._ask_partner(chosen.items[0])
            return
        changes = [fix.change]
        if is_for_all:
            changes = [
                other.change
                for found in self._findings
                if found.message.text == chosen.message.text
                for other in found.fixes
                if other.title.text == fix.title.text and other.change is not None
            ]

        def do_all(proposal: ImportProposal) -> ImportProposal:
            for change in changes:
                proposal = change(proposal)
            return proposal

        self.change(do_all)

    def _ask_partner(self, key: str) -> None:
        proposal = self.proposal
        if proposal is None or self._view is None:
            return
        lonely = [item.files[0].path for item in proposal.items if not item.is_complete and item.key != key]
        self._partners = (*proposal.unused, *lonely)
        names = [f"{path.parent.name}/{path.name}" for path in self._partners]
        self._view.ask_partner(key, names)

    def choose_partner(self, key: str, index: int) -> None:
        """Give an item its other image: an index into what `ask_partner` listed."""
        path = self._partners[index]
        self.change(lambda proposal: proposal.with_partner(key, path))

    def _check(self) -> None:
        proposal, inspection = self.proposal, self._inspection
        if proposal is None or inspection is None:
            self._show_state()
            return

        def work() -> tuple[tuple[ProposalFinding, ...], int]:
            from workstation.project.importers.checks import check, ready

            return check(proposal, inspection), len(ready(proposal, inspection))

        self._work = _CHECKING
        self._show_state()
        self._bench.background.submit(_CHECK, work, self._on_checked, self._on_failed)

    def _on_checked(self, found: tuple[tuple[ProposalFinding, ...], int]) -> None:
        self._work = NOTHING
        self._findings, self._num_ready = found
        if self._view is not None:
            self._view.show_findings(finding_rows(self._findings))
        self._show_items()
        self._show_state()

    # -- writing -------------------------------------------------------------------------------------

    def write(self) -> None:
        """Import what is ready."""
        project, proposal, inspection = self._bench.project, self.proposal, self._inspection
        if project is None or proposal is None or inspection is None or self._reason().text:
            return
        cancel = self._cancel = CancelToken()

        def work() -> ImportReport:
            from workstation.project.importers.folders import import_proposal

            return import_proposal(
                project, proposal, inspection, progress=self._report, should_stop=cancel.is_cancelled
            )

        self._begin(_WRITING)
        self._bench.background.submit(_WRITE, work, self._on_written, self._on_failed)

    def cancel(self) -> None:
        """Stop reading or writing; the dialog closes, and nothing is imported."""
        self.close()

    def _on_written(self, report: ImportReport) -> None:
        self._end()
        self.close()
        self._bench.post(import_card(report))
        self._bench.data_changed.emit()
        if report.items:
            self._bench.set_item(report.items[0])

    # -- showing -------------------------------------------------------------------------------------

    def preview(self, key: str) -> None:
        """Show the images of an item."""
        self._shown_key = key
        proposal = self.proposal
        item = next((item for item in proposal.items if item.key == key), None) if proposal else None
        if item is None or self._view is None:
            return
        facts = self._inspection.facts if self._inspection is not None else {}

        def work() -> tuple[Any, Any]:
            return volume_preview(item, facts) if item.volume_roles else preview_of(item)

        self._bench.background.submit(_PREVIEW, work, self._on_preview, self._ignore)

    def _on_preview(self, images: tuple[Any, Any]) -> None:
        if self._view is not None:
            self._view.show_preview(*images)

    def _ignore(self, _error: BaseException) -> None:
        # An image that cannot be read is a finding already.
        self._on_preview((None, None))

    def _show_layouts(self) -> None:
        if self._view is not None:
            self._view.show_layouts(self._layout_rows, self._layout)

    def _show_items(self) -> None:
        proposal = self.proposal
        if self._view is not None and proposal is not None:
            self._view.show_items(self._rows[self._layout].rows(proposal, self._findings))

    def _show_state(self) -> None:
        if self._view is not None:
            self._view.show_state(self._num_ready, self._reason(), can_undo=bool(self._undone))

    def _reason(self) -> Message:
        """Return why nothing can be imported now; empty when it can."""
        if self._work.text:
            return Message("Wait: {work}.", {"work": self._work})
        if self._inspection is None:
            return Message("The images are not read yet.")
        if any(found.severity is Severity.ERROR and _is_name(found) for found in self._findings):
            return Message("Some names or splits need an answer first.")
        if not self._num_ready:
            return Message("No item is chosen and complete.")
        return NOTHING

    def _begin(self, work: Message) -> None:
        self._work = work
        if self._view is not None:
            self._view.show_progress(work, 0, 0)
        self._show_state()

    def _end(self) -> None:
        self._work = NOTHING
        if self._view is not None:
            self._view.show_progress(NOTHING, 0, 0)

    def _report(self, done: int, total: int) -> None:
        # From another thread, and for every file: the window hears of it some times a second.
        now = time.monotonic()
        if done == total or now - self._last_progress > _PROGRESS_S:
            self._last_progress = now
            self._progressed.emit(done, total)

    def _on_progress(self, done: int, total: int) -> None:
        if self._view is not None and self._work.text:
            self._view.show_progress(self._work, done, total)

    def _on_failed(self, error: BaseException) -> None:
        self._end()
        self._show_state()
        if isinstance(error, WorkstationError):
            if not self._proposals:
                self.close()
            self._bench.post(Card.of_error(error))


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Proposals by layout, and their rows made on a thread: there may be thousands."""

    proposals: dict[str, ImportProposal]
    rows: dict[str, RowCache]
    layout_rows: list[LayoutRow]

    @classmethod
    def of(
        cls, proposals: Sequence[ImportProposal], facts: Mapping[Path, FileFacts] | None = None
    ) -> _Prepared:
        """Prepare proposals; `facts` are what reading the files told."""
        rows = {proposal.layout: RowCache(facts) for proposal in proposals}
        for proposal in proposals:
            rows[proposal.layout].rows(proposal, ())
        return cls({found.layout: found for found in proposals}, rows, layout_rows(proposals))


def _is_name(finding: ProposalFinding) -> bool:
    """Tell whether an error would have rows refused: those of files only leave the files out."""
    return finding.key.startswith(("name ", "split "))
