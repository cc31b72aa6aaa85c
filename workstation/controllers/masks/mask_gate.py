"""What the gate lets through, shown in the slice under the mouse."""

from __future__ import annotations

from PySide6.QtCore import QObject

from workstation.controllers.masks.mask_drawing import MaskDrawing
from workstation.views.protocols.masks import MaskTool
from workstation.views.protocols.volume import Box, PaneEvent, VoxelPreview

_DRAWING = (MaskTool.PAINT, MaskTool.ERASE, MaskTool.POLYGON, MaskTool.FILL)


class GateOverlay(QObject):
    """Hatches the voxels of the slice under the mouse whose value lies in the gate.

    Parameters
    ----------
    drawing : MaskDrawing
    """

    def __init__(self, drawing: MaskDrawing, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._drawing = drawing
        self._event: PaneEvent | None = None
        self._is_hidden = False
        self._shown: object = None
        drawing.gate_image.changed.connect(self.update)

    def hover(self, event: PaneEvent | None) -> None:
        """Take the mouse; the overlay stays while it is elsewhere."""
        if event is not None:
            self._event = event
            self.update()

    def set_hidden(self, is_hidden: bool) -> None:
        """Give way to a preview."""
        self._is_hidden = is_hidden
        # Whatever the preview left behind is none of the gate's.
        self._shown = None
        self.update()

    def update(self) -> None:
        """Show the gate of the slice, where that is another than before."""
        settings, event, grid = self._drawing.settings, self._event, self._drawing.volumes.grid
        if self._is_hidden:
            return
        is_wanted = settings.is_gated and settings.tool in _DRAWING
        if not is_wanted or event is None or grid is None:
            self._clear()
            return
        values, index = self._drawing.gate_values, self._drawing.voxel(event)[event.axis]
        if values is None or not 0 <= index < grid.shape[event.axis]:
            self._clear()
            return
        wanted = (id(values), event.axis, index, settings.low, settings.high)
        if wanted == self._shown:
            return
        self._shown = wanted
        sides = [slice(0, count) for count in grid.shape]
        sides[event.axis] = slice(index, index + 1)
        box: Box = (sides[0], sides[1], sides[2])
        cut = values[box]
        mask = (cut >= settings.low) & (cut <= settings.high)
        self._drawing.volumes.view.set_preview(VoxelPreview(mask, box, self._drawing.colours["gate"]))

    def _clear(self) -> None:
        if self._shown is not None:
            self._shown = None
            self._drawing.volumes.view.set_preview(None)
