"""The review queue as a Qt model: gate, decision, item, rules, size of the change, and what a run brings."""

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

from engines.contract.component_table import Value
from engines.contract.item_review import ReviewColumn
from workstation.translation import readable, translate, translate_message
from workstation.views.component_model import MISSING
from workstation.views.review_protocols import ACCEPTED, LATER, OPEN, REJECTED, ReviewLine
from workstation.views.theme import current_theme, palette

Index = QModelIndex | QPersistentModelIndex
_MINUS = "\u2212"


def queue_text(text: str) -> str:
    """Return a text of the queue in the language of the window."""
    return QCoreApplication.translate("ReviewQueue", text)


GATES: dict[str, str] = {
    "reject": QT_TRANSLATE_NOOP("ReviewQueue", "✘ reject"),
    "review": QT_TRANSLATE_NOOP("ReviewQueue", "▲ review"),
    "accept": QT_TRANSLATE_NOOP("ReviewQueue", "✔ accept"),
    "": QT_TRANSLATE_NOOP("ReviewQueue", "not judged"),
}
DECISIONS: dict[str, str] = {
    OPEN: QT_TRANSLATE_NOOP("ReviewQueue", "○ open"),
    LATER: QT_TRANSLATE_NOOP("ReviewQueue", "◷ later"),
    ACCEPTED: QT_TRANSLATE_NOOP("ReviewQueue", "✓ accepted"),
    REJECTED: QT_TRANSLATE_NOOP("ReviewQueue", "✕ rejected"),
}
_GATE_COLOURS = {"reject": "failed", "review": "warning", "accept": "done"}
_DECISION_COLOURS = {ACCEPTED: "done", REJECTED: "muted", LATER: "warning"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what a cell says and is sorted by; a value of None is missing."""

    key: str
    title: str
    help: str
    value: Callable[[ReviewLine], Value]
    decimals: int = 0
    is_number: bool = False
    words: Callable[[ReviewLine], str] | None = None


def usual_columns() -> list[Column]:
    """Return the columns that every result has."""
    gates, decisions = list(GATES), list(DECISIONS)
    return [
        Column(
            "gate",
            queue_text("Gate"),
            queue_text("What the run suggests by its rules; you decide."),
            lambda line: float(gates.index(line.status)),
            words=lambda line: queue_text(GATES[line.status]),
        ),
        Column(
            "decision",
            queue_text("Decision"),
            queue_text("What you decided."),
            lambda line: float(decisions.index(line.verdict)),
            words=lambda line: queue_text(DECISIONS[line.verdict]),
        ),
        Column("item", queue_text("Item"), queue_text("The case."), lambda line: line.item_id),
        Column(
            "rules",
            queue_text("Rules"),
            queue_text("Rules of the gate that fired."),
            lambda line: ", ".join(line.rules) or None,
            words=lambda line: ", ".join(translate(readable(rule)) for rule in line.rules) or MISSING,
        ),
        Column(
            "changed",
            queue_text("Changed / mL"),
            queue_text("Volume that was added plus what was taken away."),
            lambda line: line.changed_ml,
            3,
            is_number=True,
        ),
    ]


def _brought(columns: Sequence[ReviewColumn], lines: Sequence[ReviewLine]) -> list[Column]:
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


class ReviewModel(QAbstractTableModel):
    """The lines as a table."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lines: list[ReviewLine] = []
        self._columns: list[Column] = usual_columns()

    def set_lines(self, lines: Sequence[ReviewLine], brought: Sequence[ReviewColumn]) -> None:
        """Show results."""
        columns = [*usual_columns(), *_brought(brought, lines)]
        is_same = [line.key for line in lines] == [line.key for line in self._lines] and [
            one.title for one in columns
        ] == [one.title for one in self._columns]
        if is_same:
            old, self._lines, self._columns = self._lines, list(lines), columns
            for row, (line, known) in enumerate(zip(self._lines, old, strict=True)):
                if line != known:
                    self.dataChanged.emit(self.index(row, 0), self.index(row, len(columns) - 1))
            return
        self.beginResetModel()
        self._lines, self._columns = list(lines), columns
        self.endResetModel()

    def line(self, row: int) -> ReviewLine:
        """Return the result of a row."""
        return self._lines[row]

    def column(self, index: int) -> Column:
        """Return a column."""
        return self._columns[index]

    def row_of(self, key: str) -> int | None:
        """Return the row of a result, or None."""
        return next((row for row, line in enumerate(self._lines) if line.key == key), None)

    # -- QAbstractTableModel -------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of results."""
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
            return _text(line, column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column.is_number:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            reasons = "\n".join(translate_message(reason) for reason in line.reasons)
            return reasons or f"{line.item_id}\n{line.run_id}"
        if role == Qt.ItemDataRole.ForegroundRole:
            name = ""
            if column.key == "gate":
                name = _GATE_COLOURS.get(line.status, "muted")
            elif column.key == "decision":
                name = _DECISION_COLOURS.get(line.verdict, "")
            elif line.verdict == REJECTED:
                name = "muted"
            return QBrush(QColor(palette(current_theme())[name])) if name else None
        return None


class ShownResults(QSortFilterProxyModel):
    """Order and filter of the queue; without a sorted column it is as the controller says."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._is_open_only = False

    def set_open_only(self, is_open_only: bool) -> None:
        """Show only what waits for a decision."""
        if is_open_only != self._is_open_only:
            self._is_open_only = is_open_only
            self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        """Tell whether a result is shown."""
        return not self._is_open_only or self._model().line(source_row).verdict in (OPEN, LATER)

    def lessThan(self, left: Index, right: Index) -> bool:
        """Compare two cells."""
        model = self._model()
        column = model.column(left.column())
        first, second = column.value(model.line(left.row())), column.value(model.line(right.row()))
        if first is None or second is None:
            is_descending = self.sortOrder() is Qt.SortOrder.DescendingOrder
            return (first is None) is is_descending and first is not second
        if isinstance(first, str) or isinstance(second, str):
            return str(first).casefold() < str(second).casefold()
        return first < second

    def _model(self) -> ReviewModel:
        model = self.sourceModel()
        assert isinstance(model, ReviewModel)
        return model


def _text(line: ReviewLine, column: Column) -> str:
    if column.words is not None:
        return column.words(line)
    value = column.value(line)
    if value is None or value == "":
        return MISSING
    if isinstance(value, str):
        return value
    return f"{value:.{column.decimals}f}".replace("-", _MINUS)
