"""The review queue, wired into the Volume screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices

from workstation.actions.registry import ActionRegistry
from workstation.controllers.review.proposals_controller import ProposalsController
from workstation.controllers.review.review_controller import ReviewController
from workstation.controllers.review.threshold_review import ThresholdReview
from workstation.controllers.runs.predict_runs import PredictRuns
from workstation.controllers.volume.volume_controller import VolumeController
from workstation.controllers.workbench import Workbench
from workstation.screens.component_actions import ComponentParts
from workstation.views.elements.display import display
from workstation.views.protocols.review import ACCEPTED, REJECTED
from workstation.views.review.review_panel import ReviewPanel
from workstation.views.volume.volume_screen import VolumeScreen

Reason = Callable[[], str]


class ReviewParts(QObject):
    """What `bind_review` made; lives as long as the screen.

    Parameters
    ----------
    review : ReviewController
    threshold : ThresholdReview
    runs : PredictRuns
    panel : ReviewPanel
    """

    def __init__(
        self, review: ReviewController, threshold: ThresholdReview, runs: PredictRuns, panel: ReviewPanel
    ) -> None:
        super().__init__(panel)
        self.review = review
        self.threshold = threshold
        self.runs = runs
        self.panel = panel

    def close(self) -> None:
        """Let go; the screen goes."""
        self.threshold.close()
        self.runs.close()
        self.review.close()


def bind_review(
    workbench: Workbench,
    actions: ActionRegistry,
    centre: VolumeScreen,
    controller: VolumeController,
    components: ComponentParts,
) -> ReviewParts:
    """Add the queue to the screen, and bind its actions."""
    panel = ReviewPanel(actions)
    place = centre.lower.addTab(panel, centre.tr("Review"))
    review = ReviewController(workbench, controller, components.proposals, panel, controller)
    edits = components.proposals.edits
    colour = display().colours["selected"]
    threshold = ThresholdReview(workbench, controller, edits, review, panel, colour, controller)
    runs = PredictRuns(workbench, panel, controller)
    panel.lineChosen.connect(review.select)
    panel.lineOpened.connect(review.open)
    panel.stepChosen.connect(review.choose_step)
    panel.thresholdMoved.connect(threshold.move)
    review.page_requested.connect(_open_page)
    for part in (review, threshold, runs):
        part.changed.connect(actions.refresh)

    def show_queue() -> None:
        centre.lower.set_queue(has_queue=True)
        centre.lower.setCurrentIndex(place)
        centre.lower.set_folded(False)
        panel.table.setFocus()

    def follow() -> None:
        centre.lower.set_queue(has_queue=bool(review.lines) or runs.live is not None)

    review.changed.connect(follow)
    runs.changed.connect(follow)
    actions.bind("review.queue", show_queue)
    _bind_queue(actions, centre, review, components.proposals)
    _bind_threshold(actions, centre, review, threshold)
    tr = centre.tr
    actions.bind(
        "review.stop", runs.stop, lambda: "" if runs.live is not None else tr("No run makes results now.")
    )
    actions.bind(
        "review.resume", runs.resume, lambda: "" if runs.can_resume else tr("No run of results ended early.")
    )
    review.look()
    runs.look()
    return ReviewParts(review, threshold, runs, panel)


def _bind_queue(
    actions: ActionRegistry, centre: VolumeScreen, review: ReviewController, proposals: ProposalsController
) -> None:
    tr = centre.tr

    def no_results() -> str:
        return "" if review.lines else tr("No run has made label maps yet.")

    def no_choice() -> str:
        return no_results() or ("" if review.line is not None else tr("Choose a result first."))

    def not_open() -> str:
        if review.is_opening:
            return tr("Wait until its steps are there.")
        return no_choice() or ("" if review.steps else tr("Open the result first."))

    def not_compared() -> str:
        if not review.role:
            return tr("Choose a step of the result first.")
        if proposals.has_other_grid:
            return tr("It lies on another grid: resample it first.")
        is_ready = proposals.found is not None and not proposals.edits.is_busy
        return "" if is_ready else tr("Wait until it is compared.")

    def nothing_to_accept() -> str:
        line = review.line
        if line is not None and line.verdict == ACCEPTED:
            return tr("It is accepted already; undo takes that back.")
        return not_open() or not_compared()

    def nothing_to_reject() -> str:
        line = review.line
        is_done = line is not None and line.verdict == REJECTED and not review.steps
        return no_choice() or (tr("It is rejected already; undo takes that back.") if is_done else "")

    def one_step() -> str:
        return not_open() or ("" if len(review.steps) > 1 else tr("The result has one step only."))

    def no_report() -> str:
        result = review.result
        has_report = result is not None and result.report is not None
        return no_choice() or ("" if has_report else tr("The run wrote no report about it."))

    handlers: dict[str, tuple[Callable[[], None], Reason]] = {
        "open": (review.open, no_choice),
        "next": (lambda: review.step_case(1), no_results),
        "previous": (lambda: review.step_case(-1), no_results),
        "accept": (review.accept, nothing_to_accept),
        "reject": (review.reject, nothing_to_reject),
        "later": (review.later, no_choice),
        "next_step": (lambda: review.step_role(1), one_step),
        "previous_step": (lambda: review.step_role(-1), one_step),
        "report": (review.show_report, no_report),
    }
    for verb, (triggered, reason) in handlers.items():
        actions.bind(f"review.{verb}", triggered, reason)


def _bind_threshold(
    actions: ActionRegistry, centre: VolumeScreen, review: ReviewController, threshold: ThresholdReview
) -> None:
    tr = centre.tr

    def no_threshold() -> str:
        if not review.steps:
            return tr("Open a result first.")
        return "" if threshold.has_probability else tr("The run wrote no probability for this case.")

    def untouched() -> str:
        return no_threshold() or ("" if threshold.is_touched else tr("Move the threshold first."))

    def nothing_to_apply() -> str:
        return untouched() or ("" if review.role else tr("Choose a step of the result first."))

    handlers: dict[str, tuple[Callable[[], None], Reason]] = {
        "raise_threshold": (lambda: threshold.step(1), no_threshold),
        "lower_threshold": (lambda: threshold.step(-1), no_threshold),
        "apply_threshold": (threshold.apply, nothing_to_apply),
        "drop_threshold": (threshold.drop, untouched),
    }
    for verb, (triggered, reason) in handlers.items():
        actions.bind(f"review.{verb}", triggered, reason)


def _open_page(path: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
