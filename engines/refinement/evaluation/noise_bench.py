"""Cases of the noise bench: procedural vessels with their truth, and labels that were spoiled on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines.contract.errors import InputError
from engines.imaging.volumes.coronary_phantom import PhantomOptions, make_phantom
from engines.imaging.volumes.label_metrics import Mask, bounding_box
from engines.imaging.volumes.label_noise import MIXED, corrupt
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import check_same_grid, read_label_map, read_volume
from engines.refinement.data import NativeCase

HARD_EVERY = 3
REAL_LABELS: Mapping[str, tuple[str, str]] = {
    "aorta": ("ct_thorax_cta", "aorta"),
    "pulmonary": ("ct_heart_cta", "pulmonary_artery"),
    "brachiocephalic": ("ct_thorax_cta", "brachiocephalic_trunk"),
    "carotid": ("ct_thorax_cta", "common_carotid_artery_left"),
    "subclavian": ("ct_thorax_cta", "subclavian_artery_left"),
}
"""Item id to the files of its image and label. A network made these labels: they are no expert's truth."""
_REAL_MARGIN_MM = 20.0


@dataclass(frozen=True)
class BenchOptions:
    """Which cases are made.

    Parameters
    ----------
    severity : 1, 2 or 3
    seed : int
        Cases of different seeds share nothing.
    num_voxels : int
        Along each axis.
    spacing_mm : float
    """

    severity: int = 2
    seed: int = 0
    num_voxels: int = 96
    spacing_mm: float = 0.8


def is_hard(number: int) -> bool:
    """Tell whether a procedural case is hard: weak contrast, calcium, and veins beside and in the label."""
    return number % HARD_EVERY == HARD_EVERY - 1


def procedural_case(number: int, label_class: int, options: BenchOptions) -> NativeCase:
    """Return a case with its clean label; the same for the same number and options."""
    hard = is_hard(number)
    phantom = make_phantom(
        100 + 1000 * options.seed + number,
        PhantomOptions(
            num_voxels=options.num_voxels,
            spacing_mm=options.spacing_mm,
            has_weak_contrast=hard,
            has_calcium=hard,
            has_veins=hard,
        ),
    )
    noise_seed = 500 + 1000 * options.seed + number
    noisy = corrupt(phantom.coronary, MIXED, options.severity, noise_seed, phantom.veins if hard else None)
    return _case(phantom.image, noisy, phantom.coronary, label_class)


def real_case(name: str, folder: Path, label_class: int, options: BenchOptions) -> NativeCase:
    """Return a vessel of a real CT, whose given label counts as clean.

    Parameters
    ----------
    name : str
        Of `REAL_LABELS`.
    folder : Path
        Holds the images, and the labels in ``labels``.
    label_class : int
    options : BenchOptions
        Its severity and seed; the grid is that of the image.

    Raises
    ------
    InputError
        If there is no such label in the image.
    """
    image_name, label_name = REAL_LABELS[name]
    image = read_volume(folder / f"{image_name}.nii.gz")
    label_map = read_label_map(folder / "labels" / f"{label_name}.nii.gz")
    check_same_grid(image.geometry, label_map.geometry, f"The label of {name}")
    clean = np.asarray(label_map.voxels > 0)
    if not clean.any():
        raise InputError("The label of {name} is empty.", remedy="Choose another label.", name=name)
    image, clean = _cropped(image, clean)
    number = list(REAL_LABELS).index(name)
    noisy = corrupt(clean, MIXED, options.severity, 900 + 1000 * options.seed + number)
    return _case(image, noisy, clean, label_class)


def _case(image: Volume, noisy: Mask, clean: Mask, label_class: int) -> NativeCase:
    labels = (label_class * noisy).astype(np.uint16 if label_class > 255 else np.uint8)
    return NativeCase(image, Volume(labels, image.geometry), noisy, clean)


def _cropped(image: Volume, mask: Mask) -> tuple[Volume, Mask]:
    margin = int(np.ceil(_REAL_MARGIN_MM / min(image.geometry.spacing_mm)))
    box = bounding_box(mask, margin)
    moved = np.eye(4)
    moved[:3, 3] = [side.start for side in box]
    matrix: Any = image.geometry.world_from_voxel @ moved
    part = np.ascontiguousarray(image.voxels[box])
    i, j, k = part.shape
    return Volume(part, VolumeGeometry((i, j, k), matrix)), np.ascontiguousarray(mask[box])
