from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication

from engines.contract.kinds import FileKind, ItemKind
from engines.imaging.volumes.mask_editing import Paint, brush, stroke
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.voxel_changes import VoxelChanges
from workstation.controllers.volume import label_arrays
from workstation.controllers.volume.label_arrays import LabelArrays
from workstation.controllers.workbench import Workbench
from workstation.project.history import EditNotSavedError
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.label_map_commands import AddLabelMap, DeleteLabelMap, PaintVoxels
from workstation.project.project import Project

SHAPE = (12, 10, 8)
GEOMETRY = VolumeGeometry(SHAPE, np.diag([-0.7, 0.7, 2.5, 1.0]))
BALL = brush((1.0, 1.0, 1.0), 1.0, None)


@pytest.fixture
def bench(prompt_bench: Workbench, tmp_path: Path) -> Iterator[Workbench]:
    project = Project.create(tmp_path / "心脏 CT", "volumes")
    path = tmp_path / "心脏.nii"
    path.write_bytes(b"")
    new = NewFile("a", "subject", "image", FileKind.VOLUME, path, "0", 0, grid=GEOMETRY)
    with project.store.write() as session:
        insert_file(session, new, project.folder)
        set_item_kind(session, "a", ItemKind.VOLUME)
    prompt_bench.set_project(project)
    prompt_bench.set_item("a")
    yield prompt_bench
    prompt_bench.set_project(None)


@pytest.fixture
def label_map_id(bench: Workbench) -> str:
    assert bench.project is not None
    command = AddLabelMap.on_grid_of(Volume(np.zeros(SHAPE, np.uint8), GEOMETRY), "a", "冠脉")
    bench.project.history.execute(command)
    return command.label_map_id


@pytest.fixture
def arrays(bench: Workbench, label_map_id: str) -> LabelArrays:
    made = LabelArrays(bench)
    made.load(label_map_id, lambda _volume: None)
    return made


def dab(arrays: LabelArrays, label_map_id: str, at: tuple[int, int, int], label: int = 1) -> VoxelChanges:
    volume = arrays.get(label_map_id)
    assert volume is not None
    return stroke(volume.voxels, [at], BALL, Paint(label))


def shown(arrays: LabelArrays, label_map_id: str) -> np.ndarray[Any, Any]:
    volume = arrays.get(label_map_id)
    assert volume is not None
    return volume.voxels


def stored(bench: Workbench, label_map_id: str) -> np.ndarray[Any, Any]:
    assert bench.project is not None
    return bench.project.label_maps.read(label_map_id)[0].voxels


def settle() -> None:
    """Let the window hear of what changed."""
    for _ in range(3):
        QCoreApplication.processEvents()


def test_a_stroke_is_seen_while_it_is_drawn_and_stored_once(
    bench: Workbench, arrays: LabelArrays, label_map_id: str
) -> None:
    boxes: list[object] = []
    arrays.changed.connect(lambda _key, box: boxes.append(box))
    first = dab(arrays, label_map_id, (3, 3, 3))
    arrays.show(label_map_id, first)
    assert shown(arrays, label_map_id).sum() == 7
    assert stored(bench, label_map_id).sum() == 0
    assert arrays.commit(label_map_id, first, "paint {name}", is_shown=True)
    settle()
    assert np.array_equal(shown(arrays, label_map_id), stored(bench, label_map_id))
    assert boxes == [first.box]


def test_what_was_shown_is_taken_back(arrays: LabelArrays, label_map_id: str) -> None:
    for at in ((3, 3, 3), (4, 3, 3)):
        arrays.show(label_map_id, dab(arrays, label_map_id, at, at[0]))
    arrays.take_back(label_map_id)
    assert not shown(arrays, label_map_id).any()


def test_undo_and_redo_reach_the_array_and_tell_where(
    bench: Workbench, arrays: LabelArrays, label_map_id: str
) -> None:
    assert bench.project is not None
    places: list[object] = []
    arrays.followed.connect(lambda _key, box: places.append(box))
    change = dab(arrays, label_map_id, (3, 3, 3))
    assert arrays.commit(label_map_id, change, "paint {name}", is_shown=False)
    assert shown(arrays, label_map_id).any()
    bench.project.history.undo("a")
    settle()
    assert not shown(arrays, label_map_id).any()
    bench.project.history.redo("a")
    settle()
    assert np.array_equal(shown(arrays, label_map_id), stored(bench, label_map_id))
    assert places == [change.box, change.box]


def test_an_edit_of_another_process_is_seen_and_ends_a_stroke(
    bench: Workbench, arrays: LabelArrays, label_map_id: str
) -> None:
    assert bench.project is not None
    ended: list[str] = []
    arrays.interrupted.connect(ended.append)
    arrays.show(label_map_id, dab(arrays, label_map_id, (3, 3, 3)))
    elsewhere = stroke(np.zeros(SHAPE, np.uint8), [(7, 5, 4)], BALL, Paint(2))
    with Project.open(bench.project.folder) as other:
        other.history.execute(PaintVoxels(label_map_id, elsewhere.to_text()))
    arrays.follow()
    assert ended == [label_map_id]
    assert np.array_equal(shown(arrays, label_map_id), stored(bench, label_map_id))


