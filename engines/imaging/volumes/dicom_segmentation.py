"""Label maps as DICOM Segmentation objects, one binary segment for each class.

A DICOM segmentation belongs to the images that it was drawn on: patient, study and frame of reference are
theirs. Where these are not at hand, because the image came as NIfTI or was de-identified, the object gets
identifiers of its own and stands alone: it carries its geometry, but an archive cannot file it with the scan.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.sr.coding import Code
from pydicom.uid import CTImageStorage, generate_uid

from engines.contract.errors import GeometryError, InputError
from engines.contract.files import write_bytes_atomically
from engines.imaging.volumes.label_classes import ClinicalTerm, LabelClass, clinical_terms, named
from engines.imaging.volumes.volume import LPS_FROM_RAS, VolumeGeometry, VoxelArray

_LONGEST_LABEL = 64
_MAY_BE_EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime", "ReferringPhysicianName", "PositionReferenceIndicator",
)  # fmt: skip
"""Tags that every object has, and that de-identification often takes out."""
_PROGRAM = "Workstation"
_SNOMED_CT = "SCT"


def write_dicom_segmentation(
    path: str | os.PathLike[str],
    labels: VoxelArray,
    geometry: VolumeGeometry,
    classes: Sequence[LabelClass],
    *,
    case: str = "",
    name: str = "",
    creator: str = "",
    is_automatic: bool = False,
    source: Sequence[Path] = (),
) -> Path:
    """Write a label map as a DICOM segmentation. Segments are numbered 1, 2, ... in the order of the values.

    Parameters
    ----------
    path : path
        Replaced atomically.
    labels : ndarray of whole numbers, (I, J, K)
        Slices run along the last axis.
    geometry : VolumeGeometry
    classes : sequence of LabelClass
        Names and colours; values that it lacks are called by their number.
    case : str
        Patient id of an object that stands alone; not used with `source`.
    name : str
        What the label map is called: the description of the series.
    creator : str
    is_automatic : bool
        Whether a program drew it.
    source : sequence of Path
        The DICOM files of the image; empty: the object stands alone.

    Raises
    ------
    InputError
        If nothing is drawn, a source file is no DICOM, or an identifier is missing there.
    GeometryError
        If labels and grid do not fit.
    OSError
        If the disk refuses.
    """
    import highdicom

    if labels.shape != geometry.shape:
        raise GeometryError(
            "Labels of {shape} voxels do not lie on a grid of {expected}.",
            shape=" x ".join(map(str, labels.shape)),
            expected=" x ".join(map(str, geometry.shape)),
        )
    values = [int(value) for value in np.unique(labels) if value]
    if not values:
        raise InputError(
            "Nothing is drawn in '{name}'; a DICOM segmentation needs at least one segment.",
            remedy="Draw a class first, or choose another format.",
            name=name,
        )
    numbers = np.zeros(max(values) + 1, dtype=np.uint16 if len(values) > 255 else np.uint8)
    numbers[values] = np.arange(1, len(values) + 1)
    terms = clinical_terms()
    images = _headers(source) if source else _stand_alone(geometry, case)
    patient = images[0].PatientName
    if patient and "^" not in str(patient):
        # The library warns of names of one part; the caret changes nothing, and is taken out again below.
        images[0].PatientName = f"{patient}^"
    # DICOM counts (slice, row, column), and rows run along j.
    order = np.eye(4)[:, [2, 1, 0, 3]]
    pixels = highdicom.Volume(
        np.ascontiguousarray(numbers[labels].transpose(2, 1, 0)),
        LPS_FROM_RAS @ geometry.world_from_voxel @ order,
        coordinate_system="PATIENT",
        frame_of_reference_uid=images[0].FrameOfReferenceUID,
    )
    segmentation = highdicom.seg.Segmentation(
        source_images=images,
        pixel_array=pixels,
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _description(number, one, is_automatic, terms.get(one.name.casefold()))
            for number, one in enumerate(named(values, classes), start=1)
        ],
        series_instance_uid=generate_uid(),
        series_number=100,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer=_PROGRAM,
        manufacturer_model_name=_PROGRAM,
        software_versions=_version(),
        device_serial_number="0",
        content_label="SEGMENTATION",
        content_description=_short(name) or None,
        content_creator_name=_person(creator),
        series_description=_short(name) or "Segmentation",
    )
    segmentation.SpecificCharacterSet = "ISO_IR 192"
    segmentation.PatientName = patient
    if not source:
        _forget_images(segmentation)
    content = BytesIO()
    segmentation.save_as(content)
    target = Path(path)
    write_bytes_atomically(target, content.getvalue())
    return target


def _description(number: int, one: LabelClass, is_automatic: bool, term: ClinicalTerm | None) -> Any:
    import highdicom
    from pydicom.sr.codedict import codes

    # A class may have any name; that it is tissue is all that can be said of one that no table knows.
    category = kind = codes.SCT.Tissue
    if term is not None:
        kind = Code(term.code, _SNOMED_CT, term.meaning)
        category = Code(term.category_code, _SNOMED_CT, term.category_meaning)
    found = highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=_short(one.name),
        segmented_property_category=category,
        segmented_property_type=kind,
        algorithm_type="SEMIAUTOMATIC" if is_automatic else "MANUAL",
        algorithm_identification=_algorithm() if is_automatic else None,
        display_color=highdicom.color.CIELabColor.from_rgb(*bytes.fromhex(one.colour.removeprefix("#"))),
    )
    found.SegmentDescription = f"Label {one.value}"
    return found


def _algorithm() -> Any:
    import highdicom
    from pydicom.sr.codedict import codes

    return highdicom.AlgorithmIdentificationSequence(
        name=_PROGRAM, family=codes.DCM.ArtificialIntelligence, version=_version()
    )


def _headers(source: Sequence[Path]) -> list[pydicom.Dataset]:
    images = []
    for file in source:
        try:
            image = pydicom.dcmread(file, stop_before_pixels=True)
        except (InvalidDicomError, OSError, EOFError, ValueError) as error:
            raise InputError(
                "{path} cannot be read as DICOM: {reason}", path=file, reason=str(error)
            ) from error
        missing = [
            name
            for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
            if not image.get(name)
        ]
        if missing:
            raise InputError(
                "{path} lacks {tags}, which a segmentation of it must name.",
                remedy="Write the segmentation without its source; it then stands alone.",
                path=file,
                tags=", ".join(missing),
            )
        for name in _MAY_BE_EMPTY:
            if name not in image:
                setattr(image, name, "")
        # Careless de-identification gives every slice a frame of its own; one segmentation has one.
        image.FrameOfReferenceUID = images[0].FrameOfReferenceUID if images else image.FrameOfReferenceUID
        images.append(image)
    return images


def _stand_alone(geometry: VolumeGeometry, case: str) -> list[pydicom.Dataset]:
    """Return headers of slices that exist nowhere, with identifiers of their own."""
    lps_from_voxel = LPS_FROM_RAS @ geometry.world_from_voxel
    column, row, between = geometry.spacing_mm
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    now = datetime.now(UTC)
    axes = lps_from_voxel[:3, :2] / geometry.spacing_mm[:2]
    images = []
    for k in range(geometry.shape[2]):
        image = pydicom.Dataset()
        image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, generate_uid()
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = study, series, frame
        image.PatientID, image.PatientName = _short(case), ""
        for name in _MAY_BE_EMPTY[2:]:
            setattr(image, name, "")
        image.StudyDate, image.StudyTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
        image.Modality, image.InstanceNumber, image.SeriesNumber = "CT", k + 1, 1
        image.Rows, image.Columns = geometry.shape[1], geometry.shape[0]
        image.PixelSpacing, image.SliceThickness = _decimals((row, column)), _decimals((between,))[0]
        image.ImageOrientationPatient = _decimals(axes.T.reshape(-1))
        image.ImagePositionPatient = _decimals(lps_from_voxel[:3, 3] + k * lps_from_voxel[:3, 2])
        images.append(image)
    return images


def _forget_images(segmentation: pydicom.Dataset) -> None:
    """Take out the references to images that exist nowhere; the geometry of each frame stays."""
    del segmentation.ReferencedSeriesSequence
    del segmentation.SourceImageSequence
    for frame in segmentation.PerFrameFunctionalGroupsSequence:
        if "DerivationImageSequence" in frame:
            del frame.DerivationImageSequence


def _decimals(numbers: Any) -> list[Any]:
    # A decimal string of DICOM has at most 16 characters.
    return [pydicom.valuerep.DSfloat(float(number), auto_format=True) for number in numbers]


def _short(text: str) -> str:
    return text.replace("\\", "/").strip()[:_LONGEST_LABEL]


def _person(name: str) -> str | None:
    # A trailing caret says that the one component is the whole name.
    return _short(name.replace("^", " "))[: _LONGEST_LABEL - 1] + "^" if name.strip() else None


def _version() -> str:
    try:
        return version("annotation-training-workstation")
    except PackageNotFoundError:
        return "unknown"


def matching_series(folder: Path, geometry: VolumeGeometry) -> tuple[Path, ...]:
    """Return the files of the DICOM series below a folder that lies on a grid; none if there is none."""
    from engines.imaging.volumes.dicom_series import find_series, series_geometry

    for series in find_series([folder]):
        is_candidate = series.problem is None and series.shape == geometry.shape
        if is_candidate and geometry.difference(series_geometry(series)) is None:
            return series.files
    return ()
