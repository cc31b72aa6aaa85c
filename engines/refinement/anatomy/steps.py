"""From a refined mask to a label map: clean, fuse, check, and ask the gate. No torch, no network.

Each step gives a label map of its own, so that a person can look at each, take it over or leave it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.contract.item_review import Reason, ReviewStep
from engines.contract.manifest import ComponentDecision
from engines.imaging.volumes.label_metrics import Mask
from engines.imaging.volumes.volume import Volume
from engines.refinement.anatomy.clean import Cleaned, CleanRules, clean
from engines.refinement.anatomy.fuse import fuse, without_ostium_overrun
from engines.refinement.anatomy.gate import Verdict, judge
from engines.refinement.anatomy.organs import Anatomy, check_labels, new_findings
from engines.refinement.data import NativeCase

Labels = npt.NDArray[Any]
REFINED, CLEANED, FUSED = "refined", "cleaned", "fused"
STEPS = (
    ReviewStep(role=REFINED, title="Refined"),
    ReviewStep(role=CLEANED, title="Cleaned"),
    ReviewStep(role=FUSED, title="Fused"),
)


@dataclass(frozen=True, eq=False)
class Steps:
    """What came out of every step, on the grid of the label map.

    Parameters
    ----------
    labels : dict of role to ndarray of integers, (I, J, K)
        In the order of `STEPS`; each holds every class.
    cleaned : Cleaned
    conflicts : dict of (winner, loser) to number of voxels
    priority : tuple of int
    findings_before, findings : list of Reason
        What does not look like anatomy in the input and in the result.
    verdict : Verdict
    """

    labels: dict[str, Labels]
    cleaned: Cleaned
    conflicts: dict[tuple[int, int], int]
    priority: tuple[int, ...]
    findings_before: list[Reason]
    findings: list[Reason]
    verdict: Verdict

    @property
    def result(self) -> Labels:
        """The label map of the last step."""
        return self.labels[FUSED]


def take_steps(
    native: NativeCase,
    refined: Mask,
    label_class: int,
    anatomy: Anatomy,
    rules: CleanRules | None = None,
    decisions: Sequence[ComponentDecision] = (),
    *,
    is_finite: bool = True,
) -> Steps:
    """Return every step that follows a refined mask.

    Parameters
    ----------
    native : NativeCase
    refined : ndarray of bool, (I, J, K)
    label_class : int
    anatomy : Anatomy
    rules : CleanRules or None
    decisions : sequence of ComponentDecision
        Of a person, about pieces of this class.
    is_finite : bool
        Whether every probability was a number.
    """
    labels = native.label_map.voxels
    spacing = native.image.geometry.spacing_mm
    organs = anatomy.masks(labels, label_class)
    own = [decision for decision in decisions if decision.label == label_class]
    cleaned = clean(refined, native.image.voxels, spacing, organs, rules, own)
    priority = anatomy.priority_of(labels, label_class)
    capped = without_ostium_overrun(cleaned.mask, organs.get("aorta"), spacing)
    fused = fuse(labels, {label_class: capped}, priority)
    before = check_labels(labels, spacing, anatomy)
    after = check_labels(fused.labels, spacing, anatomy)
    verdict = judge(
        native.mask, fused.labels == label_class, spacing, organs.get("aorta"), is_finite=is_finite
    )
    return Steps(
        {
            REFINED: with_class(labels, refined, label_class),
            CLEANED: with_class(labels, cleaned.mask, label_class),
            FUSED: fused.labels,
        },
        cleaned,
        fused.conflicts,
        priority,
        before,
        after,
        verdict.also(new_findings(before, after)),
    )


def with_class(labels: Labels, mask: Mask, label_class: int) -> Labels:
    """Return a label map with another mask of one class; the other classes keep every voxel.

    What the class lost becomes background, and where it wants a voxel of another class it yields.
    """
    changed = np.array(labels)
    others = (changed != 0) & (changed != label_class)
    changed[labels == label_class] = 0
    changed[mask & ~others] = label_class
    return changed


def as_volume(labels: Labels, native: NativeCase) -> Volume:
    """Return a label map on the grid of a case, with the header of its label map."""
    return Volume(labels, native.label_map.geometry, native.label_map.header)
