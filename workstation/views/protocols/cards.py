"""News for the person at the screen, as plain records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engines.contract.errors import WorkstationError
from engines.contract.kinds import Severity
from engines.contract.messages import Message

NOTHING = Message("")


@dataclass(frozen=True)
class CardButton:
    """A button of a card: English text, and what it does."""

    text: str
    clicked: Callable[[], None]


@dataclass(frozen=True)
class Card:
    """News for the person at the screen, always in this order.

    Parameters
    ----------
    severity : Severity
    what : Message
        What happened.
    why : Message
        The evidence.
    kept : Message
        What is safe.
    remedy : Message
        What to do.
    details : str
        Folded away and copyable, for example a traceback.
    buttons : sequence of CardButton
    """

    severity: Severity
    what: Message
    why: Message = NOTHING
    kept: Message = NOTHING
    remedy: Message = NOTHING
    details: str = ""
    buttons: Sequence[CardButton] = ()

    @classmethod
    def of_error(cls, error: WorkstationError, *, details: str = "") -> Card:
        """Return the card of an error that advises."""
        return cls(Severity.ERROR, error.message, NOTHING, error.kept, error.remedy, details)
