"""The proposed items as a table: every cell that a name was read from can be corrected."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from engines.contract.kinds import Severity, Split
from workstation.translation import translate_message
from workstation.views.elements.theme import current_theme, palette
from workstation.views.protocols.imports import ImportRow

COLUMNS = (
    "is_included",
    "subject",
    "item",
    "fixed",
    "fixed_modality",
    "moving",
    "moving_modality",
    "facts",
    "laterality",
    "visit",
    "split",
    "num_points",
    "masks",
)
EDITABLE = ("subject", "item", "fixed_modality", "moving_modality", "laterality", "visit", "split")
CHOICES = {
    "fixed_modality": ("", "CF", "FA", "RF", "OCT", "OCTA", "ICGA", "FAF", "IR"),
    "moving_modality": ("", "CF", "FA", "RF", "OCT", "OCTA", "ICGA", "FAF", "IR"),
    "laterality": ("", "OD", "OS", "OU"),
    "split": ("", *(split.value for split in Split)),
}
FREE_CHOICES = ("fixed_modality", "moving_modality")
VOLUME_MODALITIES = ("", "CT", "CTA", "T1", "T1CE", "T2", "FLAIR", "MR")
_WIDTHS_PX = {
    "is_included": 30, "subject": 74, "item": 140, "fixed": 165, "fixed_modality": 72, "moving": 165,
    "moving_modality": 72, "facts": 290, "laterality": 44, "visit": 60, "split": 88, "num_points": 50,
    "masks": 76,
}  # fmt: skip
_VOLUME_WIDTHS_PX = {
    "subject": 86,
    "item": 140,
    "fixed_modality": 66,
    "facts": 306,
    "split": 58,
    "masks": 112,
}
_COLOURS = {Severity.ERROR: "failed", Severity.WARNING: "warning"}
_SYMBOLS = {Severity.ERROR: "✘ ", Severity.WARNING: "▲ "}

Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()


class ImportModel(QAbstractTableModel):
    """The rows; an edit is a signal, and the rows come back changed.

    Signals
    -------
    edited : str, str, str
        Key of the row, name of the column, new text.
    included : str, bool
        Key of the row, and whether it is chosen.
    """

    edited = Signal(str, str, str)
    included = Signal(str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[ImportRow] = []
        self.is_locked = False
        """While the files are read nothing can be corrected."""
        self.is_of_volumes = False
        self.has_moving = self.has_masks = True
        self._titles = {
            "is_included": "",
            "subject": self.tr("Subject"),
            "item": self.tr("Item"),
            "fixed": self.tr("Fixed image"),
            "fixed_modality": self.tr("Modality"),
            "moving": self.tr("Moving image"),
            "moving_modality": self.tr("Modality"),
            "facts": self.tr("Voxels"),
            "laterality": self.tr("Eye"),
            "visit": self.tr("Visit"),
            "split": self.tr("Split"),
            "num_points": self.tr("Points"),
            "masks": self.tr("Masks"),
        }

    def show(self, rows: Sequence[ImportRow]) -> None:
        """Show rows; when their keys are the same, selection and editors stay."""
        new = list(rows)
        self.is_of_volumes = bool(new) and all(row.is_volume for row in new)
        self.has_masks = any(row.masks for row in new)
        self.has_moving = any(row.moving or not row.is_single for row in new)
        if [row.key for row in new] == [row.key for row in self.rows]:
            self.rows = new
            if new:
                self.dataChanged.emit(self.index(0, 0), self.index(len(new) - 1, len(COLUMNS) - 1))
            return
        self.beginResetModel()
        self.rows = new
        self.endResetModel()

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        """Return the number of items."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = _NO_INDEX) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> object:
        """Return the title of a column."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._title(COLUMNS[section])
        return None

    def _title(self, column: str) -> str:
        if column == "fixed" and self.is_of_volumes:
            return self.tr("Volumes")
        if column == "fixed" and not self.has_moving:
            return self.tr("Image")
        if column == "masks" and self.is_of_volumes:
            return self.tr("Label maps")
        return self._titles[column]

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Say what can be done with a cell."""
        row, column = self.rows[index.row()], COLUMNS[index.column()]
        flags = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
        if self.is_locked:
            return flags
        if column == "is_included":
            return flags | Qt.ItemFlag.ItemIsUserCheckable
        is_absent = column == "moving_modality" and not row.moving
        if column == "fixed_modality" and not (row.fixed and row.can_edit_modality):
            return flags
        if column in EDITABLE and not is_absent:
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what a cell shows."""
        row, column = self.rows[index.row()], COLUMNS[index.column()]
        value = getattr(row, column)
        if role == Qt.ItemDataRole.CheckStateRole and column == "is_included":
            return Qt.CheckState.Checked if value else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.EditRole:
            return str(value)
        if role == Qt.ItemDataRole.DisplayRole and column != "is_included":
            return self._shown(row, column, value)
        if role == Qt.ItemDataRole.ToolTipRole:
            return translate_message(row.facts) if column == "facts" else row.paths
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._brush(row, column)
        return None

    def _shown(self, row: ImportRow, column: str, value: object) -> str:
        if column == "item":
            return _SYMBOLS.get(row.severity, "") + str(value) if row.severity else str(value)
        if column == "facts":
            return translate_message(row.facts)
        if column == "num_points":
            return str(value) if value else ""
        if column in ("fixed", "moving") and not value:
            return "" if row.is_single else self.tr("no partner")
        return str(value)

    def _brush(self, row: ImportRow, column: str) -> QBrush | None:
        colours = palette(current_theme())
        if column in ("fixed", "moving") and not getattr(row, column) and not row.is_single:
            return QBrush(QColor(colours["warning"]))
        if not row.is_included or not row.is_complete:
            return QBrush(QColor(colours["muted"]))
        if column == "item" and row.severity in _COLOURS:
            return QBrush(QColor(colours[_COLOURS[row.severity]]))
        return None

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Ask for a change."""
        row, column = self.rows[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.CheckStateRole:
            self.included.emit(row.key, Qt.CheckState(value) == Qt.CheckState.Checked)
            return True
        if role == Qt.ItemDataRole.EditRole and str(value).strip() != str(getattr(row, column)):
            self.edited.emit(row.key, column, str(value))
            return True
        return False


class ImportTable(QTableView):
    """The table with its editors.

    Signals
    -------
    rowChosen : str
        Key of the row that became current.
    """

    rowChosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = ImportModel(self)
        self.setModel(self.rows)
        self.setItemDelegate(_CellDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
            | QAbstractItemView.EditTrigger.AnyKeyPressed
        )
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(26)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(28)
        self.fit_columns()
        for column in ("fixed", "moving"):
            header.setSectionResizeMode(COLUMNS.index(column), QHeaderView.ResizeMode.Stretch)
        self.setAccessibleName(self.tr("Items to import"))
        self.selectionModel().currentRowChanged.connect(self._on_current)

    def fit_columns(self) -> None:
        """Give the columns the widths that suit what is listed."""
        widths = _WIDTHS_PX | (_VOLUME_WIDTHS_PX if self.rows.is_of_volumes else {})
        if not self.rows.has_masks:
            widths["facts"] += 50
        for number, column in enumerate(COLUMNS):
            self.setColumnWidth(number, widths[column])

    def selected_keys(self) -> list[str]:
        """Return the keys of the selected rows, or of the current one."""
        indices = self.selectionModel().selectedRows()
        if not indices and self.currentIndex().isValid():
            indices = [self.currentIndex()]
        return [self.rows.rows[index.row()].key for index in indices]

    def select_keys(self, keys: Sequence[str]) -> None:
        """Go to a row."""
        for number, row in enumerate(self.rows.rows):
            if row.key in keys:
                self.selectRow(number)
                self.scrollTo(self.rows.index(number, 1))
                return

    def _on_current(self, index: QModelIndex, _before: QModelIndex) -> None:
        if index.isValid():
            self.rowChosen.emit(self.rows.rows[index.row()].key)


class _CellDelegate(QStyledItemDelegate):
    """A list of choices where a cell has few values, and a line else."""

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        """Make the editor of a cell."""
        column = COLUMNS[index.column()]
        if column not in CHOICES:
            return super().createEditor(parent, option, index)
        box = QComboBox(parent)
        box.setEditable(column in FREE_CHOICES)
        model = index.model()
        is_volume = isinstance(model, ImportModel) and model.rows[index.row()].is_volume
        is_modality = column in FREE_CHOICES
        box.addItems(list(VOLUME_MODALITIES if is_volume and is_modality else CHOICES[column]))
        return box

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """Show the value."""
        if isinstance(editor, QComboBox):
            editor.setCurrentText(str(index.data(Qt.ItemDataRole.EditRole)))
            return
        super().setEditorData(editor, index)

    def setModelData(self, editor: QWidget, model: object, index: Index) -> None:
        """Hand the value back."""
        if isinstance(editor, QComboBox) and isinstance(model, ImportModel):
            model.setData(index, editor.currentText())
            return
        super().setModelData(editor, model, index)  # type: ignore[arg-type]
