"""The list of runs: newest first, quick with thousands, state as a symbol, a word and a colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from workstation.views.protocols.runs import RunRow
from workstation.views.runs.run_colours import status_colour
from workstation.views.runs.run_words import (
    duration_text,
    key_label,
    metric_text,
    moment_text,
    spoken,
    state_words,
)

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
SORT_ROLE = int(Qt.ItemDataRole.UserRole) + 1
COLUMNS = ("run", "state", "action", "started", "duration", "result", "split", "pipeline")


class RunTableModel(QAbstractTableModel):
    """Rows of the list as Qt asks for them; nothing is laid out that is not seen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[RunRow] = []
        self._model_in_use = ""
        self._titles = {
            "run": self.tr("Run"),
            "state": self.tr("State"),
            "action": self.tr("What"),
            "started": self.tr("Started"),
            "duration": self.tr("Duration"),
            "result": self.tr("Result"),
            "split": self.tr("Split"),
            "pipeline": self.tr("Pipeline"),
        }

    def show_rows(self, rows: Sequence[RunRow]) -> None:
        """Show these rows; when only their content changed, the selection stays."""
        if [row.run_id for row in rows] == [row.run_id for row in self._rows]:
            self._rows = list(rows)
            if rows:
                self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(COLUMNS) - 1))
            return
        self.beginResetModel()
        self._rows = list(rows)
        self.endResetModel()

    def set_model_in_use(self, run_id: str) -> None:
        """Mark a run."""
        self._model_in_use = run_id
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, 0))

    def row_of(self, run_id: str) -> int:
        """Return the row of a run, or -1."""
        return next((number for number, row in enumerate(self._rows) if row.run_id == run_id), -1)

    def at(self, row: int) -> RunRow:
        """Return the run of a row."""
        return self._rows[row]

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Return the number of runs."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _ROOT) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        """Return a title."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._titles[COLUMNS[section]]
        return None

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        """Return what a cell shows."""
        row, column = self._rows[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, column)
        if role == SORT_ROLE:
            return self._sort_key(row, column)
        if role == Qt.ItemDataRole.ForegroundRole and column == "state":
            return QColor(status_colour(state_words(row.state).status))
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tooltip(row, column)
        if role == Qt.ItemDataRole.UserRole:
            return row.run_id
        return None

    def _text(self, row: RunRow, column: str) -> str:
        match column:
            case "run":
                return f"★ {row.run_id}" if row.run_id == self._model_in_use else row.run_id
            case "state":
                return state_words(row.state).text
            case "action":
                words = [key_label(name) for name in (row.action, row.phase) if name]
                return row.sweep or " · ".join(words)
            case "started":
                return moment_text(row.started)
            case "duration":
                return duration_text(row.duration_s)
            case "result":
                if row.headline is None:
                    return "–"
                metric, value = row.headline
                # The value first: a long name may be cut off, a number may not.
                return f"{metric_text(metric, value)} · {spoken(metric.label)}"
            case "split":
                return row.split_hash[:8] or "–"
            case _:
                return spoken(row.pipeline_title)

    def _tooltip(self, row: RunRow, column: str) -> str:
        if column == "run" and row.run_id == self._model_in_use:
            return self.tr("{run}\nThe model of this run is in use.").format(run=row.run_id)
        if column == "split":
            return row.split_hash
        if column == "action" and row.sweep:
            words = [key_label(name) for name in (row.action, row.phase) if name]
            return " · ".join([*words, row.sweep])
        if column == "result" and row.headline is not None and row.headline[1] is None:
            return spoken(row.headline[0].undefined_when)
        return self._text(row, column)

    @staticmethod
    def _sort_key(row: RunRow, column: str) -> Any:
        match column:
            case "started":
                return row.started if row.started is not None else float("inf")
            case "duration":
                return row.duration_s if row.duration_s is not None else -1.0
            case "result":
                value = row.headline[1] if row.headline is not None else None
                return value if value is not None else float("-inf")
            case "state":
                return row.state.value
            case "split":
                return row.split_hash
            case "action":
                return f"{row.action} {row.phase}"
            case "pipeline":
                return row.pipeline_title
            case _:
                return row.run_id


class RunList(QWidget):
    """Filter and table.

    Signals
    -------
    chosen : list of str
        Ids of the selected runs, the one chosen last first; two at most are compared.
    """

    chosen = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.filter = QLineEdit(self)
        self.filter.setPlaceholderText(self.tr("Filter runs"))
        self.filter.setClearButtonEnabled(True)
        self.model = RunTableModel(self)
        self.proxy = QSortFilterProxyModel(self)
        self.proxy.setSourceModel(self.model)
        self.proxy.setSortRole(SORT_ROLE)
        self.proxy.setFilterKeyColumn(-1)
        self.proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.filter.textChanged.connect(self.proxy.setFilterFixedString)
        self.table = QTableView(self)
        self.table.setModel(self.proxy)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(COLUMNS.index("started"), Qt.SortOrder.DescendingOrder)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(26)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for column, width in enumerate((250, 130, 190, 146, 104, 260, 88, 110)):
            self.table.setColumnWidth(column, width)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.selectionModel().selectionChanged.connect(self._on_selection)
        self.empty = QLabel(self.tr("No runs yet. Start one on the Train screen."), self)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.filter)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.empty, 1)
        self.setMinimumHeight(130)
        self.show_runs(())

    def show_runs(self, rows: Sequence[RunRow]) -> None:
        """List the runs; the selection stays."""
        before = self.selected()
        self.model.show_rows(rows)
        self.table.setVisible(bool(rows))
        self.filter.setVisible(bool(rows))
        self.empty.setVisible(not rows)
        if before and before != self.selected():
            for run_id in before:
                self.select(run_id, keep=run_id != before[0])

    def select(self, run_id: str, *, keep: bool = False) -> None:
        """Select a run, beside those selected when `keep`."""
        row = self.model.row_of(run_id)
        if row < 0:
            return
        index = self.proxy.mapFromSource(self.model.index(row, 0))
        flags = QItemSelectionModel.SelectionFlag.Rows
        flags |= (
            QItemSelectionModel.SelectionFlag.Select
            if keep
            else QItemSelectionModel.SelectionFlag.ClearAndSelect
        )
        self.table.selectionModel().setCurrentIndex(index, flags)
        self.table.scrollTo(index)

    def selected(self) -> list[str]:
        """Return the ids of the selected runs, the current one first."""
        current = self.table.currentIndex().row()
        rows = sorted(
            {index.row() for index in self.table.selectionModel().selectedRows()},
            key=lambda row: (row != current, row),
        )
        return [self.proxy.index(row, 0).data(Qt.ItemDataRole.UserRole) for row in rows]

    def _on_selection(self) -> None:
        self.chosen.emit(self.selected())
