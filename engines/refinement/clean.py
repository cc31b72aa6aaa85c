"""Judge the pieces of a refined mask by anatomy; propose, never delete.

Two trees are expected, but anomalies, grafts and narrow fields of view give more or fewer, so no piece goes
by its rank.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from engines.contract.geometry import FloatArray
from engines.imaging.volumes.components import describe_components, label_components
from engines.imaging.volumes.label_metrics import Mask, Spacing, surface

Proposal = Literal["keep", "bridge", "remove", "review"]


@dataclass(frozen=True)
class CleanRules:
    """Limits of the rules; millimetres and Hounsfield units.

    Parameters
    ----------
    ostium_mm : float
        Farthest distance of a root tree from the aorta.
    myocardium_mm : float
        Mean distance to the muscle beyond which a piece is flagged.
    gap_mm : float
        Longest gap that is proposed to be bridged.
    smallest_mm3, shortest_mm : float
        Smaller or shorter pieces are proposed to be removed.
    num_deviations : float
        Standard deviations of the lumen's values within which a piece counts as lumen.
    leak_share : float
        Share of a piece within `leak_mm` of a leak class from which it is flagged.
    leak_mm : float
    """

    ostium_mm: float = 3.0
    myocardium_mm: float = 15.0
    gap_mm: float = 6.0
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
    volume_mm3, length_mm : float
    mean_hu : float
    aorta_mm, myocardium_mm : float or None
        Least distance to the aorta, mean distance to the muscle; None where unknown.
    gap_mm : float or None
        Distance to the nearest root tree; None for a root tree, or without any.
    rules : tuple of str
        ``root``, ``far_from_myocardium``, ``gap``, ``small``, ``short``, ``intensity``, ``leak``.
    proposal : str
    """

    number: int
    volume_mm3: float
    length_mm: float
    mean_hu: float
    aorta_mm: float | None
    myocardium_mm: float | None
    gap_mm: float | None
    rules: tuple[str, ...]
    proposal: Proposal


def judge_components(
    mask: Mask,
    image: npt.NDArray[Any],
    spacing_mm: Spacing,
    anatomy: Mapping[str, Mask],
    rules: CleanRules | None = None,
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
    """
    rules = rules or CleanRules()
    labels, count = label_components(mask)
    if not count:
        return []
    described = describe_components(labels, spacing_mm, image)
    to_aorta = _distance_to(anatomy.get("aorta"), spacing_mm)
    to_muscle = _distance_to(anatomy.get("myocardium"), spacing_mm)
    to_leak = _distance_to(anatomy.get("leak"), spacing_mm)
    places = [np.argwhere(labels == piece.number) for piece in described]
    aorta_mm = [None if to_aorta is None else float(to_aorta[tuple(at.T)].min()) for at in places]
    roots = [index for index, distance in enumerate(aorta_mm) if _is_root(index, distance, rules)]
    tree = _tree_of(labels, [described[index].number for index in roots], spacing_mm)
    lumen = np.concatenate([image[tuple(places[index].T)] for index in roots]) if roots else image[mask]
    middle, deviation = float(np.mean(lumen)), float(np.std(lumen))
    judged = []
    for index, (piece, at) in enumerate(zip(described, places, strict=True)):
        where = tuple(at.T)
        gap = None
        if index not in roots and tree is not None:
            gap = float(tree.query(at * np.asarray(spacing_mm))[0].min())
        muscle = None if to_muscle is None else float(to_muscle[where].mean())
        volume, mean = 1000.0 * piece.volume_ml, float(piece.mean_intensity or 0.0)
        length = piece.length_mm or 0.0
        hits = []
        if index in roots:
            hits.append("root")
        if muscle is not None and muscle > rules.myocardium_mm:
            hits.append("far_from_myocardium")
        if gap is not None and gap <= rules.gap_mm:
            hits.append("gap")
        if volume < rules.smallest_mm3:
            hits.append("small")
        if length < rules.shortest_mm:
            hits.append("short")
        if abs(mean - middle) > rules.num_deviations * max(deviation, 1.0):
            hits.append("intensity")
        if to_leak is not None and float((to_leak[where] <= rules.leak_mm).mean()) >= rules.leak_share:
            hits.append("leak")
        judged.append(
            JudgedComponent(
                piece.number,
                volume,
                length,
                mean,
                aorta_mm[index],
                muscle,
                gap,
                tuple(hits),
                _proposal(hits),
            )
        )
    return judged


def _is_root(index: int, aorta_mm: float | None, rules: CleanRules) -> bool:
    # Without an aorta the largest piece stands in for the trees.
    return index == 0 if aorta_mm is None else aorta_mm <= rules.ostium_mm


def _proposal(hits: list[str]) -> Proposal:
    is_flagged = any(rule in hits for rule in ("far_from_myocardium", "intensity", "leak"))
    if "root" in hits:
        return "review" if is_flagged else "keep"
    if "small" in hits or "short" in hits:
        return "remove"
    if is_flagged:
        return "review"
    return "bridge" if "gap" in hits else "review"


def _distance_to(mask: Mask | None, spacing_mm: Spacing) -> FloatArray | None:
    if mask is None or not mask.any():
        return None
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=spacing_mm))


def _tree_of(labels: npt.NDArray[np.int32], numbers: list[int], spacing_mm: Spacing) -> Any:
    if not numbers:
        return None
    return cKDTree(np.argwhere(surface(np.isin(labels, numbers))) * np.asarray(spacing_mm))
