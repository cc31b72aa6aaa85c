"""What the controller of exports and the dialogs say to each other: plain records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engines.contract.messages import Message


@dataclass(frozen=True)
class ExportChoice:
    """A format in the list.

    Parameters
    ----------
    key : str
    title, explanation, loss : Message
    suffix : str
        Of the one file; empty when a folder of files is written.
    is_whole : bool
        Whether the whole project is written always.
    place : Path
        Where it is written unless the person says otherwise; nothing is there yet.
    """

    key: str
    title: Message
    explanation: Message
    loss: Message
    suffix: str
    is_whole: bool
    place: Path


@dataclass(frozen=True)
class ExportRequest:
    """What the person wants; `item_id` is empty for all items."""

    key: str
    place: Path
    item_id: str


@dataclass(frozen=True)
class KeypointRequest:
    """A file of keypoints for an item, and what the file does not say of itself."""

    path: Path
    item_id: str
    is_one_based: bool = False
    is_in_pixels: bool = False
    is_corner_origin: bool = True
