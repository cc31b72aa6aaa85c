"""Real label maps leave in every format, and other libraries find equal voxels at the same place."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from engines.contract.files import hash_file
from engines.contract.kinds import FileKind, ItemKind
from engines.imaging.volumes.dicom_series import find_series, read_series
from engines.imaging.volumes.label_classes import named
from engines.imaging.volumes.surfaces import signed_volume_ml
from engines.imaging.volumes.volume import Volume
from engines.imaging.volumes.volume_files import read_label_map, read_volume
from workstation.project.exporters import ExportOptions, export
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.label_map_commands import AddLabelMap, new_label_map_id
from workstation.project.project import Project

REFERENCE = os.environ.get("WORKSTATION_REFERENCE_DATA", "")
CASES = {
    "cta": ("cardiac/cta/ct_thorax_cta.nii.gz", "cardiac/cta/labels_merged.nii.gz", "cta"),
    "glioma": (
        "brain/TCGA-DU-7294/TCGA-DU-7294_t1ce.nii.gz",
        "brain/TCGA-DU-7294/TCGA-DU-7294_seg.nii.gz",
        "t1ce",
    ),
    "lung": ("chest/pyradiomics/lung1_image.nrrd", "chest/pyradiomics/lung1_label.nrrd", "ct"),
}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not REFERENCE, reason="WORKSTATION_REFERENCE_DATA is not set"),
]


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[str, Path, Path, str]:
    image, labels, role = CASES[request.param]
    return request.param, Path(REFERENCE) / image, Path(REFERENCE) / labels, role


@pytest.fixture
def real(tmp_path: Path, case: tuple[str, Path, Path, str]) -> Iterator[tuple[Project, Volume, Path]]:
    item_id, image_path, label_path, role = case
    labels = read_label_map(label_path)
    with Project.create(tmp_path / "真实 项目", "real") as project:
        with project.store.write() as session:
            sha256, size = hash_file(image_path), image_path.stat().st_size
            new = NewFile(item_id, item_id, role, FileKind.VOLUME, image_path, sha256, size)
            insert_file(session, new, project.folder)
            set_item_kind(session, item_id, ItemKind.VOLUME)
        add(project, item_id, labels)
        yield project, labels, image_path


def add(project: Project, item_id: str, labels: Volume) -> None:
    label_map_id = new_label_map_id()
    file = project.label_maps.keep(item_id, label_map_id, labels)
    made = AddLabelMap.on_grid_of(
        labels,
        item_id,
        "truth",
        source="import",
        classes=named(int(value) for value in np.unique(labels.voxels)),
    )
    facts = {name: getattr(made, name) for name in ("item_id", "name", "shape", "world_from_voxel", "header")}
    project.history.execute(
        AddLabelMap(**facts, source="import", classes=made.classes, file=file, label_map_id=label_map_id)
    )


def assert_same_place(path: Path, source: Path) -> None:
    """Compare with the source file, both read by SimpleITK."""
    written, original = sitk.ReadImage(str(path)), sitk.ReadImage(str(source))
    assert written.GetSize() == original.GetSize()
    for index in ((0, 0, 0), tuple(count - 1 for count in original.GetSize())):
        mine, true = (image.TransformIndexToPhysicalPoint(index) for image in (written, original))
        assert mine == pytest.approx(true, abs=1e-3)


def test_volume_formats_come_back(
    real: tuple[Project, Volume, Path], tmp_path: Path, case: tuple[str, ...]
) -> None:
    project, labels, _ = real
    for key, suffix in (("nifti", ".nii.gz"), ("seg_nrrd", ".seg.nrrd"), ("mha", ".mha")):
        path = export(project, key, tmp_path / key).files[0]
        assert path.name == f"truth{suffix}"
        assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))).T, labels.voxels)
        assert_same_place(path, Path(case[2]))
    if case[2].name.endswith(".nii.gz"):
        written, original = (
            nib.load(file) for file in (tmp_path / "nifti" / case[0] / "truth.nii.gz", case[2])
        )
        assert written.affine.tobytes() == original.affine.tobytes()


def test_masks_by_class_and_surfaces_come_back(
    real: tuple[Project, Volume, Path], tmp_path: Path, case: tuple[str, ...]
) -> None:
    project, labels, _ = real
    masks = export(project, "totalsegmentator", tmp_path / "masks")
    manifest = json.loads(masks.files[-1].read_text(encoding="utf-8"))["label_maps"][0]
    for file in manifest["files"]:
        ((value, _),) = file["values"].items()
        found = np.asanyarray(nib.load(tmp_path / "masks" / file["path"]).dataobj)
        assert np.array_equal(found, labels.voxels == int(value))
    export(project, "stl", tmp_path / "stl")
    for known in manifest["classes"]:
        content = (tmp_path / "stl" / case[0] / "truth" / f"{known['name']}.stl").read_bytes()
        corners = (
            np.frombuffer(content[84:], np.uint8).reshape(-1, 50)[:, 12:48].copy().view("<f4").reshape(-1, 3)
        )
        volume = signed_volume_ml(corners, np.arange(len(corners)).reshape(-1, 3))
        assert volume == pytest.approx(known["volume_ml"], rel=0.05)


def test_a_training_set_comes_back(
    real: tuple[Project, Volume, Path], tmp_path: Path, case: tuple[str, ...]
) -> None:
    project, labels, image_path = real
    out = tmp_path / "Dataset007_real"
    export(project, "nnunet", out)
    dataset = json.loads((out / "dataset.json").read_text(encoding="utf-8"))
    values = sorted(int(value) for value in np.unique(labels.voxels))
    assert sorted(dataset["labels"].values()) == list(range(len(values)))
    found = np.asanyarray(nib.load(out / "labelsTr" / f"{case[0]}.nii.gz").dataobj)
    assert np.array_equal(np.array(values)[found], labels.voxels)
    image = out / "imagesTr" / f"{case[0]}_0000.nii.gz"
    assert np.array_equal(read_volume(image).voxels, read_volume(image_path).voxels)
    assert_same_place(out / "labelsTr" / f"{case[0]}.nii.gz", image)


def test_a_dicom_segmentation_comes_back(real: tuple[Project, Volume, Path], tmp_path: Path) -> None:
    project, labels, _ = real
    path = export(project, "dicom_seg", tmp_path / "seg").files[0]
    assert np.array_equal(read_dicom(path, labels), labels.voxels)


def test_a_segmentation_of_real_dicom_slices_is_filed_with_them(tmp_path: Path) -> None:
    folder = Path(REFERENCE) / "chest" / "lidc_idri_0314" / "dicom8"
    (series,) = find_series([folder])
    scan = read_series(series)
    labels = Volume((scan.voxels > 200).astype(np.uint8), scan.geometry)
    with Project.create(tmp_path / "project", "dicom") as project:
        with project.store.write() as session:
            file = series.files[0]
            new = NewFile("lidc", "lidc", "ct", FileKind.VOLUME, file, hash_file(file), file.stat().st_size)
            insert_file(session, new, project.folder)
            set_item_kind(session, "lidc", ItemKind.VOLUME)
        add(project, "lidc", labels)
        options = ExportOptions(dicom_folder=folder)
        path = export(project, "dicom_seg", tmp_path / "seg", options=options).files[0]
    assert np.array_equal(read_dicom(path, labels), labels.voxels)
    source, written = pydicom.dcmread(file, stop_before_pixels=True), pydicom.dcmread(path)
    assert written.StudyInstanceUID == source.StudyInstanceUID
    assert written.FrameOfReferenceUID == source.FrameOfReferenceUID


def read_dicom(path: Path, labels: Volume) -> np.ndarray:
    """Return the label map of a DICOM segmentation, by where its frames say that they lie."""
    dataset = pydicom.dcmread(path)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    values = {one.SegmentNumber: int(one.SegmentDescription.split()[-1]) for one in dataset.SegmentSequence}
    found = np.zeros(labels.geometry.shape, dtype=labels.voxels.dtype)
    for frame, pixels in zip(dataset.PerFrameFunctionalGroupsSequence, dataset.pixel_array, strict=True):
        lps = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        voxel = labels.geometry.voxel_of(lps * (-1, -1, 1))[0]
        assert voxel == pytest.approx([0, 0, round(voxel[2])], abs=0.01)
        # What all frames share, a single segment for example, is said once.
        holder = frame if "SegmentIdentificationSequence" in frame else shared
        number = holder.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        found[:, :, round(voxel[2])][pixels.T > 0] = values[number]
    return found
