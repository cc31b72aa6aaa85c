"""The review queue: results of runs, one after another, each step a proposal of its case.

What a result changes is taken over by the proposals of the screen, so an accepted mask never shrinks
unseen; what is decided here goes through the one history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from engines.contract.errors import WorkstationError
from engines.contract.item_review import ReviewColumn
from workstation.controllers.pairs.pair_edits import execute
from workstation.controllers.review.proposals_controller import ProposalsController
from workstation.controllers.review.result_proposals import bring_in_steps, step_proposals
from workstation.controllers.review.review_lines import (
    columns_of,
    conflicts_of,
    in_order,
    key_of,
    priority_of,
    review_line,
)
from workstation.controllers.workbench import Workbench
from workstation.project.result_commands import JudgeResult, Verdict
from workstation.project.result_review import ResultKey, verdicts
from workstation.runs.results import ItemResult, ResultReader
from workstation.views.protocols.cards import Card
from workstation.views.protocols.review import (
    LATER,
    OPEN,
    ReviewDetails,
    ReviewLine,
    ReviewPanelView,
    StepRow,
)

if TYPE_CHECKING:
    from workstation.controllers.volume.volume_controller import VolumeController

DELAY_MS = 400
"""After the last news."""
_READ, _OPEN = "review.read", "review.open"
_Read = tuple[list[ItemResult], dict[ResultKey, Verdict]]


class ReviewController(QObject):
    """Behind the review queue.

    Parameters
    ----------
    workbench : Workbench
    volumes : VolumeController
    proposals : ProposalsController
    panel : ReviewPanelView

    Attributes
    ----------
    selected : str
        Key of the chosen line.

    Signals
    -------
    changed
        What may be done now changed.
    result_changed
        Another result is chosen, or its steps came in or went.
    page_requested : Path
        Somebody wants to read a report.
    """

    changed = Signal()
    result_changed = Signal()
    page_requested = Signal(object)

    def __init__(
        self,
        workbench: Workbench,
        volumes: VolumeController,
        proposals: ProposalsController,
        panel: ReviewPanelView,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._volumes = volumes
        self._proposals = proposals
        self._panel = panel
        self._reader = ResultReader()
        self._results: dict[str, ItemResult] = {}
        self._lines: dict[str, ReviewLine] = {}
        self._wanted = ""
        self._role = ""
        self._is_opening = False
        self._told: tuple[object, ...] = ()
        self.selected = ""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.timeout.connect(self.look)
        workbench.data_changed.connect(self._timer.start)
        workbench.project_changed.connect(self._on_project)
        workbench.item_changed.connect(self._on_item)
        workbench.live_runs.changed.connect(self._on_run)
        workbench.live_runs.ended.connect(self._on_run)
        volumes.active_changed.connect(self._show_details)
        proposals.changed.connect(self.changed)

    # -- state ---------------------------------------------------------------------------------------

    @property
    def lines(self) -> list[ReviewLine]:
        """Every result, what needs a person most first."""
        return list(self._lines.values())

    @property
    def line(self) -> ReviewLine | None:
        """The chosen line."""
        return self._lines.get(self.selected)

    @property
    def result(self) -> ItemResult | None:
        """The chosen result."""
        return self._results.get(self.selected)

    @property
    def is_opening(self) -> bool:
        """Whether steps are being brought in."""
        return self._is_opening

    @property
    def steps(self) -> Mapping[str, str]:
        """Label map ids of the chosen result's steps, by role; empty while its case is not shown."""
        result, item = self.result, self._volumes.item
        if result is None or item is None or item.id != result.item_id:
            return {}
        found = step_proposals(self._volumes.layers.maps, result)
        return {step.role: found[step.role] for step in result.steps if step.role in found}

    @property
    def role(self) -> str:
        """Role of the step that is looked at; empty for none."""
        chosen = self._proposals.chosen
        return next((role for role, key in self.steps.items() if chosen and key == chosen.id), "")

    def close(self) -> None:
        """Let go of signals and threads; the screen goes."""
        self._timer.stop()
        bench = self._bench
        bench.data_changed.disconnect(self._timer.start)
        bench.project_changed.disconnect(self._on_project)
        bench.item_changed.disconnect(self._on_item)
        bench.live_runs.changed.disconnect(self._on_run)
        bench.live_runs.ended.disconnect(self._on_run)
        for channel in (_READ, _OPEN):
            bench.background.drop(channel)

    # -- the queue -----------------------------------------------------------------------------------

    def look(self) -> None:
        """Read which results there are."""
        project, reader = self._bench.project, self._reader
        if project is None:
            self._take([], {})
            return
        self._bench.background.submit(
            _READ, lambda: (reader.read(project), verdicts(project.store)), lambda found: self._take(*found)
        )

    def select(self, key: str) -> None:
        """Choose a line; its case is shown once it is opened."""
        if key in self._lines and key != self.selected:
            self.selected = key
            self._panel.show_lines(self.lines, self._columns(), key)
            self._show_details()

    def open(self, key: str = "") -> None:
        """Show the case of a result, with its steps as proposals."""
        project, result = self._bench.project, self._results.get(key or self.selected)
        if project is None or result is None:
            return
        self.select(key_of(result))
        self._wanted, self._is_opening = key_of(result), True
        self._bench.set_item(result.item_id)
        self._show_details()
        self._bench.background.submit(
            _OPEN, lambda: bring_in_steps(project, result), self._on_steps, self._on_failed
        )

    def step_case(self, offset: int) -> None:
        """Open the next result that is open, or the one before; then those for later."""
        order = self._panel.order()
        for verdict in (OPEN, LATER):
            waiting = [key for key in order if self._lines[key].verdict == verdict and key != self.selected]
            if waiting:
                at = (
                    order.index(self.selected)
                    if self.selected in order
                    else (-1 if offset > 0 else len(order))
                )
                ahead = [key for key in waiting if (order.index(key) - at) * offset > 0]
                self.open((ahead or waiting)[0 if offset > 0 else -1])
                return
        self._bench.note("No other result waits for a review.")

    def choose_step(self, role: str) -> None:
        """Look at another step of the result."""
        key = self.steps.get(role, "")
        if key:
            self._role = role
            self._volumes.set_active(key)
            self._proposals.choose(key)
            self._show_details()

    def step_role(self, offset: int) -> None:
        """Look at the next step, or the one before."""
        roles = list(self.steps)
        if roles:
            at = roles.index(self.role) if self.role in roles else -min(offset, 0)
            self.choose_step(roles[(at + offset) % len(roles)])

    # -- decisions -----------------------------------------------------------------------------------

    def accept(self) -> None:
        """Make the accepted label map as the step is; what would go is shown first."""
        line, found = self.line, self._proposals.found
        if line is None or found is None or not self.role:
            return
        if self._proposals.num_added + self._proposals.num_lost:
            self._proposals.replace()
        else:
            self._judge(Verdict.ACCEPTED)

    def reject(self) -> None:
        """Take the steps away and go on; undo brings them back."""
        if self._judge(Verdict.REJECTED, tuple(self.steps.values())):
            self._volumes.read_maps()
            self._go_on()

    def later(self) -> None:
        """Leave the result for later and go on; again: it is open."""
        line = self.line
        if line is None:
            return
        is_later = line.verdict == LATER
        if self._judge(Verdict.OPEN if is_later else Verdict.LATER) and not is_later:
            self._go_on()

    def show_report(self) -> None:
        """Show the page that the run wrote about the item."""
        result = self.result
        if result is not None and result.report is not None:
            self.page_requested.emit(result.report)

    # -- inside --------------------------------------------------------------------------------------

    def _judge(self, verdict: Verdict, label_map_ids: Sequence[str] = ()) -> bool:
        line = self.line
        if line is None:
            return False
        command = JudgeResult(line.item_id, line.run_id, verdict, tuple(label_map_ids))
        if not execute(self._bench, command):
            return False
        # What is being read was decided before.
        self._bench.background.drop(_READ)
        self._timer.start()
        # At once, so that the next key press means the next case.
        self._decide({line.key: verdict})
        return True

    def _decide(self, decided: Mapping[str, Verdict]) -> None:
        for key, verdict in decided.items():
            self._lines[key] = replace(self._lines[key], verdict=verdict.value)
        self._panel.show_lines(self.lines, self._columns(), self.selected)
        self._show_details()

    def _go_on(self) -> None:
        order = self._panel.order()
        if any(self._lines[key].verdict in (OPEN, LATER) for key in order if key != self.selected):
            self.step_case(1)

    def _columns(self) -> tuple[ReviewColumn, ...]:
        return columns_of(self._results.values())

    def _take(self, results: Sequence[ItemResult], decided: Mapping[ResultKey, Verdict]) -> None:
        by_key = {key_of(result): result for result in results}
        lines = in_order(review_line(result, decided) for result in results)
        self._results = by_key
        self._lines = {line.key: line for line in lines}
        if self.selected not in self._lines:
            self.selected = self._of_item(self._bench.item_id)
        self._panel.show_lines(self.lines, self._columns(), self.selected)
        self._show_details()

    def _of_item(self, item_id: str) -> str:
        """Return the key of the newest result of an item; empty for none."""
        found = [result for result in self._results.values() if result.item_id == item_id]
        return key_of(max(found, key=lambda result: result.made)) if found else ""

    def _show_details(self) -> None:
        line, result = self.line, self.result
        told = (self.selected, tuple(self.steps.items()))
        if line is None or result is None:
            self._panel.show_details(None)
        else:
            role, review = self.role, result.review
            steps = tuple(StepRow(step.role, step.title, step.role == role) for step in result.steps)
            details = ReviewDetails(line, steps, bool(self.steps), self._is_opening)
            if review is not None:
                details = replace(
                    details,
                    conflicts=conflicts_of(review, self._name_of),
                    priority=priority_of(review, self._name_of),
                )
            self._panel.show_details(details)
        if told != self._told:
            self._told = told
            self.result_changed.emit()
        self.changed.emit()

    def _name_of(self, label: int) -> str:
        maps = self._volumes.layers.maps if self.steps else []
        names = (one.name for found in maps for one in found.classes if one.value == label)
        return next(names, str(label))

    # -- answers and news ----------------------------------------------------------------------------

    def _on_steps(self, label_map_ids: dict[str, str]) -> None:
        self._is_opening = False
        result = self._results.get(self._wanted)
        item = self._volumes.item
        if result is not None and item is not None and item.id == result.item_id:
            self._volumes.read_maps()
            roles = list(label_map_ids)
            self.choose_step(self._role if self._role in roles else roles[-1])
        self._show_details()

    def _on_failed(self, error: BaseException) -> None:
        self._is_opening = False
        if isinstance(error, WorkstationError):
            self._bench.post(Card.of_error(error))
        self._show_details()

    def _on_project(self) -> None:
        self.selected = self._wanted = ""
        self._is_opening = False
        self._reader = ResultReader()
        self._take([], {})
        self._timer.start()

    def _on_item(self, item_id: str) -> None:
        line = self.line
        if line is None or line.item_id != item_id:
            key = self._of_item(item_id)
            self.selected = key
            self._panel.show_lines(self.lines, self._columns(), key)
        self._show_details()

    def _on_run(self, _run_id: str) -> None:
        if not self._timer.isActive():
            self._timer.start()
