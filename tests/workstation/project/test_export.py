from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import PreconditionError, ProjectError, UnknownKeyError
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import read_label_map
from engines.imaging.volumes.voxel_changes import VoxelChanges
from workstation.project.annotations import PairState
from workstation.project.commands import AddPair
from workstation.project.exporters import FORMATS, export
from workstation.project.importers import import_paths
from workstation.project.label_map_commands import AddLabelMap, PaintVoxels
from workstation.project.project import Project


@pytest.fixture
def annotated(project: Project) -> Project:
    project.history.execute(AddPair("a", (1.0, 2.0), (3.0, 4.5)))
    project.history.execute(AddPair("a", (5.0, 6.0)))
    project.history.execute(AddPair("b", (7.0, 8.0), (9.0, 10.0), state=PairState.EXCLUDED))
    return project


def test_json_holds_everything(annotated: Project, tmp_path: Path) -> None:
    (out,) = export(annotated, "json", tmp_path / "新 folder" / "all.json").files
    content = json.loads(out.read_text(encoding="utf-8"))
    assert [item["id"] for item in content["items"]] == ["a", "b"]
    first = content["items"][0]
    assert Path(first["files"]["fixed"]["path"]).is_file()
    assert [(pair["fixed_xy"], pair["moving_xy"]) for pair in first["keypoint_pairs"]] == [
        ([1.0, 2.0], [3.0, 4.5]),
        ([5.0, 6.0], None),
    ]
    assert content["items"][1]["keypoint_pairs"][0]["state"] == "excluded"
    assert [entry["title"] for entry in content["history"]] == ["add point 1", "add point 2", "add point 1"]


def test_json_holds_scores_and_names_the_files_of_label_maps(project: Project, tmp_path: Path) -> None:
    pair = AddPair("a", (1.0, 2.0), (3.0, 4.0), state=PairState.PREDICTED, source="run-1", score=0.75)
    grid = VolumeGeometry((4, 3, 2), np.diag([1.0, 1.0, 3.0, 1.0]))
    label_map = AddLabelMap.on_grid_of(Volume(np.zeros(grid.shape, np.uint8), grid), "b", "冠脉")
    change = VoxelChanges.between(np.zeros(grid.shape, int), np.ones(grid.shape, int), grid.shape)
    for command in (pair, label_map, PaintVoxels(label_map.label_map_id, change.to_text())):
        project.history.execute(command)
    (out,) = export(project, "json", tmp_path / "all.json").files
    items = {item["id"]: item for item in json.loads(out.read_text(encoding="utf-8"))["items"]}

    assert items["a"]["keypoint_pairs"][0]["score"] == 0.75
    (found,) = items["b"]["label_maps"]
    assert (found["name"], found["state"]) == ("冠脉", "accepted")
    assert read_label_map(found["path"]).voxels.all()


def test_keypoints_csv_holds_the_used_pairs_and_can_be_imported(annotated: Project, tmp_path: Path) -> None:
    (out,) = export(annotated, "keypoints_csv", tmp_path / "keypoints.csv").files
    assert out.read_text(encoding="utf-8").splitlines()[1:] == ["a,1,1.0000,2.0000,3.0000,4.5000"]
    report = import_paths(annotated, [out])
    assert (len(report.notes), report.num_imported, report.refused) == (1, 0, [])


def test_an_unknown_format_lists_the_known_ones(annotated: Project, tmp_path: Path) -> None:
    with pytest.raises(UnknownKeyError, match="json, keypoints_csv"):
        export(annotated, "jsn", tmp_path / "x")


def test_an_existing_file_is_not_replaced(annotated: Project, tmp_path: Path) -> None:
    out = tmp_path / "mine.json"
    out.write_text("mine", encoding="utf-8")
    with pytest.raises(ProjectError, match="exists already"):
        export(annotated, "json", out)
    assert out.read_text(encoding="utf-8") == "mine"
    with pytest.raises(ProjectError, match="is a folder"):
        export(annotated, "json", tmp_path)


def test_a_place_that_cannot_be_written_is_named(annotated: Project, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ProjectError, match="cannot be written"):
        export(annotated, "json", tmp_path / "file" / "all.json")


def test_each_item_gets_its_files_and_what_cannot_be_said_is_counted(
    annotated: Project, tmp_path: Path
) -> None:
    result = export(annotated, "bigwarp", tmp_path / "out 目录")
    assert [path.name for path in result.files] == ["a.csv", "b.csv"]
    assert (result.num_written, result.num_left_out, result.notes) == (3, 0, ())
    fire = export(annotated, "fire", tmp_path / "fire")
    assert [path.name for path in fire.files] == ["control_points_a_1_2.txt"]
    assert (fire.num_written, fire.num_left_out) == (1, 2)
    assert "2 pairs were left out" in str(fire.notes[0])


def test_items_can_be_chosen(annotated: Project, tmp_path: Path) -> None:
    assert [path.name for path in export(annotated, "bigwarp", tmp_path / "x", ["b"]).files] == ["b.csv"]
    with pytest.raises(UnknownKeyError, match="zebra"):
        export(annotated, "bigwarp", tmp_path / "y", ["zebra"])
    with pytest.raises(PreconditionError, match="whole project"):
        export(annotated, "json", tmp_path / "all.json", ["a"])


def test_nothing_to_write_is_said(annotated: Project, tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match="no keypoint pair"):
        export(annotated, "fire", tmp_path / "out", ["b"])
    with pytest.raises(PreconditionError, match="registered"):
        export(annotated, "itk_h5", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_format_says_who_reads_it_and_what_is_lost() -> None:
    for known in FORMATS.values():
        assert all(str(text).endswith(".") for text in (known.explanation, known.loss)), known.key
        assert known.is_folder is (known.suffix == "")


def test_registrations_are_written_as_transforms(annotated: Project, tmp_path: Path) -> None:
    from engines.contract.transform_file import TransformFile
    from engines.imaging.transforms.formats import read_transform

    run = annotated.folder / "runs" / "one"
    annotated.runs.add("one", run)
    matrix = [[1.0, 0.0, 3.0], [0.0, 1.0, 4.0], [0.0, 0.0, 1.0]]
    found = TransformFile(
        matrix=matrix, fixed_size=(100, 80), moving_size=(100, 80), verdict="uncertain", method="classical"
    )
    found.write(run / "outputs" / "transform" / "a.json")
    for key in ("itk_tfm", "itk_h5", "homography_json"):
        result = export(annotated, key, tmp_path / key)
        (file,) = result.files
        assert file.stem == "a"
        assert read_transform(file).matrix.tolist() == matrix
        assert "not confirmed" in str(result.notes[0])
        with pytest.raises(ProjectError, match="exists already"):
            export(annotated, key, tmp_path / key)
