"""The review queue with its actions, the run that fills it, and what is known of the chosen result."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QSizePolicy,
    QSplitter,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from engines.contract.item_review import ReviewColumn
from workstation.actions.registry import ActionRegistry
from workstation.translation import translate_message
from workstation.views.elements.action_bar import ActionBar
from workstation.views.elements.empty_state import EmptyState, action_button
from workstation.views.protocols.review import (
    LATER,
    OPEN,
    ReviewDetails,
    ReviewLine,
    RunProgress,
    ThresholdSummary,
)
from workstation.views.review.review_details import ReviewDetailsBox
from workstation.views.review.review_table import ReviewTable

GROUPS = (
    ("open", "previous", "next"),
    ("accept", "reject", "later"),
    ("previous_step", "next_step"),
    ("report",),
)
_DETAILS_PX = 380


class ReviewPanel(QWidget):
    """A `ReviewPanelView`.

    Parameters
    ----------
    actions : ActionRegistry

    Signals
    -------
    lineChosen, lineOpened : str
    stepChosen : str
    thresholdMoved : float
    """

    lineChosen = Signal(str)
    lineOpened = Signal(str)
    stepChosen = Signal(str)
    thresholdMoved = Signal(float)

    def __init__(self, actions: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = ReviewTable()
        self.table.lineChosen.connect(self.lineChosen)
        self.table.lineOpened.connect(self.lineOpened)
        verbs = [verb for group in GROUPS for verb in group]
        self.table.menu_actions = [actions.action(f"review.{verb}") for verb in verbs]
        groups = [[actions.action(f"review.{verb}") for verb in group] for group in GROUPS]
        self.bar = ActionBar([*groups, [actions.action("run.predict")]])
        self.only_open = QCheckBox(self.tr("Only open"))
        self.only_open.setToolTip(self.tr("Leave out what was accepted or rejected."))
        self.only_open.toggled.connect(self._filter)
        self.count = QLabel()
        self.count.setProperty("role", "muted")
        self.run = RunLine(actions)
        self.details = ReviewDetailsBox(actions)
        self.details.stepChosen.connect(self.stepChosen)
        self.details.thresholdMoved.connect(self.thresholdMoved)
        self.empty = EmptyState(
            self.tr("No run has made label maps yet."),
            primary=actions.action("run.predict"),
            links=[actions.action("screen.train")],
            is_compact=True,
        )
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(3)
        self.note = QLabel(self.tr("No ground truth: Dice is agreement with the input."))
        self.note.setProperty("role", "muted")
        self.note.setContentsMargins(8, 0, 8, 2)
        left = QWidget()
        listing = QVBoxLayout(left)
        listing.setContentsMargins(0, 0, 0, 0)
        listing.setSpacing(0)
        listing.addWidget(self.table, 1)
        listing.addWidget(self.note)
        self.splitter.addWidget(left)
        self.splitter.addWidget(self.details)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setSizes([2 * _DETAILS_PX, _DETAILS_PX])
        middle = QWidget()
        self._pages = QStackedLayout(middle)
        self._pages.addWidget(self.splitter)
        self._pages.addWidget(self.empty)
        top = QFrame()
        top.setObjectName("pane_bar")
        line = QHBoxLayout(top)
        line.setContentsMargins(0, 0, 10, 0)
        line.setSpacing(10)
        line.addWidget(self.bar, 1)
        line.addWidget(self.only_open)
        line.addWidget(self.count)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(top)
        column.addWidget(self.run)
        column.addWidget(middle, 1)
        self._lines: Sequence[ReviewLine] = ()
        self._pages.setCurrentWidget(self.empty)

    # -- ReviewPanelView -----------------------------------------------------------------------------

    def show_lines(self, lines: Sequence[ReviewLine], columns: Sequence[ReviewColumn], selected: str) -> None:
        """Show results, and select one without saying so."""
        self._lines = lines
        self.table.show_lines(lines, columns, selected)
        self._pages.setCurrentWidget(self.splitter if lines else self.empty)
        num_open = sum(line.verdict in (OPEN, LATER) for line in lines)
        self.count.setText(self.tr("{open} of {n} open").format(open=num_open, n=len(lines)) if lines else "")
        self.only_open.setVisible(bool(lines))

    def show_details(self, details: ReviewDetails | None) -> None:
        """Show the chosen result; None: there is none."""
        self.details.show_details(details)

    def show_threshold(self, threshold: ThresholdSummary | None) -> None:
        """Show a threshold with its numbers; None: the result has no probability."""
        self.details.show_threshold(threshold)

    def show_run(self, progress: RunProgress | None) -> None:
        """Show the run that makes results; None: there is none to speak of."""
        self.run.show_run(progress)

    def order(self) -> list[str]:
        """Return the keys of the lines that are shown, from top to bottom."""
        return self.table.order()

    # -- inside --------------------------------------------------------------------------------------

    def _filter(self) -> None:
        self.table.set_open_only(self.only_open.isChecked())


class RunLine(QFrame):
    """How far the run of results is, and what can be done with it."""

    def __init__(self, actions: ActionRegistry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pane_bar")
        self.text = QLabel()
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.progress = QProgressBar()
        self.progress.setFixedWidth(200)
        self.progress.setTextVisible(False)
        self.stop = action_button(actions.action("review.stop"))
        self.resume = action_button(actions.action("review.resume"))
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 2, 10, 2)
        row.setSpacing(8)
        row.addWidget(self.text, 1)
        row.addWidget(self.progress)
        for button in (self.stop, self.resume):
            button.is_short = True
            row.addWidget(button)
        self.hide()

    def show_run(self, progress: RunProgress | None) -> None:
        """Show a run, or nothing."""
        self.setVisible(progress is not None)
        if progress is None:
            return
        text = translate_message(progress.text)
        self.text.setText(text)
        self.text.setToolTip(text)
        self.progress.setVisible(progress.is_live)
        self.progress.setRange(0, 0 if progress.share is None else 100)
        self.progress.setValue(0 if progress.share is None else round(100 * progress.share))
        self.stop.setVisible(progress.is_live)
        self.resume.setVisible(not progress.is_live)
