from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from engines.contract.errors import GeometryError, VolumeReadError
from engines.imaging.volumes.dicom_series import find_series, read_series

REFERENCE = os.environ.get("WORKSTATION_REFERENCE_DATA", "")
ROWS, COLUMNS = 6, 9


def write_slice(
    path: Path,
    stored: np.ndarray,
    position: tuple[float, float, float],
    *,
    uid: str = "1.2.3",
    orientation: tuple[float, ...] = (1, 0, 0, 0, 1, 0),
    slope: float = 1,
    intercept: float = -1024,
    description: str = "chest",
) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    data.PatientName, data.PatientID = "Wang^Fang", "secret"
    data.StudyInstanceUID, data.SeriesInstanceUID = ("1.2", uid) if uid else ("", "")
    data.SeriesDescription, data.Modality, data.SeriesNumber = description, "CT", 4
    data.ImagePositionPatient, data.ImageOrientationPatient = list(position), list(orientation)
    data.PixelSpacing = [0.8, 0.5]
    data.Rows, data.Columns = stored.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 0
    data.RescaleSlope, data.RescaleIntercept = slope, intercept
    data.PixelData = stored.astype("<u2").tobytes()
    data.save_as(path, enforce_file_format=True)


def pixels(number: int) -> np.ndarray:
    return (1000 + 10 * number + np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)).astype(np.uint16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "检查 1"
    made.mkdir()
    # Names run against the positions, as archives like to have them.
    for number in range(5):
        write_slice(made / f"{9 - number}.dcm", pixels(number), (-10.0, 20.0, 2.5 * number))
    (made / "report.txt").write_text("no slice", encoding="utf-8")
    return made


def test_slices_are_sorted_by_their_place_and_given_in_hounsfield_units(folder: Path) -> None:
    (series,) = find_series([folder])
    volume = read_series(series)

    assert series.problem is None
    assert series.shape == (COLUMNS, ROWS, 5)
    np.testing.assert_allclose(series.spacing_mm, (0.5, 0.8, 2.5))
    assert volume.voxels.dtype == np.int16
    for number in range(5):
        assert np.array_equal(volume.voxels[:, :, number].T, pixels(number).astype(int) - 1024)


def test_the_place_of_a_voxel_is_the_one_another_reader_sees(tmp_path: Path) -> None:
    c, s = np.cos(0.3), np.sin(0.3)
    orientation = (c, s, 0.0, 0.0, 0.0, -1.0)
    normal = np.cross(orientation[:3], orientation[3:])
    for number in range(4):
        position = np.array((3.0, -4.0, 50.0)) + 1.5 * number * normal
        write_slice(tmp_path / f"{number}.dcm", pixels(number), tuple(position), orientation=orientation)
    volume = read_series(find_series([tmp_path])[0])

    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
    image = reader.Execute()
    for index in ((0, 0, 0), (8, 5, 3), (2, 4, 1)):
        x, y, z = image.TransformIndexToPhysicalPoint(index)
        at = tuple(np.rint(volume.geometry.voxel_of([(-x, -y, z)])[0]).astype(int))
        np.testing.assert_allclose(volume.geometry.world_of([at])[0], (-x, -y, z), atol=1e-3)
        assert volume.voxels[at] == image[index]


def test_slope_and_intercept_of_every_slice_count(folder: Path) -> None:
    write_slice(folder / "5.dcm", pixels(4), (-10.0, 20.0, 10.0), slope=0.5, intercept=7)
    volume = read_series(find_series([folder])[0])

    assert volume.voxels.dtype == np.float32
    np.testing.assert_allclose(volume.voxels[:, :, 4].T, pixels(4) * 0.5 + 7)
    np.testing.assert_allclose(volume.voxels[:, :, 0].T, pixels(0) - 1024.0)


def test_missing_slices_are_named(folder: Path) -> None:
    (folder / "7.dcm").unlink()
    (series,) = find_series([folder])

    assert series.problem is not None
    assert "slices are missing (1)" in series.problem.render()
    with pytest.raises(VolumeReadError, match="missing"):
        read_series(series)


def test_uneven_slices_are_refused(folder: Path) -> None:
    write_slice(folder / "10.dcm", pixels(5), (-10.0, 20.0, 11.4))
    assert "not evenly spaced" in find_series([folder])[0].problem.render()


def test_series_of_one_folder_are_told_apart(folder: Path) -> None:
    for number in range(3):
        write_slice(
            folder / f"b{number}.dcm", pixels(number), (0.0, 0.0, number), uid="1.2.9", description="thin"
        )
    found = find_series([folder])

    assert [(series.description, len(series.files)) for series in found] == [("chest", 5), ("thin", 3)]


def test_files_without_uids_are_one_series_unless_they_overlap(tmp_path: Path) -> None:
    for number in range(3):
        write_slice(tmp_path / f"{number}.dcm", pixels(number), (0.0, 0.0, 2.0 * number), uid="")
    assert find_series([tmp_path])[0].problem is None
    write_slice(tmp_path / "double.dcm", pixels(9), (0.0, 0.0, 2.0), uid="")
    assert "one place" in find_series([tmp_path])[0].problem.render()


def test_a_cut_slice_names_its_file(folder: Path) -> None:
    content = (folder / "6.dcm").read_bytes()
    (folder / "6.dcm").write_bytes(content[:-40])
    with pytest.raises(VolumeReadError, match=r"6\.dcm"):
        read_series(find_series([folder])[0])


def test_nothing_of_the_person_is_in_the_description(folder: Path) -> None:
    assert "Wang" not in repr(find_series([folder]))
    assert "secret" not in repr(find_series([folder]))


def test_a_tilted_gantry_is_refused(tmp_path: Path) -> None:
    for number in range(4):
        write_slice(tmp_path / f"{number}.dcm", pixels(number), (0.0, 0.6 * number, 2.0 * number))
    with pytest.raises(GeometryError, match="right angles"):
        read_series(find_series([tmp_path])[0])


@pytest.mark.skipif(not REFERENCE, reason="WORKSTATION_REFERENCE_DATA is not set")
def test_real_slices_read_as_another_library_reads_them() -> None:
    folder = Path(REFERENCE) / "chest" / "lidc_idri_0314" / "dicom8"
    (series,) = find_series([folder])
    volume = read_series(series)

    image = sitk.ReadImage([str(path) for path in series.files])
    assert series.spacing_mm == pytest.approx((0.7812, 0.7812, 1.0), abs=1e-3)
    assert np.array_equal(sitk.GetArrayFromImage(image).T, volume.voxels)
    assert pydicom.dcmread(series.files[0]).RescaleIntercept == -1000
    assert -1100 < volume.voxels.min() < -900
