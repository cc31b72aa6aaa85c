"""The tools of the mask editor: what the left mouse button does on a slice.

A stroke changes the label map with every move and becomes one edit when the button is let go; a polygon
and a fill become one with the click that ends them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engines.contract.messages import Message
from engines.imaging.volumes.mask_editing import Gate, Paint, brush, fill, polygon, stroke
from engines.imaging.volumes.voxel_changes import VoxelChanges, merge
from workstation.controllers.masks.mask_drawing import MaskDrawing, Voxel
from workstation.views.protocols.cards import NOTHING
from workstation.views.protocols.volume import PaneEvent, Plane, Position

PAINTED, ERASED = "paint {label} in {name}", "erase in {name}"
OUTLINED, FILLED = "draw {label} in {name}", "fill {label} in {name}"
_CLOSING_VOXELS = 1.5
"""So near to the first corner a click closes the polygon."""

_TWO_MORE = Message("A polygon needs three corners: click at least three places.")
_OTHER_SLICE = Message("The polygon went on in another slice: it begins here anew.")
_NOTHING_FILLED = Message("Nothing to fill here: the gate or a lock keeps every voxel as it is.")
_NO_LABEL = Message("There is no label under the mouse.")


def paint_of(drawing: MaskDrawing, label: int) -> Paint:
    """Return what is painted, and what must stay, as the tools are set."""
    settings, gate = drawing.settings, None
    values = drawing.gate_values if settings.is_gated else None
    if values is not None:
        gate = Gate(values, settings.low, settings.high)
    only = 0 if label and not settings.is_over_labels else None
    return Paint(label, gate, drawing.volumes.locked, only)


class MaskSliceTool(Protocol):
    """A `SliceTool` whose unfinished work can be finished or dropped from the keyboard."""

    def pressed(self, event: PaneEvent) -> None:
        """Take a press."""

    def moved(self, event: PaneEvent) -> None:
        """Take a move with the button down."""

    def released(self, event: PaneEvent) -> None:
        """Take a release."""

    def double_clicked(self, event: PaneEvent) -> None:
        """Take a double click."""

    @property
    def is_busy(self) -> bool:
        """Whether something was begun."""

    def finish(self) -> None:
        """End what was begun, as the person wants it."""

    def drop(self) -> None:
        """Forget what was begun; the label map is as before."""


class StrokeTool:
    """Paints or erases with a round brush.

    Parameters
    ----------
    drawing : MaskDrawing
    is_erasing : bool
    """

    def __init__(self, drawing: MaskDrawing, *, is_erasing: bool) -> None:
        self._drawing = drawing
        self._is_erasing = is_erasing
        self._parts: list[VoxelChanges] = []
        self._footprint: npt.NDArray[np.bool_] | None = None
        self._paint = Paint(0)
        self._last: Voxel = (0, 0, 0)

    @property
    def is_busy(self) -> bool:
        """Whether the button is down."""
        return self._footprint is not None

    def pressed(self, event: PaneEvent) -> None:
        """Begin a stroke."""
        drawing, volumes = self._drawing, self._drawing.volumes
        problem = drawing.problem(is_erasing=self._is_erasing)
        drawing.hinted.emit(problem or NOTHING)
        if problem is not None or volumes.grid is None:
            return
        settings = drawing.settings
        plane = None if settings.is_ball else event.axis
        self._footprint = brush(volumes.grid.spacing_mm, settings.radius_mm, plane)
        self._paint = paint_of(drawing, 0 if self._is_erasing else volumes.active_class)
        self._parts = []
        self._last = drawing.voxel(event)
        self._draw([self._last])

    def moved(self, event: PaneEvent) -> None:
        """Draw from the last place to this one."""
        voxel = self._drawing.voxel(event)
        if self.is_busy and voxel != self._last:
            self._draw([self._last, voxel])
            self._last = voxel

    def released(self, _event: PaneEvent) -> None:
        """Make one edit of the stroke."""
        self.finish()

    def double_clicked(self, event: PaneEvent) -> None:
        """Draw: the second press of two quick dabs."""
        self.pressed(event)

    def finish(self) -> None:
        """Store the stroke."""
        parts, self._parts, self._footprint = self._parts, [], None
        if parts:
            self._drawing.store(merge(parts), ERASED if self._is_erasing else PAINTED, is_shown=True)

    def drop(self) -> None:
        """Take back what was drawn since the press."""
        self._footprint = None
        if self._parts:
            self._parts = []
            self._drawing.volumes.arrays.take_back(self._drawing.volumes.active_id)

    def forget(self) -> None:
        """End the stroke that another edit has taken back already."""
        self._parts, self._footprint = [], None

    def _draw(self, path: list[Voxel]) -> None:
        labels = self._drawing.labels
        if labels is None or self._footprint is None:
            return
        changes = stroke(labels, path, self._footprint, self._paint)
        if not changes.is_empty:
            self._parts.append(changes)
            self._drawing.show(changes)


class PolygonTool:
    """Fills what corners enclose in one slice.

    Parameters
    ----------
    drawing : MaskDrawing
    """

    def __init__(self, drawing: MaskDrawing) -> None:
        self._drawing = drawing
        self._corners: list[Position] = []
        self._plane = Plane.AXIAL
        self._axis = 2

    @property
    def is_busy(self) -> bool:
        """Whether there are corners."""
        return bool(self._corners)

    def pressed(self, event: PaneEvent) -> None:
        """Add a corner; on the first one, close."""
        problem = self._drawing.problem()
        self._drawing.hinted.emit(problem or NOTHING)
        if problem is not None:
            return
        if self._corners and not self._is_same_slice(event):
            self._drawing.hinted.emit(_OTHER_SLICE)
            self._corners = []
        if len(self._corners) > 2 and self._is_at_first(event.position):
            self.finish()
            return
        self._plane, self._axis = event.plane, event.axis
        self._corners.append(event.position)
        self._show()

    def moved(self, event: PaneEvent) -> None:
        """Draw by hand: with the button down, corners follow the mouse."""
        far = _CLOSING_VOXELS
        if self._corners and self._is_same_slice(event) and self._distance(self._corners[-1], event) > far:
            self._corners.append(event.position)
            self._show()

    def released(self, _event: PaneEvent) -> None:
        """Wait for the next corner."""

    def double_clicked(self, _event: PaneEvent) -> None:
        """Close the polygon; the first press of the two has set the corner."""
        self.finish()

    def finish(self) -> None:
        """Fill the polygon."""
        drawing, corners = self._drawing, self._corners
        labels = drawing.labels
        if labels is None or not corners:
            self.drop()
            return
        if len(corners) < 3:
            drawing.hinted.emit(_TWO_MORE)
            return
        index = drawing.voxel(PaneEvent(self._plane, self._axis, corners[0]))[self._axis]
        points = [[at for axis, at in enumerate(corner) if axis != self._axis] for corner in corners]
        paint = paint_of(drawing, drawing.volumes.active_class)
        self.drop()
        if 0 <= index < labels.shape[self._axis]:
            drawing.store(polygon(labels, self._axis, index, points, paint), OUTLINED)

    def drop(self) -> None:
        """Forget the corners."""
        self._corners = []
        self._show()

    def _show(self) -> None:
        self._drawing.volumes.view.set_polygon(self._plane, self._corners)

    def _is_same_slice(self, event: PaneEvent) -> bool:
        here = self._drawing.voxel(event)[event.axis]
        there = self._drawing.voxel(PaneEvent(self._plane, self._axis, self._corners[0]))[self._axis]
        return event.axis == self._axis and here == there

    def _is_at_first(self, position: Position) -> bool:
        return (
            self._distance(self._corners[0], PaneEvent(self._plane, self._axis, position)) < _CLOSING_VOXELS
        )

    def _distance(self, corner: Position, event: PaneEvent) -> float:
        return float(np.linalg.norm(np.subtract(corner, event.position)))


class FillTool:
    """Fills the region of one label under a click, in the slice or, as a preview, in three dimensions.

    Parameters
    ----------
    drawing : MaskDrawing
    fill_region : callable
        Shows what a fill in three dimensions would change.
    """

    is_busy = False

    def __init__(self, drawing: MaskDrawing, fill_region: Callable[[Voxel, Paint], None]) -> None:
        self._drawing = drawing
        self._fill_region = fill_region

    def pressed(self, event: PaneEvent) -> None:
        """Fill here."""
        drawing = self._drawing
        problem, voxel = drawing.problem(), drawing.voxel(event)
        drawing.hinted.emit(problem or NOTHING)
        labels = drawing.labels
        if problem is not None or labels is None or not drawing.is_inside(voxel):
            return
        paint = paint_of(drawing, drawing.volumes.active_class)
        if drawing.settings.is_ball:
            self._fill_region(voxel, paint)
            return
        changes = fill(labels, voxel, event.axis, paint)
        if changes.is_empty:
            drawing.hinted.emit(_NOTHING_FILLED)
        else:
            drawing.store(changes, FILLED)

    def moved(self, event: PaneEvent) -> None:
        """Do nothing: a fill is one click."""

    def released(self, event: PaneEvent) -> None:
        """Do nothing."""

    def double_clicked(self, event: PaneEvent) -> None:
        """Do nothing: the first click has filled."""

    def finish(self) -> None:
        """Do nothing."""

    def drop(self) -> None:
        """Do nothing."""


class PickTool:
    """Draws with the class under a click from now on.

    Parameters
    ----------
    drawing : MaskDrawing
    """

    is_busy = False

    def __init__(self, drawing: MaskDrawing) -> None:
        self._drawing = drawing

    def pressed(self, event: PaneEvent) -> None:
        """Take the class."""
        labels, voxel = self._drawing.labels, self._drawing.voxel(event)
        value = int(labels[voxel]) if labels is not None and self._drawing.is_inside(voxel) else 0
        self._drawing.hinted.emit(NOTHING if value else _NO_LABEL)
        if value:
            self._drawing.volumes.set_class(value)

    def moved(self, event: PaneEvent) -> None:
        """Do nothing."""

    def released(self, event: PaneEvent) -> None:
        """Do nothing."""

    def double_clicked(self, event: PaneEvent) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""

    def drop(self) -> None:
        """Do nothing."""
