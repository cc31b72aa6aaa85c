"""Points over a canvas: colour by pair, shape by state, number beside; painted without OpenGL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from workstation.views.display import display

Point = tuple[float, float]
_HALO = QColor(0, 0, 0, 190)
_LIGHTNESS_OF_TEXT = 175


@dataclass(frozen=True, slots=True)
class Mark:
    """A point to draw.

    Parameters
    ----------
    id, label : str
    xy : (x, y)
        Pixels of the image.
    state : str
        placed, half, predicted, excluded or not_visible.
    colour : str
        ``"#rrggbb"``
    """

    id: str
    label: str
    xy: Point
    state: str
    colour: str


class PointOverlay(QWidget):
    """A transparent widget above a canvas.

    Parameters
    ----------
    parent : QWidget
        The canvas.
    canvas_from_image : callable
        Screen position of an image position.
    """

    def __init__(self, parent: QWidget, canvas_from_image: Callable[[Point], QPointF]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setStyleSheet("background: transparent;")
        self._canvas_from_image = canvas_from_image
        self._marks: list[Mark] = []
        self._selected = ""
        self._ghost: Point | None = None
        self.resize(parent.size())

    @property
    def marks(self) -> list[Mark]:
        """The points that are drawn."""
        return list(self._marks)

    @property
    def selected(self) -> str:
        """Id of the selected point."""
        return self._selected

    def show_marks(self, marks: Sequence[Mark], selected: str) -> None:
        """Draw points."""
        if list(marks) == self._marks and selected == self._selected:
            return
        self._marks, self._selected = list(marks), selected
        self.update()

    def move_mark(self, mark_id: str, xy: Point) -> None:
        """Draw one point elsewhere, while it is dragged."""
        self._marks = [
            Mark(mark.id, mark.label, xy, mark.state, mark.colour) if mark.id == mark_id else mark
            for mark in self._marks
        ]
        self.update()

    def show_ghost(self, xy: Point | None) -> None:
        """Draw where the cursor of the other image would be, or nothing."""
        if xy != self._ghost:
            self._ghost = xy
            self.update()

    def hit(self, at: QPointF) -> str:
        """Return the id of the nearest point under a position in screen px, or an empty text."""
        reach = display().point_size_px / 2 + 5
        nearest, found = reach, ""
        for mark in self._marks:
            offset = self._canvas_from_image(mark.xy) - at
            distance = (offset.x() ** 2 + offset.y() ** 2) ** 0.5
            # The selected point wins where points overlap.
            if distance <= nearest or (mark.id == self._selected and distance <= reach):
                nearest, found = distance, mark.id
        return found

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw ghost, points, and the selected one last."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(self.font())
        font.setPixelSize(12)
        font.setBold(True)
        painter.setFont(font)
        area = QRectF(self.rect()).adjusted(-40, -40, 40, 40)
        if self._ghost is not None:
            self._paint_ghost(painter, self._canvas_from_image(self._ghost))
        for mark in sorted(self._marks, key=lambda mark: mark.id == self._selected):
            at = self._canvas_from_image(mark.xy)
            if area.contains(at):
                paint_mark(painter, at, mark, is_selected=mark.id == self._selected)
        painter.end()

    def _paint_ghost(self, painter: QPainter, at: QPointF) -> None:
        for colour, width in ((_HALO, 3.0), (QColor("#ffffff"), 1.0)):
            painter.setPen(QPen(colour, width, Qt.PenStyle.DotLine))
            painter.drawLine(at + QPointF(-9, 0), at + QPointF(9, 0))
            painter.drawLine(at + QPointF(0, -9), at + QPointF(0, 9))


def paint_mark(painter: QPainter, at: QPointF, mark: Mark, *, is_selected: bool) -> None:
    """Draw one point at a screen position: its outline on a dark halo, then its number."""
    look = display()
    size = look.selected_size_px if is_selected else look.point_size_px
    colour = QColor(mark.colour)
    shape = QPainterPath()
    radius = look.point_size_px / 2
    if mark.state == "not_visible":
        for dx, dy in ((1, 1), (1, -1)):
            shape.moveTo(at - QPointF(dx * radius, dy * radius))
            shape.lineTo(at + QPointF(dx * radius, dy * radius))
    elif mark.state == "half":
        # A half disc: the other half of the pair is missing.
        shape.moveTo(at)
        shape.arcTo(QRectF(at.x() - radius, at.y() - radius, 2 * radius, 2 * radius), 90, 180)
        shape.closeSubpath()
    else:
        shape.addEllipse(at, radius, radius)
    style = Qt.PenStyle.DashLine if mark.state == "excluded" else Qt.PenStyle.SolidLine
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(_HALO, 4.5))
    painter.drawPath(shape)
    fill = QColor(colour)
    fill.setAlpha(235)
    painter.setBrush(fill if mark.state in ("placed", "half") else Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, 2.0, style))
    painter.drawPath(shape)
    if mark.state == "half":
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour, 1.6, Qt.PenStyle.DotLine))
        painter.drawEllipse(at, radius, radius)
    # The exact place stays visible in the middle of a filled point.
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 220) if mark.state == "placed" else colour)
    painter.drawEllipse(at, 1.3, 1.3)
    if is_selected:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for pen in (QPen(_HALO, 4.0), QPen(QColor(look.colours["selected"]), 2.0)):
            painter.setPen(pen)
            painter.drawEllipse(at, size / 2 + 1, size / 2 + 1)
    text = QPainterPath()
    text.addText(at + QPointF(size / 2 + 4, 4.5), painter.font(), mark.label)
    painter.setPen(QPen(_HALO, 3.0))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(text)
    # Dark colours are fine for a dot, not for a thin digit on a dark image.
    lightness = max(colour.lightness(), _LIGHTNESS_OF_TEXT)
    readable = QColor.fromHsl(max(colour.hslHue(), 0), colour.hslSaturation(), lightness)
    painter.fillPath(text, QColor(look.colours["selected"]) if is_selected else readable)
