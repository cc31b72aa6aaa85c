"""train, predict and evaluate with real engines on the sample project."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engines.contract.config import parse_overrides
from engines.contract.events import Metric, Progress, read_events
from engines.contract.kinds import Action, RunState, Split
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder
from workstation.command_line import run_commands
from workstation.project.project import Project
from workstation.runs.launch import prepare_run, spawn, start_engine
from workstation.runs.run_model import RunModel

PIPELINE = "registration"
QUICK = ("--preset", "tiny", "--set", "max_steps=4", "--set", "preview_every_epochs=0")


@pytest.fixture(scope="module")
def trained(sample_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample project with one quick training in it."""
    import shutil

    folder = Path(shutil.copytree(sample_template, tmp_path_factory.mktemp("runs") / "训练 project"))
    done = subprocess.run(
        [sys.executable, "-m", "workstation", "train", str(folder), PIPELINE, *QUICK],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert RunFolder(Path(lines[0])).read_request().action is Action.TRAIN
    assert lines[1] == "state: finished"
    assert any(line == "step: 4" for line in lines)
    return folder


def test_runs_lists_state_and_best_metrics(cli, trained):
    run = cli("runs", trained, "--json").json("runs")["runs"][0]
    assert (run["state"], run["step"], run["phase"]) == ("finished", 4, "phase_1")
    assert "matching_accuracy" in run["best"]
    assert run["id"] in cli("runs", trained).out


def test_predict_prints_the_written_files(cli, trained):
    done = cli("predict", trained, PIPELINE, "--items", "known-1", "--set", "write_images=false")
    assert done.code == 0, done.err
    written = [Path(line).relative_to(Path(line).parents[1]).as_posix() for line in done.out.splitlines()]
    assert written == ["transform/known-1.json", "suggestions/known-1.json"]
    assert all(Path(line).is_file() for line in done.out.splitlines())


def test_evaluate_without_a_run_prints_baselines_of_everything(cli, sample):
    report = cli("evaluate", sample, PIPELINE, "--json").json("evaluate")
    assert report["run"] is None
    assert "model" not in report["rows"]
    assert set(load_spec(PIPELINE).baselines) <= set(report["rows"])
    assert report["rows"]["classical"]["success_10px"] == 1.0
    assert {entry["item"] for entry in report["per_item"]} >= {"known-1", "known-2", "known-3"}
    assert not list((sample / "runs").glob("*/checkpoints/*"))


def test_evaluate_scores_the_newest_finished_run(cli, trained):
    done = cli("evaluate", trained, PIPELINE)
    assert done.code == 0, done.err
    header, *rows = done.out.splitlines()
    assert "phase_1" in header
    assert {row.split()[0] for row in rows[1:]} >= {"model", "classical", "identity", "landmark_fit"}
    assert "evaluation" in done.err


def test_an_impossible_evaluation_is_wrong_input(cli, trained):
    done = cli("evaluate", trained, PIPELINE, "--split", "val")
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1


def test_opening_the_seal_is_counted(cli, sample, monkeypatch):
    with Project.open(sample) as project:
        project.splits.set("person-a", Split.TEST)
    folders = []

    def launch(folder):
        folders.append(folder)
        return spawn([sys.executable, "-c", ""], folder)

    monkeypatch.setattr(run_commands, "start_engine", launch)
    for times in (1, 2):
        assert f"{times} times" in cli("evaluate", sample, PIPELINE, "--split", "test").err
    assert {item.split for item in folders[-1].read_manifest().items} == {Split.TEST}


def test_a_run_that_dies_is_exit_code_1_with_its_cause(cli, sample, monkeypatch):
    def launch(folder):
        return spawn([sys.executable, "-c", "import os; os._exit(3)"], folder)

    monkeypatch.setattr(run_commands, "start_engine", launch)
    done = cli("train", sample, PIPELINE, *QUICK)
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "exit code 3" in done.err
    assert "state: failed" in done.out
    run = cli("runs", sample, "--json").json("runs")["runs"][0]
    assert (run["state"], "exit code 3" in run["cause"]) == ("failed", True)
    doctor = cli("doctor", done.out.splitlines()[0], "--json")
    assert doctor.code == 1
    assert "exit code 3" in doctor.json("doctor")["checks"][0]["problem"]


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("It did not happen in time.")


def steps_of(folder):
    return [event.step for event in read_events(folder.events_path) if isinstance(event, Progress)]


@pytest.mark.skipif(sys.platform == "win32", reason="a console event reaches the whole group on Windows")
def test_ctrl_c_stops_and_keeps(sample):
    words = ["train", str(sample), PIPELINE, "--preset", "tiny", "--set", "epochs=5000"]
    child = subprocess.Popen(
        [sys.executable, "-m", "workstation", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        # A shell that starts the tests in the background makes them, and their children, deaf to Ctrl+C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    folder = RunFolder(Path(child.stdout.readline().decode("utf-8").strip()))
    wait_for(lambda: steps_of(folder))
    child.send_signal(signal.SIGINT)
    try:
        out, error = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 0, error
    assert b"Traceback" not in error
    assert b"state: stopped" in out
    assert (folder.checkpoints_dir / "last" / "weights.safetensors").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_training_resumes(cli, sample):
    with Project.open(sample) as project:
        folder = prepare_run(
            project,
            load_spec(PIPELINE),
            action=Action.TRAIN,
            preset="tiny",
            overrides=parse_overrides(["max_steps=12", "epochs=100", "checkpoint_every_s=0.01"]),
        )
    pid = start_engine(folder)
    wait_for(lambda: (folder.checkpoints_dir / "last" / "model.json").is_file() and steps_of(folder))
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: RunModel.load(folder).state is RunState.FAILED, 5.0)
    done = cli("train", sample, PIPELINE, "--resume", folder.id)
    assert done.code == 0, done.err
    model = RunModel.load(folder)
    assert (model.state, model.step) == (RunState.FINISHED, 12)
    losses = [
        event.step
        for event in read_events(folder.events_path)
        if isinstance(event, Metric) and event.key == "loss_total" and event.split == "train"
    ]
    assert losses == sorted(set(losses)), "no step is told twice"
