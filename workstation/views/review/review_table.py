"""The table of the review queue: one line a result, what needs a person most first."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QWidget

from engines.contract.item_review import ReviewColumn
from workstation.views.elements.tool_table import ToolTable
from workstation.views.protocols.review import ReviewLine
from workstation.views.review.review_model import ReviewModel, ShownResults

_WIDTHS_PX = (84, 92, 120, 150, 96)


class ReviewTable(ToolTable):
    """The table.

    Signals
    -------
    lineChosen : str
        The person chose a line.
    lineOpened : str
        The person wants to see its case: Return, or a double click.
    """

    lineChosen = Signal(str)
    lineOpened = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.results = ReviewModel(self)
        self.shown = ShownResults(self)
        self.shown.setSourceModel(self.results)
        self.setModel(self.shown)
        self._is_showing = False
        self._num_columns = len(_WIDTHS_PX)
        self._said = ""
        self.horizontalHeader().setSortIndicatorClearable(True)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.setSortingEnabled(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(24)
        self.setAccessibleName(self.tr("Results to review"))
        self.horizontalHeader().setMinimumSectionSize(36)
        for column, width in enumerate(_WIDTHS_PX):
            self.setColumnWidth(column, width)
        self.selectionModel().currentRowChanged.connect(self._on_chosen)
        self.doubleClicked.connect(lambda index: self.lineOpened.emit(self._key_of(index)))

    def show_lines(self, lines: Sequence[ReviewLine], columns: Sequence[ReviewColumn], selected: str) -> None:
        """Show results, and select one without saying so."""
        self._is_showing = True
        try:
            self.results.set_lines(lines, columns)
            if self.results.columnCount() != self._num_columns:
                self._num_columns = self.results.columnCount()
                for column in range(len(_WIDTHS_PX), self._num_columns):
                    self.resizeColumnToContents(column)
            self._select(selected)
        finally:
            self._is_showing = False

    def set_open_only(self, is_open_only: bool) -> None:
        """Show only what waits for a decision."""
        self._is_showing = True
        try:
            self.shown.set_open_only(is_open_only)
            self._select(self._said)
        finally:
            self._is_showing = False

    def order(self) -> list[str]:
        """Return the keys of the lines that are shown, from top to bottom."""
        return [self._key_of(self.shown.index(row, 0)) for row in range(self.shown.rowCount())]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open with Return, leave letters to the screen, and move with the others."""
        is_plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and is_plain:
            if self.currentIndex().isValid():
                self.lineOpened.emit(self._key_of(self.currentIndex()))
        else:
            super().keyPressEvent(event)

    def _select(self, key: str) -> None:
        row = self.results.row_of(key) if key else None
        place = QModelIndex() if row is None else self.shown.mapFromSource(self.results.index(row, 0))
        flags = QItemSelectionModel.SelectionFlag
        if place.isValid():
            self.selectionModel().setCurrentIndex(place, flags.ClearAndSelect | flags.Rows)
            if key != self._said:
                self.scrollTo(place)
        else:
            self.selectionModel().clear()
        self._said = key

    def _key_of(self, index: QModelIndex) -> str:
        return self.results.line(self.shown.mapToSource(index).row()).key

    def _on_chosen(self, current: QModelIndex) -> None:
        if self._is_showing or not current.isValid():
            return
        key = self._key_of(current)
        if key != self._said:
            self._said = key
            self.lineChosen.emit(key)
