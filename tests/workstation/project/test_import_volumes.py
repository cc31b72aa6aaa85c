from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engines.contract.kinds import FileKind, ItemKind
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import read_volume, write_volume
from workstation.project.importers import ImportReport, import_paths
from workstation.project.project import Project

SHAPE = (12, 10, 8)
AFFINE = np.array([[-0.7, 0, 0, 20.0], [0, 0.69, 0.5, -3], [0, 0.08, -4.3, 11], [0, 0, 0, 1.0]])
AFFINE[:3, :3] = np.linalg.qr(AFFINE[:3, :3])[0] * (0.7, 0.8, 2.5)
HEADER = ("subject", "item", "role", "path")


def image(seed: int = 0, shape: tuple[int, int, int] = SHAPE, affine: np.ndarray = AFFINE) -> Volume:
    voxels = np.random.default_rng(seed).integers(-1000, 1500, shape).astype(np.int16)
    return Volume(voxels, VolumeGeometry(shape, affine))


def labels(shape: tuple[int, int, int] = SHAPE, affine: np.ndarray = AFFINE) -> Volume:
    voxels = np.zeros(shape, np.uint8)
    voxels[2:5, 2:5, 2:5], voxels[6:8, 6:8, 1:3] = 1, 4
    return Volume(voxels, VolumeGeometry(shape, affine))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "心脏 项目", "p") as made:
        yield made


def table(folder: Path, *rows: tuple[object, ...], header: tuple[str, ...] = HEADER) -> Path:
    path = folder / "items.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def only_refusal(report: ImportReport) -> str:
    (finding,) = report.refused
    return str(finding)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_volumes_and_label_maps_are_imported_with_their_geometry(
    project: Project, tmp_path: Path, suffix: str
) -> None:
    write_volume(tmp_path / f"图 a{suffix}", image())
    write_volume(tmp_path / f"a_seg{suffix}", labels())
    rows = (("s", "a", "ct", f"图 a{suffix}"), ("s", "a", "label_map", f"a_seg{suffix}"))
    report = import_paths(project, [table(tmp_path, *rows)])
    assert not report.refused
    item = project.items.get("a")
    assert item.kind is ItemKind.VOLUME
    ct = item.files["ct"]
    assert ct.kind is FileKind.VOLUME
    assert ct.grid is not None
    assert ct.grid.shape == SHAPE
    np.testing.assert_allclose(ct.grid.world_from_voxel, AFFINE, atol=1e-5)
    assert ct.intensity_range == (float(image().voxels.min()), float(image().voxels.max()))
    (label_map,) = project.label_maps.of_item("a")
    assert (label_map.name, label_map.source) == ("a_seg", "import")
    assert [one.value for one in label_map.classes] == [1, 4]
    volume, _sequence = project.label_maps.read(label_map.id)
    np.testing.assert_array_equal(volume.voxels, labels().voxels)
    np.testing.assert_allclose(volume.geometry.world_from_voxel, AFFINE, atol=1e-5)
    assert [str(line) for line in report.volumes] == [
        f"a ct: 12 x 10 x 8 voxels of 0.7 x 0.8 x 2.5 mm, {ct.intensity_range[0]:g} to "
        f"{ct.intensity_range[1]:g} HU",
        "a label_map: 12 x 10 x 8 voxels of 0.7 x 0.8 x 2.5 mm; 1: 0.0378 mL, 4: 0.0112 mL",
    ]


def test_undo_takes_an_imported_label_map_away_and_redo_brings_its_voxels_back(
    project: Project, tmp_path: Path
) -> None:
    write_volume(tmp_path / "a.nii.gz", image())
    write_volume(tmp_path / "a_seg.nii.gz", labels())
    import_paths(project, [table(tmp_path, ("s", "a", "ct", "a.nii.gz"), ("s", "a", "seg", "a_seg.nii.gz"))])
    (label_map,) = project.label_maps.of_item("a")
    project.history.undo("a")
    assert project.label_maps.of_item("a") == []
    project.history.redo("a")
    np.testing.assert_array_equal(project.label_maps.read(label_map.id)[0].voxels, labels().voxels)


def test_the_kind_of_an_item_follows_from_its_volumes(project: Project, tmp_path: Path) -> None:
    for number, role in enumerate(("t1", "t1ce", "t2", "flair", "ncct", "cta")):
        write_volume(tmp_path / f"{role}.nii.gz", image(number))
    brain = [("s", "brain", role, f"{role}.nii.gz") for role in ("t1", "t1ce", "t2", "flair")]
    pair = [("p", "pair", role, f"{role}.nii.gz") for role in ("ncct", "cta")]
    import_paths(project, [table(tmp_path, *brain, *pair)])
    assert project.items.get("brain").kind is ItemKind.VOLUME_SET
    assert project.items.get("pair").kind is ItemKind.VOLUME_PAIR
    assert project.items.get("brain").files["t1ce"].modality == "T1CE"


