from __future__ import annotations

from unittest.mock import Mock

import pytest

from engines.contract.errors import PreconditionError
from engines.contract.evaluation import EvaluationReport
from engines.contract.events import Checkpoint, EventWriter, Failed, Finished, Metric, Started, Stopped
from engines.contract.kinds import Action, RunState, Split
from engines.contract.manifest import FileRecord, ItemRecord, Manifest
from engines.contract.presets import training_config
from engines.contract.registry import all_specs
from engines.contract.run_folder import RunFolder, RunRequest
from workstation.controllers.runs.run_schedule import schedule_of
from workstation.controllers.runs.runs_controller import RunsController, model_in_use
from workstation.project.project import Project
from workstation.runs.sweep import Line, SweepTable
from workstation.views.protocols.runs import RunsView

SPEC = all_specs()[0]
PHASE = SPEC.phases[0].key


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "项目 runs", "Test") as made:
        yield made


@pytest.fixture
def bench(project, prompt_bench):
    prompt_bench.set_project(project)
    return prompt_bench


def make_run(
    project, state=RunState.FINISHED, *, action=Action.TRAIN, started=1e9, split_hash="aaaa", has_model=True
) -> RunFolder:
    folder = RunFolder(project.runs.new_folder(SPEC.key, PHASE if action is Action.TRAIN else action.value))
    is_training = action is Action.TRAIN
    settings = training_config(SPEC, PHASE, "tiny").values() if is_training else {}
    request = RunRequest(
        pipeline=SPEC.key,
        action=action,
        phase=PHASE if is_training else "",
        preset="tiny" if is_training else "",
        settings=settings,
    )
    item = ItemRecord(
        id="i1", subject="s1", kind=SPEC.item_kinds[0], split=Split.VAL, files={"a": FileRecord(path="a.png")}
    )
    folder.create(request, Manifest(items=(item,), split_hash=split_hash))
    events = EventWriter(folder.events_path)
    events.write(Started(pipeline=SPEC.key, action=action.value, phase=request.phase, time=started))
    events.write(Metric(key="loss_total", split="train", step=1, value=started))
    if has_model:
        events.write(Checkpoint(path="checkpoints/last", step=1))
        (folder.checkpoints_dir / "last").mkdir(parents=True)
        (folder.checkpoints_dir / "last" / "weights.safetensors").write_bytes(b"weights")
    failed = Failed(type="E", message="m", cause="It broke.", step=1)
    events.write({RunState.FINISHED: Finished(), RunState.STOPPED: Stopped(), RunState.FAILED: failed}[state])
    events.close()
    folder.log_path.write_text("line one\nthe last line", encoding="utf-8")
    folder.write_summary(state, {"cause": "It broke."} if state is RunState.FAILED else {})
    project.runs.add(folder.id, folder.path)
    return folder


def controller(bench) -> tuple[RunsController, Mock]:
    view = Mock(spec=RunsView)
    return RunsController(bench, view), view


def last(method):
    return method.call_args.args[0]


def test_list_is_newest_first_and_a_run_is_chosen(bench, project, qtbot):
    old, new = make_run(project, started=1e9), make_run(project, started=2e9)
    runs, view = controller(bench)
    assert [row.run_id for row in last(view.show_runs)] == [new.id, old.id]
    with qtbot.waitSignal(runs.selection_wanted) as wanted:
        runs.look()
    assert wanted.args == [new.id]


def test_chosen_run_is_drawn_from_its_folder_alone(bench, project):
    folder = make_run(project)
    runs, view = controller(bench)
    runs.choose([folder.id])
    shown = last(view.show_run)
    assert shown.run_id == folder.id
    assert shown.curves[("loss_total", "train")].values.tolist() == [1e9]
    assert "the last line" in last(view.show_log)
    assert last(view.show_evaluation) is None


def test_two_runs_of_one_split_are_overlaid(bench, project):
    first, second = make_run(project), make_run(project)
    runs, view = controller(bench)
    runs.choose([first.id, second.id])
    assert last(view.show_overlay).run_id == second.id
    assert "share the split" in str(last(view.show_comparison))


def test_runs_of_different_splits_are_not_ranked(bench, project):
    first, second = make_run(project), make_run(project, split_hash="bbbb")
    runs, view = controller(bench)
    runs.choose([first.id, second.id])
    sentence = str(last(view.show_comparison))
    assert "not ranked" in sentence
    assert "aaaa" in sentence
    assert "bbbb" in sentence


def test_one_run_is_compared_with_nothing(bench, project):
    folder = make_run(project)
    runs, view = controller(bench)
    runs.choose([folder.id])
    assert last(view.show_overlay) is None
    assert last(view.show_comparison) is None


def test_evaluation_is_shown_with_its_subjects(bench, project):
    folder = make_run(project, action=Action.EVALUATE, has_model=False)
    EvaluationReport(
        pipeline=SPEC.key,
        run=None,
        split="val",
        split_hash="h",
        items=1,
        rows={"identity": {}},
        per_item=[{"item": "i1", "row": "identity"}, {"item": "i1", "row": "classical"}],
    ).write(folder.evaluation_path)
    runs, view = controller(bench)
    runs.choose([folder.id])
    assert last(view.show_evaluation).num_subjects == 1
    assert last(view.show_evaluation).metrics == SPEC.metrics


