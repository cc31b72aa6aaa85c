"""What simple methods and the truth itself reach on phantom brains: rows to see a model beside."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from skimage.filters import threshold_otsu

from engines.imaging.classification import roc_auc
from engines.imaging.volumes.brain_phantom import (
    HIGH,
    OEDEMA,
    SITES,
    BrainPhantom,
    CohortOptions,
    PhantomSubject,
    draw_brain,
)
from engines.imaging.volumes.label_metrics import dice

_PERCENTILE = 75.0


def otsu_dice(phantom: BrainPhantom) -> float:
    """Return the Dice of the whole tumour that Otsu's threshold on FLAIR inside the brain reaches."""
    flair = phantom.modalities["flair"].voxels
    mask = phantom.brain & (flair > threshold_otsu(flair[phantom.brain]))
    return dice(mask, phantom.label_map.voxels > 0)


def core_uptake(phantom: BrainPhantom) -> float:
    """Return how bright the true core is on T1 with contrast against T1, as a share of the brain's signal.

    What a method could know at best that is given the true labels.
    """
    labels = phantom.label_map.voxels
    core = (labels > 0) & (labels != OEDEMA)
    healthy = phantom.brain & (labels == 0)
    parts = []
    for name in ("t1ce", "t1"):
        voxels = phantom.modalities[name].voxels.astype(np.float64)
        parts.append((voxels[core] - voxels[healthy].mean()) / voxels[healthy].mean())
    # The upper part: the dead middle of the core takes up nothing in either grade.
    return float(np.percentile(parts[0] - parts[1], _PERCENTILE))


def oracle_rows(subjects: Iterable[PhantomSubject], options: CohortOptions) -> dict[str, float | None]:
    """Return the rows of a cohort.

    Returns
    -------
    dict
        ``otsu_dice``: mean over subjects; ``volume_auc``: grade by the true volume alone;
        ``appearance_auc``: by `core_uptake`; ``site_auc``: by the scanner alone; ``low_share``.
    """
    subjects = tuple(subjects)
    overlaps, uptakes, volumes = [], [], []
    for subject in subjects:
        phantom = draw_brain(subject, options)
        overlaps.append(otsu_dice(phantom))
        uptakes.append(core_uptake(phantom))
        volumes.append(float((phantom.label_map.voxels > 0).sum()))
    is_high: npt.NDArray[np.bool_] = np.array([subject.grade == HIGH for subject in subjects])
    site = [float(subject.site == SITES[0]) for subject in subjects]
    return {
        "otsu_dice": float(np.mean(overlaps)),
        "volume_auc": roc_auc(volumes, is_high),
        "appearance_auc": roc_auc(uptakes, is_high),
        "site_auc": roc_auc(site, is_high),
        "low_share": float(1 - is_high.mean()),
    }
