"""import-weights with a real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.contract.kinds import Action
from engines.contract.registry import all_specs, load_spec
from engines.contract.run_folder import RunFolder
from workstation.project.project import Project
from workstation.runs.preconditions import newest_finished_run

PIPELINE = "refinement"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project at a Chinese path."""
    folder = tmp_path / "项目 a"
    Project.create(folder, "a").close()
    return folder


def test_imported_weights_are_a_run_that_others_can_build_on(cli, project, tmp_path):
    import torch

    from engines.refinement.fields.compatible_field import CompatibleArchitecture, CompatibleField

    field = CompatibleField(CompatibleArchitecture("official", 2, 32, (8, 8, 8, 8), False))
    source = tmp_path / "旧 checkpoints" / "best.pth"
    source.parent.mkdir()
    torch.save(field.state_dict(), source)
    (source.parent / "info.csv").write_text("id\na\nb\n", encoding="utf-8")

    done = cli("import-weights", project, PIPELINE, source.parent, "--set", "label_class=3")
    assert done.code == 0, done.err
    folder = RunFolder(Path(done.out.splitlines()[0]))
    assert f"matched: {len(field.state_dict())}" in done.out
    assert "missing: 0" in done.out
    request = folder.read_request()
    assert (request.action, request.phase) == (Action.IMPORT_WEIGHTS, "fit")
    assert folder.read_summary()["label_class"] == 3
    with Project.open(project) as opened:
        newest = newest_finished_run(opened, load_spec(PIPELINE))
        assert newest is not None
        assert newest.id == folder.id
    run = cli("runs", project, "--json").json("runs")["runs"][0]
    assert (run["action"], run["state"]) == ("import_weights", "finished")


def test_what_cannot_be_imported_is_one_line(cli, project, tmp_path):
    assert "There is no file or folder" in cli("import-weights", project, PIPELINE, tmp_path / "no").err
    reader = [spec.key for spec in all_specs() if not spec.import_weights]
    if reader:
        done = cli("import-weights", project, reader[0], tmp_path)
        assert done.code == 2
        assert "cannot do 'import_weights'" in done.err
    (tmp_path / "best.pth").write_bytes(b"nothing")
    done = cli("import-weights", project, PIPELINE, tmp_path / "best.pth")
    assert done.code == 2
    assert "no readable file of weights" in done.err
