"""Components and proposals in the real window: jump, accept, reject, restore, bridge, take over, restart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engines.contract.kinds import FileKind, ItemKind
from engines.imaging.volumes.label_classes import LabelClass
from engines.imaging.volumes.proposals import ADDED, REMOVED
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.controllers.review.components_controller import ComponentsController
from workstation.controllers.review.proposal_import import bring_in_label_map
from workstation.controllers.review.proposals_controller import ProposalsController
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.label_map_commands import AddLabelMap
from workstation.project.label_maps import LabelMapState
from workstation.project.project import Project
from workstation.project.schema import CommandRow
from workstation.views.review.component_panel import ComponentPanel
from workstation.views.review.proposal_bar import ProposalBar

SHAPE = (48, 40, 24)
GRID = VolumeGeometry(
    SHAPE, np.array([[-0.6, 0, 0, 12.0], [0, 0.6, 0, -9.0], [0, 0, 1.5, 40.0], [0, 0, 0, 1]])
)
ITEM = "病例 1"
CLASSES = (LabelClass(1, "coronary", "#E69F00"), LabelClass(2, "ventricle", "#56B4E9"))


def accepted_voxels() -> np.ndarray:
    """A broken vessel of 120 and 96 voxels, two specks, and a ventricle."""
    voxels = np.zeros(SHAPE, np.uint8, order="F")
    voxels[4:24, 10:12, 5:8] = 1
    voxels[28:44, 10:12, 5:8] = 1
    voxels[10, 30, 20] = 1
    voxels[40:42, 33, 3] = 1
    voxels[20:30, 22:30, 12:18] = 2
    return voxels


def proposed_voxels() -> np.ndarray:
    """The vessel in one piece, without specks, a branch more, and a bit of the ventricle."""
    voxels = accepted_voxels()
    voxels[10, 30, 20] = voxels[40:42, 33, 3] = 0
    voxels[24:28, 10:12, 5:8] = 1
    voxels[6:9, 16:20, 20] = 1
    voxels[voxels == 2] = 0
    return voxels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with one CT, an imported mask and a proposal."""
    with Project.create(tmp_path / "项目 with space", "p") as project:
        hu = np.where(accepted_voxels() == 1, 350, -50).astype(np.int16)
        path = write_volume(tmp_path / "ct 影像.nii.gz", Volume(hu, GRID))
        with project.store.write() as session:
            new = NewFile(ITEM, "S1", "cta", FileKind.VOLUME, path, str(path), 9, grid=GRID)
            insert_file(session, new, project.folder)
            set_item_kind(session, ITEM, ItemKind.VOLUME)
        for name, state, voxels in (
            ("mask", LabelMapState.ACCEPTED, accepted_voxels()),
            ("refined", LabelMapState.PROPOSAL, proposed_voxels()),
        ):
            volume = Volume(voxels, GRID)
            made = AddLabelMap.on_grid_of(volume, ITEM, name, state=state, source="R-041", classes=CLASSES)
            file = project.label_maps.keep(ITEM, made.label_map_id, volume)
            project.history.execute(replace(made, file=file))
        return project.folder


class Reviewer:
    """A person at the Volume screen."""

    def __init__(self, driver: object) -> None:
        self.driver = driver
        self.window = driver.window
        driver.screen("volume", "F3")
        driver.choose_item(ITEM)
        self.screen = self.window.screen("volume")
        self.panel = self.screen.centre.findChild(ComponentPanel)
        self.bar = self.screen.centre.findChild(ProposalBar)
        self.components: ComponentsController = self.screen.controller.findChild(ComponentsController)
        self.proposals: ProposalsController = self.screen.controller.findChild(ProposalsController)
        self.wait(lambda: self.proposals.found is not None, "the proposal was compared")
        self.settle()

    def wait(self, condition: Callable[[], object], what: str) -> None:
        self.driver.wait(condition, what)

    def settle(self) -> None:
        """Wait until the table tells of the voxels as they are now."""

        def is_settled() -> bool:
            components = self.components
            survey = components.survey
            return (
                survey is not None
                and not components._timer.isActive()
                and not components._is_working
                and not components._edits.is_busy
                and all(line.length_mm is not None for line in components.lines if line.number)
                and survey.pieces.numbers.astype(bool).sum() == (self.labels() == 1).sum()
            )

        self.wait(is_settled, "the components are known")

    def labels(self) -> np.ndarray:
        return self.screen.controller.active_labels

    def stored(self, name: str = "mask") -> np.ndarray:
        """Return what would be read after a restart."""
        project = self.window.workbench.project
        (found,) = [one for one in project.label_maps.of_item(ITEM) if one.name == name]
        return project.label_maps.read(found.id)[0].voxels

    def sizes(self, state: str | None = None) -> list[int]:
        lines = self.components.lines
        return [line.num_voxels for line in lines if state is None or line.state == state]

    def row(self, number: int) -> None:
        """Click a row of the table."""
        table = self.panel.table
        place = table.shown.index(number, 0)
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(place).center())

    def choose(self, *sizes: int) -> None:
        self.components.select([line.key for line in self.components.lines if line.num_voxels in sizes])

    def press(self, keys: str) -> None:
        self.driver.press(keys, self.screen.centre.view)

    def do(self, key: str) -> None:
        action = self.window.actions_.action(key)
        assert action.isEnabled(), self.window.actions_.reason(key)
        action.trigger()

    def undo(self) -> None:
        self.driver.press("Ctrl+Z", self.window)
        QTest.qWait(30)


