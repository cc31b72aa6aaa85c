"""Results of runs as they are found in run folders, brought in as proposals, and gone on with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from engines.contract.item_review import ItemReview, ReviewStep
from engines.contract.kinds import Action, ItemKind, OutputKind, RunState
from engines.contract.manifest import ItemRecord, Manifest
from engines.contract.probability_file import SparseProbability
from engines.contract.registry import all_specs
from engines.contract.run_folder import RunFolder, RunRequest
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.controllers.review.proposal_import import bring_in_results
from workstation.controllers.review.result_proposals import bring_in_steps, step_proposals
from workstation.controllers.runs.predict_runs import items_left, newest_unfinished, prepare_rest
from workstation.project.project import Project
from workstation.runs.results import ItemResult, ResultReader

SHAPE = (20, 18, 9)
GRID = VolumeGeometry(SHAPE, np.diag([0.8, 0.8, 2.5, 1.0]))
SPEC = next(
    spec for spec in all_specs() if any(output.kind is OutputKind.LABEL_MAP for output in spec.outputs)
)
ROLE = next(output.role for output in SPEC.outputs if output.kind is OutputKind.LABEL_MAP)


@pytest.fixture
def project(tmp_path: Path, add_case: Callable[..., None]) -> Iterator[Project]:
    """Two cases with an accepted mask."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:9, 4:9, 4] = 1
    with Project.create(tmp_path / "项目 p", "p") as made:
        for item in ("a", "b"):
            add_case(made, item, {"mask": ("import", labels)})
        yield made


def run(
    project: Project, name: str, items: Sequence[str] = ("a", "b"), state: RunState = RunState.FINISHED
) -> RunFolder:
    """Return the folder of a run that was asked for some items."""
    folder = RunFolder(project.runs.root / name)
    records = tuple(ItemRecord(id=item, subject=item, kind=ItemKind.VOLUME, files={}) for item in items)
    folder.create(RunRequest(pipeline=SPEC.key, action=Action.PREDICT), Manifest(items=records))
    folder.write_summary(state, {})
    project.runs.add(folder.id, folder.path)
    return folder


def write(folder: RunFolder, role: str, item: str, when: float) -> Path:
    path = folder.outputs_dir / role / f"{item}.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[4:9, 4:10, 4] = 1
    write_volume(path, Volume(voxels, GRID))
    os.utime(path, (when, when))
    return path


def review(folder: RunFolder, item: str, **facts: object) -> None:
    steps = (ReviewStep(role=ROLE, title="Refined"), ReviewStep(role="fused 融合", title="Fused"))
    ItemReview(status="review", steps=steps, **facts).write(folder.outputs_dir / "review" / f"{item}.json")  # type: ignore[arg-type]


def read(project: Project, item: str) -> ItemResult:
    return next(found for found in ResultReader().read(project) if found.item_id == item)


def test_the_newest_result_of_each_item_is_found_with_its_steps(project: Project) -> None:
    old, new = run(project, "20260101-a"), run(project, "20260102-b")
    write(old, ROLE, "a", 100.0)
    write(old, ROLE, "b", 100.0)
    write(new, ROLE, "a", 200.0)
    write(new, "fused 融合", "a", 200.0)
    review(new, "a", threshold=0.4, report="outputs/report/a.html")
    (new.outputs_dir / "report").mkdir()
    (new.outputs_dir / "report" / "a.html").write_text("page", encoding="utf-8")
    SparseProbability.of(np.ones(SHAPE)).write(new.outputs_dir / "probability" / "a.npz")
    a, b = read(project, "a"), read(project, "b")
    assert (a.run_id, [step.title for step in a.steps]) == (new.id, ["Refined", "Fused"])
    assert a.probability is not None
    assert a.report is not None
    assert (b.run_id, b.review, b.report) == (old.id, None, None)


def test_what_was_written_since_is_found_by_the_same_reader(project: Project) -> None:
    reader, folder = ResultReader(), run(project, "20260101-a")
    assert reader.read(project) == []
    write(folder, ROLE, "a", 100.0)
    assert [found.item_id for found in reader.read(project)] == ["a"]


def test_a_report_outside_the_run_folder_and_a_damaged_review_are_left_out(project: Project) -> None:
    folder = run(project, "20260101-a")
    write(folder, ROLE, "a", 100.0)
    write(folder, ROLE, "b", 100.0)
    (project.folder / "secret.html").write_text("page", encoding="utf-8")
    review(folder, "a", report="../../secret.html")
    (folder.outputs_dir / "review" / "b.json").write_text("{", encoding="utf-8")
    assert read(project, "a").report is None
    assert read(project, "b").review is None


def test_results_of_items_that_are_gone_are_left_out(project: Project) -> None:
    write(run(project, "20260101-a"), ROLE, "elsewhere", 100.0)
    assert ResultReader().read(project) == []


def test_steps_come_in_as_proposals_once(project: Project) -> None:
    folder = run(project, "20260101-a")
    write(folder, ROLE, "a", 100.0)
    write(folder, "fused 融合", "a", 100.0)
    review(folder, "a")
    result = read(project, "a")
    made = bring_in_steps(project, result)
    assert list(made) == [ROLE, "fused 融合"]
    assert bring_in_steps(project, result) == made
    assert step_proposals(project.label_maps.of_item("a"), result) == made
    assert bring_in_results(project, "a") == []
    for _ in made:
        project.history.undo("a")
    assert step_proposals(project.label_maps.of_item("a"), result) == {}


def test_a_run_that_ended_early_tells_which_items_are_left(project: Project) -> None:
    finished = run(project, "20260101-a")
    assert newest_unfinished(project) is None
    stopped = run(project, "20260102-b", state=RunState.STOPPED)
    for folder, started in ((finished, 100.0), (stopped, 200.0)):
        os.utime(folder.config_path, (started, started))
    write(stopped, ROLE, "a", 200.0)
    assert items_left(stopped) == ("b",)
    found = newest_unfinished(project)
    assert found is not None
    assert (found[0].id, found[1], found[2]) == (stopped.id, 1, 2)
    write(stopped, ROLE, "b", 200.0)
    assert newest_unfinished(project) is None


def test_going_on_makes_a_run_of_what_is_left_with_the_same_model_and_settings(project: Project) -> None:
    trained = project.runs.root / "20260101-trained"
    trained.mkdir(parents=True)
    stopped = run(project, "20260102-b", state=RunState.STOPPED)
    request = stopped.read_request()
    settings = {**request.settings, "seed": 7}
    stopped.write_request(
        request.model_copy(update={"base_run": "../20260101-trained", "settings": settings})
    )
    write(stopped, ROLE, "a", 200.0)
    rest = prepare_rest(project, stopped)
    assert [item.id for item in rest.read_manifest().items] == ["b"]
    again = rest.read_request()
    assert again.settings["seed"] == 7
    assert rest.file_path(again.base_run) == trained
