"""DICOM series: found in a folder, sorted by where the slices lie, read in Hounsfield units.

A series is described by what the scanner did. Who the person is stays in `DicomSeries.person`, for a list of
aliases that lies outside of projects; nothing else may use it, and no text shows it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError

from engines.contract.errors import VolumeReadError
from engines.contract.geometry import FloatArray
from engines.contract.messages import Message
from engines.imaging.volumes.volume import LPS_FROM_RAS, Volume, VolumeGeometry

SPACING_TOLERANCE = 0.05
"""Largest deviation of a slice distance from the median one, as a share of it."""
_DIRECTION_DIGITS = 3
_TAGS = (
    "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "Modality", "ImagePositionPatient",
    "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns", "NumberOfFrames", "ConvolutionKernel",
    "ContrastBolusAgent", "StudyInstanceUID", "PatientID", "BurnedInAnnotation",
)  # fmt: skip


@dataclass(frozen=True)
class DicomSeries:
    """The slices of one series, sorted along their normal.

    Parameters
    ----------
    uid : str
        Series instance UID; empty in files that lack it.
    number : int or None
    description, modality, kernel : str
        What the scanner did.
    has_contrast : bool
        Whether a contrast agent is named.
    files : tuple of Path
        From the first slice to the last.
    shape : (columns, rows, slices)
    spacing_mm : (x, y, between slices)
    problem : Message or None
        Why the series cannot be read as a volume.
    person : str
        Number of the patient; of files without one the examination, else the folder.
    study : str
        UID of the examination; may be empty.
    has_burned_in_text : bool
        Whether the file says that texts, such as a name, are part of the picture.
    """

    uid: str
    number: int | None
    description: str
    modality: str
    kernel: str
    has_contrast: bool
    files: tuple[Path, ...]
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    problem: Message | None
    person: str = field(default="", repr=False)
    study: str = field(default="", repr=False)
    has_burned_in_text: bool = False


@dataclass(frozen=True)
class _Slice:
    path: Path
    header: pydicom.Dataset

    def text(self, name: str) -> str:
        return str(self.header.get(name) or "").strip()

    def numbers(self, name: str) -> FloatArray | None:
        value = self.header.get(name)
        return None if not value else np.asarray(value, dtype=np.float64)

    @property
    def normal(self) -> FloatArray | None:
        axes = self.numbers("ImageOrientationPatient")
        return None if axes is None or axes.shape != (6,) else np.cross(axes[:3], axes[3:])

    @property
    def group(self) -> tuple[Any, ...]:
        # Files without UIDs still differ in size and direction, and scouts differ from their scan.
        axes = self.numbers("ImageOrientationPatient")
        spacing = self.numbers("PixelSpacing")
        return (
            self.text("StudyInstanceUID"),
            self.text("SeriesInstanceUID"),
            self.text("Rows"),
            self.text("Columns"),
            None if axes is None else tuple(np.round(axes, _DIRECTION_DIGITS) + 0.0),
            None if spacing is None else tuple(np.round(spacing, _DIRECTION_DIGITS)),
        )


def find_series(
    paths: Iterable[Path],
    *,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[DicomSeries]:
    """Return the series of some files and folders, the longest first.

    Parameters
    ----------
    paths : iterable of Path
        Folders are searched with all that is in them; files that are no DICOM are passed over.
    progress : callable
        Given the files done and in all.
    should_stop : callable
        Asked before every file; true ends the search with what was found.
    """
    files = sorted({file for path in paths for file in _files_of(Path(path))})
    groups: dict[tuple[Any, ...], list[_Slice]] = {}
    for done, file in enumerate(files):
        if should_stop():
            break
        if progress is not None:
            progress(done, len(files))
        try:
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(_TAGS))
        except (InvalidDicomError, OSError, EOFError, ValueError):
            # No DICOM, or not a file of a series: scan folders hold reports and directories, too.
            continue
        found = _Slice(file, header)
        if found.text("Rows"):
            groups.setdefault(found.group, []).append(found)
    return sorted((_series(slices) for slices in groups.values()), key=lambda series: -len(series.files))


def read_series(
    series: DicomSeries,
    *,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Volume:
    """Read a series in Hounsfield units (or the unit that its rescale slope and intercept give).

    Returns
    -------
    Volume
        int16 where every rescaled value is a whole number that fits, else float32.

    Raises
    ------
    VolumeReadError
        If the series has a problem, a slice is damaged or lacks what CT needs, or it was stopped.
    """
    if series.problem is not None:
        raise VolumeReadError(
            "The series '{series}' is no volume: {problem}.",
            remedy="Export the whole series again from the archive, one series to a folder.",
            series=series.description or series.uid or series.files[0].parent.name,
            problem=series.problem,
        )
    slices = []
    for done, file in enumerate(series.files):
        if should_stop():
            raise VolumeReadError("Reading the series was cancelled.")
        if progress is not None:
            progress(done, len(series.files))
        slices.append(_read_slice(file))
    voxels = np.stack(slices, axis=-1)
    first = pydicom.dcmread(series.files[0], stop_before_pixels=True)
    last = pydicom.dcmread(series.files[-1], stop_before_pixels=True)
    return Volume(voxels, VolumeGeometry(voxels.shape, _affine(first, last, len(series.files))))


def _series(slices: Sequence[_Slice]) -> DicomSeries:
    first = slices[0]
    normal = first.normal
    spacing = first.numbers("PixelSpacing")
    problem: Message | None = None
    between = 0.0
    ordered = list(slices)
    if normal is None or spacing is None or any(s.numbers("ImagePositionPatient") is None for s in slices):
        problem = Message("its slices do not say where they lie")
    elif int(first.header.get("NumberOfFrames") or 1) > 1:
        problem = Message("it is a multi-frame file, which this program does not read")
    else:
        ordered.sort(key=lambda s: float(np.dot(s.numbers("ImagePositionPatient"), normal)))
        depths = np.array([float(np.dot(s.numbers("ImagePositionPatient"), normal)) for s in ordered])
        between, problem = _distance(depths)
    number = first.text("SeriesNumber")
    return DicomSeries(
        uid=first.text("SeriesInstanceUID"),
        number=int(number) if number.isdigit() else None,
        description=first.text("SeriesDescription"),
        modality=first.text("Modality"),
        kernel=first.text("ConvolutionKernel"),
        has_contrast=bool(first.text("ContrastBolusAgent")),
        files=tuple(s.path for s in ordered),
        shape=(int(first.text("Columns") or 0), int(first.text("Rows") or 0), len(ordered)),
        spacing_mm=(
            0.0 if spacing is None else float(spacing[1]),
            0.0 if spacing is None else float(spacing[0]),
            between,
        ),
        problem=problem,
        person=first.text("PatientID") or first.text("StudyInstanceUID") or str(first.path.parent),
        study=first.text("StudyInstanceUID"),
        has_burned_in_text=any(s.text("BurnedInAnnotation").upper() == "YES" for s in slices),
    )


def _distance(depths_mm: FloatArray) -> tuple[float, Message | None]:
    """Return the distance between sorted slices, or why there is no single one."""
    if len(depths_mm) < 2:
        return 0.0, Message("it has only one slice")
    gaps = np.diff(depths_mm)
    usual = float(np.median(gaps))
    if gaps.min() < 1e-3:
        return usual, Message(
            "several slices lie in one place ({count} doubles), as when two series share a folder",
            {"count": int((gaps < 1e-3).sum())},
        )
    wrong = np.abs(gaps - usual) > SPACING_TOLERANCE * usual
    if not wrong.any():
        return float(gaps.mean()), None
    worst = int(np.argmax(np.abs(gaps - usual)))
    parameters = {"count": int(wrong.sum()), "gap": float(gaps[worst]), "usual": usual, "slice": worst + 1}
    multiples = gaps[wrong] / usual
    if np.abs(multiples - np.rint(multiples)).max() < 0.1 and multiples.min() > 1.5:
        parameters["missing"] = int(np.rint(multiples).sum() - len(multiples))
        return usual, Message(
            "slices are missing ({missing}), the first gap of {gap:.2f} mm after slice {slice} "
            "(usual {usual:.2f} mm)",
            parameters,
        )
    return usual, Message(
        "its slices are not evenly spaced: {gap:.2f} mm after slice {slice}, {usual:.2f} mm elsewhere",
        parameters,
    )


def _read_slice(file: Path) -> np.ndarray[Any, Any]:
    try:
        data = pydicom.dcmread(file)
        stored = data.pixel_array
    except (InvalidDicomError, OSError, EOFError, ValueError, AttributeError, RuntimeError) as error:
        raise VolumeReadError(
            "{path} cannot be read as a DICOM slice: {reason}.",
            remedy="Export the series again, uncompressed.",
            path=file,
            reason=str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__,
        ) from error
    if stored.ndim != 2:
        raise VolumeReadError(
            "{path} holds a colour or multi-frame image, not a slice.",
            remedy="Choose the original series, not a capture of the screen.",
            path=file,
        )
    slope = float(data.get("RescaleSlope", 1.0) or 1.0)
    intercept = float(data.get("RescaleIntercept", 0.0) or 0.0)
    values = stored.astype(np.float64) * slope + intercept
    limits = np.iinfo(np.int16)
    is_whole = slope.is_integer() and intercept.is_integer()
    if is_whole and limits.min <= values.min() and values.max() <= limits.max:
        return values.astype(np.int16).T
    return values.astype(np.float32).T


def series_geometry(series: DicomSeries) -> VolumeGeometry:
    """Return the grid of a series from the headers of its ends; as `read_series` gives it."""
    first, last = (pydicom.dcmread(series.files[end], stop_before_pixels=True) for end in (0, -1))
    return VolumeGeometry(series.shape, _affine(first, last, len(series.files)))


def _affine(first: pydicom.Dataset, last: pydicom.Dataset, num_slices: int) -> FloatArray:
    axes = np.asarray(first.ImageOrientationPatient, dtype=np.float64)
    row_mm, column_mm = (float(value) for value in first.PixelSpacing)
    begin = np.asarray(first.ImagePositionPatient, dtype=np.float64)
    end = np.asarray(last.ImagePositionPatient, dtype=np.float64)
    lps_from_voxel = np.eye(4)
    lps_from_voxel[:3, 0] = axes[:3] * column_mm
    lps_from_voxel[:3, 1] = axes[3:] * row_mm
    lps_from_voxel[:3, 2] = (end - begin) / (num_slices - 1)
    lps_from_voxel[:3, 3] = begin
    return np.asarray(LPS_FROM_RAS @ lps_from_voxel)


def _files_of(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [Path(root) / name for root, _folders, names in os.walk(path) for name in names]
