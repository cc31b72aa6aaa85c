"""The dialog for moved images: it lists what is missing, searches a folder, and relinks everything found."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engines.contract.messages import Message
from workstation.translation import translate_message
from workstation.views.protocols.imports import MissingRow

MOST_SHOWN = 2000


class RelinkDialog(QDialog):
    """A view of `RelinkController`; it blocks nothing.

    Signals
    -------
    searchClicked
        A folder is to be chosen and searched.
    relinkClicked
    closed
    """

    searchClicked = Signal()
    relinkClicked = Signal()
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("relink_dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Find moved images"))
        self.resize(900, 480)
        self._is_finished = False
        text = self.tr(
            "These files are no longer where they were. Choose a folder: it and everything below it is "
            "searched by size and content, whatever the files are called now."
        )
        self.caption = QLabel(text, self)
        self.caption.setWordWrap(True)
        self.table = QTableWidget(0, 4, self)
        titles = [self.tr("Item"), self.tr("Role"), self.tr("Was at"), self.tr("Found at")]
        self.table.setHorizontalHeaderLabels(titles)
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.table.setWordWrap(False)
        self.table.setTextElideMode(Qt.TextElideMode.ElideLeft)
        self.table.setColumnWidth(0, 130)
        self.table.setColumnWidth(1, 110)
        for column in (2, 3):
            self.table.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        self.table.setAccessibleName(self.tr("Missing files"))
        self.progress = QProgressBar(self)
        self.progress.setFixedWidth(190)
        self.progress.setTextVisible(False)
        self.progress_text = QLabel(self)
        self.state = QLabel(self)
        self.state.setProperty("role", "muted")
        self.search_button = self._button(self.tr("Search a &folder…"), "Alt+F")
        self.relink_button = self._button(self.tr("&Relink"), "Ctrl+Return")
        self.relink_button.setProperty("role", "primary")
        self.close_button = self._button(self.tr("Close"), "")
        row = QHBoxLayout()
        for widget in (self.progress, self.progress_text):
            row.addWidget(widget)
        row.addStretch(1)
        for widget in (self.state, self.close_button, self.search_button, self.relink_button):
            row.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.addWidget(self.caption)
        layout.addWidget(self.table, 1)
        layout.addLayout(row)
        self.search_button.clicked.connect(lambda: self.searchClicked.emit())
        self.relink_button.clicked.connect(lambda: self.relinkClicked.emit())
        self.close_button.clicked.connect(self.close)
        self.finished.connect(lambda _result: self._on_finished())
        self.show_progress(Message(""), 0, 0)
        self.show_state(Message(""), 0)

    def _button(self, text: str, shortcut: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setAutoDefault(False)
        if shortcut:
            button.setShortcut(QKeySequence(shortcut))
        return button

    def show_files(self, rows: Sequence[MissingRow]) -> None:
        """List the files."""
        shown = rows[:MOST_SHOWN]
        self.table.setRowCount(len(shown))
        for number, row in enumerate(shown):
            for column, text in enumerate((row.item_id, row.role, row.old, row.new)):
                cell = QTableWidgetItem(text)
                cell.setToolTip(text)
                self.table.setItem(number, column, cell)

    def show_progress(self, text: Message, done: int, total: int) -> None:
        """Show long work; an empty text: it is over; total 0: the length is unknown."""
        is_busy = bool(text.text)
        self.progress.setVisible(is_busy)
        self.progress_text.setVisible(is_busy)
        self.search_button.setEnabled(not is_busy)
        self.progress.setRange(0, total)
        self.progress.setValue(done)
        said = f"{translate_message(text)}…"
        self.progress_text.setText(f"{said} {done} / {total}" if total else f"{said} {done or ''}")

    def show_state(self, message: Message, num_found: int) -> None:
        """Say what the search found, and how many files can be relinked."""
        self.state.setText(translate_message(message))
        self.relink_button.setEnabled(num_found > 0)
        one, many = self.tr("&Relink 1 file"), self.tr("&Relink {n} files").format(n=num_found)
        self.relink_button.setText(one if num_found == 1 else many if num_found else self.tr("&Relink"))
        why = "" if num_found else self.tr("Search a folder that holds the files first.")
        self.relink_button.setToolTip(why)

    def finish(self) -> None:
        """Close, without saying so."""
        self._is_finished = True
        self.close()

    def _on_finished(self) -> None:
        if not self._is_finished:
            self.closed.emit()
