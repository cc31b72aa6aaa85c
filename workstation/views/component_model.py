"""Components as a Qt model: the usual columns, and those that a pipeline brings as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QT_TRANSLATE_NOOP,
    QAbstractTableModel,
    QCoreApplication,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QBrush, QColor

from engines.contract.component_table import ComponentColumn, Value
from workstation.translation import translate
from workstation.views.component_protocols import ACCEPTED, OPEN, REJECTED, ComponentLine
from workstation.views.theme import current_theme, palette

Index = QModelIndex | QPersistentModelIndex
MISSING = "–"
_MINUS = "\u2212"


def table_text(text: str) -> str:
    """Return a text of the table in the language of the window."""
    return QCoreApplication.translate("ComponentTable", text)


STATES: dict[str, str] = {
    OPEN: QT_TRANSLATE_NOOP("ComponentTable", "○ open"),
    ACCEPTED: QT_TRANSLATE_NOOP("ComponentTable", "✓ accepted"),
    REJECTED: QT_TRANSLATE_NOOP("ComponentTable", "✕ rejected"),
}
_PROPOSALS: dict[str, str] = {
    "": "",
    "accept": QT_TRANSLATE_NOOP("ComponentTable", "accept"),
    "reject": QT_TRANSLATE_NOOP("ComponentTable", "reject"),
}
_STATE_ORDER = (OPEN, ACCEPTED, REJECTED)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what a cell shows and is sorted by; a value of None is missing."""

    key: str
    title: str
    help: str
    value: Callable[[ComponentLine], Value]
    decimals: int = 0
    is_number: bool = True
    words: Callable[[ComponentLine], str] | None = None


def usual_columns(unit: str) -> tuple[Column, ...]:
    """Return the columns of every label map; `unit` is that of intensities."""
    mean = table_text("Mean ({unit})").format(unit=unit) if unit else table_text("Mean")
    return (
        Column(
            "number",
            "#",
            table_text("By size: 1 is the largest."),
            lambda line: line.number or None,
        ),
        Column(
            "state",
            table_text("State"),
            table_text("What you decided: Y accepts, N rejects."),
            lambda line: float(_STATE_ORDER.index(line.state)),
            is_number=False,
            words=lambda line: table_text(STATES[line.state]),
        ),
        Column(
            "volume",
            table_text("Volume (mL)"),
            table_text("Voxels times their size."),
            lambda line: line.volume_ml,
            3,
        ),
        Column("voxels", table_text("Voxels"), table_text("How many."), lambda line: line.num_voxels),
        Column(
            "length",
            table_text("Length (mm)"),
            table_text("Of its centre line; missing for what is too large to be a vessel."),
            lambda line: line.length_mm,
            1,
        ),
        Column(
            "mean",
            mean,
            table_text("Mean intensity of the image over it."),
            lambda line: line.mean_intensity,
            1,
        ),
    )


def _brought(columns: Sequence[ComponentColumn], lines: Sequence[ComponentLine]) -> list[Column]:
    """Return the columns that a pipeline brings, with its suggestion when it makes any."""
    found = [
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
    if any(line.proposal for line in lines):
        found.append(
            Column(
                "proposal",
                table_text("Suggestion"),
                table_text("What the run that made the label map would do."),
                lambda line: line.proposal or None,
                is_number=False,
                words=lambda line: table_text(_PROPOSALS[line.proposal]),
            )
        )
    return found


class ComponentModel(QAbstractTableModel):
    """The lines as a table."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lines: list[ComponentLine] = []
        self._brought: tuple[ComponentColumn, ...] = ()
        self._unit = ""
        self._columns: list[Column] = list(usual_columns(""))

    def set_lines(
        self, lines: Sequence[ComponentLine], brought: Sequence[ComponentColumn], unit: str
    ) -> None:
        """Show components."""
        before = [line.key for line in self._lines]
        columns = [*usual_columns(unit), *_brought(brought, lines)]
        is_same = [line.key for line in lines] == before and [one.title for one in columns] == [
            one.title for one in self._columns
        ]
        if is_same:
            old, self._lines, self._columns = self._lines, list(lines), columns
            for row, (line, known) in enumerate(zip(self._lines, old, strict=True)):
                if line != known:
                    self.dataChanged.emit(self.index(row, 0), self.index(row, len(columns) - 1))
            return
        self.beginResetModel()
        self._lines, self._columns = list(lines), columns
        self.endResetModel()

    def line(self, row: int) -> ComponentLine:
        """Return the component of a row."""
        return self._lines[row]

    def column(self, index: int) -> Column:
        """Return a column."""
        return self._columns[index]

    def row_of(self, key: str) -> int | None:
        """Return the row of a component, or None."""
        return next((row for row, line in enumerate(self._lines) if line.key == key), None)

    # -- QAbstractTableModel -------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of components."""
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
        """Return text, colour or alignment of a cell."""
        line, column = self._lines[index.row()], self._columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(line, column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column.is_number:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ForegroundRole:
            colours = palette(current_theme())
            if line.state == REJECTED:
                return QBrush(QColor(colours["muted"]))
            if column.key == "state" and line.state == ACCEPTED:
                return QBrush(QColor(colours["done"]))
        return None


class ShownComponents(QSortFilterProxyModel):
    """Order and filter of the table; a missing value is last in either direction."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._smallest_ml = 0.0
        self._state: str | None = None

    def set_filter(self, smallest_ml: float, state: str | None) -> None:
        """Show only components from a volume on, and of one state; None: of any."""
        if (smallest_ml, state) != (self._smallest_ml, self._state):
            self._smallest_ml, self._state = smallest_ml, state
            self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        """Tell whether a component is shown."""
        line = self._model().line(source_row)
        return line.volume_ml >= self._smallest_ml and self._state in (None, line.state)

    def lessThan(self, left: Index, right: Index) -> bool:
        """Compare two cells."""
        model = self._model()
        column = model.column(left.column())
        first, second = column.value(model.line(left.row())), column.value(model.line(right.row()))
        is_descending = self.sortOrder() is Qt.SortOrder.DescendingOrder
        if first is None or second is None:
            return (first is None) is is_descending and first is not second
        if isinstance(first, str) or isinstance(second, str):
            return str(first).casefold() < str(second).casefold()
        return first < second

    def _model(self) -> ComponentModel:
        model = self.sourceModel()
        assert isinstance(model, ComponentModel)
        return model


def _text(line: ComponentLine, column: Column) -> str:
    if column.words is not None:
        return column.words(line)
    value = column.value(line)
    if value is None or value == "":
        return MISSING
    if isinstance(value, str):
        return value
    return f"{value:.{column.decimals}f}".replace("-", _MINUS)
