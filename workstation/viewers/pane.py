"""One side of the pair view: its bar, a sentence of warning below it, and its canvas."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from workstation.viewers.canvas import ImageCanvas
from workstation.views.pairs.display_bar import DisplayButton, warning_text
from workstation.views.protocols.display import SideFacts


class Pane(QWidget):
    """A pane.

    Attributes
    ----------
    caption, note : QLabel
        What the pane shows, and a short note on its right.
    laterality : QLabel
        OD or OS.
    warning : QLabel
        Why the orientation may be wrong; hidden when it is empty.
    display : DisplayButton
    canvas : ImageCanvas
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.caption, self.note, self.laterality, self.warning = QLabel(), QLabel(), QLabel(), QLabel()
        self.display = DisplayButton()
        self.canvas = ImageCanvas()
        bar = QFrame()
        bar.setObjectName("pane_bar")
        row = QHBoxLayout(bar)
        row.setContentsMargins(10, 2, 6, 2)
        bold = QFont(self.laterality.font())
        bold.setBold(True)
        self.laterality.setFont(bold)
        self.laterality.setContentsMargins(6, 0, 6, 0)
        self.laterality.hide()
        self.note.setProperty("role", "muted")
        self.note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.note.setMinimumWidth(0)
        row.addWidget(self.caption)
        row.addWidget(self.laterality)
        row.addWidget(self.note, 1)
        row.addWidget(self.display)
        self.warning.setWordWrap(True)
        self.warning.setProperty("status", "warning")
        self.warning.setContentsMargins(10, 3, 10, 3)
        self.warning.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(bar)
        layout.addWidget(self.warning)
        layout.addWidget(self.canvas, 1)
        self.setMinimumWidth(220)

    def show_facts(self, facts: SideFacts) -> None:
        """Say what is known of the image."""
        self.laterality.setText(facts.laterality)
        self.laterality.setToolTip(self._eye(facts.laterality))
        self.laterality.setVisible(bool(facts.laterality))
        warning = warning_text(facts)
        self.warning.setText(warning)
        self.warning.setVisible(bool(warning))
        self.display.show_facts(facts)

    def _eye(self, laterality: str) -> str:
        eyes = {"OD": self.tr("Right eye"), "OS": self.tr("Left eye"), "OU": self.tr("Both eyes")}
        return eyes.get(laterality, "")
