"""Panels of kind `decision`: which of two classes is said from a threshold on, and how often rightly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSignalBlocker, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from engines.contract.panels import PanelFile
from engines.imaging.classification import Decisions, decide, wilson
from workstation.views.elements.theme import current_theme, palette
from workstation.views.panels import PanelWidget
from workstation.views.panels.table import TablePanel
from workstation.views.runs.run_words import spoken

STEPS = 200
"""Positions of a slider between 0 and 1."""
WIDEST_BAND = 0.49
_KEEP_MS = 400
_ROW_PX = 34
_DOT_PX = 4.0


class ScoreStrip(QWidget):
    """Every case as a dot at its score, one row a class; the threshold as a line, the band as a shade."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.classes: tuple[str, ...] = ()
        self.scores: Sequence[float] = ()
        self.is_positive: Sequence[bool] = ()
        self.threshold, self.band = 0.5, 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Leave room for two rows."""
        return QSize(240, 2 * _ROW_PX + 6)

    def place_of(self, score: float) -> float:
        """Return where a score lies, in px from the left."""
        return self._left() + score * self._width()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw names, shade, dots and line."""
        colours = {name: QColor(value) for name, value in palette(current_theme()).items()}
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top, bottom = 3.0, 2.0 * _ROW_PX + 3
        low, high = (self.place_of(min(max(self.threshold + way * self.band, 0), 1)) for way in (-1, 1))
        painter.fillRect(QRectF(low, top, high - low, bottom - top), colours["selection"])
        for row, name in enumerate(self.classes):
            middle = top + (row + 0.5) * _ROW_PX
            painter.setPen(colours["text"])
            box = QRectF(0, middle - _ROW_PX / 2, self._left() - 12, _ROW_PX)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, name)
            painter.setPen(colours["border"])
            painter.drawLine(QPointF(self.place_of(0), middle), QPointF(self.place_of(1), middle))
        painter.setPen(Qt.PenStyle.NoPen)
        for number, (score, positive) in enumerate(zip(self.scores, self.is_positive, strict=True)):
            # Cases of one score stay apart.
            middle = top + (positive + 0.5) * _ROW_PX + (number % 5 - 2) * 3
            is_said = abs(score - self.threshold) >= self.band - 1e-9
            is_right = (score >= self.threshold) == bool(positive)
            colour = colours["done" if is_right else "failed"] if is_said else colours["stale"]
            colour.setAlphaF(0.85)
            painter.setBrush(colour)
            centre = QPointF(self.place_of(score), middle)
            if is_said and not is_right:
                # Wrong ones differ in shape too: colour is never alone.
                painter.drawRect(QRectF(centre.x() - _DOT_PX, centre.y() - _DOT_PX, 2 * _DOT_PX, 2 * _DOT_PX))
            else:
                painter.drawEllipse(centre, _DOT_PX, _DOT_PX)
        painter.setPen(QPen(colours["accent"], 2))
        at = self.place_of(self.threshold)
        painter.drawLine(QPointF(at, top), QPointF(at, bottom))
        painter.end()

    def _left(self) -> float:
        metrics = QFontMetricsF(self.font())
        return max([24.0, *(metrics.horizontalAdvance(name) + 20 for name in self.classes)])

    def _width(self) -> float:
        return max(1.0, self.width() - self._left() - 14)


