"""What lies over a slice: crosshair, letters, numbers, brush and the polygon that is being drawn."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen, QPolygonF

from workstation.viewers.marks import HALO
from workstation.views.protocols.volume import Plane

PLANE_COLOURS = {Plane.AXIAL: "#ff6f61", Plane.CORONAL: "#5fd38d", Plane.SAGITTAL: "#f2cf4a"}
"""Of a plane's caption, and of the line that it cuts in the other two."""
GAP_PX = 14.0
"""Half the gap of the crosshair, through which the voxel in question stays visible."""
TEXT_PX = 12
LETTER_PX = 14
INK = QColor("#f2f4f6")
_SHADOW = QColor(0, 0, 0, 215)
_MARGIN_PX = 8.0
_CORNER_PX = 3.0


def paint_crosshair(painter: QPainter, area: QRectF, at: QPointF, *, upright: QColor, level: QColor) -> None:
    """Draw the lines along which the other two planes cut, with a gap in the middle."""
    x, y = round(at.x()) + 0.5, round(at.y()) + 0.5
    lines = (
        (upright, QLineF(x, area.top(), x, y - GAP_PX), QLineF(x, y + GAP_PX, x, area.bottom())),
        (level, QLineF(area.left(), y, x - GAP_PX, y), QLineF(x + GAP_PX, y, area.right(), y)),
    )
    for colour, before, behind in lines:
        painter.setPen(QPen(HALO, 2.6))
        painter.drawLines([before, behind])
        painter.setPen(QPen(colour, 1.2))
        painter.drawLines([before, behind])


def paint_letters(painter: QPainter, area: QRectF, letters: tuple[str, str, str, str]) -> None:
    """Write the anatomical directions at the middle of the edges: left, right, top, bottom."""
    inner = area.adjusted(_MARGIN_PX, _MARGIN_PX - 3, -_MARGIN_PX, -_MARGIN_PX + 2)
    centre = Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignVCenter
    edges = (
        Qt.AlignmentFlag.AlignLeft | centre[1],
        Qt.AlignmentFlag.AlignRight | centre[1],
        Qt.AlignmentFlag.AlignTop | centre[0],
        Qt.AlignmentFlag.AlignBottom | centre[0],
    )
    painter.setFont(sized(painter.font(), LETTER_PX, is_bold=True))
    for letter, edge in zip(letters, edges, strict=True):
        write(painter, inner, edge, letter, INK)


def paint_corner(painter: QPainter, area: QRectF, corner: Qt.AlignmentFlag, text: str, ink: QColor) -> None:
    """Write lines into a corner."""
    painter.setFont(sized(painter.font(), TEXT_PX))
    inner = area.adjusted(_MARGIN_PX + 2, _MARGIN_PX - 2, -_MARGIN_PX - 2, -_MARGIN_PX + 2)
    write(painter, inner, corner, text, ink)


def write(painter: QPainter, area: QRectF, where: Qt.AlignmentFlag, text: str, ink: QColor) -> None:
    """Write on a dark shadow; cheaper than an outline, which every frame of a scroll would pay."""
    painter.setPen(_SHADOW)
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        painter.drawText(area.translated(dx, dy), where, text)
    painter.setPen(ink)
    painter.drawText(area, where, text)


def sized(font: QFont, pixels: int, *, is_bold: bool = False) -> QFont:
    """Return a font of another size."""
    other = QFont(font)
    other.setPixelSize(pixels)
    other.setBold(is_bold)
    return other


def paint_brush(painter: QPainter, at: QPointF, radius_px: float) -> None:
    """Draw the edge of the brush."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in (QPen(HALO, 3.0), QPen(INK, 1.3)):
        painter.setPen(pen)
        painter.drawEllipse(at, radius_px, radius_px)
    if radius_px > 6:
        painter.drawLine(QLineF(at.x() - 2, at.y(), at.x() + 2, at.y()))
        painter.drawLine(QLineF(at.x(), at.y() - 2, at.x(), at.y() + 2))


def paint_polygon(painter: QPainter, corners: Sequence[QPointF], mouse: QPointF | None, ink: QColor) -> None:
    """Draw the corners so far, and where the next edge would go."""
    if not corners:
        return
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in ((HALO, 3.4), (ink, 1.6)):
        painter.setPen(QPen(colour, width))
        painter.drawPolyline(QPolygonF(list(corners)))
    if mouse is not None:
        painter.setPen(QPen(ink, 1.2, Qt.PenStyle.DashLine))
        painter.drawLine(corners[-1], mouse)
        painter.drawLine(mouse, corners[0])
    painter.setPen(QPen(HALO, 1.0))
    for number, corner in enumerate(corners):
        # The first one is where the polygon closes.
        painter.setBrush(INK if number == 0 else ink)
        painter.drawEllipse(corner, _CORNER_PX + (number == 0), _CORNER_PX + (number == 0))