def test_a_stroke_over_an_unseen_edit_ends_as_the_journal_says(
    bench: Workbench, arrays: LabelArrays, label_map_id: str
) -> None:
    assert bench.project is not None
    mine = dab(arrays, label_map_id, (3, 3, 3))
    arrays.show(label_map_id, mine)
    elsewhere = stroke(np.zeros(SHAPE, np.uint8), [(4, 3, 3)], BALL, Paint(2))
    with Project.open(bench.project.folder) as other:
        other.history.execute(PaintVoxels(label_map_id, elsewhere.to_text()))
    assert arrays.commit(label_map_id, mine, "paint {name}", is_shown=True)
    assert np.array_equal(shown(arrays, label_map_id), stored(bench, label_map_id))


@pytest.mark.parametrize("is_shown", [True, False])
def test_a_refused_stroke_leaves_the_array_as_it_was(
    bench: Workbench,
    arrays: LabelArrays,
    label_map_id: str,
    is_shown: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert bench.project is not None

    def refuse(_command: object) -> None:
        raise EditNotSavedError("The edit was not saved: the disk is full.")

    cards: list[object] = []
    bench.card_posted.connect(cards.append)
    change = dab(arrays, label_map_id, (3, 3, 3))
    if is_shown:
        arrays.show(label_map_id, change)
    monkeypatch.setattr(bench.project.history, "execute", refuse)
    assert not arrays.commit(label_map_id, change, "paint {name}", is_shown=is_shown)
    assert not shown(arrays, label_map_id).any()
    assert len(cards) == 1


def test_a_label_beyond_the_type_widens_the_array(
    bench: Workbench, arrays: LabelArrays, label_map_id: str
) -> None:
    boxes: list[object] = []
    arrays.changed.connect(lambda _key, box: boxes.append(box))
    assert arrays.commit(
        label_map_id, dab(arrays, label_map_id, (3, 3, 3), 300), "paint {name}", is_shown=False
    )
    assert shown(arrays, label_map_id).max() == 300
    assert boxes == [None]
    assert np.array_equal(shown(arrays, label_map_id), stored(bench, label_map_id))


def test_an_empty_edit_stores_nothing(bench: Workbench, arrays: LabelArrays, label_map_id: str) -> None:
    assert bench.project is not None
    before = len(bench.project.history.list())
    nothing = dab(arrays, label_map_id, (3, 3, 3), 0)
    assert arrays.commit(label_map_id, nothing, "paint {name}", is_shown=False)
    assert len(bench.project.history.list()) == before


def test_a_deleted_label_map_is_let_go(bench: Workbench, arrays: LabelArrays, label_map_id: str) -> None:
    assert bench.project is not None
    bench.project.history.execute(DeleteLabelMap(label_map_id))
    settle()
    assert arrays.get(label_map_id) is None


def test_the_file_is_written_when_nobody_draws(
    bench: Workbench, arrays: LabelArrays, label_map_id: str
) -> None:
    assert bench.project is not None
    arrays.commit(label_map_id, dab(arrays, label_map_id, (3, 3, 3)), "paint {name}", is_shown=False)
    assert bench.project.label_maps.path(label_map_id) is None
    bench.set_item("")
    path = bench.project.label_maps.path(label_map_id)
    assert path is not None
    assert path.is_file()


def test_a_full_disk_keeps_the_edits_and_is_told(
    bench: Workbench, arrays: LabelArrays, label_map_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bench.project is not None

    def refuse(_key: str) -> None:
        raise OSError(28, "No space left on device")

    cards: list[Any] = []
    bench.card_posted.connect(cards.append)
    monkeypatch.setattr(bench.project.label_maps, "write", refuse)
    arrays.commit(label_map_id, dab(arrays, label_map_id, (3, 3, 3)), "paint {name}", is_shown=False)
    arrays.write_files()
    assert "No space left" in str(cards[0].what)
    assert stored(bench, label_map_id).any()
    assert label_arrays.IDLE_MS >= 1000


def test_several_may_wait_for_one_reading(
    bench: Workbench, label_map_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[Any] = []
    monkeypatch.setattr(
        bench.background, "submit", lambda _channel, work, done, *_rest, **_how: jobs.append((work, done))
    )
    arrays, answers = LabelArrays(bench), []
    arrays.load(label_map_id, answers.append)
    arrays.load(label_map_id, answers.append)
    assert len(jobs) == 1
    work, done = jobs[0]
    done(work())
    assert len(answers) == 2
    assert answers[0] is answers[1]


def test_a_label_map_that_cannot_be_read_gives_nothing_and_a_card(
    bench: Workbench, arrays: LabelArrays, label_map_id: str
) -> None:
    assert bench.project is not None
    arrays.commit(label_map_id, dab(arrays, label_map_id, (3, 3, 3)), "paint {name}", is_shown=False)
    bench.project.label_maps.write(label_map_id).unlink()
    arrays.forget_all()
    cards: list[object] = []
    bench.card_posted.connect(cards.append)
    answers: list[Volume | None] = []
    arrays.load(label_map_id, answers.append)
    assert answers == [None]
    assert len(cards) == 1
