"""How far a field may overrule the label of a case: as far as label and image agree there.

A field that sees an image follows everything that looks like a vessel. Where veins run beside the arteries,
or contrast is weak, that is not the arteries, and it shows in the case itself: the centre lines of field and
label agree badly. Then the label keeps its branches, and the field may only heal wounds of the label, close
short gaps, and take away what lies off the label's centre line.

A wound is told from a neighbouring vessel by its surface: what was torn out of a vessel lies against what is
left of it, and a vein beside an artery touches it here and there only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

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
from engines.refinement.evaluation.baselines import without_small

_FACES = ndimage.generate_binary_structure(3, 1)
_SPECK_VOXELS = 20
"""Smaller pieces say nothing about the course of a vessel, whether they stay or not."""
_LEAST_CONTACT = 0.6
"""Share of a wound's surface that lies against the label."""


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
    if not label.any() or not refined.any():
        return Evidence(without_small(refined, least_voxels), None, is_careful=False)
    box = bounding_box(label | refined, margin=2)
    before, after = label[box], refined[box]
    least_counted = max(least_voxels, _SPECK_VOXELS)
    found = centre_line_agreement(without_small(after, least_counted), without_small(before, least_counted))
    # Of a field that left crumbs of the label nothing can be counted: it does not know the vessel.
    agreement = 0.0 if found is None else found.cldice
    is_careful = agreement < least_agreement
    result = np.zeros_like(label)
    if is_careful:
        kept = without_small(before, least_voxels)
        result[box] = _careful(kept, after, spacing_mm, longest_bridge_mm)
    else:
        result[box] = without_small(after, least_voxels)
    return Evidence(result, agreement, is_careful)


def _careful(label: Mask, refined: Mask, spacing_mm: Spacing, longest_bridge_mm: float) -> Mask:
    line = centre_line(label)
    # A voxel to each side of the centre line stays: what is off it is the boundary, a leak, or a neighbour.
    course = ndimage.binary_dilation(line, _FACES) & label
    additions = refined & ~label
    healed = _wounds(label, additions)
    healed |= _bridges(label, additions, spacing_mm, longest_bridge_mm)
    numbers, _ = ndimage.label((label & refined) | course | healed, CONNECTIVITY_26)
    # However thin a branch became, it stays; what was cut off beside it goes.
    return np.asarray((numbers > 0) & np.isin(numbers, np.unique(numbers[course])))


def _wounds(label: Mask, additions: Mask) -> Mask:
    """Return the additions that are thicker than a boundary's error and lie against the label all round."""
    numbers, _ = ndimage.label(ndimage.binary_opening(additions, _FACES), CONNECTIVITY_26)
    is_outside = surface(numbers > 0)
    outside = numbers[is_outside]
    touching = numbers[is_outside & ndimage.binary_dilation(label, CONNECTIVITY_26)]
    size = int(numbers.max()) + 1
    shares = np.bincount(touching, minlength=size) / np.maximum(np.bincount(outside, minlength=size), 1)
    shares[0] = 0.0
    is_wound = (shares >= _LEAST_CONTACT)[numbers]
    return np.asarray(ndimage.binary_dilation(is_wound, CONNECTIVITY_26) & additions)


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
