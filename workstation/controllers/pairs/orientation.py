"""Which eye the images of an item show, and why one of them may be mirrored; sentences, no Qt."""

from __future__ import annotations

from collections.abc import Sequence

from engines.contract.geometry import Size
from engines.contract.messages import Message
from engines.imaging.laterality import is_mirroring, laterality_of_name, pairs_look_mirrored
from engines.imaging.transforms.point_transform import PointTransform
from workstation.project.items import Item, ItemFile
from workstation.views.protocols.cards import NOTHING
from workstation.views.protocols.pairs import PairRow


def known_laterality(item: Item, file: ItemFile | None) -> str:
    """Return the eye as the project knows it, else as the name of the file tells it, else nothing."""
    if file is None:
        return ""
    return item.laterality or laterality_of_name(file.path.name) or ""


def flip_warning(
    link: PointTransform | None,
    moving_size: Size,
    rows: Sequence[PairRow],
    lateralities: tuple[str, str],
    *,
    is_of_registration: bool,
) -> Message:
    """Return why one of the two images seems to be mirrored or of the other eye, or an empty message.

    Parameters
    ----------
    link : PointTransform or None
        ``fixed_from_moving``.
    rows : sequence of PairRow
    lateralities : (fixed, moving)
        As seen in the images or told by their names; empty where not known.
    is_of_registration : bool
        Whether `link` came from a registration, not from the pairs.
    """
    width, height = moving_size
    if link is not None and width and is_mirroring(link, ((width - 1) / 2, (height - 1) / 2)):
        if is_of_registration:
            return Message("The registration mirrors the moving image. Check that neither image is flipped.")
        return Message("The pairs mirror the moving image. Check that neither image is flipped.")
    used = [
        (row.moving_xy, row.fixed_xy)
        for row in rows
        if row.state == "placed" and row.moving_xy is not None and row.fixed_xy is not None
    ]
    if pairs_look_mirrored([moving for moving, _ in used], [fixed for _, fixed in used]):
        return Message(
            "The pairs fit far better to a mirrored image than to this one. "
            "Check that neither image is flipped."
        )
    if "" not in lateralities and lateralities[0] != lateralities[1]:
        return Message(
            "Fixed looks like {fixed} and moving like {moving}: another eye, or one image is mirrored.",
            {"fixed": lateralities[0], "moving": lateralities[1]},
        )
    return NOTHING


def eye_warning(known: str, seen: str) -> Message:
    """Return that an image does not look like the eye that the project says, or an empty message."""
    if known in ("OD", "OS") and seen and seen != known:
        return Message(
            "The project says {known}, but the vessels run as in {seen}. Check that it is not flipped.",
            {"known": known, "seen": seen},
        )
    return NOTHING
