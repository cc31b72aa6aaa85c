"""near_format_data out of a project and into one, with its place in the world kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import InputError, PreconditionError
from engines.imaging.volumes import near_format
from engines.imaging.volumes.label_metrics import dice
from engines.imaging.volumes.near_format import NearGeometry, case_ids, read_case, write_case, write_table
from engines.imaging.volumes.resampling import resample_labels
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import read_volume, write_volume
from workstation.cli import main
from workstation.project.exporters import ExportOptions, export
from workstation.project.importers.near_format import with_converted
from workstation.project.project import Project

SHAPE = (60, 44, 38)
AFFINE = np.array([[-0.5, 0, 0, 30.0], [0, 0.6, 0, -12.0], [0, 0, 0.9, 100.0], [0, 0, 0, 1.0]])
GRID = VolumeGeometry(SHAPE, AFFINE)
SMALL = ExportOptions(cube_side=48)
"""Cubes of 256 voxels take half a minute."""


def drawn() -> tuple[Volume, Volume]:
    """Return a CT of two organs, and their labels; no two axes alike."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[16:40, 14:30, 12:26] = 1
    labels[20:24, 18:22, 14:34] = 9
    image = np.full(SHAPE, -80, np.int16)
    image[labels == 1] = 110
    image[labels == 9] = 380
    return Volume(image, GRID), Volume(labels, GRID)


def make_project(folder: Path) -> Project:
    """Return a project of one case, imported as anybody would."""
    image, labels = drawn()
    source = folder / "source" / "case 1"
    source.mkdir(parents=True)
    write_volume(source / "ct.nii.gz", image)
    write_volume(source / "label_map.nii.gz", labels)
    Project.create(folder / "项目", "p").close()
    assert main(["import", str(folder / "项目"), str(source.parent)]) == 0
    return Project.open(folder / "项目")


def test_a_cube_finds_back_to_its_volume(tmp_path: Path) -> None:
    """Put back on the native grid, labels lie where they were."""
    image, labels = drawn()
    files = write_case(tmp_path, "a", image, labels, side=64)
    assert [path.relative_to(tmp_path).as_posix() for path in files] == [
        "appearance/a.npy",
        "shape/a.npy",
        "geometry/a.json",
    ]
    found = read_case(tmp_path, "a")
    assert found.image is not None
    assert found.geometry is not None
    assert found.geometry.box == (slice(6, 50), slice(4, 40), slice(2, 38))
    np.testing.assert_allclose(found.geometry.native.world_from_voxel, AFFINE)
    back = resample_labels(found.labels.voxels, found.labels.geometry, GRID)
    for value in (1, 9):
        assert dice(back == value, labels.voxels == value) > 0.97
    assert np.median(found.image.voxels[found.labels.voxels == 9]) == pytest.approx(380, abs=15)


def test_a_box_that_is_a_cube_already_comes_back_bit_by_bit(tmp_path: Path) -> None:
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[14:26, 14:26, 14:26] = 3
    labels[15, 16, 17] = 9
    grid = VolumeGeometry(labels.shape, AFFINE)
    image = Volume(np.where(labels, 200, -100).astype(np.int16), grid)
    write_case(tmp_path, "a", image, Volume(labels, grid), side=32)
    found = read_case(tmp_path, "a")
    assert found.geometry is not None
    np.testing.assert_array_equal(found.labels.voxels, labels[found.geometry.box])
    np.testing.assert_array_equal(found.labels.geometry.world_from_voxel[:3, :3], AFFINE[:3, :3])
    # Arrays on the disk are (k, j, i), as other programs write them.
    assert np.load(tmp_path / "shape" / "a.npy")[17 - 4, 16 - 4, 15 - 4] == 9


def test_the_geometry_comes_back_as_it_was() -> None:
    geometry = NearGeometry(GRID, (slice(3, 20), slice(0, 44), slice(5, 9)), 64, (-60.0, 140.0))
    again = NearGeometry.of_values(json.loads(json.dumps(geometry.values())))
    assert again.box == geometry.box
    assert again.window_hu == geometry.window_hu
    assert again.cube.difference(geometry.cube) is None


