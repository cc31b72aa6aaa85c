"""The strip at the bottom: one line about what is running, on every screen."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget

from workstation.views.protocols.runs import StripText
from workstation.views.runs.run_words import eta_text, spoken, state_words


class RunStrip(QWidget):
    """One line about the running run, and about long work of the window itself.

    Signals
    -------
    runClicked : str
    cancelled
        The button beside the window's own work was pressed.
    """

    runClicked = Signal(str)
    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("run_strip")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(34)
        self._run_id = ""
        self.title = QPushButton(self)
        self.title.setProperty("role", "link")
        self.title.setToolTip(self.tr("Show this run"))
        self.title.clicked.connect(lambda: self.runClicked.emit(self._run_id))
        self.state = QLabel(self)
        self.bar = QProgressBar(self)
        self.bar.setFixedWidth(180)
        self.facts = QLabel(self)
        self.facts.setProperty("role", "muted")
        self.facts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.work = QLabel(self)
        self.work_bar = QProgressBar(self)
        self.work_bar.setFixedWidth(160)
        self.cancel = QPushButton(self.tr("Cancel"), self)
        self.cancel.clicked.connect(self.cancelled.emit)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 2, 12, 2)
        layout.setSpacing(10)
        for widget in (self.title, self.state, self.bar):
            layout.addWidget(widget)
        layout.addWidget(self.facts, 1)
        for widget in (self.work, self.work_bar, self.cancel):
            layout.addWidget(widget)
        self.show_run(None)
        self.show_work("")

    def show_run(self, run: StripText | None) -> None:
        """Show a run, or that nothing runs."""
        self._run_id = run.run_id if run is not None else ""
        for widget in (self.title, self.state):
            widget.setVisible(run is not None)
        self.bar.setVisible(run is not None and not run.state.is_over)
        if run is None:
            self.facts.setText(self.tr("Nothing is running"))
            return
        words = state_words(run.state)
        self.title.setText(run.title)
        self.state.setText(words.text)
        if self.state.property("status") != words.status:
            self.state.setProperty("status", words.status)
            self.state.style().polish(self.state)
        if run.progress is None:
            self.bar.setRange(0, 0)
        else:
            self.bar.setRange(0, 100)
            self.bar.setValue(round(100 * run.progress))
        parts = [spoken(run.stage), eta_text(run.eta_s) if run.eta_s else ""]
        if run.num_queued:
            parts.append(self.tr("{n} waiting").format(n=run.num_queued))
        self.facts.setText("   ".join(part for part in parts if part))

    def show_work(self, text: str, done: int = 0, total: int = 0) -> None:
        """Show the window's own long work; an empty text ends it, total 0 says its length is unknown."""
        for widget in (self.work, self.work_bar, self.cancel):
            widget.setVisible(bool(text))
        self.work.setText(text)
        self.work_bar.setRange(0, total)
        self.work_bar.setValue(done)
