"""What the controllers of the review know of its panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from engines.contract.component_table import Value
from engines.contract.item_review import ReviewColumn
from engines.contract.messages import Message

NOTHING = Message("")
OPEN, ACCEPTED, REJECTED, LATER = "open", "accepted", "rejected", "later"


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """A line of the queue: the result of a run for an item.

    Parameters
    ----------
    key : str
    item_id, run_id : str
    title : str
        Of the pipeline, an English template.
    status : str
        ``"accept"``, ``"review"`` or ``"reject"`` as the gate suggests; empty when nothing was judged.
    verdict : str
        What a person decided: ``"open"``, ``"accepted"``, ``"rejected"`` or ``"later"``.
    reasons : tuple of Message
        Rules that fired, with how to act.
    rules : tuple of str
        Their keys.
    changed_ml : float or None
        Size of the change.
    values : mapping
        By column key.
    """

    key: str
    item_id: str
    run_id: str
    title: str
    status: str
    verdict: str
    reasons: tuple[Message, ...] = ()
    rules: tuple[str, ...] = ()
    changed_ml: float | None = None
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step of a result, and whether it is the proposal that is looked at."""

    role: str
    title: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class ReviewDetails:
    """What stands beside the queue about the chosen line.

    Parameters
    ----------
    line : ReviewLine
    steps : tuple of StepRow
    is_loaded : bool
        Whether its steps are proposals of the case that is shown.
    is_working : bool
    conflicts : tuple of Message
        By pairs of classes.
    priority : Message
        Which class wins; empty where none were put together.
    """

    line: ReviewLine
    steps: tuple[StepRow, ...]
    is_loaded: bool = False
    is_working: bool = False
    conflicts: tuple[Message, ...] = ()
    priority: Message = NOTHING


@dataclass(frozen=True, slots=True)
class ThresholdSummary:
    """The threshold that is tried out.

    Parameters
    ----------
    value : float
        0 to 1.
    volume_ml : float or None
    num_components : int or None
        None while they are counted.
    """

    value: float
    volume_ml: float | None = None
    num_components: int | None = None


@dataclass(frozen=True, slots=True)
class RunProgress:
    """A run that makes results, or the newest one that ended before its last item.

    Parameters
    ----------
    text : Message
    share : float or None
        0 to 1; None while the end is unknown, and when nothing runs.
    is_live : bool
    """

    text: Message
    share: float | None
    is_live: bool


class ReviewPanelView(Protocol):
    """The queue of results and what stands beside it."""

    def show_lines(self, lines: Sequence[ReviewLine], columns: Sequence[ReviewColumn], selected: str) -> None:
        """Show results, and select one without saying so."""

    def show_details(self, details: ReviewDetails | None) -> None:
        """Show the chosen result; None: there is none."""

    def show_threshold(self, threshold: ThresholdSummary | None) -> None:
        """Show a threshold with its numbers; None: the result has no probability."""

    def show_run(self, progress: RunProgress | None) -> None:
        """Show the run that makes results; None: there is none to speak of."""

    def order(self) -> list[str]:
        """Return the keys of the lines that are shown, from top to bottom."""
