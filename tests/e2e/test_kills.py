"""Kill the window, kill the engine, close while a run lives: nothing is lost and everything is said."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from engines.contract.kinds import Action
from engines.contract.registry import all_specs
from engines.contract.run_folder import RunFolder
from workstation.project.project import Project
from workstation.project.sample import create_sample
from workstation.runs.launch import prepare_run, start_engine

LONG = {"epochs": 5000, "validate_every_epochs": 1}


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    folder = tmp_path / "项目 with spaces"
    create_sample(folder).close()
    return folder


def prepare(folder: Path) -> RunFolder:
    project = Project.open(folder)
    try:
        spec = all_specs()[0]
        return prepare_run(
            project, spec, action=Action.TRAIN, phase=spec.phases[0].key, preset="tiny", overrides=LONG
        )
    finally:
        project.close()


def wait_for(condition: Callable[[], object], what: str, seconds: float = 90.0) -> None:
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, what
        time.sleep(0.05)


def has_metrics(run: RunFolder) -> bool:
    return run.events_path.exists() and '"metric"' in run.events_path.read_text(encoding="utf-8")


@pytest.fixture
def live_run(sample: Path) -> Iterator[RunFolder]:
    run = prepare(sample)
    start_engine(run)
    wait_for(lambda: has_metrics(run), "the run trains")
    yield run
    record = run.read_process()
    if record is not None and psutil.pid_exists(record.pid):
        psutil.Process(record.pid).kill()


# A window of its own process: it opens the project, starts a run as the button does, and says so.
WINDOW = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from workstation.app import build, prepare
from workstation.settings import Settings
from engines.contract.run_folder import RunFolder

application = QApplication(sys.argv[:1])
settings = Settings.read()
prepare(application, settings)
window = build(settings)
window.show()
window.projects.open(Path(sys.argv[1]))

def start():
    if window.workbench.project is None:
        QTimer.singleShot(50, start)
        return
    window.workbench.live_runs.start(RunFolder(Path(sys.argv[2])))
    print("started", flush=True)

start()
application.exec()
"""


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("kill_engines")
def test_killed_window_leaves_the_run_alive_and_reopening_re_attaches(
    sample: Path, open_window: Callable[..., Any]
) -> None:
    run = prepare(sample)
    window = subprocess.Popen(
        [sys.executable, "-c", WINDOW, str(sample), str(run.path)], stdout=subprocess.PIPE, text=True
    )
    assert window.stdout is not None
    assert window.stdout.readline().strip() == "started"
    wait_for(lambda: has_metrics(run), "the run trains")
    window.kill()
    window.wait()
    window.stdout.close()
    record = run.read_process()
    assert record is not None
    size = run.events_path.stat().st_size
    wait_for(lambda: run.events_path.stat().st_size > size, "the run goes on without a window")
    assert psutil.pid_exists(record.pid)

    driver = open_window()
    live = driver.window.workbench.live_runs
    opened = time.monotonic()
    driver.window.projects.open(sample)
    driver.wait(lambda: live.get(run.id) is not None, "the run is attached", 10.0)
    assert time.monotonic() - opened < 2.0
    series = live.get(run.id).model.series
    driver.wait(lambda: ("loss_total", "train") in series, "its curve is there", 10.0)
    assert series["loss_total", "train"].steps[0] == 1
    live.get(run.id).thread_of_run.request_stop()
    driver.wait(lambda: live.get(run.id) is None or live.get(run.id).is_over, "it stops", 60)


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("kill_engines")
def test_killed_engine_gives_a_failed_card_with_its_cause_and_resume_continues(
    live_run: RunFolder, sample: Path, open_window: Callable[..., Any]
) -> None:
    driver = open_window(sample)
    window = driver.window
    driver.screen("train", "F4")
    driver.wait(lambda: window.workbench.live_runs.get(live_run.id) is not None, "attached", 5)
    live = window.workbench.live_runs.get(live_run.id)
    wait_for(lambda: (live_run.checkpoints_dir / "last").is_dir() or _best(live_run), "a checkpoint", 60)
    record = live_run.read_process()
    assert record is not None
    psutil.Process(record.pid).kill()
    seconds = driver.wait(lambda: live.model.state.value == "failed", "the run is shown as failed", 5.0)
    assert seconds < 5.0
    card = window.screen("train").centre.details.failure
    driver.wait(card.isVisible, "the failure card is shown", 5.0)
    assert live.model.failure is not None
    assert "signal" in live.model.failure.cause or "killed" in live.model.failure.cause
    reached = live.model.step

    resume = window.actions_.action("train.resume")
    driver.wait(resume.isEnabled, "resuming is possible", 20)
    resume.trigger()
    driver.wait(
        lambda: (
            window.workbench.live_runs.get(live_run.id) is not None
            and window.workbench.live_runs.get(live_run.id).model.step > reached
        ),
        "the run continues",
        90,
    )
    window.workbench.live_runs.get(live_run.id).thread_of_run.request_stop()
    driver.wait(lambda: live_run.read_summary() is not None, "it stops", 60)


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("kill_engines")
def test_window_closes_within_three_seconds_while_a_run_lives(
    live_run: RunFolder, sample: Path, open_window: Callable[..., Any]
) -> None:
    driver = open_window(sample)
    driver.screen("train", "F4")
    driver.wait(lambda: driver.window.workbench.live_runs.live(), "attached", 10)
    start = time.monotonic()
    driver.window.close()
    assert time.monotonic() - start < 3.0
    record = live_run.read_process()
    assert record is not None
    assert psutil.pid_exists(record.pid)
    assert live_run.read_summary() is None


def _best(run: RunFolder) -> bool:
    return (run.checkpoints_dir / "best").is_dir()
