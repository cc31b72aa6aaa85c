"""The review queue in the real window, by keyboard: open, steps, threshold, accept, undo, reject, restart.

The slow one trains, refines from the window, and reviews what came out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from engines.contract.component_table import ComponentColumn, ComponentRecord, ComponentTable
from engines.contract.item_review import ItemReview, Reason, ReviewStep
from engines.contract.kinds import Action, FileKind, ItemKind, OutputKind, RunState
from engines.contract.manifest import Manifest
from engines.contract.probability_file import SparseProbability
from engines.contract.registry import all_specs
from engines.contract.run_folder import RunFolder, RunRequest
from engines.imaging.volumes.label_classes import LabelClass
from engines.imaging.volumes.proposals import ADDED
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.controllers.review.components_controller import ComponentsController
from workstation.controllers.review.review_controller import ReviewController
from workstation.controllers.review.threshold_review import KEY, ThresholdReview
from workstation.controllers.runs.predict_runs import PredictRuns
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.label_map_commands import AddLabelMap
from workstation.project.project import Project
from workstation.project.result_commands import Verdict
from workstation.project.result_review import verdicts
from workstation.views.review.component_panel import ComponentPanel
from workstation.views.review.review_panel import ReviewPanel
from workstation.views.training.start_dialog import StartDialog

SHAPE = (40, 36, 20)
GRID = VolumeGeometry(SHAPE, np.array([[-0.6, 0, 0, 12], [0, 0.6, 0, -9], [0, 0, 1.5, 40], [0, 0, 0, 1.0]]))
ITEMS = ("病例 1", "b", "c")
STATUS = ("reject", "review", "accept")
CLASSES = (LabelClass(1, "coronary", "#E69F00"),)
SPEC = next(
    spec for spec in all_specs() if any(output.kind is OutputKind.LABEL_MAP for output in spec.outputs)
)
ROLES = [output.role for output in SPEC.outputs if output.kind is OutputKind.LABEL_MAP]
RUN = "2026-01-01_refined_1"


def vessel() -> np.ndarray:
    """A tube of class 1, as it was drawn."""
    voxels = np.zeros(SHAPE, np.uint8, order="F")
    voxels[4:30, 10:13, 5:8] = 1
    return voxels


def probability() -> np.ndarray:
    """Sure along most of the tube, unsure beyond its end; nothing where the tube began; a speck aside."""
    found = np.zeros(SHAPE, np.float32)
    found[6:30, 10:13, 5:8] = 0.9
    found[30:34, 10:13, 5:8] = 0.6
    found[10:12, 25:27, 14] = 0.7
    return found


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """A project with three cases and their accepted masks."""
    with Project.create(tmp_path / "项目 with space", "p") as project:
        for item in ITEMS:
            _add_case(project, tmp_path, item)
        return project.folder


@pytest.fixture
def folder(cases: Path) -> Path:
    """The same, with what a run made of them."""
    with Project.open(cases) as project:
        run = RunFolder(project.runs.root / RUN)
        run.create(RunRequest(pipeline=SPEC.key, action=Action.PREDICT), Manifest(items=()))
        for item, status in zip(ITEMS, STATUS, strict=True):
            _write_result(run, item, status)
        run.write_summary(RunState.FINISHED, {})
        project.runs.add(run.id, run.path)
    return cases


@pytest.fixture
def speckled(tmp_path: Path) -> Path:
    """A project with three cases whose masks hold a speck, which cleaning leaves out."""
    with Project.create(tmp_path / "项目 with specks", "p") as project:
        for item in ITEMS:
            _add_case(project, tmp_path, item, has_speck=True)
        return project.folder


def _add_case(project: Project, where: Path, item: str, *, has_speck: bool = False) -> None:
    hu = np.where(vessel() == 1, 350, -50).astype(np.int16)
    path = write_volume(where / f"{item}.nii.gz", Volume(hu, GRID))
    with project.store.write() as session:
        insert_file(
            session,
            NewFile(item, item, "cta", FileKind.VOLUME, path, str(path), 9, grid=GRID),
            project.folder,
        )
        set_item_kind(session, item, ItemKind.VOLUME)
    drawn = vessel()
    if has_speck:
        drawn[10:12, 25:27, 14] = 1
    volume = Volume(drawn, GRID)
    made = AddLabelMap.on_grid_of(volume, item, "mask", source="import", classes=CLASSES)
    project.history.execute(replace(made, file=project.label_maps.keep(item, made.label_map_id, volume)))


def _write_result(run: RunFolder, item: str, status: str) -> None:
    refined = (probability() >= 0.5).astype(np.uint8)
    cleaned = refined.copy()
    cleaned[10:12, 25:27, 14] = 0
    steps = []
    for role, title, voxels in ((ROLES[0], "Refined", refined), ("cleaned 2", "Cleaned", cleaned)):
        path = run.outputs_dir / role / f"{item}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_volume(path, Volume(voxels, GRID))
        steps.append(ReviewStep(role=role, title=title))
    SparseProbability.of(probability()).write(run.outputs_dir / "probability" / f"{item}.npz")
    reason = Reason(rule="volume", text="It changed by {percent:.0f} %.", values={"percent": 31.0})
    ItemReview(
        status=status,  # type: ignore[arg-type]
        reasons=() if status == "accept" else (reason,),
        values={"changed_ml": 0.1, "dice_to_input": 0.9},
        steps=tuple(steps),
        threshold=0.5,
    ).write(run.outputs_dir / "review" / f"{item}.json")
    records = (
        ComponentRecord(label=1, voxel=(20, 11, 6), proposal="accept", values={"rules": "root"}),
        ComponentRecord(label=1, voxel=(10, 25, 14), proposal="reject", values={"rules": "small, short"}),
    )
    columns = (ComponentColumn(key="rules", title="Rules"),)
    ComponentTable(columns=columns, components=records).write(run.outputs_dir / "components" / f"{item}.json")


class Reviewer:
    """A person at the queue."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.window = driver.window
        driver.screen("volume", "F3")
        self.screen = self.window.screen("volume")
        found = self.screen.controller.findChild
        self.review: ReviewController = found(ReviewController)
        self.threshold: ThresholdReview = found(ThresholdReview)
        self.runs: PredictRuns = found(PredictRuns)
        self.components: ComponentsController = found(ComponentsController)
        self.proposals = self.review._proposals
        self.panel: ReviewPanel = self.screen.centre.findChild(ReviewPanel)

    def wait(self, condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
        self.driver.wait(condition, what, seconds)

    def press(self, keys: str) -> None:
        self.driver.press(keys, self.window)

    @property
    def project(self) -> Project:
        project = self.window.workbench.project
        assert project is not None
        return project

    def wait_opened(self, item: str) -> None:
        """Wait until the case is shown, its steps are proposals, and one is compared."""

        def is_there() -> bool:
            line = self.review.line
            return (
                line is not None
                and line.item_id == item
                and self.screen.controller.item is not None
                and self.screen.controller.item.id == item
                and bool(self.review.steps)
                and bool(self.review.role)
                and self.proposals.found is not None
            )

        self.wait(is_there, f"{item} is opened")

    def verdict(self, item: str) -> str:
        return next(line.verdict for line in self.review.lines if line.item_id == item)

    def mask(self, item: str) -> np.ndarray:
        """The accepted label map as it would be read after a restart."""
        accepted = self.project.label_maps.accepted()[item]
        return self.project.label_maps.read(accepted.id)[0].voxels


def test_results_are_reviewed_by_keyboard(folder: Path, open_window: Callable[..., Any]) -> None:
    person = Reviewer(open_window(folder))
    person.wait(lambda: len(person.review.lines) == 3, "the queue is filled")
    assert [line.item_id for line in person.review.lines] == list(ITEMS)
    person.press("Ctrl+Shift+J")
    person.wait(lambda: person.panel.table.hasFocus(), "the queue has the focus")
    while person.review.line is None or person.review.line.item_id != ITEMS[0]:
        person.driver.press("Up", person.panel.table)
    person.driver.press("Return", person.panel.table)
    person.wait_opened(ITEMS[0])
    assert person.panel.details.reasons.text() == "• It changed by 31 %."
    assert list(person.review.steps) == [ROLES[0], "cleaned 2"]
    assert person.review.role == "cleaned 2"
    person.press(",")
    person.wait(lambda: person.review.role == ROLES[0] and person.proposals.found, "the first step")
    assert person.proposals.found.count(ADDED) == 4 * 9 + 4

    # The threshold: counted while it is moved, drawn, then applied as one edit.
    person.wait(lambda: person.threshold.summary and person.threshold.summary.num_components == 2, "counted")
    for _ in range(8):
        person.press("Alt+Up")
    person.wait(lambda: person.threshold.summary.num_components == 2 and KEY in _temporary(person), "drawn")
    for _ in range(4):
        person.press("Alt+Up")
    person.wait(lambda: person.threshold.summary.num_components == 1, "the speck is gone")
    assert person.threshold.summary.value == pytest.approx(0.74)
    person.press("Ctrl+Alt+K")
    proposal = person.review.steps[ROLES[0]]

    def stored() -> np.ndarray:
        return person.project.label_maps.read(proposal)[0].voxels

    person.wait(lambda: (stored() == (probability() >= 0.74)).all(), "the threshold is applied")
    assert KEY not in _temporary(person)
    person.press("Ctrl+Z")
    person.wait(lambda: (stored() == (probability() >= 0.5)).all(), "the threshold is taken back")

    # Accepting shows what goes before it goes.
    person.press(".")
    person.wait(lambda: person.review.role == "cleaned 2" and person.proposals.found, "the last step")
    person.wait(lambda: person.proposals.num_lost == 2 * 9, "it is compared")
    before = person.mask(ITEMS[0]).copy()
    person.press("Ctrl+Alt+Y")
    assert person.proposals.is_asked
    assert (person.mask(ITEMS[0]) == before).all()
    person.press("Ctrl+Alt+Y")
    person.wait(lambda: person.mask(ITEMS[0])[4, 11, 6] == 0, "the result is accepted")
    person.wait(lambda: person.verdict(ITEMS[0]) == "accepted", "the queue says so")
    person.press("Ctrl+Z")
    person.wait(lambda: (person.mask(ITEMS[0]) == before).all(), "one undo takes it back")
    person.wait(lambda: person.verdict(ITEMS[0]) == "open", "the queue says so, too")
    person.press("Ctrl+Shift+Z")
    person.wait(lambda: person.verdict(ITEMS[0]) == "accepted", "it is done again")

    # Later and rejected go on by themselves.
    person.press("Ctrl+Shift+Right")
    person.wait_opened("b")
    person.press("Ctrl+Alt+M")
    person.wait_opened("c")
    assert person.verdict("b") == "later"
    person.press("Ctrl+Alt+Backspace")
    person.wait_opened("b")
    assert person.verdict("c") == "rejected", person.review.lines
    assert [one.name for one in person.project.label_maps.of_item("c")] == ["mask"]
    person.driver.choose_item("c")
    person.wait(lambda: person.screen.controller.active_labels is not None, "c is shown")
    person.press("Ctrl+Z")
    person.wait(lambda: len(person.project.label_maps.of_item("c")) == 3, "undo brings the steps back")
    person.press("Ctrl+Shift+Z")
    person.wait(lambda: len(person.project.label_maps.of_item("c")) == 1, "they are gone again")

    # All of it holds after a restart.
    person.window.close()
    again = Reviewer(open_window(folder))
    again.wait(lambda: len(again.review.lines) == 3, "the queue is filled again")
    assert [again.verdict(item) for item in ITEMS] == ["accepted", "later", "rejected"]
    assert verdicts(again.project.store)["c", RUN] is Verdict.REJECTED


def test_suggestions_of_a_run_are_followed_rule_by_rule(
    folder: Path, open_window: Callable[..., Any]
) -> None:
    person = Reviewer(open_window(folder))
    person.wait(lambda: len(person.review.lines) == 3, "the queue is filled")
    person.review.open(person.review.lines[1].key)
    person.wait_opened("b")
    person.press(",")
    person.screen.centre.lower.setCurrentIndex(0)
    person.screen.centre.lower.set_folded(False)
    panel = person.screen.centre.findChild(ComponentPanel)
    person.wait(lambda: len(person.components.suggested()) == 2, "both pieces have suggestions")
    assert [panel.rules.itemData(row) for row in range(panel.rules.count())] == ["", "root", "short", "small"]
    person.components.select([person.components.lines[1].key])
    person.wait(lambda: "clDice to mask" in panel.effect.text(), "the effect is known")
    assert "Rejecting: 0.138 → 0.136 mL" in panel.effect.text()
    panel.rules.setCurrentIndex(panel.rules.findData("small"))
    person.press("Ctrl+Alt+A")
    assert person.components.offers.pending is not None
    assert len([line for line in person.components.lines if line.state == "accepted"]) == 0
    person.press("Ctrl+Alt+A")
    person.wait(
        lambda: [line.state for line in person.components.lines] == ["", "rejected"], "the speck goes"
    )
    panel.rules.setCurrentIndex(0)
    person.press("Ctrl+Alt+A")
    person.wait(lambda: person.components.lines[0].state == "accepted", "the tree is accepted")
    person.press("Ctrl+Z")
    person.press("Ctrl+Z")
    person.wait(
        lambda: len(person.components.lines) == 2 and not any(line.state for line in person.components.lines),
        "both are open again",
    )


@pytest.mark.slow
@pytest.mark.usefixtures("kill_engines")
def test_train_refine_review_and_restart(speckled: Path, open_window: Callable[..., Any]) -> None:
    person = Reviewer(open_window(speckled))
    person.driver.choose_item("b")
    person.wait(lambda: person.screen.controller.active_labels is not None, "the case is shown")
    window = person.window
    _train(person)

    def dialogs() -> list[StartDialog]:
        return [found for found in window.findChildren(StartDialog) if found.isVisible()]

    person.press("Ctrl+J")
    person.wait(lambda: dialogs(), "the dialog is there")
    dialog = dialogs()[0]
    assert dialog.choice is not None
    assert dialog.choice.key == SPEC.key
    assert dialog.start.isEnabled()
    dialog.start.click()
    person.wait(lambda: person.runs.live is not None, "the run lives")
    person.wait(lambda: person.runs.live is None, "the run ends", 280.0)
    person.wait(lambda: person.review.lines, "the result is in the queue")
    assert person.review.result is not None
    before = person.mask("b").copy()
    person.press("Ctrl+Shift+J")
    person.wait(lambda: person.review.line is not None and person.review.line.item_id == "b", "it is chosen")
    person.press("Ctrl+Alt+J")
    person.wait_opened("b")
    for role in person.review.steps:
        person.review.choose_step(role)
        person.wait(lambda: person.proposals.found is not None, f"{role} is compared")
    person.wait(lambda: person.threshold.summary is not None, "there is a probability")
    person.press("Alt+Up")
    person.wait(lambda: person.threshold.summary.volume_ml is not None, "it is counted")
    person.press("Ctrl+Alt+K")
    person.wait(lambda: not person.proposals.edits.is_busy, "the threshold is applied")
    person.wait(lambda: person.proposals.found is not None, "it is compared")
    for _ in range(2):
        QApplication.processEvents()
        person.press("Ctrl+Alt+Y")
        person.wait(lambda: not person.proposals.edits.is_busy, "no edit is on its way")
    person.wait(lambda: person.verdict("b") == "accepted", "it is accepted")
    assert (person.mask("b") != before).any()
    person.press("Ctrl+Z")
    person.wait(lambda: (person.mask("b") == before).all(), "undo")
    person.press("Ctrl+Shift+Z")
    person.wait(lambda: person.verdict("b") == "accepted", "redo")
    window.close()
    again = Reviewer(open_window(speckled))
    again.wait(lambda: again.review.lines, "the queue is filled again")
    assert again.verdict("b") == "accepted"


def _train(person: Reviewer) -> None:
    from workstation.controllers.runs.run_schedule import schedule_of
    from workstation.runs.launch import prepare_run

    run = prepare_run(person.project, SPEC, action=Action.TRAIN, preset="tiny", overrides={"label_class": 1})
    schedule_of(person.window.workbench).start(run)
    live = person.window.workbench.live_runs
    person.wait(lambda: live.get(run.id) is not None and live.get(run.id).is_over, "the training ends", 280.0)
    assert live.get(run.id).model.state is RunState.FINISHED, live.get(run.id).model.failure


def _temporary(person: Reviewer) -> dict[str, Any]:
    return person.screen.controller.layers._temporary
