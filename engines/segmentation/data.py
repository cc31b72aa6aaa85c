"""Cases: four modalities of one brain as normalised slices. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.contract.errors import InputError
from engines.contract.grade_file import GradeFile
from engines.contract.kinds import AnnotationKind
from engines.contract.manifest import ItemRecord
from engines.contract.run_context import RunContext
from engines.imaging.volumes.label_metrics import Mask
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import check_same_grid, read_label_map, read_volume

MODALITIES = ("t1", "t1ce", "t2", "flair")
BRAIN_ROLE = "brain_mask"
GRADES = ("LGG", "HGG")
UNKNOWN_GRADE = -1
_CLIP = 5.0
_LEAST_BRAIN_SHARE = 0.01
_SCORED_MEAN, _SCORED_SPREAD = 0.5, 2.0

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class BrainCase:
    """One brain, its slices along the axial axis first.

    Parameters
    ----------
    id, subject : str
    image : ndarray of float32, (S, M, H, W)
        Modalities in `MODALITIES`' order, normalised over the brain, 0 outside; missing ones are 0.
    brain : ndarray of bool, (S, H, W)
    labels : ndarray of uint8 or uint16, (S, H, W), or None
    grade : int
        0 low, 1 high, -1 unknown.
    geometry : VolumeGeometry
    header : bytes
        Of the first modality's file.
    missing : tuple of str
    was_normalised : tuple of str
        Modalities that came with mean 0 and spread 1.
    """

    id: str
    subject: str
    image: FloatArray
    brain: Mask
    labels: npt.NDArray[Any] | None
    grade: int
    geometry: VolumeGeometry
    header: bytes
    missing: tuple[str, ...]
    was_normalised: tuple[str, ...]

    @property
    def slices(self) -> npt.NDArray[np.intp]:
        """Numbers of the slices with more than 1 % brain."""
        share = self.brain.mean(axis=(1, 2))
        return np.flatnonzero(share > _LEAST_BRAIN_SHARE)

    def to_volume(self, slices: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return slices (S, H, W) as voxels (I, J, K)."""
        return np.ascontiguousarray(np.moveaxis(slices, 0, self.geometry.axial_axis))


def read_case(run: RunContext, item: ItemRecord, *, needs_labels: bool) -> BrainCase:
    """Read an item.

    Raises
    ------
    InputError
        If it has no modality, no labels although they are needed, an unknown grade, or an empty brain.
    GeometryError
        If its files do not lie on one grid.
    """
    present = [name for name in MODALITIES if item.has(name)]
    if not present:
        raise InputError(
            "{item} has none of {names}.",
            remedy="Import at least one of these files.",
            item=item.id,
            names=", ".join(MODALITIES),
        )
    volumes = {name: read_volume(run.input_path(item, name)) for name in present}
    first = volumes[present[0]]
    for name, volume in volumes.items():
        check_same_grid(first.geometry, volume.geometry, f"{name} of {item.id}")
    brain = _brain(run, item, volumes, first.geometry)
    stacked, scored = [], []
    for name in MODALITIES:
        if name not in volumes:
            stacked.append(np.zeros(first.geometry.shape, dtype=np.float32))
            continue
        values, was_normalised = normalised(volumes[name].voxels, brain)
        stacked.append(values)
        if was_normalised:
            scored.append(name)
    axis = first.geometry.axial_axis
    image = np.moveaxis(np.stack(stacked), axis + 1, 0)
    labels = _labels(run, item, first.geometry, is_needed=needs_labels)
    return BrainCase(
        item.id,
        item.subject,
        np.ascontiguousarray(image),
        np.ascontiguousarray(np.moveaxis(brain, axis, 0)),
        None if labels is None else np.ascontiguousarray(np.moveaxis(labels, axis, 0)),
        read_grade(run, item),
        first.geometry,
        first.header,
        tuple(name for name in MODALITIES if name not in volumes),
        tuple(scored),
    )


def normalised(voxels: npt.NDArray[Any], brain: Mask) -> tuple[FloatArray, bool]:
    """Return values of mean 0 and spread 1 over the brain, clipped to 5, 0 outside; and if they came so.

    Other programs leave out the tails when they normalise, so their spread is up to 2; it becomes 1 here.
    """
    values = np.asarray(voxels, dtype=np.float32)
    inside = values[brain]
    mean, spread = float(inside.mean()), float(inside.std())
    was_normalised = abs(mean) < _SCORED_MEAN and spread < _SCORED_SPREAD and float(inside.min()) < 0
    values = (values - mean) / max(spread, 1e-6)
    return np.where(brain, np.clip(values, -_CLIP, _CLIP), 0).astype(np.float32), was_normalised


def read_grade(run: RunContext, item: ItemRecord) -> int:
    """Return 0 for a low grade, 1 for a high one, -1 when the item has none.

    Raises
    ------
    InputError
        If the grade has another name.
    """
    record = item.annotations.get(AnnotationKind.GRADE)
    if record is None:
        return UNKNOWN_GRADE
    found = GradeFile.read(run.folder.file_path(record.path)).grade.strip().upper()
    if found not in GRADES:
        raise InputError(
            "The grade of {item} is '{grade}'.",
            remedy="Grades here are {known}; correct it in the project.",
            item=item.id,
            grade=found,
            known=" and ".join(GRADES),
        )
    return GRADES.index(found)


