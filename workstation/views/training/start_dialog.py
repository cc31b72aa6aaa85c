"""Dialogs that start runs: a model on items, an evaluation with settings, weights of other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from engines.contract.kinds import Action
from engines.contract.weights_report import WeightsReport
from workstation.translation import translate, translate_message
from workstation.views.protocols.start import ItemGroup, StartChoice, StartOrder
from workstation.views.training.config_form import ConfigForm

_SOURCE = "source"
_MOST_NAMES = 40


class StartDialog(QDialog):
    """A pipeline, a model, items or weights, and settings.

    Parameters
    ----------
    action : Action
    choices : sequence of StartChoice
        The first is chosen.
    folder : Path
        Where the person looks for weights first.

    Signals
    -------
    startRequested : StartOrder
    """

    startRequested = Signal(object)

    def __init__(
        self, action: Action, choices: Sequence[StartChoice], folder: Path, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("start_dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._action = action
        self._choices = {choice.key: choice for choice in choices}
        self._folder = folder
        self.setWindowTitle(self._title())
        self.setMinimumSize(520, 460)
        self.resize(620, 600)
        self.pipeline = _combo(self.tr("Pipeline"))
        for choice in choices:
            self.pipeline.addItem(translate(choice.title), choice.key)
            self.pipeline.setItemData(
                self.pipeline.count() - 1, translate(choice.summary), Qt.ItemDataRole.ToolTipRole
            )
        self.model = _combo(self.tr("Model"))
        self.items = _combo(self.tr("Items"))
        self.phase = _combo(self.tr("Phase"))
        self.source = SourceLine(folder)
        self.form = ConfigForm(self)
        self.problem = QLabel()
        self.problem.setObjectName("problem")
        self.problem.setWordWrap(True)
        self.report = QPlainTextEdit()
        self.report.setReadOnly(True)
        self.report.setAccessibleName(self.tr("What became of the weights"))
        self.report.hide()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.start = self.buttons.addButton(self.tr("Start"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.start.setProperty("role", "primary")
        for button in self.buttons.buttons():
            button.setIcon(QIcon())
        top = QFormLayout()
        top.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        top.addRow(self.tr("&Pipeline"), self.pipeline)
        is_import = action is Action.IMPORT_WEIGHTS
        if is_import:
            top.addRow(self.tr("&Weights"), self.source)
            top.addRow(self.tr("Stands for p&hase"), self.phase)
        else:
            top.addRow(self.tr("&Model"), self.model)
            top.addRow(self.tr("&Items"), self.items)
        for unused in (self.model, self.items) if is_import else (self.source, self.phase):
            unused.setParent(self)
            unused.hide()
        column = QVBoxLayout(self)
        column.addLayout(top)
        column.addWidget(self.form, 1)
        column.addWidget(self.report, 1)
        column.addWidget(self.problem)
        column.addWidget(self.buttons)
        self.pipeline.currentIndexChanged.connect(self._on_pipeline)
        for box in (self.model, self.items):
            box.currentIndexChanged.connect(self._judge)
        self.source.changed.connect(self._judge)
        self.form.settings_changed.connect(self._judge)
        self.start.clicked.connect(self._on_start)
        self.buttons.rejected.connect(self.reject)
        self._on_pipeline()

    @property
    def choice(self) -> StartChoice | None:
        """The chosen pipeline."""
        return self._choices.get(str(self.pipeline.currentData()))

    def order(self) -> StartOrder | None:
        """Return what would be started; None while there is nothing."""
        choice = self.choice
        if choice is None:
            return None
        settings: dict[str, Any] = self.form.values()
        if self._action is Action.IMPORT_WEIGHTS:
            settings = {**settings, _SOURCE: self.source.text()}
            phase = str(self.phase.currentData() or "")
            return StartOrder(self._action, choice.key, phase=phase, settings=settings)
        group = self.items.currentData()
        return StartOrder(
            self._action,
            choice.key,
            run_id=str(self.model.currentData() or ""),
            group=group if isinstance(group, ItemGroup) else None,
            settings=settings,
        )

    def show_refusal(self, text: str) -> None:
        """Say why nothing was started, or why a run failed."""
        self.problem.setText(f"✘ {text}" if text else self.tr("✘ The run failed; see the Runs screen."))
        self.problem.show()
        self.start.setEnabled(True)

    def show_report(self, run_id: str, report: WeightsReport) -> None:
        """Say what became of every tensor."""
        self.form.hide()
        self.report.setPlainText(self._report_text(run_id, report))
        self.report.show()
        self.problem.hide()
        self.start.setEnabled(True)

    # -- inside --------------------------------------------------------------------------------------

    def _title(self) -> str:
        return {
            Action.PREDICT: self.tr("Apply a model"),
            Action.EVALUATE: self.tr("Evaluate with settings"),
            Action.IMPORT_WEIGHTS: self.tr("Import weights"),
        }[self._action]

    def _on_pipeline(self) -> None:
        choice = self.choice
        if choice is None:
            self._judge()
            return
        self.model.clear()
        for row in choice.models:
            title = translate(row.title)
            self.model.addItem(self.tr("{model} (in use)").format(model=title) if row.is_in_use else title)
            self.model.setItemData(self.model.count() - 1, row.run_id)
        self.items.clear()
        for group in choice.groups:
            self.items.addItem(translate_message(group.title), group)
        first = next((index for index, group in enumerate(choice.groups) if not group.is_empty), 0)
        self.items.setCurrentIndex(first)
        self.phase.clear()
        for key, title in choice.phases:
            self.phase.addItem(translate(title), key)
        schema = {
            **choice.schema,
            "properties": {
                key: node for key, node in choice.schema.get("properties", {}).items() if key != _SOURCE
            },
        }
        is_import = self._action is Action.IMPORT_WEIGHTS
        self.form.set_schema(schema, choice.values, None if is_import else choice.check)
        self._judge()

    def _judge(self) -> None:
        text = self._problem()
        self.problem.setText(f"✘ {text}" if text else "")
        self.problem.setVisible(bool(text))
        self.start.setEnabled(not text)

    def _problem(self) -> str:
        choice = self.choice
        if choice is None:
            return self._nothing()
        if self._action is Action.IMPORT_WEIGHTS and not self.source.text():
            return self.tr("Choose a file or a folder with weights.")
        if self._action is Action.PREDICT:
            group = self.items.currentData()
            if not isinstance(group, ItemGroup) or group.is_empty:
                return self.tr("There are no such items: choose others.")
        return self.form.problem()

    def _nothing(self) -> str:
        if self._action is Action.IMPORT_WEIGHTS:
            return self.tr("No pipeline takes weights of other programs.")
        return self.tr("There is no model yet: train one on the Train screen (F4), or import weights.")

    def _on_start(self) -> None:
        order = self.order()
        if order is None or self._problem():
            return
        self.startRequested.emit(order)
        if self._action is Action.IMPORT_WEIGHTS:
            # Its report is shown here.
            self.start.setEnabled(False)
            self.problem.setText(self.tr("Reading the weights…"))
            self.problem.show()
        else:
            self.accept()

    def _report_text(self, run_id: str, report: WeightsReport) -> str:
        shapes = tuple(f"{one.name}  {one.in_file} → {one.in_model}" for one in report.other_shape)
        parts = (
            (self.tr("Matched: {n}"), report.matched),
            (self.tr("Missing in the file, left as initialised: {n}"), report.missing),
            (self.tr("Of another shape, left as initialised: {n}"), shapes),
            (self.tr("Unused, not in the model: {n}"), report.unused),
        )
        lines = [self.tr("{run} is ready to be used.").format(run=run_id), *map(translate, report.notes), ""]
        for title, names in parts:
            lines.append(title.format(n=len(names)))
            lines += [f"    {name}" for name in names[:_MOST_NAMES]]
            if len(names) > _MOST_NAMES:
                lines.append("    " + self.tr("and {n} more").format(n=len(names) - _MOST_NAMES))
        return "\n".join(lines)


class SourceLine(QWidget):
    """A path that is typed or chosen: a file, or a folder of an old run.

    Parameters
    ----------
    folder : Path
        Where the person looks first.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._start = folder
        self.path = QLineEdit()
        self.path.setPlaceholderText(self.tr("File or folder with weights"))
        self.path.setAccessibleName(self.tr("File or folder with weights"))
        self.path.textChanged.connect(self.changed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.path, 1)
        self.setFocusProxy(self.path)
        for text, choose in (
            (self.tr("File…"), self._choose_file),
            (self.tr("Folder…"), self._choose_folder),
        ):
            button = QPushButton(text)
            button.setAutoDefault(False)
            button.clicked.connect(choose)
            row.addWidget(button)

    def text(self) -> str:
        """Return the path."""
        return self.path.text().strip()

    def _choose_file(self) -> None:
        path, _kind = QFileDialog.getOpenFileName(
            self,
            self.tr("Weights"),
            str(self._start),
            self.tr("Weights (*.pth *.pt *.ckpt *.safetensors *.bin);;All files (*)"),
        )
        if path:
            self.path.setText(path)

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, self.tr("Folder of an old run"), str(self._start))
        if path:
            self.path.setText(path)


def _combo(name: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setMinimumContentsLength(24)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box
