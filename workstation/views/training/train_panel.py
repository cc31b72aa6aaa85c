"""The right column of the Train screen: preset, settings, command line and diagnosis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from workstation.views.protocols.runs import BaseRow, CheckSettings
from workstation.views.runs.diagnosis_view import DiagnosisView
from workstation.views.runs.run_words import gate_mark, key_label
from workstation.views.training.config_form import ConfigForm

MIN_WIDTH_PX = 300
"""So wide that names, values and units of the form stand beside each other."""


class TrainPanel(QWidget):
    """Settings of the chosen phase and findings about its run.

    Signals
    -------
    preset_chosen : str
    settings_changed : dict, str
        See `ConfigForm`.
    base_chosen : str
        Run that the phase shall start from.
    remedy_requested : dict
    """

    preset_chosen = Signal(str)
    settings_changed = Signal(dict, str)
    base_chosen = Signal(str)
    remedy_requested = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.preset_box = QComboBox(self)
        self.preset_box.setToolTip(self.tr("Named values for every setting; each can still be changed"))
        self.preset_box.activated.connect(
            lambda _index: self.preset_chosen.emit(str(self.preset_box.currentData()))
        )
        self.base_box = QComboBox(self)
        self.base_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.base_box.setMinimumContentsLength(12)
        self.base_box.setToolTip(
            self.tr("The model that this phase goes on with: of the phase before, the newest by default")
        )
        self.base_box.activated.connect(
            lambda _index: self.base_chosen.emit(str(self.base_box.currentData()))
        )
        self.base_label = QLabel(self.tr("Starts from"), self)
        self.base_label.setBuddy(self.base_box)
        self.changed_note = QLabel(self)
        self.changed_note.setProperty("role", "muted")
        self.changed_note.setWordWrap(True)
        self.form = ConfigForm(self)
        self.form.settings_changed.connect(self._on_settings)
        self._start_values: dict[str, Any] = {}
        self.command = QPlainTextEdit(self)
        self.command.setReadOnly(True)
        self.command.setFixedHeight(76)
        self.command.setAccessibleName(self.tr("Command line"))
        self.command.setToolTip(self.tr("This line does the same without the window"))
        self.copy_button = QPushButton(self.tr("Copy"), self)
        self.copy_button.setProperty("role", "link")
        self.copy_button.setToolTip(self.tr("Copy the command line"))
        self.copy_button.clicked.connect(
            lambda: QGuiApplication.clipboard().setText(self.command.toPlainText())
        )
        self.diagnosis = DiagnosisView(self)
        self.diagnosis.remedy_requested.connect(self.remedy_requested)

        settings = QWidget(self)
        top = QVBoxLayout(settings)
        top.setContentsMargins(10, 8, 8, 4)
        row = QHBoxLayout()
        row.addWidget(_section(self.tr("SETTINGS"), settings))
        row.addStretch(1)
        row.addWidget(QLabel(self.tr("Preset"), settings))
        row.addWidget(self.preset_box)
        top.addLayout(row)
        start = QHBoxLayout()
        start.addWidget(self.base_label)
        start.addWidget(self.base_box, 1)
        top.addLayout(start)
        top.addWidget(self.changed_note)
        top.addWidget(self.form, 1)
        line = QHBoxLayout()
        line.addWidget(_section(self.tr("SAME AS"), settings))
        line.addStretch(1)
        line.addWidget(self.copy_button)
        top.addLayout(line)
        top.addWidget(self.command)

        findings = QWidget(self)
        bottom = QVBoxLayout(findings)
        bottom.setContentsMargins(10, 4, 8, 8)
        bottom.addWidget(_section(self.tr("DIAGNOSIS"), findings))
        scroll = QScrollArea(findings)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        holder = QWidget(scroll)
        inside = QVBoxLayout(holder)
        inside.setContentsMargins(0, 0, 4, 0)
        inside.addWidget(self.diagnosis)
        inside.addStretch(1)
        scroll.setWidget(holder)
        bottom.addWidget(scroll, 1)

        self.splitter = QSplitter(Qt.Orientation.Vertical, self)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(settings)
        self.splitter.addWidget(findings)
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 1)
        findings.setMinimumHeight(110)
        self.splitter.setSizes([520, 230])
        self.setMinimumWidth(MIN_WIDTH_PX)
        self.show_bases((), "")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)

    def show_presets(self, names: Sequence[str], chosen: str) -> None:
        """List the presets."""
        with QSignalBlocker(self.preset_box):
            self.preset_box.clear()
            for name in names:
                self.preset_box.addItem(key_label(name), name)
            self.preset_box.setCurrentIndex(self.preset_box.findData(chosen))

    def show_bases(self, rows: Sequence[BaseRow], chosen: str) -> None:
        """List the models that the phase can start from; without any, say nothing of it."""
        texts = [_base_text(row) for row in rows]
        shown = [self.base_box.itemText(index) for index in range(self.base_box.count())]
        with QSignalBlocker(self.base_box):
            if texts != shown:
                self.base_box.clear()
                for row, text in zip(rows, texts, strict=True):
                    self.base_box.addItem(text, row.run_id)
                    self.base_box.setItemData(self.base_box.count() - 1, text, Qt.ItemDataRole.ToolTipRole)
            self.base_box.setCurrentIndex(self.base_box.findData(chosen))
        for widget in (self.base_label, self.base_box):
            widget.setVisible(bool(rows))

    def show_settings(
        self, schema: Mapping[str, Any], values: Mapping[str, Any], check: CheckSettings
    ) -> None:
        """Build the form with the values of the preset."""
        self._start_values = dict(values)
        self.form.set_schema(schema, values, check)
        self._note_changes(self.form.values())

    def show_command(self, command: str) -> None:
        """Print the command line."""
        if command != self.command.toPlainText():
            self.command.setPlainText(command)

    def _on_settings(self, values: dict[str, Any], problem: str) -> None:
        self._note_changes(values)
        self.settings_changed.emit(values, problem)

    def _note_changes(self, values: Mapping[str, Any]) -> None:
        changed = [key for key, value in values.items() if value != self._start_values.get(key)]
        self.changed_note.setVisible(bool(changed))
        names = ", ".join(key_label(key) for key in changed)
        self.changed_note.setText(self.tr("Changed: {names}").format(names=names))


def _base_text(row: BaseRow) -> str:
    return row.title if row.gate is None else f"{gate_mark(row.gate)} {row.title}"


def _section(text: str, parent: QWidget) -> QLabel:
    label = QLabel(text, parent)
    label.setProperty("role", "section")
    return label
