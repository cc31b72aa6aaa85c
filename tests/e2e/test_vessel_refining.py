"""Refining vessels in the real window: a training that is stopped and goes on, and weights from elsewhere."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engines.contract.events import Metric, read_events
from engines.contract.kinds import Action, RunState
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder
from engines.contract.weights_report import WeightsReport
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from engines.refinement.fields.compatible_field import CompatibleArchitecture, CompatibleField
from workstation.project.importers import import_paths
from workstation.project.project import Project
from workstation.views.training.start_dialog import StartDialog

SPEC = load_spec("refinement")
SHAPE = (28, 22, 20)
WAIT_S = 300.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.usefixtures("kill_engines")]


@pytest.fixture
def vessels(tmp_path: Path) -> Path:
    """A project of three CTs with a vessel each, and labels of it."""
    source = tmp_path / "血管 cases"
    rows = [("subject", "item", "role", "path", "split")]
    for number in range(3):
        labels = np.zeros(SHAPE, np.uint8)
        labels[3:25, 8 + number : 12 + number, 8:12] = 9
        noise = np.random.default_rng(number).normal(0, 15, SHAPE)
        image = (np.where(labels, 350, -80) + noise).astype(np.int16)
        folder = source / f"case {number}"
        folder.mkdir(parents=True)
        grid = VolumeGeometry(SHAPE, np.diag([1.0, 1.0, 1.0, 1.0]))
        write_volume(folder / "ct.nii.gz", Volume(image, grid))
        write_volume(folder / "label_map.nii.gz", Volume(labels, grid))
        split = "val" if number == 2 else "train"
        names = ("ct", "label_map")
        rows += [(folder.name, folder.name, role, str(folder / f"{role}.nii.gz"), split) for role in names]
    table = tmp_path / "items.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
    with Project.create(tmp_path / "项目 vessels", "vessels") as project:
        assert not import_paths(project, [table]).exit_code
        return project.folder


def test_a_training_is_stopped_and_goes_on_where_it_was(
    vessels: Path, open_window: Callable[..., Any]
) -> None:
    driver = open_window(vessels)
    window = driver.window
    run = _start(driver, {"epochs": "5000", "max_minutes": "60"})
    driver.wait(lambda: _live(driver, run).model.step > 3, "it trains", WAIT_S)
    window.actions_.action("train.stop").trigger()
    driver.wait(lambda: _live(driver, run).is_over, "it stops", WAIT_S)
    assert _live(driver, run).model.state is RunState.STOPPED
    reached = _last_step(run)

    resume = window.actions_.action("train.resume")
    driver.wait(resume.isEnabled, f"it can go on: {resume.toolTip()}", WAIT_S)
    resume.trigger()
    driver.wait(
        lambda: not _live(driver, run).is_over and _live(driver, run).model.step > reached + 3,
        "it goes on",
        WAIT_S,
    )
    window.actions_.action("train.stop").trigger()
    driver.wait(lambda: _live(driver, run).is_over, "it stops again", WAIT_S)
    steps = _steps(run)
    # No step twice, and none from the start; not every step is told.
    assert steps == sorted(set(steps))
    assert steps[-1] > reached


def test_weights_of_another_program_are_imported_and_can_be_applied(
    vessels: Path, tmp_path: Path, open_window: Callable[..., Any]
) -> None:
    torch.manual_seed(1)
    field = CompatibleField(CompatibleArchitecture("documented", 3, 32, (8, 8, 8, 8), False))
    weights = tmp_path / "权重 best.pth"
    torch.save(field.state_dict(), weights)
    (tmp_path / "info.csv").write_text("id\ncase 0\ncase 1\ncase 2\n", encoding="utf-8")
    driver = open_window(vessels)
    window = driver.window
    window.actions_.action("project.import_weights").trigger()
    dialog = _dialog(driver)
    driver.choose(dialog.pipeline, SPEC.key)
    # As the file dialog does: keys of a test are ASCII.
    dialog.source.path.setText(str(weights))
    driver.wait(dialog.start.isEnabled, f"it can start: {dialog.problem.text()}")
    QTest.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    driver.wait(dialog.report.isVisible, f"the report is shown: {dialog.problem.text()}", WAIT_S)
    (run,) = driver.run_folders()
    report = WeightsReport.read(run.outputs_dir / "weights_report.json")
    assert len(report.matched) == len(field.state_dict())
    assert not report.missing
    assert run.id in dialog.report.toPlainText()
    dialog.reject()

    window.actions_.action("run.predict").trigger()
    dialog = _dialog(driver)
    driver.choose(dialog.pipeline, SPEC.key)
    assert dialog.model.currentData() == run.id
    assert dialog.order().action is Action.PREDICT
    dialog.reject()


def _start(driver: Any, settings: dict[str, str]) -> RunFolder:
    """Start a training from the Train screen, with the smoke preset."""
    window = driver.window
    train = driver.screen("train", "F4")
    controller = window.screen("train").controller
    controller.choose_pipeline(SPEC.key)
    driver.choose(train.panel.preset_box, "tiny")
    for key, value in settings.items():
        editor = train.panel.form.editor(key)
        editor.selectAll()
        QTest.keyClicks(editor, value)
    start = window.actions_.action("train.start")
    driver.wait(start.isEnabled, f"it can start: {start.toolTip()}")
    driver.press("Ctrl+Return", window)
    driver.wait(lambda: driver.run_folders(), "there is a run")
    (run,) = driver.run_folders()
    driver.wait(lambda: window.workbench.live_runs.get(run.id) is not None, "it is watched")
    return run


def _live(driver: Any, run: RunFolder) -> Any:
    return driver.window.workbench.live_runs.get(run.id)


def _steps(run: RunFolder) -> list[int]:
    events = read_events(run.events_path)
    return [event.step for event in events if isinstance(event, Metric) and event.key == "loss_total"]


def _last_step(run: RunFolder) -> int:
    return max(_steps(run))


def _dialog(driver: Any) -> StartDialog:
    found: list[StartDialog] = []

    def is_shown() -> bool:
        found[:] = [one for one in driver.window.findChildren(StartDialog) if one.isVisible()]
        return bool(found)

    driver.wait(is_shown, "the dialog is shown")
    return found[0]
