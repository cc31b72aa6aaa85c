"""The dialog for a keypoint file of another program: which file, and what it does not say of itself."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workstation.project.keypoint_formats import FORMATS, recognise
from workstation.translation import translate_message
from workstation.views.protocols.exports import KeypointRequest

_WIDTH_PX = 560


class KeypointImportDialog(QDialog):
    """A window beside the main one; it blocks nothing.

    Parameters
    ----------
    item_id : str
        Item that takes the points.
    start : Path
        Folder where looking for files begins.

    Signals
    -------
    importRequested : KeypointRequest
    """

    importRequested = Signal(object)

    def __init__(self, item_id: str, start: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Import keypoints"))
        self.setMinimumWidth(_WIDTH_PX)
        self._item_id = item_id
        self._start = start
        self._key = ""
        about = QLabel(
            self.tr(
                "The points are added to {item}. Pairs that are there stay as they are, and one undo takes "
                "the import back. Of a format with a file for each image, choose either file."
            ).format(item=item_id),
            self,
        )
        about.setWordWrap(True)
        self.place = QLineEdit(self)
        self.place.setPlaceholderText(self.tr("Keypoint file"))
        self.browse_button = QPushButton(self.tr("Choose…"), self)
        self.kind = QLabel(self)
        self.kind.setWordWrap(True)
        self.one_based = QCheckBox(self.tr("The first pixel is (1, 1), as in MATLAB"), self)
        self.in_pixels = QCheckBox(self.tr("Coordinates are pixels although the spacing is known"), self)
        self.whole_centres = QCheckBox(self.tr("Pixel centres are whole numbers, not at one half"), self)
        self.import_button = QPushButton(self.tr("Import"), self)
        self.import_button.setProperty("role", "primary")
        self.import_button.setDefault(True)
        self.cancel_button = QPushButton(self.tr("Cancel"), self)
        for button in (self.browse_button, self.cancel_button):
            button.setAutoDefault(False)
        line, buttons = QHBoxLayout(), QHBoxLayout()
        line.addWidget(self.place, 1)
        line.addWidget(self.browse_button)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.import_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(10)
        layout.addWidget(about)
        layout.addLayout(line)
        layout.addWidget(self.kind)
        for box in (self.one_based, self.in_pixels, self.whole_centres):
            layout.addWidget(box)
        layout.addLayout(buttons)
        self.place.textChanged.connect(self._on_place)
        self.browse_button.clicked.connect(self._browse)
        self.import_button.clicked.connect(self._import)
        self.cancel_button.clicked.connect(self.close)
        self._on_place()

    def request(self) -> KeypointRequest:
        """Return what the dialog says now."""
        return KeypointRequest(
            self._path(),
            self._item_id,
            is_one_based=self.one_based.isChecked(),
            is_in_pixels=self.in_pixels.isEnabled() and self.in_pixels.isChecked(),
            is_corner_origin=not (self.whole_centres.isEnabled() and self.whole_centres.isChecked()),
        )

    def _path(self) -> Path:
        return Path(self.place.text().strip()).expanduser()

    def _on_place(self) -> None:
        path = self._path()
        known = recognise(path) if path.is_file() else None
        self._key = known.key if known is not None else ""
        if known is not None:
            text = translate_message(known.title)
        elif path.is_file():
            text = self.tr("This is no keypoint file that is known here.")
        else:
            titles = ", ".join(translate_message(known.title) for known in FORMATS.values())
            text = self.tr("Known are: {formats}.").format(formats=titles)
        self.kind.setText(text)
        self.kind.setProperty("role", "" if known is not None else "muted")
        self.kind.style().unpolish(self.kind)
        self.kind.style().polish(self.kind)
        self.in_pixels.setEnabled(self._key == "bigwarp")
        self.whole_centres.setEnabled(self._key == "imagej")
        self.import_button.setEnabled(known is not None)

    def _browse(self) -> None:
        path = ask_keypoint_file(self, self._path().parent if self.place.text() else self._start)
        if path is not None:
            self.place.setText(str(path))

    def _import(self) -> None:
        self.importRequested.emit(self.request())
        self.close()


def ask_keypoint_file(parent: QWidget, start: Path) -> Path | None:
    """Ask for a keypoint file; None when nothing was chosen."""
    suffixes = dict.fromkeys(suffix for known in FORMATS.values() for suffix in known.suffixes)
    translate = QCoreApplication.translate
    keypoints = translate("KeypointImportDialog", "Keypoint files ({patterns})").format(
        patterns=" ".join(f"*{suffix}" for suffix in suffixes)
    )
    everything = translate("KeypointImportDialog", "All files (*)")
    title = translate("KeypointImportDialog", "Keypoint file")
    chosen, _kind = QFileDialog.getOpenFileName(parent, title, str(start), f"{keypoints};;{everything}")
    return Path(chosen) if chosen else None
