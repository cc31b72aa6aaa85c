"""Cases: an image and its label on one work lattice. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from engines.contract.errors import InputError, PreconditionError
from engines.contract.kinds import AnnotationKind, Split
from engines.contract.manifest import ItemRecord
from engines.contract.run_context import RunContext
from engines.imaging.volumes.label_metrics import Mask, bounding_box, centre_line
from engines.imaging.volumes.volume import Volume
from engines.imaging.volumes.volume_files import check_same_grid, read_label_map, read_volume
from engines.refinement.config import TrainConfig
from engines.refinement.lattice import FloatGrid, WorkLattice, lattice_around

IMAGE_ROLES = ("ct", "cta", "volume")
"""The first of these that an item has is its image."""
REFERENCE_ROLE = "reference_label_map"
_HU_WINDOW = (-200.0, 600.0)
_LEAST_CONTRAST_HU = 50.0
_CONTEXT_BLUR = 2.0
_NEIGHBOURHOOD = 4.0
NUM_CHANNELS, CONTEXT_CHANNEL = 4, 3
_MOST_CLASSES_NAMED = 12


@dataclass(frozen=True)
class RefinementCase:
    """One case as the field sees it.

    Parameters
    ----------
    id : str
    lattice : WorkLattice
    image : ndarray of float32, (I, J, K)
        Hounsfield units at the lattice's points.
    occupancy : ndarray of float32, (I, J, K)
        Of the label, 0 to 1.
    reference : ndarray of float32 or None
        Occupancy of a clean label where one is known; scored against, never trained on.
    """

    id: str
    lattice: WorkLattice
    image: FloatGrid
    occupancy: FloatGrid
    reference: FloatGrid | None = None

    @property
    def prevalence(self) -> float:
        """Share of the lattice that the label covers."""
        return float(self.occupancy.mean())


@dataclass(frozen=True)
class NativeCase:
    """The files of a case on their own grid.

    Parameters
    ----------
    image, label_map : Volume
    mask : ndarray of bool, (I, J, K)
        The class to refine.
    reference : ndarray of bool or None
    """

    image: Volume
    label_map: Volume
    mask: Mask
    reference: Mask | None


def make_case(
    name: str,
    image: Volume,
    mask: Mask,
    *,
    spacing_mm: float,
    margin_mm: float,
    reference: Mask | None = None,
) -> RefinementCase:
    """Return an image and a mask of one grid on a work lattice."""
    lattice = lattice_around(mask, image.geometry.spacing_mm, margin_mm, spacing_mm)
    return RefinementCase(
        name,
        lattice,
        lattice.sample(image.voxels),
        lattice.occupancy(mask),
        None if reference is None else lattice.occupancy(reference),
    )


def image_role(item: ItemRecord) -> str | None:
    """Return the role of an item's image, or None when it has none."""
    return next((role for role in IMAGE_ROLES if item.has(role)), None)


def read_case(run: RunContext, item: ItemRecord, label_class: int) -> NativeCase:
    """Read the files of an item.

    Raises
    ------
    InputError
        If image or label map is missing, or the label has no voxel of the class.
    GeometryError
        If they do not lie on one grid.
    """
    role = image_role(item)
    record = item.annotations.get(AnnotationKind.LABEL_MAP)
    if role is None or record is None:
        raise InputError(
            "{item} has no {what}.",
            remedy="Import it, or accept a label map of the item.",
            item=item.id,
            what="image" if role is None else "label map",
        )
    image = read_volume(run.input_path(item, role))
    label_map = read_label_map(run.folder.file_path(record.path))
    check_same_grid(image.geometry, label_map.geometry, f"The label map of {item.id}")
    mask = np.asarray(label_map.voxels == label_class)
    if not mask.any():
        raise _no_such_class(item.id, label_map, label_class)
    reference = None
    if item.has(REFERENCE_ROLE):
        clean = read_label_map(run.input_path(item, REFERENCE_ROLE))
        check_same_grid(image.geometry, clean.geometry, f"The clean label map of {item.id}")
        reference = np.asarray(clean.voxels == label_class)
        if not reference.any():
            raise _no_such_class(item.id, clean, label_class)
    return NativeCase(image, label_map, mask, reference)


