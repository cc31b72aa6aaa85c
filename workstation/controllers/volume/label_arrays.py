"""The label maps that are open, as arrays in memory, in step with the one history.

A stroke changes the array while it is drawn (`show`) and becomes one stored edit at its end (`commit`).
Undo, redo and edits of other processes reach the arrays through the journal (`follow`), so what is shown
is always what would be read after a restart.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QObject, QTimer, Signal

from engines.contract.errors import UnknownKeyError, WorkstationError
from engines.contract.kinds import Severity
from engines.contract.messages import Message
from engines.imaging.volumes.volume import Volume
from engines.imaging.volumes.voxel_changes import VoxelChanges, merge
from workstation.controllers.workbench import Workbench
from workstation.project.label_map_commands import PaintVoxels
from workstation.views.protocols.cards import Card

if TYPE_CHECKING:
    from workstation.project.project import Project

_LOG = logging.getLogger(__name__)
IDLE_MS = 5000
"""Without any edit for so long, the NIfTI files of what was edited are written."""
Loaded = Callable[[Volume | None], None]


@dataclass
class _Open:
    volume: Volume
    sequence: int
    shown: list[VoxelChanges] = field(default_factory=list)
    is_written: bool = True


class LabelArrays(QObject):
    """Label maps in memory.

    Parameters
    ----------
    workbench : Workbench

    Signals
    -------
    changed : str, object
        Label map and the box that changed; None: everything, and `get` may return another array.
    followed : str, object
        Label map and box of an undo, a redo, or an edit from elsewhere.
    interrupted : str
        What was shown but not committed is gone: another edit came in between.
    """

    changed = Signal(str, object)
    followed = Signal(str, object)
    interrupted = Signal(str)

    def __init__(self, workbench: Workbench, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._open: dict[str, _Open] = {}
        self._waiting: dict[str, list[Loaded]] = {}
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(IDLE_MS)
        self._idle.timeout.connect(self.write_files)
        workbench.data_changed.connect(self.follow)
        workbench.item_changed.connect(self._on_item_changed)
        workbench.project_changed.connect(self.forget_all)

    # -- reading -------------------------------------------------------------------------------------

    def load(self, label_map_id: str, done: Loaded) -> None:
        """Read a label map on a thread, then call `done` with it; with None when it cannot be read."""
        project, known = self._bench.project, self._open.get(label_map_id)
        if known is not None or project is None:
            done(known.volume if known is not None else None)
            return
        waiting = self._waiting.setdefault(label_map_id, [])
        waiting.append(done)
        if len(waiting) > 1:
            return
        store = project.label_maps
        self._bench.background.submit(
            f"labels.load.{label_map_id}",
            lambda: store.read(label_map_id),
            lambda read: self._on_read(label_map_id, *read),
            lambda error: self._on_unread(label_map_id, error),
            is_urgent=True,
        )

    def load_now(self, label_map_id: str) -> Volume | None:
        """Read a label map at once: for one that was just made, which is quick because it is empty."""
        project = self._bench.project
        if project is not None and label_map_id not in self._open:
            try:
                volume, sequence = project.label_maps.read(label_map_id)
            except WorkstationError as error:
                self._on_unread(label_map_id, error)
            else:
                self._on_read(label_map_id, volume, sequence)
        return self.get(label_map_id)

    def get(self, label_map_id: str) -> Volume | None:
        """Return a label map that is loaded; its voxels are changed in place by every edit."""
        found = self._open.get(label_map_id)
        return None if found is None else found.volume

    def forget_all(self) -> None:
        """Let go of every array."""
        self._idle.stop()
        self._open.clear()
        self._waiting.clear()

    # -- edits ---------------------------------------------------------------------------------------

    @property
    def is_drawing(self) -> bool:
        """Whether a stroke is under way; work that can wait should."""
        return any(found.shown for found in self._open.values())

    def show(self, label_map_id: str, changes: VoxelChanges) -> None:
        """Change the array of a label map while an edit is under way; nothing is stored."""
        found = self._open[label_map_id]
        if not changes.is_empty:
            found.shown.append(changes)
            self._apply(label_map_id, found, changes)

    def take_back(self, label_map_id: str, changes: VoxelChanges | None = None) -> None:
        """Undo what was shown and not committed: one change, or all of them."""
        found = self._open.get(label_map_id)
        if found is None:
            return
        taken = [*found.shown] if changes is None else [changes]
        found.shown = [] if changes is None else [one for one in found.shown if one is not changes]
        for one in reversed(taken):
            self._apply(label_map_id, found, one.inverse)

    def commit(
        self, label_map_id: str, changes: VoxelChanges, title: str, *, is_shown: bool, label: str = ""
    ) -> bool:
        """Store an edit; it is on the disk when this returns.

        Parameters
        ----------
        label_map_id : str
        changes : VoxelChanges
            All of the edit; nothing is stored when it is empty.
        title : str
            English template for the history: ``"paint {label} in {name}"``.
        is_shown : bool
            Whether `show` brought all of it into the array before.
        label : str
            Name of the class, for the title.

        Returns
        -------
        is_stored : bool
            False when it was refused: the array is as before the edit, and a card says why.
        """
        project, found = self._bench.project, self._open.get(label_map_id)
        if project is None or found is None:
            return False
        shown, found.shown = found.shown, []
        if changes.is_empty:
            return True
        command = PaintVoxels(label_map_id, changes.to_text(), title, label=label)
        try:
            stored = project.history.execute(command)
        except WorkstationError as error:
            _LOG.warning("%s", error)
            for one in reversed(shown if is_shown and shown else [changes] if is_shown else []):
                self._apply(label_map_id, found, one.inverse)
            self._bench.post(Card.of_error(error))
            return False
        is_alone = not project.label_maps.has_changes_between(label_map_id, found.sequence, stored.sequence)
        if not is_shown:
            self._apply(label_map_id, found, changes)
        if is_alone:
            found.sequence = stored.sequence
        else:
            # Another process drew since the last look: only the journal knows the order.
            self._reread(label_map_id, project)
        self._note_edit(found)
        return True

    def follow(self) -> None:
        """Bring the arrays to what the journal says: undo, redo, other processes."""
        project = self._bench.project
        if project is None:
            return
        for label_map_id, found in list(self._open.items()):
            try:
                changes, found.sequence = project.label_maps.changes_since(label_map_id, found.sequence)
            except UnknownKeyError:  # deleted; an undo of that reads it again
                del self._open[label_map_id]
                self.changed.emit(label_map_id, None)
                continue
            if not changes:
                continue
            if found.shown:
                self.take_back(label_map_id)
                self.interrupted.emit(label_map_id)
            whole = changes[0] if len(changes) == 1 else merge(changes)
            self._apply(label_map_id, found, whole)
            self._note_edit(found)
            if not whole.is_empty:
                self.followed.emit(label_map_id, whole.box)

    # -- files ---------------------------------------------------------------------------------------

    def write_files(self) -> None:
        """Write the NIfTI file of every label map that was edited since, on a thread."""
        project = self._bench.project
        waiting = [key for key, found in self._open.items() if not found.is_written]
        if project is None or not waiting:
            return
        for label_map_id in waiting:
            self._open[label_map_id].is_written = True
        self._bench.background.submit(
            "labels.write", lambda: _write_all(project, waiting), self._on_written, self._on_failed
        )

    def _note_edit(self, found: _Open) -> None:
        found.is_written = False
        self._idle.start()

    def _on_item_changed(self, _item_id: str) -> None:
        self.write_files()

    def _on_written(self, problem: OSError | None) -> None:
        if problem is not None:
            self._bench.post(
                Card(
                    Severity.WARNING,
                    Message("The file of a label map was not written: {reason}.", {"reason": str(problem)}),
                    kept=Message("Every edit is in the project; nothing is lost."),
                    remedy=Message("Free some space: it is written after the next edit."),
                )
            )

    # -- inside --------------------------------------------------------------------------------------

    def _on_read(self, label_map_id: str, volume: Volume, sequence: int) -> None:
        if label_map_id in self._open:  # read at once meanwhile
            return
        self._open[label_map_id] = _Open(volume, sequence)
        for done in self._waiting.pop(label_map_id, []):
            done(volume)

    def _on_unread(self, label_map_id: str, error: BaseException) -> None:
        self._on_failed(error)
        for done in self._waiting.pop(label_map_id, []):
            done(None)

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))

    def _reread(self, label_map_id: str, project: Project) -> None:
        volume, sequence = project.label_maps.read(label_map_id)
        self._open[label_map_id] = _Open(volume, sequence)
        self.changed.emit(label_map_id, None)

    def _apply(self, label_map_id: str, found: _Open, changes: VoxelChanges) -> None:
        if changes.is_empty:
            return
        is_widened = _widen(found, int(changes.runs[:, 3].max()))
        changes.apply(found.volume.voxels)
        self.changed.emit(label_map_id, None if is_widened else changes.box)


def _widen(found: _Open, label: int) -> bool:
    """Give a label map a type that holds a label; True when it got one."""
    voxels: npt.NDArray[Any] = found.volume.voxels
    if label <= np.iinfo(voxels.dtype).max:
        return False
    found.volume = Volume(voxels.astype(np.uint16), found.volume.geometry, found.volume.header)
    return True


def _write_all(project: Project, label_map_ids: list[str]) -> OSError | None:
    for label_map_id in label_map_ids:
        try:
            project.label_maps.write(label_map_id)
        except UnknownKeyError:
            _LOG.info("The label map %s was deleted before its file was written.", label_map_id)
        except OSError as error:
            _LOG.warning("The file of label map %s was not written: %s", label_map_id, error)
            return error
    return None
