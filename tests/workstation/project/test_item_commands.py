from __future__ import annotations

import pytest

from engines.contract.errors import InputError, SplitError, UnknownKeyError
from engines.contract.kinds import FileKind, Split
from workstation.project.commands import AddPair, DeletePairs, MovePoint
from workstation.project.item_commands import EditItem, MergeSubjects, SwapRoles
from workstation.project.items import NewFile, insert_file
from workstation.project.project import Project


def subjects(project: Project) -> dict[str, str]:
    return {item.id: item.subject for item in project.items.all()}


def corrected(**changes: object) -> EditItem:
    values = {"subject": "subject 1", "visit": None, "laterality": None, "modalities": {}} | changes
    return EditItem("a", **values)  # type: ignore[arg-type]


def test_facts_of_an_item_are_corrected_in_one_step_and_put_back(project: Project) -> None:
    project.history.execute(
        corrected(visit="2020", laterality="OS", modalities={"fixed": "FA", "moving": None})
    )
    item = project.items.get("a")
    assert (item.visit, item.laterality) == ("2020", "OS")
    assert (item.files["fixed"].modality, item.files["moving"].modality) == ("FA", None)
    project.history.undo("a")
    item = project.items.get("a")
    assert (item.visit, item.laterality, item.files["moving"].modality) == (None, None, "CF")
    project.history.redo("a")
    assert project.items.get("a").visit == "2020"


def test_a_new_subject_takes_the_split_over(project: Project) -> None:
    project.splits.set("subject 1", Split.VAL)
    project.history.execute(corrected(subject="王 3"))
    assert project.items.get("a").split is Split.VAL
    project.history.undo("a")
    assert project.splits.of_subjects() == {"subject 1": Split.VAL}
    assert subjects(project)["a"] == "subject 1"


def test_a_wrong_correction_changes_nothing(project: Project) -> None:
    with pytest.raises(InputError, match="OD, OS or OU"):
        project.history.execute(corrected(laterality="up"))
    with pytest.raises(InputError, match="needs a subject"):
        project.history.execute(corrected(subject=" "))
    with pytest.raises(UnknownKeyError):
        project.history.execute(corrected(subject="new", modalities={"image": "CF"}))
    assert subjects(project) == {"a": "subject 1", "b": "subject 2"}
    assert project.history.undo_title() is None


def test_subjects_become_one_and_two_again(project: Project) -> None:
    project.splits.set("subject 2", Split.TRAIN)
    project.history.execute(MergeSubjects(("subject 1", "subject 2"), "subject 1"))
    assert subjects(project) == {"a": "subject 1", "b": "subject 1"}
    assert project.splits.of_subjects() == {"subject 1": Split.TRAIN}
    project.history.undo()
    assert subjects(project) == {"a": "subject 1", "b": "subject 2"}
    assert project.splits.of_subjects() == {"subject 2": Split.TRAIN}
    project.history.redo()
    assert project.items.get("b").split is Split.TRAIN


def test_subjects_in_different_splits_need_an_answer(project: Project) -> None:
    project.splits.set("subject 1", Split.TRAIN)
    project.splits.set("subject 2", Split.VAL)
    with pytest.raises(SplitError, match="subject 1 in 'train', subject 2 in 'val'"):
        project.history.execute(MergeSubjects(("subject 2",), "subject 1"))
    project.history.execute(MergeSubjects(("subject 2",), "subject 1", Split.VAL))
    assert project.splits.of_subjects() == {"subject 1": Split.VAL}
    project.splits.check_no_leak()
    project.history.undo()
    assert project.splits.of_subjects() == {"subject 1": Split.TRAIN, "subject 2": Split.VAL}


def test_merging_needs_two_subjects_that_exist(project: Project) -> None:
    with pytest.raises(InputError, match="two subjects"):
        project.history.execute(MergeSubjects(("subject 1",), "subject 1"))
    with pytest.raises(UnknownKeyError, match="nobody"):
        project.history.execute(MergeSubjects(("nobody",), "subject 1"))


def test_visits_keep_their_names_in_the_other_subject(project: Project) -> None:
    project.history.execute(corrected(visit="2020"))
    project.history.execute(MergeSubjects(("subject 1",), "subject 2"))
    assert (project.items.get("a").subject, project.items.get("a").visit) == ("subject 2", "2020")


def test_roles_are_exchanged_with_masks_and_points(project: Project) -> None:
    mask = project.folder / "mask.png"
    with project.store.write() as session:
        new = NewFile("a", "subject 1", "vessel_mask", FileKind.MASK, mask, "m", 1)
        insert_file(session, new, project.folder)
    added = AddPair("a", (10, 20), (30, 40))
    project.history.execute(added)
    half = AddPair("a", (1, 2))
    project.history.execute(half)
    before = project.items.get("a")
    project.history.execute(SwapRoles("a"))
    after = project.items.get("a")
    assert after.files["fixed"].sha256 == before.files["moving"].sha256
    assert sorted(after.files) == ["fixed", "moving", "moving_vessel_mask"]
    first, second = project.keypoints.pairs("a")
    assert (first.fixed_xy, first.moving_xy) == ((30, 40), (10, 20))
    assert (second.fixed_xy, second.moving_xy) == (None, (1, 2))
    assert str(project.history.undo_title("a")) == "exchange fixed and moving of a"


def test_edits_before_and_after_an_exchange_are_undone_in_order(project: Project) -> None:
    added = AddPair("a", (10, 20), (30, 40))
    project.history.execute(added)
    project.history.execute(DeletePairs((added.pair_id,)))
    project.history.execute(SwapRoles("a"))
    project.history.undo("a")
    project.history.undo("a")
    assert project.keypoints.pairs("a")[0].fixed_xy == (10, 20)
    project.history.execute(SwapRoles("a"))
    project.history.execute(MovePoint(added.pair_id, "fixed", (31, 41)))
    project.history.undo("a")
    project.history.undo("a")
    (pair,) = project.keypoints.pairs("a")
    assert (pair.fixed_xy, pair.moving_xy) == ((10, 20), (30, 40))


def test_an_exchange_survives_a_restart_and_a_moved_image(project: Project) -> None:
    project.history.execute(SwapRoles("a"))
    sha256 = project.items.get("a").files["fixed"].sha256
    moved = project.folder / "elsewhere.png"
    project.items.relink_all({("a", "fixed"): moved})
    with Project.open(project.folder) as again:
        again.history.undo("a")
        file = again.items.get("a").files["moving"]
        assert (file.sha256, file.path) == (sha256, moved)


def test_a_single_image_has_nothing_to_exchange(project: Project) -> None:
    with project.store.write() as session:
        path = project.folder / "c.png"
        insert_file(session, NewFile("c", "subject 1", "image", FileKind.IMAGE, path, "c", 1), project.folder)
    with pytest.raises(InputError, match="has no fixed image"):
        project.history.execute(SwapRoles("c"))
