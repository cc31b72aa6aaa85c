"""Which methods there are and which is chosen, with real run folders and a mocked view."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from engines.contract.events import EventWriter, Started
from engines.contract.kinds import Action, ItemKind, RunState
from engines.contract.manifest import Manifest
from engines.contract.run_folder import RunFolder, RunRequest
from engines.contract.spec import PipelineSpec
from workstation.controllers.pairs.registration_controller import RegistrationController
from workstation.controllers.pairs.registrations import methods, registering_spec
from workstation.controllers.runs.runs_controller import MODEL_IN_USE
from workstation.controllers.workbench import Workbench
from workstation.project.project import Project
from workstation.views.protocols.pairs import MethodRow, PairsView


@pytest.fixture
def spec() -> PipelineSpec:
    found = registering_spec(ItemKind.IMAGE_PAIR)
    assert found is not None
    return found


@pytest.fixture
def bench(qapp, pair_project_folder: Path) -> Iterator[Workbench]:
    made = Workbench()
    made.set_project(Project.open(pair_project_folder))
    yield made
    made.close()


def train(project: Project, spec: PipelineSpec, value: float, *, has_model: bool = True) -> str:
    """Write what a training run leaves."""
    phase, metric = spec.phases[-1], spec.metrics[0]
    folder = RunFolder(project.runs.new_folder(spec.key, phase.key))
    request = RunRequest(
        pipeline=spec.key, action=Action.TRAIN, phase=phase.key, preset=phase.preset, settings={}
    )
    folder.create(request, Manifest(items=(), split_hash="h"))
    events = EventWriter(folder.events_path)
    events.write(Started(pipeline=spec.key, action="train", time=86400.0))
    events.close()
    if has_model:
        (folder.checkpoints_dir / "best").mkdir(parents=True)
    folder.write_summary(RunState.FINISHED, {"best_metric": metric.key, "best_value": value})
    project.runs.add(folder.id, folder.path)
    return folder.id


def test_trained_methods_say_phase_date_and_value(bench: Workbench, spec: PipelineSpec) -> None:
    run_id = train(bench.project, spec, 0.25)
    train(bench.project, spec, 0.5, has_model=False)
    rows = methods(bench.project, spec).rows
    trained = [row for row in rows if row.id]
    assert trained == [
        MethodRow(run_id, spec.phases[-1].title, run_id, 86400.0, spec.metrics[0], 0.25, is_in_use=False)
    ]


def test_model_in_use_is_chosen_until_the_person_chooses_another(
    bench: Workbench, spec: PipelineSpec, qtbot
) -> None:
    run_id = train(bench.project, spec, 0.25)
    view = MagicMock(spec=PairsView)
    controller = RegistrationController(bench, view)

    def chosen() -> str:
        qtbot.waitUntil(lambda: bench.background.num_waiting == 0)
        return view.show_methods.call_args.args[1]

    controller.show_item(bench.project.items.get("pair_a"))
    assert chosen() == ""
    bench.project.set_setting(MODEL_IN_USE, {spec.key: run_id})
    bench.data_changed.emit()
    assert chosen() == run_id
    assert [row.id for row in view.show_methods.call_args.args[0] if row.is_in_use] == [run_id]
    controller.choose_method("")
    controller.show_item(bench.project.items.get("pair_b"))
    assert chosen() == ""
    controller.close()


def test_discarded_model_in_use_is_not_chosen(bench: Workbench, spec: PipelineSpec, qtbot) -> None:
    bench.project.set_setting(MODEL_IN_USE, {spec.key: "gone"})
    view = MagicMock(spec=PairsView)
    controller = RegistrationController(bench, view)
    controller.show_item(bench.project.items.get("pair_a"))
    qtbot.waitUntil(lambda: view.show_methods.called)
    assert view.show_methods.call_args.args[1] == ""
    controller.close()
