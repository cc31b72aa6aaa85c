"""The export dialog: format, items, label maps, place; it says what is lost, and asks nothing else."""

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
    QProgressBar,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from workstation.translation import translate_message
from workstation.views.protocols.exports import ExportChoice, ExportRequest

_WIDTH_PX = 560
_ACCEPTED, _WITH_PROPOSALS, _BY_NAME = range(3)


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
    cancelRequested : Path
        Stop the export to this place.
    """

    exportRequested = Signal(object)
    cancelRequested = Signal(object)

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
        self._running: Path | None = None
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
        self.label_map_box = QComboBox(self)
        self.label_map_box.setAccessibleName(self.tr("Which label maps are written"))
        self._fill_label_maps()
        self.dicom_folder = QLineEdit(self)
        self.dicom_folder.setAccessibleName(self.tr("Folder of the DICOM images"))
        self.dicom_folder.setPlaceholderText(self.tr("None: the segmentation stands alone"))
        self.dicom_button = QPushButton(self.tr("Choose…"), self)
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
        self.progress = QProgressBar(self)
        self.progress.setTextVisible(False)
        self.progress.hide()
        for button in (self.browse_button, self.dicom_button, self.cancel_button):
            button.setAutoDefault(False)
        self._lay_out()
        self.format_box.currentIndexChanged.connect(self._on_format)
        self.place.textEdited.connect(self._on_place_edited)
        self.browse_button.clicked.connect(self._browse)
        self.dicom_button.clicked.connect(self._browse_dicom)
        self.dicom_folder.textChanged.connect(lambda _text: self._check_place())
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
        item_id = self._item_id if is_one else ""
        if not self.choice.has_label_maps:
            return ExportRequest(self.choice.key, self._path(), item_id)
        which = self.label_map_box.currentData()
        return ExportRequest(
            self.choice.key,
            self._path(),
            item_id,
            self.label_map_box.currentText() if which == _BY_NAME else "",
            which == _WITH_PROPOSALS,
            self._dicom_path() if self.choice.refers_to_dicom else None,
        )

    def show_progress(self, place: Path, done: int, total: int) -> None:
        """Show how far an export is; of another dialog's, nothing."""
        if place == self._running:
            self.progress.setRange(0, total)
            self.progress.setValue(done)

    def finish(self, place: Path) -> None:
        """Close when the export to this place is over."""
        if place == self._running:
            self._running = None
            self.close()

    def reject(self) -> None:
        """Close; an export that is going on is stopped first, and the dialog goes when it has stopped."""
        if self._running is None:
            super().reject()
            return
        self.cancel_button.setEnabled(False)
        self.cancelRequested.emit(self._running)

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
        self._form = form
        form.addRow(self.tr("Label maps"), self.label_map_box)
        self._dicom_row = QHBoxLayout()
        self._dicom_row.setSpacing(8)
        self._dicom_row.addWidget(self.dicom_folder, 1)
        self._dicom_row.addWidget(self.dicom_button)
        form.addRow(self.tr("DICOM images"), self._dicom_row)
        self.place_label = QLabel(self)
        form.addRow(self.place_label, place)
        form.addRow("", self.problem)
        buttons = QHBoxLayout()
        buttons.addWidget(self.progress, 1)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.export_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(12)
        layout.addLayout(form)
        layout.addLayout(buttons)

    def _fill_label_maps(self) -> None:
        names = next((choice.label_maps for choice in self._choices if choice.has_label_maps), ())
        self.label_map_box.addItem(self.tr("All accepted ones"), _ACCEPTED)
        self.label_map_box.addItem(self.tr("All, proposals too"), _WITH_PROPOSALS)
        for name in names:
            self.label_map_box.addItem(name, _BY_NAME)
        if names:
            self.label_map_box.insertSeparator(_BY_NAME)

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
        self._form.setRowVisible(self.label_map_box, choice.has_label_maps)
        self._form.setRowVisible(self._dicom_row, choice.refers_to_dicom)
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
        elif self.choice.has_label_maps:
            problem = self._label_map_problem(path)
        self.problem.setText(problem)
        self.export_button.setEnabled(not problem)

    def _label_map_problem(self, path: Path) -> str:
        if not self.choice.label_maps:
            return self.tr("There is no label map yet: import or draw one first.")
        if path.is_dir() and any(path.iterdir()):
            return self.tr("This folder is not empty, and nothing is replaced: choose another.")
        dicom = self._dicom_path()
        if self.choice.refers_to_dicom and dicom is not None and not dicom.is_dir():
            return self.tr("There is no such folder of DICOM images.")
        return ""

    def _dicom_path(self) -> Path | None:
        text = self.dicom_folder.text().strip()
        return Path(text).expanduser() if text else None

    def _browse_dicom(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Folder of the DICOM images"))
        if chosen:
            self.dicom_folder.setText(chosen)

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
        request = self.request()
        if self.choice.has_label_maps:
            # Volumes take their time: the dialog stays, to show how far it is and to stop it.
            self._running = request.place
            self.progress.setRange(0, 0)
            self.progress.show()
            for field in (self.format_box, self.label_map_box, self.place, self.dicom_folder):
                field.setEnabled(False)
            for button in (self.export_button, self.browse_button, self.dicom_button, *self._scope.buttons()):
                button.setEnabled(False)
            self.exportRequested.emit(request)
        else:
            self.exportRequested.emit(request)
            self.close()