@pytest.fixture
def reviewer(open_window: Callable[..., object], folder: Path) -> Reviewer:
    return Reviewer(open_window(folder))


def test_a_row_leads_to_its_component_and_outlines_it(reviewer: Reviewer) -> None:
    assert reviewer.sizes() == [120, 96, 2, 1]
    lines = reviewer.components.lines
    assert lines[0].volume_ml == pytest.approx(120 * 0.54 / 1000)
    assert lines[0].length_mm == pytest.approx(19 * 0.6, abs=1.3)
    assert lines[0].mean_intensity == pytest.approx(350.0)
    reviewer.row(1)
    assert tuple(round(v) for v in reviewer.screen.controller.position) == lines[1].position
    layers = reviewer.screen.controller.layers
    reviewer.wait(lambda: "components.chosen" in layers._temporary, "the component is outlined")
    outline = layers._temporary["components.chosen"].labels
    assert np.argwhere(outline).min(axis=0).tolist() == [28, 10, 5]
    assert np.count_nonzero(outline) == 96


def test_decisions_hold_after_undo_redo_and_a_restart(
    reviewer: Reviewer, open_window: Callable[..., object], folder: Path
) -> None:
    reviewer.row(0)
    reviewer.press("Y")
    assert reviewer.components.chosen[0].num_voxels == 96
    reviewer.do("components.next")
    reviewer.press("N")
    reviewer.press("N")
    reviewer.settle()
    assert reviewer.sizes("accepted") == [120]
    assert sorted(reviewer.sizes("rejected")) == [1, 2]
    assert (reviewer.stored() == 1).sum() == 216
    reviewer.undo()
    reviewer.settle()
    assert len(reviewer.sizes("rejected")) == 1
    reviewer.driver.press("Ctrl+Shift+Z", reviewer.window)
    reviewer.settle()
    again = Reviewer(open_window(folder))
    assert again.sizes("accepted") == [120]
    assert sorted(again.sizes("rejected")) == [1, 2]
    again.choose(2)
    again.press("Shift+N")
    again.settle()
    assert again.sizes() == [120, 96, 2, 1]
    assert again.sizes("rejected") == [1]
    expected = accepted_voxels()
    expected[10, 30, 20] = 0
    assert np.array_equal(again.stored(), expected)


def test_small_components_are_shown_before_they_go(reviewer: Reviewer) -> None:
    reviewer.panel.limit.setValue(0.01)
    reviewer.do("components.reject_small")
    assert reviewer.components.offers.pending is not None
    assert np.array_equal(reviewer.labels(), accepted_voxels())
    assert reviewer.panel.offer.isVisible()
    reviewer.do("components.cancel")
    reviewer.do("components.reject_small")
    reviewer.do("components.reject_small")
    reviewer.settle()
    assert reviewer.sizes("") == [120, 96]
    reviewer.undo()
    reviewer.settle()
    assert np.array_equal(reviewer.stored(), accepted_voxels())
    reviewer.do("components.accept_large")
    reviewer.settle()
    assert reviewer.sizes("accepted") == [120, 96]


def test_two_chosen_components_are_bridged(reviewer: Reviewer) -> None:
    reviewer.choose(120, 96)
    reviewer.do("components.bridge")
    reviewer.wait(lambda: reviewer.components.offers.pending, "the bridge is shown")
    assert np.array_equal(reviewer.labels(), accepted_voxels())
    reviewer.driver.press("Return", reviewer.panel.offer.apply)
    reviewer.wait(lambda: not np.array_equal(reviewer.labels(), accepted_voxels()), "the bridge is drawn")
    reviewer.settle()
    assert len(reviewer.sizes()) == 3
    assert ((reviewer.stored() == 1) | (accepted_voxels() != 1)).all()


def test_only_the_chosen_component_is_kept(reviewer: Reviewer) -> None:
    reviewer.choose(96)
    reviewer.do("components.keep_only")
    reviewer.do("components.apply")
    reviewer.settle()
    assert reviewer.sizes("") == [96]
    assert (reviewer.stored() == 2).sum() == (accepted_voxels() == 2).sum()


