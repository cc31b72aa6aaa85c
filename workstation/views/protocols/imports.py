"""What the controllers of imports and of moved files know of their dialogs: plain records and protocols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.views.protocols.pairs import Image

_NOTHING = Message("")


@dataclass(frozen=True, slots=True)
class LayoutRow:
    """A layout that fits: its key, what it is called, what it looks for, and how many items it proposes."""

    key: str
    title: Message
    summary: Message
    num_items: int


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One proposed item.

    Parameters
    ----------
    key : str
    is_included, is_complete : bool
    subject, item : str
    fixed, moving : str
        Names of the files; a single image stands in `fixed`.
    fixed_modality, moving_modality, laterality, visit, split : str
        Empty when unknown.
    num_points : int
    masks : str
        Names of the masks.
    severity : Severity or None
        Of the worst finding about it.
    paths : str
        Every file with its folder, a line each.
    is_single : bool
        Whether it is one image for itself, or a case of volumes.
    is_volume : bool
        Whether it is a case of volumes; the label maps stand in `masks`.
    can_edit_modality : bool
        False: `fixed_modality` sums several images up.
    facts : Message
        What reading a volume told: size, spacing, range.
    """

    key: str
    is_included: bool
    is_complete: bool
    subject: str
    item: str
    fixed: str
    moving: str
    fixed_modality: str = ""
    moving_modality: str = ""
    laterality: str = ""
    visit: str = ""
    split: str = ""
    num_points: int = 0
    masks: str = ""
    severity: Severity | None = None
    paths: str = ""
    is_single: bool = False
    is_volume: bool = False
    can_edit_modality: bool = True
    facts: Message = _NOTHING


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A remark and the words on its buttons.

    Parameters
    ----------
    key : str
    severity : Severity
    message : Message
    fixes : tuple of Message
    items : tuple of str
        Keys of the rows that it is about.
    kind : str
        Equal for remarks of one sort, which can be answered all at once.
    """

    key: str
    severity: Severity
    message: Message
    fixes: tuple[Message, ...] = ()
    items: tuple[str, ...] = ()
    kind: str = ""


class ImportView(Protocol):
    """The dialog that shows a proposal."""

    def show_layouts(self, rows: Sequence[LayoutRow], chosen: str) -> None:
        """List the layouts that fit and mark the one that is used."""

    def show_items(self, rows: Sequence[ImportRow]) -> None:
        """Show the proposed items."""

    def show_findings(self, rows: Sequence[FindingRow]) -> None:
        """Show what is to be said."""

    def show_progress(self, text: Message, done: int, total: int) -> None:
        """Show long work; an empty text: it is over; total 0: the length is unknown."""

    def show_state(self, num_ready: int, reason: Message, *, can_undo: bool) -> None:
        """Say how many items are ready, why they cannot be imported now, and whether there is an undo."""

    def show_preview(self, fixed: Image | None, moving: Image | None) -> None:
        """Show the images of a row; of volumes their middle slice, then the slice with its labels."""

    def ask_partner(self, key: str, names: Sequence[str]) -> None:
        """Ask for the partner of an item; the answer comes back as an index."""

    def finish(self) -> None:
        """Close."""


@dataclass(frozen=True, slots=True)
class MissingRow:
    """A file that is not where it was: its item and role, its old place, its new one or empty."""

    item_id: str
    role: str
    old: str
    new: str = ""


class RelinkView(Protocol):
    """The dialog that finds moved files."""

    def show_files(self, rows: Sequence[MissingRow]) -> None:
        """List the files."""

    def show_progress(self, text: Message, done: int, total: int) -> None:
        """Show long work; an empty text: it is over; total 0: the length is unknown."""

    def show_state(self, message: Message, num_found: int) -> None:
        """Say what the search found, and how many files can be relinked."""

    def finish(self) -> None:
        """Close."""


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What is known of an item: `modalities` by role, images only."""

    item_id: str
    subject: str
    visit: str
    laterality: str
    modalities: tuple[tuple[str, str], ...]
    can_swap: bool
    subjects: tuple[str, ...]
    """Subjects of the project, to choose from."""
