"""Which registration of an item counts: an accepted one, before the newest; a rejected one comes last."""

from __future__ import annotations

from workstation.project.result_commands import Verdict

_RANKS: dict[Verdict | None, int] = {Verdict.ACCEPTED: 2, Verdict.REJECTED: 0}


def rank(verdict: Verdict | None, made: float) -> tuple[int, float]:
    """Return what orders the registrations of one item; the largest counts.

    Parameters
    ----------
    verdict : Verdict or None
        What a person decided; None: nothing.
    made : float
        When the transform was written, s since the epoch of 1970.
    """
    return _RANKS.get(verdict, 1), made
