from __future__ import annotations

import json
from pathlib import Path

import pytest

from engines.contract.errors import ProjectError, UnknownKeyError
from workstation.project.annotations import PairState
from workstation.project.commands import AddPair
from workstation.project.exporters import export
from workstation.project.importers import import_paths
from workstation.project.project import Project


@pytest.fixture
def annotated(project: Project) -> Project:
    project.history.execute(AddPair("a", (1.0, 2.0), (3.0, 4.5)))
    project.history.execute(AddPair("a", (5.0, 6.0)))
    project.history.execute(AddPair("b", (7.0, 8.0), (9.0, 10.0), state=PairState.EXCLUDED))
    return project


def test_json_holds_everything(annotated: Project, tmp_path: Path) -> None:
    out = export(annotated, "json", tmp_path / "新 folder" / "all.json")
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


def test_keypoints_csv_holds_the_used_pairs_and_can_be_imported(annotated: Project, tmp_path: Path) -> None:
    out = export(annotated, "keypoints_csv", tmp_path / "keypoints.csv")
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
