"""The two images of an item: which files they are, what is said of them, their pixels."""

from __future__ import annotations

from engines.contract.kinds import FileKind
from engines.imaging.images import read_image
from workstation.project.items import Item, ItemFile
from workstation.views.protocols import Image

SIDES = ("fixed", "moving")

Files = tuple[ItemFile | None, ItemFile | None]


def files_of(item: Item) -> Files:
    """Return fixed and moving; a single image stands on the left, with nothing to pair it with."""
    fixed, moving = (item.files.get(role) for role in SIDES)
    if fixed is None:
        fixed = next((file for file in item.files.values() if file.kind is FileKind.IMAGE), None)
    return fixed, moving


def read_images(files: Files) -> tuple[Image | None, Image | None]:
    """Read both images; slow, so it is called on a thread.

    Raises
    ------
    WorkstationError
        If a file is no longer there, or is another, or is no image.
    """
    fixed, moving = (None if file is None else read_image(file.require()) for file in files)
    return fixed, moving


def caption(file: ItemFile | None) -> str:
    """Return modality and size of a file."""
    if file is None:
        return ""
    size = f"{file.width} × {file.height} px" if file.width else ""
    return "   ".join(part for part in (file.modality or "", size) if part)
