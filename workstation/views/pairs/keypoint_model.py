"""Keypoint pairs as a Qt model, and the order and filter in which the table shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QBrush, QColor, QFont, QPixmap

from workstation.views.elements.display import display
from workstation.views.elements.theme import current_theme, palette
from workstation.views.pairs.keypoint_columns import COLUMN_OF, COLUMNS, Column, state_text, table_text
from workstation.views.protocols.pairs import PairRow

Index = QModelIndex | QPersistentModelIndex
WORST = "▲"
"""Before the largest left-out residual: found without seeing colours."""

CAN_BE_USED = ("placed", "excluded")
"""States that the check box switches; suggestions are accepted first, and what nobody saw has no place."""


_RESIDUALS = (COLUMN_OF["fit"], COLUMN_OF["loo"])


class KeypointModel(QAbstractTableModel):
    """Pairs as a table; only what differs is said to have changed.

    Signals
    -------
    useToggled : pair id, bool
        The person ticked the box of a pair, or cleared it.
    """

    useToggled = Signal(str, bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[PairRow] = []
        self._places: dict[str, int] = {}
        self._worst = ""

    # -- pairs ---------------------------------------------------------------------------------------

    def set_rows(self, rows: Sequence[PairRow]) -> None:
        """Show these pairs."""
        new = list(rows)
        worst, self._worst = self._worst, _worst(new)
        if not self._match_ids(new):
            return
        old, self._rows = self._rows, new
        changed = [
            index
            for index, (row, before) in enumerate(zip(new, old, strict=True))
            if row != before or (worst != self._worst and row.id in (worst, self._worst))
        ]
        for first, last in _stretches(changed):
            self.dataChanged.emit(self.index(first, _RESIDUALS[0]), self.index(last, _RESIDUALS[-1]))
        # A dragged point changes every residual, and of all other cells only its own.
        edited = [index for index in changed if not _differs_in_residuals_only(new[index], old[index])]
        for first, last in _stretches(edited):
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(COLUMNS) - 1))

    def _match_ids(self, new: list[PairRow]) -> bool:
        """Add and take away rows until they are those of `new`; False when that meant to begin anew."""
        ids = [row.id for row in new]
        kept = set(ids)
        staying = [row for row in self._rows if row.id in kept]
        if [row.id for row in staying] != ids[: len(staying)] or not staying:
            self.beginResetModel()
            self._take(new)
            self.endResetModel()
            return False
        for first, last in reversed(
            _stretches([k for k, row in enumerate(self._rows) if row.id not in kept])
        ):
            self.beginRemoveRows(QModelIndex(), first, last)
            self._take(self._rows[:first] + self._rows[last + 1 :])
            self.endRemoveRows()
            # Colours go by the place.
            self.dataChanged.emit(self.index(first, 0), self.index(len(self._rows) - 1, 0))
        if len(staying) < len(new):
            self.beginInsertRows(QModelIndex(), len(staying), len(new) - 1)
            self._take(self._rows + new[len(staying) :])
            self.endInsertRows()
        return True

    def _take(self, rows: list[PairRow]) -> None:
        self._rows = rows
        self._places = {row.id: index for index, row in enumerate(rows)}

    def row(self, index: int) -> PairRow:
        """Return the pair of a row."""
        return self._rows[index]

    def index_of(self, pair_id: str) -> int | None:
        """Return the row of a pair, or None."""
        return self._places.get(pair_id)

    # -- QAbstractTableModel -------------------------------------------------------------------------

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
        column = COLUMNS[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return table_text(column.title)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.is_number else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            return table_text(column.help)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Let the box be ticked where that means something."""
        flags = super().flags(index)
        if index.isValid() and index.column() == COLUMN_OF["use"]:
            can_be_used = self._rows[index.row()].state in CAN_BE_USED
            return flags | Qt.ItemFlag.ItemIsUserCheckable if can_be_used else flags
        return flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return text, colour, alignment or tick of a cell."""
        row, column = self._rows[index.row()], COLUMNS[index.column()]
        is_worst = column.key == "loo" and row.id == self._worst
        if role == Qt.ItemDataRole.DisplayRole:
            text = column.text(row)
            return f"{WORST} {text}" if is_worst else text
        if role == Qt.ItemDataRole.TextAlignmentRole and column.is_number:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.DecorationRole and column.key == "label":
            return _swatch(display().point_colour(index.row()))
        if role == Qt.ItemDataRole.CheckStateRole and column.key == "use":
            return Qt.CheckState.Checked if row.state == "placed" else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(row, column, is_worst=is_worst)
        return _look(row, role, is_worst=is_worst)

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Ask for a pair to be used or left out; the answer comes with the next rows."""
        if role != Qt.ItemDataRole.CheckStateRole or index.column() != COLUMN_OF["use"]:
            return False
        self.useToggled.emit(self._rows[index.row()].id, Qt.CheckState(value) is Qt.CheckState.Checked)
        return True

    def _tip(self, row: PairRow, column: Column, *, is_worst: bool) -> str | None:
        if is_worst:
            return table_text("The largest left-out residual of all.")
        if column.key == "use" and row.state == "predicted":
            return table_text("A suggestion counts once it is accepted.")
        if column.key == "use" and row.state == "not_visible":
            return table_text("A pair that is not visible has no place to fit to.")
        if column.key == "use" and row.state == "half":
            return table_text("It counts once its second point is placed.")
        # Words may be wider than their column.
        return column.text(row) if column.key in ("state", "annotator", "source") else None


