"""Every action with its keys, and why it cannot run now."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QHeaderView,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workstation.actions.registry import ActionRegistry


class ShortcutList(QDialog):
    """A searchable table of actions; it does not block the window."""

    def __init__(self, actions: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Shortcuts"))
        self.resize(720, 560)
        self.filter = QLineEdit(self)
        self.filter.setPlaceholderText(self.tr("Search actions"))
        self.filter.textChanged.connect(self._filter)
        specs = actions.specs()
        self.table = QTableWidget(len(specs), 3, self)
        self.table.setHorizontalHeaderLabels([self.tr("Action"), self.tr("Keys"), self.tr("What it does")])
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setWordWrap(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        for row, spec in enumerate(specs):
            action = actions.action(spec.key)
            keys = ", ".join(
                key.toString(QKeySequence.SequenceFormat.NativeText) for key in action.shortcuts()
            )
            does = action.toolTip().partition("\n")[2].replace("\n", " ")
            for column, text in enumerate((action.text().replace("&", ""), keys, does)):
                cell = QTableWidgetItem(text)
                cell.setToolTip(action.toolTip())
                self.table.setItem(row, column, cell)
        layout = QVBoxLayout(self)
        layout.addWidget(self.filter)
        layout.addWidget(self.table)

    def _filter(self, text: str) -> None:
        wanted = text.casefold()
        for row in range(self.table.rowCount()):
            cells = " ".join(self.table.item(row, column).text() for column in range(3))
            self.table.setRowHidden(row, wanted not in cells.casefold())
