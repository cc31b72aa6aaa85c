"""The buttons of the Runs screen, pressed in the screen as the window builds it."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget

from engines.contract.events import Checkpoint, EventWriter, Failed, Finished, Metric, Started
from engines.contract.kinds import Action, RunState, Split
from engines.contract.manifest import FileRecord, ItemRecord, Manifest
from engines.contract.presets import training_config
from engines.contract.registry import all_specs
from engines.contract.run_folder import RunFolder, RunRequest
from workstation.actions.registry import ActionRegistry
from workstation.actions.tables import ALL_ACTIONS
from workstation.controllers.runs.run_schedule import schedule_of
from workstation.controllers.workbench import Workbench
from workstation.project.project import Project
from workstation.runs.launch import prepare_resume, spawn
from workstation.screens.runs import build
from workstation.views.runs.runs_screen import RunsScreen

SPEC = all_specs()[0]
PHASE = SPEC.phases[0].key
ENGINE = """
import json, os, pathlib, psutil, socket, sys, time
run = pathlib.Path(sys.argv[1])
(run / "process.json").write_text(json.dumps(
    {"pid": os.getpid(), "started_at": psutil.Process().create_time(), "host": socket.gethostname()}))
with (run / "events.jsonl").open("a", encoding="utf-8") as events:
    told = {"event": "started", "pipeline": "p", "action": "train", "resumed_from_step": 4}
    events.write(json.dumps({"time": time.time(), **told}) + "\\n")
time.sleep(60)
"""


def make_run(project: Project, state: RunState) -> RunFolder:
    folder = RunFolder(project.runs.new_folder(SPEC.key, PHASE))
    request = RunRequest(
        pipeline=SPEC.key,
        action=Action.TRAIN,
        phase=PHASE,
        preset="tiny",
        settings=training_config(SPEC, PHASE, "tiny", {"epochs": 7}).values(),
    )
    item = ItemRecord(
        id="i1", subject="s1", kind=SPEC.item_kinds[0], split=Split.VAL, files={"a": FileRecord(path="a.png")}
    )
    folder.create(request, Manifest(items=(item,)))
    events = EventWriter(folder.events_path)
    events.write(Started(pipeline=SPEC.key, action="train", phase=PHASE))
    events.write(Metric(key="loss_total", split="train", step=4, value=0.5))
    events.write(Checkpoint(path="checkpoints/last", step=4))
    is_failed = state is RunState.FAILED
    events.write(
        Failed(type="E", message="m", cause="The disk is full.", step=5) if is_failed else Finished()
    )
    events.close()
    folder.write_summary(state, {"cause": "The disk is full."} if is_failed else {})
    project.runs.add(folder.id, folder.path)
    return folder


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "项目 runs", "Test") as made:
        yield made


@pytest.fixture
def bench(qapp, project):
    made = Workbench()
    made.set_project(project)
    yield made
    made.live_runs.detach_all()
    made.background.close()


@pytest.fixture
def screen(qtbot, bench):
    """Return a function that builds the screen and waits until the run is chosen and drawn."""
    window = QWidget()
    qtbot.addWidget(window)
    registry = ActionRegistry(ALL_ACTIONS, window)
    registry.set_screen("runs")
    built = []

    def make(folder: RunFolder) -> RunsScreen:
        built.append(build(bench, registry))
        view = built[-1].centre
        qtbot.addWidget(view)
        view.resize(1200, 700)
        view.show()
        qtbot.waitUntil(lambda: folder.id in view.details.title.text(), timeout=10_000)
        return view

    yield make
    for made in built:
        made.close()


def press(qtbot, button: QPushButton) -> None:
    assert button.isEnabled(), button.toolTip()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_repeat_starts_the_same_again(qtbot, bench, project, screen, monkeypatch):
    folder = make_run(project, RunState.FINISHED)
    view = screen(folder)
    asked, started = {}, []

    def prepare(_project, _spec, **more):
        asked.update(more)
        return make_run(project, RunState.FINISHED)

    monkeypatch.setattr("workstation.runs.launch.prepare_run", prepare)
    monkeypatch.setattr(schedule_of(bench), "start", started.append)
    press(qtbot, view.buttons["repeat"])
    qtbot.waitUntil(lambda: len(started) == 1, timeout=10_000)
    assert asked["overrides"] == folder.read_request().settings
    assert (asked["action"], asked["phase"], asked["preset"]) == (Action.TRAIN, PHASE, "tiny")
    qtbot.waitUntil(lambda: started[0].id in view.details.title.text(), timeout=10_000)


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_discard_asks_first(qtbot, project, screen, is_confirmed):
    folder = make_run(project, RunState.FINISHED)
    view = screen(folder)
    press(qtbot, view.buttons["discard"])
    box = view.findChild(QMessageBox, "discard_dialog")
    role = QMessageBox.ButtonRole.DestructiveRole if is_confirmed else QMessageBox.ButtonRole.RejectRole
    press(qtbot, next(button for button in box.buttons() if box.buttonRole(button) is role))
    if is_confirmed:
        qtbot.waitUntil(lambda: view.list.model.rowCount() == 0, timeout=10_000)
        assert not folder.path.exists()
        assert (project.runs.trash / folder.id).is_dir()
        assert not view.buttons["discard"].isEnabled()
    else:
        qtbot.wait(50)
        assert folder.path.is_dir()
        assert view.list.model.rowCount() == 1


def test_failure_goes_away_when_the_run_is_resumed(qtbot, bench, project, screen, monkeypatch, tmp_path):
    folder = make_run(project, RunState.FAILED)
    view = screen(folder)
    qtbot.waitUntil(view.details.failure.isVisible, timeout=10_000)
    script = Path(tmp_path / "engine.py")
    script.write_text(ENGINE, encoding="utf-8")
    pids = []

    def resume(run: RunFolder) -> int:
        prepare_resume(run)
        pids.append(spawn([sys.executable, str(script), str(run.path)], run))
        return pids[-1]

    monkeypatch.setattr("workstation.runs.run_thread.resume_run", resume)
    press(qtbot, view.buttons["resume"])
    try:
        live = bench.live_runs.get(folder.id)
        qtbot.waitUntil(lambda: live.model.state is RunState.RUNNING, timeout=10_000)
        qtbot.waitUntil(lambda: "running" in view.details.title.text(), timeout=10_000)
        assert not view.details.failure.isVisible()
        assert not view.buttons["resume"].isEnabled()
        assert view.list.model.index(0, 0).isValid()
    finally:
        bench.live_runs.detach_all()
        for pid in pids:
            psutil.Process(pid).kill()
