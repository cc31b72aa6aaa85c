"""Two label maps of one grid compared: what was added and removed, how far surfaces moved, and the numbers.

Labels are ``(I, J, K)`` of any integer type; a class is one of their values, or `ALL_CLASSES` for every
voxel that is not 0. Everything is computed inside the box around both masks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from engines.contract.errors import GeometryError
from engines.contract.messages import Message
from engines.imaging.comparison import Change
from engines.imaging.volumes.distance_colours import scale_end_mm
from engines.imaging.volumes.label_metrics import (
    Mask,
    bounding_box,
    centre_line_agreement,
    dice,
    num_components,
    surface,
    surface_distances,
)
from engines.imaging.volumes.volume import Volume, VolumeGeometry

Labels: TypeAlias = npt.NDArray[Any]
Box: TypeAlias = tuple[slice, slice, slice]
ALL_CLASSES = 0
TOLERANCES_MM = (0.5, 1.0)

BOTH_EMPTY = Message("Both masks are empty.")
CANDIDATE_EMPTY = Message("The mask is empty.")
REFERENCE_EMPTY = Message("The mask of the reference is empty.")
NO_CENTRE_LINE = Message("Thinning leaves no centre line of a mask.")
_EMPTY_BOX: Box = (slice(0, 0), slice(0, 0), slice(0, 0))


class Metric(StrEnum):
    """The numbers of a case, in the order in which they are shown."""

    DICE = "dice"
    NSD_05 = "nsd_0.5mm"
    NSD_1 = "nsd_1mm"
    HD95 = "hd95_mm"
    CLDICE = "cldice"
    VOLUME = "volume_ml"
    COMPONENTS = "components"


HIGHER_IS_BETTER: dict[Metric, bool | None] = {
    Metric.DICE: True,
    Metric.NSD_05: True,
    Metric.NSD_1: True,
    Metric.HD95: False,
    Metric.CLDICE: True,
    Metric.VOLUME: None,
    Metric.COMPONENTS: None,
}
"""None: neither; the reference says what is right."""


@dataclass(frozen=True, eq=False)
class LabelChange:
    """What became of each voxel between two masks.

    Parameters
    ----------
    change : ndarray of uint8, (i, j, k)
        `Change` of the voxels in the box; outside it there is nothing.
    box : three slices
        Empty when both masks are.
    voxel_ml : float
        Volume of a voxel.
    """

    change: npt.NDArray[np.uint8]
    box: Box
    voxel_ml: float

    @cached_property
    def num_voxels(self) -> dict[Change, int]:
        """Voxels of each class."""
        # Slab by slab: counting needs eight bytes a voxel.
        counts = sum(
            (np.bincount(slab.ravel(order="K"), minlength=len(Change)) for slab in self.change),
            np.zeros(len(Change), dtype=np.int64),
        )
        return {kind: int(counts[kind]) for kind in list(Change)[1:]}

    @property
    def shares(self) -> dict[Change, float]:
        """How much of all voxels in either mask each class holds, 0 to 1; zeros where both are empty."""
        total = sum(self.num_voxels.values())
        return {kind: count / total if total else 0.0 for kind, count in self.num_voxels.items()}

    @property
    def volumes_ml(self) -> dict[Change, float]:
        """Volume of each class."""
        return {kind: count * self.voxel_ml for kind, count in self.num_voxels.items()}


@dataclass(frozen=True, eq=False)
class SurfaceOffsets:
    """How far the surface of a mask lies from that of another.

    Parameters
    ----------
    distance_mm : ndarray of float32, (i, j, k)
        At each surface voxel of the candidate the distance to the nearest surface voxel of the reference:
        above 0 outside the reference, below inside it; NaN everywhere else.
    box : three slices
        Where the array lies in the grid; empty when a mask is.
    reason : Message or None
        Why there are no distances.
    """

    distance_mm: npt.NDArray[np.float32]
    box: Box
    reason: Message | None = None

    @cached_property
    def sizes_mm(self) -> npt.NDArray[np.float32]:
        """The distances without their sign, of surface voxels only, (N,)."""
        return np.abs(self.distance_mm[np.isfinite(self.distance_mm)])

    @property
    def largest_mm(self) -> float | None:
        """The largest distance to either side; None without distances."""
        return float(self.sizes_mm.max()) if self.sizes_mm.size else None

    @cached_property
    def scale_end_mm(self) -> float:
        """A round distance that nearly all do not exceed: the end of a colour scale."""
        return scale_end_mm(self.sizes_mm)


@dataclass(frozen=True)
class Agreement:
    """The numbers of one mask against a reference.

    Parameters
    ----------
    values : mapping of Metric to float or None
        None where a metric has no value.
    reasons : mapping of Metric to Message
        Why, for those without a value.
    """

    values: Mapping[Metric, float | None]
    reasons: Mapping[Metric, Message] = field(default_factory=dict)


def mask_of(labels: Labels, label: int = ALL_CLASSES) -> Mask:
    """Return the voxels of a class, or of every class."""
    return np.asarray(labels != 0 if label == ALL_CLASSES else labels == label)


def joint_box(first: Mask, second: Mask, margin: int = 0) -> Box:
    """Return the box around both masks, an empty one when both are empty."""
    boxes = [bounding_box(mask, margin) for mask in (first, second) if mask.any()]
    if not boxes:
        return _EMPTY_BOX
    i, j, k = (
        slice(min(box[axis].start for box in boxes), max(box[axis].stop for box in boxes))
        for axis in range(3)
    )
    return i, j, k


def change_between_labels(
    before: Labels, after: Labels, geometry: VolumeGeometry, label: int = ALL_CLASSES
) -> LabelChange:
    """Return which voxels of a class were added, removed and kept.

    Raises
    ------
    GeometryError
        If the arrays do not fit the grid.
    """
    check_shapes(before, after, geometry)
    first, second = mask_of(before, label), mask_of(after, label)
    box = joint_box(first, second)
    return LabelChange(change_of_masks(first[box], second[box]), box, geometry.voxel_volume_ml)


def change_of_masks(before: Mask, after: Mask) -> npt.NDArray[np.uint8]:
    """Return the `Change` of each voxel or pixel of two masks of one shape."""
    change = np.zeros(before.shape, dtype=np.uint8)
    change[before & after] = Change.KEPT
    change[after & ~before] = Change.ADDED
    change[before & ~after] = Change.REMOVED
    return change


def surface_offsets(
    candidate: Labels, reference: Labels, geometry: VolumeGeometry, label: int = ALL_CLASSES
) -> SurfaceOffsets:
    """Return the signed distance of the candidate's surface from the reference's, in mm.

    Raises
    ------
    GeometryError
        If the arrays do not fit the grid.
    """
    check_shapes(candidate, reference, geometry)
    first, second = mask_of(candidate, label), mask_of(reference, label)
    box = joint_box(first, second)
    own, other = first[box], second[box]
    reason = _why_empty(own, other)
    if reason is not None:
        return SurfaceOffsets(np.full(own.shape, np.nan, dtype=np.float32), box, reason)
    # A search among surface voxels: a distance map of the whole box takes ten times as long.
    spacing_mm = np.array(geometry.spacing_mm)
    places = np.nonzero(surface(own))
    tree = cKDTree(np.argwhere(surface(other)) * spacing_mm)
    distance_mm, _ = tree.query(np.column_stack(places) * spacing_mm)
    signed = np.full(own.shape, np.nan, dtype=np.float32)
    signed[places] = np.where(other[places], -distance_mm, distance_mm)
    return SurfaceOffsets(signed, box)


def agreement(
    candidate: Volume,
    reference: Volume,
    label: int = ALL_CLASSES,
    should_stop: Callable[[], bool] = lambda: False,
) -> Agreement | None:
    """Return the numbers of a class of a label map against a reference. Slow.

    Parameters
    ----------
    should_stop : callable
        Asked between the metrics.

    Returns
    -------
    Agreement, or None when it was stopped.

    Raises
    ------
    GeometryError
        If the grids differ.
    """
    check_one_grid(candidate.geometry, reference.geometry)
    first, second = mask_of(candidate.voxels, label), mask_of(reference.voxels, label)
    box = joint_box(first, second, margin=1)
    own, other = first[box], second[box]
    spacing_mm = candidate.geometry.spacing_mm
    values: dict[Metric, float | None] = {
        Metric.VOLUME: float(own.sum()) * candidate.geometry.voxel_volume_ml,
        Metric.COMPONENTS: float(num_components(own)) if own.size else 0.0,
    }
    reason = _why_empty(own, other)
    if reason is not None:
        # With one of the masks empty nothing overlaps, which is a value; distances have none.
        overlap = None if reason is BOTH_EMPTY else 0.0
        values |= dict.fromkeys((Metric.DICE, Metric.NSD_05, Metric.NSD_1, Metric.CLDICE), overlap)
        values[Metric.HD95] = None
        return _in_order(values, reason)
    values[Metric.DICE] = dice(own, other)
    if should_stop():
        return None
    distances = surface_distances(own, other, spacing_mm)
    values[Metric.NSD_05], values[Metric.NSD_1] = (distances.nsd(limit) for limit in TOLERANCES_MM)
    values[Metric.HD95] = distances.hd95_mm
    if should_stop():
        return None
    lines = centre_line_agreement(own, other)
    values[Metric.CLDICE] = lines.cldice if lines is not None else None
    return _in_order(values, NO_CENTRE_LINE)


def check_one_grid(first: VolumeGeometry, second: VolumeGeometry) -> None:
    """Refuse to compare label maps of two grids.

    Raises
    ------
    GeometryError
        With both grids.
    """
    difference = first.difference(second)
    if difference is not None:
        raise GeometryError(
            "These label maps lie on two grids, {first} and {second}: {difference}.",
            remedy="Resample one of them on the grid of the other, then compare again.",
            first=grid_text(first),
            second=grid_text(second),
            difference=difference,
        )


def grid_text(geometry: VolumeGeometry) -> str:
    """Return voxels, spacing and axes of a grid for people."""
    shape = " x ".join(map(str, geometry.shape))
    spacing = " x ".join(f"{length:.3g}" for length in geometry.spacing_mm)
    return f"{shape} voxels of {spacing} mm ({''.join(geometry.axis_codes)})"


def check_shapes(first: Labels, second: Labels, geometry: VolumeGeometry) -> None:
    """Refuse arrays that do not fit their grid.

    Raises
    ------
    GeometryError
        With the shapes.
    """
    for labels in (first, second):
        if labels.shape != geometry.shape:
            raise GeometryError(
                "Labels of {found} voxels do not fit a grid of {expected}.",
                found=" x ".join(map(str, labels.shape)),
                expected=" x ".join(map(str, geometry.shape)),
            )


def _why_empty(candidate: Mask, reference: Mask) -> Message | None:
    has_own, has_other = bool(candidate.any()), bool(reference.any())
    if has_own and has_other:
        return None
    if not has_own and not has_other:
        return BOTH_EMPTY
    return REFERENCE_EMPTY if has_own else CANDIDATE_EMPTY


def _in_order(values: Mapping[Metric, float | None], reason: Message) -> Agreement:
    ordered = {metric: values[metric] for metric in Metric}
    return Agreement(ordered, {metric: reason for metric, value in ordered.items() if value is None})