def test_a_proposal_adds_and_takes_nothing_away(reviewer: Reviewer) -> None:
    found = reviewer.proposals.found
    assert (found.count(ADDED), found.count(REMOVED)) == (36, 3)
    assert reviewer.bar.isVisible()
    reviewer.screen.controller.go_to((7.0, 17.0, 20.0))
    reviewer.do("proposals.accept_component")
    reviewer.wait(lambda: reviewer.proposals.num_added == 24, "the branch is accepted")
    reviewer.screen.controller.go_to((7.0, 17.0, 6.0))
    reviewer.do("proposals.accept_slice")
    reviewer.wait(lambda: reviewer.proposals.num_added == 16, "the slice is accepted")
    reviewer.do("proposals.accept")
    reviewer.wait(lambda: reviewer.proposals.num_added == 0 and reviewer.proposals.found, "all is accepted")
    before, after = accepted_voxels(), reviewer.stored()
    assert np.array_equal(after[before != 0], before[before != 0])
    assert np.array_equal(after == 1, (before == 1) | (proposed_voxels() == 1))
    project = reviewer.window.workbench.project
    with project.store.read() as session:
        row = session.get(CommandRow, project.history.list(1)[0].sequence)
        assert [name for name, _ in row.payload["sources"]] == [
            reviewer.proposals.chosen.id,
            reviewer.proposals.target.id,
        ]


def test_replacing_shows_the_lost_voxels_first(reviewer: Reviewer) -> None:
    reviewer.do("proposals.replace")
    assert reviewer.proposals.is_asked
    assert np.array_equal(reviewer.labels(), accepted_voxels())
    assert "3 accepted voxels" in reviewer.bar.note.text()
    i, j, k = (round(value) for value in reviewer.screen.controller.position)
    assert accepted_voxels()[i, j, k] == 1
    assert proposed_voxels()[i, j, k] == 0
    reviewer.do("proposals.replace")
    reviewer.wait(lambda: reviewer.proposals.found and not reviewer.proposals.num_lost, "it is replaced")
    assert np.array_equal(reviewer.stored() == 1, proposed_voxels() == 1)
    assert (reviewer.stored() == 2).sum() == (accepted_voxels() == 2).sum()
    reviewer.undo()
    reviewer.wait(lambda: np.array_equal(reviewer.labels(), accepted_voxels()), "it is undone")


def test_a_rejected_proposal_comes_back_by_undo(reviewer: Reviewer) -> None:
    reviewer.do("proposals.reject")
    reviewer.wait(lambda: not reviewer.bar.isVisible(), "the line is gone")
    assert not reviewer.proposals.proposals
    reviewer.undo()
    reviewer.wait(lambda: reviewer.bar.isVisible(), "the proposal is back")
    assert np.array_equal(reviewer.stored("refined"), proposed_voxels())


def test_a_locked_class_takes_nothing_over_and_cannot_be_rejected(reviewer: Reviewer) -> None:
    reviewer.screen.controller.classes.toggle(1, "locked")
    reviewer.wait(lambda: reviewer.proposals.found and not reviewer.proposals.num_added, "it was compared")
    actions = reviewer.window.actions_
    assert not actions.action("proposals.accept").isEnabled()
    reviewer.row(0)
    assert "locked" in actions.reason("components.reject")


def test_a_proposal_on_another_grid_is_resampled_when_asked(reviewer: Reviewer) -> None:
    project = reviewer.window.workbench.project
    fine = VolumeGeometry((96, 80, 24), GRID.world_from_voxel @ np.diag([0.5, 0.5, 1.0, 1.0]))
    voxels = np.repeat(np.repeat(proposed_voxels(), 2, axis=0), 2, axis=1)
    path = write_volume(project.folder / "fine.nii.gz", Volume(voxels, fine))
    made = bring_in_label_map(project, ITEM, path, "R-042", "fine")
    reviewer.wait(lambda: len(reviewer.proposals.proposals) == 2, "it is listed")
    reviewer.bar.proposalChosen.emit(made)
    reviewer.wait(lambda: "another grid" in reviewer.bar.note.text(), "the line says why not")
    assert not reviewer.window.actions_.action("proposals.accept").isEnabled()
    reviewer.do("proposals.resample")
    reviewer.wait(lambda: reviewer.proposals.found is not None, "the copy was compared")
    assert reviewer.proposals.chosen.name == "fine 2"
    assert reviewer.proposals.num_added > 0


def test_accepting_makes_a_label_map_where_there_is_none(reviewer: Reviewer) -> None:
    reviewer.screen.controller.edits.delete()
    reviewer.wait(
        lambda: reviewer.proposals.target is None and reviewer.proposals.found, "nothing is accepted"
    )
    reviewer.do("proposals.accept")
    reviewer.wait(lambda: reviewer.proposals.found and not reviewer.proposals.num_added, "it is accepted")
    assert reviewer.proposals.target.name == "accepted"
    assert np.array_equal(reviewer.stored("accepted"), proposed_voxels())
