from __future__ import annotations

from pathlib import Path

import pytest

from engines.contract.errors import UnknownKeyError
from workstation.project.project import Project


def make_run(project: Project) -> Path:
    folder = project.runs.new_folder("example", "phase_1")
    (folder / "config.yaml").write_text("", encoding="utf-8")
    project.runs.add(folder.name, folder)
    return folder


def test_new_folders_are_numbered(project: Project) -> None:
    first, second = make_run(project), make_run(project)
    assert (first.name[10:], second.name[10:]) == ("_example_phase_1_1", "_example_phase_1_2")
    assert project.runs.folders() == [first, second]
    assert project.runs.folder(second.name) == second


def test_a_discarded_run_lies_in_the_trash_and_keeps_its_number(project: Project) -> None:
    first = make_run(project)
    moved = project.runs.discard(first.name)
    assert (moved / "config.yaml").is_file()
    assert not first.exists()
    assert project.runs.folders() == []
    assert make_run(project).name.endswith("_2")
    with pytest.raises(UnknownKeyError):
        project.runs.folder(first.name)


def test_a_run_elsewhere_and_a_run_copied_in_are_found(project: Project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    project.runs.add("elsewhere", elsewhere)
    copied = project.runs.root / "from a cluster"
    copied.mkdir(parents=True)
    (copied / "config.yaml").write_text("", encoding="utf-8")
    assert project.runs.folders() == [elsewhere, copied]


def test_runs_survive_reopening_and_moving_the_project(project: Project, tmp_path: Path) -> None:
    name = make_run(project).name
    project.close()
    moved = project.folder.rename(tmp_path / "moved")
    with Project.open(moved) as again:
        assert again.runs.folders() == [moved / "runs" / name]
