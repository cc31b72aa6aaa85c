"""RunThread against fake engines: real processes that behave well, badly, or not at all."""

import os
import signal
import sys
import textwrap
import time

import psutil
import pytest

from engines.contract.kinds import RunState
from engines.contract.run_folder import RunFolder
from workstation.runs.launch import spawn
from workstation.runs.process_watch import Rung, StopLadder, is_alive
from workstation.runs.run_model import RunModel
from workstation.runs.run_thread import RunThread

PRELUDE = """
import json, os, pathlib, psutil, signal, socket, sys, time
run = pathlib.Path(sys.argv[1])
events = (run / "events.jsonl").open("a", encoding="utf-8")
def say(text):
    events.write(text); events.flush()
def tell(**event):
    say(json.dumps({"time": time.time(), **event}) + "\\n")
def control():
    path = run / "control"
    return path.read_text() if path.exists() else ""
def end(state):
    (run / "summary.json").write_text(json.dumps({"state": state}))
(run / "process.json").write_text(json.dumps(
    {"pid": os.getpid(), "started_at": psutil.Process().create_time(), "host": socket.gethostname()}))
tell(event="started", pipeline="p", action="train")
"""
OBEDIENT = """
step = 0
was_paused = False
while control() != "stop":
    if control() == "pause":
        if not was_paused: tell(event="paused", step=step)
        was_paused = True
        time.sleep(0.02); continue
    if was_paused: tell(event="continued", step=step)
    was_paused = False
    step += 1
    tell(event="metric", key="loss", split="train", step=step, value=1.0 / step)
    tell(event="progress", step=step, steps=1000)
    time.sleep(0.02)
tell(event="stopped", step=step)
end("stopped")
"""
DEAF = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"])
(run / "child").write_text(str(child))
time.sleep(60)
"""
LEAVES_A_CHILD = DEAF.replace("signal.signal(signal.SIGTERM, signal.SIG_IGN)\n", "", 1)
POLITE_TO_SIGTERM = "time.sleep(60)"
SHORT = 'tell(event="finished", summary={}); end("finished")'
HALF_LINES = (
    """
