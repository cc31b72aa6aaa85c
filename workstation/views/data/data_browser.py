"""The data browser: items grouped by subject, with modality, split and state; a filter above."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engines.contract.kinds import ItemKind
from workstation.translation import translate_message
from workstation.views.elements.theme import current_theme, palette
from workstation.views.protocols.project import BrowserRow

_ITEM_ID = Qt.ItemDataRole.UserRole
_SECOND_LINE = Qt.ItemDataRole.UserRole + 1
_STATE = Qt.ItemDataRole.UserRole + 2
_SPLIT = Qt.ItemDataRole.UserRole + 3
_SYMBOLS = {"warning": "▲", "done": "✔", "stale": "○"}
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class DataBrowser(QWidget):
    """Left column of the window.

    Signals
    -------
    itemChosen : str
    """

    itemChosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("browser")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._rows: list[BrowserRow] = []
        self._current = ""
        self.filter = QLineEdit(self)
        self.filter.setPlaceholderText(self.tr("Filter items"))
        self.filter.setClearButtonEnabled(True)
        self.filter.setAccessibleName(self.tr("Filter items"))
        self.filter.textChanged.connect(self._fill)
        self.tree = QTreeWidget(self)
        self.tree.setColumnCount(1)
        self.tree.setHeaderHidden(True)
        self.tree.setIndentation(10)
        self.tree.setItemDelegate(_ItemDelegate(self.tree))
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.tree.setAccessibleName(self.tr("Items of the project"))
        self.tree.currentItemChanged.connect(self._on_current)
        self.count = QLabel(self)
        self.count.setProperty("role", "muted")
        self._empty: QWidget | None = None
        layout = self._column = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 6)
        layout.setSpacing(6)
        layout.addWidget(self.filter)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self.count)
        self._fill()

    def show_rows(self, rows: Sequence[BrowserRow]) -> None:
        """List items; the current one stays current."""
        if list(rows) != self._rows:
            self._rows = list(rows)
            self._fill()

    def set_empty(self, state: QWidget) -> None:
        """Show this in place of the list while the project holds no items."""
        self._empty = state
        self._column.insertWidget(self._column.indexOf(self.tree) + 1, state, 1)
        self._fill()

    def set_current(self, item_id: str) -> None:
        """Mark an item as the current one."""
        self._current = item_id
        node = self._node(item_id)
        if node is not None and self.tree.currentItem() is not node:
            self.tree.blockSignals(True)
            self.tree.setCurrentItem(node)
            self.tree.blockSignals(False)

    def shown_ids(self) -> list[str]:
        """Return the ids of the items that pass the filter, from top to bottom."""
        return [str(node.data(0, _ITEM_ID)) for node in self._nodes()]

    def kind_of(self, item_id: str) -> ItemKind:
        """Return what an item is; that of a pair for one that is not listed."""
        kinds = (row.kind for row in self._rows if row.item_id == item_id)
        return next(kinds, ItemKind.IMAGE_PAIR)

    def step(self, offset: int) -> None:
        """Choose the item so many rows below the current one; it stops at the ends."""
        ids = self.shown_ids()
        if not ids:
            return
        index = ids.index(self._current) + offset if self._current in ids else 0
        chosen = ids[min(max(index, 0), len(ids) - 1)]
        self.set_current(chosen)
        self.itemChosen.emit(chosen)

    def _nodes(self) -> list[QTreeWidgetItem]:
        tops = [self.tree.topLevelItem(index) for index in range(self.tree.topLevelItemCount())]
        return [top.child(index) for top in tops for index in range(top.childCount())]

    def _node(self, item_id: str) -> QTreeWidgetItem | None:
        return next((node for node in self._nodes() if node.data(0, _ITEM_ID) == item_id), None)

    def _fill(self) -> None:
        wanted = self.filter.text().casefold().strip()
        rows = [
            row
            for row in self._rows
            if wanted in f"{row.subject} {row.item_id} {row.modalities} {row.split}".casefold()
        ]
        colours = palette(current_theme())
        self.tree.blockSignals(True)
        self.tree.clear()
        groups: dict[str, QTreeWidgetItem] = {}
        for row in rows:
            if row.subject not in groups:
                groups[row.subject] = QTreeWidgetItem(self.tree, [row.subject])
                groups[row.subject].setFlags(Qt.ItemFlag.ItemIsEnabled)
                groups[row.subject].setForeground(0, QBrush(QColor(colours["muted"])))
            node = QTreeWidgetItem(groups[row.subject], [row.item_id])
            node.setData(0, _ITEM_ID, row.item_id)
            node.setData(0, _STATE, state_of(row))
            state = self._state_text(row)
            parts = [state, row.modalities, row.size] if row.is_volume else [row.modalities, state]
            node.setData(0, _SPLIT, row.split)
            node.setData(0, _SECOND_LINE, "  ·  ".join(part for part in parts if part))
            split = row.split or self.tr("no split")
            node.setToolTip(0, "\n".join([f"{row.subject} / {row.item_id}", split, *parts]))
        self.tree.expandAll()
        self.tree.blockSignals(False)
        self.set_current(self._current)
        total = len(self._rows)
        self.tree.setVisible(bool(total) or self._empty is None)
        if self._empty is not None:
            self._empty.setVisible(not total)
        if not total:
            self.count.setText(self.tr("No items yet"))
        elif len(rows) == total:
            self.count.setText(self.tr("1 item") if total == 1 else self.tr("{n} items").format(n=total))
        else:
            self.count.setText(self.tr("{shown} of {total} items").format(shown=len(rows), total=total))

    def _state_text(self, row: BrowserRow) -> str:
        if row.problem.text:
            return translate_message(row.problem)
        if row.is_volume:
            many = self.tr("{n} label maps").format(n=row.num_label_maps)
            words = {0: self.tr("no label map"), 1: self.tr("1 label map")}
            return words.get(row.num_label_maps, many)
        if row.num_pairs:
            return self.tr("1 pair") if row.num_pairs == 1 else self.tr("{n} pairs").format(n=row.num_pairs)
        return self.tr("no pairs")

    def _on_current(self, node: QTreeWidgetItem | None, _before: QTreeWidgetItem | None) -> None:
        item_id = node.data(0, _ITEM_ID) if node is not None else None
        if item_id:
            self._current = str(item_id)
            self.itemChosen.emit(self._current)


def state_of(row: BrowserRow) -> str:
    """Return the status of an item by name: warning, done or stale."""
    is_done = row.num_label_maps if row.is_volume else row.num_pairs
    return "warning" if row.problem.text else "done" if is_done else "stale"


class _ItemDelegate(QStyledItemDelegate):
    """An item on two lines: symbol and name, then the rest in a quieter colour."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Return room for one or two lines."""
        height = option.fontMetrics.height()
        return QSize(80, 2 * height + 9 if index.data(_ITEM_ID) else height + 8)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Draw one row."""
        if not index.data(_ITEM_ID):
            super().paint(painter, option, index)
            return
        colours = palette(current_theme())
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, QColor(colours["selection"]))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(option.rect, QColor(colours["raised"]))
        area = option.rect.adjusted(4, 3, -6, -3)
        height = area.height() // 2
        status = str(index.data(_STATE))
        painter.setPen(QColor(colours[status]))
        painter.drawText(QRect(area.left(), area.top(), 16, height), _LEFT, _SYMBOLS[status])
        split, metrics = str(index.data(_SPLIT)), option.fontMetrics
        first = QRect(area.left() + 19, area.top(), area.width() - 19, height)
        painter.setPen(QColor(colours["muted"]))
        painter.drawText(first, _RIGHT, split)
        lines = (
            (first.adjusted(0, 0, -metrics.horizontalAdvance(f"{split} "), 0), index.data(), "text"),
            (first.translated(0, height), index.data(_SECOND_LINE), "muted"),
        )
        for place, text, colour in lines:
            painter.setPen(QColor(colours[colour]))
            elided = metrics.elidedText(str(text), Qt.TextElideMode.ElideRight, place.width())
            painter.drawText(place, _LEFT, elided)
        painter.restore()
