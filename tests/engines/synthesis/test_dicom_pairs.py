"""Pairs of DICOM series: found by folder, by examination and by table, told apart, and trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from engines.contract.errors import PreconditionError
from engines.contract.events import Warned, read_events
from engines.contract.kinds import Action, ItemKind, Split
from engines.contract.manifest import FileRecord, ItemRecord
from engines.contract.run_folder import RunFolder
from engines.imaging.volumes.thorax_phantom import ThoraxOptions, ThoraxPhantom, make_thorax
from engines.imaging.volumes.volume import Volume
from engines.imaging.volumes.volume_files import read_volume
from workstation.project.importers import import_paths
from workstation.project.importers.folder_tree import scan
from workstation.project.importers.folders import import_proposal
from workstation.project.importers.inspection import inspect
from workstation.project.importers.layouts import recognise
from workstation.project.items import Item
from workstation.project.project import Project

_OPTIONS = ThoraxOptions(side_px=40, num_slices=6, spacing_mm=(8.0, 8.0, 12.0))


@pytest.fixture(scope="module")
def thorax() -> ThoraxPhantom:
    return make_thorax(0, _OPTIONS)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "项目", "p") as made:
        yield made


def write_series(
    folder: Path, volume: Volume, *, study: str = "1.2", person: str = "p", offset: int = 1024, **tags: str
) -> None:
    """Write a volume in RAS as slices whose names run in no order; without an offset the tag is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    spacing, origin = volume.geometry.spacing_mm, volume.geometry.world_from_voxel[:3, 3]
    series = generate_uid()
    names = np.random.default_rng(0).permutation(volume.voxels.shape[2])
    for k in range(volume.voxels.shape[2]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
        meta.MediaStorageSOPInstanceUID = generate_uid()
        path = folder / f"IM{names[k]:04d}.dcm"
        data = FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        data.PatientID, data.StudyInstanceUID, data.SeriesInstanceUID = person, study, series
        data.Modality, data.InstanceNumber = "CT", int(names[k]) + 1
        data.ImagePositionPatient = [-origin[0], -origin[1], origin[2] + k * spacing[2]]
        data.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]
        data.PixelSpacing, data.SliceThickness = [spacing[1], spacing[0]], spacing[2]
        data.Rows, data.Columns = volume.voxels.shape[1], volume.voxels.shape[0]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PixelRepresentation = 15, 0
        if offset:
            data.RescaleSlope, data.RescaleIntercept = 1, -offset
        for name, value in tags.items():
            setattr(data, name, value)
        data.PixelData = (volume.voxels[:, :, k].T + 1024).astype("<u2").tobytes()
        data.save_as(path, enforce_file_format=True)


def imported(project: Project, folder: Path) -> list[Item]:
    proposal = recognise(scan([folder]))[0]
    assert proposal.layout == "dicom"
    assert not import_proposal(project, proposal, inspect([proposal])).refused
    return project.items.all()


def check_pair(item: Item, thorax: ThoraxPhantom) -> None:
    assert item.kind is ItemKind.VOLUME_PAIR
    for role, wanted in (("ncct", thorax.ncct), ("cta", thorax.cta)):
        found = read_volume(item.files[role].path)
        turned = found.voxels[::-1, ::-1] if found.geometry.axis_codes[0] == "L" else found.voxels
        np.testing.assert_array_equal(turned, wanted.voxels)
    assert {role: file.modality for role, file in item.files.items()} == {"ncct": "CT", "cta": "CTA"}


@pytest.mark.parametrize(
    ("names", "plain", "contrast"),
    [
        (("ncct", "cta"), {}, {"study": "1.3"}),
        (("1", "2"), {"SeriesDescription": "Thorax plain"}, {"SeriesDescription": "Thorax CTA"}),
        (("1", "2"), {}, {"ContrastBolusAgent": "Iomeprol"}),
    ],
    ids=["folders of two examinations", "names of series", "contrast agent"],
)
def test_two_series_are_a_pair_whatever_the_order_of_their_slices(
    project: Project,
    tmp_path: Path,
    thorax: ThoraxPhantom,
    names: tuple[str, str],
    plain: dict[str, str],
    contrast: dict[str, str],
) -> None:
    write_series(tmp_path / "检查" / "a" / names[0], thorax.ncct, **plain)
    write_series(tmp_path / "检查" / "a" / names[1], thorax.cta, **contrast)
    (item,) = imported(project, tmp_path / "检查")
    assert item.subject == "case-0001"
    check_pair(item, thorax)


