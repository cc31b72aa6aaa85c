"""What the controllers of editing and suggesting know of the Pairs screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engines.contract.messages import Message

NOTHING = Message("")


@dataclass(frozen=True, slots=True)
class SuggestionSummary:
    """The suggestions of the current item.

    Parameters
    ----------
    num_left : int
        Neither accepted nor rejected.
    num_sure : int
        Of these, how many reach the threshold.
    threshold : float
        Score from which *accept all* accepts, 0 to 1.
    is_asking : bool
        Whether a run that was asked for suggestions is under way.
    note : Message
        What the last question brought, or why it brought nothing.
    """

    num_left: int = 0
    num_sure: int = 0
    threshold: float = 0.9
    is_asking: bool = False
    note: Message = NOTHING


@dataclass(frozen=True, slots=True)
class SourceRow:
    """An item whose points can be carried over: its id, and what is said of it."""

    item_id: str
    title: Message


class PairEditView(Protocol):
    """The parts of the Pairs screen that editing and suggesting need."""

    def show_hint(self, hint: Message) -> None:
        """Say what the next click means."""

    def image_px(self, side: str, screen_px: float) -> float:
        """Return how many pixels of an image so many pixels of the screen cover now."""

    def show_snap(
        self,
        side: str,
        xy: tuple[float, float] | None,
        radius_px: float = 0.0,
        target_xy: tuple[float, float] | None = None,
    ) -> None:
        """Show within which distance (image pixels) a click snaps, and to what; None shows nothing."""

    def show_snapping(self, *, is_on: bool, radius_px: float) -> None:
        """Show whether clicks snap, and from how far, in pixels of the screen."""

    def show_suggestions(self, suggestions: SuggestionSummary) -> None:
        """Show how many suggestions are left, and what became of the last question."""

    def ask_source(self, sources: Sequence[SourceRow]) -> None:
        """Let the person choose whose points are carried over."""
