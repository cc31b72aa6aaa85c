"""Every action with its keys, and why it cannot run now."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workstation.actions.registry import ActionRegistry


def native_keys(texts: Sequence[str]) -> str:
    """Return keys as this system writes them."""
    form = QKeySequence.SequenceFormat.NativeText
    return ", ".join(QKeySequence(text).toString(form) for text in texts)


class ShortcutList(QDialog):
    """A searchable table of actions; it does not block the window, and follows changed keys at once.

    Signals
    -------
    editRequested
        The person wants to change keys.
    """

    editRequested = Signal()

    def __init__(self, actions: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Shortcuts"))
        self.resize(720, 560)
        self._actions = actions
        self.filter = QLineEdit(self)
        self.filter.setPlaceholderText(self.tr("Search actions"))
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._filter)
        self.edit = QPushButton(self.tr("Change…"), self)
        self.edit.setAutoDefault(False)
        self.edit.clicked.connect(self.editRequested)
        self.table = QTableWidget(len(actions.specs()), 3, self)
        self.table.setHorizontalHeaderLabels([self.tr("Action"), self.tr("Keys"), self.tr("What it does")])
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.table.setTabKeyNavigation(False)
        self.table.setWordWrap(False)
        self.table.setShowGrid(False)
        self.table.setAlternatingRowColors(True)
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        row = QHBoxLayout()
        row.addWidget(self.filter, 1)
        row.addWidget(self.edit)
        layout = QVBoxLayout(self)
        layout.addLayout(row)
        layout.addWidget(self.table)
        self._fill()
        actions.shortcuts_changed.connect(self._fill)

    def _fill(self) -> None:
        for row, spec in enumerate(self._actions.specs()):
            action = self._actions.action(spec.key)
            keys = native_keys(self._actions.shortcuts(spec.key))
            does = action.toolTip().partition("\n")[2].replace("\n", " ")
            for column, text in enumerate((self._actions.title(spec.key).replace("&", ""), keys, does)):
                cell = QTableWidgetItem(text)
                cell.setToolTip(action.toolTip())
                self.table.setItem(row, column, cell)
        self._filter(self.filter.text())

    def _filter(self, text: str) -> None:
        wanted = text.casefold()
        for row in range(self.table.rowCount()):
            cells = " ".join(self.table.item(row, column).text() for column in range(3))
            self.table.setRowHidden(row, wanted not in cells.casefold())