def test_a_brain_mask_is_read_with_the_images_and_is_nobodys_drawing(
    project: Project, tmp_path: Path
) -> None:
    for name, volume in (("t1", image()), ("brain", labels()), ("seg", labels())):
        write_volume(tmp_path / f"{name}.nii", volume)
    rows = (
        ("s", "a", "t1", "t1.nii"),
        ("s", "a", "label_map", "seg.nii"),
        ("s", "a", "brain_mask", "brain.nii"),
    )
    assert not import_paths(project, [table(tmp_path, *rows)]).refused
    assert set(project.items.get("a").files) == {"t1", "label_map", "brain_mask"}
    # A training would learn the accepted label map that was changed last.
    (label_map,) = project.label_maps.of_item("a")
    assert label_map.name == "seg"


def test_a_mask_on_another_grid_is_refused_with_the_difference(project: Project, tmp_path: Path) -> None:
    moved = AFFINE.copy()
    moved[0, 3] += 3.0
    write_volume(tmp_path / "a.nii.gz", image())
    write_volume(tmp_path / "seg.nii.gz", labels(affine=moved))
    rows = (("s", "a", "ct", "a.nii.gz"), ("s", "a", "label_map", "seg.nii.gz"))
    report = import_paths(project, [table(tmp_path, *rows)])
    assert "it lies up to 3.00 mm beside it" in only_refusal(report)
    assert set(project.items.get("a").files) == {"ct"}
    assert project.label_maps.of_item("a") == []


def test_a_mask_can_be_taken_on_its_own_finer_grid(project: Project, tmp_path: Path) -> None:
    finer = AFFINE.copy()
    finer[:3, :3] /= 2
    write_volume(tmp_path / "a.nii.gz", image())
    write_volume(tmp_path / "seg.nii.gz", labels((24, 20, 16), finer))
    rows = (("s", "a", "ct", "a.nii.gz", ""), ("s", "a", "label_map", "seg.nii.gz", "yes"))
    report = import_paths(project, [table(tmp_path, *rows, header=(*HEADER, "own_grid"))])
    assert not report.refused
    (label_map,) = project.label_maps.of_item("a")
    assert label_map.geometry.shape == (24, 20, 16)
    assert project.items.get("a").files["ct"].grid.shape == SHAPE  # type: ignore[union-attr]


def test_classes_come_from_a_table_and_labels_beyond_it_are_said(project: Project, tmp_path: Path) -> None:
    write_volume(tmp_path / "a.nii.gz", image())
    write_volume(tmp_path / "seg.nii.gz", labels())
    rows = (("s", "a", "ct", "a.nii.gz", ""), ("s", "a", "label_map", "seg.nii.gz", "coronary"))
    report = import_paths(project, [table(tmp_path, *rows, header=(*HEADER, "classes"))])
    (label_map,) = project.label_maps.of_item("a")
    assert [(one.value, one.name) for one in label_map.classes] == [(1, "coronary arteries"), (4, "label 4")]
    (warning,) = report.warnings
    assert "does not name: 4." in str(warning)


def test_importing_again_neither_doubles_files_nor_label_maps(project: Project, tmp_path: Path) -> None:
    write_volume(tmp_path / "a.nii.gz", image())
    write_volume(tmp_path / "seg.nii.gz", labels())
    path = table(tmp_path, ("s", "a", "ct", "a.nii.gz"), ("s", "a", "label_map", "seg.nii.gz"))
    import_paths(project, [path])
    report = import_paths(project, [path])
    assert (report.num_files, len(report.notes)) == (0, 2)
    assert len(project.label_maps.of_item("a")) == 1


def test_one_volume_under_two_subjects_is_said(project: Project, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_volume(tmp_path / f"{name}.nii.gz", image())
    rows = (("s", "a", "ct", "a.nii.gz"), ("t", "b", "ct", "b.nii.gz"))
    (warning,) = import_paths(project, [table(tmp_path, *rows)]).warnings
    assert "both subjects get one split" in str(warning)


def test_volumes_that_look_odd_are_imported_with_a_warning(project: Project, tmp_path: Path) -> None:
    odd = image().voxels.astype(np.float32)
    odd[0, 0, :3] = (np.nan, np.inf, np.nan)
    write_volume(tmp_path / "a.nii.gz", Volume(odd, image().geometry))
    write_volume(tmp_path / "seg.nii.gz", Volume(np.zeros(SHAPE, np.uint8), image().geometry))
    rows = (("s", "a", "ct", "a.nii.gz"), ("s", "a", "label_map", "seg.nii.gz"))
    report = import_paths(project, [table(tmp_path, *rows)])
    said = " ".join(map(str, report.warnings))
    assert "3 voxels of a.nii.gz are not numbers" in said
    assert "seg.nii.gz is empty" in said
    assert report.num_files == 2
    kept = read_volume(project.items.get("a").files["ct"].path).voxels
    np.testing.assert_array_equal(kept, odd)


def test_images_and_volumes_do_not_take_each_others_roles(project: Project, tmp_path: Path) -> None:
    from engines.imaging.images import write_image

    write_image(tmp_path / "a.png", np.zeros((40, 40, 3), np.uint8))
    write_volume(tmp_path / "a.nii.gz", image())
    rows = (("s", "a", "ct", "a.png"), ("s", "b", "fixed", "a.nii.gz"))
    said = [str(finding) for finding in import_paths(project, [table(tmp_path, *rows)]).refused]
    assert "'ct' is a volume, and a.png is an image." in said[0]
    assert "'fixed' is an image, and a.nii.gz is a volume." in said[1]


def _truncated(path: Path) -> None:
    write_volume(path, image())
    path.write_bytes(path.read_bytes()[:-200])


def _of_four_axes(path: Path) -> None:
    import nibabel as nib

    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4, 3), np.int16), np.eye(4)), path)