@pytest.mark.parametrize(
    ("state", "action", "has_model", "possible"),
    [
        (RunState.FINISHED, Action.TRAIN, True, {"use", "evaluate", "repeat", "discard", "open_folder"}),
        (
            RunState.STOPPED,
            Action.TRAIN,
            True,
            {"use", "evaluate", "resume", "repeat", "discard", "open_folder"},
        ),
        (RunState.FAILED, Action.TRAIN, False, {"repeat", "discard", "open_folder"}),
        (RunState.FINISHED, Action.EVALUATE, False, {"repeat", "discard", "open_folder"}),
    ],
)
def test_what_cannot_be_done_has_a_reason(bench, project, state, action, has_model, possible):
    folder = make_run(project, state, action=action, has_model=has_model)
    runs, _view = controller(bench)
    runs.choose([folder.id])
    names = ("use", "evaluate", "resume", "repeat", "discard", "open_folder")
    reasons = {name: getattr(runs.verbs, name) for name in names}
    assert {name for name, reason in reasons.items() if reason is None} == possible
    assert all(str(reason) for reason in reasons.values() if reason is not None)


def test_nothing_can_be_done_without_a_choice(bench, project):
    runs, _view = controller(bench)
    assert "Choose a run" in str(runs.verbs.discard)


def test_model_of_a_run_is_used_from_then_on(bench, project):
    folder = make_run(project)
    runs, view = controller(bench)
    runs.choose([folder.id])
    runs.use()
    assert model_in_use(project, SPEC.key) == folder.id
    assert last(view.show_model_in_use) == folder.id


def test_where_a_panel_was_left_is_remembered_while_its_run_is_there(bench, project):
    kept, gone = make_run(project), make_run(project)
    runs, view = controller(bench)
    runs.keep_panel_view(kept.id, "Grades", {"threshold": 0.75})
    runs.keep_panel_view("no such run", "Grades", {"threshold": 0.1})
    again, view = controller(bench)
    again.choose([kept.id])
    assert last(view.show_run).panel_views == {"Grades": {"threshold": 0.75}}
    again.choose([gone.id])
    assert last(view.show_run).panel_views == {}


def test_evaluation_uses_the_model_of_the_run(bench, project, monkeypatch):
    folder = make_run(project)
    runs, _view = controller(bench)
    runs.choose([folder.id])
    asked = {}

    def prepare(_project, spec, **more):
        asked.update(more, spec=spec)
        return make_run(project, action=Action.EVALUATE, has_model=False)

    monkeypatch.setattr("workstation.runs.launch.prepare_run", prepare)
    started = []
    monkeypatch.setattr(schedule_of(bench), "start", started.append)
    runs.evaluate()
    assert asked["action"] is Action.EVALUATE
    assert asked["base_run"].id == folder.id
    assert asked["command"].endswith(f"--run {folder.id} --split val")
    assert len(started) == 1


def test_repeat_keeps_every_setting(bench, project, monkeypatch):
    folder = make_run(project)
    runs, _view = controller(bench)
    runs.choose([folder.id])
    asked = {}

    def prepare(_project, _spec, **more):
        asked.update(more)
        raise PreconditionError("Not now.")

    monkeypatch.setattr("workstation.runs.launch.prepare_run", prepare)
    cards = []
    bench.card_posted.connect(cards.append)
    runs.repeat()
    assert asked["overrides"] == folder.read_request().settings
    assert (asked["phase"], asked["preset"]) == (PHASE, "tiny")
    assert [str(card.what) for card in cards] == ["Not now."]


def test_discarded_run_leaves_the_list(bench, project):
    folder = make_run(project)
    runs, view = controller(bench)
    runs.choose([folder.id])
    runs.discard()
    assert last(view.show_runs) == []
    assert (project.runs.trash / folder.id).is_dir()


def test_run_asked_for_elsewhere_is_selected_once_it_is_listed(bench, project, qtbot):
    runs, _view = controller(bench)
    folder = make_run(project)
    with qtbot.waitSignal(runs.selection_wanted) as wanted:
        bench.request_run(folder.id)
    assert wanted.args == [folder.id]


def test_run_of_a_missing_pipeline_is_still_shown(bench, project):
    folder = make_run(project)
    text = folder.config_path.read_text(encoding="utf-8").replace(f"pipeline: {SPEC.key}", "pipeline: gone")
    folder.config_path.write_text(text, encoding="utf-8")
    runs, view = controller(bench)
    runs.choose([folder.id])
    assert last(view.show_run).curves
    assert "gone" in str(runs.verbs.use)
    assert runs.verbs.discard is None


def test_runs_of_a_sweep_say_so_and_show_its_table(bench, project):
    inside, outside = make_run(project), make_run(project)
    table = SweepTable(SPEC.key, PHASE, "tiny", "")
    table.lines.append(Line("width", 8, 2, inside.id, "finished", 1.0, {"loss_total": 1.0}))
    table.write(project.folder / "sweeps" / "sweep_1")
    runs, view = controller(bench)
    titles = {row.run_id: row.sweep for row in view.show_runs.call_args.args[0]}
    assert titles == {inside.id: "sweep_1: width=8, seed 2", outside.id: ""}
    runs.choose([inside.id])
    shown = view.show_sweep.call_args.args[0]
    assert (shown.name, shown.rows[0].runs) == ("sweep_1", (inside.id,))
    runs.choose([outside.id])
    assert view.show_sweep.call_args.args == (None,)
