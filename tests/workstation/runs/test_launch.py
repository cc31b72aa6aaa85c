"""Preparing run folders from a real project, and engines that outlive who started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from engines.contract.config import parse_overrides
from engines.contract.errors import PreconditionError, RunFolderError, UnknownKeyError, WorkstationError
from engines.contract.kinds import Action, RunState, Split
from engines.contract.registry import all_specs
from engines.contract.run_folder import ProcessRecord, RunFolder
from workstation.project.project import Project
from workstation.project.sample import create_sample
from workstation.runs import launch, preconditions
from workstation.runs.launch import prepare_resume, prepare_run, spawn, start_engine
from workstation.runs.process_watch import Liveness, exit_code_of, liveness
from workstation.runs.queue import attach_live_runs
from workstation.runs.run_model import RunModel

SPEC = all_specs()[0]
PHASE = SPEC.phases[0]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("launch") / "sample"
    create_sample(folder).close()
    return folder


@pytest.fixture
def project(template, tmp_path):
    import shutil

    folder = shutil.copytree(template, tmp_path / "眼底 sample")
    with Project.open(folder) as opened:
        yield opened


def test_the_given_half_of_a_run_folder_is_complete(project):
    folder = prepare_run(project, SPEC, action=Action.TRAIN, overrides=parse_overrides(["epochs=3"]))
    assert folder.path.parent == project.folder / "runs"
    assert folder.id.endswith(f"_{SPEC.key}_{PHASE.key}_1")
    request = folder.read_request()
    assert (request.phase, request.preset, request.settings["epochs"]) == (PHASE.key, PHASE.preset, 3)
    assert folder.read_config().values() == request.settings
    items = folder.read_manifest().items
    assert {item.split for item in items} == {Split.TRAIN, Split.VAL}
    for item in items:
        for file in item.files.values():
            assert not Path(file.path).is_absolute()
            assert folder.file_path(file.path).is_file()
    assert project.runs.folders() == [folder.path.resolve()]
    assert RunModel.load(folder).state is RunState.QUEUED


def test_numbers_go_up_and_the_base_run_is_relative(project):
    first = prepare_run(project, SPEC, action=Action.TRAIN)
    second = prepare_run(project, SPEC, action=Action.EVALUATE, base_run=first, split="all")
    third = prepare_run(project, SPEC, action=Action.TRAIN)
    assert third.id.endswith("_2")
    request = second.read_request()
    assert request.base_run == f"../{first.id}"
    assert second.file_path(request.base_run) == first.path
    assert second.id.endswith("_evaluate_1")
    assert any(item.annotations for item in second.read_manifest().items)


def test_items_can_be_chosen(project):
    folder = prepare_run(project, SPEC, action=Action.PREDICT, items=["known-1"])
    assert [item.id for item in folder.read_manifest().items] == ["known-1"]
    with pytest.raises(WorkstationError, match="nobody"):
        prepare_run(project, SPEC, action=Action.PREDICT, items=["nobody"])


def test_a_refused_run_leaves_nothing(project):
    with pytest.raises(UnknownKeyError):
        prepare_run(project, SPEC, action=Action.TRAIN, phase="no such phase")
    with pytest.raises(WorkstationError):
        prepare_run(project, SPEC, action=Action.TRAIN, items=["known-1"])
    assert project.runs.folders() == []
    assert not list((project.folder / "runs").glob("*"))


def test_readiness_counts_what_is_there(project, tmp_path):
    ready = preconditions.readiness(project, SPEC, PHASE)
    assert (ready.num_ready, ready.problem) == (3, None)
    with Project.create(tmp_path / "empty", "E") as empty:
        missing = preconditions.readiness(empty, SPEC, PHASE)
    assert missing.num_ready == 0
    assert str(missing.num_needed) in str(missing.problem)
    assert PHASE.needs.roles[0] in str(missing.problem)


def test_the_newest_finished_run_needs_a_model(project):
    folder = prepare_run(project, SPEC, action=Action.TRAIN)
    assert preconditions.newest_finished_run(project, SPEC) is None
    folder.write_summary(RunState.FINISHED, {})
    assert preconditions.newest_finished_run(project, SPEC) is None
    best = folder.checkpoints_dir / "best"
    best.mkdir(parents=True)
    (best / "weights.safetensors").write_bytes(b"")
    assert preconditions.newest_finished_run(project, SPEC).id == folder.id
    folder.write_summary(RunState.FAILED, {})
    assert preconditions.newest_finished_run(project, SPEC) is None


def test_a_later_phase_begins_from_the_newest_run_of_the_one_before(project):
    later = next((phase for phase in SPEC.phases if phase.needs.phases == (PHASE.key,)), None)
    if later is None:
        pytest.skip("the first pipeline has one phase")
    with pytest.raises(PreconditionError, match=PHASE.title.split(":")[0]):
        prepare_run(project, SPEC, action=Action.TRAIN, phase=later.key)
    first = prepare_run(project, SPEC, action=Action.TRAIN)
    first.write_summary(RunState.FINISHED, {})
    (first.checkpoints_dir / "best").mkdir(parents=True)
    (first.checkpoints_dir / "best" / "weights.safetensors").write_bytes(b"")
    second = prepare_run(project, SPEC, action=Action.TRAIN, phase=later.key)
    assert second.file_path(second.read_request().base_run) == first.path


def test_a_folder_without_a_run_is_not_started(tmp_path):
    with pytest.raises(RunFolderError, match="not a run folder"):
        start_engine(RunFolder(tmp_path))


def test_a_run_is_not_started_or_resumed_twice(project, monkeypatch):
    folder = prepare_run(project, SPEC, action=Action.TRAIN)
    monkeypatch.setattr(launch, "is_alive", lambda _folder: True)
    with pytest.raises(PreconditionError, match="already running"):
        start_engine(folder)
    with pytest.raises(PreconditionError, match="still running"):
        prepare_resume(folder)


def test_a_run_whose_process_is_just_ending_is_resumed_once_it_is_gone(project, monkeypatch):
    """Its last event is told before its process is gone: whoever presses Resume at once must not fail."""
    folder = prepare_run(project, SPEC, action=Action.TRAIN)
    folder.write_summary(RunState.STOPPED, {})
    looks = iter([True, True])
    monkeypatch.setattr(launch, "is_alive", lambda _folder: next(looks, False))
    monkeypatch.setattr(launch, "start_engine", lambda _folder: 41)
    assert launch.resume_run(folder) == 41
    assert folder.read_request().resume
    assert folder.read_summary() is None


def test_resuming_clears_the_stop_and_the_old_end(project):
    folder = prepare_run(project, SPEC, action=Action.TRAIN)
    folder.write_control("stop")
    folder.write_summary(RunState.STOPPED, {})
    prepare_resume(folder)
    assert folder.read_request().resume
    assert (folder.read_control(), folder.read_summary()) == ("", None)


def test_a_started_engine_counts_as_alive_before_it_says_who_it_is(tmp_path):
    folder = RunFolder(tmp_path)
    pid = spawn([sys.executable, "-c", "import time; time.sleep(60)"], folder)
    assert liveness(folder) is Liveness.ALIVE
    psutil.Process(pid).kill()
    end = time.monotonic() + 5
    while exit_code_of(pid) is None and time.monotonic() < end:
        time.sleep(0.02)
    assert liveness(folder) is Liveness.NEVER_STARTED


def test_a_reused_process_number_is_not_the_engine(tmp_path):
    folder = RunFolder(tmp_path)
    me = psutil.Process()
    import socket

    folder.write_process(ProcessRecord(me.pid, me.create_time(), socket.gethostname()))
    assert liveness(folder) is Liveness.ALIVE
    folder.write_process(ProcessRecord(me.pid, me.create_time() - 100, socket.gethostname()))
    assert liveness(folder) is Liveness.DEAD


def test_on_another_machine_the_heartbeat_decides(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_process(ProcessRecord(os.getpid(), 0.0, "another machine"))
    assert liveness(folder) is Liveness.DEAD
    folder.touch_heartbeat()
    assert liveness(folder) is Liveness.ALIVE
    os.utime(folder.heartbeat_path, (time.time() - 60, time.time() - 60))
    assert liveness(folder) is Liveness.DEAD


ENGINE = """
import json, os, pathlib, psutil, socket, sys, time
run = pathlib.Path(sys.argv[1])
(run / "process.json").write_text(json.dumps(
    {"pid": os.getpid(), "started_at": psutil.Process().create_time(), "host": socket.gethostname()}))
