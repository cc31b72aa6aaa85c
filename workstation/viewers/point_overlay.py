"""What is painted above a canvas, without OpenGL: points, ghost cursor, snap ring, scale bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from workstation.viewers.ghost_cursor import Ghost, paint_ghost, paint_snap
from workstation.viewers.marks import Mark, paint_mark, paint_pointer_to
from workstation.viewers.scale_bar import Scale, paint_scale_bar
from workstation.views.elements.display import display

__all__ = ["Mark", "Point", "PointOverlay"]

Point = tuple[float, float]
_BORDER_PX = 40
_FONT_PX = 12


class PointOverlay(QWidget):
    """A transparent widget above a canvas.

    Parameters
    ----------
    parent : QWidget
        The canvas.
    canvas_from_image : callable
        Screen position of an image position.
    zoom : callable
        Screen pixels per image pixel.
    """

    def __init__(
        self,
        parent: QWidget,
        canvas_from_image: Callable[[Point], QPointF],
        zoom: Callable[[], float],
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setStyleSheet("background: transparent;")
        self._canvas_from_image = canvas_from_image
        self._zoom = zoom
        self._marks: list[Mark] = []
        self._selected = ""
        self._ghost: Ghost | None = None
        self._snap: tuple[Point, float, Point | None] | None = None
        self._scale: Scale | None = None
        self._has_names = True
        self.resize(parent.size())

    @property
    def marks(self) -> list[Mark]:
        """The points that are drawn."""
        return list(self._marks)

    @property
    def selected(self) -> str:
        """Id of the selected point."""
        return self._selected

    @property
    def ghost(self) -> Ghost | None:
        """The ghost cursor that is drawn."""
        return self._ghost

    @property
    def scale(self) -> Scale | None:
        """What the scale bar stands for, or None without one."""
        return self._scale

    def show_marks(self, marks: Sequence[Mark], selected: str) -> None:
        """Draw points."""
        if list(marks) == self._marks and selected == self._selected:
            return
        self._marks, self._selected = list(marks), selected
        self.update()

    def move_mark(self, mark_id: str, xy: Point) -> None:
        """Draw one point elsewhere, while it is dragged."""
        self._marks = [replace(mark, xy=xy) if mark.id == mark_id else mark for mark in self._marks]
        self.update()

    def show_names(self, is_shown: bool) -> None:
        """Write the names beside the points, or beside the selected one only."""
        if is_shown != self._has_names:
            self._has_names = is_shown
            self.update()

    def show_ghost(self, ghost: Ghost | None) -> None:
        """Draw where the cursor of the other image would be, or nothing."""
        if ghost != self._ghost:
            self._ghost = ghost
            self.update()

    def show_snap(self, xy: Point | None, radius_px: float = 0.0, target_xy: Point | None = None) -> None:
        """Draw within which distance a click snaps, and to what; None draws nothing.

        Parameters
        ----------
        xy : (x, y) or None
            Where the mouse is, in pixels of the image.
        radius_px : float
            In pixels of the image.
        target_xy : (x, y) or None
            What a click would take.
        """
        snap = None if xy is None else (xy, radius_px, target_xy)
        if snap != self._snap:
            self._snap = snap
            self.update()

    def show_scale(self, scale: Scale | None) -> None:
        """Draw a scale bar, or none."""
        if scale != self._scale:
            self._scale = scale
            self.update()

    def hit(self, at: QPointF) -> str:
        """Return the id of the nearest point under a position in screen px, or an empty text."""
        reach = display().point_size_px / 2 + 5
        nearest, found = reach, ""
        for mark in self._marks:
            if mark.is_derived:
                continue
            offset = self._canvas_from_image(mark.xy) - at
            distance = (offset.x() ** 2 + offset.y() ** 2) ** 0.5
            # The selected point wins where points overlap.
            if distance <= nearest or (mark.id == self._selected and distance <= reach):
                nearest, found = distance, mark.id
        return found

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw scale bar, snap ring, ghost, points, and the selected one last."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(self.font())
        font.setPixelSize(_FONT_PX)
        font.setBold(True)
        painter.setFont(font)
        if self._scale is not None:
            paint_scale_bar(painter, QRectF(self.rect()), self._scale, self._zoom())
        if self._snap is not None:
            xy, radius_px, target_xy = self._snap
            target = None if target_xy is None else self._canvas_from_image(target_xy)
            paint_snap(painter, self._canvas_from_image(xy), radius_px * self._zoom(), target)
        if self._ghost is not None:
            paint_ghost(painter, self._canvas_from_image(self._ghost.xy), self._ghost, self._zoom())
        area = QRectF(self.rect())
        shown = area.adjusted(-_BORDER_PX, -_BORDER_PX, _BORDER_PX, _BORDER_PX)
        for mark in sorted(self._marks, key=lambda mark: mark.id == self._selected):
            at, is_selected = self._canvas_from_image(mark.xy), mark.id == self._selected
            if is_selected and not area.contains(at):
                paint_pointer_to(painter, area, at, mark)
            elif shown.contains(at):
                has_name = self._has_names or is_selected
                paint_mark(painter, at, mark, is_selected=is_selected, has_name=has_name)
        painter.end()