class ShownPairs(QSortFilterProxyModel):
    """The order and the filter of the table; a missing value is last in either direction."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._text = ""
        self._state = ""

    def set_filter(self, text: str, state: str) -> None:
        """Show only pairs whose number, state, author or source hold a text, and that are in a state.

        Parameters
        ----------
        text : str
            Empty: any.
        state : str
            A key of `STATES`, or empty for any.
        """
        if (text.strip().casefold(), state) != (self._text, self._state):
            self._text, self._state = text.strip().casefold(), state
            self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        """Tell whether a pair is shown."""
        model = self.sourceModel()
        assert isinstance(model, KeypointModel)
        row = model.row(source_row)
        if self._state and row.state != self._state:
            return False
        words = (row.label, state_text(row.state), row.annotator, row.source)
        return not self._text or any(self._text in word.casefold() for word in words)

    def lessThan(self, left: Index, right: Index) -> bool:
        """Compare two cells."""
        model = self.sourceModel()
        assert isinstance(model, KeypointModel)
        sort_key = COLUMNS[left.column()].sort_key
        first, second = sort_key(model.row(left.row())), sort_key(model.row(right.row()))
        if first is None or second is None:
            is_descending = self.sortOrder() is Qt.SortOrder.DescendingOrder
            return (
                (first is None and second is not None)
                if is_descending
                else (first is not None and second is None)
            )
        return first < second  # type: ignore[operator]


def _worst(rows: Sequence[PairRow]) -> str:
    """Return the id of the pair with the largest left-out residual, when there are several."""
    ranked = [(row.loo_px, row.id) for row in rows if row.loo_px is not None]
    return max(ranked)[1] if len(ranked) > 1 else ""


def _differs_in_residuals_only(first: PairRow, second: PairRow) -> bool:
    return replace(first, fit_px=second.fit_px, loo_px=second.loo_px) == second


def _stretches(indices: Sequence[int]) -> list[tuple[int, int]]:
    """Return neighbouring indices as first and last of each stretch."""
    stretches: list[tuple[int, int]] = []
    for index in indices:
        if stretches and stretches[-1][1] == index - 1:
            stretches[-1] = (stretches[-1][0], index)
        else:
            stretches.append((index, index))
    return stretches


def _look(row: PairRow, role: int, *, is_worst: bool) -> object:
    colours = palette(current_theme())
    if role == Qt.ItemDataRole.ForegroundRole:
        if is_worst:
            return QBrush(QColor(colours["warning"]))
        return None if row.state in ("placed", "half") else QBrush(QColor(colours["muted"]))
    if role == Qt.ItemDataRole.FontRole and is_worst:
        font = QFont()
        font.setBold(True)
        return font
    return None


@cache
def _swatch(colour: str) -> QPixmap:
    swatch = QPixmap(10, 10)
    swatch.fill(QColor(colour))
    return swatch
