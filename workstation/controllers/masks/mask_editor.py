"""The mask editor of the Volume screen: which tool draws, how it is set, and what a key ends.

Edits are stored by the tools (`mask_tools`) and operations (`mask_operations`); undo and redo come from the
one history, and the slices go to where they changed something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from engines.contract.messages import Message
from engines.imaging.volumes import class_operations as operations
from engines.imaging.volumes.class_operations import Operation
from engines.imaging.volumes.mask_editing import Gate, Paint
from engines.imaging.volumes.slicing import plane_geometry
from workstation.controllers.masks.mask_drawing import MaskDrawing, Voxel
from workstation.controllers.masks.mask_gate import GateOverlay
from workstation.controllers.masks.mask_operations import MaskOperations
from workstation.controllers.masks.mask_tools import (
    FILLED,
    FillTool,
    MaskSliceTool,
    PickTool,
    PolygonTool,
    StrokeTool,
)
from workstation.controllers.volume.volume_controller import VolumeController
from workstation.controllers.workbench import Workbench
from workstation.views.protocols.masks import MaskPanelView, MaskTool, ToolRow
from workstation.views.protocols.volume import Box, PaneEvent, Plane

RADIUS_MM = (0.1, 100.0)
RADIUS_STEP = 1.12
FIRST_RADIUS_VOXELS = 4
HU_GATE = (150.0, 600.0)

_HINTS = {
    MaskTool.CROSSHAIR: Message("The left button moves the crosshair."),
    MaskTool.ERASE: Message("Drag to erase every class that is not locked."),
    MaskTool.PAINT: Message("Drag to paint {label}."),
    MaskTool.POLYGON: Message("Click corners around {label}; a double click or Enter fills, Esc drops."),
    MaskTool.FILL: Message("Click a region to fill it with {label}, up to other labels."),
    MaskTool.PICK: Message("Click a label to draw with it."),
}
_WITHIN_A_VOXEL = Message("{distance:g} mm is less than a voxel of {voxel:g} mm: nothing would change.")
_FIRST = Message("The first stroke makes a new label map.")


class MaskEditor(QObject):
    """Behind the tools of the Volume screen.

    Parameters
    ----------
    workbench : Workbench
    volumes : VolumeController
    panel : MaskPanelView
    colours : mapping of str to "#rrggbb"
        See `MaskDrawing`.

    Attributes
    ----------
    drawing : MaskDrawing
    operations : MaskOperations

    Signals
    -------
    state_changed
        What may be done now changed; ask the reasons again.
    """

    state_changed = Signal()

    def __init__(
        self,
        workbench: Workbench,
        volumes: VolumeController,
        panel: MaskPanelView,
        colours: Mapping[str, str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._volumes = volumes
        self._panel = panel
        self.drawing = MaskDrawing(volumes, workbench.background, colours, self)
        self.operations = MaskOperations(workbench, self.drawing, panel, self)
        self._overlay = GateOverlay(self.drawing, self)
        self._tools: dict[MaskTool, MaskSliceTool] = {
            MaskTool.ERASE: StrokeTool(self.drawing, is_erasing=True),
            MaskTool.PAINT: StrokeTool(self.drawing, is_erasing=False),
            MaskTool.POLYGON: PolygonTool(self.drawing),
            MaskTool.FILL: FillTool(self.drawing, self._fill_region),
            MaskTool.PICK: PickTool(self.drawing),
        }
        self._before = MaskTool.PAINT
        self._plane: Plane | None = None
        self._has_radius = self._has_gate = False
        self.drawing.hinted.connect(self._on_hint)
        self.operations.changed.connect(self._on_preview)
        volumes.active_changed.connect(self._on_active)
        volumes.classes_changed.connect(self._show)
        volumes.arrays.followed.connect(self._on_followed)
        volumes.arrays.interrupted.connect(self._on_interrupted)
        self._on_active()

    # -- state ---------------------------------------------------------------------------------------

    @property
    def tool(self) -> MaskTool:
        """What the left button does."""
        return self.drawing.settings.tool

    @property
    def has_volume(self) -> bool:
        """Whether there is something to draw on."""
        return self._volumes.grid is not None and self._volumes.image is not None

    @property
    def has_labels(self) -> bool:
        """Whether there is a label map to work on."""
        return self.has_volume and self.drawing.labels is not None

    @property
    def is_busy(self) -> bool:
        """Whether something is begun that Enter ends and Esc drops."""
        tool = self._tools.get(self.tool)
        is_drawing = tool is not None and tool.is_busy
        return is_drawing or self.operations.has_preview or self.operations.is_running

    # -- tools ---------------------------------------------------------------------------------------

    def choose(self, tool: MaskTool) -> None:
        """Give the left button to a tool."""
        if tool is self.tool:
            # The action of a chosen tool is checked, also after it was chosen again.
            self.state_changed.emit()
            return
        self._drop_tool()
        self._before, self.drawing.settings.tool = self.tool, tool
        self._volumes.view.set_tool(self._tools.get(tool))
        self._panel.show_hint(self._hint())
        self._show()

    def swap(self) -> None:
        """Go back to the tool before this one."""
        self.choose(self._before)

    def set_radius(self, radius_mm: float) -> None:
        """Choose the size of the brush."""
        self._has_radius = True
        self.drawing.settings.radius_mm = min(max(radius_mm, RADIUS_MM[0]), RADIUS_MM[1])
        self._show()

    def step_radius(self, steps: int) -> None:
        """Make the brush larger or smaller; a small brush changes by a tenth of a millimetre at least."""
        radius = self.drawing.settings.radius_mm
        wanted = radius * RADIUS_STEP**steps
        if abs(wanted - radius) < 0.1 * abs(steps):
            wanted = radius + 0.1 * steps
        self.set_radius(round(wanted, 1))

    def set_ball(self, is_ball: bool) -> None:
        """Draw in three dimensions, or in the slice."""
        self.drawing.settings.is_ball = is_ball
        self._show()

    def set_over_labels(self, is_over_labels: bool) -> None:
        """Let painting replace other classes, or take background only."""
        self.drawing.settings.is_over_labels = is_over_labels
        self._show()

    def set_gated(self, is_gated: bool) -> None:
        """Change only voxels whose value lies in the gate."""
        self.drawing.settings.is_gated = is_gated
        self._show()

    def set_gate(self, low: float, high: float) -> None:
        """Choose the gate."""
        self._has_gate = True
        self.drawing.settings.low, self.drawing.settings.high = min(low, high), max(low, high)
        self._show()

    # -- keys ----------------------------------------------------------------------------------------

    def apply(self) -> None:
        """Apply the preview, or close the polygon."""
        if self.operations.has_preview:
            self.operations.apply()
        elif self.tool in self._tools:
            self._tools[self.tool].finish()
        self.state_changed.emit()

    def drop(self) -> None:
        """Drop the preview, or what the tool has begun."""
        if self.operations.has_preview or self.operations.is_running:
            self.operations.drop()
            self._panel.show_hint(self._hint())
        else:
            self._drop_tool()
        self.state_changed.emit()

    def hover(self, event: PaneEvent | None) -> None:
        """Remember the plane under the mouse: operations on a slice mean its slice."""
        if event is not None:
            self._plane = event.plane
        self._overlay.hover(event)

    # -- operations ----------------------------------------------------------------------------------

    def interpolate(self) -> None:
        """Preview the empty slices between drawn ones."""
        what = Message("Interpolate between slices")
        self._start(operations.between_slices(self._axis()), "interpolate {label} in {name}", what)

    def smooth(self, radius_mm: float) -> None:
        """Preview a smoother surface."""
        what = Message("Smooth over {radius:g} mm", {"radius": radius_mm})
        self._start(operations.smoothed(radius_mm), "smooth {label} in {name}", what)

    def grow(self, distance_mm: float) -> None:
        """Preview a margin; a negative one shrinks."""
        grid = self._volumes.grid
        if grid is not None and abs(distance_mm) < min(grid.spacing_mm):
            size = {"distance": abs(distance_mm), "voxel": min(grid.spacing_mm)}
            self._panel.show_hint(Message(_WITHIN_A_VOXEL.text, size))
            return
        text = "Grow by {distance:g} mm" if distance_mm > 0 else "Shrink by {distance:g} mm"
        title = "grow {label} in {name}" if distance_mm > 0 else "shrink {label} in {name}"
        self._start(operations.grown(distance_mm), title, Message(text, {"distance": abs(distance_mm)}))

    def remove_islands(self, smallest_mm3: float) -> None:
        """Preview the class without pieces below a volume."""
        what = Message("Remove islands below {volume:g} mm³", {"volume": smallest_mm3})
        self._start(operations.without_islands(smallest_mm3), "remove islands of {label} in {name}", what)

    def fill_holes(self) -> None:
        """Preview the class without cavities."""
        self._start(operations.with_holes_filled(), "fill holes of {label} in {name}", Message("Fill holes"))

    def threshold(self) -> None:
        """Preview every voxel of the volume whose value lies in the gate."""
        settings, values = self.drawing.settings, self.drawing.gate_values
        if values is None:
            return
        gate = Gate(values, settings.low, settings.high)
        operation = operations.within_gate(gate, self._volumes.locked, is_over_labels=settings.is_over_labels)
        what = Message("Everything from {low:g} to {high:g}", {"low": settings.low, "high": settings.high})
        self._start(operation, "threshold {label} in {name}", what)

    def clear_slice(self) -> None:
        """Preview the slice without the class."""
        axis, index = self._slice()
        operation = operations.slice_cleared(axis, index)
        self._start(operation, "clear slice of {label} in {name}", Message("Clear the slice"))

    def copy_slice(self, step: int) -> None:
        """Add the class of this slice to the next one, and go there."""
        axis, index = self._slice()
        operation = operations.copied(axis, index, step)
        self._start(operation, "copy slice of {label} in {name}", Message("Copy the slice"), is_direct=True)
        place = list(self._volumes.position)
        place[axis] = float(min(max(index + step, 0), self._count(axis) - 1))
        self._volumes.view.set_crosshair((place[0], place[1], place[2]))

    def close(self) -> None:
        """Let go of the mouse; the screen goes."""
        self._drop_tool()
        self.operations.drop()
        self.drawing.gate_image.forget()

    # -- inside --------------------------------------------------------------------------------------

    def _start(self, operation: Operation, title: str, what: Message, *, is_direct: bool = False) -> None:
        self._drop_tool()
        self.operations.start(operation, title, what, is_direct=is_direct)

    def _fill_region(self, seed: Voxel, paint: Paint) -> None:
        self.operations.start(operations.region(seed, paint), FILLED, Message("Fill in three dimensions"))

    def _drop_tool(self) -> None:
        tool = self._tools.get(self.tool)
        if tool is not None and tool.is_busy:
            tool.drop()

    def _axis(self) -> int:
        grid = self._volumes.grid
        if grid is None:
            return 2
        return grid.axial_axis if self._plane is None else plane_geometry(grid, self._plane.value).axis

    def _slice(self) -> tuple[int, int]:
        axis = self._axis()
        index = int(np.floor(self._volumes.position[axis] + 0.5))
        return axis, min(max(index, 0), self._count(axis) - 1)

    def _count(self, axis: int) -> int:
        grid = self._volumes.grid
        return 1 if grid is None else grid.shape[axis]

    def _on_active(self) -> None:
        grid, base = self._volumes.grid, self._volumes.layers.base
        if grid is not None and not self._has_radius:
            self.drawing.settings.radius_mm = round(FIRST_RADIUS_VOXELS * min(grid.spacing_mm), 1)
        if base is not None and not self._has_gate:
            low, high = base.value_range
            gate = HU_GATE if base.unit == "HU" else (round((low + high) / 2, 3), round(high, 3))
            self.drawing.settings.low, self.drawing.settings.high = gate
        self._drop_tool()
        self._panel.show_hint(self._hint())
        self._show()

    def _on_followed(self, label_map_id: str, box: Box) -> None:
        """Go to what an undo or redo changed where none of the slices cuts it."""
        if label_map_id != self._volumes.active_id:
            return
        place = self._volumes.position
        is_seen = any(
            side.start <= int(np.floor(at + 0.5)) < side.stop for at, side in zip(place, box, strict=True)
        )
        if not is_seen:
            i, j, k = ((side.start + side.stop - 1) / 2 for side in box)
            self._volumes.go_to((float(int(i)), float(int(j)), float(int(k))))

    def _on_interrupted(self, label_map_id: str) -> None:
        tool = self._tools.get(self.tool)
        if label_map_id == self._volumes.active_id and isinstance(tool, StrokeTool):
            tool.forget()

    def _on_hint(self, hint: Message) -> None:
        self._panel.show_hint(hint if hint.text else self._hint())

    def _on_preview(self) -> None:
        self._overlay.set_hidden(self.operations.has_preview)
        self.state_changed.emit()

    def _hint(self) -> Message:
        hint = _HINTS[self.tool]
        if (
            self.has_volume
            and not self._volumes.active_id
            and self.tool
            not in (
                MaskTool.CROSSHAIR,
                MaskTool.PICK,
                MaskTool.ERASE,
            )
        ):
            return _FIRST
        return Message(hint.text, {"label": self.drawing.class_name} if "{" in hint.text else {})

    def _show(self) -> None:
        settings, volumes = self.drawing.settings, self._volumes
        has_brush = settings.tool in (MaskTool.PAINT, MaskTool.ERASE)
        volumes.view.set_brush(settings.radius_mm if has_brush else None, is_ball=settings.is_ball)
        self._overlay.update()
        self._panel.show_tools(self._row())
        self.state_changed.emit()

    def _row(self) -> ToolRow:
        settings, volumes = self.drawing.settings, self._volumes
        active, base = volumes.layers.active, volumes.layers.base
        colours: dict[int, Any] = {row.value: row.colour for row in volumes.classes.rows()}
        row = ToolRow(
            tool=settings.tool,
            radius_mm=settings.radius_mm,
            is_ball=settings.is_ball,
            is_gated=settings.is_gated,
            low=settings.low,
            high=settings.high,
            unit="" if base is None else base.unit,
            is_over_labels=settings.is_over_labels,
        )
        if active is None:
            return row
        return replace(
            row,
            class_name=self.drawing.class_name,
            colour=colours.get(volumes.active_class, ""),
            map_name=active.name,
        )
