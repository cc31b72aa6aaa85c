"""The table of keypoint pairs: one row a pair, with both residuals, units in the headers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QT_TRANSLATE_NOOP,
    QAbstractTableModel,
    QCoreApplication,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QKeyEvent, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from workstation.views.display import display
from workstation.views.protocols import PairRow

Index = QModelIndex | QPersistentModelIndex
SORT_ROLE = Qt.ItemDataRole.UserRole + 1


def _tr(text: str) -> str:
    return QCoreApplication.translate("KeypointTable", text)


STATES: dict[str, str] = {
    "placed": QT_TRANSLATE_NOOP("KeypointTable", "● placed"),
    "half": QT_TRANSLATE_NOOP("KeypointTable", "◐ half"),
    "predicted": QT_TRANSLATE_NOOP("KeypointTable", "○ predicted"),
    "excluded": QT_TRANSLATE_NOOP("KeypointTable", "◌ excluded"),
    "not_visible": QT_TRANSLATE_NOOP("KeypointTable", "✕ not visible"),
}


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    help: str
    value: Callable[[PairRow], object]
    is_number: bool = False


def _coordinate(side: str, axis: int) -> Callable[[PairRow], object]:
    def value(row: PairRow) -> object:
        xy = row.fixed_xy if side == "fixed" else row.moving_xy
        return None if xy is None else xy[axis]

    return value


_POSITION = QT_TRANSLATE_NOOP("KeypointTable", "Pixel position; the centre of the first pixel is 0, 0.")
COLUMNS: tuple[_Column, ...] = (
    _Column(QT_TRANSLATE_NOOP("KeypointTable", "Pair"), "", lambda row: row.label),
    _Column(
        QT_TRANSLATE_NOOP("KeypointTable", "State"),
        QT_TRANSLATE_NOOP("KeypointTable", "Only placed pairs with both points are used."),
        lambda row: _tr(STATES.get(row.state, row.state)),
    ),
    _Column(QT_TRANSLATE_NOOP("KeypointTable", "Fixed x [px]"), _POSITION, _coordinate("fixed", 0), True),
    _Column(QT_TRANSLATE_NOOP("KeypointTable", "Fixed y [px]"), _POSITION, _coordinate("fixed", 1), True),
    _Column(QT_TRANSLATE_NOOP("KeypointTable", "Moving x [px]"), _POSITION, _coordinate("moving", 0), True),
    _Column(QT_TRANSLATE_NOOP("KeypointTable", "Moving y [px]"), _POSITION, _coordinate("moving", 1), True),
    _Column(
        QT_TRANSLATE_NOOP("KeypointTable", "Fit [px]"),
        QT_TRANSLATE_NOOP(
            "KeypointTable", "Distance in the fixed image between the mapped moving point and its partner."
        ),
        lambda row: row.fit_px,
        True,
    ),
    _Column(
        QT_TRANSLATE_NOOP("KeypointTable", "Left out [px]"),
        QT_TRANSLATE_NOOP(
            "KeypointTable", "The same under the transform fitted without this pair: the honest residual."
        ),
        lambda row: row.loo_px,
        True,
    ),
    _Column(QT_TRANSLATE_NOOP("KeypointTable", "Author"), "", lambda row: row.annotator),
    _Column(QT_TRANSLATE_NOOP("KeypointTable", "Source"), "", lambda row: row.source),
)


class KeypointModel(QAbstractTableModel):
    """Pairs as a table; it changes only what differs, so that the selection stays."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[PairRow] = []

    def set_rows(self, rows: Sequence[PairRow]) -> None:
        """Show these pairs."""
        new = list(rows)
        if [row.id for row in new] != [row.id for row in self._rows]:
            self.beginResetModel()
            self._rows = new
            self.endResetModel()
            return
        changed = [index for index, row in enumerate(new) if row != self._rows[index]]
        self._rows = new
        if changed:
            last = len(COLUMNS) - 1
            self.dataChanged.emit(self.index(min(changed), 0), self.index(max(changed), last))

    def row(self, index: int) -> PairRow:
        """Return the pair of a row."""
        return self._rows[index]

    def index_of(self, pair_id: str) -> int | None:
        """Return the row of a pair, or None."""
        return next((index for index, row in enumerate(self._rows) if row.id == pair_id), None)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of pairs."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """Return a title, or its explanation."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _tr(COLUMNS[section].title)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if COLUMNS[section].is_number else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole and COLUMNS[section].help:
            return _tr(COLUMNS[section].help)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return text, number, colour or alignment of a cell."""
        row, column = self._rows[index.row()], COLUMNS[index.column()]
        value = column.value(row)
        if role == Qt.ItemDataRole.DisplayRole:
            if column.is_number:
                return "–" if value is None else f"{value:.2f}"
            return str(value)
        if role == SORT_ROLE:
            return _sort_value(value, column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column.is_number:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            swatch = QPixmap(10, 10)
            swatch.fill(QColor(display().point_colour(index.row())))
            return swatch
        return None


def _sort_value(value: object, column: _Column) -> object:
    if column.is_number:
        return float("-inf") if value is None else value
    text = str(value)
    # "10" comes after "9".
    return text.zfill(12) if text.isdigit() else text


class KeypointTable(QTableView):
    """The table.

    Signals
    -------
    pairChosen : str
        The person chose a row.
    """

    pairChosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pairs = KeypointModel(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self.pairs)
        self._sorted.setSortRole(SORT_ROLE)
        self.setModel(self._sorted)
        self.setSortingEnabled(True)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(25)
        self.setAccessibleName(self.tr("Keypoint pairs"))
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        for column, width in enumerate((44, 84, 86, 86, 96, 96, 58, 88, 50, 46)):
            self.setColumnWidth(column, width)
        self.selectionModel().currentRowChanged.connect(self._on_current)

    def show_rows(self, rows: Sequence[PairRow], selected: str) -> None:
        """Show pairs, and select one without saying so."""
        model = self.selectionModel()
        model.blockSignals(True)
        self.pairs.set_rows(rows)
        index = self.pairs.index_of(selected) if selected else None
        if index is None:
            model.clear()
        else:
            place = self._sorted.mapFromSource(self.pairs.index(index, 0))
            flags = QItemSelectionModel.SelectionFlag
            model.setCurrentIndex(place, flags.ClearAndSelect | flags.Rows)
            self.scrollTo(place)
        model.blockSignals(False)
        self.viewport().update()

    def keyboardSearch(self, search: str) -> None:
        """Search nothing: letters are tools here, as they are in the canvases."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave letters to the screen, and move with the others."""
        if event.text().isalpha():
            event.ignore()
        else:
            super().keyPressEvent(event)

    def _on_current(self, current: QModelIndex, _before: QModelIndex) -> None:
        if current.isValid():
            self.pairChosen.emit(self.pairs.row(self._sorted.mapToSource(current).row()).id)
