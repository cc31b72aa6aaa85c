"""Segmentations of DICOM and of 3D Slicer, read back by other libraries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from engines.contract.errors import GeometryError, InputError
from engines.imaging.volumes.dicom_segmentation import matching_series, write_dicom_segmentation
from engines.imaging.volumes.label_classes import LabelClass
from engines.imaging.volumes.slicer_segmentation import write_slicer_segmentation
from engines.imaging.volumes.volume import LPS_FROM_RAS, Volume, VolumeGeometry

SHAPE = (12, 10, 8)
CLASSES = (LabelClass(3, "冠脉 LAD", "#ff0000"), LabelClass(300, "calcium", "#00ff80"))


def rotation(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def geometry(axes: np.ndarray) -> VolumeGeometry:
    matrix = np.eye(4)
    matrix[:3, :3] = axes * (0.7, 0.8, 2.5)
    matrix[:3, 3] = (-10.125, 20.25, 300.0 + 1 / 3)
    return VolumeGeometry(SHAPE, matrix)


GRIDS = {
    "straight": geometry(np.eye(3)),
    "mirrored": geometry(np.diag([-1.0, 1.0, 1.0])),
    "sagittal": geometry(np.eye(3)[:, [1, 2, 0]]),
    "oblique": geometry(rotation(20.0) @ np.diag([-1.0, -1.0, 1.0])),
}


@pytest.fixture(params=GRIDS)
def grid(request: pytest.FixtureRequest) -> VolumeGeometry:
    return GRIDS[request.param]


def labels() -> np.ndarray:
    drawn = np.zeros(SHAPE, dtype=np.uint16)
    drawn[2:5, 3:6, 1:7] = 3
    drawn[6:8, 2:9, 2:4] = 300
    drawn[0, 0, 7] = 3
    return drawn


def read_dicom(path: Path, grid: VolumeGeometry) -> tuple[np.ndarray, pydicom.Dataset]:
    """Put every frame where its header says that it lies."""
    dataset = pydicom.dcmread(path)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    across, down = np.reshape(shared.PlaneOrientationSequence[0].ImageOrientationPatient, (2, 3)).astype(
        float
    )
    row_mm, column_mm = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    values = {
        segment.SegmentNumber: int(segment.SegmentDescription.split()[-1])
        for segment in dataset.SegmentSequence
    }
    found = np.zeros(grid.shape, dtype=np.uint16)
    rows, columns = np.mgrid[: dataset.Rows, : dataset.Columns]
    for frame, pixels in zip(dataset.PerFrameFunctionalGroupsSequence, dataset.pixel_array, strict=True):
        origin = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        lps = origin + columns[..., None] * column_mm * across + rows[..., None] * row_mm * down
        voxels = grid.voxel_of((lps * np.diag(LPS_FROM_RAS)[:3]).reshape(-1, 3))
        assert np.abs(voxels - np.rint(voxels)).max() < 1e-3
        inside = np.rint(voxels[pixels.reshape(-1) > 0]).astype(int)
        number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        found[tuple(inside.T)] = values[number]
    return found, dataset


def source_series(folder: Path, grid: VolumeGeometry) -> list[Path]:
    """A small series of a scanner that is named by one word."""
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    lps = LPS_FROM_RAS @ grid.world_from_voxel
    folder.mkdir(exist_ok=True)
    files = []
    for k in range(grid.shape[2]):
        image = pydicom.Dataset()
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, generate_uid()
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = study, series, frame
        image.PatientID, image.PatientName = "P-7", "Seven"
        image.Modality, image.InstanceNumber = "CT", k + 1
        image.Rows, image.Columns = grid.shape[1], grid.shape[0]
        image.PixelSpacing, image.SliceThickness = (
            [grid.spacing_mm[1], grid.spacing_mm[0]],
            grid.spacing_mm[2],
        )
        image.ImageOrientationPatient = (lps[:3, :2] / grid.spacing_mm[:2]).T.reshape(-1).round(9).tolist()
        image.ImagePositionPatient = (lps[:3, 3] + k * lps[:3, 2]).round(9).tolist()
        path = folder / f"{k}.dcm"
        image.save_as(path, enforce_file_format=True)
        files.append(path)
    return files


def test_a_dicom_segmentation_lies_where_its_labels_lie(tmp_path: Path, grid: VolumeGeometry) -> None:
    path = write_dicom_segmentation(
        tmp_path / "掩膜 1.dcm", labels(), grid, CLASSES, case="病例 1", name="冠脉", creator="李"
    )
    found, dataset = read_dicom(path, grid)

    assert np.array_equal(found, labels())
    assert [segment.SegmentLabel for segment in dataset.SegmentSequence] == ["冠脉 LAD", "calcium"]
    assert (dataset.PatientID, dataset.SeriesDescription) == ("病例 1", "冠脉")
    assert {segment.SegmentAlgorithmType for segment in dataset.SegmentSequence} == {"MANUAL"}


def test_a_segmentation_without_images_refers_to_none(tmp_path: Path) -> None:
    path = write_dicom_segmentation(tmp_path / "a.dcm", labels(), GRIDS["straight"], ())
    text = str(pydicom.dcmread(path))
    assert "CT Image Storage" not in text
    assert "Referenced SOP Instance" not in text


def test_a_class_of_a_known_name_is_coded_and_others_are_tissue(tmp_path: Path) -> None:
    classes = (LabelClass(3, "Coronary arteries", "#ff0000"), LabelClass(300, "my own", "#00ff80"))
    path = write_dicom_segmentation(tmp_path / "a.dcm", labels(), GRIDS["straight"], classes)
    known, other = pydicom.dcmread(path).SegmentSequence
    kind, category = (
        known.SegmentedPropertyTypeCodeSequence[0],
        known.SegmentedPropertyCategoryCodeSequence[0],
    )
    assert (kind.CodeValue, kind.CodingSchemeDesignator) == ("41801008", "SCT")
    assert category.CodeMeaning == "Anatomical Structure"
    assert other.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Tissue"


def test_a_segmentation_of_a_series_is_filed_with_it(tmp_path: Path) -> None:
    grid = GRIDS["oblique"]
    files = source_series(tmp_path, grid)
    path = write_dicom_segmentation(
        tmp_path / "seg.dcm", labels(), grid, CLASSES, source=files, is_automatic=True
    )
    found, dataset = read_dicom(path, grid)
    source = pydicom.dcmread(files[0])

    assert np.array_equal(found, labels())
    for name in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID", "PatientName"):
        assert dataset[name].value == source[name].value
    referred = {
        one.ReferencedSOPInstanceUID for one in dataset.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    }
    assert referred <= {pydicom.dcmread(file).SOPInstanceUID for file in files}
    assert len(referred) == SHAPE[2]
    assert {segment.SegmentAlgorithmType for segment in dataset.SegmentSequence} == {"SEMIAUTOMATIC"}


def test_the_series_of_a_grid_is_found(tmp_path: Path) -> None:
    grid = GRIDS["straight"]
    others = source_series(tmp_path / "others", GRIDS["oblique"])
    files = source_series(tmp_path / "own", grid)

    assert matching_series(tmp_path, grid) == tuple(files)
    assert sorted(matching_series(tmp_path / "others", GRIDS["oblique"])) == others
    assert matching_series(tmp_path / "others", grid) == ()


def test_what_a_dicom_segmentation_cannot_be_made_of_is_refused(tmp_path: Path) -> None:
    grid, path = GRIDS["straight"], tmp_path / "a.dcm"
    with pytest.raises(InputError, match="Nothing is drawn in 'mine'"):
        write_dicom_segmentation(path, np.zeros(SHAPE, dtype=np.uint8), grid, CLASSES, name="mine")
    with pytest.raises(GeometryError, match="do not lie on a grid"):
        write_dicom_segmentation(path, np.ones((2, 2, 2), dtype=np.uint8), grid, CLASSES)
    text = tmp_path / "no dicom.dcm"
    text.write_text("no dicom", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read as DICOM"):
        write_dicom_segmentation(path, labels(), grid, CLASSES, source=[text])
    nameless = source_series(tmp_path, grid)[0]
    image = pydicom.dcmread(nameless)
    del image.FrameOfReferenceUID
    image.save_as(nameless)
    with pytest.raises(InputError, match="lacks FrameOfReferenceUID"):
        write_dicom_segmentation(path, labels(), grid, CLASSES, source=[nameless])
    assert not path.exists()


def test_a_slicer_segmentation_keeps_voxels_place_names_and_colours(
    tmp_path: Path, grid: VolumeGeometry
) -> None:
    unknown = labels()
    unknown[11, 9, 0] = 7
    path = write_slicer_segmentation(tmp_path / "掩膜.seg.nrrd", Volume(unknown, grid), CLASSES)

    image = sitk.ReadImage(str(path))
    assert np.array_equal(sitk.GetArrayFromImage(image).T, unknown)
    for index in ((0, 0, 0), (11, 9, 7), (3, 1, 5)):
        lps = np.array(image.TransformIndexToPhysicalPoint(index))
        assert lps * (-1, -1, 1) == pytest.approx(grid.world_of(index)[0], abs=1e-6)
    fields = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    segments = {
        int(fields[f"Segment{number}_LabelValue"]): (
            fields[f"Segment{number}_Name"],
            fields[f"Segment{number}_Color"],
        )
        for number in range(3)
    }
    assert segments[3] == ("冠脉 LAD", "1 0 0")
    assert segments[7][0] == "label 7"
    assert segments[300] == ("calcium", "0 1 0.501961")
    assert fields["Segment0_Extent"] == "0 11 0 9 0 7"
