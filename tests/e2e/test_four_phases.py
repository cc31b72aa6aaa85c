"""The four phases of registration in the real window: what locks and opens them, and one after another.

The slow ones train them on public photographs and pairs and evaluate; and register pairs and accept a result.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engines.contract.kinds import Action, RunState
from engines.contract.manifest import KEYPOINT_COLUMNS, Manifest
from engines.contract.presets import training_config
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder, RunRequest
from engines.imaging.images import write_image
from workstation.project.importers import import_paths
from workstation.project.project import Project
from workstation.project.result_commands import Verdict
from workstation.project.result_review import verdicts
from workstation.views.pairs.registration_batch_dialog import RegistrationBatchDialog

SPEC = load_spec("registration")
REFERENCE = os.environ.get("WORKSTATION_REFERENCE_DATA")
PAIRS = (("32", "train", "FA"), ("52", "train", "FA"), ("34", "val", "FA"), ("101", "evaluation", "RF"))
NUM_EYES = 4


def write_table(path: Path, columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])
    return path


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A project with two photographs, without vessel masks."""
    rows: list[tuple[object, ...]] = []
    for number, split in enumerate(("train", "val")):
        path = tmp_path / f"{number}.png"
        write_image(path, np.full((48, 48, 3), 90 + number, np.uint8))
        rows.append((f"s{number}", f"eye {number}", "image", path, "CF", split))
    columns = ("subject", "item", "role", "path", "modality", "split")
    table = write_table(tmp_path / "items.csv", columns, rows)
    with Project.create(tmp_path / "相 photographs", "Photographs") as project:
        import_paths(project, [table])
        return project.folder


def finish_phase(project: Project, key: str, **settings: Any) -> RunFolder:
    """Write what a finished training of a phase leaves."""
    folder = RunFolder(project.runs.new_folder(SPEC.key, key))
    values = training_config(SPEC, key, "tiny", settings).values()
    request = RunRequest(pipeline=SPEC.key, action=Action.TRAIN, phase=key, preset="tiny", settings=values)
    folder.create(request, Manifest(items=()))
    (folder.checkpoints_dir / "best").mkdir(parents=True)
    (folder.checkpoints_dir / "best" / "weights.safetensors").write_bytes(b"")
    gate = SPEC.phase(key).gate
    assert gate is not None
    folder.write_summary(RunState.FINISHED, {"best_values": {gate.metric: gate.value}})
    project.runs.add(folder.id, folder.path)
    return folder


def test_photographs_without_masks_can_be_trained_on_and_the_next_phase_goes_on(
    open_window: Callable[..., Any], photographs: Path
) -> None:
    driver = open_window(photographs)
    train = driver.screen("train", "F4")
    start = driver.window.actions_.action("train.start")
    first, second = train.cards.cards[:2]
    driver.wait(lambda: "eye 0, eye 1" in first.reason.text(), "the items without a mask are named")
    assert not start.isEnabled()

    QTest.mouseClick(first.ways[0], Qt.MouseButton.LeftButton)
    driver.wait(start.isEnabled, "lines found in the images will do")
    assert "bifurcations=vesselness" in train.panel.command.toPlainText()
    assert train.panel.base_box.isHidden()

    project = driver.window.workbench.project
    folder = finish_phase(project, "phase_1", bifurcations="vesselness")
    driver.window.workbench.data_changed.emit()
    driver.wait(lambda: second.state.text().endswith("ready"), "phase 2 can start")
    assert "✔" in first.gate.text()
    QTest.mouseClick(second, Qt.MouseButton.LeftButton)
    driver.wait(lambda: train.panel.base_box.currentData() == folder.id, "its start is chosen")
    driver.wait(start.isEnabled, "it goes on without masks")
    assert "✔" in second.base.text()
    assert train.panel.preset_box.currentData() == "tiny"
    assert "bifurcations=vesselness" in train.panel.command.toPlainText()


@pytest.fixture
def eyes(tmp_path: Path) -> Path:
    """A project with photographs and their vessel masks, and pairs with keypoints."""
    if not REFERENCE:
        pytest.skip("WORKSTATION_REFERENCE_DATA is not set")
    retina = Path(REFERENCE) / "retina"
    drive, landmarks = retina / "drive" / "training", retina / "landmark_pairs"
    rows: list[tuple[object, ...]] = []
    for number in range(NUM_EYES):
        name, split = str(21 + number), "train" if number < NUM_EYES - 1 else "val"
        files = {
            "image": drive / "images" / f"{name}_training.tif",
            "vessel_mask": drive / "1st_manual" / f"{name}_manual1.gif",
        }
        rows += [(f"drive {name}", f"drive {name}", role, path, "CF", split) for role, path in files.items()]
    for pair, split, modality in PAIRS:
        for role, of_role in (("fixed", modality), ("moving", "CF")):
            path = landmarks / f"pair_{role}_{pair}.png"
            rows.append((f"person {pair}", f"pair {pair}", role, path, of_role, split))
    columns = ("subject", "item", "role", "path", "modality", "split")
    tables = [write_table(tmp_path / "items.csv", columns, rows)]
    wanted = {pair for pair, _, _ in PAIRS}
    with (landmarks / "landmarks.csv").open(encoding="utf-8", newline="") as stream:
        points = [
            # The landmarks count from 1.
            (
                f"pair {row['pair']}",
                row["point"],
                *(float(row[key]) - 1 for key in ("fix_x", "fix_y", "mov_x", "mov_y")),
            )
            for row in csv.DictReader(stream)
            if row["pair"] in wanted
        ]
    tables.append(write_table(tmp_path / "keypoints.csv", KEYPOINT_COLUMNS, points))
    with Project.create(tmp_path / "四 phases", "Four phases") as project:
        assert import_paths(project, tables).exit_code == 0
        return project.folder