say('{"event": "metric", "key": "loss", "split": "train", "step": 1, "va')
time.sleep(0.4)
say('lue": 0.5}\\n{"event": "nonsense"}\\nnot json\\n')
"""
    + SHORT
)


@pytest.fixture
def engine(tmp_path):
    """Return a function that writes a fake engine and gives a launcher for it; ends what it started."""
    pids = []

    def make(body):
        script = tmp_path / "engine.py"
        script.write_text(PRELUDE + textwrap.dedent(body), encoding="utf-8")

        def launch(folder):
            pids.append(spawn([sys.executable, str(script), str(folder.path)], folder))
            return pids[-1]

        return launch

    yield make
    for pid in pids:
        if psutil.pid_exists(pid):
            for process in [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]:
                process.kill()


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "läufe 运行" / "run_1"
    path.mkdir(parents=True)
    return RunFolder(path)


@pytest.fixture
def watch(qapp):
    """Return a function that starts a thread, feeds a model, and records what was told."""
    threads = []

    def start(folder, launch, **options):
        thread = RunThread(folder, launch, **options)
        model = RunModel(folder)
        thread.told = []
        thread.events_received.connect(model.apply)
        thread.state_changed.connect(model.set_state)
        thread.failed.connect(model.set_failure)
        thread.state_changed.connect(thread.told.append)
        threads.append(thread)
        thread.start()
        return thread, model

    yield start
    for thread in threads:
        thread.detach()
        assert thread.wait(5000)


def test_run_is_followed_to_its_end(watch, engine, folder, qtbot):
    thread, model = watch(folder, engine(SHORT))
    with qtbot.waitSignal(thread.over, timeout=10_000) as over:
        pass
    assert over.args == [RunState.FINISHED]
    assert model.state is RunState.FINISHED
    assert thread.told == [RunState.STARTING, RunState.FINISHED] or thread.told == [
        RunState.STARTING,
        RunState.RUNNING,
        RunState.FINISHED,
    ]


def test_half_written_line_is_read_when_it_is_whole(watch, engine, folder, qtbot):
    _thread, model = watch(folder, engine(HALF_LINES))
    qtbot.waitUntil(lambda: model.state is RunState.FINISHED, timeout=10_000)
    assert model.series["loss", "train"].values.tolist() == [0.5]


def test_pause_resume_and_stop(watch, engine, folder, qtbot):
    thread, model = watch(folder, engine(OBEDIENT))
    qtbot.waitUntil(lambda: model.step > 2, timeout=10_000)
    thread.pause()
    qtbot.waitUntil(lambda: model.state is RunState.PAUSED, timeout=5000)
    thread.resume()
    qtbot.waitUntil(lambda: model.state is RunState.RUNNING, timeout=5000)
    thread.request_stop()
    qtbot.waitUntil(lambda: model.state is RunState.STOPPED, timeout=5000)
    assert RunState.STOPPING in thread.told
    assert len(model.series["loss", "train"]) == model.step


@pytest.mark.parametrize(
    ("body", "last_rung"),
    [(POLITE_TO_SIGTERM, Rung.TERMINATED), (LEAVES_A_CHILD, Rung.TERMINATED), (DEAF, Rung.KILLED)],
)
@pytest.mark.skipif(sys.platform == "win32", reason="on Windows terminating is killing")
def test_stop_ladder_ends_a_run_that_does_not_obey(watch, engine, folder, qtbot, body, last_rung):
    ladder = StopLadder(folder, ask_s=0.4, terminate_s=1.5)
    thread, model = watch(folder, engine(body), ladder=ladder)
    rungs = []
    thread.rung_changed.connect(rungs.append)
    qtbot.waitUntil(lambda: model.state is RunState.RUNNING, timeout=10_000)
    if body != POLITE_TO_SIGTERM:
        qtbot.waitUntil((folder.path / "child").exists, timeout=5000)
    began = time.monotonic()
    thread.request_stop()
    qtbot.waitUntil(lambda: model.state is RunState.STOPPED, timeout=5000)
    assert time.monotonic() - began > 0.35
    qtbot.waitUntil(lambda: rungs[-1:] == [last_rung], timeout=1000)
    assert not is_alive(folder)
    if body != POLITE_TO_SIGTERM:
        child = int((folder.path / "child").read_text())
        qtbot.waitUntil(lambda: not psutil.pid_exists(child) or is_zombie(child), timeout=3000)
    assert RunModel.load(folder).state is RunState.STOPPED


def is_zombie(pid):
    return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_engine_is_failed_within_5_s_with_a_cause(watch, engine, folder, qtbot):
    thread, model = watch(folder, engine(OBEDIENT))
    qtbot.waitUntil(lambda: model.step > 2, timeout=10_000)
    os.kill(folder.read_process().pid, signal.SIGKILL)
    began = time.monotonic()
    with qtbot.waitSignal(thread.failed, timeout=5000):
        pass
    assert time.monotonic() - began < 5
    assert "signal 9" in model.failure.cause
    assert model.failure.remedy
    # The cause outlives the window.
    assert RunModel.load(folder).failure.cause == model.failure.cause


def test_engine_that_dies_before_its_first_word_is_failed(watch, folder, qtbot):
    def launch(run):
        return spawn([sys.executable, "-c", "import no_such_package_here"], run)

    _thread, model = watch(folder, launch)
    qtbot.waitUntil(lambda: model.state is RunState.FAILED, timeout=5000)
    assert "package is missing" in model.failure.cause
    assert "no_such_package_here" in model.failure.traceback


def test_engine_that_cannot_start_is_failed(watch, folder, qtbot):
    def launch(_folder):
        raise OSError("no such program")

    _thread, model = watch(folder, launch)
    qtbot.waitUntil(lambda: model.state is RunState.FAILED, timeout=5000)
    assert "could not be started" in model.failure.cause


def test_leaving_the_thread_leaves_the_run_and_another_attaches(watch, engine, folder, qtbot):
    thread, model = watch(folder, engine(OBEDIENT))
    qtbot.waitUntil(lambda: model.step > 2, timeout=10_000)
    thread.detach()
    assert thread.wait(2000)
    assert is_alive(folder)
    began = time.monotonic()
    second, again = watch(folder, None)
    qtbot.waitUntil(lambda: again.state is RunState.RUNNING and again.step > 0, timeout=2000)
    assert time.monotonic() - began < 2
    second.request_stop()
    qtbot.waitUntil(lambda: again.state is RunState.STOPPED, timeout=5000)
    assert again.series["loss", "train"].steps.tolist() == list(range(1, again.step + 1))


def test_attaching_to_a_stopping_run_keeps_climbing(watch, engine, folder, qtbot):
    engine(POLITE_TO_SIGTERM)(folder)
    qtbot.waitUntil(folder.events_path.exists, timeout=10_000)
    folder.write_control("stop")
    _thread, model = watch(folder, None, ladder=StopLadder(folder, ask_s=0.3, terminate_s=0.3))
    qtbot.waitUntil(lambda: model.state is RunState.STOPPED, timeout=5000)


def test_commands_return_at_once(watch, engine, folder, qtbot):
    thread, model = watch(folder, engine(OBEDIENT))
    began = time.monotonic()
    thread.pause()
    thread.resume()
    thread.request_stop()
    assert time.monotonic() - began < 0.05
    qtbot.waitUntil(lambda: model.state.is_over, timeout=15_000)


def test_a_full_disk_hides_neither_the_stop_nor_the_end(watch, engine, folder, qtbot, monkeypatch):
    thread, model = watch(folder, engine(POLITE_TO_SIGTERM))
    qtbot.waitUntil(lambda: model.state is RunState.RUNNING, timeout=10_000)

    def refuse(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RunFolder, "write_control", refuse)
    monkeypatch.setattr(RunFolder, "write_summary", refuse)
    thread.request_stop()
    qtbot.waitUntil(lambda: model.state is RunState.STOPPED, timeout=5000)


def test_a_summary_that_tells_no_state_counts_as_none(tmp_path):
    folder = RunFolder(tmp_path)
    folder.summary_path.write_text('{"state": "dancing"}', encoding="utf-8")
    assert RunModel.load(folder).state is RunState.QUEUED
