"""The data browser: items grouped by subject, with modality, split and state; a filter above."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workstation.views.protocols import BrowserRow
from workstation.views.theme import current_theme, palette

_ITEM_ID = Qt.ItemDataRole.UserRole


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
        self.tree.setColumnCount(3)
        self.tree.setHeaderLabels([self.tr("Item"), self.tr("Split"), self.tr("Pairs")])
        self.tree.setRootIsDecorated(True)
        self.tree.setIndentation(14)
        self.tree.setUniformRowHeights(True)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.tree.setAccessibleName(self.tr("Items of the project"))
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.currentItemChanged.connect(self._on_current)
        self.count = QLabel(self)
        self.count.setProperty("role", "muted")
        layout = QVBoxLayout(self)
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
        rows = [row for row in self._rows if wanted in f"{row.subject} {row.item_id} {row.modalities}".casefold()]
        colours = palette(current_theme())
        self.tree.blockSignals(True)
        self.tree.clear()
        groups: dict[str, QTreeWidgetItem] = {}
        for row in rows:
            if row.subject not in groups:
                groups[row.subject] = QTreeWidgetItem(self.tree, [row.subject])
                groups[row.subject].setFlags(Qt.ItemFlag.ItemIsEnabled)
                groups[row.subject].setForeground(0, QBrush(QColor(colours["muted"])))
            node = QTreeWidgetItem(groups[row.subject])
            _describe(node, row, colours, self._state_text(row))
        self.tree.expandAll()
        self.tree.blockSignals(False)
        self.set_current(self._current)
        total = len(self._rows)
        if not total:
            self.count.setText(self.tr("No items yet"))
        elif len(rows) == total:
            self.count.setText(self.tr("%n item(s)", "", total))
        else:
            self.count.setText(self.tr("{shown} of {total} items").format(shown=len(rows), total=total))

    def _state_text(self, row: BrowserRow) -> str:
        if row.problem:
            return row.problem
        if row.num_pairs:
            return self.tr("{n} keypoint pairs").format(n=row.num_pairs)
        return self.tr("no keypoint pairs yet")

    def _on_current(self, node: QTreeWidgetItem | None, _before: QTreeWidgetItem | None) -> None:
        item_id = node.data(0, _ITEM_ID) if node is not None else None
        if item_id:
            self._current = str(item_id)
            self.itemChosen.emit(self._current)


def _describe(node: QTreeWidgetItem, row: BrowserRow, colours: dict[str, str], state: str) -> None:
    symbol, status = ("▲", "warning") if row.problem else ("✔", "done") if row.num_pairs else ("○", "stale")
    name = f"{symbol}  {row.item_id}"
    node.setText(0, f"{name}  {row.modalities}" if row.modalities else name)
    node.setText(1, row.split or "–")
    node.setText(2, str(row.num_pairs) if row.num_pairs else "–")
    node.setTextAlignment(2, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    node.setForeground(2, QBrush(QColor(colours[status])))
    node.setData(0, _ITEM_ID, row.item_id)
    for column in range(3):
        node.setToolTip(column, f"{row.subject} / {row.item_id}\n{row.modalities}\n{state}")
