"""The Train screen: pipelines and data on the left, phases, curves and pictures in the middle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from engines.contract.kinds import Split
from engines.contract.training_preview import TrainingPicture
from workstation.views.elements.empty_state import action_button
from workstation.views.protocols.runs import (
    BaseRow,
    CheckSettings,
    DataSummary,
    PhaseCard,
    PipelineRow,
    RunView,
    Verbs,
)
from workstation.views.runs.run_details import RunDetails
from workstation.views.runs.run_words import items_text, sentence, spoken, subjects_text
from workstation.views.training.phase_cards import PhaseCards
from workstation.views.training.train_panel import TrainPanel
from workstation.views.training.training_preview import TrainingPreview

VERBS = ("start", "pause", "continue", "stop", "resume", "variants", "discard")


class TrainScreen(QWidget):
    """Middle of the window while training; its `panel` stands on the right.

    Parameters
    ----------
    actions : mapping of str to QAction
        One for each of `VERBS`.

    Signals
    -------
    pipeline_chosen, phase_chosen, preset_chosen : str
    settings_changed : dict, str
        Valid values, and the sentence about the first wrong one.
    base_chosen : str
        Run that the phase shall start from.
    fix_requested : str
        Screen on which a lock can be opened.
    remedy_requested : dict
        Settings that carry a remedy out.
    preview_requested : int
        Draw what training will see, with this seed.
    """

    pipeline_chosen = Signal(str)
    phase_chosen = Signal(str)
    preset_chosen = Signal(str)
    settings_changed = Signal(dict, str)
    base_chosen = Signal(str)
    fix_requested = Signal(str)
    remedy_requested = Signal(dict)
    preview_requested = Signal(int)

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panel = TrainPanel()
        self.panel.preset_chosen.connect(self.preset_chosen)
        self.panel.settings_changed.connect(self.settings_changed)
        self.panel.base_chosen.connect(self.base_chosen)
        self.panel.remedy_requested.connect(self.remedy_requested)
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self._left_column())
        self.splitter.addWidget(self._middle(actions))
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([210, 900])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)
        self.show_run(None)

    def _left_column(self) -> QWidget:
        column = QWidget(self)
        column.setObjectName("browser")
        column.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column.setMinimumWidth(170)
        self.pipelines = QListWidget(column)
        self.pipelines.setAccessibleName(self.tr("Pipelines"))
        for set_policy in (
            self.pipelines.setVerticalScrollBarPolicy,
            self.pipelines.setHorizontalScrollBarPolicy,
        ):
            set_policy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.pipelines.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.pipelines.currentItemChanged.connect(self._on_pipeline)
        self.summary = QLabel(column)
        self.summary.setWordWrap(True)
        self.summary.setProperty("role", "muted")
        self.data = QLabel(column)
        self.data.setWordWrap(True)
        self.data.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QVBoxLayout(column)
        layout.setContentsMargins(10, 8, 8, 8)
        layout.addWidget(_section(self.tr("PIPELINE"), column))
        layout.addWidget(self.pipelines)
        layout.addWidget(self.summary)
        layout.addSpacing(8)
        layout.addWidget(_section(self.tr("DATA OF THIS PHASE"), column))
        layout.addWidget(self.data)
        layout.addStretch(1)
        return column

    def _middle(self, actions: Mapping[str, QAction]) -> QWidget:
        middle = QWidget(self)
        self.cards = PhaseCards(middle)
        self.cards.chosen.connect(self.phase_chosen)
        self.cards.fix_requested.connect(self.fix_requested)
        self.buttons: dict[str, QPushButton] = {}
        row = QHBoxLayout()
        for verb in VERBS:
            button = action_button(actions[verb], "primary" if verb == "start" else "", middle)
            self.buttons[verb] = button
            row.addWidget(button)
        row.addStretch(1)
        self.reason = QLabel(middle)
        self.reason.setWordWrap(True)
        self.reason.setProperty("role", "muted")
        self.preview = TrainingPreview(middle)
        self.preview.requested.connect(self.preview_requested)
        self._has_preview, self._can_start = False, True
        self.details = RunDetails(middle, actions={"resume": actions["resume"]})
        self._empty: QWidget | None = None
        layout = self._column = QVBoxLayout(middle)
        layout.setContentsMargins(12, 10, 12, 8)
        layout.setSpacing(7)
        layout.addWidget(self.cards)
        layout.addLayout(row)
        layout.addWidget(self.reason)
        layout.addWidget(self.preview)
        layout.addWidget(self.details, 1)
        return middle

    def show_pipelines(self, rows: Sequence[PipelineRow], chosen: str) -> None:
        """List the pipelines."""
        with QSignalBlocker(self.pipelines):
            self.pipelines.clear()
            for row in rows:
                entry = QListWidgetItem(spoken(row.title))
                entry.setData(Qt.ItemDataRole.UserRole, row.key)
                entry.setToolTip(spoken(row.summary))
                self.pipelines.addItem(entry)
                if row.key == chosen:
                    self.pipelines.setCurrentItem(entry)
        height = self.pipelines.sizeHintForRow(0) * max(1, len(rows)) if rows else 24
        self.pipelines.setFixedHeight(height + 2 * self.pipelines.frameWidth() + 6)
        self.summary.setText(next((spoken(row.summary) for row in rows if row.key == chosen), ""))

    def show_data(self, summary: DataSummary) -> None:
        """Say what the phase would learn from."""
        names = {
            Split.TRAIN.value: self.tr("to train"),
            Split.VAL.value: self.tr("to validate"),
            "": self.tr("not split yet"),
        }
        lines = [
            f"{name}: <b>{items_text(count)}</b>, {subjects_text(summary.subjects.get(split, 0))}"
            for split, name in names.items()
            if (count := summary.items.get(split))
        ]
        if not lines:
            lines.append(self.tr("No item of the project fits this phase."))
        if summary.split_hash:
            lines.append(self.tr("split <tt>{hash}</tt>").format(hash=summary.split_hash[:8]))
        if summary.num_sealed_items:
            lines.append(
                self.tr("left out (evaluation, test): {items}").format(
                    items=items_text(summary.num_sealed_items)
                )
            )
        self.data.setText("<br>".join(lines))
        self.data.setToolTip(self.tr("Split by subject; full hash: {hash}").format(hash=summary.split_hash))

    def show_phases(self, cards: Sequence[PhaseCard], chosen: str) -> None:
        """Draw the phase cards."""
        self.cards.show_phases(cards, chosen)

    def offer_preview(self, is_offered: bool) -> None:
        """Offer pictures of what a training will see, for pipelines that draw them."""
        self.preview.clear()
        self._has_preview = is_offered
        self._place_preview()

    def show_preview(self, pictures: Sequence[TrainingPicture]) -> None:
        """Show what a training will see."""
        self.preview.show_pictures(pictures)

    def show_verbs(self, verbs: Verbs) -> None:
        """Show the buttons that fit the state, and why Start is not among them."""
        self.buttons["continue"].setVisible(verbs.proceed is None)
        self.buttons["pause"].setVisible(verbs.proceed is not None)
        self.reason.setText(f"⊘ {sentence(verbs.start)}" if verbs.start is not None else "")
        self.reason.setVisible(verbs.start is not None)
        self._can_start = verbs.start is None
        self._place_preview()

    def _place_preview(self) -> None:
        # What cannot be started need not be foreseen; its room belongs to the run that is shown.
        self.preview.setVisible(self._has_preview and self._can_start)

    def show_presets(self, names: Sequence[str], chosen: str) -> None:
        """List the presets of the phase."""
        self.panel.show_presets(names, chosen)

    def show_settings(
        self, schema: Mapping[str, Any], values: Mapping[str, Any], check: CheckSettings
    ) -> None:
        """Build the form of the phase's settings."""
        self.panel.show_settings(schema, values, check)

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Write values into the form, as if they had been typed."""
        self.panel.form.set_values(values)

    def show_command(self, command: str) -> None:
        """Print the command line that does the same."""
        self.panel.show_command(command)

    def show_bases(self, rows: Sequence[BaseRow], chosen: str) -> None:
        """List the models that the phase can start from."""
        self.panel.show_bases(rows, chosen)

    def set_empty(self, state: QWidget) -> None:
        """Show this in place of the curves while the phase has no run."""
        self._empty = state
        self._column.addWidget(state, 1)
        self.show_run(None)

    def show_run(self, run: RunView | None) -> None:
        """Draw a run, or its absence."""
        if self._empty is not None:
            self._empty.setVisible(run is None)
            self.details.setVisible(run is not None)
        self.details.show_run(run)
        self.panel.diagnosis.show_findings(
            run.diagnoses if run else (),
            run.warnings if run else (),
            has_run=run is not None,
            can_apply=run is not None and run.state.is_over,
        )

    def _on_pipeline(self, entry: QListWidgetItem | None) -> None:
        if entry is not None:
            self.pipeline_chosen.emit(str(entry.data(Qt.ItemDataRole.UserRole)))


def _section(text: str, parent: QWidget) -> QLabel:
    label = QLabel(text, parent)
    label.setProperty("role", "section")
    return label
