"""Judge the pieces of a refined mask by anatomy, and carry out what a person decided about them.

Two trees are expected, but anomalies, grafts and narrow fields of view give more or fewer, so no piece goes
by its rank. What the rules would remove is left out of a proposal; the refined mask itself stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray
from engines.contract.manifest import ComponentDecision
from engines.imaging.volumes.components import (
    Component,
    describe_components,
    label_components,
)
from engines.imaging.volumes.label_metrics import Mask, Spacing, bounding_box, surface
from engines.refinement.anatomy.piece_measures import Gap, Lumen, distances_to, gap_to, places_of, tree_of

Proposal = Literal["keep", "bridge", "remove", "review"]


@dataclass(frozen=True)
class CleanRules:
    """Limits of the rules; millimetres, degrees and Hounsfield units.

    Parameters
    ----------
    ostium_mm : float
        Farthest distance of a root tree from the aorta.
    myocardium_mm : float
        Mean distance to the muscle beyond which a piece is flagged.
    gap_mm, gap_angle_deg : float
        Longest gap to a root tree that is proposed to be bridged, and how far it may turn off the piece.
    smallest_mm3, shortest_mm : float
        Smaller or shorter pieces are proposed to be removed.
    num_deviations : float
        Standard deviations of the lumen's values within which a piece, or a gap, counts as lumen.
    leak_share : float
        Share of a piece within `leak_mm` of a leak class from which it is flagged.
    leak_mm : float
    """

    ostium_mm: float = 3.0
    myocardium_mm: float = 15.0
    gap_mm: float = 6.0
    gap_angle_deg: float = 35.0
    smallest_mm3: float = 5.0
    shortest_mm: float = 3.0
    num_deviations: float = 2.0
    leak_share: float = 0.5
    leak_mm: float = 1.0


@dataclass(frozen=True)
class JudgedComponent:
    """A piece with its features, the rules it hit, and what is proposed.

    Parameters
    ----------
    number : int
        From 1, the largest first.
    voxel : (i, j, k)
        The voxel of the piece nearest to its middle, which names it.
    volume_mm3, length_mm : float
    mean_hu : float
    aorta_mm, myocardium_mm : float or None
        Least distance to the aorta, mean distance to the muscle; None where unknown.
    gap_mm : float or None
        Distance to the nearest root tree; None for a root tree, or without any.
    rules : tuple of str
        ``root``, ``far_from_myocardium``, ``gap``, ``small``, ``short``, ``intensity``, ``leak``.
    proposal : str
        Of the rules.
    decision : str
        ``"accept"`` or ``"reject"`` of a person, empty without one; it wins over the proposal.
    """

    number: int
    voxel: tuple[int, int, int]
    volume_mm3: float
    length_mm: float
    mean_hu: float
    aorta_mm: float | None
    myocardium_mm: float | None
    gap_mm: float | None
    rules: tuple[str, ...]
    proposal: Proposal
    decision: Literal["", "accept", "reject"] = ""

    @property
    def is_kept(self) -> bool:
        """Whether the piece is in the cleaned mask."""
        return self.decision == "accept" or (self.decision != "reject" and self.proposal != "remove")


@dataclass(frozen=True, eq=False)
class Cleaned:
    """A cleaned mask and why.

    Parameters
    ----------
    mask : ndarray of bool, (I, J, K)
    components : tuple of JudgedComponent
    """

    mask: Mask
    components: tuple[JudgedComponent, ...]


def clean(
    mask: Mask,
    image: npt.NDArray[Any],
    spacing_mm: Spacing,
    anatomy: Mapping[str, Mask],
    rules: CleanRules | None = None,
    decisions: Sequence[ComponentDecision] = (),
) -> Cleaned:
    """Leave out the pieces that a person rejected, and those the rules would remove and nobody accepted.

    Parameters
    ----------
    mask, image, spacing_mm, anatomy, rules
        See `judge_components`.
    decisions : sequence of ComponentDecision
        Of this class; of several about one piece the last holds.
    """
    judged = judge_components(mask, image, spacing_mm, anatomy, rules, decisions)
    removed = [piece for piece in judged if not piece.is_kept]
    if not removed:
        return Cleaned(mask, tuple(judged))
    box = bounding_box(mask)
    labels, _ = label_components(mask[box])
    cleaned = mask.copy()
    cleaned[box][np.isin(labels, [piece.number for piece in removed])] = False
    return Cleaned(cleaned, tuple(judged))


def judge_components(
    mask: Mask,
    image: npt.NDArray[Any],
    spacing_mm: Spacing,
    anatomy: Mapping[str, Mask],
    rules: CleanRules | None = None,
    decisions: Sequence[ComponentDecision] = (),
) -> list[JudgedComponent]:
    """Return every piece of a mask, the largest first, with a proposal.

    Parameters
    ----------
    mask : ndarray of bool, (I, J, K)
    image : ndarray, (I, J, K)
        Hounsfield units.
    spacing_mm : (i, j, k)
    anatomy : mapping
        Masks of ``"aorta"``, ``"myocardium"`` and ``"leak"`` (appendage, right heart, pulmonary vessels),
        as far as they are known.
    rules : CleanRules or None
    decisions : sequence of ComponentDecision
    """
    if not mask.any():
        return []
    rules = rules or CleanRules()
    box = bounding_box(mask)
    start = np.array([side.start for side in box])
    labels, _ = label_components(mask[box])
    image = image[box]
    places = places_of(labels)
    to_organ = {
        name: tree_of(np.argwhere(surface(organ)) - start, spacing_mm) for name, organ in anatomy.items()
    }
    inside = {name: organ[box] for name, organ in anatomy.items()}
    pieces = describe_components(labels, spacing_mm, image)
    aorta_mm = [distances_to(at, "aorta", inside, to_organ, spacing_mm) for at in places]
    nearest_mm = [None if found is None else float(found.min()) for found in aorta_mm]
    roots = {index for index, distance in enumerate(nearest_mm) if _is_root(index, distance, rules)}
    lumen = Lumen.of(
        image, np.concatenate([places[index] for index in sorted(roots)] or places), rules.num_deviations
    )
    root_voxels = np.argwhere(surface(np.isin(labels, [index + 1 for index in roots])))
    decided = _decided(labels, start, decisions)
    return [
        _judged(
            piece,
            at,
            start,
            aorta_mm=nearest_mm[index],
            muscle=distances_to(at, "myocardium", inside, to_organ, spacing_mm),
            leak=distances_to(at, "leak", inside, to_organ, spacing_mm),
            gap=None if index in roots else gap_to(at, root_voxels, image, spacing_mm),
            is_root=index in roots,
            lumen=lumen,
            rules=rules,
            decision=decided.get(index + 1, ""),
        )
        for index, (piece, at) in enumerate(zip(pieces, places, strict=True))
    ]


def _judged(
    piece: Component,
    at: npt.NDArray[np.intp],
    start: npt.NDArray[np.int64],
    *,
    aorta_mm: float | None,
    muscle: FloatArray | None,
    leak: FloatArray | None,
    gap: Gap | None,
    is_root: bool,
    lumen: Lumen,
    rules: CleanRules,
    decision: Literal["", "accept", "reject"],
) -> JudgedComponent:
    volume, mean, length = (
        1000.0 * piece.volume_ml,
        float(piece.mean_intensity or 0.0),
        piece.length_mm or 0.0,
    )
    muscle_mm = None if muscle is None else float(muscle.mean())
    hits = []
    if is_root:
        hits.append("root")
    if muscle_mm is not None and muscle_mm > rules.myocardium_mm:
        hits.append("far_from_myocardium")
    if gap is not None and _is_bridgeable(gap, lumen, rules):
        hits.append("gap")
    if volume < rules.smallest_mm3:
        hits.append("small")
    if length < rules.shortest_mm:
        hits.append("short")
    if not lumen.has(mean):
        hits.append("intensity")
    if leak is not None and float((leak <= rules.leak_mm).mean()) >= rules.leak_share:
        hits.append("leak")
    i, j, k = (int(inner) + int(offset) for inner, offset in zip(piece.centre_ijk, start, strict=True))
    return JudgedComponent(
        piece.number,
        (i, j, k),
        volume,
        length,
        mean,
        aorta_mm,
        muscle_mm,
        None if gap is None else gap.distance_mm,
        tuple(hits),
        _proposal(hits),
        decision,
    )


def _proposal(hits: list[str]) -> Proposal:
    is_flagged = any(rule in hits for rule in ("far_from_myocardium", "intensity", "leak"))
    if "root" in hits:
        return "review" if is_flagged else "keep"
    if "small" in hits or "short" in hits:
        return "remove"
    if is_flagged:
        return "review"
    return "bridge" if "gap" in hits else "review"


def _is_root(index: int, aorta_mm: float | None, rules: CleanRules) -> bool:
    # Without an aorta the largest piece stands in for the trees.
    return index == 0 if aorta_mm is None else aorta_mm <= rules.ostium_mm


def _is_bridgeable(gap: Gap, lumen: Lumen, rules: CleanRules) -> bool:
    is_near = gap.distance_mm <= rules.gap_mm and gap.angle_deg <= rules.gap_angle_deg
    return is_near and lumen.has(gap.middle_hu)


def _decided(
    labels: npt.NDArray[np.int32], start: npt.NDArray[np.int64], decisions: Sequence[ComponentDecision]
) -> dict[int, Literal["accept", "reject"]]:
    found: dict[int, Literal["accept", "reject"]] = {}
    for decision in decisions:
        at = tuple(np.array(decision.voxel) - start)
        if all(0 <= place < size for place, size in zip(at, labels.shape, strict=True)) and labels[at]:
            found[int(labels[at])] = "accept" if decision.is_accepted else "reject"
    return found
