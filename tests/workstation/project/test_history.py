from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from engines.contract.errors import GeometryError, InputError, UnknownKeyError
from engines.contract.manifest import read_keypoint_pairs
from workstation.project.annotations import PairState
from workstation.project.commands import (
    AddPair,
    DeletePairs,
    ImportedPair,
    ImportPairs,
    MovePoint,
    PlacePoint,
    SetPairState,
)
from workstation.project.history import EditNotSavedError
from workstation.project.project import Project


def add(project: Project, item: str = "a", x: float = 1.0) -> str:
    command = AddPair(item, (x, 2.0), (x + 1, 3.0))
    project.history.execute(command)
    return command.pair_id


def test_pairs_are_numbered_and_an_edit_has_a_name(project: Project) -> None:
    pair = add(project)
    stored = project.history.execute(MovePoint(pair, "moving", (5.0, 6.0)))
    assert str(stored.title) == "move point 1 in moving"
    assert project.keypoints.pairs("a")[0].moving_xy == (5.0, 6.0)
    add(project)
    assert [pair.label for pair in project.keypoints.pairs("a")] == ["1", "2"]


def test_half_pair_is_stored_and_unused_until_complete(project: Project) -> None:
    command = AddPair("a", (1.0, 2.0))
    project.history.execute(command)
    assert not project.keypoints.pairs("a")[0].is_complete
    assert project.keypoints.counts() == {}
    project.history.execute(PlacePoint(command.pair_id, "moving", (3.0, 4.0)))
    assert project.keypoints.counts() == {"a": 1}


def test_undo_and_redo_walk_back_and_forth_after_reopening(project: Project) -> None:
    pair = add(project)
    project.history.execute(SetPairState((pair,), PairState.EXCLUDED))
    project.history.execute(DeletePairs((pair,)))
    project.close()
    with Project.open(project.folder) as again:
        assert str(again.history.undo_title()) == "delete point 1"
        again.history.undo()
        assert again.keypoints.pairs("a")[0].state is PairState.EXCLUDED
        again.history.undo()
        assert again.keypoints.pairs("a")[0].state is PairState.PLACED
        again.history.undo()
        assert again.keypoints.pairs("a") == []
        assert again.history.undo() is None
    with Project.open(project.folder) as third:
        for _ in range(3):
            assert third.history.redo() is not None
        assert third.history.redo() is None
        assert third.keypoints.pairs("a") == []


def test_two_hundred_steps_can_be_undone(project: Project) -> None:
    pair = add(project)
    for step in range(200):
        project.history.execute(MovePoint(pair, "fixed", (float(step % 90), 2.0)))
    for _ in range(200):
        assert project.history.undo() is not None
    assert project.keypoints.pairs("a")[0].fixed_xy == (1.0, 2.0)


def test_a_new_edit_ends_redo(project: Project) -> None:
    add(project)
    project.history.undo()
    assert project.history.redo_title() is not None
    add(project, x=7.0)
    assert project.history.redo_title() is None
    assert project.history.redo() is None


def test_items_have_stacks_of_their_own(project: Project) -> None:
    add(project, "a")
    add(project, "b")
    undone = project.history.undo("a")
    assert undone is not None
    assert undone.item_id == "a"
    assert project.keypoints.pairs("a") == []
    assert len(project.keypoints.pairs("b")) == 1
    add(project, "b")
    assert project.history.redo_title("a") is not None
    assert project.history.redo_title("b") is None


def test_undo_is_an_entry_of_the_journal(project: Project) -> None:
    add(project)
    project.history.undo()
    project.history.redo()
    assert [entry.action for entry in project.history.list()] == ["redo", "undo", "do"]


def test_import_is_one_step(project: Project) -> None:
    rows = tuple(ImportedPair(str(n), (float(n), 1.0), (float(n), 2.0)) for n in range(5))
    project.history.execute(ImportPairs("a", rows))
    assert [pair.source for pair in project.keypoints.pairs("a")] == ["import"] * 5
    project.history.undo()
    assert project.keypoints.pairs("a") == []


@pytest.mark.parametrize(
    ("xy", "error"), [((float("nan"), 1.0), GeometryError), ((200.0, 1.0), GeometryError)]
)
def test_impossible_points_are_refused(
    project: Project, xy: tuple[float, float], error: type[InputError]
) -> None:
    pair = add(project)
    with pytest.raises(error):
        project.history.execute(MovePoint(pair, "fixed", xy))
    assert project.keypoints.pairs("a")[0].fixed_xy == (1.0, 2.0)
    assert str(project.history.undo_title()) == "add point 1"


