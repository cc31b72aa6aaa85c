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
    has_label_maps : bool
        Whether it writes label maps, of which the person may choose.
    label_maps : tuple of str
        The names of those that there are.
    refers_to_dicom : bool
        Whether it can refer to the DICOM files of the images.
    """

    key: str
    title: Message
    explanation: Message
    loss: Message
    suffix: str
    is_whole: bool
    place: Path
    has_label_maps: bool = False
    label_maps: tuple[str, ...] = ()
    refers_to_dicom: bool = False


@dataclass(frozen=True)
class ExportRequest:
    """What the person wants.

    Parameters
    ----------
    key : str
    place : Path
    item_id : str
        Empty for all items.
    label_map : str
        Name of the one kind of label map that is written; empty: all accepted ones.
    with_proposals : bool
        Whether those that nobody accepted are written, too.
    dicom_folder : Path or None
        Where the DICOM files of the images are.
    """

    key: str
    place: Path
    item_id: str
    label_map: str = ""
    with_proposals: bool = False
    dicom_folder: Path | None = None


@dataclass(frozen=True)
class KeypointRequest:
    """A file of keypoints for an item, and what the file does not say of itself."""

    path: Path
    item_id: str
    is_one_based: bool = False
    is_in_pixels: bool = False
    is_corner_origin: bool = True
