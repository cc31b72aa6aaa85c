from __future__ import annotations

import os
import shutil
import socket
import time
from unittest.mock import Mock

import numpy as np
import psutil
import pytest

from engines.contract.errors import PreconditionError
from engines.contract.events import (
    Checkpoint,
    EventWriter,
    Failed,
    Finished,
    Metric,
    Progress,
    Started,
    Stopped,
)
from engines.contract.kinds import Action, RunState
from engines.contract.manifest import Manifest
from engines.contract.presets import training_config
from engines.contract.registry import all_specs
from engines.contract.run_folder import ProcessRecord, RunFolder, RunRequest
from engines.contract.training_preview import TrainingPicture
from engines.imaging.images import write_image
from workstation.controllers.runs.run_schedule import schedule_of
from workstation.controllers.training.train_cards import IMPORT
from workstation.controllers.training.train_controller import TrainController
from workstation.controllers.workbench import Workbench
from workstation.project.importers.table import import_paths
from workstation.project.project import Project
from workstation.runs.preconditions import newest_finished_run
from workstation.views.protocols.runs import Curve, TrainView

SPEC = all_specs()[0]
PHASE = SPEC.phases[0]
NONE = np.empty(0)


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "项目 one", "Test") as made:
        yield made


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A project whose items fulfil the needs of the first phase of the first pipeline."""
    root = tmp_path_factory.mktemp("模板 template")
    lines = ["subject,item,role,path,split"]
    rng = np.random.default_rng(0)
    single = next(role.name for role in SPEC.roles if not role.required and role.kind.value == "image")
    for number, split in enumerate(("train", "train", "val", "evaluation")):
        for role in (single, *PHASE.needs.roles):
            name = f"{number}_{role}.png"
            write_image(root / name, rng.integers(0, 255, (64, 64), dtype=np.uint8))
            lines.append(f"s{number},i{number},{role},{name},{split}")
    (root / "table.csv").write_text("\n".join(lines), encoding="utf-8")
    with Project.create(root / "project", "Test") as made:
        assert import_paths(made, [root / "table.csv"]).num_rows == len(lines) - 1
    return root


@pytest.fixture
def filled(template, tmp_path):
    shutil.copytree(template, tmp_path / "filled 项目")
    with Project.open(tmp_path / "filled 项目" / "project") as opened:
        yield opened


@pytest.fixture
def bench(prompt_bench):
    return prompt_bench


def make_run(project, state=RunState.STOPPED, *, settings=None, steps=5, has_checkpoint=True) -> RunFolder:
    folder = RunFolder(project.runs.new_folder(SPEC.key, PHASE.key))
    config = training_config(SPEC, PHASE.key, "tiny", settings or {})
    request = RunRequest(
        pipeline=SPEC.key, action=Action.TRAIN, phase=PHASE.key, preset="tiny", settings=config.values()
    )
    folder.create(request, Manifest(items=()))
    events = EventWriter(folder.events_path)
    events.write(Started(pipeline=SPEC.key, action="train", phase=PHASE.key))
    for step in range(1, steps + 1):
        events.write(Metric(key="loss_total", split="train", step=step, value=1.0 / step))
        events.write(Progress(step=step, steps=10))
    if has_checkpoint:
        events.write(Checkpoint(path="checkpoints/last", step=steps))
    if state is RunState.RUNNING:
        process = psutil.Process(os.getpid())
        folder.write_process(ProcessRecord(process.pid, process.create_time(), socket.gethostname()))
        folder.touch_heartbeat()
    else:
        failed = Failed(type="E", message="m", cause="It broke.", step=steps)
        ends = {RunState.STOPPED: Stopped(step=steps), RunState.FINISHED: Finished(), RunState.FAILED: failed}
        events.write(ends[state])
        folder.write_summary(state, {"cause": "It broke."} if state is RunState.FAILED else {})
    events.close()
    project.runs.add(folder.id, folder.path)
    return folder


def controller(bench, project) -> tuple[TrainController, Mock]:
    bench.set_project(project)
    view = Mock(spec=TrainView)
    return TrainController(bench, view), view


def last(method) -> tuple:
    return method.call_args.args


def test_empty_project_locks_the_phase_with_a_reason_and_a_way_out(bench, project):
    train, view = controller(bench, project)
    (card, *_), chosen = last(view.show_phases)
    assert chosen == PHASE.key
    assert str(card.locked_because)
    assert card.fix == IMPORT
    assert str(train.verbs.start).startswith(str(card.locked_because))


def test_ready_phase_can_start_and_says_what_it_learns_from(bench, filled):
    train, view = controller(bench, filled)
    (summary,) = last(view.show_data)
    assert dict(summary.items) == {"train": 2, "val": 1}
    assert dict(summary.subjects) == {"train": 2, "val": 1}
    assert summary.num_sealed_items == 1
    assert summary.split_hash
    assert train.verbs.start is None
    assert str(train.verbs.stop)
    view.show_run.assert_called_with(None)


def test_wrong_setting_stops_the_start_with_its_sentence(bench, filled):
    train, _view = controller(bench, filled)
    train.set_settings({}, "Epochs: Give a whole number.")
    assert "Epochs: Give a whole number." in str(train.verbs.start)
    train.start()
    assert filled.runs.folders() == []


def test_form_starts_with_the_values_of_the_preset_and_the_command_line_repeats_them(bench, filled):
    train, view = controller(bench, filled)
    _schema, values, check = last(view.show_settings)
    assert values == training_config(SPEC, PHASE.key).values()
    assert check(values) is None
    assert str(check({**values, "image_size_px": 321}))
    train.choose_preset("tiny")
    train.set_settings({**training_config(SPEC, PHASE.key, "tiny").values(), "epochs": 7}, "")
    assert train.form.overrides() == {"epochs": 7}
    (command,) = last(view.show_command)
    assert command.startswith("workstation train ")
    assert command.endswith(f"{SPEC.key} --phase {PHASE.key} --preset tiny --set epochs=7")


def test_start_prepares_a_run_folder_and_hands_it_to_the_schedule(bench, filled, monkeypatch):
    train, _view = controller(bench, filled)
    train.choose_preset("tiny")
    train.set_settings({**training_config(SPEC, PHASE.key, "tiny").values(), "epochs": 3}, "")
    started = []
    monkeypatch.setattr(schedule_of(bench), "start", started.append)
    train.start()
    request = started[0].read_request()
    assert (request.phase, request.preset, request.settings["epochs"]) == (PHASE.key, "tiny", 3)
    assert request.command.endswith("--set epochs=3")
    assert {item.split.value for item in started[0].read_manifest().items} == {"train", "val"}


def test_refused_start_posts_a_card_and_can_be_tried_again(bench, filled, monkeypatch):
    train, _view = controller(bench, filled)
    cards = []
    bench.card_posted.connect(cards.append)

    def refuse(*_args, **_more):
        raise PreconditionError("No.", remedy="Do this.")

    monkeypatch.setattr("workstation.runs.launch.prepare_run", refuse)
    train.start()
    assert [str(card.remedy) for card in cards] == ["Do this."]
    assert train.verbs.start is None


def test_old_run_is_shown_with_its_curve_and_its_settings(bench, filled):
    folder = make_run(filled, settings={"epochs": 77})
    train, view = controller(bench, filled)
    (run,) = last(view.show_run)
    assert run.run_id == folder.id
    np.testing.assert_allclose(run.curves[("loss_total", "train")].values, 1 / np.arange(1, 6))
    view.set_values.assert_called_with({"epochs": 77})
    assert train.verbs.resume is None
    assert train.verbs.discard is None
    (card, *_), _chosen = last(view.show_phases)
    assert card.state is RunState.STOPPED


def test_settings_a_person_chose_are_not_replaced_by_those_of_an_old_run(bench, filled):
    train, view = controller(bench, filled)
    train.set_settings(training_config(SPEC, PHASE.key).values(), "")
    make_run(filled, settings={"epochs": 77})
    train.look()
    view.set_values.assert_not_called()


def test_running_run_is_found_again_and_shown_like_a_live_one(bench, filled, qtbot):
    make_run(filled, RunState.RUNNING)
    train, view = controller(bench, filled)
    qtbot.waitUntil(
        lambda: bool(train.model is not None and train.model.series and last(view.show_run)[0]), timeout=2000
    )
    qtbot.waitUntil(lambda: train.verbs.stop is None, timeout=2000)
    assert str(train.verbs.start)
    assert train.verbs.pause is None
    assert str(train.verbs.proceed)
    assert str(train.verbs.discard)
    (card, *_), _chosen = last(view.show_phases)
    assert card.state is RunState.RUNNING
    assert card.progress == pytest.approx(0.5)


def test_pause_continue_and_stop_reach_the_engine(bench, filled, qtbot):
    folder = make_run(filled, RunState.RUNNING)
    train, _view = controller(bench, filled)
    qtbot.waitUntil(lambda: train.verbs.stop is None, timeout=3000)
    train.pause()
    qtbot.waitUntil(lambda: folder.read_control() == "pause", timeout=3000)
    train.proceed()
    qtbot.waitUntil(lambda: folder.read_control() == "resume", timeout=3000)
    folder.write_process(ProcessRecord(2**22 + 12345, 1.0, socket.gethostname()))


def test_failed_run_has_a_card_with_four_lines(bench, filled):
    make_run(filled, RunState.FAILED)
    _train, view = controller(bench, filled)
    (run,) = last(view.show_run)
    assert str(run.failure.why) == "It broke."
    assert "step 5" in str(run.failure.kept)


def test_run_without_a_checkpoint_cannot_be_resumed(bench, filled):
    make_run(filled, RunState.FAILED, has_checkpoint=False)
    train, view = controller(bench, filled)
    assert "nothing to continue from" in str(train.verbs.resume)
    (run,) = last(view.show_run)
    assert "not saved a model" in str(run.failure.kept)


def test_finished_run_cannot_be_resumed(bench, filled):
    make_run(filled, RunState.FINISHED)
    train, _view = controller(bench, filled)
    assert "reached its end" in str(train.verbs.resume)


def test_discard_moves_the_run_to_the_trash(bench, filled):
    folder = make_run(filled)
    train, view = controller(bench, filled)
    train.discard()
    assert not folder.path.exists()
    assert (filled.runs.trash / folder.id).is_dir()
    assert filled.runs.folders() == []
    assert last(view.show_run) == (None,)


def test_remedy_starts_again_with_the_settings_of_the_run_and_the_patch(bench, filled):
    make_run(filled, settings={"epochs": 77})
    train, view = controller(bench, filled)
    view.reset_mock()
    train.apply_remedy({"learning_rate": 0.0005})
    view.set_values.assert_called_with({"epochs": 77, "learning_rate": 0.0005})


def test_way_out_of_a_lock(bench, project, qtbot):
    train, _view = controller(bench, project)
    with qtbot.waitSignal(train.import_requested):
        train.fix(IMPORT)
    with qtbot.waitSignal(bench.screen_requested) as asked:
        train.fix("pairs")
    assert asked.args == ["pairs"]


def test_closed_controller_no_longer_listens(bench, filled):
    train, view = controller(bench, filled)
    train.close()
    view.reset_mock()
    bench.data_changed.emit()
    view.show_phases.assert_not_called()


def test_long_live_run_is_drawn_soon_after_its_project_is_opened(qapp, qtbot, filled):
    folder = make_run(filled, RunState.RUNNING, steps=2500)
    bench, view = Workbench(), Mock(spec=TrainView)
    train = TrainController(bench, view)
    begin = time.perf_counter()
    bench.set_project(filled)
    bench.live_runs.reattach(filled)
    try:
        qtbot.waitUntil(
            lambda: (
                view.show_run.called
                and last(view.show_run)[0] is not None
                and len(last(view.show_run)[0].curves.get(("loss_total", "train"), Curve(NONE, NONE)).steps)
                == 2500
            ),
            timeout=10_000,
        )
        assert time.perf_counter() - begin < 2.0
        assert last(view.show_run)[0].run_id == folder.id
    finally:
        train.close()
        bench.live_runs.detach_all()
        bench.background.close()


def test_settings_are_compared_with_the_preset_without_reading_it_again(bench, filled, monkeypatch):
    train, view = controller(bench, filled)
    (_schema, values, _check) = last(view.show_settings)
    monkeypatch.setattr(
        "workstation.controllers.training.train_form.training_config", Mock(side_effect=AssertionError)
    )
    train.set_settings({**values, "epochs": 9}, "")
    assert train.form.overrides() == {"epochs": 9}


def test_pictures_of_a_training_are_drawn_with_the_values_of_the_form(bench, filled, monkeypatch):
    asked = []

    def draw(request):
        asked.append(request)
        return (TrainingPicture("A", np.zeros((4, 4), np.uint8)),)

    monkeypatch.setattr("workstation.controllers.training.training_preview.resolve", lambda _name: draw)
    train, view = controller(bench, filled)
    assert last(view.offer_preview) == (bool(SPEC.training_preview),)
    train.set_settings({**train.form.values, "epochs": 7}, "")
    train.draw_preview(1)
    (pictures,) = last(view.show_preview)
    assert [picture.title for picture in pictures] == ["A"]
    assert (asked[0].seed, asked[0].config.epochs) == (1, 7)
    assert set(PHASE.needs.roles) <= set(asked[0].files)
    train.set_settings({}, "Something is wrong.")
    train.draw_preview(2)
    assert last(view.show_preview) == ((),)
    assert len(asked) == 1


def make_model(project, phase, *, best_values=None, settings=None, command="") -> RunFolder:
    """A training run with a model, and what its best checkpoint reached."""
    folder = RunFolder(project.runs.new_folder(SPEC.key, phase.key))
    config = training_config(SPEC, phase.key, "tiny", settings or {})
    request = RunRequest(
        pipeline=SPEC.key,
        action=Action.TRAIN,
        phase=phase.key,
        preset="tiny",
        settings=config.values(),
        command=command,
    )
    folder.create(request, Manifest(items=()))
    (folder.checkpoints_dir / "best").mkdir(parents=True)
    (folder.checkpoints_dir / "best" / "weights.safetensors").write_bytes(b"")
    folder.write_summary(RunState.FINISHED, {"best_values": best_values or {}})
    project.runs.add(folder.id, folder.path)
    return folder


def test_a_gate_is_read_from_the_best_checkpoint_whichever_metric_chose_it(bench, filled):
    gated = next(phase for phase in SPEC.phases if phase.gate is not None)
    later = next(phase for phase in SPEC.phases if phase.needs.phases == (gated.key,))
    older = make_model(filled, gated, best_values={gated.gate.metric: gated.gate.value})
    newer = make_model(filled, gated, best_values={gated.gate.metric: gated.gate.value / 2, "other": None})
    train, view = controller(bench, filled)
    cards = {card.key: card for card in last(view.show_phases)[0]}
    assert cards[gated.key].gate.value == gated.gate.value / 2
    assert not cards[gated.key].gate.is_reached
    assert cards[later.key].base_gate == cards[gated.key].gate

    # The next phase starts from the newest, unless another is chosen.
    train.choose_phase(later.key)
    rows, chosen = last(view.show_bases)
    assert [row.run_id for row in rows] == [newer.id, older.id]
    assert chosen == newer.id
    assert "--base-run" not in train.form.command()
    train.choose_base(older.id)
    assert last(view.show_bases)[1] == older.id
    assert f"--base-run {older.id}" in train.form.command()
    card = next(card for card in last(view.show_phases)[0] if card.key == later.key)
    assert card.base_gate.is_reached
    schedule_of(bench).start = Mock()
    train.start()
    (folder,) = last(schedule_of(bench).start)
    assert folder.file_path(folder.read_request().base_run) == older.path
    train.choose_base(newer.id)
    assert "--base-run" not in train.form.command()


@pytest.mark.skipif(not PHASE.other_needs, reason="the first pipeline has one way to train")
def test_what_is_missing_can_be_done_without(bench, project, tmp_path):
    lines = ["subject,item,role,path,split"]
    single = next(role.name for role in SPEC.roles if not role.required and role.kind.value == "image")
    for number, split in enumerate(("train", "val")):
        write_image(tmp_path / f"{number}.png", np.full((32, 32), 90 + number, np.uint8))
        lines.append(f"s{number},i{number},{single},{number}.png,{split}")
    (tmp_path / "table.csv").write_text("\n".join(lines), encoding="utf-8")
    import_paths(project, [tmp_path / "table.csv"])
    train, view = controller(bench, project)
    view.set_values.side_effect = lambda changed: train.set_settings({**train.form.values, **changed}, "")
    card = last(view.show_phases)[0][0]
    assert "i0, i1" in str(card.locked_because)
    (way, title), *_ = card.ways
    assert title
    train.fix(way)
    assert train.verbs.start is None
    assert dict(last(view.show_data)[0].items) == {"train": 1, "val": 1}
    # Another preset does not lock it again, and the next phase goes on the same way.
    train.choose_preset(SPEC.presets[-1])
    other = PHASE.other_needs[0]
    assert train.verbs.start is None
    assert train.form.overrides() == {other.setting: other.value}
    make_model(project, PHASE, settings={other.setting: other.value})
    train.look()
    later = next(phase for phase in SPEC.phases if phase.needs.phases == (PHASE.key,))
    train.choose_phase(later.key)
    assert train.form.overrides() == {other.setting: other.value}
    assert train.verbs.start is None
    assert train.form.preset == "tiny"


def test_the_trainings_of_a_sweep_stand_behind_those_that_were_meant_to_be_used(bench, filled):
    later = next(phase for phase in SPEC.phases if phase.needs.phases == (PHASE.key,))
    own = make_model(filled, PHASE, command="workstation train")
    trial = make_model(filled, PHASE, command="workstation sweep PROJECT")
    assert newest_finished_run(filled, SPEC, phase=PHASE.key).id == own.id
    train, view = controller(bench, filled)
    assert last(view.show_phases)[0][0].run_id == own.id
    train.choose_phase(later.key)
    rows, chosen = last(view.show_bases)
    assert ([row.run_id for row in rows], chosen) == ([own.id, trial.id], own.id)


def test_coming_back_to_a_phase_brings_the_settings_of_its_run_back(bench, filled):
    make_run(filled, settings={"epochs": 7})
    later = next(phase for phase in SPEC.phases if phase.needs.phases == (PHASE.key,))
    train, view = controller(bench, filled)
    view.set_values.side_effect = lambda changed: train.set_settings({**train.form.values, **changed}, "")
    train.choose_phase(later.key)
    train.choose_phase(PHASE.key)
    assert (train.form.preset, train.form.overrides()) == ("tiny", {"epochs": 7})