time.sleep(60)
"""
WINDOW = """
import pathlib, sys, time
from engines.contract.run_folder import RunFolder
from workstation.runs.launch import spawn
spawn([sys.executable, sys.argv[2], sys.argv[1]], RunFolder(pathlib.Path(sys.argv[1])))
while not (pathlib.Path(sys.argv[1]) / "process.json").exists():
    time.sleep(0.02)
print("up", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killing_the_window_leaves_the_run_and_reattaching_takes_less_than_2_s(project, tmp_path):
    folder = prepare_run(project, SPEC, action=Action.TRAIN)
    script = tmp_path / "engine.py"
    script.write_text(ENGINE, encoding="utf-8")
    window = subprocess.Popen(
        [sys.executable, "-c", WINDOW, str(folder.path), str(script)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(launch.__file__).parents[2])},
        start_new_session=True,
    )
    assert window.stdout.readline() == b"up\n"
    engine = psutil.Process(folder.read_process().pid)
    try:
        os.killpg(window.pid, signal.SIGKILL)
        window.communicate()
        assert engine.is_running()
        for _ in range(30):
            prepare_run(project, SPEC, action=Action.PREDICT).write_summary(RunState.FINISHED, {})
        began = time.monotonic()
        assert [run.id for run in attach_live_runs(project)] == [folder.id]
        assert time.monotonic() - began < 2
    finally:
        engine.kill()