class DecisionPanel(PanelWidget):
    """Draws ``{"classes", "scores", "is_positive", "threshold", "band"}``; the last two can be moved."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._given: dict[str, Any] = {}
        self.strip = ScoreStrip(self)
        self.slider = QSlider(Qt.Orientation.Horizontal, self)
        self.slider.setRange(0, STEPS)
        self.slider.setPageStep(STEPS // 20)
        self.threshold = _number(self, 1.0)
        self.band = _number(self, WIDEST_BAND)
        self.said_from = QLabel(self)
        self.said_from.setBuddy(self.threshold)
        within = QLabel(self.tr("Say nothing nearer than"), self)
        within.setBuddy(self.band)
        self.reset = QPushButton(self.tr("As evaluated"), self)
        self.reset.setToolTip(self.tr("Go back to the threshold and the band of the evaluation"))
        self.slider.setToolTip(self.tr("Threshold: move it and see who would be called what"))
        self.slider.setAccessibleName(self.tr("Threshold"))
        self.band.setToolTip(self.tr("Cases this near to the threshold are called neither"))
        self.matrix = TablePanel(self)
        self.facts = QLabel(self)
        self.facts.setWordWrap(True)
        self.facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        controls = QGridLayout()
        controls.addWidget(self.said_from, 0, 0)
        controls.addWidget(self.threshold, 0, 1)
        controls.addWidget(self.slider, 0, 2)
        controls.addWidget(within, 1, 0)
        controls.addWidget(self.band, 1, 1)
        controls.addWidget(self.reset, 1, 2, Qt.AlignmentFlag.AlignLeft)
        controls.setColumnStretch(2, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 4, 0)
        layout.addLayout(controls)
        layout.addWidget(self.strip)
        layout.addWidget(self.facts)
        layout.addWidget(self.matrix, 1)
        self._keep = QTimer(self)
        self._keep.setSingleShot(True)
        self._keep.setInterval(_KEEP_MS)
        self._keep.timeout.connect(lambda: self.viewChanged.emit(self.view()))
        self.slider.valueChanged.connect(lambda place: self.threshold.setValue(place / STEPS))
        self.threshold.valueChanged.connect(self._on_changed)
        self.band.valueChanged.connect(self._on_changed)
        self.reset.clicked.connect(self._reset)

    def show_panel(self, panel: PanelFile, run_folder: Path) -> None:
        """Take in the scores; threshold and band stay where they were moved to, unless the scores changed."""
        if panel.data == self._given:
            return
        self._given = dict(panel.data)
        self.strip.classes = tuple(spoken(str(name)) for name in panel.data.get("classes", ()))
        self.strip.scores = [float(score) for score in panel.data.get("scores", ())]
        self.strip.is_positive = [bool(value) for value in panel.data.get("is_positive", ())]
        positive = self.strip.classes[-1] if self.strip.classes else ""
        self.said_from.setText(self.tr("Say {positive} from").format(positive=positive))
        self.set_view({})

    def view(self) -> dict[str, float]:
        """Return where threshold and band stand."""
        return {"threshold": round(self.threshold.value(), 4), "band": round(self.band.value(), 4)}

    def set_view(self, values: Mapping[str, Any]) -> None:
        """Put threshold and band where they were left, else where the evaluation had them."""
        for name, field in (("threshold", self.threshold), ("band", self.band)):
            value = values.get(name, self._given.get(name, field.value()))
            if isinstance(value, int | float):
                with QSignalBlocker(field):
                    field.setValue(float(value))
        self._draw()

    def _reset(self) -> None:
        self.set_view({})
        self._keep.start()

    def _on_changed(self) -> None:
        self._draw()
        self._keep.start()

    def _draw(self) -> None:
        threshold, band = self.threshold.value(), self.band.value()
        with QSignalBlocker(self.slider):
            self.slider.setValue(round(threshold * STEPS))
        self.reset.setEnabled(
            any(
                name in self._given and abs(float(self._given[name]) - value) > 1e-6
                for name, value in self.view().items()
            )
        )
        self.strip.threshold, self.strip.band = threshold, band
        self.strip.update()
        if not self.strip.scores:
            self.facts.clear()
            self.matrix.fill([], [])
            return
        found = decide(self.strip.scores, self.strip.is_positive, threshold, band)
        self._show(found)

    def _show(self, found: Decisions) -> None:
        negative, positive = self.strip.classes
        said = found.said
        rows = [
            (negative, (said.true_negative, said.false_positive, found.undecided_negative)),
            (positive, (said.false_negative, said.true_positive, found.undecided_positive)),
        ]
        self.matrix.fill(
            [
                "",
                self.tr("Said: {name}").format(name=negative),
                self.tr("Said: {name}").format(name=positive),
                self.tr("Nothing said"),
            ],
            [
                [self.tr("True: {name}").format(name=name), *(_share_text(n, sum(counts)) for n in counts)]
                for name, counts in rows
            ],
        )
        self.facts.setText(
            "   ".join(
                (
                    self.tr("Sensitivity ({name}) {value}").format(
                        name=positive, value=_interval_text(*found.sensitivity)
                    ),
                    self.tr("Specificity ({name}) {value}").format(
                        name=negative, value=_interval_text(*found.specificity)
                    ),
                    self.tr("Right {value}").format(
                        value=_interval_text(said.true_positive + said.true_negative, found.num_said)
                    ),
                    self.tr("Said of {said} of {all} cases").format(said=found.num_said, all=found.num_cases),
                )
            )
        )


def _number(parent: QWidget, largest: float) -> QDoubleSpinBox:
    field = QDoubleSpinBox(parent)
    field.setRange(0.0, largest)
    field.setDecimals(3)
    field.setSingleStep(0.01)
    field.setKeyboardTracking(False)
    return field


def _share_text(count: int, total: int) -> str:
    return f"{count}  ({count / total:.0%})" if total else f"{count}"


def _interval_text(hits: int, cases: int) -> str:
    """Return a share with its 95 % interval, or a dash where no case is."""
    interval = wilson(hits, cases)
    if interval is None:
        return "–"
    return f"{hits / cases:.3f} ({interval[0]:.2f}–{interval[1]:.2f})"


def build(parent: QWidget | None = None) -> DecisionPanel:
    """Return a drawer of decisions."""
    return DecisionPanel(parent)
