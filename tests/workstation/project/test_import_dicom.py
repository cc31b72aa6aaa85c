"""Import of DICOM series and of HDF5 files: both are written once into the project."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import h5py
import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from engines.contract.errors import InputError
from engines.contract.kinds import Severity
from engines.imaging.volumes.volume_files import read_volume
from workstation.project.importers import import_paths
from workstation.project.importers.checks import check, ready
from workstation.project.importers.folder_tree import ScanCancelled, scan
from workstation.project.importers.folders import import_proposal
from workstation.project.importers.inspection import Inspection, inspect
from workstation.project.importers.layouts import recognise
from workstation.project.importers.proposal import ImportProposal
from workstation.project.importers.subject_aliases import SubjectAliases, default_path
from workstation.project.project import Project

SECRETS = ("Wang", "secret-17", "19700101")


def write_series(
    folder: Path, depths: list[float], *, uid: str = "1.2.3", number: int = 4, **tags: str
) -> None:
    """Write slices with names that run against their positions."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, depth in enumerate(depths):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = folder / f"{uid or 'none'}-{900 - index}.dcm"
        data = FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        data.PatientName, data.PatientID, data.PatientBirthDate = "Wang^Fang", "secret-17", "19700101"
        data.StudyInstanceUID, data.SeriesInstanceUID = ("1.2", uid) if uid else ("", "")
        data.SeriesDescription, data.Modality, data.SeriesNumber = "thorax", "CT", number
        data.ImagePositionPatient, data.ImageOrientationPatient = [5, -3, depth], [1, 0, 0, 0, 1, 0]
        data.PixelSpacing = [0.8, 0.5]
        data.Rows, data.Columns = 6, 9
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PixelRepresentation = 15, 0
        data.RescaleSlope, data.RescaleIntercept = 1, -1024
        for name, value in tags.items():
            setattr(data, name, value)
        data.PixelData = np.full((6, 9), 20 + 10 * index, "<u2").tobytes()
        data.save_as(path, enforce_file_format=True)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "项目", "p") as made:
        yield made


def after(num_calls: int) -> Callable[[], bool]:
    """Return a function that asks to stop from some call on."""
    calls = count(1)
    return lambda: next(calls) > num_calls


def read(root: Path) -> tuple[ImportProposal, Inspection]:
    proposal = recognise(scan([root]))[0]
    return proposal, inspect([proposal])


def test_a_series_is_written_once_in_hu_and_without_the_person(project: Project, tmp_path: Path) -> None:
    write_series(tmp_path / "检查", [10.0, 12.5, 15.0, 17.5])
    proposal, inspection = read(tmp_path / "检查")
    assert proposal.layout == "dicom"
    report = import_proposal(project, proposal, inspection)
    assert not report.refused
    (item,) = project.items.all()
    assert (item.id, item.subject) == ("case-0001-series4", "case-0001")
    file = item.files["ct"]
    assert file.path.parent == (project.folder / "volumes").resolve()
    assert file.intensity_range == (-1004, -974)
    volume = read_volume(file.path)
    np.testing.assert_array_equal(volume.voxels[0, 0], [-1004, -994, -984, -974])
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "检查")))
    theirs, mine = reader.Execute(), sitk.ReadImage(str(file.path))
    for name in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        np.testing.assert_allclose(getattr(mine, name)(), getattr(theirs, name)(), atol=1e-5)
    project.close()
    for path in project.folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not any(secret.encode() in content for secret in SECRETS), path


