"""The import dialog: what was recognised, every item of it, what is to be said, and one button to import.

It blocks nothing: the window behind it works on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QImage, QKeySequence, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QProgressBar,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from engines.contract.messages import Message
from workstation.translation import translate_message
from workstation.views.data.findings_list import FindingsList
from workstation.views.data.import_table import COLUMNS, ImportTable
from workstation.views.protocols.imports import FindingRow, ImportRow, LayoutRow
from workstation.views.protocols.pairs import Image

SIZE = QSize(1160, 660)
PREVIEW_PX = 210


class ImportDialog(QDialog):
    """A view of `ImportController`.

    Signals
    -------
    layoutChosen : str
    cellEdited : str, str, str
        Key of the row, column, text.
    includeChanged : list of str, bool
    swapClicked : list of str
    fixClicked : str, int, bool
        Key of the finding, index of the fix, for all of the sort.
    partnerChosen : str, int
    rowChosen : str
    undoClicked, importClicked
    closed
        The person closed it.
    """

    layoutChosen = Signal(str)
    cellEdited = Signal(str, str, str)
    includeChanged = Signal(list, bool)
    swapClicked = Signal(list)
    fixClicked = Signal(str, int, bool)
    partnerChosen = Signal(str, int)
    rowChosen = Signal(str)
    undoClicked = Signal()
    importClicked = Signal()
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("import_dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Import"))
        self.resize(SIZE)
        self._is_finished = False
        self._build()
        self._connect()

    def _build(self) -> None:
        self.layouts = QComboBox(self)
        self.layouts.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.layouts.setAccessibleName(self.tr("Layout of the folder"))
        self.summary = QLabel(self)
        self.summary.setProperty("role", "muted")
        self.summary.setWordWrap(True)
        caption = QLabel(self.tr("&Layout"), self)
        caption.setBuddy(self.layouts)
        top = QHBoxLayout()
        top.addWidget(caption)
        top.addWidget(self.layouts)
        top.addWidget(self.summary, 1)
        self.table = ImportTable(self)
        self.swap = self._small_button(self.tr("&Swap fixed and moving"), "Alt+S")
        self.swap.setToolTip(self.tr("Exchange the roles in the selected rows, with masks and points."))
        self.include_all = self._small_button(self.tr("Choose &all"), "Alt+A")
        self.include_none = self._small_button(self.tr("Choose n&one"), "Alt+O")
        self.undo = self._small_button(self.tr("&Undo"), "")
        self.undo.setShortcut(QKeySequence(QKeySequence.StandardKey.Undo))
        self.undo.setToolTip(self.tr("Take the last change of this list back."))
        tools = QHBoxLayout()
        for button in (self.include_all, self.include_none, self.swap, self.undo):
            tools.addWidget(button)
        tools.addStretch(1)
        self.chosen = QLabel(self)
        self.chosen.setProperty("role", "muted")
        tools.addWidget(self.chosen)
        list_part = QWidget(self)
        list_layout = QVBoxLayout(list_part)
        list_layout.setContentsMargins(0, 0, 0, 0)
        list_layout.addWidget(self.table, 1)
        list_layout.addLayout(tools)
        self.across = QSplitter(Qt.Orientation.Horizontal, self)
        self.across.setChildrenCollapsible(False)
        self.across.addWidget(list_part)
        self.across.addWidget(self._preview_part())
        self.across.setStretchFactor(0, 1)
        self.findings_title = QLabel(self)
        self.findings_title.setProperty("role", "section")
        self.findings = FindingsList(self)
        findings_part = QWidget(self)
        findings_layout = QVBoxLayout(findings_part)
        findings_layout.setContentsMargins(0, 0, 0, 0)
        findings_layout.setSpacing(2)
        findings_layout.addWidget(self.findings_title)
        findings_layout.addWidget(self.findings, 1)
        self.down = QSplitter(Qt.Orientation.Vertical, self)
        self.down.setChildrenCollapsible(False)
        self.down.addWidget(self.across)
        self.down.addWidget(findings_part)
        self.down.setSizes([430, 150])
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self.down, 1)
        layout.addLayout(self._bottom())

    def _small_button(self, text: str, shortcut: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setAutoDefault(False)
        if shortcut:
            button.setShortcut(QKeySequence(shortcut))
        return button

    def _preview_part(self) -> QWidget:
        part = QWidget(self)
        layout = QVBoxLayout(part)
        layout.setContentsMargins(6, 0, 0, 0)
        layout.setSpacing(3)
        self.previews: list[QLabel] = []
        self.preview_titles: list[QLabel] = []
        for _number in range(2):
            title = QLabel(part)
            self.preview_titles.append(title)
            title.setProperty("role", "section")
            picture = QLabel(part)
            picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
            picture.setMinimumSize(PREVIEW_PX - 60, 100)
            picture.setObjectName("preview")
            self.previews.append(picture)
            layout.addWidget(title)
            layout.addWidget(picture, 1)
        part.setMinimumWidth(PREVIEW_PX)
        self._name_previews()
        return part

    def _name_previews(self) -> None:
        texts = (self.tr("Fixed"), self.tr("Moving"))
        if self.table.rows.is_of_volumes:
            texts = (self.tr("Middle slice"), self.tr("With labels") if self.table.rows.has_masks else "")
        elif self.table.rows.rows and not self.table.rows.has_moving:
            texts = (self.tr("Image"), "")
        for title, text in zip(self.preview_titles, texts, strict=True):
            title.setText(text)

    def _bottom(self) -> QHBoxLayout:
        self.progress = QProgressBar(self)
        self.progress.setFixedWidth(190)
        self.progress.setTextVisible(False)
        self.progress_text = QLabel(self)
        self.state = QLabel(self)
        self.state.setProperty("role", "muted")
        self.cancel_button = self._small_button(self.tr("Cancel"), "")
        self.import_button = self._small_button("", "Ctrl+Return")
        self.import_button.setProperty("role", "primary")
        row = QHBoxLayout()
        row.addWidget(self.progress)
        row.addWidget(self.progress_text)
        row.addStretch(1)
        row.addWidget(self.state)
        row.addWidget(self.cancel_button)
        row.addWidget(self.import_button)
        self.show_progress(Message(""), 0, 0)
        self.show_state(0, Message(""), can_undo=False)
        self.show_findings([])
        return row

    def _connect(self) -> None:
        self.layouts.activated.connect(lambda index: self.layoutChosen.emit(self.layouts.itemData(index)))
        self.table.rows.edited.connect(self.cellEdited)
        self.table.rows.included.connect(self._on_included)
        self.table.rowChosen.connect(self.rowChosen)
        self.swap.clicked.connect(lambda: self.swapClicked.emit(self.table.selected_keys()))
        self.include_all.clicked.connect(lambda: self.includeChanged.emit(self._keys(), True))
        self.include_none.clicked.connect(lambda: self.includeChanged.emit(self._keys(), False))
        self.undo.clicked.connect(lambda: self.undoClicked.emit())
        self.findings.fixClicked.connect(self.fixClicked)
        self.findings.findingClicked.connect(self.table.select_keys)
        self.import_button.clicked.connect(lambda: self.importClicked.emit())
        self.cancel_button.clicked.connect(self.close)
        self.finished.connect(lambda _result: self._on_finished())

    def _keys(self) -> list[str]:
        return [row.key for row in self.table.rows.rows]

    def _on_included(self, key: str, is_included: bool) -> None:
        # A click on one of several selected rows is meant for all of them.
        selected = self.table.selected_keys()
        self.includeChanged.emit(selected if key in selected else [key], is_included)

    # -- what the controller says --------------------------------------------------------------------

    def show_layouts(self, rows: Sequence[LayoutRow], chosen: str) -> None:
        """List the layouts that fit and mark the one that is used."""
        self.layouts.clear()
        for row in rows:
            text = self.tr("{title} ({n})").format(title=translate_message(row.title), n=row.num_items)
            self.layouts.addItem(text, row.key)
            if row.key == chosen:
                self.layouts.setCurrentIndex(self.layouts.count() - 1)
                self.summary.setText(translate_message(row.summary))

    def show_items(self, rows: Sequence[ImportRow]) -> None:
        """Show the proposed items."""
        is_first = not self.table.rows.rows
        self.table.rows.show(rows)
        num_chosen = sum(row.is_included and row.is_complete for row in rows)
        text = self.tr("{n} of {total} chosen and complete")
        self.chosen.setText(text.format(n=num_chosen, total=len(rows)))
        model = self.table.rows
        hidden = {
            "moving": not model.has_moving,
            "moving_modality": not model.has_moving,
            "facts": not model.is_of_volumes,
            "laterality": model.is_of_volumes,
            "visit": model.is_of_volumes,
            "masks": model.is_of_volumes and not model.has_masks,
            "num_points": model.is_of_volumes,
        }
        for column, is_hidden in hidden.items():
            self.table.setColumnHidden(COLUMNS.index(column), is_hidden)
        self.swap.setVisible(model.has_moving)
        self._name_previews()
        if is_first and rows:
            self.table.fit_columns()
            self.table.selectRow(0)
            self.table.setFocus()

    def show_findings(self, rows: Sequence[FindingRow]) -> None:
        """Show what is to be said."""
        text = self.tr("NOTHING TO REPORT") if not rows else self.tr("FINDINGS: {n}").format(n=len(rows))
        self.findings_title.setText(text)
        self.findings.show_rows(rows)

    def show_progress(self, text: Message, done: int, total: int) -> None:
        """Show long work; an empty text: it is over; total 0: the length is unknown."""
        is_busy = bool(text.text)
        self.table.rows.is_locked = is_busy
        for button in (self.swap, self.include_all, self.include_none):
            button.setEnabled(not is_busy)
        self.progress.setVisible(is_busy)
        self.progress_text.setVisible(is_busy)
        self.progress.setRange(0, total)
        self.progress.setValue(done)
        said = f"{translate_message(text)}…"
        self.progress_text.setText(f"{said} {done} / {total}" if total else said)

    def show_state(self, num_ready: int, reason: Message, *, can_undo: bool) -> None:
        """Say how many items are ready, why they cannot be imported now, and whether there is an undo."""
        text = translate_message(reason)
        self.state.setText(text)
        self.import_button.setEnabled(not text and num_ready > 0)
        self.import_button.setToolTip(text)
        one, many = self.tr("&Import 1 item"), self.tr("&Import {n} items").format(n=num_ready)
        self.import_button.setText(one if num_ready == 1 else many)
        self.undo.setEnabled(can_undo)

    def show_preview(self, fixed: Image | None, moving: Image | None) -> None:
        """Show the images of a row."""
        for label, image in zip(self.previews, (fixed, moving), strict=True):
            if image is None:
                label.clear()
                continue
            pixmap = _pixmap(image)
            smooth = Qt.TransformationMode.SmoothTransformation
            label.setPixmap(pixmap.scaled(label.size(), Qt.AspectRatioMode.KeepAspectRatio, smooth))

    def ask_partner(self, key: str, names: Sequence[str]) -> None:
        """Ask for the partner of an item; the answer comes back as an index."""
        box = QInputDialog(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setObjectName("partner_dialog")
        box.setWindowTitle(self.tr("Choose the partner"))
        if not names:
            text = self.tr("There is no image without a partner. Drop it together with the others.")
            box.setLabelText(text)
        else:
            box.setLabelText(self.tr("The other image:"))
        box.setComboBoxItems(list(names))
        box.setComboBoxEditable(False)
        chosen = list(names)
        box.textValueSelected.connect(
            lambda name: self.partnerChosen.emit(key, chosen.index(name)) if name in chosen else None
        )
        box.open()

    def finish(self) -> None:
        """Close, without saying so."""
        self._is_finished = True
        self.close()

    def _on_finished(self) -> None:
        if not self._is_finished:
            self.closed.emit()


def _pixmap(image: Image) -> QPixmap:
    """Return the pixels of an image of 8 bits, grey or RGB."""
    pixels = np.ascontiguousarray(image)
    height, width = pixels.shape[:2]
    grey, colour = QImage.Format.Format_Grayscale8, QImage.Format.Format_RGB888
    shown = QImage(pixels.data, width, height, pixels.strides[0], grey if pixels.ndim == 2 else colour)
    return QPixmap.fromImage(shown)
