"""The failure of a run, where the run is shown: what happened, why, what was kept, what to do."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from workstation.views.elements.empty_state import action_button
from workstation.views.protocols.cards import Card
from workstation.views.runs.run_words import sentence


class FailureCard(QFrame):
    """Four lines and their buttons; the traceback is one click away.

    Signals
    -------
    log_requested
    """

    log_requested = Signal()

    def __init__(self, resume: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setProperty("severity", "error")
        self._card: Card | None = None
        self.lines = QLabel(self)
        self.lines.setWordWrap(True)
        self.lines.setTextFormat(Qt.TextFormat.RichText)
        self.lines.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.details = QPlainTextEdit(self)
        self.details.setReadOnly(True)
        self.details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.details.setFixedHeight(130)
        self.details.hide()
        self.resume_button = action_button(resume, "primary", self)
        self.log_button = QPushButton(self.tr("Open log"), self)
        self.log_button.clicked.connect(self.log_requested)
        self.copy_button = QPushButton(self.tr("Copy report"), self)
        self.copy_button.setToolTip(self.tr("Copy these lines and the details"))
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.report()))
        self.details_button = QPushButton(self.tr("Details"), self)
        self.details_button.setCheckable(True)
        self.details_button.toggled.connect(self.details.setVisible)
        row = QHBoxLayout()
        for button in (self.resume_button, self.log_button, self.copy_button, self.details_button):
            row.addWidget(button)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(11, 6, 11, 7)
        layout.setSpacing(5)
        layout.addWidget(self.lines)
        layout.addLayout(row)
        layout.addWidget(self.details)
        self.hide()

    def show_failure(self, card: Card | None) -> None:
        """Draw a failure, or nothing."""
        if card == self._card:
            return
        self._card = card
        self.setVisible(card is not None)
        if card is None:
            self.details_button.setChecked(False)
            return
        parts = [f"<b>✘ {_escaped(sentence(card.what))}</b>"]
        for caption, message in (
            (self.tr("Why"), card.why),
            (self.tr("Kept"), card.kept),
            (self.tr("To do"), card.remedy),
        ):
            text = sentence(message)
            if text:
                parts.append(f"{caption}: {_escaped(text)}")
        self.lines.setText("<br>".join(parts))
        self.details.setPlainText(card.details)
        self.details_button.setVisible(bool(card.details))

    def report(self) -> str:
        """Return everything the card says."""
        if self._card is None:
            return ""
        card = self._card
        lines = [sentence(message) for message in (card.what, card.why, card.kept, card.remedy)]
        return "\n".join([*(line for line in lines if line), card.details]).strip()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
