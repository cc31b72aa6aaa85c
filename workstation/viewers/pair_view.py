"""The pair view: fixed and moving canvas side by side, linked through a transform; tools of the mouse.

The view draws what it is given and says what the person did. It moves a dragged point by itself, so
that the point follows the mouse; everything else waits for its controller.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSplitter, QVBoxLayout, QWidget

from engines.contract.geometry import Size
from engines.imaging.point_transform import PointTransform, between_sizes
from workstation.viewers.canvas import ImageCanvas, Point
from workstation.viewers.point_overlay import Mark
from workstation.views.display import display
from workstation.views.protocols import PairRow

SIDES = ("fixed", "moving")
CLICK_PX = 3.0
"""A drag shorter than this is a click, so that no point moves by accident."""


class Tool(StrEnum):
    """What a click means."""

    ADD = "add"
    SELECT = "select"


class _SidePointer:
    """The mouse on one canvas."""

    def __init__(self, view: PairView, side: str) -> None:
        self._view = view
        self._side = side
        self._start: QPointF | None = None
        self._grabbed = ""
        self._is_dragging = False

    def pressed(self, at: QPointF, button: Qt.MouseButton) -> bool:
        """Grab a point, or leave the press to napari, which pans."""
        if button != Qt.MouseButton.LeftButton:
            return False
        self._start, self._is_dragging = QPointF(at), False
        canvas = self._view.canvas(self._side)
        self._grabbed = canvas.overlay.hit(at) if self._view.tool is Tool.SELECT else ""
        return bool(self._grabbed)

    def moved(self, at: QPointF) -> bool:
        """Drag the grabbed point, once it left the click radius."""
        if self._start is None:
            return False
        offset = at - self._start
        if not self._is_dragging and (offset.x() ** 2 + offset.y() ** 2) ** 0.5 >= CLICK_PX:
            self._is_dragging = True
            if self._grabbed:
                self._view.pairSelected.emit(self._grabbed)
        if not self._grabbed:
            return False
        if self._is_dragging:
            canvas = self._view.canvas(self._side)
            xy = canvas.image_from_canvas(at)
            canvas.overlay.move_mark(self._grabbed, xy)
            self._view.pointDragged.emit(self._grabbed, self._side, *xy)
        return True

    def released(self, at: QPointF, button: Qt.MouseButton) -> bool:
        """Drop the point, or click."""
        if button != Qt.MouseButton.LeftButton or self._start is None:
            return False
        self._start = None
        grabbed, self._grabbed = self._grabbed, ""
        canvas = self._view.canvas(self._side)
        xy = canvas.image_from_canvas(at)
        if grabbed and self._is_dragging:
            self._view.pointMoved.emit(grabbed, self._side, *xy)
        elif grabbed:
            self._view.pairSelected.emit(grabbed)
        elif not self._is_dragging and self._view.tool is Tool.ADD and canvas.contains(xy):
            self._view.pointAdded.emit(self._side, *xy)
        elif not self._is_dragging and self._view.tool is Tool.SELECT:
            self._view.pairSelected.emit("")
        self._is_dragging = False
        return bool(grabbed)


class PairView(QWidget):
    """Two linked canvases.

    Signals
    -------
    pointAdded : side, x, y
    pointMoved, pointDragged : pair id, side, x, y
        After and during a drag.
    pairSelected : pair id
        Empty: nothing.
    cursorMoved : side, x, y
    nudged : side, dx, dy
        An arrow key moves the selected point of a side by so many pixels.
    """

    pointAdded = Signal(str, float, float)
    pointMoved = Signal(str, str, float, float)
    pointDragged = Signal(str, str, float, float)
    pairSelected = Signal(str)
    cursorMoved = Signal(str, float, float)
    nudged = Signal(str, float, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fixed = ImageCanvas()
        self.moving = ImageCanvas()
        self.tool = Tool.SELECT
        self.is_locked = True
        self._fixed_from_moving: PointTransform | None = None
        self._is_following = False
        self.captions = {side: QLabel() for side in SIDES}
        self.notes = {side: QLabel() for side in SIDES}
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(3)
        for side in SIDES:
            splitter.addWidget(self._pane(side))
        splitter.setSizes([1000, 1000])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter)
        for side in SIDES:
            canvas = self.canvas(side)
            canvas.pointer = _SidePointer(self, side)
            canvas.viewChanged.connect(lambda side=side: self._follow(side))
            canvas.cursorMoved.connect(lambda x, y, side=side: self._on_cursor(side, x, y))
            canvas.cursorLeft.connect(self._on_cursor_left)
            canvas.arrowPressed.connect(lambda dx, dy, side=side: self.nudged.emit(side, dx, dy))

    def canvas(self, side: str) -> ImageCanvas:
        """Return the canvas of a side."""
        return self.fixed if side == "fixed" else self.moving

    # -- what is shown -------------------------------------------------------------------------------

    def show_images(self, fixed: np.ndarray | None, moving: np.ndarray | None) -> None:
        """Show two images, or none."""
        self._fixed_from_moving = None
        self._is_following = True
        try:
            self.fixed.show_image(fixed)
            self.moving.show_image(moving)
        finally:
            self._is_following = False
        for canvas in (self.fixed, self.moving):
            canvas.overlay.show_marks([], "")

    def show_rows(self, rows: Sequence[PairRow], selected: str) -> None:
        """Draw the points of both sides."""
        for side in SIDES:
            marks = []
            for index, row in enumerate(rows):
                xy = row.fixed_xy if side == "fixed" else row.moving_xy
                if xy is not None:
                    marks.append(Mark(row.id, row.label, xy, row.state, display().point_colour(index)))
            self.canvas(side).overlay.show_marks(marks, selected)

    def set_caption(self, side: str, title: str, note: str = "") -> None:
        """Write what a pane shows, and a short note on its right."""
        self.captions[side].setText(title)
        self.notes[side].setText(note)

    # -- link ----------------------------------------------------------------------------------------

    def set_link(self, fixed_from_moving: PointTransform | None, sizes: tuple[Size, Size]) -> None:
        """Link the panes through a transform; None links them by their sizes.

        Parameters
        ----------
        sizes : (fixed, moving)
            As (width, height) in px.
        """
        self._fixed_from_moving = fixed_from_moving or between_sizes(sizes[1], sizes[0])
        self._follow("fixed")

    def set_locked(self, is_locked: bool) -> None:
        """Let the panes follow each other, or not."""
        self.is_locked = is_locked
        self._follow("fixed")

    def show_whole(self) -> None:
        """Show both images completely."""
        self._is_following = True
        try:
            self.fixed.show_whole()
            self.moving.show_whole()
        finally:
            self._is_following = False
        self._follow("fixed")

    def centre_on(self, row: PairRow) -> None:
        """Put a pair into the middle of the panes."""
        for side, xy in zip(SIDES, (row.fixed_xy, row.moving_xy), strict=True):
            if xy is not None:
                canvas = self.canvas(side)
                canvas.look_at(xy, canvas.zoom)
                if self.is_locked:
                    return

    def mapped(self, side: str, xy: Point) -> Point | None:
        """Return the position in the other image, or None without a link."""
        transform = self._fixed_from_moving
        if transform is None:
            return None
        return transform.map_xy(xy) if side == "moving" else transform.map_back_xy(xy)

    def shut(self) -> None:
        """Let go of both canvases."""
        self.fixed.shut()
        self.moving.shut()

    def _follow(self, leader: str) -> None:
        """Let the other pane look at the same place at the same size."""
        if self._is_following or not self.is_locked or self._fixed_from_moving is None:
            return
        other = self.moving if leader == "fixed" else self.fixed
        ahead = self.canvas(leader)
        if ahead.image_size is None or other.image_size is None:
            return
        centre = self.mapped(leader, ahead.centre_xy)
        if centre is None:
            return
        scale = self._scale_at(leader, ahead.centre_xy)
        self._is_following = True
        try:
            other.look_at(centre, ahead.zoom / scale if scale > 0 else None)
        finally:
            self._is_following = False

    def _scale_at(self, side: str, xy: Point) -> float:
        """Return how many pixels of the other image one pixel of this one covers there; 0 without a link."""
        transform = self._fixed_from_moving
        if transform is None:
            return 0.0
        if side == "moving":
            return transform.scale_at(xy)
        partner = transform.map_back_xy(xy)
        scale = 0.0 if partner is None else transform.scale_at(partner)
        return 1.0 / scale if scale > 0 else 0.0

    # -- mouse and keys ------------------------------------------------------------------------------

    def _on_cursor(self, side: str, x: float, y: float) -> None:
        other = self.moving if side == "fixed" else self.fixed
        self.canvas(side).overlay.show_ghost(None)
        other.overlay.show_ghost(self.mapped(side, (x, y)) if self.is_locked else None)
        self.cursorMoved.emit(side, x, y)

    def _on_cursor_left(self) -> None:
        for canvas in (self.fixed, self.moving):
            canvas.overlay.show_ghost(None)

    def _pane(self, side: str) -> QWidget:
        pane = QWidget()
        bar = QFrame()
        bar.setObjectName("pane_bar")
        row = QHBoxLayout(bar)
        row.setContentsMargins(10, 4, 10, 4)
        self.notes[side].setProperty("role", "muted")
        self.notes[side].setAlignment(Qt.AlignmentFlag.AlignRight)
        row.addWidget(self.captions[side])
        row.addWidget(self.notes[side], 1)
        layout = QVBoxLayout(pane)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(bar)
        layout.addWidget(self.canvas(side), 1)
        pane.setMinimumWidth(220)
        return pane
