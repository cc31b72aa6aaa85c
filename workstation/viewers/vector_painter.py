"""Residual vectors over an image: an arrow from where a point was mapped to where it belongs."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPen, QPolygonF

from engines.imaging.comparison import ResidualVectors, magnification_for, viridis
from workstation.viewers.marks import HALO, paint_text

WANTED_PX = 60.0
"""How long most arrows become on the screen when nobody chose a magnification."""
_HEAD_PX = 8.0
_LEGEND_PX = (120.0, 9.0)
_STOPS = 8


def shown_magnification(vectors: ResidualVectors, chosen: int, zoom: float) -> int:
    """Return by how much the arrows are magnified; 0 chooses from the lengths."""
    return chosen or magnification_for(vectors.length_px, WANTED_PX / max(zoom, 1e-9))


def paint_vectors(
    painter: QPainter,
    vectors: ResidualVectors,
    to_screen: Callable[[tuple[float, float]], QPointF],
    magnification: int,
) -> None:
    """Draw every arrow, coloured by its length in viridis."""
    if not len(vectors.length_px):
        return
    longest = max(float(vectors.length_px.max()), 1e-9)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    colours = viridis(vectors.length_px / longest)
    for mapped, true, colour in zip(vectors.mapped_xy, vectors.true_xy, colours, strict=True):
        start = to_screen((mapped[0], mapped[1]))
        end = mapped + (true - mapped) * magnification
        _paint_arrow(painter, start, to_screen((end[0], end[1])), QColor(colour))


def _paint_arrow(painter: QPainter, start: QPointF, end: QPointF, colour: QColor) -> None:
    angle = math.atan2(end.y() - start.y(), end.x() - start.x())
    length = math.hypot(end.x() - start.x(), end.y() - start.y())
    head = min(_HEAD_PX, 0.6 * length)
    for pen_colour, width in ((HALO, 5.0), (colour, 2.4)):
        painter.setPen(QPen(pen_colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawLine(start, end)
        painter.drawPolyline(
            QPolygonF(
                [
                    end - QPointF(math.cos(angle + turn), math.sin(angle + turn)) * head
                    if turn
                    else QPointF(end)
                    for turn in (0.5, 0.0, -0.5)
                ]
            )
        )
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawEllipse(start, 2.6, 2.6)


def paint_vector_legend(painter: QPainter, area: QRectF, longest_px: float, text: str) -> None:
    """Draw the colour bar with its ends, and a text above it, at the lower right."""
    width, height = _LEGEND_PX
    bar = QRectF(area.right() - width - 58, area.bottom() - height - 18, width, height)
    gradient = QLinearGradient(bar.topLeft(), bar.topRight())
    for number, colour in enumerate(viridis([stop / (_STOPS - 1) for stop in range(_STOPS)])):
        gradient.setColorAt(number / (_STOPS - 1), QColor(colour))
    painter.setPen(QPen(HALO, 1.5))
    painter.setBrush(gradient)
    painter.drawRect(bar)
    white = QColor("#ffffff")
    font = painter.font()
    font.setPixelSize(12)
    painter.setFont(font)
    paint_text(painter, bar.topLeft() + QPointF(-12, height), "0", white)
    paint_text(painter, bar.topRight() + QPointF(5, height), f"{longest_px:.2g} px", white)
    wide = painter.fontMetrics().horizontalAdvance(text)
    paint_text(painter, QPointF(area.right() - 12 - wide, bar.top() - 8), text, white)
