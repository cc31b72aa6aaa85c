"""Edits of label maps that are computed and stored on a thread, one after another.

A stroke is small and is stored where it is drawn. Taking over a proposal or taking away a thousand specks
may mean millions of voxels: finding them, packing them and writing them would hold up the window.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from engines.contract.errors import WorkstationError
from engines.contract.messages import Message
from engines.imaging.volumes.voxel_changes import Labels, VoxelChanges
from workstation.controllers.background import CancelToken
from workstation.controllers.workbench import Workbench
from workstation.project.label_map_commands import PaintVoxels
from workstation.views.protocols.cards import Card

if TYPE_CHECKING:
    from workstation.controllers.volume.label_arrays import LabelArrays
    from workstation.project.project import Project

_LOG = logging.getLogger(__name__)
_CHANNEL = "labels.edit"
Change = Callable[[Labels], VoxelChanges]
Done = Callable[[VoxelChanges], None]
Sources = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class _Waiting:
    label_map_id: str
    change: Change
    title: str
    sources: Sources
    done: Done | None
    dropped: int | None = None
    label: str = ""


class LabelEdits(QObject):
    """The queue of such edits.

    Parameters
    ----------
    workbench : Workbench
    arrays : LabelArrays

    Signals
    -------
    busy_changed
        The queue began to work, or is empty again.
    progressed : Message or None, float or None
        What is being done, and which share of the queue is behind; None when nothing is.
    """

    busy_changed = Signal()
    progressed = Signal(object, object)

    def __init__(self, workbench: Workbench, arrays: LabelArrays, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._arrays = arrays
        self._queue: deque[_Waiting] = deque()
        self._is_busy = False
        self._num_begun = self._num_added = 0
        self._token = CancelToken()
        workbench.project_changed.connect(self._forget)

    @property
    def is_busy(self) -> bool:
        """Whether an edit is on its way."""
        return self._is_busy

    def add(
        self,
        label_map_id: str,
        change: Change,
        title: str,
        *,
        sources: Sources = (),
        done: Done | None = None,
        dropped: int | None = None,
        label: str = "",
    ) -> None:
        """Do an edit as soon as those before it are done.

        Parameters
        ----------
        label_map_id : str
            Of a loaded label map.
        change : callable
            Takes the voxels as they are then, and returns what changes; called on a thread.
        title : str
            English template for the history, with ``{name}``.
        sources : tuple of (label map id, revision)
            What the change was computed from.
        done : callable or None
            Told what was changed, when it is stored and shown; not called when it is refused.
        dropped : int or None
            A class that leaves the table with its voxels.
        label : str
            Name of the class, for the title.
        """
        self._queue.append(_Waiting(label_map_id, change, title, sources, done, dropped, label))
        self._num_added += 1
        if not self._is_busy:
            self._begin_next()

    def cancel(self) -> None:
        """Leave out what is not stored yet; edits that were stored stay, and can be undone."""
        self._queue.clear()
        self._token.cancel()

    def _begin_next(self) -> None:
        project, found = self._bench.project, self._next()
        if project is None or found is None:
            self._set_busy(False)
            return
        waiting, labels = found
        self._set_busy(True)
        token = self._token = CancelToken()
        self._num_begun += 1
        number, count = self._num_begun, max(self._num_begun, self._num_added)
        text = Message("Changing the label map: edit {number} of {count}", {"number": number, "count": count})
        self.progressed.emit(text, (number - 1) / count if count > 1 else None)
        self._bench.background.submit(
            _CHANNEL,
            lambda: _store(project, waiting, labels, token.is_cancelled),
            lambda changes: self._on_stored(waiting, changes),
            self._on_refused,
        )

    def _next(self) -> tuple[_Waiting, Labels] | None:
        while self._queue:
            waiting = self._queue.popleft()
            volume = self._arrays.get(waiting.label_map_id)
            # Deleted, or another case was chosen meanwhile.
            if volume is not None:
                return waiting, volume.voxels
        return None

    def _on_stored(self, waiting: _Waiting, changes: VoxelChanges | None) -> None:
        self._arrays.follow()
        if waiting.done is not None and changes is not None:
            waiting.done(changes)
        self._begin_next()

    def _on_refused(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))
        self._begin_next()

    def _set_busy(self, is_busy: bool) -> None:
        if is_busy != self._is_busy:
            self._is_busy = is_busy
            if not is_busy:
                self._num_begun = self._num_added = 0
                self.progressed.emit(None, None)
            self.busy_changed.emit()

    def _forget(self) -> None:
        self._queue.clear()
        self._set_busy(False)


def _store(
    project: Project, waiting: _Waiting, labels: Labels, should_stop: Callable[[], bool]
) -> VoxelChanges | None:
    # The revision first: a stroke that is stored meanwhile makes the edit be refused, not wrong.
    revision = project.label_maps.get(waiting.label_map_id).revision
    changes = waiting.change(labels)
    if should_stop():
        return None
    if not changes.is_empty:
        command = PaintVoxels(
            waiting.label_map_id,
            changes.to_text(),
            waiting.title,
            revision=revision,
            sources=waiting.sources,
            dropped=waiting.dropped,
            label=waiting.label,
        )
        project.history.execute(command)
    return changes
