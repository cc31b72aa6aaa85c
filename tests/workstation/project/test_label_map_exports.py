"""Exports of label maps, read back by the libraries that other programs use."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from engines.contract.errors import PreconditionError, ProjectError
from engines.contract.files import hash_file
from engines.contract.kinds import FileKind, ItemKind, Split
from engines.imaging.volumes.label_classes import LabelClass
from engines.imaging.volumes.resampling import finer
from engines.imaging.volumes.surfaces import signed_volume_ml
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import read_volume, write_volume
from engines.imaging.volumes.voxel_changes import VoxelChanges
from workstation.project.exporters import FORMATS, ExportOptions, export, label_map_exports
from workstation.project.exporters.export_format import ExportCancelled
from workstation.project.exporters.label_map_exports import unique_file_name
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.label_map_commands import AddLabelMap, PaintVoxels
from workstation.project.label_maps import LabelMapState
from workstation.project.project import Project

SHAPE = (14, 12, 9)
CLASSES = (LabelClass(2, "aorta", "#ff0000"), LabelClass(5, "冠脉/LAD", "#00ff80"))
SMALL = ExportOptions(cube_side=16)
LABEL_MAP_FORMATS = [key for key, known in FORMATS.items() if known.has_label_maps]


def oblique() -> VolumeGeometry:
    c, s = np.cos(0.35), np.sin(0.35)
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.diag([-0.7, 0.8, 2.5])
    matrix[:3, 3] = (-31.25, 12.5, 401.0 + 1 / 3)
    return VolumeGeometry(SHAPE, matrix)


def drawn() -> np.ndarray:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[2:7, 3:8, 1:7] = 2
    labels[9:12, 2:5, 3:8] = 5
    return labels


def add_volume_item(
    project: Project, item_id: str, geometry: VolumeGeometry, modality: str | None = "CT"
) -> Volume:
    """Record a CT with a NIfTI file; return what reading it gives."""
    path = project.folder.parent / "影像 files" / f"{item_id}.nii.gz"
    path.parent.mkdir(exist_ok=True)
    voxels = np.arange(np.prod(geometry.shape), dtype=np.int16).reshape(geometry.shape) - 900
    voxels[0, 0, 0] = int(item_id[-1])  # equal images would be of one person
    write_volume(path, Volume(voxels, geometry))
    with project.store.write() as session:
        new = NewFile(
            item_id,
            item_id,
            "volume",
            FileKind.VOLUME,
            path,
            hash_file(path),
            path.stat().st_size,
            modality,
            grid=geometry,
        )
        insert_file(session, new, project.folder)
        set_item_kind(session, item_id, ItemKind.VOLUME)
    return read_volume(path)


def add_label_map(
    project: Project, item_id: str, grid: Volume, labels: np.ndarray, name: str = "main 主", **facts: object
) -> str:
    command = AddLabelMap.on_grid_of(grid, item_id, name, **{"classes": CLASSES, **facts})  # type: ignore[arg-type]
    project.history.execute(command)
    if labels.any():
        change = VoxelChanges.between(np.zeros(labels.shape, np.int64), labels.astype(np.int64), labels.shape)
        project.history.execute(PaintVoxels(command.label_map_id, change.to_text()))
    return command.label_map_id


@pytest.fixture
def volumes(tmp_path: Path) -> Iterator[Project]:
    """Two CTs with a label map each; the first has a proposal, too."""
    with Project.create(tmp_path / "体积 项目", "volumes") as created:
        created.annotator = "李"
        for item_id in ("case 1", "case 2"):
            image = add_volume_item(created, item_id, oblique())
            add_label_map(created, item_id, image, drawn())
            if item_id == "case 1":
                add_label_map(
                    created,
                    item_id,
                    image,
                    drawn()[::-1],
                    "proposal",
                    state=LabelMapState.PROPOSAL,
                    source="run-1",
                )
        yield created


def manifest_of(out: Path) -> dict:
    return json.loads((out / "manifest.json").read_text(encoding="utf-8"))


def read_with_sitk(path: Path) -> tuple[np.ndarray, VolumeGeometry]:
    image = sitk.ReadImage(str(path))
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).T, VolumeGeometry(image.GetSize(), np.diag([-1, -1, 1, 1]) @ matrix)


def test_nifti_has_the_affine_of_the_image_bit_by_bit(volumes: Project, tmp_path: Path) -> None:
    out = tmp_path / "出 out"
    result = export(volumes, "nifti", out)

    assert [path.relative_to(out).as_posix() for path in result.files] == [
        "case 1/main 主.nii.gz",
        "case 2/main 主.nii.gz",
        "classes.csv",
        "manifest.json",
    ]
    written = nib.load(result.files[0])
    image = nib.load(volumes.items.get("case 1").files["volume"].path)
    assert np.array_equal(np.asanyarray(written.dataobj), drawn())
    for field in (
        "srow_x",
        "srow_y",
        "srow_z",
        "pixdim",
        "quatern_b",
        "qoffset_x",
        "sform_code",
        "qform_code",
    ):
        assert written.header[field].tobytes() == image.header[field].tobytes()


@pytest.mark.parametrize(
    ("key", "suffix"), [("nifti", ".nii.gz"), ("seg_nrrd", ".seg.nrrd"), ("mha", ".mha")]
)
def test_another_library_reads_equal_voxels_and_geometry(
    volumes: Project, tmp_path: Path, key: str, suffix: str
) -> None:
    result = export(volumes, key, tmp_path / key, ["case 2"])

    voxels, geometry = read_with_sitk(tmp_path / key / "case 2" / f"main 主{suffix}")
    assert np.array_equal(voxels, drawn())
    assert geometry.difference(oblique()) is None
    assert len(result.files) == 3


def test_nrrd_names_its_segments(volumes: Project, tmp_path: Path) -> None:
    export(volumes, "seg_nrrd", tmp_path / "out", ["case 1"])
    image = sitk.ReadImage(str(tmp_path / "out" / "case 1" / "main 主.seg.nrrd"))
    assert image.GetMetaData("Segment1_Name") == "冠脉/LAD"
    assert image.GetMetaData("Segment1_LabelValue") == "5"


def test_a_dicom_segmentation_has_a_segment_for_each_class(volumes: Project, tmp_path: Path) -> None:
    export(volumes, "dicom_seg", tmp_path / "out", ["case 1"])
    dataset = pydicom.dcmread(tmp_path / "out" / "case 1" / "main 主.dcm")
    assert [segment.SegmentLabel for segment in dataset.SegmentSequence] == ["aorta", "冠脉/LAD"]
    assert int(dataset.pixel_array.sum()) == np.count_nonzero(drawn())
    assert dataset.ContentCreatorName == "李^"
    assert manifest_of(tmp_path / "out")["label_maps"][0]["files"][0]["values"] == {"2": 1, "5": 2}


def test_a_folder_without_the_series_is_said(volumes: Project, tmp_path: Path) -> None:
    (tmp_path / "dicom").mkdir()
    options = ExportOptions(dicom_folder=tmp_path / "dicom")
    with pytest.raises(PreconditionError, match="no DICOM series on the grid of 'main 主' of case 1"):
        export(volumes, "dicom_seg", tmp_path / "out", options=options)
    assert not (tmp_path / "out").exists()


def test_stl_has_a_closed_surface_for_each_class(volumes: Project, tmp_path: Path) -> None:
    result = export(volumes, "stl", tmp_path / "out", ["case 1"])
    assert [path.name for path in result.files[:2]] == ["aorta.stl", "冠脉_LAD.stl"]
    content = result.files[0].read_bytes()
    triangles = (
        np.frombuffer(content[84:], dtype=np.uint8)
        .reshape(-1, 50)[:, 12:48]
        .copy()
        .view("<f4")
        .reshape(-1, 3)
    )
    volume = signed_volume_ml(triangles, np.arange(len(triangles)).reshape(-1, 3))
    assert volume == pytest.approx((drawn() == 2).sum() * oblique().voxel_volume_ml, rel=0.05)
    centre = oblique().world_of([4.0, 5.0, 3.5])[0] * (-1, -1, 1)
    assert triangles.mean(axis=0) == pytest.approx(centre, abs=0.3)


def test_totalsegmentator_style_has_a_binary_mask_for_each_class(volumes: Project, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(volumes, "totalsegmentator", out, ["case 1"])
    for value, name in ((2, "aorta"), (5, "冠脉_LAD")):
        image = nib.load(out / "case 1" / "segmentations" / f"{name}.nii.gz")
        assert np.array_equal(np.asanyarray(image.dataobj), drawn() == value)
        assert np.array_equal(image.affine, nib.load(volumes.items.get("case 1").files["volume"].path).affine)
    files = manifest_of(out)["label_maps"][0]["files"]
    assert [file["values"] for file in files] == [{"2": 1}, {"5": 1}]


def test_nnunet_has_its_layout_and_writes_the_numbers_down(volumes: Project, tmp_path: Path) -> None:
    out = tmp_path / "Dataset001_heart"
    volumes.splits.set("case 2", Split.TEST)
    result = export(volumes, "nnunet", out)

    dataset = json.loads((out / "dataset.json").read_text(encoding="utf-8"))
    assert dataset["channel_names"] == {"0": "CT"}
    assert dataset["labels"] == {"background": 0, "aorta": 1, "冠脉/LAD": 2}
    assert dataset["file_ending"] == ".nii.gz"
    assert dataset["numTraining"] == 1
    for kind, case in (("Tr", "case 1"), ("Ts", "case 2")):
        assert [path.name for path in (out / f"labels{kind}").iterdir()] == [f"{case}.nii.gz"]
        assert [path.name for path in (out / f"images{kind}").iterdir()] == [f"{case}_0000.nii.gz"]
    labels, image = (
        nib.load(out / "labelsTr" / "case 1.nii.gz"),
        nib.load(out / "imagesTr" / "case 1_0000.nii.gz"),
    )
    assert np.array_equal(np.asanyarray(labels.dataobj), np.array([0, 0, 1, 0, 0, 2])[drawn()])
    assert labels.header.get_zooms() == image.header.get_zooms()
    assert np.array_equal(labels.affine, image.affine)
    assert (
        hash_file(out / "imagesTr" / "case 1_0000.nii.gz")
        == volumes.items.get("case 1").files["volume"].sha256
    )
    assert manifest_of(out)["label_maps"][0]["files"][0]["values"] == {"2": 1, "5": 2}
    assert result.files[-1] == out / "dataset.json"


def test_nnunet_takes_the_split_of_the_project(volumes: Project, tmp_path: Path) -> None:
    volumes.splits.set("case 1", Split.TRAIN)
    volumes.splits.set("case 2", Split.VAL)
    result = export(volumes, "nnunet", tmp_path / "both")
    split = json.loads((tmp_path / "both" / "splits_final.json").read_text(encoding="utf-8"))
    assert split == [{"train": ["case 1"], "val": ["case 2"]}]
    assert any("splits_final.json" in str(note) for note in result.notes)

    volumes.splits.set("case 2", Split.EVALUATION)
    export(volumes, "nnunet", tmp_path / "held back")
    assert [path.name for path in (tmp_path / "held back" / "labelsTs").iterdir()] == ["case 2.nii.gz"]
    assert not (tmp_path / "held back" / "splits_final.json").exists()


def test_nnunet_resamples_the_image_on_finer_labels_and_says_so(volumes: Project, tmp_path: Path) -> None:
    fine = finer(oblique(), 2)
    labels = drawn().repeat(2, 0).repeat(2, 1).repeat(2, 2)
    add_label_map(volumes, "case 2", Volume(np.zeros(fine.shape, np.uint8), fine), labels, "fine")
    result = export(volumes, "nnunet", tmp_path / "out", options=ExportOptions(label_maps=("fine",)))

    assert "case 2" in str(result.notes[0])
    assert "1 items without" in str(result.notes[1])
    image = nib.load(tmp_path / "out" / "imagesTr" / "case 2_0000.nii.gz")
    assert image.shape == fine.shape
    assert np.allclose(image.affine, fine.world_from_voxel, atol=1e-4)


def test_nnunet_needs_one_label_map_for_each_item(volumes: Project, tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match="case 1 has 2 label maps") as raised:
        export(volumes, "nnunet", tmp_path / "out", options=ExportOptions(with_proposals=True))
    assert "main 主, proposal" in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_proposals_and_names_are_chosen(volumes: Project, tmp_path: Path) -> None:
    both = export(volumes, "mha", tmp_path / "both", ["case 1"], ExportOptions(with_proposals=True))
    named = export(volumes, "mha", tmp_path / "named", options=ExportOptions(label_maps=("proposal",)))
    assert [path.name for path in both.files[:2]] == ["main 主.mha", "proposal.mha"]
    assert [path.name for path in named.files[:-2]] == ["proposal.mha"]
    assert manifest_of(tmp_path / "named")["label_maps"][0]["label_map"]["state"] == "proposal"
    with pytest.raises(PreconditionError, match="is called 'mian'") as raised:
        export(volumes, "mha", tmp_path / "x", options=ExportOptions(label_maps=("mian",)))
    assert "main 主, proposal" in str(raised.value)


@pytest.mark.parametrize("key", LABEL_MAP_FORMATS)
def test_every_export_says_where_it_came_from(volumes: Project, tmp_path: Path, key: str) -> None:
    out = tmp_path / "out"
    result = export(volumes, key, out, ["case 1"], SMALL)

    manifest = manifest_of(out)
    (found,) = manifest["label_maps"]
    label_map = volumes.label_maps.of_item("case 1")[0]
    assert (manifest["format"], found["item"]) == (key, "case 1")
    assert found["label_map"]["annotator"] == "李"
    assert found["label_map"]["revision"] == label_map.revision
    assert found["images"][0]["sha256"] == volumes.items.get("case 1").files["volume"].sha256
    assert all(hash_file(out / file["path"]) == file["sha256"] for file in found["files"])
    with (out / "classes.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["value"], row["name"], row["colour"]) for row in rows] == [
        ("2", "aorta", "#ff0000"),
        ("5", "冠脉/LAD", "#00ff80"),
    ]
    assert set(result.files) == {path for path in out.rglob("*") if path.is_file()}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("key", LABEL_MAP_FORMATS)
def test_nothing_is_replaced(volumes: Project, tmp_path: Path, key: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ProjectError, match="not empty"):
        export(volumes, key, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["a.txt"]
    (tmp_path / "empty").mkdir()
    assert export(volumes, key, tmp_path / "empty", options=SMALL).files[0].is_file()


@pytest.mark.parametrize("key", LABEL_MAP_FORMATS)
def test_a_stopped_export_leaves_nothing(volumes: Project, tmp_path: Path, key: str) -> None:
    told: list[tuple[int, int]] = []
    options = ExportOptions(
        cube_side=16,
        progress=lambda done, total: told.append((done, total)),
        should_stop=lambda: len(told) > 1,
    )
    with pytest.raises(ExportCancelled):
        export(volumes, key, tmp_path / "out", options=options)
    assert told[:2] == [(0, 2), (1, 2)]
    assert not list(tmp_path.glob("*out*"))


def test_a_full_disk_leaves_nothing_and_says_what_to_do(
    volumes: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nib, "save", full)
    with pytest.raises(ProjectError, match="No space left on device") as raised:
        export(volumes, "nifti", tmp_path / "out")
    assert "free space" in str(raised.value)
    assert not list(tmp_path.glob("*out*"))


def test_label_maps_without_a_voxel_have_no_surface(volumes: Project, tmp_path: Path) -> None:
    image = read_volume(volumes.items.get("case 2").files["volume"].path)
    add_label_map(volumes, "case 2", image, np.zeros(SHAPE, np.uint8), "empty")
    result = export(volumes, "stl", tmp_path / "out")
    assert "case 2: empty" in str(result.notes[0])
    with pytest.raises(PreconditionError, match="Nothing is drawn"):
        export(volumes, "stl", tmp_path / "x", options=ExportOptions(label_maps=("empty",)))
    voxels, _ = read_with_sitk(
        export(volumes, "mha", tmp_path / "mha", options=ExportOptions(label_maps=("empty",))).files[0]
    )
    assert not voxels.any()


def test_a_project_without_label_maps_says_so(project: Project, tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match="no label map"):
        export(project, "nifti", tmp_path / "out")


def test_file_names_are_taken_by_every_system() -> None:
    taken: set[str] = set()
    assert unique_file_name('a/b: "c"?', taken) == "a_b_ _c__"
    assert [unique_file_name(name, taken) for name in ("Main", "main", "MAIN")] == [
        "Main",
        "main-2",
        "MAIN-3",
    ]
    assert unique_file_name("con", taken) == "con_"
    assert unique_file_name(" .. ", taken) == "unnamed"


def test_a_library_that_hides_the_full_disk_is_seen_through(
    volumes: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vague(*_arguments: object, **_keywords: object) -> None:
        raise RuntimeError("failed to flush pending data")

    monkeypatch.setattr(sitk, "WriteImage", vague)
    with pytest.raises(ProjectError, match="failed to flush"):
        export(volumes, "seg_nrrd", tmp_path / "out")
    monkeypatch.setattr(label_map_exports.shutil, "disk_usage", lambda _path: SimpleNamespace(free=0))
    with pytest.raises(ProjectError, match="No space left"):
        export(volumes, "seg_nrrd", tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))
