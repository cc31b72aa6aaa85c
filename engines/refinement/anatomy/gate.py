"""Whether a refined mask may be suggested, must be reviewed, or is stopped; and by which rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from engines.contract.item_review import Reason, Status
from engines.imaging.volumes.components import label_components, line_length_mm
from engines.imaging.volumes.label_metrics import (
    Mask,
    Spacing,
    bounding_box,
    centre_line,
    dice,
    num_components,
)

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
    reasons : tuple of Reason
        Of rules that fired: ``components``, ``volume``, ``dice``, ``length``, ``contact``, ``far``,
        ``empty``, ``not_finite``; of `judge_field` ``careful`` and ``unsure``.
    """

    status: Status
    reasons: tuple[Reason, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """Keys of the rules that fired."""
        return tuple(reason.rule for reason in self.reasons)

    def also(self, reasons: list[Reason]) -> Verdict:
        """Return the verdict with reasons for which a person has to look."""
        if not reasons:
            return self
        return Verdict("review" if self.status == "accept" else self.status, (*self.reasons, *reasons))


def judge(
    before: Mask, after: Mask, spacing_mm: Spacing, aorta: Mask | None = None, *, is_finite: bool = True
) -> Verdict:
    """Compare a refined mask with what it was made from.

    Rejected when it is empty, falls into more pieces, or a tree lost its aorta; reviewed when volume,
    overlap, length or reach changed much.

    Parameters
    ----------
    before, after : ndarray of bool, (I, J, K)
    spacing_mm : (i, j, k)
    aorta : ndarray of bool or None
        Where known, trees that touched it must still do so.
    is_finite : bool
        Whether every probability was a number.
    """
    if not is_finite:
        reason = Reason(
            rule="not_finite",
            text="The field gave values that are no numbers. Train again with a lower learning rate.",
        )
        return Verdict("reject", (reason,))
    if not after.any():
        reason = Reason(
            rule="empty", text="Nothing is left of the label. Lower the threshold, or keep the input."
        )
        return Verdict("reject", (reason,))
    box = bounding_box(before | after, margin=1)
    near_aorta = None if aorta is None else _near(aorta, box, spacing_mm)
    before, after = before[box], after[box]
    rejecting = _rejecting(before, after, near_aorta)
    reviewing = _reviewing(before, after, spacing_mm)
    status: Status = "reject" if rejecting else "review" if reviewing else "accept"
    return Verdict(status, (*rejecting, *reviewing))


def judge_field(
    alone: Mask, refined: Mask, agreement: float | None = None, *, is_careful: bool = False
) -> list[Reason]:
    """Say where a refined mask is not what the field alone shows, which a threshold counts.

    Parameters
    ----------
    alone : ndarray of bool, (I, J, K)
        Where the probability reaches the threshold.
    refined : ndarray of bool, (I, J, K)
    agreement : float or None
        See `engines.refinement.fields.evidence.Evidence`.
    is_careful : bool
    """
    pieces = str(num_components(alone))
    if is_careful and agreement is not None:
        return [
            Reason(
                rule="careful",
                text="The lines of field and label agree too little ({agreement}) for the field to decide "
                "alone: the label kept its branches. The threshold counts the field alone; its pieces at "
                "this threshold: {pieces}.",
                values={"agreement": round(agreement, 2), "pieces": pieces},
            )
        ]
    overlap = dice(alone, refined)
    if overlap >= _LEAST_DICE:
        return []
    return [
        Reason(
            rule="unsure",
            text="The field is unsure, and there the label stayed as it was: the field alone, which the "
            "threshold counts, agrees with the refined label by {dice} only; its pieces: {pieces}. Train "
            "longer.",
            values={"dice": round(overlap, 3), "pieces": pieces},
        )
    ]


def _rejecting(before: Mask, after: Mask, near_aorta: Mask | None) -> list[Reason]:
    reasons = []
    pieces_before, pieces_after = num_components(before), num_components(after)
    if pieces_after > pieces_before:
        reasons.append(
            Reason(
                rule="components",
                text="{after} pieces, {before} before. Look at the pieces; bridge or reject them.",
                values={"before": str(pieces_before), "after": str(pieces_after)},
            )
        )
    lost = 0 if near_aorta is None else _lost_contacts(before, after, near_aorta)
    if lost:
        reasons.append(
            Reason(
                rule="contact",
                text="{count} pieces lost their contact with the aorta. Keep the input there."
                if lost > 1
                else "{count} piece lost its contact with the aorta. Keep the input there.",
                values={"count": str(lost)},
            )
        )
    return reasons


def _reviewing(before: Mask, after: Mask, spacing_mm: Spacing) -> list[Reason]:
    reasons = []
    # Signed: counts as unsigned numbers would wrap round where the mask shrank.
    change = (int(after.sum()) - int(before.sum())) / max(1, int(before.sum()))
    if abs(change) > _LARGEST_VOLUME_CHANGE:
        reasons.append(
            Reason(
                rule="volume",
                text="The volume changed by {percent} %; more than 20 % needs a look.",
                values={"percent": round(100.0 * change, 1)},
            )
        )
    agreement = dice(before, after)
    if agreement < _LEAST_DICE:
        reasons.append(
            Reason(
                rule="dice",
                text="Agreement with the input is {dice}; less than 0.7 needs a look.",
                values={"dice": round(agreement, 3)},
            )
        )
    length_before = line_length_mm(centre_line(before), spacing_mm)
    length_after = line_length_mm(centre_line(after), spacing_mm)
    if length_after < (1 - _LARGEST_LENGTH_LOSS) * length_before:
        reasons.append(
            Reason(
                rule="length",
                text="The centre line is {after} mm long, {before} mm before. Look for lost branches.",
                values={"before": round(length_before, 1), "after": round(length_after, 1)},
            )
        )
    farthest = 0.0
    if before.any():
        distance = ndimage.distance_transform_edt(~before, sampling=spacing_mm)
        farthest = float(distance[after].max())
    if farthest > _FARTHEST_CHANGE_MM:
        reasons.append(
            Reason(
                rule="far",
                text="Voxels were added up to {distance} mm from the label; more than 3 mm needs a look.",
                values={"distance": round(farthest, 1)},
            )
        )
    return reasons


def _near(aorta: Mask, box: tuple[slice, slice, slice], spacing_mm: Spacing) -> Mask | None:
    """Return which voxels of a box lie near the aorta, which may be outside the box; None without one."""
    margins = [int(np.ceil(_CONTACT_MM / step)) + 1 for step in spacing_mm]
    i, j, k = (
        slice(max(0, side.start - margin), min(size, side.stop + margin))
        for side, margin, size in zip(box, margins, aorta.shape, strict=True)
    )
    part = aorta[i, j, k]
    if not part.any():
        return None
    inner = tuple(
        slice(side.start - wide.start, side.stop - wide.start)
        for side, wide in zip(box, (i, j, k), strict=True)
    )
    return np.asarray(ndimage.distance_transform_edt(~part, sampling=spacing_mm)[inner] <= _CONTACT_MM)


def _lost_contacts(before: Mask, after: Mask, near_aorta: Mask) -> int:
    """Return how many pieces that touched the aorta have no voxel left that touches it."""
    labels, _ = label_components(before)
    touching = set(np.unique(labels[near_aorta])) - {0}
    kept, _ = label_components(after)
    rooted = np.isin(kept, list(set(np.unique(kept[near_aorta])) - {0}))
    return len(touching - set(np.unique(labels[rooted])))
