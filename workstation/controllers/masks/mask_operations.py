"""Operations of the mask editor with a preview: worked out on a thread, shown, then applied or dropped.

What would be added is shown blue, what would be removed vermillion; nothing is stored before the person
applies it, and a label map that changed meanwhile drops the preview.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from engines.contract.messages import Message
from engines.imaging.volumes.class_operations import Operation
from engines.imaging.volumes.voxel_changes import VoxelChanges
from workstation.controllers.masks.mask_drawing import MaskDrawing, card_of
from workstation.controllers.workbench import Workbench
from workstation.views.protocols.masks import ChangeSummary, MaskPanelView
from workstation.views.protocols.volume import LabelLayer, VoxelPreview

if TYPE_CHECKING:
    from engines.contract.errors import WorkstationError

_CHANNEL, _LAYER = "masks.operation", "masks.preview"
_ADDED = 1
_UNCHANGED = Message("Nothing would change.")
_APPLY_FIRST = Message("Apply the preview with Enter, or drop it with Esc.")


@dataclass(frozen=True)
class _Proposed:
    changes: VoxelChanges
    title: str


class MaskOperations(QObject):
    """Previews of the active class.

    Parameters
    ----------
    workbench : Workbench
    drawing : MaskDrawing
    panel : MaskPanelView

    Signals
    -------
    changed
        There is a preview, or there is none any more.
    applied : object
        Box of what was applied.
    """

    changed = Signal()
    applied = Signal(object)

    def __init__(
        self,
        workbench: Workbench,
        drawing: MaskDrawing,
        panel: MaskPanelView,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._drawing = drawing
        self._panel = panel
        self._proposed: _Proposed | None = None
        self._is_running = False
        self._map_id = ""
        drawing.volumes.arrays.changed.connect(self._on_voxels)
        drawing.volumes.active_changed.connect(self._on_active)

    @property
    def has_preview(self) -> bool:
        """Whether something waits to be applied or dropped."""
        return self._proposed is not None

    @property
    def is_running(self) -> bool:
        """Whether a preview is being worked out."""
        return self._is_running

    def start(self, operation: Operation, title: str, what: Message, *, is_direct: bool = False) -> None:
        """Work out what an operation changes, and show it.

        Parameters
        ----------
        operation : Operation
        title : str
            Of the edit, for the history.
        what : Message
            The operation, for the panel.
        is_direct : bool
            Apply it at once; for what removes nothing and is small.
        """
        self.drop()
        drawing, volumes = self._drawing, self._drawing.volumes
        problem, grid = drawing.problem(), volumes.grid
        labels = drawing.labels
        if problem is not None or grid is None or labels is None:
            drawing.hinted.emit(problem)
            return
        value, spacing = volumes.active_class, grid.spacing_mm
        self._map_id = volumes.active_id
        self._is_running = True
        self._panel.show_change(ChangeSummary(what, is_running=True))
        drawing.hinted.emit(Message(""))
        self.changed.emit()

        def work() -> VoxelChanges:
            return operation(labels, value, spacing)

        self._bench.background.submit(
            _CHANNEL,
            work,
            lambda changes: self._on_worked_out(_Proposed(changes, title), what, is_direct=is_direct),
            self._on_failed,
        )

    def apply(self) -> None:
        """Make an edit of the preview."""
        proposed = self._proposed
        if proposed is None:
            return
        self.drop()
        self._store(proposed)

    def drop(self) -> None:
        """Forget the preview, or stop waiting for it."""
        self._bench.background.drop(_CHANNEL)
        self._end()

    # -- answers -------------------------------------------------------------------------------------

    def _on_worked_out(self, proposed: _Proposed, what: Message, *, is_direct: bool) -> None:
        self._end()
        changes = proposed.changes
        if changes.is_empty:
            self._drawing.hinted.emit(_UNCHANGED)
        elif is_direct:
            self._store(proposed)
        else:
            self._proposed = proposed
            self._show(changes)
            self._panel.show_change(self._summary(changes, what))
            self._drawing.hinted.emit(_APPLY_FIRST)
            self.changed.emit()

    def _on_failed(self, error: WorkstationError | BaseException) -> None:
        self._end()
        card = card_of(error)
        if card is not None:
            self._drawing.hinted.emit(card.what)
            self._bench.post(card)

    def _on_voxels(self, label_map_id: str, _box: object) -> None:
        if label_map_id == self._map_id and (self._proposed is not None or self._is_running):
            self.drop()

    def _on_active(self) -> None:
        if self._drawing.volumes.active_id != self._map_id:
            self.drop()

    # -- inside --------------------------------------------------------------------------------------

    def _store(self, proposed: _Proposed) -> None:
        if self._drawing.store(proposed.changes, proposed.title):
            self.applied.emit(proposed.changes.box)

    def _end(self) -> None:
        was_shown = self._proposed is not None
        self._proposed, is_running = None, self._is_running
        self._is_running = False
        if was_shown:
            self._drawing.volumes.view.set_preview(None)
            self._drawing.volumes.remove_labels(_LAYER)
        if was_shown or is_running:
            self._panel.show_change(None)
            self.changed.emit()

    def _show(self, changes: VoxelChanges) -> None:
        """Show what goes hatched; where nothing goes, what comes, and otherwise that as a layer."""
        colours = self._drawing.colours
        is_removed = changes.runs[:, 3] == 0
        shape = changes.shape
        if not is_removed.any():
            self._preview(changes, colours["added"])
            return
        removed = VoxelChanges(shape, changes.runs[is_removed])
        self._preview(removed, colours["removed"])
        if is_removed.all() or self._drawing.volumes.grid is None:
            return
        layer = np.zeros(shape, dtype=np.uint8, order="F")
        added = changes.runs[~is_removed].copy()
        added[:, 3] = _ADDED
        VoxelChanges(shape, added).apply(layer)
        self._drawing.volumes.add_labels(
            LabelLayer(
                _LAYER,
                "",
                layer,
                self._drawing.volumes.grid,
                {_ADDED: colours["added"]},
                opacity=0.8,
            )
        )

    def _preview(self, changes: VoxelChanges, colour: str) -> None:
        box = changes.box
        self._drawing.volumes.view.set_preview(VoxelPreview(changes.mask_in(box), box, colour))

    def _summary(self, changes: VoxelChanges, what: Message) -> ChangeSummary:
        grid = self._drawing.volumes.grid
        voxel_ml = grid.voxel_volume_ml if grid is not None else 0.0
        added, removed = changes.added(), changes.removed()
        return ChangeSummary(
            what, added, removed, added * voxel_ml, removed * voxel_ml, changes.num_voxels - added - removed
        )
