"""Simulated chests in the real window: every phase, variants of one, results, and the places they lead to.

Smoke trainings of seconds, whose numbers mean nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from engines.contract.kinds import Action, RunState, Split
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder
from engines.imaging.volumes.thorax_phantom import ThoraxOptions, make_thorax
from engines.imaging.volumes.volume_files import read_volume, write_volume
from workstation.controllers.compare.volume_compare_controller import VolumeCompareController
from workstation.controllers.runs.run_schedule import schedule_of
from workstation.project.importers import import_paths
from workstation.project.project import Project
from workstation.project.thorax_cohort import create_thorax_cohort
from workstation.runs.launch import prepare_run
from workstation.views.protocols.overlay_modes import Mode

REFERENCE = os.environ.get("WORKSTATION_REFERENCE_DATA")
PICTURES = os.environ.get("WORKSTATION_TEST_PICTURES")
"""Folder that receives pictures of the window, to be looked at."""
SPEC = load_spec("synthesis")
WAIT_S = 600.0
_LEFT = Qt.MouseButton.LeftButton
VARIED = next(phase for phase in SPEC.phases if phase.variants is not None)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600), pytest.mark.usefixtures("kill_engines")]


@pytest.fixture
def chests(tmp_path: Path) -> Path:
    with create_thorax_cohort(tmp_path / "胸 chests", num_subjects=5, side_px=48, num_slices=8) as project:
        return project.folder


def test_the_whole_graph_of_phases_runs_and_its_results_are_looked_at(
    chests: Path, open_window: Callable[..., Any]
) -> None:
    driver = open_window(chests)
    runs = {phase.key: _train(driver, phase.key) for phase in SPEC.phases}
    for phase in SPEC.phases:
        if phase.needs.phases:
            assert runs[phase.needs.phases[-1]].id in runs[phase.key].read_request().base_run
    _compare_variants(driver)
    item = next(item for item in driver.window.workbench.project.items.all() if item.split is Split.TEST)
    _do(driver, Action.PREDICT, runs["g2_d"], item.id)
    scored = _do(driver, Action.EVALUATE, runs["g2_d"], item.id)
    _look(driver, scored, item.id)


@pytest.mark.skipif(not REFERENCE, reason="WORKSTATION_REFERENCE_DATA is not set")
def test_real_volumes_are_imported_made_and_shown(tmp_path: Path, open_window: Callable[..., Any]) -> None:
    data = Path(REFERENCE or "")
    sources = {
        "lidc": data / "chest" / "lidc_idri_0314" / "lidc0314_1p5mm.nii.gz",
        "lung1": data / "chest" / "pyradiomics" / "lung1_image.nrrd",
        "heart": data / "cardiac" / "cta" / "ct_heart_cta.nii.gz",
    }
    rows = ["subject,item,split,role,path"]
    options = ThoraxOptions(side_px=48, num_slices=8, spacing_mm=(6.9, 6.9, 10.0))
    for number, split in enumerate(("train", "val")):
        phantom = make_thorax(number, options)
        for role, volume in (("ncct", phantom.ncct), ("cta", phantom.cta)):
            path = write_volume(tmp_path / f"{split}_{role}.nii.gz", volume)
            rows.append(f"{split},{split},{split},{role},{path}")
    for name, source in sources.items():
        volume = read_volume(source)
        # Every fourth slice and pixel: the way is the same, and a processor gets to its end.
        path = write_volume(tmp_path / f"{name}.nii.gz", _thinned(volume))
        rows.append(f"{name},{name},,ncct,{path}")
    table = tmp_path / "items.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    with Project.create(tmp_path / "真实 real", "real") as project:
        assert not import_paths(project, [table]).exit_code
        folder = project.folder
    driver = open_window(folder)
    run = _train(driver, "g")
    for name in sources:
        made = _do(driver, Action.PREDICT, run, name)
        driver.choose_item(name)
        driver.window.show_screen("compare")
        controller = _panes(driver)
        driver.wait(lambda c=controller: c.shown is not None, f"{name} is shown", 60)
        assert controller.chosen[0] == "image:ncct"
        assert any(made.id in key for key in controller.chosen), controller.chosen
        _grab(driver, f"real_{name}")


def _thinned(volume: Any) -> Any:
    from engines.imaging.volumes.volume import Volume, VolumeGeometry

    step = (3, 3, 4)
    voxels = np.ascontiguousarray(volume.voxels[:: step[0], :: step[1], :: step[2]])
    matrix = volume.geometry.world_from_voxel.copy()
    matrix[:3, :3] *= step
    return Volume(voxels, VolumeGeometry(voxels.shape, matrix))


def _train(driver: Any, phase: str) -> RunFolder:
    """Train a phase from the Train screen, with the smoke preset."""
    window = driver.window
    train = driver.screen("train", "F4")
    window.screen("train").controller.choose_pipeline(SPEC.key)
    _choose(driver, phase)
    driver.choose(train.panel.preset_box, "tiny")
    start = window.actions_.action("train.start")
    driver.wait(start.isEnabled, f"{phase} can start: {start.toolTip()}")
    known = {run.id for run in driver.run_folders()}
    driver.press("Ctrl+Return", window)
    driver.wait(lambda: {run.id for run in driver.run_folders()} - known, "there is a run")
    (run,) = (run for run in driver.run_folders() if run.id not in known)
    _finish(driver, run)
    _grab(driver, f"train_{phase}")
    return run


def _choose(driver: Any, phase: str) -> None:
    """Click the card of a phase."""
    train, controller = driver.window.screen("train").centre, driver.window.screen("train").controller
    card = next(card for card in train.cards.cards if card.title.text() == SPEC.phase(phase).title)
    driver.wait(card.isEnabled, f"{phase} can be chosen")
    QTest.mouseClick(card, _LEFT, pos=QPoint(20, 12))
    driver.wait(lambda: controller.phase == phase, f"{phase} is chosen")


def _finish(driver: Any, run: RunFolder) -> None:
    live = driver.window.workbench.live_runs
    driver.wait(lambda: live.get(run.id) is not None and live.get(run.id).is_over, f"{run.id} ends", WAIT_S)
    model = live.get(run.id).model
    assert model.state is RunState.FINISHED, model.failure


def _compare_variants(driver: Any) -> None:
    window, variants = driver.window, VARIED.variants
    assert variants is not None
    train = window.screen("train").centre
    _choose(driver, VARIED.key)
    driver.choose(train.panel.preset_box, "tiny")
    action = window.actions_.action("train.variants")
    driver.wait(action.isEnabled, f"variants can be compared: {action.toolTip()}")
    assert action.text() == variants.title
    known = {run.id for run in driver.run_folders()}
    driver.click_button(variants.title)
    sweeps = window.workbench.project.folder / "sweeps"
    driver.wait(lambda: list(sweeps.rglob("sweep.csv")), "the variants are compared", WAIT_S)
    assert len({run.id for run in driver.run_folders()} - known) == len(variants.rows)
    driver.wait(
        lambda: any(variants.title in str(card.card.what) for card in driver.cards),
        "a card tells the numbers",
    )
    _grab(driver, "variants")


def _do(driver: Any, action: Action, base: RunFolder, item_id: str) -> RunFolder:
    project, workbench = driver.window.workbench.project, driver.window.workbench
    run = prepare_run(
        project,
        SPEC,
        action=action,
        base_run=base,
        items=[item_id],
        split="all",
        overrides={"num_threads": 1},
    )
    schedule_of(workbench).start(run)
    _finish(driver, run)
    return run


def _look(driver: Any, scored: RunFolder, item_id: str) -> None:
    """Open the worst slice from the table of the evaluation, subtract, and lay a slab over it."""
    window = driver.window
    window.workbench.request_run(scored.id)
    runs = window.screen("runs").centre
    tabs = runs.details.tabs
    title = "Slices, worst first"
    driver.wait(lambda: title in {tabs.tabText(i) for i in range(tabs.count())}, "the slices are listed")
    index = next(i for i in range(tabs.count()) if tabs.tabText(i) == title)
    runs.tabs.setCurrentIndex(0)
    tabs.setCurrentIndex(index)
    table = tabs.widget(index).table
    slice_number = int(table.item(0, 1).text())
    _grab(driver, "slices")
    at = table.visualItemRect(table.item(0, 0)).center()
    QTest.mouseClick(table.viewport(), _LEFT, pos=at)
    QTest.mouseDClick(table.viewport(), _LEFT, pos=at)
    driver.wait(lambda: window.screen("compare") is not None, "the Compare screen is opened")
    controller = _panes(driver)
    driver.wait(lambda: controller.shown is not None and len(controller.chosen) == 4, "four images", 60)
    assert window.workbench.item_id == item_id
    driver.wait(lambda: controller.shown.number == slice_number - 1, "it is the slice of the table")
    assert controller.chosen[0] == "image:ncct"
    assert controller.chosen[3] == controller.reference == "image:cta"
    assert [key.rsplit(":", 1)[1] for key in controller.chosen[1:3]] == ["generated_cta", "synthetic_cta"]
    _grab(driver, "compare")
    driver.press("D", window.screen("compare").centre)
    driver.wait(lambda: controller.mode is Mode.DIFFERENCE, "they are subtracted")
    driver.wait(lambda: controller.shown.contents[1].legend_values, "the scale is known")
    _grab(driver, "difference")
    controller.set_mode(Mode.TILES)
    window.actions_.action("compare.slab").trigger()
    driver.wait(lambda: controller.shown.slab_mm == 10.0, "a slab is shown")
    _grab(driver, "slab")


def _panes(driver: Any) -> VolumeCompareController:
    """Return what is behind the panes of the Compare screen."""
    screen = driver.window.screen("compare")
    (found,) = screen.centre.findChildren(VolumeCompareController)
    return found


def _grab(driver: Any, name: str) -> None:
    if PICTURES:
        QTest.qWait(600)
        driver.window.grab().save(str(Path(PICTURES) / f"{name}.png"))
