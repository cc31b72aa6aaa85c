"""What a few lines of morphology do to a noisy label: rows that every refinement must beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from engines.imaging.volumes.components import label_components
from engines.imaging.volumes.label_metrics import Mask, Spacing, bounding_box
from engines.refinement.config import EvaluateConfig

MORPHOLOGY = ("drop_specks", "closing", "gaussian", "largest_two")
BASELINES = ("input", *MORPHOLOGY, "hu_threshold")


def baseline_masks(
    mask: Mask, image: npt.NDArray[Any], spacing_mm: Spacing, config: EvaluateConfig
) -> Mapping[str, Mask]:
    """Return every baseline's mask by name, in the order of `BASELINES`.

    Closing, blur and threshold are followed by dropping specks, which is how people use them.
    """
    reach = max(config.closing_mm, config.threshold_reach_mm, 4 * config.gaussian_mm)
    box = bounding_box(mask, margin=int(np.ceil(reach / min(spacing_mm))) + 2)
    part, values = mask[box], image[box]
    voxel_mm3 = float(np.prod(spacing_mm))

    def drop(found: Mask) -> Mask:
        return without_small(found, config.speck_mm3 / voxel_mm3)

    blur = [config.gaussian_mm / spacing for spacing in spacing_mm]
    near = ndimage.distance_transform_edt(~part, sampling=spacing_mm) <= config.threshold_reach_mm
    made = {
        "input": part,
        "drop_specks": drop(part),
        "closing": drop(_closed(part, config.closing_mm, spacing_mm)),
        "gaussian": drop(ndimage.gaussian_filter(part.astype(np.float32), blur) >= 0.5),
        "largest_two": largest(part, 2),
        "hu_threshold": drop(near & (values >= config.threshold_hu)),
    }
    return {name: _placed(found, mask, box) for name, found in made.items()}


def without_small(mask: Mask, least_voxels: float) -> Mask:
    """Return a mask without its pieces of fewer voxels (26-connectivity)."""
    labels, count = label_components(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    keeps = sizes >= least_voxels
    keeps[0] = False
    return np.asarray(keeps[labels])


def largest(mask: Mask, count: int) -> Mask:
    """Return the largest pieces of a mask."""
    labels, _ = label_components(mask)
    return np.asarray((labels > 0) & (labels <= count))


def _closed(mask: Mask, radius_mm: float, spacing_mm: Spacing) -> Mask:
    # By distances: round in millimetres whatever the voxels are.
    grown = ndimage.distance_transform_edt(~mask, sampling=spacing_mm) <= radius_mm
    return np.asarray(mask | (ndimage.distance_transform_edt(grown, sampling=spacing_mm) > radius_mm))


def _placed(part: Mask, mask: Mask, box: tuple[slice, slice, slice]) -> Mask:
    result = np.zeros_like(mask)
    result[box] = part
    return result
