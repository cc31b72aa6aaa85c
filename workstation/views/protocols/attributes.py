"""What the controller of attributes knows of their list: what is said of a case as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engines.contract.messages import Message

NOTHING = Message("")


@dataclass(frozen=True, slots=True)
class AttributeRow:
    """An attribute of the case, as the list shows it.

    Parameters
    ----------
    key : str
        Kind of the annotation.
    title, note : str
        English templates of the pipeline.
    values : tuple of str
        What can be chosen.
    value : str
        What holds; empty while nobody said anything.
    source : Message
        By hand, or the table it comes from.
    annotator : str
    at : str
        When it was said, ISO 8601.
    """

    key: str
    title: str
    values: tuple[str, ...]
    note: str = ""
    value: str = ""
    source: Message = NOTHING
    annotator: str = ""
    at: str = ""


class AttributeListView(Protocol):
    """The list, for its controller."""

    def show_rows(self, rows: Sequence[AttributeRow]) -> None:
        """Show the attributes of the case; none: nothing is asked of it."""
