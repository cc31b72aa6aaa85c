"""What can be started beside training, and the run folders that come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication

from engines.contract.errors import PreconditionError
from engines.contract.kinds import Action, OutputKind, RunState
from engines.contract.manifest import Manifest
from engines.contract.registry import all_specs
from engines.contract.run_folder import RunFolder, RunRequest
from workstation.controllers.training.start_runs import StartRuns, command_of, prepare, start_choices
from workstation.controllers.workbench import Workbench
from workstation.project.project import Project
from workstation.views.protocols.start import StartChoice, StartOrder

SHAPE = (20, 18, 9)
SPEC = next(
    spec
    for spec in all_specs()
    if any(output.kind is OutputKind.LABEL_MAP for output in spec.outputs) and Action.EVALUATE in spec.configs
)


@pytest.fixture
def project(tmp_path: Path, add_case: Callable[..., None]) -> Iterator[Project]:
    """Two cases with an accepted mask."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:9, 4:9, 4] = 1
    with Project.create(tmp_path / "项目 p", "p") as made:
        for item in ("a", "b"):
            add_case(made, item, {"mask": ("import", labels)})
        yield made


def trained(project: Project) -> RunFolder:
    """Return the folder of a training that looks finished."""
    folder = RunFolder(project.runs.root / "20260101-trained")
    phase = SPEC.phases[0]
    request = RunRequest(pipeline=SPEC.key, action=Action.TRAIN, phase=phase.key, preset=phase.preset)
    folder.create(request, Manifest(items=()))
    (folder.checkpoints_dir / "best").mkdir(parents=True)
    (folder.checkpoints_dir / "best" / "weights.safetensors").write_bytes(b"")
    folder.write_summary(RunState.FINISHED, {})
    project.runs.add(folder.id, folder.path)
    return folder


def choice(project: Project, action: Action, item_id: str = "") -> StartChoice | None:
    return next((one for one in start_choices(project, action, item_id) if one.key == SPEC.key), None)


def test_without_a_model_there_is_nothing_to_apply(project: Project) -> None:
    found = choice(project, Action.PREDICT)
    assert (found is None) is not SPEC.can_predict_untrained


def test_a_trained_model_can_be_applied_to_the_chosen_item_or_to_all(project: Project) -> None:
    run = trained(project)
    found = choice(project, Action.PREDICT, "b")
    assert found is not None
    assert found.models[0].run_id == run.id
    groups = {group.key: group for group in found.groups}
    assert groups["chosen"].item_ids == ("b",)
    assert set(groups["all"].item_ids) == set(groups["left"].item_ids) == {"a", "b"}
    assert start_choices(project, Action.PREDICT, "b")[0].key == SPEC.key

    order = StartOrder(Action.PREDICT, SPEC.key, run.id, group=groups["chosen"], settings=found.values)
    folder = prepare(project, order)
    request = folder.read_request()
    assert folder.file_path(request.base_run) == run.path
    assert [item.id for item in folder.read_manifest().items] == ["b"]
    assert request.command == command_of(project, order, {})
    assert request.command.startswith("workstation predict ")
    assert f"--run {run.id} --items b" in request.command


def test_an_evaluation_takes_settings_and_needs_no_model(project: Project) -> None:
    found = choice(project, Action.EVALUATE)
    assert found is not None
    assert [model.run_id for model in found.models] == [""]
    group = found.groups[0]
    assert (group.key, len(group.item_ids)) == ("all", 2)
    assert all(other.is_empty for other in found.groups[1:])
    order = StartOrder(
        Action.EVALUATE, SPEC.key, group=group, settings={**found.values, "seed": found.values["seed"] + 7}
    )
    request = prepare(project, order).read_request()
    assert request.settings["seed"] == found.values["seed"] + 7
    assert "--split all" in request.command
    assert "--set seed=" in request.command


def test_weights_are_imported_for_a_phase(project: Project, tmp_path: Path) -> None:
    if Action.IMPORT_WEIGHTS not in SPEC.configs:
        assert choice(project, Action.IMPORT_WEIGHTS) is None
        return
    found = choice(project, Action.IMPORT_WEIGHTS)
    assert found is not None
    phase, title = found.phases[0]
    assert title == SPEC.phases[0].title
    source = tmp_path / "权重 best.pth"
    source.write_bytes(b"x")
    order = StartOrder(
        Action.IMPORT_WEIGHTS, SPEC.key, phase=phase, settings={**found.values, "source": str(source)}
    )
    request = prepare(project, order).read_request()
    assert (request.action, request.phase) == (Action.IMPORT_WEIGHTS, phase)
    assert request.settings["source"] == str(source)
    assert request.command.startswith("workstation import-weights ")


def test_a_refusal_is_told(qapp: QCoreApplication, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Workbench()
    bench._project = project
    told: list[str] = []
    starts = StartRuns(bench)
    starts.refused.connect(told.append)

    def refuse(_channel: str, _work: object, _done: object, failed: Callable[[Exception], None]) -> None:
        failed(PreconditionError("It lacks a model.", remedy="Train one."))

    monkeypatch.setattr(bench.background, "submit", refuse)
    starts.start(StartOrder(Action.PREDICT, SPEC.key))
    assert told == ["It lacks a model. Train one."]
    bench._project = None
    bench.close()
