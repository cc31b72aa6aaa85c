"""What the table of all registrations shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engines.contract.messages import Message


@dataclass(frozen=True, slots=True)
class RegistrationLine:
    """One pair of images; an empty verdict: it was not tried.

    Parameters
    ----------
    item, modalities : str
    verdict : str
        registered, uncertain, not_registered, or empty.
    judged : str
        accepted or rejected by a person, or empty.
    z, cycle_px : float or None
    method, reason : str
    """

    item: str
    modalities: str
    verdict: str = ""
    z: float | None = None
    cycle_px: float | None = None
    method: str = ""
    reason: str = ""
    judged: str = ""


class RegistrationBatchView(Protocol):
    """The dialog with the table."""

    def show_lines(self, lines: Sequence[RegistrationLine], notes: Sequence[Message]) -> None:
        """Show all pairs as they are sorted, and what is to be said about them."""

    def show_progress(self, done: int, total: int, *, is_running: bool) -> None:
        """Show how far a run is; total 0: not known yet."""

    def finish(self) -> None:
        """Close."""
