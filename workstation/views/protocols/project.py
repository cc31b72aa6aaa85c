"""What controllers know of the data browser and the history list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engines.contract.kinds import ItemKind
from engines.contract.messages import Message
from workstation.views.protocols.cards import NOTHING


@dataclass(frozen=True, slots=True)
class BrowserRow:
    """One item.

    Parameters
    ----------
    modalities : str
        For example ``"CF → FA"``.
    num_pairs : int
        Complete keypoint pairs.
    problem : Message
        What is wrong with it; empty when nothing is.
    kind : ItemKind
    size : str
        Voxels of a volume; empty for images.
    num_label_maps : int
        Of a volume.
    """

    item_id: str
    subject: str
    modalities: str
    split: str
    num_pairs: int
    problem: Message = NOTHING
    kind: ItemKind = ItemKind.IMAGE_PAIR
    size: str = ""
    num_label_maps: int = 0

    @property
    def is_volume(self) -> bool:
        """Whether label maps are drawn in it, and no keypoints placed."""
        return self.kind in (ItemKind.VOLUME, ItemKind.VOLUME_SET, ItemKind.VOLUME_PAIR)


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One edit in the history list.

    Parameters
    ----------
    sequence : int
        Of the edit; 0 for the moment before the first one.
    title : Message
    item_id : str or None
        None: the whole project.
    annotator : str
    at : str
        ISO 8601, UTC.
    state : str
        done, waiting (undone, can be done again), or lost (undone, and others were made since).
    is_here : bool
        Whether this is the last edit that is done.
    """

    sequence: int
    title: Message
    item_id: str | None
    annotator: str
    at: str
    state: str
    is_here: bool = False


class HistoryView(Protocol):
    """The history list as its controller knows it."""

    def show_history(self, rows: Sequence[HistoryRow], item_id: str, *, is_whole_project: bool) -> None:
        """List edits, the newest first; the last row is the beginning."""

    def show_sentence(self, message: Message) -> None:
        """Say what happened, or why nothing can."""