def test_a_series_without_a_partner_stays_alone(
    project: Project, tmp_path: Path, thorax: ThoraxPhantom
) -> None:
    write_series(tmp_path / "a" / "ncct", thorax.ncct, Modality="MR")
    write_series(tmp_path / "a" / "cta", thorax.cta)
    write_series(tmp_path / "b" / "cta", thorax.cta, study="2.2", person="q")
    items = imported(project, tmp_path)
    assert all(item.kind is ItemKind.VOLUME for item in items)
    assert not any("ncct" in item.files for item in items)


def test_examinations_of_two_people_in_folders_beside_each_other_are_no_pair(
    project: Project, tmp_path: Path, thorax: ThoraxPhantom
) -> None:
    write_series(tmp_path / "p", thorax.ncct, SeriesDescription="Thorax plain")
    write_series(tmp_path / "q", thorax.cta, study="1.3", person="q", SeriesDescription="Thorax CTA")
    items = imported(project, tmp_path)
    assert {item.subject for item in items} == {"case-0001", "case-0002"}
    assert all(item.kind is ItemKind.VOLUME for item in items)


def test_a_table_pairs_folders_of_slices_and_they_train(
    project: Project, tmp_path: Path, thorax: ThoraxPhantom, run_synthesis: Callable[..., RunFolder]
) -> None:
    write_series(tmp_path / "a" / "0", thorax.ncct)
    write_series(tmp_path / "a" / "1", thorax.cta, study="9")
    write_series(tmp_path / "no offset", thorax.ncct, offset=0)
    table = tmp_path / "items.csv"
    rows = ["s,a,ncct,a/0", "s,a,cta,a/1", "t,b,ncct,no offset", "t,b,cta,a/1"]
    table.write_text("\n".join(["subject,item,role,path", *rows]), encoding="utf-8")
    assert not import_paths(project, [table]).refused
    check_pair(project.items.get("a"), thorax)
    items = records_of(project.items.all())
    run = run_synthesis(tmp_path / "run", Action.TRAIN, items, phase="g", max_steps=1)
    (said,) = warnings_of(run)
    assert said["item"] == "b"
    assert "the offset of HU is missing" in said["reason"]
    assert (run.checkpoints_dir / "best").is_dir()


def warnings_of(run: RunFolder) -> list[dict[str, Any]]:
    """Return the parameters of every warning."""
    return [dict(event.parameters) for event in read_events(run.events_path) if isinstance(event, Warned)]


def records_of(items: list[Item]) -> list[ItemRecord]:
    """Return imported items as a run gets them, all to train on."""
    return [
        ItemRecord(
            id=item.id,
            subject=item.subject,
            kind=item.kind,
            split=Split.TRAIN,
            files={role: FileRecord(path=str(file.path)) for role, file in item.files.items()},
        )
        for item in items
    ]


def test_mr_instead_of_ct_is_named(
    project: Project, tmp_path: Path, thorax: ThoraxPhantom, run_synthesis: Callable[..., RunFolder]
) -> None:
    scaled = np.clip((thorax.ncct.voxels + 1000) * 0.2, 0, 300).astype(np.int16) - 1024
    write_series(tmp_path / "mr", Volume(scaled, thorax.ncct.geometry), offset=0, Modality="MR")
    write_series(tmp_path / "cta", thorax.cta)
    table = tmp_path / "items.csv"
    table.write_text("subject,item,role,path\ns,a,ncct,mr\ns,a,cta,cta", encoding="utf-8")
    import_paths(project, [table])
    with pytest.raises(PreconditionError):
        run_synthesis(tmp_path / "run", Action.TRAIN, records_of(project.items.all()), phase="g", max_steps=1)
    (said,) = warnings_of(RunFolder(tmp_path / "run"))
    assert "it looks like MR" in said["reason"]
