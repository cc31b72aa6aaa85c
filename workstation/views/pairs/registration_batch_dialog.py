"""The table of all registrations: what needs a look first, a run of what is left, and files."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFileDialog,
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
from workstation.views.protocols.registration import RegistrationLine
from workstation.views.runs.run_colours import status_colour

_NONE = "–"
_ITEM = Qt.ItemDataRole.UserRole


class RegistrationBatchDialog(QDialog):
    """A view of `RegistrationBatchController`; it blocks nothing.

    Signals
    -------
    registerClicked : list of str
        Items; empty for all that were not tried.
    stopClicked
    itemChosen : str
    compareClicked : str
        Item.
    exportClicked : str, list of str
        Folder, and items; all when empty.
    closed
    """

    registerClicked = Signal(list)
    stopClicked = Signal()
    itemChosen = Signal(str)
    compareClicked = Signal(str)
    exportClicked = Signal(str, list)
    closed = Signal()

    def __init__(self, start_folder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("registration_batch_dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("All registrations"))
        self.resize(940, 520)
        self._start_folder = start_folder
        self._is_finished = False
        self.state = QLabel(self.tr("Looking for registrations…"), self)
        self.table = self._made_table()
        self.notes = QLabel(self)
        self.notes.setWordWrap(True)
        self.notes.setToolTip(
            self.tr(
                "A point carried round three images of one eye should come back to where it began. "
                "The error blames no pair, and misses what all three share."
            )
        )
        self.progress = QProgressBar(self)
        self.progress.setFixedWidth(190)
        self.progress.setTextVisible(False)
        self.rest_button = self._button(
            self.tr("Register the rest"), self.tr("Register all pairs that were not tried, in one run.")
        )
        self.again_button = self._button(
            self.tr("Register again"), self.tr("Register the selected pairs once more.")
        )
        self.stop_button = self._button(
            self.tr("Stop"), self.tr("End after this pair; what was found stays, the rest can go on later.")
        )
        self.export_button = self._button(
            self.tr("Export…"),
            self.tr("Write transforms and warped images of the selected pairs, or of all, into a folder."),
        )
        self.compare_button = self._button(
            self.tr("Compare"),
            self.tr(
                "Lay the selected registration beside others; there Y accepts it, and undo takes that back."
            ),
        )
        self.close_button = self._button(self.tr("Close"), "")
        row = QHBoxLayout()
        for widget in (self.rest_button, self.again_button, self.stop_button, self.progress):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.compare_button)
        row.addWidget(self.export_button)
        row.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.state)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.notes)
        layout.addLayout(row)
        self.rest_button.clicked.connect(lambda: self.registerClicked.emit([]))
        self.again_button.clicked.connect(lambda: self.registerClicked.emit(self.selected()))
        self.stop_button.clicked.connect(self.stopClicked)
        self.export_button.clicked.connect(self._ask_folder)
        self.compare_button.clicked.connect(lambda: self.compareClicked.emit(self.selected()[0]))
        self.close_button.clicked.connect(self.close)
        self.table.itemActivated.connect(lambda cell: self.itemChosen.emit(str(cell.data(_ITEM))))
        self.table.itemSelectionChanged.connect(self._show_buttons)
        self.finished.connect(lambda _result: self._on_finished())
        self._num_left, self._is_running = 0, False
        self._show_buttons()
        self.progress.hide()

    def _made_table(self) -> QTableWidget:
        titles = (
            self.tr("Item"),
            self.tr("Images"),
            self.tr("Verdict"),
            self.tr("z"),
            self.tr("Circle / px"),
            self.tr("Method"),
            self.tr("Reason"),
        )
        table = QTableWidget(0, len(titles), self)
        table.setHorizontalHeaderLabels(titles)
        table.verticalHeader().hide()
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setAlternatingRowColors(True)
        table.setToolTip(self.tr("Enter or a double click goes to the pair."))
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setStretchLastSection(True)
        return table

    def _button(self, text: str, tip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setAutoDefault(False)
        button.setToolTip(tip)
        return button

    # -- what it shows -------------------------------------------------------------------------------

    def show_lines(self, lines: Sequence[RegistrationLine], notes: Sequence[Message]) -> None:
        """Show all pairs as they are sorted, and what is to be said about them."""
        chosen = set(self.selected())
        self.table.setRowCount(len(lines))
        for row, line in enumerate(lines):
            text, status = self._verdict(line.judged or line.verdict)
            cells = (
                line.item,
                line.modalities,
                text,
                _NONE if line.z is None else f"{line.z:.1f}",
                _NONE if line.cycle_px is None else f"{line.cycle_px:.1f}",
                line.method or _NONE,
                line.reason,
            )
            for column, content in enumerate(cells):
                cell = QTableWidgetItem(content)
                cell.setData(_ITEM, line.item)
                if column == 2:
                    cell.setForeground(QColor(status_colour(status)))
                if column in (3, 4):
                    cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                cell.setToolTip(content)
                self.table.setItem(row, column, cell)
        self.table.clearSelection()
        for row, line in enumerate(lines):
            if line.item in chosen:
                self.table.selectRow(row)
        counts = {
            name: sum(line.verdict == name for line in lines) for name in ("registered", "uncertain", "")
        }
        self._num_left = counts[""]
        text = self.tr(
            "{n} pairs: {good} registered, {doubtful} uncertain, {bad} not registered, {left} not tried"
        )
        self.state.setText(
            text.format(
                n=len(lines),
                good=counts["registered"],
                doubtful=counts["uncertain"],
                bad=len(lines) - sum(counts.values()),
                left=counts[""],
            )
        )
        self.notes.setText("\n".join(translate_message(note) for note in notes))
        self.notes.setVisible(bool(notes))
        self._show_buttons()

    def _verdict(self, verdict: str) -> tuple[str, str]:
        words = {
            "": (self.tr("○ Not tried"), "stale"),
            "registered": (self.tr("✔ Registered"), "done"),
            "uncertain": (self.tr("▲ Uncertain"), "warning"),
            "not_registered": (self.tr("✘ Not registered"), "failed"),
            "accepted": (self.tr("✔ Accepted"), "done"),
            "rejected": (self.tr("✘ Rejected"), "failed"),
        }
        return words[verdict]

    def show_progress(self, done: int, total: int, *, is_running: bool) -> None:
        """Show how far a run is; total 0: not known yet."""
        self._is_running = is_running
        self.progress.setVisible(is_running)
        self.progress.setRange(0, total)
        self.progress.setValue(done)
        self._show_buttons()

    def selected(self) -> list[str]:
        """Return the items of the selected rows, from the top."""
        rows = sorted({index.row() for index in self.table.selectedIndexes()})
        cells = [self.table.item(row, 0) for row in rows]
        return [cell.text() for cell in cells if cell is not None]

    def _show_buttons(self) -> None:
        self.rest_button.setEnabled(not self._is_running and self._num_left > 0)
        self.again_button.setEnabled(not self._is_running and bool(self.selected()))
        self.stop_button.setVisible(self._is_running)
        self.compare_button.setEnabled(len(self.selected()) == 1)
        self.export_button.setEnabled(self.table.rowCount() > self._num_left)

    # -- what the person does ------------------------------------------------------------------------

    def _ask_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Folder for the files"), self._start_folder)
        if folder:
            self.exportClicked.emit(folder, self.selected())

    def finish(self) -> None:
        """Close, without saying so."""
        self._is_finished = True
        self.close()

    def _on_finished(self) -> None:
        if not self._is_finished:
            self.closed.emit()
