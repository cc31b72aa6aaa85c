"""How a point is drawn: colour by pair, shape by state, number beside."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF

from workstation.views.elements.display import display

HALO = QColor(0, 0, 0, 190)
_LIGHTNESS_OF_TEXT = 175
_FILLED = ("placed", "half")
_DERIVED_ALPHA = 170


@dataclass(frozen=True, slots=True)
class Mark:
    """A point to draw.

    Parameters
    ----------
    id, label : str
    xy : (x, y)
        Pixels of the image.
    state : str
        placed: filled. half: a half disc. predicted: hollow. excluded: dashed. not_visible: a cross.
    colour : str
        ``"#rrggbb"``
    score : float or None
        Of a suggestion, 0 to 1; written behind its number.
    is_derived : bool
        Nobody placed it: the transform says that the partner of a point would lie here. Dotted.
    """

    id: str
    label: str
    xy: tuple[float, float]
    state: str
    colour: str
    score: float | None = None
    is_derived: bool = False

    @property
    def text(self) -> str:
        """What stands beside it: number and score."""
        if self.is_derived:
            return f"{self.label}?"
        has_score = self.state == "predicted" and self.score is not None
        return f"{self.label} {self.score:.2f}" if has_score else self.label


def paint_mark(painter: QPainter, at: QPointF, mark: Mark, *, is_selected: bool, has_name: bool) -> None:
    """Draw one point at a screen position: its outline on a dark halo, then its number."""
    look = display()
    size = look.selected_size_px if is_selected else look.point_size_px
    radius = look.point_size_px / 2
    colour = QColor(mark.colour)
    if mark.is_derived:
        colour.setAlpha(_DERIVED_ALPHA)
    _paint_shape(painter, at, mark, radius, colour)
    if is_selected and not mark.is_derived:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for pen in (QPen(HALO, 4.0), QPen(QColor(look.colours["selected"]), 2.0)):
            painter.setPen(pen)
            painter.drawEllipse(at, size / 2 + 1, size / 2 + 1)
    if has_name:
        text_colour = QColor(look.colours["selected"]) if is_selected else readable(colour)
        paint_text(painter, at + QPointF(size / 2 + 4, 4.5), mark.text, text_colour)


def paint_pointer_to(painter: QPainter, area: QRectF, at: QPointF, mark: Mark) -> None:
    """Draw an arrow at the border of the canvas towards a selected point that lies outside."""
    inner = area.adjusted(14, 14, -14, -14)
    tip = QPointF(
        min(max(at.x(), inner.left()), inner.right()), min(max(at.y(), inner.top()), inner.bottom())
    )
    angle = math.atan2(at.y() - tip.y(), at.x() - tip.x())
    corners = [
        tip + QPointF(math.cos(angle + turn), math.sin(angle + turn)) * length
        for turn, length in ((0.0, 10.0), (2.5, 9.0), (-2.5, 9.0))
    ]
    painter.setPen(QPen(HALO, 3.0))
    painter.setBrush(QColor(mark.colour))
    painter.drawPolygon(QPolygonF(corners))
    painter.setPen(QPen(QColor(display().colours["selected"]), 1.4))
    painter.drawPolygon(QPolygonF(corners))
    shift = QPointF(-30 if tip.x() > area.center().x() else 14, 4.5)
    paint_text(painter, tip + shift, mark.label, QColor(display().colours["selected"]))


def paint_text(painter: QPainter, at: QPointF, text: str, colour: QColor) -> None:
    """Write on a dark outline, readable on any image."""
    path = QPainterPath()
    path.addText(at, painter.font(), text)
    painter.setPen(QPen(HALO, 3.0))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(path)
    painter.fillPath(path, colour)


def readable(colour: QColor) -> QColor:
    """Return a colour light enough for a thin digit on a dark image."""
    lightness = max(colour.lightness(), _LIGHTNESS_OF_TEXT)
    return QColor.fromHsl(max(colour.hslHue(), 0), colour.hslSaturation(), lightness, colour.alpha())


def _paint_shape(painter: QPainter, at: QPointF, mark: Mark, radius: float, colour: QColor) -> None:
    shape = QPainterPath()
    if mark.state == "not_visible":
        for dx, dy in ((1, 1), (1, -1)):
            shape.moveTo(at - QPointF(dx * radius, dy * radius))
            shape.lineTo(at + QPointF(dx * radius, dy * radius))
    elif mark.state == "half" and not mark.is_derived:
        # A half disc: the other half of the pair is missing.
        shape.moveTo(at)
        shape.arcTo(QRectF(at.x() - radius, at.y() - radius, 2 * radius, 2 * radius), 90, 180)
        shape.closeSubpath()
    else:
        shape.addEllipse(at, radius, radius)
    style = Qt.PenStyle.SolidLine
    if mark.is_derived:
        style = Qt.PenStyle.DotLine
    elif mark.state == "excluded":
        style = Qt.PenStyle.DashLine
    is_filled = mark.state in _FILLED and not mark.is_derived
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(HALO, 4.5))
    painter.drawPath(shape)
    fill = QColor(colour)
    fill.setAlpha(235)
    painter.setBrush(fill if is_filled else Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, 2.0, style))
    painter.drawPath(shape)
    if mark.state == "half" and not mark.is_derived:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour, 1.6, Qt.PenStyle.DotLine))
        painter.drawEllipse(at, radius, radius)
    # The exact place stays visible in the middle of a filled point.
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 220) if mark.state == "placed" else colour)
    painter.drawEllipse(at, 1.3, 1.3)
