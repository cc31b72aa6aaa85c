"""What a look at every voxel tells of a volume: its range, voxels that are no numbers, labels, a preview."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from engines.imaging.volumes.label_classes import LabelClass
from engines.imaging.volumes.merged_masks import MaskOverlap
from engines.imaging.volumes.volume import Volume, VolumeGeometry, VoxelArray

_SLAB_VOXELS = 1 << 24
"""Voxels that are looked at in one go: a mapped file is never held as a whole."""
PREVIEW_SIDE = 320
_WINDOW_PERCENTILES = (1.0, 99.0)

Preview: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class VolumeFacts:
    """What is known of a volume or a label map.

    Parameters
    ----------
    grid : VolumeGeometry
    low, high : float
        Smallest and largest finite value; both 0 when no voxel is a number.
    num_not_finite : int
        Voxels that are NaN or infinite.
    label_ml : tuple of (value, volume in mL)
        Of a label map, ascending, without 0; empty for an image, and for an empty label map.
    is_label_map : bool
    classes : tuple of LabelClass
        Names that came with a label map.
    is_spacing_known : bool
        False: the file did not say how large its voxels are, and they count as 1 mm cubes.
    overlaps : tuple of MaskOverlap
        Of merged masks: what smaller classes took.
    preview : ndarray of uint8, (H, W)
        The middle axial slice: a grey picture of an image, or labels. Seen from the feet, front up.
    """

    grid: VolumeGeometry
    low: float
    high: float
    num_not_finite: int = 0
    label_ml: tuple[tuple[int, float], ...] = ()
    is_label_map: bool = False
    classes: tuple[LabelClass, ...] = ()
    is_spacing_known: bool = True
    overlaps: tuple[MaskOverlap, ...] = ()
    preview: npt.NDArray[Any] | None = field(default=None, compare=False, repr=False)


def volume_facts(volume: Volume, *, is_spacing_known: bool = True) -> VolumeFacts:
    """Look at an image."""
    low, high, num_not_finite = np.inf, -np.inf, 0
    for slab in _slabs(volume.voxels):
        values = slab
        if slab.dtype.kind == "f":
            finite = np.isfinite(slab)
            if not finite.all():
                num_not_finite += int(slab.size - finite.sum())
                values = slab[finite]
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    if low > high:
        low = high = 0.0
    return VolumeFacts(
        volume.geometry,
        low,
        high,
        num_not_finite,
        is_spacing_known=is_spacing_known,
        preview=_grey(middle_slice(volume)),
    )


def label_facts(
    labels: Volume, classes: tuple[LabelClass, ...] = (), *, is_spacing_known: bool = True
) -> VolumeFacts:
    """Look at a label map (uint8 or uint16)."""
    counts = np.zeros(int(np.iinfo(labels.voxels.dtype).max) + 1, dtype=np.int64)
    for slab in _slabs(labels.voxels):
        found = np.bincount(slab.ravel(order="K"))
        counts[: found.size] += found
    values = np.flatnonzero(counts)
    voxel_ml = labels.geometry.voxel_volume_ml
    return VolumeFacts(
        labels.geometry,
        float(values.min()),
        float(values.max()),
        label_ml=tuple((int(value), float(counts[value] * voxel_ml)) for value in values if value),
        is_label_map=True,
        classes=classes,
        is_spacing_known=is_spacing_known,
        preview=middle_slice(labels),
    )


def middle_slice(volume: Volume) -> npt.NDArray[Any]:
    """Return the middle axial slice as people look at it: front up, the patient's right on the left.

    Returns
    -------
    ndarray, (H, W)
        Thinned out until no side is longer than `PREVIEW_SIDE`, with square pixels (nearest voxels).
    """
    axis = volume.geometry.axial_axis
    plane = np.asarray(np.take(volume.voxels, volume.geometry.shape[axis] // 2, axis=axis))
    axes = [other for other in range(3) if other != axis]
    codes = [volume.geometry.axis_codes[other] for other in axes]
    spacing = [volume.geometry.spacing_mm[other] for other in axes]
    if codes[0] in "RL":
        plane, codes, spacing = plane.T, codes[::-1], spacing[::-1]
    # Rows run from front to back, columns from the patient's right to the left.
    if codes[0] in "AS":
        plane = plane[::-1]
    if codes[1] == "R":
        plane = plane[:, ::-1]
    lengths = [count * step for count, step in zip(plane.shape, spacing, strict=True)]
    pixel_mm = max(*lengths) / min(PREVIEW_SIDE, max(plane.shape))
    picked = [
        np.minimum((np.arange(max(1, round(length / pixel_mm))) + 0.5) * pixel_mm / step, count - 1).astype(
            int
        )
        for length, step, count in zip(lengths, spacing, plane.shape, strict=True)
    ]
    return np.ascontiguousarray(plane[np.ix_(*picked)])


def _grey(plane: npt.NDArray[Any]) -> Preview:
    values = plane.astype(np.float32)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros(plane.shape, dtype=np.uint8)
    low, high = np.percentile(finite, _WINDOW_PERCENTILES)
    scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / max(float(high - low), 1e-9)
    return (scaled.clip(0.0, 1.0) * 255.0).astype(np.uint8)


def _slabs(voxels: VoxelArray) -> Iterator[VoxelArray]:
    """Yield parts along the axis that lies outermost in memory, so that a mapped file is read in order."""
    axis = 2 if voxels.flags.f_contiguous else 0
    step = max(1, _SLAB_VOXELS * voxels.shape[axis] // max(1, voxels.size))
    for begin in range(0, voxels.shape[axis], step):
        yield voxels[:, :, begin : begin + step] if axis == 2 else voxels[begin : begin + step]