def train_phase(driver: Any, number: int, base_run: str) -> str:
    """Train a phase from the window with the preset `tiny`, see what is said of it, and return its run."""
    window, phase = driver.window, SPEC.phases[number]
    train = window.screen("train").centre
    start, card = window.actions_.action("train.start"), train.cards.cards[number]
    QTest.mouseClick(card, Qt.MouseButton.LeftButton)
    train.preset_chosen.emit("tiny")
    driver.wait(start.isEnabled, f"{phase.title} can start", 120)
    train.set_values({"epochs": 3, "looks_per_item": 1})
    if base_run:
        assert train.panel.base_box.currentData() == base_run, "it goes on from the phase before"
    start.trigger()
    driver.wait(lambda: window.workbench.live_runs.live(), "a run is live", 120)
    run = window.workbench.live_runs.live()[-1]
    assert run.model.request.phase == phase.key
    assert Path(run.model.request.base_run).name == base_run
    driver.wait(lambda: run.is_over, f"{phase.title} is over", 300)
    assert run.model.state is RunState.FINISHED, run.model.failure
    if phase.gate is not None:
        driver.wait(lambda: "wanted" in card.gate.text(), "its gate is shown")
        driver.wait(lambda: not card.gate.text().startswith("–"), "the gate's metric was measured")
    return str(run.id)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("kill_engines")
def test_the_four_phases_run_one_after_another_and_their_model_is_used(
    open_window: Callable[..., Any], eyes: Path
) -> None:
    driver = open_window(eyes)
    window = driver.window
    driver.screen("train", "F4")
    run_ids = [""]
    for number in range(len(SPEC.phases)):
        run_ids.append(train_phase(driver, number, run_ids[-1]))
    previews = window.workbench.live_runs.get(run_ids[3]).model.previews
    learned = [len(shown) for (_, name), shown in previews.items() if name == "learned_points"]
    assert learned
    assert min(learned) >= 3, "learned points are shown by epoch"

    # The evaluation comes up by itself, with its page.
    runs = driver.screen("runs", "F5")
    driver.wait(lambda: runs.list.model.row_of(run_ids[-1]) >= 0, "the run is listed")
    runs.select(run_ids[-1])
    evaluate = window.actions_.action("runs.evaluate")
    driver.wait(evaluate.isEnabled, "it can be evaluated")
    evaluate.trigger()
    driver.wait(lambda: runs.tabs.isTabVisible(1) and runs.tabs.currentIndex() == 1, "the evaluation", 300)
    assert runs.evaluation.page_button.isVisible()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("kill_engines")
def test_all_registrations_of_one_run_lead_to_a_decision_that_can_be_undone(
    open_window: Callable[..., Any], eyes: Path
) -> None:
    driver = open_window(eyes)
    window = driver.window
    driver.screen("pairs", "F2")
    window.actions_.action("pairs.registrations").trigger()
    dialog = window.findChild(RegistrationBatchDialog)
    driver.wait(dialog.rest_button.isEnabled, "pairs are left")
    QTest.mouseClick(dialog.rest_button, Qt.MouseButton.LeftButton)
    driver.wait(lambda: " 0 not tried" in dialog.state.text(), "all were tried", 300)
    dialog.table.selectRow(0)
    item_id = dialog.table.item(0, 0).text()
    QTest.mouseClick(dialog.compare_button, Qt.MouseButton.LeftButton)
    driver.wait(lambda: window.screen("compare") is not None, "the Compare screen")
    controller = window.screen("compare").controller
    driver.wait(lambda: controller.judged[0], "the result is shown")
    result = (item_id, controller.judged[0])
    store = window.workbench.project.store
    driver.press("Y", window)
    driver.wait(lambda: verdicts(store) == {result: Verdict.ACCEPTED}, "it is accepted")
    rows = range(dialog.table.rowCount())
    driver.wait(lambda: any("Accepted" in dialog.table.item(row, 2).text() for row in rows), "the table")
    driver.press("Ctrl+Z", window)
    driver.wait(lambda: not verdicts(store), "it is undone")
    dialog.close()
