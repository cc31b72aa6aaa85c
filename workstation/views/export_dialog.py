"""The export dialog: format, items, place; it says what is lost, and asks nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from workstation.translation import translate_message
from workstation.views.export_protocols import ExportChoice, ExportRequest

_WIDTH_PX = 560


class ExportDialog(QDialog):
    """A window beside the main one; it blocks nothing.

    Parameters
    ----------
    choices : sequence of ExportChoice
    item_id : str
        The current item; empty when there is none.
    num_items : int

    Signals
    -------
    exportRequested : ExportRequest
    """

    exportRequested = Signal(object)

    def __init__(
        self, choices: Sequence[ExportChoice], item_id: str, num_items: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Export"))
        self.setMinimumWidth(_WIDTH_PX)
        self._choices = tuple(choices)
        self._item_id = item_id
        self._is_place_own = False
        self.format_box = QComboBox(self)
        for choice in self._choices:
            self.format_box.addItem(translate_message(choice.title), choice.key)
        self.explanation = self._sentence()
        self.loss = self._sentence()
        self.loss.setProperty("role", "muted")
        self.item_button = QRadioButton(self.tr("This item: {item}").format(item=item_id), self)
        self.all_button = QRadioButton(self.tr("All items: {n}").format(n=num_items), self)
        self.item_button.setVisible(bool(item_id))
        self._scope = QButtonGroup(self)
        self._scope.addButton(self.item_button)
        self._scope.addButton(self.all_button)
        self.all_button.setChecked(True)
        self.place = QLineEdit(self)
        self.place.setAccessibleName(self.tr("Where the files are written"))
        self.browse_button = QPushButton(self.tr("Choose…"), self)
        self.problem = QLabel(self)
        self.problem.setProperty("status", "warning")
        self.problem.setWordWrap(True)
        self.export_button = QPushButton(self.tr("Export"), self)
        self.export_button.setProperty("role", "primary")
        self.export_button.setDefault(True)
        self.cancel_button = QPushButton(self.tr("Cancel"), self)
        for button in (self.browse_button, self.cancel_button):
            button.setAutoDefault(False)
        self._lay_out()
        self.format_box.currentIndexChanged.connect(self._on_format)
        self.place.textEdited.connect(self._on_place_edited)
        self.browse_button.clicked.connect(self._browse)
        self.export_button.clicked.connect(self._export)
        self.cancel_button.clicked.connect(self.close)
        self._on_format()

    def choose(self, key: str) -> None:
        """Choose a format by key."""
        self.format_box.setCurrentIndex(self.format_box.findData(key))

    @property
    def choice(self) -> ExportChoice:
        """The format that is chosen."""
        return self._choices[self.format_box.currentIndex()]

    def request(self) -> ExportRequest:
        """Return what the dialog says now."""
        is_one = self.item_button.isChecked() and not self.choice.is_whole
        return ExportRequest(self.choice.key, self._path(), self._item_id if is_one else "")

    # -- building ------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        scope = QHBoxLayout()
        scope.addWidget(self.all_button)
        scope.addWidget(self.item_button)
        scope.addStretch(1)
        place = QHBoxLayout()
        place.setSpacing(8)
        scope.setSpacing(14)
        place.addWidget(self.place, 1)
        place.addWidget(self.browse_button)
        form = QFormLayout()
        form.setHorizontalSpacing(14)
        form.setVerticalSpacing(10)
        form.addRow(self.tr("Format"), self.format_box)
        form.addRow("", self.explanation)
        form.addRow(self.tr("Not kept"), self.loss)
        form.addRow(self.tr("Items"), scope)
        self.place_label = QLabel(self)
        form.addRow(self.place_label, place)
        form.addRow("", self.problem)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.export_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(12)
        layout.addLayout(form)
        layout.addLayout(buttons)

    def _sentence(self) -> QLabel:
        label = QLabel(self)
        label.setWordWrap(True)
        return label

    # -- answers -------------------------------------------------------------------------------------

    def _on_format(self) -> None:
        choice = self.choice
        self.explanation.setText(translate_message(choice.explanation))
        self.loss.setText(translate_message(choice.loss))
        for button in (self.item_button, self.all_button):
            button.setEnabled(not choice.is_whole)
        self.place_label.setText(self.tr("File") if choice.suffix else self.tr("Folder"))
        if not self._is_place_own:
            self.place.setText(str(choice.place))
        self._check_place()

    def _on_place_edited(self) -> None:
        self._is_place_own = True
        self._check_place()

    def _check_place(self) -> None:
        path, wants_file = self._path(), bool(self.choice.suffix)
        problem = ""
        if not self.place.text().strip():
            problem = self.tr("Say where to write.")
        elif wants_file and path.is_dir():
            problem = self.tr("This is a folder: add a file name.")
        elif wants_file and path.exists():
            problem = self.tr("This file exists and is not replaced: choose another name.")
        elif not wants_file and path.is_file():
            problem = self.tr("This is a file, and the format writes a folder of files.")
        self.problem.setText(problem)
        self.export_button.setEnabled(not problem)

    def _path(self) -> Path:
        return Path(self.place.text().strip()).expanduser()

    def _browse(self) -> None:
        start = str(self._path())
        if self.choice.suffix:
            # Nothing is replaced, so the file dialog need not ask about it.
            chosen, _kind = QFileDialog.getSaveFileName(
                self, self.tr("Export"), start, "", "", QFileDialog.Option.DontConfirmOverwrite
            )
            if chosen and not Path(chosen).suffix:
                chosen += self.choice.suffix
        else:
            chosen = QFileDialog.getExistingDirectory(self, self.tr("Folder for the files"), start)
        if chosen:
            self.place.setText(chosen)
            self._on_place_edited()

    def _export(self) -> None:
        self.exportRequested.emit(self.request())
        self.close()
