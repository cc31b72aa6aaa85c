"""The history list: every edit with name, who, when and where; a click goes back or forward to it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QAction, QBrush, QCloseEvent, QColor, QGuiApplication
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QRadioButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engines.contract.messages import Message
from workstation.translation import translate_message
from workstation.views.elements.empty_state import action_button
from workstation.views.elements.moments import moment_text
from workstation.views.elements.theme import current_theme, palette
from workstation.views.protocols.project import HistoryRow

_ROW = Qt.ItemDataRole.UserRole
_MARKS = {"done": "✔", "waiting": "↷", "lost": "✕"}
_SIZE_PX = (560, 560)


class HistoryList(QDialog):
    """A window beside the main one; it blocks nothing.

    Parameters
    ----------
    undo, redo : QAction

    Signals
    -------
    rowChosen, rowHovered : HistoryRow
    scopeChosen : bool
        True: the whole project; False: the current item.
    closed
    """

    rowChosen = Signal(object)
    rowHovered = Signal(object)
    scopeChosen = Signal(bool)
    closed = Signal()

    def __init__(self, undo: QAction, redo: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("History"))
        self.resize(*_SIZE_PX)
        self._shown: tuple[tuple[HistoryRow, ...], bool] | None = None
        self.item_button = QRadioButton(self.tr("This item"), self)
        self.project_button = QRadioButton(self.tr("Whole project"), self)
        self._scopes = QButtonGroup(self)
        for button in (self.item_button, self.project_button):
            self._scopes.addButton(button)
        self.item_button.setChecked(True)
        self.project_button.toggled.connect(self.scopeChosen)
        top = QHBoxLayout()
        top.addWidget(self.item_button)
        top.addWidget(self.project_button)
        top.addStretch(1)
        for action in (undo, redo):
            button = action_button(action, "", self)
            button.setAutoDefault(False)
            button.is_short = True
            top.addWidget(button)
        self.tree = self._tree()
        self.sentence = QLabel(self.tr("A click goes back or forward to an edit."), self)
        self.sentence.setWordWrap(True)
        self.sentence.setProperty("role", "muted")
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self.sentence)
        self.tree.setFocus()

    def _tree(self) -> QTreeWidget:
        tree = QTreeWidget(self)
        tree.setColumnCount(5)
        tree.setHeaderLabels(["", self.tr("Edit"), self.tr("Item"), self.tr("Who"), self.tr("When")])
        tree.setRootIsDecorated(False)
        tree.setUniformRowHeights(True)
        tree.setMouseTracking(True)
        tree.setAccessibleName(self.tr("Edits, the newest first"))
        header = tree.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(24)
        for column, mode in enumerate(
            (
                QHeaderView.ResizeMode.ResizeToContents,
                QHeaderView.ResizeMode.Stretch,
                QHeaderView.ResizeMode.Interactive,
                QHeaderView.ResizeMode.Interactive,
                QHeaderView.ResizeMode.ResizeToContents,
            )
        ):
            header.setSectionResizeMode(column, mode)
        tree.itemClicked.connect(lambda node, _column: self._choose(node))
        tree.itemActivated.connect(lambda node, _column: self._on_activated(node))
        tree.itemEntered.connect(lambda node, _column: self.rowHovered.emit(node.data(0, _ROW)))
        tree.currentItemChanged.connect(self._on_current)
        return tree

    # -- HistoryView ---------------------------------------------------------------------------------

    def show_history(self, rows: Sequence[HistoryRow], item_id: str, *, is_whole_project: bool) -> None:
        """List edits; the one that is the last done is marked and in view."""
        self.item_button.setText(
            self.tr("This item: {item}").format(item=item_id) if item_id else self.tr("This item")
        )
        self.item_button.setEnabled(bool(item_id))
        shown = (tuple(rows), is_whole_project)
        if shown == self._shown:
            # Whoever walks the list by keyboard stays where they are.
            return
        self._shown = shown
        colours = palette(current_theme())
        top = self.tree.verticalScrollBar().value()
        here = None
        with QSignalBlocker(self.tree):
            self.tree.clear()
            for row in rows:
                node = self._node(row, colours)
                self.tree.addTopLevelItem(node)
                here = node if row.is_here else here
            self.tree.setColumnHidden(2, not is_whole_project)
            if here is not None:
                self.tree.setCurrentItem(here)
        self.tree.verticalScrollBar().setValue(top)
        if here is not None:
            self.tree.scrollToItem(here)

    def show_sentence(self, message: Message) -> None:
        """Say what happened, or what a click would do."""
        self.sentence.setText(translate_message(message))

    def _node(self, row: HistoryRow, colours: dict[str, str]) -> QTreeWidgetItem:
        title = translate_message(row.title)
        mark = "▶" if row.is_here else _MARKS[row.state] if row.sequence else ""
        item = row.item_id or (self.tr("project") if row.sequence else "")
        node = QTreeWidgetItem([mark, title, item, row.annotator, moment_text(row.at)])
        node.setData(0, _ROW, row)
        says = {
            "done": self.tr("This edit is done."),
            "waiting": self.tr("This edit was undone and can be done again."),
            "lost": self.tr("This edit was undone, and others were made since: it cannot be done again."),
        }
        node.setToolTip(1, f"{title}\n{says[row.state]}" if row.sequence else title)
        if row.state != "done":
            for column in range(5):
                node.setForeground(column, QBrush(QColor(colours["muted"])))
        font = node.font(1)
        font.setBold(row.is_here)
        font.setItalic(row.state == "waiting")
        font.setStrikeOut(row.state == "lost")
        node.setFont(1, font)
        return node

    def _on_activated(self, node: QTreeWidgetItem) -> None:
        # The first click of a double click has gone there already.
        if QGuiApplication.mouseButtons() == Qt.MouseButton.NoButton:
            self._choose(node)

    def _choose(self, node: QTreeWidgetItem) -> None:
        self.rowChosen.emit(node.data(0, _ROW))

    def _on_current(self, node: QTreeWidgetItem | None, _before: QTreeWidgetItem | None) -> None:
        if node is not None:
            self.rowHovered.emit(node.data(0, _ROW))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Say so."""
        self.closed.emit()
        super().closeEvent(event)
