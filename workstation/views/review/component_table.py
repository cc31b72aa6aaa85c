"""The table of components: one line a piece, sorted by size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QWidget

from engines.contract.component_table import ComponentColumn
from workstation.views.elements.tool_table import ToolTable
from workstation.views.protocols.components import ComponentLine
from workstation.views.review.component_model import ComponentModel, ShownComponents

_WIDTHS_PX = (44, 96, 96, 78, 96, 96)
_VOLUME_COLUMN = 2


class ComponentTable(ToolTable):
    """The table.

    Signals
    -------
    linesChosen : list of str
        The person chose these lines; the one gone to is the last.
    """

    linesChosen = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.components = ComponentModel(self)
        self.shown = ShownComponents(self)
        self.shown.setSourceModel(self.components)
        self.setModel(self.shown)
        self._is_showing = False
        self._num_columns = len(_WIDTHS_PX)
        self._said: list[str] = []
        self.setSortingEnabled(True)
        self.sortByColumn(_VOLUME_COLUMN, Qt.SortOrder.DescendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(24)
        self.setAccessibleName(self.tr("Components"))
        header = self.horizontalHeader()
        header.setMinimumSectionSize(36)
        for column, width in enumerate(_WIDTHS_PX):
            self.setColumnWidth(column, width)
        self.selectionModel().currentRowChanged.connect(self._on_chosen)
        self.selectionModel().selectionChanged.connect(self._on_chosen)

    def show_lines(
        self,
        lines: Sequence[ComponentLine],
        columns: Sequence[ComponentColumn],
        selected: Sequence[str],
        unit: str = "",
    ) -> None:
        """Show components, and select some without saying so."""
        with self._showing():
            self.components.set_lines(lines, columns, unit)
            if self.components.columnCount() != self._num_columns:
                self._num_columns = self.components.columnCount()
                for column in range(len(_WIDTHS_PX), self._num_columns):
                    self.resizeColumnToContents(column)
            self._select(selected)

    def set_filter(self, smallest_ml: float, state: str | None) -> None:
        """Show only some; see `ShownComponents.set_filter`."""
        with self._showing():
            self.shown.set_filter(smallest_ml, state)
            self._select(self._said)

    def order(self) -> list[str]:
        """Return the keys of the lines that are shown, from top to bottom."""
        rows = range(self.shown.rowCount())
        return [self._key_of(self.shown.index(row, 0)) for row in rows]

    def _select(self, keys: Sequence[str]) -> None:
        model, flags = self.selectionModel(), QItemSelectionModel.SelectionFlag
        places = [place for place in map(self._place, keys) if place.isValid()]
        chosen = QItemSelection()
        for place in places:
            chosen.select(place, place)
        model.select(chosen, flags.ClearAndSelect | flags.Rows)
        if places:
            model.setCurrentIndex(places[-1], flags.NoUpdate)
            if list(keys) != self._said:
                self.scrollTo(places[-1])
        self._said = list(keys)

    def _place(self, key: str) -> QModelIndex:
        row = self.components.row_of(key)
        return QModelIndex() if row is None else self.shown.mapFromSource(self.components.index(row, 0))

    def _key_of(self, index: QModelIndex) -> str:
        return self.components.line(self.shown.mapToSource(index).row()).key

    @contextmanager
    def _showing(self) -> Iterator[None]:
        self._is_showing = True
        try:
            yield
        finally:
            self._is_showing = False

    def _on_chosen(self) -> None:
        if self._is_showing:
            return
        keys = [self._key_of(index) for index in self.selectionModel().selectedRows()]
        current = self._key_of(self.currentIndex()) if self.currentIndex().isValid() else ""
        keys.sort(key=lambda key: key == current)
        if keys and keys != self._said:
            self._said = keys
            self.linesChosen.emit(keys)
