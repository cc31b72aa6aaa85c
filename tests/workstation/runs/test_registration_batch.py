"""The table of all registrations, and its files, from transforms written by hand."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import PreconditionError, RunFolderError
from engines.contract.transform_file import TransformFile
from engines.imaging.images import read_image
from workstation.project.project import Project
from workstation.project.result_commands import JudgeResult, Verdict
from workstation.project.sample import create_sample
from workstation.runs.registration_batch import (
    RegistrationRow,
    export_batch,
    registering_spec,
    registration_table,
    transform_role,
)

EYE = ("fa-octa", "fa-octa-3mm", "octa-6mm-3mm")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("batch") / "项目 1"
    create_sample(folder).close()
    return folder


@pytest.fixture
def project(template: Path, tmp_path: Path):
    import shutil

    with Project.open(Path(shutil.copytree(template, tmp_path / "项目 1"))) as opened:
        yield opened


def write(project: Project, run: str, item: str, **changes: object) -> Path:
    """Write the transform of an item as a run would have."""
    files = project.items.get(item).files
    facts: dict[str, object] = {
        "matrix": np.eye(3).tolist(),
        "fixed_size": (files["fixed"].width, files["fixed"].height),
        "moving_size": (files["moving"].width, files["moving"].height),
        "verdict": "registered",
        "method": "by hand",
        "z": 9.0,
        "s": 0.5,
        "fixed_sha256": files["fixed"].sha256,
        "moving_sha256": files["moving"].sha256,
    }
    folder = project.folder / "runs" / run
    path = folder / "outputs" / transform_role(registering_spec()) / f"{item}.json"
    TransformFile(**{**facts, **changes}).write(path)  # type: ignore[arg-type]
    if not (folder / "config.yaml").exists():
        (folder / "config.yaml").write_text("schema_version: 1", encoding="utf-8")
    return path


def test_what_needs_a_look_comes_first_and_the_newest_counts(project: Project) -> None:
    old = write(project, "run_1", "fa-octa", verdict="not_registered", matrix=None)
    os.utime(old, (1, 1))
    write(project, "run_2", "fa-octa", z=12.0)
    write(project, "run_2", "visits", verdict="uncertain", z=5.0)
    write(project, "run_2", "known-1", verdict="not_registered", matrix=None, z=None, s=None)
    write(project, "run_2", "known-2", fixed_sha256="f" * 64)
    table = registration_table(project, registering_spec())
    assert [(row.item, row.verdict) for row in table.rows[:3]] == [
        ("known-1", "not_registered"),
        ("visits", "uncertain"),
        ("fa-octa", "registered"),
    ]
    assert table.rows[2].run_id == "run_2"
    assert table.rows[2].modalities == "FA - OCTA"
    assert "known-2" in table.left, "a transform of other images is none"
    assert set(EYE[1:]) <= set(table.left)
    only = registration_table(project, registering_spec(), items=["visits"])
    assert [row.item for row in only.rows] == ["visits"]


def test_three_pairs_of_an_eye_close_a_circle(project: Project) -> None:
    shift = np.array([[1.0, 0.0, 3.0], [0.0, 1.0, 4.0], [0.0, 0.0, 1.0]])
    for item, matrix in zip(EYE, (np.eye(3), shift, np.eye(3)), strict=True):
        write(project, "run_1", item, matrix=matrix.tolist())
    table = registration_table(project, registering_spec())
    (cycle,) = table.cycles
    assert cycle.mean_error_px == pytest.approx(5.0)
    assert [row.cycle_px for row in table.rows if row.item in EYE] == [pytest.approx(5.0)] * 3
    write(project, "run_1", EYE[0], verdict="not_registered")
    assert registration_table(project, registering_spec()).cycles == ()


def test_files_say_what_was_not_confirmed_and_replace_nothing(project: Project, tmp_path: Path) -> None:
    spec, out = registering_spec(), tmp_path / "出 1"
    with pytest.raises(PreconditionError):
        export_batch(project, spec, registration_table(project, spec).rows, out)
    write(project, "run_1", "visits", verdict="uncertain")
    quadratic = {"centre": (0.0, 0.0), "scale": 1.0, "coefficients": [[5, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0]]}
    write(project, "run_1", "known-1", model="quadratic", quadratic=quadratic)
    files, notes = export_batch(project, spec, registration_table(project, spec).rows, out)
    assert sorted(path.name for path in files) == [
        "known-1.json",
        "known-1_registered.png",
        "visits_not_confirmed.json",
        "visits_not_confirmed_registered.png",
    ]
    assert [note.parameters["n"] for note in notes] == [1]
    moving = read_image(project.items.get("known-1").files["moving"].require())
    warped = read_image(out / "known-1_registered.png")
    # The curve, not the matrix: everything lies 5 px further to the right.
    middle = (slice(100, 200), slice(100, 200))
    assert np.abs(warped[100:200, 105:205].astype(int) - moving[middle].astype(int)).mean() < 1.0
    with pytest.raises(RunFolderError):
        export_batch(project, spec, registration_table(project, spec).rows, out)


def test_what_a_person_accepted_counts_and_needs_no_look(project: Project) -> None:
    write(project, "run_1", "visits", verdict="uncertain", z=5.0)
    write(project, "run_2", "visits", verdict="registered", z=12.0)
    write(project, "run_2", "fa-octa", verdict="uncertain", z=5.5)

    def row(item: str) -> RegistrationRow:
        return next(r for r in registration_table(project, registering_spec()).rows if r.item == item)

    assert (row("visits").run_id, row("visits").judged) == ("run_2", None)
    project.history.execute(JudgeResult("visits", "run_1", Verdict.ACCEPTED))
    assert (row("visits").run_id, row("visits").judged) == ("run_1", Verdict.ACCEPTED)
    tried = [r.item for r in registration_table(project, registering_spec()).rows if r.file is not None]
    assert tried == ["fa-octa", "visits"]
    project.history.execute(JudgeResult("visits", "run_2", Verdict.REJECTED))
    project.history.undo("visits")
    project.history.undo("visits")
    assert row("visits").run_id == "run_2"