def test_who_is_who_is_kept_outside_of_the_project_and_said(project: Project, tmp_path: Path) -> None:
    write_series(tmp_path / "a", [0, 1, 2])
    proposal, inspection = read(tmp_path / "a")
    (note,) = check(proposal, inspection)
    assert note.severity is Severity.NOTE
    assert str(default_path()) in str(note.message)
    assert not default_path().exists()
    import_proposal(project, proposal, inspection)
    assert default_path().read_text(encoding="utf-8").splitlines() == [
        "alias,original",
        "case-0001,secret-17",
    ]
    # The same person keeps the alias, another one gets the next.
    write_series(tmp_path / "b", [0, 1, 2], uid="1.2.9", PatientID="other", StudyInstanceUID="1.9")
    assert recognise(scan([tmp_path / "a"]))[0].items[0].subject == "case-0001"
    assert recognise(scan([tmp_path / "b"]))[0].items[0].subject == "case-0002"


def test_nothing_is_imported_when_the_list_cannot_be_written(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(tmp_path / "a", [0, 1, 2])
    proposal, inspection = read(tmp_path / "a")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(SubjectAliases, "record", refuse)
    with pytest.raises(InputError, match="list of who is who cannot be written"):
        import_proposal(project, proposal, inspection)
    assert project.items.all() == []


def test_of_several_series_the_longest_of_each_examination_is_chosen(tmp_path: Path) -> None:
    write_series(tmp_path, [0, 1, 2], uid="1.2.3", number=1)
    write_series(tmp_path, [0, 1, 2, 3], uid="1.2.4", number=2)
    write_series(tmp_path, [0, 1, 2, 4, 5, 6], uid="1.2.5", number=3)
    (proposal,) = recognise(scan([tmp_path]))
    assert [(one.item, one.is_included) for one in proposal.items] == [
        ("case-0001-series2", True),
        ("case-0001-series1", False),
        ("case-0001-series3", False),
    ]


@pytest.mark.parametrize(
    ("depths", "reason"),
    [
        ([0, 1, 2, 4, 5], "slices are missing (1), the first gap of 2.00 mm after slice 3"),
        ([0, 1, 2, 3.4, 4.4], "not evenly spaced"),
        ([0], "only one slice"),
        ([0, 0, 1, 1], "several slices lie in one place"),
    ],
)
def test_a_series_that_is_no_volume_is_refused_with_the_reason(
    project: Project, tmp_path: Path, depths: list[float], reason: str
) -> None:
    write_series(tmp_path / "a", depths)
    proposal, inspection = read(tmp_path / "a")
    errors = [str(found.message) for found in check(proposal, inspection) if found.severity is Severity.ERROR]
    assert len(errors) == 1
    assert reason in errors[0]
    assert "Export the whole series again" in errors[0]
    assert ready(proposal, inspection) == ()


def test_mixed_series_without_uids_are_told_apart_or_refused(tmp_path: Path) -> None:
    write_series(tmp_path, [0, 1, 2], uid="")
    proposal, inspection = read(tmp_path)
    assert len(proposal.items) == 1
    assert not inspection.errors
    assert proposal.items[0].subject == "case-0001"


def test_texts_in_the_picture_are_warned_of(tmp_path: Path) -> None:
    write_series(tmp_path, [0, 1, 2], BurnedInAnnotation="YES")
    proposal, inspection = read(tmp_path)
    assert any("have texts in them" in str(found.message) for found in check(proposal, inspection))


def test_a_search_for_series_can_be_stopped(tmp_path: Path) -> None:
    write_series(tmp_path, [0, 1, 2])
    with pytest.raises(ScanCancelled):
        recognise(scan([tmp_path], after(1)))


def test_importing_a_series_again_leaves_one_file(project: Project, tmp_path: Path) -> None:
    write_series(tmp_path / "a", [0, 1, 2])
    for _ in range(2):
        report = import_proposal(project, *read(tmp_path / "a"))
    assert (report.num_files, len(report.notes)) == (0, 1)
    assert len(list((project.folder / "volumes").iterdir())) == 1


def test_a_cancelled_import_leaves_no_file(project: Project, tmp_path: Path) -> None:
    write_series(tmp_path / "a", [0, 1, 2])
    write_series(tmp_path / "a", [0, 1, 2], uid="7", PatientID="x", StudyInstanceUID="7")
    proposal, inspection = read(tmp_path / "a")
    report = import_proposal(project, proposal, inspection, should_stop=after(4))
    assert report.is_cancelled
    assert list((project.folder / "volumes").iterdir()) == []
    assert project.items.all() == []


def test_a_disk_without_room_keeps_everything_as_it_was(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(tmp_path / "a", [0, 1, 2])
    proposal, inspection = read(tmp_path / "a")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**9, 10**9, 1000))
    report = import_proposal(project, proposal, inspection)
    (finding,) = report.refused
    assert "0 MB are free" in str(finding)
    assert "Free some space" in str(finding)
    assert project.items.all() == []


