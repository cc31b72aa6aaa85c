"""What an export is and what it did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engines.contract.errors import ProjectError
from engines.contract.messages import Message
from workstation.project.items import Item
from workstation.project.project import Project


def _never() -> bool:
    return False


class ExportCancelled(Exception):
    """The person stopped an export; nothing was written."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What more can be said about an export.

    Parameters
    ----------
    label_maps : tuple of str
        Names of the label maps that are written; empty: all accepted ones.
    with_proposals : bool
        Whether label maps that nobody accepted are written, too.
    dicom_folder : Path or None
        Where the DICOM series of the images are, for what must refer to them.
    cube_side : int or None
        Side in voxels of the cubes that some formats resize volumes to; None: as the format documents.
    progress : callable or None
        Given how many parts are done, and of how many.
    should_stop : callable
        Asked between two parts; true ends the export, and nothing is left of it.
    """

    label_maps: tuple[str, ...] = ()
    with_proposals: bool = False
    dicom_folder: Path | None = None
    cube_side: int | None = None
    progress: Callable[[int, int], None] | None = None
    should_stop: Callable[[], bool] = field(default=_never)


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was written.

    Parameters
    ----------
    files : tuple of Path
        In the order of the items.
    num_written, num_left_out : int
        Keypoint pairs that the files hold, and pairs that the format cannot say; 0 where nothing is counted.
    notes : tuple of Message
        What the person should know.
    """

    files: tuple[Path, ...]
    num_written: int = 0
    num_left_out: int = 0
    notes: tuple[Message, ...] = ()


Exporter = Callable[[Project, Sequence[Item], Path, ExportOptions], ExportResult]
"""Writes the items of a project below or into a place, and replaces nothing."""


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A way to take data out of a project.

    Parameters
    ----------
    key : str
    title, explanation, loss : Message
        Name, one sentence on who reads it, one sentence on what it cannot hold.
    suffix : str
        Of the one file; empty when a folder of files is written.
    write : Exporter
    is_whole : bool
        Whether the whole project is written always.
    has_label_maps : bool
        Whether it writes label maps, of which the person may choose.
    refers_to_dicom : bool
        Whether it can refer to the DICOM files of the images.
    """

    key: str
    title: Message
    explanation: Message
    loss: Message
    suffix: str
    write: Exporter
    is_whole: bool = False
    has_label_maps: bool = False
    refers_to_dicom: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether the place is a folder."""
        return not self.suffix


def refuse_existing(path: Path) -> None:
    """Refuse to replace what is there.

    Raises
    ------
    ProjectError
        If there is a file or folder.
    """
    if path.exists():
        raise ProjectError(
            "{path} is a folder." if path.is_dir() else "{path} exists already and is not replaced.",
            remedy="Choose another file name, or remove the old file first.",
            path=path,
        )
