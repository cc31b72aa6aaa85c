"""How far a field may overrule the label of a case: as far as label and image agree there.

A field that sees an image follows everything that looks like a vessel. Where veins run beside the arteries,
or contrast is weak, that is not the arteries, and it shows in the case itself: the centre lines of field and
label agree badly. Then the label keeps its branches, and the field may only heal wounds of the label, close
short gaps, and take away what lies off the label's centre line.

A wound is told from a neighbouring vessel by its distance to the label: what was torn out of a vessel is
near to what is left of it, measured in radii of that vessel, and a vein beside an artery is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from engines.imaging.volumes.components import label_components
from engines.imaging.volumes.label_metrics import (
    CONNECTIVITY_26,
    Mask,
    Spacing,
    bounding_box,
    centre_line,
    centre_line_agreement,
    surface,
)
from engines.refinement.baselines import without_small

_FACES = ndimage.generate_binary_structure(3, 1)
_SPECK_VOXELS = 20
"""Smaller pieces say nothing about the course of a vessel, whether they stay or not."""
_FARTHEST_WOUND = 1.5
"""Mean distance of a wound's voxels to the label, in radii of the label there."""


@dataclass(frozen=True)
class Evidence:
    """A refined mask as far as the label bears it out.

    Parameters
    ----------
    mask : ndarray of bool, (I, J, K)
    agreement : float or None
        clDice of field and label, without specks; None without a centre line.
    is_careful : bool
        Whether the agreement was too small for the field to decide alone.
    """

    mask: Mask
    agreement: float | None
    is_careful: bool


def weigh(
    label: Mask,
    refined: Mask,
    spacing_mm: Spacing,
    *,
    least_agreement: float,
    longest_bridge_mm: float,
    smallest_piece_mm3: float,
) -> Evidence:
    """Return what of a refined mask the label bears out.

    Parameters
    ----------
    label, refined : ndarray of bool, (I, J, K)
    spacing_mm : (i, j, k)
    least_agreement : float
        clDice with the label from which the field decides alone.
    longest_bridge_mm : float
        Largest extent of what may join two pieces of the label where it does not.
    smallest_piece_mm3 : float
        Pieces of the result that are smaller are left out.
    """
    least_voxels = smallest_piece_mm3 / float(np.prod(spacing_mm))
    if not label.any():
        return Evidence(without_small(refined, least_voxels), None, is_careful=False)
    box = bounding_box(label | refined, margin=2)
    before, after = label[box], refined[box]
    least_counted = max(least_voxels, _SPECK_VOXELS)
    counted = without_small(after, least_counted)
    agreement = (
        centre_line_agreement(counted, without_small(before, least_counted)) if counted.any() else None
    )
    is_careful = agreement is not None and agreement.cldice < least_agreement
    result = np.zeros_like(label)
    if is_careful:
        kept = without_small(before, least_voxels)
        result[box] = _careful(kept, after, spacing_mm, longest_bridge_mm)
    else:
        result[box] = without_small(after, least_voxels)
    return Evidence(result, None if agreement is None else agreement.cldice, is_careful)


def _careful(label: Mask, refined: Mask, spacing_mm: Spacing, longest_bridge_mm: float) -> Mask:
    line = centre_line(label)
    # A voxel to each side of the centre line stays: what is off it is the boundary, a leak, or a neighbour.
    course = ndimage.binary_dilation(line, _FACES) & label
    additions = refined & ~label
    healed = _wounds(label, line, additions, spacing_mm)
    healed |= _bridges(label, additions, spacing_mm, longest_bridge_mm)
    numbers, _ = ndimage.label((label & refined) | course | healed, CONNECTIVITY_26)
    # However thin a branch became, it stays; what was cut off beside it goes.
    return np.asarray((numbers > 0) & np.isin(numbers, np.unique(numbers[course])))


def _wounds(label: Mask, line: Mask, additions: Mask, spacing_mm: Spacing) -> Mask:
    """Return the additions that are thicker than a boundary's error and near to the label for its radius."""
    result = np.zeros_like(label)
    numbers, count = ndimage.label(ndimage.binary_opening(additions, _FACES), CONNECTIVITY_26)
    if not count or not line.any():
        return result
    spacing = np.asarray(spacing_mm)
    at = np.argwhere(numbers)
    distance, _ = cKDTree(np.argwhere(surface(label)) * spacing).query(at * spacing)
    # Thinned lines run beside the middle at times: the largest distance next to them is the radius.
    depth = ndimage.distance_transform_edt(np.pad(label, 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    _, nearest = cKDTree(np.argwhere(line) * spacing).query(at * spacing)
    radius = ndimage.maximum_filter(depth, 3)[line][nearest]
    of = numbers[tuple(at.T)]
    far, wide = (np.bincount(of, weights=values)[1:] for values in (distance, radius))
    wounds = np.isin(numbers, 1 + np.flatnonzero(far <= _FARTHEST_WOUND * wide))
    return np.asarray(ndimage.binary_dilation(wounds, CONNECTIVITY_26) & additions)


def _bridges(label: Mask, additions: Mask, spacing_mm: Spacing, longest_mm: float) -> Mask:
    """Return the additions that are short and touch more than one piece of the label."""
    pieces, _ = label_components(label)
    numbers, _ = ndimage.label(additions, CONNECTIVITY_26)
    result = np.zeros_like(label)
    for number, found in enumerate(ndimage.find_objects(numbers), start=1):
        extent = [(side.stop - side.start) * step for side, step in zip(found, spacing_mm, strict=True)]
        if float(np.linalg.norm(extent)) > longest_mm:
            continue
        around = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in found)
        piece = numbers[around] == number
        touched = np.unique(pieces[around][ndimage.binary_dilation(piece, CONNECTIVITY_26)])
        if np.count_nonzero(touched) > 1:
            result[around] |= piece
    return result
