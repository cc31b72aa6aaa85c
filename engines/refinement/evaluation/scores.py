"""What a refined mask is worth against a clean one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engines.imaging.volumes.label_metrics import (
    Mask,
    Spacing,
    centre_line_agreement,
    dice,
    num_components,
    surface_distances,
    volume_ml,
)
from engines.refinement.anatomy.topology import branch_errors, num_loops

AGAINST_CLEAN = ("dice", "nsd_1mm", "hd95_mm", "cldice", "missing_mm", "spurious_mm")
OF_ITSELF = ("components", "loops", "volume_ml", "dice_to_input")
SCORES = (*AGAINST_CLEAN, *OF_ITSELF)
NO_REFERENCE = "there is no clean label map to score against"
_TOLERANCE_MM = 1.0


def score_mask(
    mask: Mask, before: Mask, reference: Mask | None, spacing_mm: Spacing
) -> dict[str, float | None]:
    """Return every one of `SCORES`; None where it is undefined.

    Parameters
    ----------
    mask, before : ndarray of bool, (I, J, K)
        What is scored, and the label that it was made from.
    reference : ndarray of bool or None
        Clean.
    spacing_mm : (i, j, k)
    """
    scores: dict[str, float | None] = dict.fromkeys(SCORES)
    scores |= {
        "components": float(num_components(mask)),
        "loops": float(num_loops(mask)),
        "volume_ml": volume_ml(mask, spacing_mm),
        "dice_to_input": dice(mask, before),
    }
    if reference is None:
        return scores
    distances = surface_distances(mask, reference, spacing_mm)
    agreement = centre_line_agreement(mask, reference)
    errors = branch_errors(mask, reference, spacing_mm)
    return scores | {
        "dice": dice(mask, reference),
        "nsd_1mm": distances.nsd(_TOLERANCE_MM),
        "hd95_mm": distances.hd95_mm,
        "cldice": None if agreement is None else agreement.cldice,
        "missing_mm": errors.missing_mm,
        "spurious_mm": errors.spurious_mm,
    }


def why_undefined(scores: Mapping[str, float | None], has_reference: bool) -> str:
    """Return the reason for the first score that is None; empty when there is none."""
    missing = [key for key, value in scores.items() if value is None]
    if not missing:
        return ""
    return NO_REFERENCE if not has_reference else f"{', '.join(missing)} undefined: the mask is empty"


def mean_scores(scores: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Return the mean of each score over the items where it is defined; None where it nowhere is."""
    means: dict[str, float | None] = {}
    for key in SCORES:
        found = [value for entry in scores if (value := entry[key]) is not None]
        means[key] = float(np.mean(found)) if found else None
    return means
