"""Points of one item carried over to another that shows the same eye; plain data, no Qt.

Items are edges between images: each links its fixed and its moving image through a transform. A point of
one item reaches an image of another along the shortest chain of such links: none when both items hold
the same image, one through the present transform of the item itself, two for the third pair of a triplet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.contract.geometry import FloatArray
from engines.contract.messages import Message
from engines.imaging.transforms.point_transform import PointTransform, ProjectiveTransform
from workstation.controllers.pairs.pair_fit import fit_pairs
from workstation.controllers.pairs.registrations import newest_registration, registering_spec
from workstation.project.annotations import SIDES, KeypointPair, PairState, Side, is_inside
from workstation.project.commands import ImportedPair
from workstation.project.items import Item
from workstation.project.project import Project

PREFIX = "propagated:"
"""A pair's source is this and the item that its points came from."""
MAX_LINKS = 3
"""Every link adds its error."""
_ENOUGH_PAIRS = 6


@dataclass(frozen=True)
class Link:
    """Two images, by content hash, and the transform between them."""

    out_sha256: str
    in_sha256: str
    out_from_in: PointTransform


@dataclass(frozen=True)
class PropagationSource:
    """An item whose points can be carried over, with the points as they arrive."""

    item_id: str
    title: Message
    pairs: tuple[ImportedPair, ...]


def propagation_sources(
    project: Project, item: Item, fixed_from_moving: PointTransform | None
) -> list[PropagationSource]:
    """Return the items whose points can be carried over to an item; slow, so it is called on a thread.

    Parameters
    ----------
    fixed_from_moving : PointTransform or None
        What links the two images of the item now.
    """
    family = [other for other in project.items.all() if _may_show_the_same_eye(item, other)]
    links = [link for other in family if (link := _link_of(project, other)) is not None]
    if fixed_from_moving is not None:
        links.insert(0, Link(_sha(item, "fixed"), _sha(item, "moving"), fixed_from_moving))
    sources = []
    for other in family:
        pairs = carried_over(project.keypoints.pairs(other.id), other, item, links)
        if pairs:
            sources.append(PropagationSource(other.id, _title(other, len(pairs)), pairs))
    return sources


def carried_over(
    pairs: Sequence[KeypointPair], source: Item, item: Item, links: Sequence[Link]
) -> tuple[ImportedPair, ...]:
    """Return the used pairs of one item as suggestions for another; those that fall off an image do not."""
    used = [pair for pair in pairs if pair.is_used]
    arrived = {side: _arrived(used, source, _sha(item, side), links) for side in SIDES}
    fixed, moving = arrived["fixed"], arrived["moving"]
    if not used or fixed is None or moving is None:
        return ()
    return tuple(
        ImportedPair(
            "",
            (float(seen[0]), float(seen[1])),
            (float(other[0]), float(other[1])),
            PairState.PREDICTED,
            f"{PREFIX}{source.id}",
        )
        for seen, other in zip(fixed, moving, strict=True)
        if _lies_on(item, "fixed", seen) and _lies_on(item, "moving", other)
    )


def _arrived(
    pairs: Sequence[KeypointPair], source: Item, target_sha256: str, links: Sequence[Link]
) -> FloatArray | None:
    """Return where the points lie on an image, from the side of the source that is fewest links away."""
    found = [(_chain(_sha(source, side), target_sha256, links), side) for side in SIDES]
    chains = [(chain, side) for chain, side in found if chain is not None]
    if not chains:
        return None
    chain, side = min(chains, key=lambda pair: len(pair[0]))
    points = np.array([pair.point(side) for pair in pairs], dtype=np.float64).reshape(-1, 2)
    for link, is_forward in chain:
        points = link.out_from_in.apply(points) if is_forward else link.out_from_in.apply_inverse(points)
    return points


def _chain(start: str, end: str, links: Sequence[Link]) -> list[tuple[Link, bool]] | None:
    """Return the shortest chain of links from one image to another, each with whether it goes forward."""
    chains: dict[str, list[tuple[Link, bool]]] = {start: []}
    front = [start]
    for _ in range(MAX_LINKS + 1):
        if end in chains:
            return chains[end] if len(chains[end]) <= MAX_LINKS else None
        reached: list[str] = []
        for here in front:
            for link in links:
                for begin, there, is_forward in (
                    (link.in_sha256, link.out_sha256, True),
                    (link.out_sha256, link.in_sha256, False),
                ):
                    if begin == here and there not in chains:
                        chains[there] = [*chains[here], (link, is_forward)]
                        reached.append(there)
        front = reached
    return None


def _link_of(project: Project, item: Item) -> Link | None:
    """Return what links the images of an item: many pairs of a person, else what was verified, else few."""
    pairs = project.keypoints.pairs(item.id)
    fitted = fit_pairs(pairs, "homography", has_left_out=False).fixed_from_moving
    if fitted is None or sum(pair.is_used for pair in pairs) < _ENOUGH_PAIRS:
        fitted = _verified(project, item) or fitted
    return None if fitted is None else Link(_sha(item, "fixed"), _sha(item, "moving"), fitted)


def _verified(project: Project, item: Item) -> PointTransform | None:
    spec = registering_spec(item.kind)
    registration = None if spec is None else newest_registration(project, spec, item.id)
    if registration is None or registration.transform.verdict != "registered":
        return None
    matrix = registration.transform.homography_fixed_from_moving
    return None if matrix is None else ProjectiveTransform(matrix)


def _may_show_the_same_eye(item: Item, other: Item) -> bool:
    if other.id == item.id or not other.has(*SIDES) or other.subject != item.subject:
        return False
    return item.laterality is None or other.laterality is None or item.laterality == other.laterality


def _title(item: Item, num_points: int) -> Message:
    modalities = "–".join(item.files[side].modality or "?" for side in SIDES)
    parameters = {"item": item.id, "modalities": modalities, "count": num_points, "visit": item.visit or ""}
    if item.visit:
        return Message("Visit {visit}, {modalities}, {item}: {count} points", parameters)
    return Message("{modalities}, {item}: {count} points", parameters)


def _sha(item: Item, side: str) -> str:
    return item.files[side].sha256


def _lies_on(item: Item, side: Side, xy: FloatArray) -> bool:
    if not np.isfinite(xy).all():
        return False
    file = item.files[side]
    if file.width is None or file.height is None:
        return True
    return is_inside((float(xy[0]), float(xy[1])), file.width, file.height)
