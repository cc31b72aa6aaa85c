"""How the residuals of the pairs are spread, in the space of two lines of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from workstation.views.elements.theme import current_theme, palette

_BARS = 16
_HEIGHT_PX = 46
_TEXT_PX = 15
_STEPS = (1.0, 2.0, 5.0, 10.0)


class ResidualHistogram(QWidget):
    """Bars from 0 to the next round number above the largest residual; hidden while there are few."""

    SMALLEST_NUMBER = 5

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: list[int] = []
        self._limit_px = 1.0
        self._mean_px = 0.0
        self.setFixedHeight(_HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.hide()

    @property
    def counts(self) -> list[int]:
        """Pairs in each bar."""
        return list(self._counts)

    @property
    def limit_px(self) -> float:
        """Residual at the right end."""
        return self._limit_px

    def show_residuals(self, residuals_px: Sequence[float]) -> None:
        """Show the spread of residuals.

        Parameters
        ----------
        residuals_px : sequence of float
            In pixels of the fixed image.
        """
        finite = [value for value in residuals_px if math.isfinite(value)]
        self.setVisible(len(finite) >= self.SMALLEST_NUMBER)
        if not finite:
            return
        self._limit_px = round_limit(max(finite))
        self._mean_px = sum(finite) / len(finite)
        self._counts = [0] * _BARS
        for value in finite:
            self._counts[min(_BARS - 1, int(value / self._limit_px * _BARS))] += 1
        text = self.tr("Residuals of {n} pairs, 0 to {limit} px; the line is their mean, {mean} px.")
        self.setToolTip(text.format(n=len(finite), limit=f"{self._limit_px:g}", mean=f"{self._mean_px:.2f}"))
        self.update()

    def sizeHint(self) -> QSize:
        """Return the size of a line of the panel."""
        return QSize(160, _HEIGHT_PX)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw bars, mean and the two ends of the axis."""
        colours = palette(current_theme())
        painter = QPainter(self)
        ground, width = self.height() - _TEXT_PX, self.width() / _BARS
        tallest = max(self._counts, default=0)
        for index, count in enumerate(self._counts):
            if count:
                height = max(2.0, (ground - 2) * count / tallest)
                painter.fillRect(
                    QRectF(index * width + 1, ground - height, width - 2, height), QColor(colours["accent"])
                )
        painter.setPen(QColor(colours["border"]))
        painter.drawLine(0, ground, self.width(), ground)
        painter.setPen(QColor(colours["warning"]))
        mean = round(self._mean_px / self._limit_px * self.width())
        painter.drawLine(mean, 0, mean, ground)
        painter.setPen(QColor(colours["muted"]))
        font = painter.font()
        font.setPixelSize(10)
        painter.setFont(font)
        baseline = self.height() - 3
        end = f"{self._limit_px:g} px"
        painter.drawText(0, baseline, "0")
        painter.drawText(self.width() - painter.fontMetrics().horizontalAdvance(end), baseline, end)
        painter.end()


def round_limit(largest: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, … times a power of ten that is not smaller."""
    if largest <= 0.01:
        return 0.01
    power = 10.0 ** math.floor(math.log10(largest))
    return next(step * power for step in _STEPS if step * power >= largest * (1 - 1e-9))
