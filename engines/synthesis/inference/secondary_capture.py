"""Synthetic volumes as DICOM secondary captures, marked in the header and burned into every slice."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from engines.imaging.opencv import cv2
from engines.imaging.volumes.volume import LPS_FROM_RAS, VolumeGeometry
from engines.synthesis.volumes.canonical import AxisTurn
from engines.synthesis.volumes.windows import FloatVoxels

MARK = "SYNTHETIC, NOT FOR DIAGNOSIS"
_SHOWN_HU = (200.0, 700.0)
"""Centre and width of the window that viewers open with."""
_OFFSET = 1024
_MARGIN_PX = 4
_MARK_HU = 1000
_LARGEST_SCALE, _LEAST_SCALE, _LINE_PX = 0.5, 0.35, 18


def write_secondary_capture(
    folder: Path, hu: FloatVoxels, turn: AxisTurn, geometry: VolumeGeometry, *, case: str
) -> tuple[Path, ...]:
    """Write one file a slice, feet first, as a viewer expects axial slices: right side left, front up.

    Parameters
    ----------
    folder : Path
    hu : ndarray, (I, J, K)
        In turned order.
    turn : AxisTurn
    geometry : VolumeGeometry
        Of the file that the volume was made from.
    case : str
        Patient id.
    """
    folder.mkdir(parents=True, exist_ok=True)
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    spacing = turn.spacing(geometry)
    now = datetime.now(UTC)
    shape = hu.shape
    lps_from_turned = LPS_FROM_RAS @ geometry.world_from_voxel @ _voxel_from_turned(turn, shape)
    # Columns run to the patient's left, rows to the back: both against the turned axes.
    along, down = -lps_from_turned[:3, 0], -lps_from_turned[:3, 1]
    paths = []
    for number in range(shape[2]):
        plane = np.flip(np.swapaxes(hu[:, :, number], 0, 1), axis=(0, 1))
        corner = lps_from_turned @ np.array([shape[0] - 1, shape[1] - 1, number, 1.0])
        dataset = _dataset(now, case, number, (study, series, frame))
        dataset.ImagePositionPatient = [f"{value:.6g}" for value in corner[:3]]
        dataset.ImageOrientationPatient = [
            f"{value:.6g}" for axis in (along, down) for value in axis / np.linalg.norm(axis)
        ]
        dataset.PixelSpacing = [f"{spacing[1]:.6g}", f"{spacing[0]:.6g}"]
        dataset.SliceThickness = dataset.SpacingBetweenSlices = f"{spacing[2]:.6g}"
        stored = np.clip(np.round(plane), -_OFFSET, 3071).astype(np.int32) + _OFFSET
        dataset.Rows, dataset.Columns = stored.shape
        dataset.PixelData = _burned_in(stored.astype(np.uint16)).tobytes()
        path = folder / f"{number + 1:04d}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return tuple(paths)


def _voxel_from_turned(turn: AxisTurn, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return the matrix that takes turned positions to those of the file."""
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1.0
    for axis, (source, is_flipped) in enumerate(zip(turn.order, turn.is_flipped, strict=True)):
        matrix[source, axis] = -1.0 if is_flipped else 1.0
        matrix[source, 3] = shape[axis] - 1.0 if is_flipped else 0.0
    return matrix


def _dataset(now: datetime, case: str, number: int, uids: tuple[str, str, str]) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = (
        meta.MediaStorageSOPClassUID,
        meta.MediaStorageSOPInstanceUID,
    )
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = uids
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientID, dataset.PatientName = case[:64], f"{case[:50]}^synthetic"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.StudyID = dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = now.strftime("%Y%m%d")
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = now.strftime("%H%M%S")
    dataset.Modality, dataset.ConversionType = "CT", "WSD"
    dataset.ImageType = ["DERIVED", "SECONDARY", "AXIAL", "SYNTHETIC"]
    dataset.SeriesDescription = dataset.DerivationDescription = MARK
    dataset.ImageComments = f"{MARK}. Made from a non-contrast CT by a neural network."
    dataset.BurnedInAnnotation = "YES"
    dataset.SeriesNumber, dataset.InstanceNumber = 9001, number + 1
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = "1", f"{-_OFFSET}", "HU"
    dataset.WindowCenter, dataset.WindowWidth = (f"{value:g}" for value in _SHOWN_HU)
    return dataset


def _burned_in(stored: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Write the mark into the upper left corner, in two lines where one would be too small to read."""
    room = stored.shape[1] - 2 * _MARGIN_PX
    lines, scale = [MARK], _text_scale(MARK, room)
    if scale < _LEAST_SCALE:
        lines = MARK.split(", ")
        scale = _text_scale(max(lines, key=len), room)
    text = np.zeros(stored.shape, dtype=np.uint8)
    height = max(6, round(_LINE_PX * scale / _LARGEST_SCALE))
    for number, line in enumerate(lines):
        place = (_MARGIN_PX, _MARGIN_PX + (number + 1) * height)
        cv2.putText(text, line, place, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1)
    return np.where(text > 0, np.uint16(_OFFSET + _MARK_HU), stored)


def _text_scale(text: str, room_px: int) -> float:
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, _LARGEST_SCALE, 1)
    return float(_LARGEST_SCALE * min(1.0, room_px / width))


def is_marked(path: Path) -> bool:
    """Tell whether a DICOM file says that it is synthetic."""
    return str(pydicom.dcmread(path, stop_before_pixels=True).get("SeriesDescription", "")) == MARK