def test_exported_cases_are_imported_again_in_their_place(tmp_path: Path) -> None:
    with make_project(tmp_path) as project:
        (item,) = project.items.all()
        result = export(project, "near_format", tmp_path / "near_format_data", options=SMALL)
        assert (tmp_path / "near_format_data" / "info.csv") in result.files
        assert case_ids(tmp_path / "near_format_data") == [item.id]
    Project.create(tmp_path / "second", "s").close()
    assert main(["import", str(tmp_path / "second"), str(tmp_path / "near_format_data")]) == 0
    with Project.open(tmp_path / "second") as project:
        (found,) = project.items.all()
        assert found.id == item.id
        (label_map,) = project.label_maps.of_item(found.id)
        volume, _ = project.label_maps.read(label_map.id)
        back = resample_labels(volume.voxels, volume.geometry, GRID)
        assert dice(back == 9, drawn()[1].voxels == 9) > 0.9
        image = read_volume(found.files["ct"].require())
        assert image.geometry.difference(volume.geometry) is None


@pytest.mark.slow
def test_cubes_have_the_documented_side_unless_somebody_asks_for_another(tmp_path: Path) -> None:
    with make_project(tmp_path) as project:
        export(project, "near_format", tmp_path / "near_format_data")
    (path,) = (tmp_path / "near_format_data" / "shape").iterdir()
    assert np.load(path, mmap_mode="r").shape == (256, 256, 256)


def test_nothing_is_exported_that_cannot_be(tmp_path: Path) -> None:
    with make_project(tmp_path) as project:
        (item,) = project.items.all()
        from workstation.project.label_map_commands import AddLabelMap

        empty = AddLabelMap.on_grid_of(Volume(np.zeros(SHAPE, np.uint8), GRID), item.id, "second")
        project.history.execute(empty)
        with pytest.raises(PreconditionError, match="several label maps"):
            export(project, "near_format", tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_folders_without_a_place_are_read_with_a_remark(tmp_path: Path) -> None:
    """As the earlier program wrote them: arrays alone, some without an appearance."""
    folder = tmp_path / "near_format_data"
    for name in ("a", "b"):
        shape = np.zeros((20, 16, 12), np.int16)
        shape[4:8, 3:9, 2:5] = 9
        near_format._write(folder / "shape" / f"{name}.npy", shape.T)
    near_format._write(folder / "appearance" / "a.npy", np.full((12, 16, 20), 0.5, np.float32))
    write_table(folder, ["a", "b"])
    said = []
    (made,) = with_converted([folder], tmp_path / "converted", lambda note: said.append(str(note)))
    assert [path.name for path in made.iterdir()] == ["a"]
    labels = read_volume(made / "a" / "label_map.nii.gz")
    assert labels.geometry.shape == (12, 16, 20)
    assert (labels.voxels[2:5, 3:9, 4:8] == 9).all()
    assert (read_volume(made / "a" / "ct.nii.gz").voxels == 150).all()
    assert "1 cases do not say where they lie" in said[0]
    assert "1 cases have no appearance" in said[1]
    other = tmp_path / "other"
    other.mkdir()
    assert with_converted([other], tmp_path / "converted", said.append) == [other]


@pytest.mark.parametrize(
    ("table", "content", "words"),
    [
        ("name\na\n", None, "no column of case ids"),
        ("id\n../a\n", None, "no name of a file"),
        ("id\na\n", b"nothing", "holds no array"),
        ("id\na\n", np.zeros((4, 4), np.int16), "holds no volume"),
        ("id\na\n", np.full((4, 4, 4), -1, np.int16), "holds no labels"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(tmp_path: Path, table: str, content: object, words: str) -> None:
    (tmp_path / "shape").mkdir()
    (tmp_path / "info.csv").write_text(table, encoding="utf-8")
    if isinstance(content, np.ndarray):
        np.save(tmp_path / "shape" / "a.npy", content)
    elif isinstance(content, bytes):
        (tmp_path / "shape" / "a.npy").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_case(tmp_path, case_ids(tmp_path)[0])
