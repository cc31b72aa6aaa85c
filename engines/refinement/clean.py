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
from scipy.spatial import cKDTree

from engines.contract.geometry import FloatArray
from engines.contract.manifest import ComponentDecision
from engines.imaging.volumes.components import (
    Component,
    describe_components,
    label_components,
)
from engines.imaging.volumes.label_metrics import Mask, Spacing, bounding_box, surface

Proposal = Literal["keep", "bridge", "remove", "review"]
_MOST_MEASURED = 20_000
_END_MM = 6.0


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
    places = _places(labels)
    to_organ = {
        name: _tree(np.argwhere(surface(organ)) - start, spacing_mm) for name, organ in anatomy.items()
    }
    inside = {name: organ[box] for name, organ in anatomy.items()}
    pieces = describe_components(labels, spacing_mm, image)
    aorta_mm = [_distances(at, "aorta", inside, to_organ, spacing_mm) for at in places]
    nearest_mm = [None if found is None else float(found.min()) for found in aorta_mm]
    roots = {index for index, distance in enumerate(nearest_mm) if _is_root(index, distance, rules)}
    lumen = _Lumen.of(image, np.concatenate([places[index] for index in sorted(roots)] or places), rules)
    root_voxels = np.argwhere(surface(np.isin(labels, [index + 1 for index in roots])))
    decided = _decided(labels, start, decisions)
    return [
        _judged(
            piece,
            at,
            start,
            aorta_mm=nearest_mm[index],
            muscle=_distances(at, "myocardium", inside, to_organ, spacing_mm),
            leak=_distances(at, "leak", inside, to_organ, spacing_mm),
            gap=None if index in roots else _gap(at, root_voxels, image, spacing_mm),
            is_root=index in roots,
            lumen=lumen,
            rules=rules,
            decision=decided.get(index + 1, ""),
        )
        for index, (piece, at) in enumerate(zip(pieces, places, strict=True))
    ]


@dataclass(frozen=True)
class _Lumen:
    """Values of the image in the root trees."""

    middle: float
    reach: float

    @classmethod
    def of(cls, image: npt.NDArray[Any], at: npt.NDArray[np.intp], rules: CleanRules) -> _Lumen:
        values = image[tuple(at.T)]
        return cls(float(np.mean(values)), rules.num_deviations * max(float(np.std(values)), 1.0))

    def has(self, value: float) -> bool:
        return abs(value - self.middle) <= self.reach


@dataclass(frozen=True)
class _Gap:
    distance_mm: float
    angle_deg: float
    middle_hu: float


def _judged(
    piece: Component,
    at: npt.NDArray[np.intp],
    start: npt.NDArray[np.int64],
    *,
    aorta_mm: float | None,
    muscle: FloatArray | None,
    leak: FloatArray | None,
    gap: _Gap | None,
    is_root: bool,
    lumen: _Lumen,
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


def _is_bridgeable(gap: _Gap, lumen: _Lumen, rules: CleanRules) -> bool:
    is_near = gap.distance_mm <= rules.gap_mm and gap.angle_deg <= rules.gap_angle_deg
    return is_near and lumen.has(gap.middle_hu)


def _gap(
    at: npt.NDArray[np.intp], root_voxels: npt.NDArray[np.intp], image: npt.NDArray[Any], spacing_mm: Spacing
) -> _Gap | None:
    """Return how a piece lies to the nearest root tree; None without one."""
    if not len(root_voxels):
        return None
    spacing = np.asarray(spacing_mm)
    distances, nearest = cKDTree(root_voxels * spacing).query(at * spacing)
    own = int(np.argmin(distances))
    tip, goal = at[own], root_voxels[nearest[own]]
    # The end of the piece points from its middle part to the tip.
    end = at[np.linalg.norm((at - tip) * spacing, axis=1) <= _END_MM]
    tangent, across = (tip - end.mean(axis=0)) * spacing, (goal - tip) * spacing
    lengths = float(np.linalg.norm(tangent) * np.linalg.norm(across))
    angle = 90.0 if lengths == 0 else float(np.degrees(np.arccos(np.clip(tangent @ across / lengths, -1, 1))))
    # Only what is between both: their own ends are lumen anyway.
    count = max(3, 2 * int(np.abs(goal - tip).max()) + 1)
    path = np.rint(tip + np.linspace(0, 1, count)[1:-1, None] * (goal - tip)).astype(int)
    return _Gap(float(distances[own]), angle, float(np.median(image[tuple(path.T)])))


def _places(labels: npt.NDArray[np.int32]) -> list[npt.NDArray[np.intp]]:
    """Return the voxels of each piece, (N, 3), in the order of their numbers."""
    at = np.argwhere(labels)
    numbers = labels[tuple(at.T)]
    order = np.argsort(numbers, kind="stable")
    return np.split(at[order], np.cumsum(np.bincount(numbers)[1:])[:-1])


def _tree(voxels: npt.NDArray[np.intp], spacing_mm: Spacing) -> cKDTree:
    return cKDTree(voxels * np.asarray(spacing_mm))


def _distances(
    at: npt.NDArray[np.intp],
    organ: str,
    inside: Mapping[str, Mask],
    trees: Mapping[str, cKDTree],
    spacing_mm: Spacing,
) -> FloatArray | None:
    """Return the distances of a piece's voxels to an organ, 0 within; None without one.

    Of a large piece every so many voxels are measured.
    """
    if organ not in trees:
        return None
    some = at[:: 1 + len(at) // _MOST_MEASURED]
    found = np.asarray(trees[organ].query(some * np.asarray(spacing_mm))[0], dtype=np.float64)
    found[inside[organ][tuple(some.T)]] = 0.0
    return found


def _decided(
    labels: npt.NDArray[np.int32], start: npt.NDArray[np.int64], decisions: Sequence[ComponentDecision]
) -> dict[int, Literal["accept", "reject"]]:
    found: dict[int, Literal["accept", "reject"]] = {}
    for decision in decisions:
        at = tuple(np.array(decision.voxel) - start)
        if all(0 <= place < size for place, size in zip(at, labels.shape, strict=True)) and labels[at]:
            found[int(labels[at])] = "accept" if decision.is_accepted else "reject"
    return found
