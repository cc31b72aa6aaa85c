"""Whether a refined mask may be suggested, must be reviewed, or is stopped; and by which rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from engines.imaging.volumes.components import label_components, line_length_mm
from engines.imaging.volumes.label_metrics import (
    Mask,
    Spacing,
    bounding_box,
    centre_line,
    dice,
    num_components,
)

Status = Literal["accept", "review", "reject"]

_LARGEST_VOLUME_CHANGE = 0.20
_LEAST_DICE = 0.7
_LARGEST_LENGTH_LOSS = 0.05
_FARTHEST_CHANGE_MM = 3.0
_CONTACT_MM = 3.0


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    Parameters
    ----------
    status : "accept", "review" or "reject"
        Accepting is a suggestion only.
    rules : tuple of str
        Keys of the rules that fired: ``components``, ``volume``, ``dice``, ``length``, ``contact``,
        ``far``, ``empty``.
    """

    status: Status
    rules: tuple[str, ...]


def judge(before: Mask, after: Mask, spacing_mm: Spacing, aorta: Mask | None = None) -> Verdict:
    """Compare a refined mask with what it was made from.

    Rejected when it is empty, falls into more pieces, or a tree lost its aorta; reviewed when volume,
    overlap, length or reach changed much.

    Parameters
    ----------
    before, after : ndarray of bool, (I, J, K)
    spacing_mm : (i, j, k)
    aorta : ndarray of bool or None
        Where known, trees that touched it must still do so.
    """
    if not after.any():
        return Verdict("reject", ("empty",))
    box = bounding_box(before | after, margin=1)
    before, after = before[box], after[box]
    rejecting, reviewing = [], []
    if num_components(after) > num_components(before):
        rejecting.append("components")
    if aorta is not None and lost_contacts(before, after, aorta[box], spacing_mm):
        rejecting.append("contact")
    # Signed: counts as unsigned numbers would wrap round where the mask shrank.
    change = (int(after.sum()) - int(before.sum())) / int(before.sum())
    if abs(change) > _LARGEST_VOLUME_CHANGE:
        reviewing.append("volume")
    if dice(before, after) < _LEAST_DICE:
        reviewing.append("dice")
    length_before = line_length_mm(centre_line(before), spacing_mm)
    length_after = line_length_mm(centre_line(after), spacing_mm)
    if length_after < (1 - _LARGEST_LENGTH_LOSS) * length_before:
        reviewing.append("length")
    distance = ndimage.distance_transform_edt(~before, sampling=spacing_mm)
    if float(distance[after].max()) > _FARTHEST_CHANGE_MM:
        reviewing.append("far")
    status: Status = "reject" if rejecting else "review" if reviewing else "accept"
    return Verdict(status, (*rejecting, *reviewing))


def lost_contacts(before: Mask, after: Mask, aorta: Mask, spacing_mm: Spacing) -> int:
    """Return how many pieces that touched the aorta have no voxel left that touches it."""
    if not aorta.any():
        return 0
    near = ndimage.distance_transform_edt(~aorta, sampling=spacing_mm) <= _CONTACT_MM
    labels, _ = label_components(before)
    touching = set(np.unique(labels[near])) - {0}
    kept, _ = label_components(after)
    rooted = np.isin(kept, list(set(np.unique(kept[near])) - {0}))
    return sum(1 for number in touching if not (rooted & (labels == number)).any())
