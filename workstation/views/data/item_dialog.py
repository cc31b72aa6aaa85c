"""What is known of an item, to be corrected: subject, visit, eye and modalities."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workstation.views.data.import_table import CHOICES
from workstation.views.protocols.imports import ItemFacts


class ItemDialog(QDialog):
    """A form; nothing is stored before it is accepted.

    Signals
    -------
    corrected : ItemFacts
    swapClicked
    """

    corrected = Signal(object)
    swapClicked = Signal()

    def __init__(self, facts: ItemFacts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("item_dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Item {item}").format(item=facts.item_id))
        self.setMinimumWidth(380)
        self._facts = facts
        self.subject = self._box(facts.subjects, facts.subject, is_free=True)
        self.visit = QLineEdit(facts.visit, self)
        self.eye = self._box(CHOICES["laterality"], facts.laterality, is_free=False)
        form = QFormLayout()
        form.addRow(self.tr("&Subject"), self.subject)
        form.addRow(self.tr("&Visit"), self.visit)
        form.addRow(self.tr("&Eye"), self.eye)
        self.modalities: dict[str, QComboBox] = {}
        titles = {
            "fixed": self.tr("&Fixed image"),
            "moving": self.tr("&Moving image"),
            "image": self.tr("&Image"),
        }
        for role, modality in facts.modalities:
            self.modalities[role] = self._box(CHOICES["fixed_modality"], modality, is_free=True)
            form.addRow(titles.get(role, role), self.modalities[role])
        note = QLabel(self.tr("A new subject name makes a new subject, which takes over the split."), self)
        note.setProperty("role", "muted")
        note.setWordWrap(True)
        self.swap = QPushButton(self.tr("S&wap fixed and moving"), self)
        self.swap.setAutoDefault(False)
        self.swap.setEnabled(facts.can_swap)
        why = "" if facts.can_swap else self.tr("The item has no fixed and moving image.")
        self.swap.setToolTip(why)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self
        )
        for button in buttons.buttons():
            button.setIcon(QIcon())
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.swap, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(note)
        layout.addWidget(buttons)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.accepted.connect(lambda: self.corrected.emit(self.facts()))
        self.swap.clicked.connect(self._on_swap)

    def facts(self) -> ItemFacts:
        """Return what the form says."""
        return replace(
            self._facts,
            subject=self.subject.currentText().strip(),
            visit=self.visit.text().strip(),
            laterality=self.eye.currentText(),
            modalities=tuple((role, box.currentText().strip()) for role, box in self.modalities.items()),
        )

    def _on_swap(self) -> None:
        self.swapClicked.emit()
        self.reject()

    def _box(self, choices: tuple[str, ...], value: str, *, is_free: bool) -> QComboBox:
        box = QComboBox(self)
        box.setEditable(is_free)
        box.addItems(list(choices))
        if not is_free and value not in choices:
            box.addItem(value)
        box.setCurrentText(value)
        return box
