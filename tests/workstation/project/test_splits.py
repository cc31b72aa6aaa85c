from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.contract.errors import PreconditionError, SplitError
from engines.contract.kinds import FileKind, Split
from engines.contract.manifest import hash_of_split
from workstation.project.items import NewFile, insert_file
from workstation.project.project import Project
from workstation.project.splits import groups_of, write_split


def add_image(
    project: Project, item: str, subject: str, sha256: str, kind: FileKind = FileKind.IMAGE
) -> None:
    role = "image" if kind is FileKind.IMAGE else "field_of_view"
    path = project.folder.parent / f"{item}.png"
    with project.store.write() as session:
        insert_file(session, NewFile(item, subject, role, kind, path, sha256, 0), project.folder)


def give(project: Project, **splits: Split) -> None:
    with project.store.write() as session:
        for subject, split in splits.items():
            write_split(session, subject, split, origin="table")


@pytest.fixture
def ten(tmp_path: Path) -> Iterator[Project]:
    """Ten subjects with two items each."""
    with Project.create(tmp_path / "p", "ten") as project:
        for number in range(10):
            for eye in "lr":
                add_image(project, f"{number}{eye}", f"s{number}", f"{number}{eye}")
        yield project


def test_automatic_split_keeps_subjects_together(ten: Project) -> None:
    assigned = ten.splits.assign(ten.items.all(), seed=3)
    assert sorted(split.value for split in assigned.values()) == ["train"] * 8 + ["val"] * 2
    ten.splits.check_no_leak()
    assert all(item.split is assigned[item.subject] for item in ten.items.all())


def test_automatic_split_follows_the_seed_and_is_stored(ten: Project) -> None:
    first = ten.splits.assign(ten.items.all(), seed=3)
    assert ten.splits.assign(ten.items.all(), seed=4) == {}
    assert ten.splits.of_subjects() == first
    assert ten.splits.hash() == hash_of_split((name, split.value) for name, split in first.items())


def test_two_subjects_give_one_each(project: Project) -> None:
    assigned = project.splits.assign(project.items.all())
    assert sorted(assigned.values()) == [Split.TRAIN, Split.VAL]


def test_one_subject_is_refused(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p", "one") as project:
        add_image(project, "a", "s", "1")
        add_image(project, "b", "s", "2")
        with pytest.raises(PreconditionError, match="at least two subjects"):
            project.splits.assign(project.items.all())
        assert project.splits.of_subjects() == {}


@pytest.mark.parametrize("seed", range(4))
def test_subjects_that_share_an_image_stay_together(ten: Project, seed: int) -> None:
    add_image(ten, "copy", "s9", "0l")
    assert ("s0", "s9") in groups_of(ten.items.all())
    assigned = ten.splits.assign(ten.items.all(), seed=seed)
    assert assigned["s0"] is assigned["s9"]
    ten.splits.check_no_leak()


def test_chains_of_shared_images_are_one_group(ten: Project) -> None:
    add_image(ten, "c1", "s5", "1l")
    add_image(ten, "c2", "s5", "8l")
    assert {"s1", "s5", "s8"} in [set(group) for group in groups_of(ten.items.all())]


def test_equal_masks_do_not_bind(ten: Project) -> None:
    for number in (0, 1):
        add_image(ten, f"{number}l", f"s{number}", "one mask", FileKind.MASK)
    assert all(len(group) == 1 for group in groups_of(ten.items.all()))


def test_given_splits_are_respected_and_the_rest_follows(ten: Project) -> None:
    give(ten, s0=Split.VAL, s1=Split.EVALUATION, s2=Split.TEST)
    ten.splits.assign(ten.items.all())
    splits = ten.splits.of_subjects()
    assert (splits.pop("s0"), splits.pop("s1"), splits.pop("s2")) == (Split.VAL, Split.EVALUATION, Split.TEST)
    assert set(splits.values()) == {Split.TRAIN}


def test_new_subjects_go_to_train_once_both_sides_exist(ten: Project) -> None:
    ten.splits.assign(ten.items.all())
    add_image(ten, "new", "s10", "new")
    assert ten.splits.assign(ten.items.all()) == {"s10": Split.TRAIN}


def test_all_given_to_train_asks_for_validation(ten: Project) -> None:
    give(ten, **{f"s{number}": Split.TRAIN for number in range(10)})
    with pytest.raises(PreconditionError, match="'val'"):
        ten.splits.assign(ten.items.all())


@pytest.mark.parametrize("other", [Split.VAL, Split.TEST, Split.EVALUATION])
def test_one_image_in_two_splits_is_a_leak(ten: Project, other: Split) -> None:
    add_image(ten, "copy", "s9", "0l")
    give(ten, s0=Split.TRAIN, s9=other)
    with pytest.raises(SplitError, match=r"'0l' of 's0'.*'copy' of 's9'"):
        ten.splits.check_no_leak()


def test_setting_a_split_moves_the_whole_group(ten: Project) -> None:
    add_image(ten, "copy", "s9", "0l")
    ten.splits.set("s9", Split.TEST)
    assert ten.splits.of_subjects() == {"s0": Split.TEST, "s9": Split.TEST}
    with pytest.raises(SplitError, match="no subject"):
        ten.splits.set("nobody", Split.TEST)
