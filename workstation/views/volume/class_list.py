"""The classes of the label map that is drawn in: colour, name, volume, lock and eye."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engines.contract.config import read_yaml
from engines.contract.resources import resource_path
from workstation.actions.registry import ActionRegistry
from workstation.views.elements.empty_state import action_button
from workstation.views.elements.icons import icon
from workstation.views.elements.theme import current_theme
from workstation.views.protocols.volume import ClassRow

NAME, VOLUME, LOCK, EYE = range(4)
_VALUE = Qt.ItemDataRole.UserRole
_SWATCH_PX = 14
_MIN_ROWS = 3
_MAX_ROWS = 9


class ClassList(QWidget):
    """The list, and its buttons.

    Signals
    -------
    classChosen : int
    renamed : int, str
    colourChosen : int, str
    toggled : int, str
        Label, and ``"locked"`` or ``"hidden"``.
    tableChosen : str
        Key of a shipped table.
    """

    classChosen = Signal(int)
    renamed = Signal(int, str)
    colourChosen = Signal(int, str)
    toggled = Signal(int, str)
    tableChosen = Signal(str)

    def __init__(self, actions: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[ClassRow] = []
        self.tree = QTreeWidget(self)
        self.tree.setColumnCount(4)
        self.tree.setHeaderHidden(True)
        self.tree.setRootIsDecorated(False)
        self.tree.setUniformRowHeights(True)
        self.tree.setIconSize(QSize(_SWATCH_PX, _SWATCH_PX))
        self.tree.setAccessibleName(self.tr("Classes of the label map"))
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.tree.setItemDelegateForColumn(NAME, _NameOnly(self.tree))
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(22)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(VOLUME, QHeaderView.ResizeMode.ResizeToContents)
        for column in (LOCK, EYE):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.tree.setColumnWidth(column, 24)
        self.tree.currentItemChanged.connect(self._on_current)
        self.tree.itemClicked.connect(self._on_clicked)
        self.tree.itemDoubleClicked.connect(self._on_double_clicked)
        self.tree.itemChanged.connect(self._on_edited)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        verbs = ("class_rename", "class_colour", "class_lock", "class_hide", "class_delete")
        self.tree.addActions([actions.action(f"volume.{verb}") for verb in verbs])
        self.notice = QLabel(self)
        self.notice.setWordWrap(True)
        self.notice.setProperty("role", "muted")
        self.notice.hide()
        buttons = QHBoxLayout()
        buttons.setSpacing(5)
        for verb in ("class_add", "class_rename", "class_table"):
            button = action_button(actions.action(f"volume.{verb}"))
            button.is_short = True
            buttons.addWidget(button)
            if verb == "class_table":
                self._table_button = button
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        column.addWidget(self.tree)
        column.addWidget(self.notice)
        column.addLayout(buttons)

    # -- what is shown -------------------------------------------------------------------------------

    def show_rows(self, rows: Sequence[ClassRow], num_unnamed: int = 0) -> None:
        """List classes; so many labels are in the voxels and not in the table."""
        if list(rows) == self._rows and self.notice.isHidden() == (not num_unnamed):
            return
        is_same = [row.value for row in rows] == [row.value for row in self._rows]
        self._rows = list(rows)
        self.tree.blockSignals(True)
        if not is_same:
            self.tree.clear()
            for row in rows:
                node = QTreeWidgetItem(self.tree)
                node.setData(NAME, _VALUE, row.value)
                node.setFlags(node.flags() | Qt.ItemFlag.ItemIsEditable)
        for index, row in enumerate(rows):
            self._fill(self.tree.topLevelItem(index), row)
        self.tree.blockSignals(False)
        height = self.tree.sizeHintForRow(0) if rows else self.fontMetrics().height() + 8
        shown = min(max(len(rows), _MIN_ROWS), _MAX_ROWS)
        self.tree.setFixedHeight(shown * height + 2 * self.tree.frameWidth() + 4)
        self.notice.setVisible(bool(num_unnamed))
        if num_unnamed == 1:
            self.notice.setText(self.tr("1 label is not in the table of classes; it goes by its number."))
        else:
            text = self.tr("{n} labels are not in the table of classes; they go by their numbers.")
            self.notice.setText(text.format(n=num_unnamed))

    def _fill(self, node: QTreeWidgetItem, row: ClassRow) -> None:
        theme = current_theme()
        node.setText(NAME, row.name)
        node.setIcon(NAME, _swatch(row.colour, self.devicePixelRatioF()))
        node.setText(VOLUME, "" if row.volume_ml is None else volume_text(row.volume_ml))
        node.setTextAlignment(VOLUME, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        node.setIcon(LOCK, icon("lock", theme) if row.is_locked else icon("unlock", theme, "stale"))
        node.setIcon(EYE, icon("hidden", theme, "stale") if row.is_hidden else icon("eye", theme))
        node.setToolTip(NAME, self.tr("Label {value}: {name}").format(value=row.value, name=row.name))
        node.setToolTip(LOCK, self.tr("Locked") if row.is_locked else self.tr("Not locked"))
        node.setToolTip(EYE, self.tr("Hidden") if row.is_hidden else self.tr("Shown"))
        if row.is_active:
            self.tree.setCurrentItem(node)

    # -- what is asked -------------------------------------------------------------------------------

    def edit(self, value: int) -> None:
        """Let the person type another name for a class."""
        node = self._node(value)
        if node is not None:
            self.tree.setFocus()
            self.tree.editItem(node, NAME)

    def ask_colour(self, value: int) -> None:
        """Let the person choose another colour for a class."""
        row = next((row for row in self._rows if row.value == value), None)
        if row is not None:
            dialog = QColorDialog(QColor(row.colour), self)
            dialog.setWindowTitle(self.tr("Colour of {name}").format(name=row.name))
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.colorSelected.connect(lambda colour: self.colourChosen.emit(value, colour.name()))
            dialog.open()

    def ask_table(self, keys: Sequence[str]) -> QMenu:
        """Let the person choose a table of names and colours."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for key in keys:
            title = str(read_yaml(resource_path("label_classes", f"{key}.yaml"))["title"])
            menu.addAction(title, lambda key=key: self.tableChosen.emit(key))
        menu.popup(self._table_button.mapToGlobal(QPoint(0, self._table_button.height())))
        return menu

    def _node(self, value: int) -> QTreeWidgetItem | None:
        nodes = (self.tree.topLevelItem(index) for index in range(self.tree.topLevelItemCount()))
        return next((node for node in nodes if node.data(NAME, _VALUE) == value), None)

    def _on_current(self, node: QTreeWidgetItem | None, _before: QTreeWidgetItem | None) -> None:
        if node is not None:
            self.classChosen.emit(int(node.data(NAME, _VALUE)))

    def _on_clicked(self, node: QTreeWidgetItem, column: int) -> None:
        if column in (LOCK, EYE):
            self.toggled.emit(int(node.data(NAME, _VALUE)), "locked" if column == LOCK else "hidden")

    def _on_double_clicked(self, node: QTreeWidgetItem, column: int) -> None:
        value = int(node.data(NAME, _VALUE))
        at = self.tree.viewport().mapFromGlobal(self.cursor().pos())
        if column == NAME and at.x() < _SWATCH_PX + 8:
            self.ask_colour(value)
        elif column == NAME:
            self.tree.editItem(node, NAME)

    def _on_edited(self, node: QTreeWidgetItem, column: int) -> None:
        name = node.text(NAME).strip()
        if column == NAME and name:
            self.renamed.emit(int(node.data(NAME, _VALUE)), name)


class _NameOnly(QStyledItemDelegate):
    """Leaves room for the focus frame of the field that a name is typed in."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Return the height of a line."""
        return QSize(60, option.fontMetrics.height() + 8)


def volume_text(volume_ml: float) -> str:
    """Return a volume with its unit."""
    if volume_ml == 0:
        return "–"
    digits = 0 if volume_ml >= 100 else 1 if volume_ml >= 10 else 2
    return f"{volume_ml:.{digits}f} mL"


def _swatch(colour: str, ratio: float) -> QIcon:
    pixmap = QPixmap(round(_SWATCH_PX * ratio), round(_SWATCH_PX * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawRoundedRect(1, 1, _SWATCH_PX - 2, _SWATCH_PX - 2, 3, 3)
    painter.end()
    return QIcon(pixmap)
