"""The light dialog before a figure is exported; what was chosen is kept while the program runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from workstation.views.protocols.compare import FigureRequest

DPI = (150, 300, 600)


class FigureDialog(QDialog):
    """Asks for format, size and contents; it blocks nothing.

    Parameters
    ----------
    request : FigureRequest
        What is filled in.
    letters : sequence of str
        Names of the panes.
    has_spacing : bool
        Whether a scale bar can be drawn.
    accepted_request : callable
        Takes the request.
    """

    def __init__(
        self,
        request: FigureRequest,
        letters: Sequence[str],
        *,
        has_spacing: bool,
        accepted_request: Callable[[FigureRequest], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("figure_dialog")
        self.setWindowTitle(self.tr("Export figure"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._request = request
        self.format_box = QComboBox()
        for title, key in ((self.tr("PNG (pixels)"), "png"), (self.tr("SVG (vectors)"), "svg")):
            self.format_box.addItem(title, key)
        self.dpi_box = QComboBox()
        for dpi in DPI:
            self.dpi_box.addItem(self.tr("{n} dpi").format(n=dpi), dpi)
        self.width_box = QSpinBox()
        self.width_box.setRange(40, 400)
        self.width_box.setSuffix(" mm")
        self.pane_box = QComboBox()
        self.pane_box.addItem(self.tr("All panes"), None)
        for index, letter in enumerate(letters):
            self.pane_box.addItem(self.tr("Pane {letter} only").format(letter=letter), index)
        self.region_box = QComboBox()
        self.region_box.addItem(self.tr("What is seen"), False)
        self.region_box.addItem(self.tr("The whole image"), True)
        self.checks = {
            "has_letters": QCheckBox(self.tr("Panel letters")),
            "has_titles": QCheckBox(self.tr("Names of the sources")),
            "has_points": QCheckBox(self.tr("Points")),
            "has_scale_bar": QCheckBox(self.tr("Scale bar")),
            "has_caption": QCheckBox(self.tr("Caption")),
        }
        self.name_field = QLineEdit(request.name)
        self.folder_field = QLineEdit(str(request.folder))
        browse = QPushButton(self.tr("Choose…"))
        # Otherwise Return in a field would press it.
        browse.setAutoDefault(False)
        browse.clicked.connect(self._choose_folder)
        folder = QHBoxLayout()
        folder.addWidget(self.folder_field, 1)
        folder.addWidget(browse)
        form = QFormLayout()
        form.setHorizontalSpacing(14)
        form.addRow(self.tr("Format"), self.format_box)
        form.addRow(self.tr("Resolution"), self.dpi_box)
        form.addRow(self.tr("Width"), self.width_box)
        form.addRow(self.tr("Panes"), self.pane_box)
        form.addRow(self.tr("Region"), self.region_box)
        holds = QVBoxLayout()
        for box in self.checks.values():
            holds.addWidget(box)
        form.addRow(self.tr("With"), holds)
        form.addRow(self.tr("File name"), self.name_field)
        form.addRow(self.tr("Folder"), folder)
        warning = QLabel(
            self.tr(
                "▲ Photographs may hold burned-in names or dates: look before you share the figure. "
                "The caption names the item id only, no file and no person."
            )
        )
        warning.setWordWrap(True)
        warning.setProperty("status", "warning")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.export_button = buttons.addButton(self.tr("Export"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.export_button.setProperty("role", "primary")
        buttons.button(QDialogButtonBox.StandardButton.Cancel).setIcon(QIcon())
        self.export_button.setDefault(True)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(12)
        layout.addLayout(form)
        layout.addWidget(warning)
        layout.addWidget(buttons)
        self.setMinimumWidth(460)
        self._fill(has_spacing=has_spacing)
        self.format_box.currentIndexChanged.connect(self._follow_format)
        self.name_field.textChanged.connect(lambda text: self.export_button.setEnabled(bool(text.strip())))
        self.accepted.connect(lambda: accepted_request(self.request()))

    def request(self) -> FigureRequest:
        """Return what was chosen."""
        return replace(
            self._request,
            folder=Path(self.folder_field.text()),
            name=self.name_field.text().strip(),
            file_format=str(self.format_box.currentData()),
            dpi=int(self.dpi_box.currentData()),
            width_mm=float(self.width_box.value()),
            pane=self.pane_box.currentData(),
            is_whole=bool(self.region_box.currentData()),
            **{name: box.isChecked() for name, box in self.checks.items()},
        )

    def _fill(self, *, has_spacing: bool) -> None:
        request = self._request
        self.format_box.setCurrentIndex(self.format_box.findData(request.file_format))
        self.dpi_box.setCurrentIndex(max(0, self.dpi_box.findData(request.dpi)))
        self.width_box.setValue(round(request.width_mm))
        self.region_box.setCurrentIndex(int(request.is_whole))
        for name, box in self.checks.items():
            box.setChecked(bool(getattr(request, name)))
        scale = self.checks["has_scale_bar"]
        if not has_spacing:
            scale.setChecked(False)
            scale.setEnabled(False)
            scale.setToolTip(self.tr("The spacing of the pixels is not known."))
        self._follow_format()

    def _follow_format(self) -> None:
        is_png = self.format_box.currentData() == "png"
        self.dpi_box.setEnabled(is_png)
        self.dpi_box.setToolTip("" if is_png else self.tr("Vectors have no resolution."))

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self, self.tr("Folder for figures"), self.folder_field.text()
        )
        if chosen:
            self.folder_field.setText(chosen)