def _sheared(path: Path) -> None:
    import nibabel as nib

    affine = np.eye(4)
    affine[0, 1] = 0.3
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4), np.int16), affine), path)


def _of_one_slice(path: Path) -> None:
    import nibabel as nib

    nib.save(nib.Nifti1Image(np.zeros((4, 4, 1), np.int16), np.eye(4)), path)


@pytest.mark.parametrize(
    ("make", "sentence", "remedy"),
    [
        (_truncated, "cannot be read as a volume", "Copy it again"),
        (_of_four_axes, "has 4 axes", "Split a time series"),
        (_sheared, "not at right angles", "Resample it"),
        (_of_one_slice, "has only one slice", "Import it as an image"),
    ],
)
def test_a_volume_that_cannot_be_used_is_refused_with_a_remedy(
    project: Project, tmp_path: Path, make: object, sentence: str, remedy: str
) -> None:
    make(tmp_path / "a.nii.gz")  # type: ignore[operator]
    said = only_refusal(import_paths(project, [table(tmp_path, ("s", "a", "ct", "a.nii.gz"))]))
    assert sentence in said
    assert remedy in said
    assert project.items.all() == []


def test_a_header_with_its_voxels_elsewhere_is_kept_in_the_project(project: Project, tmp_path: Path) -> None:
    import SimpleITK as sitk

    from engines.imaging.volumes.volume_files import itk_image

    for seed in (1, 2):
        (tmp_path / str(seed)).mkdir()
        sitk.WriteImage(itk_image(image(seed)), str(tmp_path / str(seed) / "a.mhd"))
    # The headers are equal: only their voxels tell them apart.
    assert (tmp_path / "1/a.mhd").read_bytes() == (tmp_path / "2/a.mhd").read_bytes()
    rows = (("s", "a", "ct", "1/a.mhd"), ("t", "b", "ct", "2/a.mhd"))
    report = import_paths(project, [table(tmp_path, *rows)])
    assert not report.warnings
    kept = project.items.get("b").files["ct"].path
    assert kept.name == "b_ct.nii.gz"
    np.testing.assert_array_equal(read_volume(kept).voxels, image(2).voxels)


def test_classes_come_with_a_segmentation_of_slicer(project: Project, tmp_path: Path) -> None:
    from engines.imaging.volumes.label_classes import LabelClass
    from engines.imaging.volumes.slicer_segmentation import write_slicer_segmentation

    classes = (LabelClass(1, "aorta", "#E69F00"), LabelClass(4, "vein", "#56B4E9"))
    write_volume(tmp_path / "a.nrrd", image())
    write_slicer_segmentation(tmp_path / "a.seg.nrrd", labels(), classes)
    import_paths(project, [table(tmp_path, ("s", "a", "ct", "a.nrrd"), ("s", "a", "seg", "a.seg.nrrd"))])
    (label_map,) = project.label_maps.of_item("a")
    assert label_map.classes == classes


@pytest.mark.parametrize("where", ["keep_label_map", "insert_file"])
def test_a_full_disk_leaves_the_project_as_it_was(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    from engines.contract.errors import ProjectError
    from workstation.project.importers import table as module

    write_volume(tmp_path / "a.nii.gz", image())
    write_volume(tmp_path / "seg.nii.gz", labels())
    path = table(tmp_path, ("s", "a", "ct", "a.nii.gz"), ("s", "a", "label_map", "seg.nii.gz"))

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, where, refuse)
        with pytest.raises(ProjectError, match="No space left") as raised:
            import_paths(project, [path])
    assert "Free some space" in str(raised.value.remedy)
    assert project.items.all() == []
    assert [file for file in (project.folder / "label_maps").rglob("*") if file.is_file()] == []
    assert import_paths(project, [path]).num_files == 2
