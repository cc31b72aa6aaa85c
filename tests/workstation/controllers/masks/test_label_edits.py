from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import WorkstationError
from engines.imaging.volumes.mask_editing import Paint, painted
from engines.imaging.volumes.voxel_changes import Labels, VoxelChanges
from workstation.controllers.masks.label_edits import LabelEdits
from workstation.controllers.volume.label_arrays import LabelArrays
from workstation.controllers.workbench import Workbench
from workstation.project.project import Project

SHAPE = (20, 18, 9)


class Case:
    """A case with one empty label map that is in memory."""

    def __init__(self, bench: Workbench, project: Project) -> None:
        self.bench = bench
        self.project = project
        bench.set_project(project)
        bench.set_item("a")
        self.id = project.label_maps.of_item("a")[0].id
        self.arrays = LabelArrays(bench)
        self.arrays.load(self.id, lambda _volume: None)
        self.edits = LabelEdits(bench, self.arrays)
        self.cards: list[str] = []
        bench.card_posted.connect(lambda card: self.cards.append(card.what.render()))

    @property
    def stored(self) -> np.ndarray:
        return self.project.label_maps.read(self.id)[0].voxels


def plane(index: int, label: int) -> Callable[[Labels], VoxelChanges]:
    def change(labels: Labels) -> VoxelChanges:
        mask = np.zeros(SHAPE, bool)
        mask[index] = True
        return painted(labels, mask, Paint(label))

    return change


@pytest.fixture
def case(tmp_path: Path, prompt_bench: Workbench, add_case: Callable[..., None]) -> Iterator[Case]:
    project = Project.create(tmp_path / "项目", "p")
    add_case(project, "a", {"mask": ("manual", np.zeros(SHAPE, np.uint8))})
    yield Case(prompt_bench, project)
    prompt_bench.set_project(None)


def test_an_edit_is_stored_shown_and_named(case: Case) -> None:
    done: list[VoxelChanges] = []
    case.edits.add(case.id, plane(3, 2), "replace {name} by the proposal", done=done.append)
    assert done[0].added() == 18 * 9
    assert (case.stored[3] == 2).all()
    volume = case.arrays.get(case.id)
    assert volume is not None
    assert np.array_equal(volume.voxels, case.stored)
    title = case.project.history.undo_title("a")
    assert title is not None
    assert title.render() == "replace mask by the proposal"


def test_edits_follow_one_another_on_the_voxels_of_their_turn(case: Case) -> None:
    def copy(labels: Labels) -> VoxelChanges:
        mask = np.zeros(SHAPE, bool)
        mask[4] = labels[3] != 0
        return painted(labels, mask, Paint(1))

    def first(_changes: VoxelChanges) -> None:
        case.edits.add(case.id, copy, "copy in {name}")

    case.edits.add(case.id, plane(3, 2), "paint {name}", done=first)
    assert (case.stored[4] == 1).all()
    assert not case.edits.is_busy


def test_nothing_is_stored_when_nothing_changes(case: Case) -> None:
    before = len(case.project.history.list())
    case.edits.add(case.id, plane(3, 0), "erase {name}")
    assert len(case.project.history.list()) == before


def test_a_stroke_in_between_makes_the_edit_be_refused_with_a_card(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at_once(_channel: str, work: Callable, done: Callable, failed: Callable) -> None:
        try:
            result = work()
        except WorkstationError as error:
            failed(error)
        else:
            done(result)

    monkeypatch.setattr(case.bench.background, "submit", at_once)

    def late(labels: Labels) -> VoxelChanges:
        change = plane(3, 2)(labels)
        case.arrays.commit(case.id, plane(5, 1)(labels), "paint {name}", is_shown=False)
        return change

    case.edits.add(case.id, late, "accept proposal into {name}")
    assert case.cards == ["The label map 'mask' was changed by another edit in between."]
    assert not case.stored[3].any()
    assert (case.stored[5] == 1).all()
    case.edits.add(case.id, plane(3, 2), "accept proposal into {name}")
    assert (case.stored[3] == 2).all()


def test_a_deleted_label_map_is_left_alone(case: Case) -> None:
    case.arrays.forget_all()
    case.edits.add(case.id, plane(3, 2), "paint {name}")
    assert not case.edits.is_busy
    assert not case.stored.any()


def test_edits_that_are_not_stored_yet_can_be_left_out(case: Case) -> None:
    said: list[tuple[str, object]] = []
    case.edits.progressed.connect(
        lambda text, share: said.append((str(text) if text is not None else "", share))
    )

    def given_up(labels: Labels) -> VoxelChanges:
        case.edits.add(case.id, plane(5, 1), "paint {name}")
        case.edits.cancel()
        return plane(3, 2)(labels)

    case.edits.add(case.id, plane(2, 1), "paint {name}")
    case.edits.add(case.id, given_up, "paint {name}")
    assert (case.stored[2] == 1).all()
    assert not case.stored[3].any()
    assert not case.stored[5].any()
    assert not case.edits.is_busy
    assert said[0] == ("Changing the label map: edit 1 of 1", None)
    assert said[-1] == ("", None)