def test_a_series_whose_reading_is_cancelled_leaves_nothing(project: Project, tmp_path: Path) -> None:
    write_series(tmp_path / "a", [0, 1, 2])
    proposal, inspection = read(tmp_path / "a")
    report = import_proposal(project, proposal, inspection, should_stop=after(2))
    assert report.is_cancelled
    assert project.items.all() == []
    assert list((project.folder / "volumes").iterdir()) == []


def test_a_table_names_a_folder_or_a_slice_of_a_series(project: Project, tmp_path: Path) -> None:
    write_series(tmp_path / "a", [0, 1, 2])
    write_series(tmp_path / "two", [0, 1, 2], uid="5")
    write_series(tmp_path / "two", [0, 1], uid="6")
    table = tmp_path / "items.csv"
    lines = ("subject,item,role,path", "s,a,ct,a", "s,b,ct,two", "s,c,ct,two/6-900.dcm")
    table.write_text("\n".join(lines), encoding="utf-8")
    report = import_paths(project, [table])
    assert {item.id for item in project.items.all()} == {"a", "c"}
    assert project.items.get("c").files["ct"].grid.shape == (9, 6, 2)  # type: ignore[union-attr]
    (refusal,) = report.refused
    assert "holds 2 DICOM series, not one" in str(refusal)


def test_hdf5_cases_by_table_and_by_folder(project: Project, tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(-1000, 900, (6, 5, 4)).astype(np.int16)
    (tmp_path / "data").mkdir()
    with h5py.File(tmp_path / "data/病 1.h5", "w") as file:
        file["ct"], file["label"] = voxels, (voxels > 0).astype(np.int64)
        file.attrs["spacing"] = [0.5, 0.5, 2.0]
    with h5py.File(tmp_path / "data/b.h5", "w") as file:
        file["image"] = voxels + 1
    table = tmp_path / "items.csv"
    lines = ("subject,item,role,path", "s,t,ct,data/病 1.h5/ct", "s,t,label_map,data/病 1.h5/label")
    table.write_text("\n".join(lines), encoding="utf-8")
    report = import_paths(project, [table])
    assert not report.refused
    np.testing.assert_array_equal(read_volume(project.items.get("t").files["ct"].path).voxels, voxels)
    (label_map,) = project.label_maps.of_item("t")
    assert label_map.geometry.spacing_mm == (0.5, 0.5, 2.0)
    proposal, inspection = read(tmp_path / "data")
    said = [str(found.message) for found in check(proposal, inspection)]
    assert any("does not say how large its voxels are" in text for text in said)
    import_proposal(project, proposal, inspection)
    assert set(project.items.get("病 1").files) == {"ct", "label_map"}
    assert project.items.get("b").files["volume"].grid.spacing_mm == (1.0, 1.0, 1.0)  # type: ignore[union-attr]


def test_what_is_read_of_dicom_never_shows_the_person() -> None:
    from engines.imaging.volumes.dicom_series import DicomSeries

    series = DicomSeries("1", 1, "d", "CT", "", False, (), (1, 1, 1), (1, 1, 1), None, "secret-17", "1.2")
    assert "secret-17" not in repr(series)
