"""Tables whose lines are records and whose columns are data: the model, and how it is sorted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QBrush, QColor

from engines.contract.component_table import Value
from workstation.translation import translate
from workstation.views.elements.theme import current_theme, palette

Index = QModelIndex | QPersistentModelIndex
MISSING = "–"
_MINUS = "\u2212"


class Line(Protocol):
    """A record that is one line of a table."""

    @property
    def key(self) -> str:
        """What it is told apart by."""

    @property
    def values(self) -> Any:
        """What a pipeline says of it, by column key."""


class BroughtColumn(Protocol):
    """A column that a pipeline brings as data."""

    @property
    def key(self) -> str:
        """Of the values."""

    @property
    def title(self) -> str:
        """Of the header, an English template."""

    @property
    def help(self) -> str:
        """One sentence, an English template."""

    @property
    def decimals(self) -> int:
        """Of numbers."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what a cell shows and is sorted by; a value of None is missing."""

    key: str
    title: str
    help: str
    value: Callable[[Any], Value]
    decimals: int = 0
    is_number: bool = True
    words: Callable[[Any], str] | None = None

    def text(self, line: Any) -> str:
        """Return what the cell of a line says."""
        if self.words is not None:
            return self.words(line)
        value = self.value(line)
        if value is None or value == "":
            return MISSING
        if isinstance(value, str):
            return value
        return f"{value:.{self.decimals}f}".replace("-", _MINUS)


def brought_columns(columns: Sequence[BroughtColumn], lines: Sequence[Line]) -> list[Column]:
    """Return the columns that a pipeline brings; one with any word in it is a column of words."""
    return [
        Column(
            column.key,
            translate(column.title),
            translate(column.help),
            lambda line, key=column.key: line.values.get(key),  # type: ignore[misc]
            column.decimals,
            is_number=not any(isinstance(line.values.get(column.key), str) for line in lines),
        )
        for column in columns
    ]


class LineModel(QAbstractTableModel):
    """Lines as a table.

    Parameters
    ----------
    columns : sequence of Column
        Shown until the first lines come.
    """

    def __init__(self, columns: Sequence[Column], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lines: list[Any] = []
        self._columns = list(columns)

    def show(self, lines: Sequence[Line], columns: Sequence[Column]) -> None:
        """Show lines; where only their contents changed, selection and scrolling stay."""
        is_same = [line.key for line in lines] == [line.key for line in self._lines] and [
            one.title for one in columns
        ] == [one.title for one in self._columns]
        if is_same:
            old, self._lines, self._columns = self._lines, list(lines), list(columns)
            for row, (line, known) in enumerate(zip(self._lines, old, strict=True)):
                if line != known:
                    self.dataChanged.emit(self.index(row, 0), self.index(row, len(columns) - 1))
            return
        self.beginResetModel()
        self._lines, self._columns = list(lines), list(columns)
        self.endResetModel()

    def line(self, row: int) -> Any:
        """Return the record of a row."""
        return self._lines[row]

    def column(self, index: int) -> Column:
        """Return a column."""
        return self._columns[index]

    def row_of(self, key: str) -> int | None:
        """Return the row of a record, or None."""
        return next((row for row, line in enumerate(self._lines) if line.key == key), None)

    def colour(self, line: Any, column: Column) -> str:
        """Return the name of a cell's colour; empty for the usual one."""
        return ""

    def explanation(self, line: Any) -> str:
        """Return the tooltip of a line; empty for none."""
        return ""

    # -- QAbstractTableModel -------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of lines."""
        return 0 if parent.isValid() else len(self._lines)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self._columns)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """Return a title, or its explanation."""
        if orientation is not Qt.Orientation.Horizontal or section >= len(self._columns):
            return None
        column = self._columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.help
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.is_number else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return text, colour, alignment or explanation of a cell."""
        line, column = self._lines[index.row()], self._columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(line)
        if role == Qt.ItemDataRole.TextAlignmentRole and column.is_number:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.explanation(line) or None
        if role == Qt.ItemDataRole.ForegroundRole:
            name = self.colour(line, column)
            return QBrush(QColor(palette(current_theme())[name])) if name else None
        return None


class ShownLines(QSortFilterProxyModel):
    """Order of a table of lines; a missing value is last in either direction."""

    def lessThan(self, left: Index, right: Index) -> bool:
        """Compare two cells."""
        model = self.lines()
        column = model.column(left.column())
        first, second = column.value(model.line(left.row())), column.value(model.line(right.row()))
        if first is None or second is None:
            is_descending = self.sortOrder() is Qt.SortOrder.DescendingOrder
            return (first is None) is is_descending and first is not second
        if isinstance(first, str) or isinstance(second, str):
            return str(first).casefold() < str(second).casefold()
        return first < second

    def lines(self) -> LineModel:
        """Return the model that is sorted."""
        model = self.sourceModel()
        assert isinstance(model, LineModel)
        return model
