"""What the controller of the first steps knows of their line: plain records and a protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

StepKey = Literal["import", "place", "train", "register", "compare"]


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of a first session.

    Parameters
    ----------
    key : str
    is_done : bool
        It was seen to have happened, in whatever way the person did it.
    is_running : bool
        A run for it is under way.
    """

    key: StepKey
    is_done: bool = False
    is_running: bool = False


class FirstRunView(Protocol):
    """The line of first steps."""

    def show_steps(self, rows: Sequence[StepRow]) -> None:
        """Show the steps, and what to do for the first that is not done."""

    def set_shown(self, is_shown: bool) -> None:
        """Show or hide the line."""
