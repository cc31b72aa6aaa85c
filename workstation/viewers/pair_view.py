"""The pair view: fixed and moving canvas side by side, linked through a transform; tools of the mouse.

The view draws what it is given and says what the person did. It moves a dragged point by itself, so
that the point follows the mouse; everything else waits for its controller.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from engines.contract.geometry import Size
from engines.imaging.transforms.local_uncertainty import LocalUncertainty, uncertainty_of
from engines.imaging.transforms.point_transform import PointTransform
from workstation.viewers.canvas import ImageCanvas, Point
from workstation.viewers.ghost_cursor import Ghost
from workstation.viewers.image_layers import Picture, Window
from workstation.viewers.marks import Mark
from workstation.viewers.mouse import SidePointer
from workstation.viewers.pane import Pane
from workstation.viewers.scale_bar import Scale
from workstation.viewers.view_link import ViewLink
from workstation.views.elements.display import display
from workstation.views.protocols.display import SideDisplay, SideFacts
from workstation.views.protocols.pairs import PairRow

SIDES = ("fixed", "moving")


class Tool(StrEnum):
    """What a click means."""

    ADD = "add"
    SELECT = "select"


class PairView(QWidget):
    """Two linked canvases.

    Signals
    -------
    pointAdded : side, x, y, has_alt
        `has_alt`: Alt was held.
    pointMoved, pointDragged : pair id, side, x, y, has_alt
        After and during a drag.
    pairSelected : pair id
        Empty: nothing.
    cursorMoved : side, x, y, has_alt
    cursorLeft
    nudged : side, dx, dy
        An arrow key moves the selected point of a side by so many pixels.
    windowDragged : side, right, down
        Brightness and contrast by so many screen pixels.
    windowDropped : side
    autoWindowWanted : side
    displayChosen : side, SideDisplay
    widthGiven : side, mm
    activeSideChanged : side
        The mouse went to the other image.
    """

    pointAdded = Signal(str, float, float, bool)
    pointMoved = Signal(str, str, float, float, bool)
    pointDragged = Signal(str, str, float, float, bool)
    pairSelected = Signal(str)
    cursorMoved = Signal(str, float, float, bool)
    cursorLeft = Signal()
    nudged = Signal(str, float, float)
    windowDragged = Signal(str, float, float)
    windowDropped = Signal(str)
    autoWindowWanted = Signal(str)
    displayChosen = Signal(str, object)
    widthGiven = Signal(str, float)
    activeSideChanged = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panes = {side: Pane() for side in SIDES}
        self.fixed, self.moving = (self.panes[side].canvas for side in SIDES)
        self.captions = {side: self.panes[side].caption for side in SIDES}
        self.notes = {side: self.panes[side].note for side in SIDES}
        self.tool = Tool.SELECT
        self.is_locked = True
        self.active_side = SIDES[0]
        self._link: ViewLink | None = None
        self._uncertainty: LocalUncertainty | None = None
        self._is_following = False
        self._rows: tuple[PairRow, ...] = ()
        self._selected = ""
        self._facts = dict.fromkeys(SIDES, SideFacts())
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(3)
        for side in SIDES:
            splitter.addWidget(self.panes[side])
        splitter.setSizes([1000, 1000])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter)
        for side in SIDES:
            self._connect(side)

    def _connect(self, side: str) -> None:
        canvas, form = self.canvas(side), self.panes[side].display.form
        canvas.pointer = SidePointer(self, canvas, side)
        canvas.viewChanged.connect(lambda: self._follow(side))
        canvas.cursorMoved.connect(lambda x, y: self._on_cursor(side, x, y))
        canvas.cursorLeft.connect(self._on_cursor_left)
        canvas.arrowPressed.connect(lambda dx, dy: self.nudged.emit(side, dx, dy))
        form.displayChosen.connect(lambda chosen: self.displayChosen.emit(side, chosen))
        form.autoWanted.connect(lambda: self.autoWindowWanted.emit(side))
        form.widthGiven.connect(lambda width: self.widthGiven.emit(side, width))

    def canvas(self, side: str) -> ImageCanvas:
        """Return the canvas of a side."""
        return self.fixed if side == "fixed" else self.moving

    # -- what is shown -------------------------------------------------------------------------------

    def show_images(self, fixed: Picture | None, moving: Picture | None) -> None:
        """Show two images, or none."""
        self._link, self._uncertainty, self._rows = None, None, ()
        self._is_following = True
        try:
            self.fixed.show_image(fixed)
            self.moving.show_image(moving)
        finally:
            self._is_following = False
        for canvas in (self.fixed, self.moving):
            canvas.overlay.show_marks([], "")
            canvas.overlay.show_ghost(None)
            canvas.overlay.show_scale(None)

    def show_rows(self, rows: Sequence[PairRow], selected: str) -> None:
        """Draw the points of both sides, and where the transform puts the missing ones."""
        is_same = tuple(rows) == self._rows
        self._rows, self._selected = tuple(rows), selected
        if not is_same:
            self._uncertainty = self._measured_uncertainty()
        for side in SIDES:
            self.canvas(side).overlay.show_marks(self._marks(side), selected)

    def show_names(self, is_shown: bool) -> None:
        """Write the names beside the points, or not."""
        for side in SIDES:
            self.canvas(side).overlay.show_names(is_shown)

    def set_caption(self, side: str, title: str, note: str = "") -> None:
        """Write what a pane shows, and a short note on its right."""
        self.captions[side].setText(title)
        self.notes[side].setText(note)

    # -- display -------------------------------------------------------------------------------------

    def show_pixels(self, side: str, image: Picture) -> None:
        """Draw other pixels of the same image; pan and zoom stay."""
        self.canvas(side).show_image(image, keep_view=True)

    def show_window(self, side: str, window: Window, *, is_changing: bool) -> None:
        """Show the values between two as black to white, and say them while they change."""
        self.canvas(side).set_window(window)
        self.panes[side].display.form.show_window(window)
        if is_changing:
            centre, width = (window[0] + window[1]) / 2, window[1] - window[0]
            text = self.tr("centre {centre}   width {width}")
            self.notes[side].setText(text.format(centre=f"{centre:.0f}", width=f"{width:.0f}"))

    def show_vessels(self, side: str, strength: npt.NDArray[np.float32] | None, opacity: float) -> None:
        """Lay a map of vessels over the image, or take it away."""
        self.canvas(side).show_vessels(strength, colour=display().colours["vessels"], opacity=opacity)

    def show_display(self, side: str, display: SideDisplay) -> None:
        """Show which ways of display are on."""
        self.panes[side].display.show_display(display)

    def show_facts(self, side: str, facts: SideFacts) -> None:
        """Say what is known of the image: eye, orientation, size."""
        self._facts[side] = facts
        self.panes[side].show_facts(facts)
        self._show_scales()

    def _show_scales(self) -> None:
        for side in SIDES:
            spacing = self._facts[side].spacing_mm
            scale = None if spacing is None else Scale(spacing)
            self.canvas(side).overlay.show_scale(scale or self._derived_scale(side))

    def _derived_scale(self, side: str) -> Scale | None:
        """Return the spacing that follows from the other image through the transform."""
        other = SIDES[1 - SIDES.index(side)]
        spacing, size = self._facts[other].spacing_mm, self.canvas(side).image_size
        if spacing is None or size is None or self._link is None or self._link.is_guess:
            return None
        view = self._link.partner_view(side, ((size[0] - 1) / 2, (size[1] - 1) / 2))
        return None if view is None else Scale(spacing * view.scale, is_derived=True)

    # -- link ----------------------------------------------------------------------------------------

    def set_link(self, fixed_from_moving: PointTransform | None, sizes: tuple[Size, Size]) -> None:
        """Link the panes through a transform; None links them by their sizes.

        Parameters
        ----------
        sizes : (fixed, moving)
            As (width, height) in px.
        """
        self._link = ViewLink(fixed_from_moving, *sizes)
        self._uncertainty = self._measured_uncertainty()
        for side in SIDES:
            self.canvas(side).overlay.show_marks(self._marks(side), self._selected)
        self._show_scales()
        self._follow("fixed")

    def preview_link(self, fixed_from_moving: PointTransform | None) -> None:
        """Link the panes as they would be if a dragged point were put down; its own pane stays."""
        if self._link is not None:
            self._link = self._link.through(fixed_from_moving)
            self._follow(self.active_side)

    def set_locked(self, is_locked: bool) -> None:
        """Let the panes follow each other, or not."""
        self.is_locked = is_locked
        self._follow(self.active_side)

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
        return None if self._link is None else self._link.mapped(side, xy)

    def shut(self) -> None:
        """Let go of both canvases."""
        self.fixed.shut()
        self.moving.shut()

    def _follow(self, leader: str) -> None:
        """Let the other pane look at the same place at the same size."""
        if self._is_following or not self.is_locked or self._link is None:
            return
        other = self.moving if leader == "fixed" else self.fixed
        ahead = self.canvas(leader)
        if ahead.image_size is None or other.image_size is None:
            return
        view = self._link.partner_view(leader, ahead.centre_xy)
        if view is None:
            return
        self._is_following = True
        try:
            other.look_at(view.centre_xy, ahead.zoom / view.scale)
        finally:
            self._is_following = False

    def _measured_uncertainty(self) -> LocalUncertainty | None:
        used = [row for row in self._rows if row.fit_px is not None and row.fixed_xy and row.moving_xy]
        if self._link is None or self._link.is_guess or not used:
            return None
        return uncertainty_of(
            self._link.fixed_from_moving,
            [row.fixed_xy for row in used],
            [row.moving_xy for row in used],
            [row.fit_px for row in used],
            [np.nan if row.loo_px is None else row.loo_px for row in used],
        )

    def _ghost(self, side: str, xy: Point) -> Ghost | None:
        """Return the cursor of a side as it is drawn in the other one."""
        if self._link is None or (self._link.is_guess and not self.is_locked):
            return None
        partner = self._link.mapped(side, xy)
        if partner is None:
            return None
        fixed_xy = xy if side == "fixed" else partner
        radius = None if self._uncertainty is None else self._uncertainty.radius_px(fixed_xy)
        if radius is not None and side == "fixed":
            scale = self._link.fixed_from_moving.scale_at(partner)
            radius = radius / scale if scale > 0 else None
        return Ghost(partner, radius, self._link.is_guess)

    def _marks(self, side: str) -> list[Mark]:
        marks = []
        for index, row in enumerate(self._rows):
            here, there = row.fixed_xy, row.moving_xy
            if side == "moving":
                here, there = there, here
            colour = display().point_colour(index)
            if here is not None:
                marks.append(Mark(row.id, row.label, here, row.state, colour, row.score))
            elif there is not None and self._link is not None and not self._link.is_guess:
                partner = self._link.mapped("moving" if side == "fixed" else "fixed", there)
                if partner is not None:
                    marks.append(Mark(row.id, row.label, partner, row.state, colour, is_derived=True))
        return marks

    # -- mouse and keys ------------------------------------------------------------------------------

    @property
    def grabs_points(self) -> bool:
        """Whether a press on a point takes hold of it."""
        return self.tool is Tool.SELECT

    def grab_started(self, _side: str, mark_id: str) -> None:
        """Select a point that is about to move."""
        self.pairSelected.emit(mark_id)

    def dragged(self, side: str, mark_id: str, xy: Point, *, has_alt: bool) -> None:
        """Tell where a dragged point is."""
        self.pointDragged.emit(mark_id, side, *xy, has_alt)

    def dropped(self, side: str, mark_id: str, xy: Point, *, has_alt: bool) -> None:
        """Tell where a dragged point was put down."""
        self.pointMoved.emit(mark_id, side, *xy, has_alt)

    def clicked(self, side: str, mark_id: str, xy: Point, *, has_alt: bool) -> None:
        """Select what was clicked, or add a point."""
        if mark_id or self.tool is Tool.SELECT:
            self.pairSelected.emit(mark_id)
        elif self.canvas(side).contains(xy):
            self.pointAdded.emit(side, *xy, has_alt)

    def window_dragged(self, side: str, offset: QPointF) -> None:
        """Tell that brightness and contrast are dragged."""
        self.windowDragged.emit(side, offset.x(), offset.y())

    def window_dropped(self, side: str, *, is_double: bool) -> None:
        """Tell that the drag ended, or that the automatic brightness is wanted."""
        self.notes[side].setText("")
        (self.autoWindowWanted if is_double else self.windowDropped).emit(side)

    def _on_cursor(self, side: str, x: float, y: float) -> None:
        other = self.moving if side == "fixed" else self.fixed
        if side != self.active_side:
            self.active_side = side
            self.activeSideChanged.emit(side)
        self.canvas(side).overlay.show_ghost(None)
        other.overlay.show_ghost(self._ghost(side, (x, y)))
        has_alt = bool(self.canvas(side).modifiers & Qt.KeyboardModifier.AltModifier)
        self.cursorMoved.emit(side, x, y, has_alt)

    def _on_cursor_left(self) -> None:
        for canvas in (self.fixed, self.moving):
            canvas.overlay.show_ghost(None)
        self.cursorLeft.emit()
