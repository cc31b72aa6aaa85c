"""Keypoint files of other programs come into the items they mean, and nothing that is there changes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from engines.contract.errors import GeometryError, TableError, UnknownKeyError
from workstation.project.annotations import PairState
from workstation.project.commands import AddPair, ImportedPair, ImportPairs
from workstation.project.importers.keypoint_files import (
    UnclearItemError,
    import_keypoint_file,
    plan_keypoint_file,
)
from workstation.project.keypoint_formats import FORMATS, ReadOptions
from workstation.project.keypoint_formats.format import ImageFacts, ItemPairs, PointPair
from workstation.project.project import Project
from workstation.project.schema import FileRow


def places(project: Project, item_id: str = "a") -> dict[str, tuple[object, object, str]]:
    return {
        pair.label: (pair.fixed_xy, pair.moving_xy, pair.state.value)
        for pair in project.keypoints.pairs(item_id)
    }


def save(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def as_items(project: Project) -> list[ItemPairs]:
    return [
        ItemPairs(
            item.id,
            *(ImageFacts(item.files[side].path.name, (100, 80)) for side in ("fixed", "moving")),
            tuple(
                PointPair(pair.label, pair.fixed_xy, pair.moving_xy, pair.state)
                for pair in project.keypoints.pairs(item.id)
            ),
        )
        for item in project.items.all()
    ]


@pytest.mark.parametrize("known", FORMATS.values(), ids=FORMATS.keys())
def test_pairs_go_out_and_come_back_into_the_right_items(known, project: Project, tmp_path: Path) -> None:
    rng = random.Random(known.key)
    for item_id in ("a", "b"):
        made = tuple(
            ImportedPair(f"{n}", *((rng.uniform(0, 99), rng.uniform(0, 79)) for _side in range(2)))
            for n in range(1, 8)
        )
        project.history.execute(ImportPairs(item_id, made))
    before = {item_id: places(project, item_id) for item_id in ("a", "b")}
    out = tmp_path / f"out{known.suffixes[0]}" if known.files_per_item == 0 else tmp_path / "out"
    files = known.write(as_items(project), out)
    # What is there already is not added a second time.
    for path in files:
        again = import_keypoint_file(project, path, format_key=known.key)
        assert (again.num_pairs, again.refused, again.warnings) == (0, [], [])
    for item_id in ("a", "b"):
        project.history.undo(item_id)
        assert places(project, item_id) == {}
    for path in files[:: known.files_per_item or 1]:
        assert import_keypoint_file(project, path).refused == []
    for item_id, expected in before.items():
        found = places(project, item_id)
        assert found.keys() == expected.keys()
        for label, (fixed_xy, moving_xy, state) in expected.items():
            assert found[label][0] == pytest.approx(fixed_xy, abs=1e-4)
            assert found[label][1] == pytest.approx(moving_xy, abs=1e-4)
            assert found[label][2] == state
        # One step for each item takes the whole import back.
        project.history.undo(item_id)
        assert places(project, item_id) == {}
        project.history.redo(item_id)
        assert places(project, item_id) == found


def test_a_taken_name_is_changed_and_nothing_is_overwritten(project: Project, tmp_path: Path) -> None:
    project.history.execute(AddPair("a", (1.0, 2.0), (3.0, 4.0)))
    path = save(tmp_path / "control_points_a_1_2.txt", "9 9 8 8\n1.0001 2 3 4\n")
    report = import_keypoint_file(project, path)
    assert places(project) == {
        "1": ((1.0, 2.0), (3.0, 4.0), "placed"),
        "1 (2)": ((9.0, 9.0), (8.0, 8.0), "placed"),
    }
    assert "called '1 (2)'" in str(report.warnings[0])
    assert "there already" in str(report.notes[0])
    assert (report.num_pairs, report.items) == (1, ["a"])


def test_a_plan_writes_nothing(project: Project, tmp_path: Path) -> None:
    path = save(tmp_path / "control_points_a_1_2.txt", "9 9 8 8\n")
    assert [pair.label for pair in plan_keypoint_file(project, path).pairs["a"]] == ["1"]
    assert places(project) == {}


def test_items_are_found_by_the_names_of_their_images(project: Project, tmp_path: Path) -> None:
    # The images of the item are a_fixed.png and a_moving.png.
    for name in ("A_01.txt", "A_02.txt"):
        save(tmp_path / name, "5 6\n")
    assert import_keypoint_file(project, tmp_path / "A_02.txt").items == ["a"]
    path = save(tmp_path / "b_moving.csv", '"P","true","1","2","3","4"\n')
    assert import_keypoint_file(project, path).items == ["b"]


def test_an_unclear_item_lists_candidates_and_can_be_given(project: Project, tmp_path: Path) -> None:
    path = save(tmp_path / "landmarks.csv", '"P","true","1","2","3","4"\n')
    with pytest.raises(UnclearItemError, match="by its name") as caught:
        import_keypoint_file(project, path)
    assert set(caught.value.candidates) == {"a", "b"}
    assert import_keypoint_file(project, path, item_id="b").items == ["b"]
    assert places(project, "b") == {"P": ((3.0, 4.0), (1.0, 2.0), "placed")}


def test_points_outside_are_refused_with_the_reason(project: Project, tmp_path: Path) -> None:
    path = save(tmp_path / "control_points_a_1_2.txt", "1 2 3 4\n1 2 3 90\n")
    report = import_keypoint_file(project, path)
    assert len(places(project)) == 1
    (finding,) = report.refused
    assert finding.line == 2
    assert "outside the moving image of a (100 x 80 pixels)" in str(finding)
    assert "--one-based" in str(finding)


def test_coordinates_that_count_from_one(project: Project, tmp_path: Path) -> None:
    path = save(tmp_path / "control_points_a_1_2.txt", "1 2 3 4\n")
    import_keypoint_file(project, path, options=ReadOptions(is_one_based=True))
    assert places(project) == {"1": ((0.0, 1.0), (2.0, 3.0), "placed")}


def test_bigwarp_divides_by_a_known_spacing(project: Project, tmp_path: Path) -> None:
    with project.store.write() as session:
        session.get_one(FileRow, ("a", "moving")).spacing_mm = 0.5
    path = save(tmp_path / "a.csv", '"P","true","10","20","3","4"\n')
    import_keypoint_file(project, path)
    import_keypoint_file(project, path, options=ReadOptions(is_in_pixels=True))
    assert places(project) == {
        "P": ((3.0, 4.0), (20.0, 40.0), "placed"),
        "P (2)": ((3.0, 4.0), (10.0, 20.0), "placed"),
    }


COCO = (
    '{{"images": [{{"id": 1, "file_name": "{name}", "width": {width}, "height": 80}}], "categories": '
    '[{{"id": 1, "keypoints": ["k"]}}], "annotations": [{{"image_id": 1, "category_id": 1, '
    '"keypoints": [5, 6, 1]}}]}}'
)


def test_images_of_another_size_or_name_are_refused(project: Project, tmp_path: Path) -> None:
    wrong = save(tmp_path / "size.json", COCO.format(name="a_fixed.png", width=50))
    with pytest.raises(GeometryError, match=r"50 x 80 pixels, but the fixed image of a has 100 x 80"):
        import_keypoint_file(project, wrong)
    gone = save(tmp_path / "gone.json", COCO.format(name="zebra.png", width=100))
    with pytest.raises(UnclearItemError, match=r"zebra\.png") as caught:
        import_keypoint_file(project, gone)
    assert caught.value.candidates == ("a", "b")
    good = save(tmp_path / "good.json", COCO.format(name="set/A_FIXED.png", width=100))
    import_keypoint_file(project, good)
    assert places(project) == {"k": ((5.0, 6.0), None, PairState.NOT_VISIBLE.value)}


def test_what_is_no_keypoint_file_is_said(project: Project, tmp_path: Path) -> None:
    words = save(tmp_path / "words.txt", "no points\n")
    with pytest.raises(TableError, match="no known keypoint format"):
        import_keypoint_file(project, words)
    with pytest.raises(UnknownKeyError, match="bigwarp"):
        import_keypoint_file(project, words, format_key="bigwrap")
    with pytest.raises(TableError, match="no file"):
        import_keypoint_file(project, tmp_path / "gone.txt")
    with pytest.raises(UnknownKeyError, match="no item 'zebra'"):
        import_keypoint_file(project, words, item_id="zebra", format_key="fire")