def _brain(run: RunContext, item: ItemRecord, volumes: dict[str, Volume], geometry: VolumeGeometry) -> Mask:
    if item.has(BRAIN_ROLE):
        given = read_label_map(run.input_path(item, BRAIN_ROLE))
        check_same_grid(geometry, given.geometry, f"The brain mask of {item.id}")
        brain = np.asarray(given.voxels > 0)
    else:
        brain = np.zeros(geometry.shape, dtype=bool)
        for volume in volumes.values():
            voxels = np.asarray(volume.voxels)
            brain |= np.isfinite(voxels) & (voxels != _background(voxels))
    if not brain.any():
        raise InputError("{item} has no brain: every voxel is 0.", remedy="Look at its files.", item=item.id)
    return brain


def _background(voxels: npt.NDArray[Any]) -> float:
    """Return the value around the brain: 0, or what all eight corners have, as after a subtraction."""
    corners = np.unique(voxels[:: voxels.shape[0] - 1, :: voxels.shape[1] - 1, :: voxels.shape[2] - 1])
    return float(corners[0]) if len(corners) == 1 else 0.0


def _labels(
    run: RunContext, item: ItemRecord, geometry: VolumeGeometry, *, is_needed: bool
) -> npt.NDArray[Any] | None:
    record = item.annotations.get(AnnotationKind.LABEL_MAP)
    if record is None:
        if not is_needed:
            return None
        raise InputError(
            "{item} has no label map.", remedy="Import one, or accept a label map of the item.", item=item.id
        )
    label_map = read_label_map(run.folder.file_path(record.path))
    check_same_grid(geometry, label_map.geometry, f"The label map of {item.id}")
    return np.asarray(label_map.voxels)


@dataclass(frozen=True)
class Frame:
    """How slices of any size lie in a square of one size: padded, or cut where there is no brain.

    Parameters
    ----------
    rows, columns : slice
        Of the slice, that are kept.
    top, left : int
        Where they lie in the square.
    size : int
    shape : (H, W)
        Of the slice.
    """

    rows: slice
    columns: slice
    top: int
    left: int
    size: int
    shape: tuple[int, int]

    def put(self, slices: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return slices (..., H, W) in the square (..., size, size), zeros around them."""
        square = np.zeros((*slices.shape[:-2], self.size, self.size), dtype=slices.dtype)
        height, width = self.rows.stop - self.rows.start, self.columns.stop - self.columns.start
        square[..., self.top : self.top + height, self.left : self.left + width] = slices[
            ..., self.rows, self.columns
        ]
        return square

    def take(self, square: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return what lies in a square (..., size, size) as slices (..., H, W), zeros where it was cut."""
        slices = np.zeros((*square.shape[:-2], *self.shape), dtype=square.dtype)
        height, width = self.rows.stop - self.rows.start, self.columns.stop - self.columns.start
        slices[..., self.rows, self.columns] = square[
            ..., self.top : self.top + height, self.left : self.left + width
        ]
        return slices


def frame_of(case: BrainCase, size: int) -> Frame:
    """Return how a case lies in a square, never resized.

    Raises
    ------
    InputError
        If its brain does not fit.
    """
    spans = [np.flatnonzero(case.brain.any(axis=axes)) for axes in ((0, 2), (0, 1))]
    kept: list[slice] = []
    offsets: list[int] = []
    for span, length in zip(spans, case.brain.shape[1:], strict=True):
        extent = int(span[-1] - span[0]) + 1
        if extent > size:
            raise InputError(
                "The brain of {item} is {extent} voxels wide, and slices have {size}.",
                remedy="Set image_size to a larger multiple of 32, or 0.",
                item=case.id,
                extent=extent,
                size=size,
            )
        if length <= size:
            kept.append(slice(0, length))
            offsets.append((size - length) // 2)
        else:
            start = int(np.clip((span[0] + span[-1] + 1 - size) // 2, 0, length - size))
            kept.append(slice(start, start + size))
            offsets.append(0)
    return Frame(kept[0], kept[1], offsets[0], offsets[1], size, case.brain.shape[1:])


def square_size(cases: Sequence[tuple[int, int]], wanted: int, divisor: int) -> int:
    """Return the side of slices: the wanted one, or the smallest multiple of `divisor` that holds all brains.

    Parameters
    ----------
    cases : sequence of (H, W)
        Extents of the brains.
    wanted, divisor : int
    """
    if wanted:
        return wanted
    longest = max(max(extent) for extent in cases)
    return -(-longest // divisor) * divisor


def brain_extent(case: BrainCase) -> tuple[int, int]:
    """Return how many rows and columns the brain spans over all slices."""
    spans = [np.flatnonzero(case.brain.any(axis=axes)) for axes in ((0, 2), (0, 1))]
    return int(np.ptp(spans[0])) + 1, int(np.ptp(spans[1])) + 1