def test_edits_of_what_is_not_there_are_refused(project: Project) -> None:
    pair = add(project)
    project.history.execute(DeletePairs((pair,)))
    with pytest.raises(UnknownKeyError):
        project.history.execute(MovePoint(pair, "fixed", (1.0, 1.0)))
    with pytest.raises(UnknownKeyError):
        project.history.execute(AddPair("nobody", (1.0, 1.0)))
    with pytest.raises(InputError):
        project.history.execute(AddPair("a", None, None))


def test_mirror_holds_the_used_pairs(project: Project) -> None:
    pair = add(project)
    excluded = add(project, x=9.0)
    project.history.execute(SetPairState((excluded,), PairState.EXCLUDED))
    path = project.keypoints.mirror_path("a")
    ids, fixed_xy, moving_xy = read_keypoint_pairs(path)
    assert (ids, fixed_xy.tolist(), moving_xy.tolist()) == (["1"], [[1.0, 2.0]], [[2.0, 3.0]])
    project.history.execute(DeletePairs((pair,)))
    assert read_keypoint_pairs(path)[0] == []


def test_a_mirror_that_cannot_be_written_loses_nothing(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    (project.folder / "keypoints").write_text("a file where the folder should be", encoding="utf-8")
    add(project)
    assert len(project.keypoints.pairs("a")) == 1
    assert "cannot be written" in caplog.text


def test_a_mirror_left_behind_is_written_at_opening(project: Project) -> None:
    add(project)
    project.keypoints.mirror_path("a").unlink()
    project.close()
    with Project.open(project.folder) as again:
        assert read_keypoint_pairs(again.keypoints.mirror_path("a"))[0] == ["1"]


def fill_until_refused(project: Project) -> tuple[AddPair, EditNotSavedError]:
    with project.store.read() as session:
        session.execute(text("PRAGMA max_page_count = 1"))  # SQLite takes the present size: a full disk
    for number in range(500):
        command = AddPair("a", (1.0, 2.0), (3.0, 4.0), label=f"{number} {'long' * 50}")
        try:
            project.history.execute(command)
        except EditNotSavedError as error:
            return command, error
    raise AssertionError("the disk never became full")


def test_a_full_disk_keeps_the_edit_in_a_second_place(project: Project, data_folder: Path) -> None:
    command, error = fill_until_refused(project)
    saved = [pair.label for pair in project.keypoints.pairs("a")]
    assert command.label not in saved
    assert "full" in str(error)
    assert str(data_folder) in str(error.kept)
    assert error.command == command
    project.close()
    with Project.open(project.folder) as again:
        assert [pair.label for pair in again.keypoints.pairs("a")] == saved
        assert again.history.unsaved() == [command]
        with again.store.read() as session:
            session.execute(text("PRAGMA max_page_count = 1"))
        with pytest.raises(EditNotSavedError):
            again.history.save_unsaved()
        assert again.history.unsaved() == [command]
    with Project.open(project.folder) as again:
        assert again.history.save_unsaved() == (1, ())
        assert again.keypoints.pairs("a")[-1].label == command.label
        assert again.history.unsaved() == []


def test_a_kept_edit_that_no_longer_fits_is_refused_and_the_others_are_done(
    project: Project, data_folder: Path
) -> None:
    add(project)
    first = project.keypoints.pairs("a")[0]
    emergency = project.history._emergency
    for command in (MovePoint(first.id, "fixed", (5.0, 6.0)), MovePoint("gone", "fixed", (5.0, 6.0))):
        emergency.append(command.kind, command.to_payload())
    num_saved, refusals = project.history.save_unsaved()
    assert (num_saved, len(refusals)) == (1, 1)
    assert project.keypoints.get(first.id).fixed_xy == (5.0, 6.0)
    assert project.history.unsaved() == []


def test_a_full_disk_and_no_second_place_still_says_so(project: Project, data_folder: Path) -> None:
    data_folder.write_text("a file where the folder should be", encoding="utf-8")
    command, error = fill_until_refused(project)
    assert error.command == command
    assert str(error.kept) == "The project is as it was before this edit."


def test_every_change_is_announced_with_its_item(project: Project) -> None:
    seen: list[str | None] = []
    project.changed.connect(lambda change: seen.append(change.item_id))
    add(project, "b")
    project.history.undo()
    project.items.set_status("a", "done")
    project.splits.assign(project.items.all())
    project.runs.add("run", project.folder)
    assert seen == ["b", "b", "a", None, None]


def test_the_annotator_is_recorded(project: Project) -> None:
    project.annotator = "李医生"
    add(project)
    assert project.keypoints.pairs("a", "李医生")[0].annotator == "李医生"
    assert project.keypoints.pairs("a", "somebody else") == []
    assert project.history.list()[0].annotator == "李医生"
