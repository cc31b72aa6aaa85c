"""The table of pairs below the canvases, with its filter, and a sentence while there are none."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.views.pairs.keypoint_columns import STATES, state_text
from workstation.views.pairs.keypoint_table import KeypointTable
from workstation.views.protocols.pairs import PairRow


class KeypointPanel(QWidget):
    """Filter, table and export.

    Parameters
    ----------
    export : QAction
        Writes what is shown to a file.

    Attributes
    ----------
    table : KeypointTable
    """

    def __init__(self, export: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = KeypointTable()
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(self.tr("Filter: number, state, author, source"))
        self.filter.setClearButtonEnabled(True)
        self.filter.setAccessibleName(self.tr("Filter of the pairs"))
        self.filter.setMaximumWidth(260)
        self.states = QComboBox()
        self.states.setAccessibleName(self.tr("State of the pairs that are shown"))
        self.states.addItem(self.tr("Any state"), "")
        for state in STATES:
            self.states.addItem(state_text(state), state)
        self.count = QLabel()
        self.count.setProperty("role", "muted")
        button = QToolButton()
        button.setProperty("role", "flat")
        button.setDefaultAction(export)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        bar = QFrame()
        bar.setObjectName("pane_bar")
        row = QHBoxLayout(bar)
        row.setContentsMargins(8, 2, 8, 2)
        row.addWidget(self.filter, 1)
        row.addWidget(self.states)
        row.addWidget(self.count)
        row.addStretch(1)
        row.addWidget(button)
        pairs = QWidget()
        column = QVBoxLayout(pairs)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addWidget(self.table, 1)
        self.no_pairs: QWidget = QWidget()
        self._pages = QStackedLayout(self)
        self._pages.addWidget(pairs)
        self._pages.addWidget(self.no_pairs)
        self._pairs = pairs
        self.filter.textChanged.connect(self._on_filter)
        self.states.currentIndexChanged.connect(self._on_filter)
        self.table.shownChanged.connect(self._show_count)

    def set_empty(self, state: QWidget) -> None:
        """Show this in place of the table while there are no pairs."""
        is_shown = self._pages.currentWidget() is self.no_pairs
        self._pages.removeWidget(self.no_pairs)
        self.no_pairs.deleteLater()
        self.no_pairs = state
        self._pages.addWidget(state)
        if is_shown:
            self._pages.setCurrentWidget(state)

    def show_rows(self, rows: Sequence[PairRow], selected: str) -> None:
        """Show pairs, and select one."""
        self.table.show_rows(rows, selected)
        self._pages.setCurrentWidget(self._pairs if rows else self.no_pairs)

    def _on_filter(self) -> None:
        self.table.set_filter(self.filter.text(), str(self.states.currentData()))

    def _show_count(self) -> None:
        shown, num_pairs = self.table.shown.rowCount(), self.table.pairs.rowCount()
        text = self.tr("{shown} of {all} pairs") if shown < num_pairs else self.tr("{all} pairs")
        self.count.setText(text.format(shown=shown, all=num_pairs))
