"""The Runs screen: every run of the project, and everything the chosen one left in its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from engines.contract.kinds import RunState
from engines.contract.messages import Message
from workstation.views.elements.empty_state import action_button
from workstation.views.protocols.runs import EvaluationView, RunRow, RunVerbs, RunView, SweepView
from workstation.views.runs.diagnosis_view import DiagnosisView
from workstation.views.runs.evaluation_table import EvaluationTable
from workstation.views.runs.run_details import RunDetails
from workstation.views.runs.run_list import RunList
from workstation.views.runs.run_words import sentence
from workstation.views.runs.sweep_view import SweepTableView

VERBS = ("use", "evaluate", "compare", "resume", "repeat", "open_folder", "discard")
_CURVES, _EVALUATION, _DIAGNOSIS, _LOG, _SWEEP = range(5)


class RunsScreen(QWidget):
    """List above, the chosen run below.

    Parameters
    ----------
    actions : mapping of str to QAction
        One for each of `VERBS`.

    Signals
    -------
    chosen : list of str
        Ids of the selected runs.
    """

    chosen = Signal(list)

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.list = RunList(self)
        self.list.chosen.connect(self.chosen)
        self.buttons: dict[str, QPushButton] = {}
        row = QHBoxLayout()
        for verb in VERBS:
            self.buttons[verb] = action_button(actions[verb], "primary" if verb == "use" else "", self)
            row.addWidget(self.buttons[verb])
        row.addStretch(1)
        self.comparison = QLabel(self)
        self.comparison.setWordWrap(True)
        self.details = RunDetails(
            self, actions={"resume": actions["resume"]}, orientation=Qt.Orientation.Horizontal
        )
        self.evaluation = EvaluationTable(self)
        self.diagnosis = DiagnosisView(self)
        self.sweep = SweepTableView(self)
        self.sweep.runChosen.connect(self.select)
        self.log = QPlainTextEdit(self)
        self.log.setReadOnly(True)
        self.log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.log.setPlaceholderText(self.tr("The run wrote nothing to its log."))
        self.tabs = QTabWidget(self)
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setDrawBase(False)
        self._run_id = ""
        self._chosen_tab: int | None = None
        """The tab that was chosen by hand."""
        self.tabs.addTab(self.details, self.tr("Curves and pictures"))
        self.tabs.addTab(self.evaluation, self.tr("Evaluation"))
        self.tabs.addTab(_scrolled(self.diagnosis), self.tr("Diagnosis"))
        self.tabs.addTab(self.log, self.tr("Log"))
        self.tabs.addTab(self.sweep, self.tr("Sweep"))
        self.tabs.setTabVisible(_SWEEP, False)
        self.tabs.currentChanged.connect(self._on_tab)
        below = QWidget(self)
        box = QVBoxLayout(below)
        box.setContentsMargins(10, 4, 10, 4)
        box.setSpacing(4)
        box.addLayout(row)
        box.addWidget(self.comparison)
        box.addWidget(self.tabs, 1)
        self.splitter = QSplitter(Qt.Orientation.Vertical, self)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.list)
        self.splitter.addWidget(below)
        self.splitter.setStretchFactor(0, 2)
        self.splitter.setStretchFactor(1, 5)
        self.splitter.setSizes([240, 560])
        self._empty: QWidget | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)
        self.show_comparison(None)

    def set_empty(self, state: QWidget) -> None:
        """Show this in place of everything while the project has no runs."""
        self._empty = state
        self.layout().addWidget(state)
        state.hide()

    def show_runs(self, rows: Sequence[RunRow]) -> None:
        """List the runs, newest first."""
        if self._empty is not None:
            self._empty.setVisible(not rows)
            self.splitter.setVisible(bool(rows))
        self.list.show_runs(rows)

    def select(self, run_id: str) -> None:
        """Select a run of the list."""
        self.list.select(run_id)

    def show_run(self, run: RunView | None) -> None:
        """Draw the chosen run, or its absence."""
        self.details.show_run(run)
        self.diagnosis.show_findings(
            run.diagnoses if run else (),
            run.warnings if run else (),
            has_run=run is not None,
            can_apply=None,
        )
        self.tabs.setVisible(run is not None)
        if run is not None:
            self._begin_run(run.run_id)
            count = len({finding.name for finding in run.diagnoses}) + len(set(map(str, run.warnings)))
            title = self.tr("Diagnosis")
            self.tabs.setTabText(_DIAGNOSIS, f"{title} ({count})" if count else title)
            has_pictures = bool(run.curves or run.frames or run.panels)
            self._offer_tab(_CURVES, has_pictures or run.state is RunState.FAILED)

    def show_overlay(self, run: RunView | None) -> None:
        """Draw a second run's curves over the first."""
        self.details.plots.show_overlay(run)

    def show_comparison(self, sentence_or_none: Message | None) -> None:
        """Say what may and may not be compared between the chosen runs."""
        text = sentence(sentence_or_none)
        self.comparison.setText(text)
        self.comparison.setVisible(bool(text))

    def show_evaluation(self, evaluation: EvaluationView | None) -> None:
        """Draw the chosen run's evaluation, or its absence."""
        self.evaluation.show_evaluation(evaluation)
        self._offer_tab(_EVALUATION, evaluation is not None)

    def show_sweep(self, sweep: SweepView | None) -> None:
        """Draw the table of the sweep that the chosen run belongs to, or its absence."""
        self.sweep.show_sweep(sweep)
        self._offer_tab(_SWEEP, sweep is not None)

    def _begin_run(self, run_id: str) -> None:
        """Let another run begin with its own tab, unless one that every run has was chosen by hand."""
        if run_id == self._run_id:
            return
        self._run_id = run_id
        if self._chosen_tab in (_CURVES, _EVALUATION):
            self._chosen_tab = None
        with QSignalBlocker(self.tabs):
            self.tabs.setTabVisible(_EVALUATION, False)

    def _offer_tab(self, index: int, is_offered: bool) -> None:
        """Show or hide a tab, and go to the chosen one, else the evaluation, else the first there is."""
        with QSignalBlocker(self.tabs):
            self.tabs.setTabVisible(index, is_offered)
            visible = [place for place in range(self.tabs.count()) if self.tabs.isTabVisible(place)]
            wanted = (self._chosen_tab, _EVALUATION)
            self.tabs.setCurrentIndex(next((place for place in wanted if place in visible), visible[0]))

    def _on_tab(self, index: int) -> None:
        self._chosen_tab = index

    def show_log(self, text: str) -> None:
        """Show the end of the log."""
        if text != self.log.toPlainText():
            self.log.setPlainText(text)
            bar = self.log.verticalScrollBar()
            bar.setValue(bar.maximum())

    def show_verbs(self, verbs: RunVerbs) -> None:
        """Leave it to the buttons, which follow their actions."""

    def show_model_in_use(self, run_id: str) -> None:
        """Mark the run whose model registers and is evaluated."""
        self.list.model.set_model_in_use(run_id)


def _scrolled(widget: QWidget) -> QScrollArea:
    area = QScrollArea()
    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.addWidget(widget)
    layout.addStretch(1)
    area.setWidgetResizable(True)
    area.setWidget(holder)
    return area
