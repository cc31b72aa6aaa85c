"""The mouse of one image in the other, with a circle of how far it may be off; and the snap ring."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from workstation.viewers.marks import HALO, paint_text

_ARM_PX = 9.0
_SMALLEST_RADIUS_PX = 6.0
"""On the screen: a smaller circle could not be told from the cross. The number beside it stays true."""
_GHOST = QColor("#ffffff")
_SNAP = QColor("#F0E442")


@dataclass(frozen=True, slots=True)
class Ghost:
    """The cursor of the other image.

    Parameters
    ----------
    xy : (x, y)
        Pixels of this image.
    radius_px : float or None
        How far it may be off, in pixels of this image; None when that is not known.
    is_guess : bool
        There is no transform: one whole image was laid on the other.
    """

    xy: tuple[float, float]
    radius_px: float | None = None
    is_guess: bool = False


def paint_ghost(painter: QPainter, at: QPointF, ghost: Ghost, zoom: float) -> None:
    """Draw the cursor at a screen position: dotted for a guess, and else with its circle where known."""
    style = Qt.PenStyle.DotLine if ghost.is_guess else Qt.PenStyle.SolidLine
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in ((HALO, 3.0), (_GHOST, 1.0)):
        painter.setPen(QPen(colour, width, style))
        for gap in ((2.0, _ARM_PX), (-2.0, -_ARM_PX)):
            painter.drawLine(at + QPointF(gap[0], 0), at + QPointF(gap[1], 0))
            painter.drawLine(at + QPointF(0, gap[0]), at + QPointF(0, gap[1]))
    if ghost.radius_px is None or ghost.is_guess:
        return
    radius = max(_SMALLEST_RADIUS_PX, ghost.radius_px * zoom)
    for colour, width in ((HALO, 3.0), (_GHOST, 1.2)):
        painter.setPen(QPen(colour, width))
        painter.drawEllipse(at, radius, radius)
    # Beside the arm of the cross, also where the circle is larger than the pane.
    offset = min(radius, 60.0) * 0.7071 + 4
    paint_text(painter, at + QPointF(offset, -offset), radius_text(ghost.radius_px), _GHOST)


def radius_text(radius_px: float) -> str:
    """Return how far a place may be off."""
    return f"± {radius_px:.1f} px" if radius_px >= 0.05 else "± < 0.1 px"


def paint_snap(painter: QPainter, at: QPointF, radius: float, target: QPointF | None) -> None:
    """Draw the ring within which a click snaps, and a diamond on what it would take."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in ((HALO, 2.5), (_SNAP, 1.0)):
        painter.setPen(QPen(colour, width, Qt.PenStyle.DashLine))
        painter.drawEllipse(at, radius, radius)
    if target is not None:
        corners = [QPointF(0, -6), QPointF(6, 0), QPointF(0, 6), QPointF(-6, 0)]
        for colour, width in ((HALO, 4.0), (_SNAP, 1.8)):
            painter.setPen(QPen(colour, width))
            painter.drawPolygon(QPolygonF([target + corner for corner in corners]))