def _no_such_class(item: str, label_map: Volume, label_class: int) -> InputError:
    counts = np.bincount(label_map.voxels.ravel())
    found = [f"{value} ({counts[value]} voxels)" for value in np.flatnonzero(counts) if value]
    return InputError(
        "The label map of {item} has no voxel of class {label_class}; it holds {found}.",
        remedy="Set label_class to the class of the vessels, or choose another label map.",
        item=item,
        label_class=label_class,
        found=", ".join(found[:_MOST_CLASSES_NAMED]) or "background only",
    )


def training_cases(run: RunContext, config: TrainConfig) -> tuple[list[RefinementCase], list[RefinementCase]]:
    """Read the cases to train on and those to validate on.

    Raises
    ------
    PreconditionError
        If there is nothing to train on.
    """
    found: dict[Split, list[RefinementCase]] = {Split.TRAIN: [], Split.VAL: []}
    for split, cases in found.items():
        for item in run.items(split):
            run.check_stop()
            native = read_case(run, item, config.label_class)
            cases.append(
                make_case(
                    item.id,
                    native.image,
                    native.mask,
                    spacing_mm=config.work_spacing_mm,
                    margin_mm=config.margin_mm,
                    reference=native.reference,
                )
            )
    if not found[Split.TRAIN]:
        raise PreconditionError(
            "No item of split 'train' has an image and a label map.",
            remedy="Import image and label map of at least two subjects, and assign them to train and val.",
        )
    _warn_of_copies(run, found[Split.TRAIN])
    return found[Split.TRAIN], found[Split.VAL]


def _warn_of_copies(run: RunContext, cases: Sequence[RefinementCase]) -> None:
    first = cases[0]
    if len(cases) > 1 and all(np.array_equal(case.occupancy, first.occupancy) for case in cases[1:]):
        run.warn("All {count} training cases have the same label: they count as one.", count=len(cases))


def appearance_channels(case: RefinementCase) -> FloatGrid:
    """Return what the encoder sees, (`NUM_CHANNELS`, I, J, K).

    The image in a fixed window; the image between the label's surroundings, 0, and the label, 1, so that
    weakly and strongly enhanced vessels look alike; what of that stands out from its neighbourhood; and at
    `CONTEXT_CHANNEL` the blurred label.
    """
    low, high = _HU_WINDOW
    window = (case.image - low) / (high - low)
    label = case.occupancy >= 0.5
    inside, outside = _contrast(case.image, label)
    relative = (case.image - outside) / max(inside - outside, _LEAST_CONTRAST_HU)
    context = ndimage.gaussian_filter(case.occupancy, _CONTEXT_BLUR)
    relative = np.clip(relative, -1.5, 2.5)
    local = relative - ndimage.gaussian_filter(relative, _NEIGHBOURHOOD)
    return np.stack([np.clip(window, 0, 1), relative, local, np.clip(2.0 * context, 0, 2)]).astype(np.float32)


def _contrast(image: FloatGrid, label: Mask) -> tuple[float, float]:
    """Return the median value in the label and that around it."""
    shell = ndimage.binary_dilation(label, iterations=4) & ~ndimage.binary_dilation(label, iterations=2)
    inside = float(np.median(image[label])) if label.any() else 0.0
    return inside, float(np.median(image[shell])) if shell.any() else float(np.median(image))


def vessel_radius_mm(case: RefinementCase) -> float:
    """Return the median radius of the label along its centre line, at least half a lattice point."""
    label = case.occupancy >= 0.5
    box = bounding_box(label, margin=1)
    part = np.pad(label[box], 1)
    line = centre_line(part)
    # Thinned lines run beside the middle at times: the largest distance next to them is the radius.
    distance = ndimage.maximum_filter(ndimage.distance_transform_edt(part), 3)
    radius = float(np.median(distance[line])) if line.any() else 0.5
    return max(0.5, radius - 0.5) * case.lattice.spacing_mm
