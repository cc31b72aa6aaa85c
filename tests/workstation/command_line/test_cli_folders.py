from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines.imaging.images import write_image
from engines.imaging.opencv import cv2
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.project.project import Project


def look(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (80, 96)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3.0)
    return (120 + 70 * smooth / np.abs(smooth).max()).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A complete pair, and half of one."""
    root = tmp_path / "图像 folder"
    for number, name in enumerate(("1_FA", "1_CF", "2_fixed")):
        write_image(root / f"{name}.png", look(number))
    return root


@pytest.fixture
def study(tmp_path: Path) -> Path:
    Project.create(tmp_path / "study", "S").close()
    return tmp_path / "study"


def test_a_folder_is_imported_with_its_report(cli: Callable, study: Path, folder: Path) -> None:
    result = cli("import", study, folder)
    assert result.code == 0
    assert "Layout: Pairs by name or folder" in result.out
    assert "1_FA.png (FA), 1_CF.png (CF)" in result.out
    assert "Imported 2 files" in result.out
    assert "warning: 2 has no moving image: 2_fixed.png has no partner." in result.err
    with Project.open(study) as project:
        assert [item.id for item in project.items.all()] == ["1"]


def test_files_that_no_item_takes_are_named(cli: Callable, study: Path, tmp_path: Path) -> None:
    grid = VolumeGeometry((8, 8, 8), np.eye(4))
    (tmp_path / "case").mkdir()
    for name in ("image", "label_map", "other_label_map"):
        voxels = np.arange(512, dtype=np.int16).reshape(8, 8, 8)
        write_volume(
            tmp_path / "case" / f"{name}.nii.gz", Volume(voxels % (2 if "label" in name else 500), grid)
        )
    result = cli("import", study, tmp_path / "case")
    assert result.code == 0
    assert "note: no item takes other_label_map.nii.gz;" in result.err


def test_the_layout_can_be_chosen(cli: Callable, study: Path, folder: Path) -> None:
    result = cli("import", study, folder, "--layout", "single_images")
    assert result.code == 0
    with Project.open(study) as project:
        assert project.items.count() == 3
    assert cli("import", study, folder, "--layout", "pears").code == 2


@pytest.mark.parametrize("names", [[], ["1_fixed.png"]])
def test_nothing_usable_is_exit_2(cli: Callable, study: Path, tmp_path: Path, names: list[str]) -> None:
    root = tmp_path / "few"
    root.mkdir()
    (root / "notes.txt").write_text("nothing")
    for name in names:
        (root / name).write_bytes(b"no image")
    result = cli("import", study, root)
    assert result.code == 2
    assert result.err.startswith("workstation: ") or "workstation: " in result.err


def test_tables_and_folders_go_in_one_call(cli: Callable, study: Path, folder: Path) -> None:
    table = folder.parent / "points.csv"
    table.write_text("item,point,fixed_x,fixed_y,moving_x,moving_y\n1,1,10,12,11,13\n")
    result = cli("import", study, table, folder)
    assert result.code == 0
    with Project.open(study) as project:
        assert project.keypoints.counts() == {"1": 1}


def test_moved_images_are_relinked(cli: Callable, study: Path, folder: Path) -> None:
    assert cli("import", study, folder).code == 0
    moved = folder.rename(folder.parent / "elsewhere")
    empty = moved.parent / "empty"
    empty.mkdir()
    result = cli("relink", study, empty)
    assert (result.code, "missing: " in result.err) == (2, True)
    result = cli("relink", study, moved)
    assert (result.code, result.out.strip()) == (0, "Relinked 2 of 2 missing files.")
    assert cli("relink", study, moved).code == 0
    assert cli("relink", study, moved / "nowhere").code == 2


def volumes(root: Path) -> Path:
    """Two cases in a folder; one has a label map."""
    from engines.imaging.volumes.volume import Volume, VolumeGeometry
    from engines.imaging.volumes.volume_files import write_volume

    grid = VolumeGeometry((8, 7, 6), np.diag([-0.5, -0.5, 2.0, 1.0]))
    for number, name in enumerate(("a/ct", "b/ct", "b/seg")):
        path = root / f"{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        voxels = np.full((8, 7, 6), 1 + number, np.uint8 if "seg" in name else np.int16)
        voxels[0] = 0
        write_volume(path, Volume(voxels, grid))
    return root


def test_volumes_of_a_folder_are_imported_with_what_they_hold(
    cli: Callable, study: Path, tmp_path: Path
) -> None:
    result = cli("import", study, volumes(tmp_path / "影像"))
    assert result.code == 0
    assert "Layout: Cases of volumes" in result.out
    assert "b ct: 8 x 7 x 6 voxels of 0.5 x 0.5 x 2 mm, 0 to 2 HU" in result.out
    assert "b label_map: 8 x 7 x 6 voxels of 0.5 x 0.5 x 2 mm; 3: 0.147 mL" in result.out
    with Project.open(study) as project:
        assert [len(project.label_maps.of_item(item)) for item in ("a", "b")] == [0, 1]
    listed = cli("items", study)
    assert "volume" in listed.out


def test_a_case_of_several_volumes_comes_in_by_table(cli: Callable, study: Path, tmp_path: Path) -> None:
    volumes(tmp_path)
    table = tmp_path / "cases.csv"
    rows = (
        "subject,item,role,path",
        "p,p1,ncct,a/ct.nii.gz",
        "p,p1,cta,b/ct.nii.gz",
        "p,p1,seg,b/seg.nii.gz",
    )
    table.write_text("\n".join(rows), encoding="utf-8")
    result = cli("import", study, table)
    assert result.code == 0, result.err
    with Project.open(study) as project:
        (item,) = project.items.all()
        assert (item.kind.value, set(item.files)) == ("volume_pair", {"ncct", "cta", "label_map"})


def test_other_files_of_the_folder_are_pointed_out(
    cli: Callable, study: Path, folder: Path, tmp_path: Path
) -> None:
    volumes(folder / "volumes")
    result = cli("import", study, folder)
    assert result.code == 0
    assert "note: the layout 'folder_pairs' fits other files here (1 items)" in result.err
