"""A scale bar of a round length; drawn only where the spacing of the pixels is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from workstation.viewers.marks import HALO, paint_text

LONGEST_SHARE = 0.25
"""Of the width of the pane."""
LONGEST_PX = 160.0
_MARGIN_PX = 16.0
_INK = QColor("#ffffff")


@dataclass(frozen=True, slots=True)
class Scale:
    """Spacing of the pixels of an image.

    Parameters
    ----------
    spacing_mm : float
        Distance of neighbouring pixels.
    is_derived : bool
        It follows from the other image through the transform, and is only as good as that.
    """

    spacing_mm: float
    is_derived: bool = False


def round_length(longest_mm: float) -> float:
    """Return the largest of 1, 2 and 5 times a power of ten that is not longer, in mm."""
    power = 10.0 ** math.floor(math.log10(longest_mm) + 1e-9)
    return max(factor * power for factor in (1.0, 2.0, 5.0) if factor * power <= longest_mm * (1 + 1e-9))


def length_text(length_mm: float) -> str:
    """Return a length in mm, or in µm below one."""
    return f"{length_mm:g} mm" if length_mm >= 1.0 else f"{length_mm * 1000:g} µm"


def paint_scale_bar(painter: QPainter, area: QRectF, scale: Scale, zoom: float) -> None:
    """Draw the bar at the lower left.

    Parameters
    ----------
    zoom : float
        Screen pixels per image pixel.
    """
    if zoom <= 0 or scale.spacing_mm <= 0:
        return
    screen_px_of_mm = zoom / scale.spacing_mm
    length_mm = round_length(min(LONGEST_PX, LONGEST_SHARE * area.width()) / screen_px_of_mm)
    left = QPointF(area.left() + _MARGIN_PX, area.bottom() - _MARGIN_PX)
    right = left + QPointF(length_mm * screen_px_of_mm, 0)
    up = QPointF(0, 5)
    style = Qt.PenStyle.DashLine if scale.is_derived else Qt.PenStyle.SolidLine
    for colour, width, line in ((HALO, 5.0, Qt.PenStyle.SolidLine), (_INK, 2.0, style)):
        painter.setPen(QPen(colour, width, line, Qt.PenCapStyle.FlatCap))
        painter.drawLine(left, right)
        painter.setPen(QPen(colour, width))
        for end in (left, right):
            painter.drawLine(end - up, end + up)
    text = length_text(length_mm)
    paint_text(painter, left - QPointF(0, 9), f"≈ {text}" if scale.is_derived else text, _INK)
