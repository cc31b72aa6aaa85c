"""The dialog that shows what is wrong with the data of a project, with the buttons that put it right."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from engines.contract.messages import Message
from workstation.translation import translate_message
from workstation.views.data.findings_list import FindingsList
from workstation.views.protocols.imports import FindingRow


class DataCheckDialog(QDialog):
    """A view of `DataController`; it blocks nothing.

    Signals
    -------
    fixClicked : str, int, bool
    findingClicked : list of str
    closed
    """

    fixClicked = Signal(str, int, bool)
    findingClicked = Signal(list)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("data_check_dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Check data"))
        self.resize(860, 420)
        self._is_finished = False
        self.state = QLabel(self)
        self.findings = FindingsList(self)
        self.progress = QProgressBar(self)
        self.progress.setFixedWidth(190)
        self.progress.setTextVisible(False)
        self.close_button = QPushButton(self.tr("Close"), self)
        self.close_button.setAutoDefault(False)
        row = QHBoxLayout()
        row.addWidget(self.progress)
        row.addStretch(1)
        row.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.state)
        layout.addWidget(self.findings, 1)
        layout.addLayout(row)
        self.findings.fixClicked.connect(self.fixClicked)
        self.findings.findingClicked.connect(self.findingClicked)
        self.close_button.clicked.connect(self.close)
        self.finished.connect(lambda _result: self._on_finished())

    def show_progress(self, text: Message, done: int, total: int) -> None:
        """Show long work; an empty text: it is over; total 0: the length is unknown."""
        self.progress.setVisible(bool(text.text))
        self.progress.setRange(0, total)
        self.progress.setValue(done)
        if text.text:
            said = f"{translate_message(text)}…"
            self.state.setText(f"{said} {done} / {total}" if total else said)

    def show_findings(self, rows: Sequence[FindingRow]) -> None:
        """Show what is to be said."""
        text = self.tr("Findings: {n}").format(n=len(rows)) if rows else self.tr("Nothing to report.")
        self.state.setText(text)
        self.findings.show_rows(rows)

    def finish(self) -> None:
        """Close, without saying so."""
        self._is_finished = True
        self.close()

    def _on_finished(self) -> None:
        if not self._is_finished:
            self.closed.emit()
