"""Brains in the real window: every stage of the training, a prediction, its review, and a grade by hand.

On the phantom cohort, and on the real cases where they are at hand; smoke trainings of seconds, whose numbers
mean nothing.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engines.contract.kinds import Action, RunState, Split
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder
from workstation.controllers.review.review_controller import ReviewController
from workstation.controllers.runs.run_schedule import schedule_of
from workstation.project.brain_cohort import create_brain_cohort
from workstation.project.grade_commands import SetGrades
from workstation.project.importers import import_paths
from workstation.project.project import Project
from workstation.runs.launch import prepare_run

REFERENCE = os.environ.get("WORKSTATION_REFERENCE_DATA")
SPEC = load_spec("segmentation")
STAGES = ("segment", "grade", "joint")
WAIT_S = 900.0
_FILES = {
    "flair": "Flair_subtrMeanDivStd.nii.gz",
    "t1ce": "T1c_subtrMeanDivStd.nii.gz",
    "brain_mask": "brainmask.nii.gz",
    "label_map": "OTMultiClass.nii.gz",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600), pytest.mark.usefixtures("kill_engines")]


@pytest.fixture
def phantoms(tmp_path: Path) -> Path:
    """The smallest cohort there is."""
    with create_brain_cohort(tmp_path / "脑 phantoms", num_subjects=20) as project:
        return project.folder


@pytest.fixture
def brains(tmp_path: Path) -> Path:
    """Real cases with manual labels; their grades are made up, as none are known."""
    if not REFERENCE:
        pytest.skip("WORKSTATION_REFERENCE_DATA is not set")
    folder = Path(REFERENCE) / "brain" / "deepmedic_brats"
    cases = sorted(path for path in folder.iterdir() if path.is_dir())
    rows = [("subject", "item", "role", "path", "split")]
    for case, split in zip(cases, ("train", "train", "val", "test"), strict=True):
        rows += [(case.name, case.name, role, str(case / name), split) for role, name in _FILES.items()]
    table = tmp_path / "items.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
    with Project.create(tmp_path / "real brains", "real") as project:
        assert not import_paths(project, [table]).exit_code
        grades = zip((case.name for case in cases), ("LGG", "HGG", "HGG", "HGG"), strict=True)
        project.history.execute(SetGrades(dict(grades), "made up for a test"))
        return project.folder


def test_every_stage_runs_on_the_phantoms_and_the_result_is_reviewed(
    phantoms: Path, open_window: Callable[..., Any]
) -> None:
    driver = open_window(phantoms)
    runs = [_train(driver, stage, {}) for stage in STAGES]
    for before, after in pairwise(runs):
        assert before.id in after.read_request().base_run
    item = next(item for item in driver.window.workbench.project.items.all() if item.split is Split.TEST)
    _review(driver, runs[-1], item.id)
    _grade(driver, item.id)


def test_every_stage_runs_on_real_brains(brains: Path, open_window: Callable[..., Any]) -> None:
    driver = open_window(brains)
    small = {"slices_per_subject": "1", "epochs": "1", "num_evaluation_cases": "1"}
    for stage in STAGES:
        _train(driver, stage, small)


def _train(driver: Any, stage: str, settings: dict[str, str]) -> RunFolder:
    """Train a stage from the Train screen, with the smoke preset."""
    window = driver.window
    train = driver.screen("train", "F4")
    controller = window.screen("train").controller
    controller.choose_pipeline(SPEC.key)
    card = next(card for card in train.cards.cards if card.title.text().startswith(SPEC.phase(stage).title))
    driver.wait(card.isEnabled, f"{stage} can be chosen")
    controller.choose_phase(stage)
    driver.wait(lambda: controller.phase == stage, f"{stage} is chosen")
    driver.choose(train.panel.preset_box, "tiny")
    for key, value in settings.items():
        editor = train.panel.form.editor(key)
        editor.selectAll()
        QTest.keyClicks(editor, value)
    start = window.actions_.action("train.start")
    driver.wait(start.isEnabled, f"{stage} can start: {start.toolTip()}")
    known = {run.id for run in driver.run_folders()}
    driver.press("Ctrl+Return", window)
    driver.wait(lambda: {run.id for run in driver.run_folders()} - known, "there is a run")
    (run,) = (run for run in driver.run_folders() if run.id not in known)
    live = window.workbench.live_runs
    driver.wait(lambda: live.get(run.id) is not None and live.get(run.id).is_over, f"{stage} ends", WAIT_S)
    model = live.get(run.id).model
    assert model.state is RunState.FINISHED, model.failure
    return run


def _review(driver: Any, base: RunFolder, item_id: str) -> None:
    """Apply the model to an item, and accept the mask: from then on it is drawn in as any other."""
    window = driver.window
    project = window.workbench.project
    before = _accepted(project, item_id)
    settings = {"sampling_steps": 2, "samples": 2, "num_threads": 1}
    run = prepare_run(
        project, SPEC, action=Action.PREDICT, base_run=base, items=[item_id], split="all", overrides=settings
    )
    schedule_of(window.workbench).start(run)
    live = window.workbench.live_runs
    driver.wait(lambda: live.get(run.id) is not None and live.get(run.id).is_over, "it is applied", WAIT_S)
    assert live.get(run.id).model.state is RunState.FINISHED, live.get(run.id).model.failure
    driver.choose_item(item_id)
    driver.screen("volume", "F3")
    screen = window.screen("volume")
    review = screen.controller.findChild(ReviewController)
    driver.wait(lambda: review.lines, "the result is in the queue")
    (line,) = review.lines
    assert line.item_id == item_id
    review.open(line.key)
    driver.wait(lambda: not review.is_opening and review.steps, "its mask is a proposal")
    driver.wait(lambda: window.actions_.action("review.accept").isEnabled(), "it can be accepted")
    for _ in range(3):
        # Where accepted voxels would go, it is asked for again.
        window.actions_.action("review.accept").trigger()
        QApplication.processEvents()
        if review.line.verdict == "accepted":
            break
        driver.wait(lambda: window.actions_.action("review.accept").isEnabled(), "it is compared", 20.0)
    driver.wait(lambda: review.line.verdict == "accepted", "it is accepted")
    after = _accepted(project, item_id)
    assert not np.array_equal(after, before)
    driver.press("Ctrl+Z", window)
    driver.wait(lambda: np.array_equal(_accepted(project, item_id), before), "undo brings the old mask back")


def _accepted(project: Project, item_id: str) -> Any:
    return project.label_maps.read(project.label_maps.accepted()[item_id].id)[0].voxels.copy()


def _grade(driver: Any, item_id: str) -> None:
    """Say another grade by hand, see who said it, and take it back."""
    window = driver.window
    project = window.workbench.project
    field = window.screen("volume").panel.attributes.fields["grade"]
    before = project.grades()[item_id]
    assert field.provenance.text().startswith("procedural phantom")
    other = next(value for value in SPEC.attributes[0].values if value != before.value)
    driver.choose(field.box, other)
    field.box.activated.emit(field.box.currentIndex())
    driver.wait(lambda: project.grades()[item_id].value == other, "the grade is another")
    driver.wait(lambda: field.provenance.text().startswith("By hand"), "it says who")
    driver.press("Ctrl+Z", window)
    driver.wait(lambda: project.grades()[item_id] == before, "undo brings the old grade back")
    driver.wait(lambda: field.box.currentText() == before.value, "the list shows it")
