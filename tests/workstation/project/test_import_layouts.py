from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engines.contract.errors import InputError
from engines.contract.kinds import Split
from workstation.project.importers.folder_tree import ScanCancelled, natural_key, scan
from workstation.project.importers.layouts import LAYOUTS, recognise
from workstation.project.importers.proposal import ImportProposal, ProposedItem

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make empty files in a folder with a Chinese name and a space; layouts read no pixels."""

    def files(*names: str, **texts: str) -> Path:
        root = tmp_path / "眼底 数据"
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        for name, text in texts.items():
            (root / name.replace("__", "/").replace("DOT", ".")).write_text(text, encoding="utf-8")
        return root

    return files


def first(root: Path) -> ImportProposal:
    return recognise(scan([root]))[0]


def shown(item: ProposedItem) -> dict[str, str]:
    return {file.role: file.path.name for file in item.files}


def modalities(item: ProposedItem) -> dict[str, str | None]:
    return {file.role: file.modality for file in item.files}


def test_fire(make: Make) -> None:
    root = make(
        "Images/A01_1.jpg", "Images/A01_2.jpg", "Images/S12_1.jpg", "Images/S12_2.jpg", "Masks/mask.png",
        "Ground Truth/control_points_A01_1_2.txt", "Ground Truth/control_points_S12_1_2.txt",
    )  # fmt: skip
    (root / "Ground Truth/control_points_A01_1_2.txt").write_text("1.5 2 3 4\n5 6 7 8\n\n")
    (root / "Ground Truth/control_points_S12_1_2.txt").write_text("1 2 3\n")
    found = first(root)
    assert found.layout == "fire"
    item = found.item("A01")
    assert shown(item) == {"fixed": "A01_1.jpg", "moving": "A01_2.jpg", "field_of_view": "mask.png"}
    assert [(point.fixed_xy, point.moving_xy) for point in item.points] == [
        ((1.5, 2.0), (3.0, 4.0)),
        ((5.0, 6.0), (7.0, 8.0)),
    ]
    assert found.item("S12").points == ()
    assert [str(problem) for problem in found.problems] == [
        "control_points_S12_1_2.txt does not hold four numbers in each line."
    ]
    assert not found.unused


def test_two_text_files_beside_the_images_and_in_their_own_folder(make: Make) -> None:
    root = make("图/a_01.png", "图/a_02.png", "b_01.png", "b_02.png", "b_02.txt")
    (root / "图/a_01.txt").write_text("1 2\n3,4\n")
    (root / "图/a_02.txt").write_text("5 6\n7 8\n")
    found = first(root)
    assert found.layout == "two_text"
    a, b = found.item("a"), found.item("b")
    assert shown(a) == {"fixed": "a_01.png", "moving": "a_02.png"}
    assert [(point.fixed_xy, point.moving_xy) for point in a.points] == [((1, 2), (5, 6)), ((3, 4), (7, 8))]
    assert b.points == ()
    assert b.is_complete
    assert "has no partner" in str(found.problems[0])


def test_two_text_files_of_different_length_are_not_points(make: Make) -> None:
    root = make("a_01.png", "a_02.png")
    (root / "a_01.txt").write_text("1 2\n3 4\n")
    (root / "a_02.txt").write_text("5 6\n")
    found = first(root)
    assert found.items[0].points == ()
    assert "a_01.txt holds 2 points and a_02.txt 1" in str(found.problems[0])


@pytest.mark.parametrize("folders", [("normal", "abnormal"), ("NORMAL", "ABNORMAL")])
def test_hajeb(make: Make, folders: tuple[str, str]) -> None:
    names = [f"{folder}/{stem}.jpg" for folder in folders for stem in ("1", "1-1", "2", "2-2")]
    found = first(make(*names, f"{folders[0]}/30.jpg"))
    assert found.layout == "hajeb"
    assert [item.key for item in found.items] == [
        f"{group}-{number}" for group in ("abnormal", "normal") for number in (1, 2)
    ] + ["normal-30"]
    assert shown(found.item("normal-2")) == {"fixed": "2.jpg", "moving": "2-2.jpg"}
    assert found.item("normal-30").missing_role == "moving"
    # The names do not say which is the angiogram: the look does.
    item = found.item("normal-1")
    guesses = {item.files[0].path: "CF", item.files[1].path: "FA"}
    assert modalities(found.with_modalities(guesses).item("normal-1")) == {"fixed": "FA", "moving": "CF"}


def test_hajeb_is_known_when_one_of_its_folders_is_dropped_with_its_defects(make: Make) -> None:
    root = make(*(f"normal/{stem}.jpg" for stem in ("10", "10-10", "11", "11-11", "30", "30-30")))
    found = first(root / "normal")
    assert found.layout == "hajeb"
    exchange, wrong = found.defects
    assert exchange.exchanged is not None
    assert [path.name for path in exchange.exchanged] == ["10-10.jpg", "11-11.jpg"]
    assert wrong.keys == ("normal-30",)
    corrected = found.with_exchanged(*exchange.exchanged)
    assert shown(corrected.item("normal-10")) == {"fixed": "10.jpg", "moving": "11-11.jpg"}


def test_landmark_pairs_are_for_evaluation(make: Make) -> None:
    root = make("pair_fixed_7.png", "pair_moving_7.png")
    (root / "pairs.tsv").write_text("pair\tfixed_modality\tmoving_modality\n7\tFA\tred-free\n")
    (root / "landmarks.csv").write_text("pair,point,fix_x,fix_y,mov_x,mov_y\n7,1,1,2,3,4\n")
    found = first(root)
    (item,) = found.items
    assert (found.layout, item.split, item.item) == ("landmark_pairs", Split.EVALUATION, "pair-7")
    assert modalities(item) == {"fixed": "FA", "moving": "RF"}
    assert (item.points[0].fixed_xy, item.points[0].moving_xy) == ((1, 2), (3, 4))


@pytest.mark.parametrize(
    "names",
    [
        [f"{modality}/{eye}.png" for modality in ("CF", "OCT", "FA") for eye in ("01", "02")],
        [f"{eye}/{modality}.png" for modality in ("CF", "OCT", "FA") for eye in ("01", "02")],
        [f"{eye}_{modality}.png" for modality in ("cf", "oct", "fa") for eye in ("01", "02")],
    ],
    ids=["modality folders", "eye folders", "names"],
)
def test_triplets_are_every_two_images_of_an_eye_in_one_subject(make: Make, names: list[str]) -> None:
    found = first(make(*names))
    assert found.layout == "triplets"
    assert len(found.items) == 6
    assert {item.subject for item in found.items} == {"01", "02"}
    assert all(item.is_aligned and item.is_complete for item in found.items)
    of_one = [tuple(modalities(item).values()) for item in found.items if item.subject == "01"]
    assert sorted(of_one) == [("FA", "CF"), ("FA", "OCT"), ("OCT", "CF")]
    assert {item.item for item in found.items if item.subject == "01"} == {
        "01-FA-CF", "01-FA-OCT", "01-OCT-CF"
    }  # fmt: skip
    assert not found.unused


@pytest.mark.parametrize(
    ("names", "fixed", "moving"),
    [
        (["fixed/1.png", "moving/1.png"], "fixed/1.png", "moving/1.png"),
        (["p_query.png", "p_reference.png"], "p_reference.png", "p_query.png"),
        (["A_1.png", "A_2.png"], "A_1.png", "A_2.png"),
        (["A_02.png", "A_01.png"], "A_01.png", "A_02.png"),
        (["CF/001.jpg", "FA/001.jpg"], "FA/001.jpg", "CF/001.jpg"),
        (["012_OD_cf.png", "012_OD_octa.png"], "012_OD_octa.png", "012_OD_cf.png"),
        (["7 red-free.png", "7 CFP.png"], "7 red-free.png", "7 CFP.png"),
        (["张三 左眼 彩照.png", "张三 左眼 造影.png"], "张三 左眼 造影.png", "张三 左眼 彩照.png"),
        (["P1_v1_CF.png", "P1_v2_CF.png"], "P1_v1_CF.png", "P1_v2_CF.png"),
        (["RetinaFix_32.png", "RetinaMove_32.png"], "RetinaFix_32.png", "RetinaMove_32.png"),
        (["one.png", "another.png"], "another.png", "one.png"),
    ],
)
def test_roles_from_names_and_folders(make: Make, names: list[str], fixed: str, moving: str) -> None:
    root = make(*names)
    found = first(root)
    (item,) = found.items
    assert found.layout == "folder_pairs"
    assert {file.role: file.path.relative_to(root).as_posix() for file in item.files} == {
        "fixed": fixed,
        "moving": moving,
    }


def test_subject_laterality_visit_and_split_from_names(make: Make) -> None:
    root = make(
        "train/012_OD_20210304_CF.png", "train/012_OD_20210304_FA.png",
        "val/013_left_visit2_CF.png", "val/013_left_visit2_FA.png",
    )  # fmt: skip
    one, other = first(root).items
    assert (one.subject, one.laterality, one.visit, one.split) == ("012", "OD", "20210304", Split.TRAIN)
    assert (other.subject, other.laterality, other.visit, other.split) == ("013", "OS", "2", Split.VAL)
    assert one.item == "012-OD-v20210304"


def test_a_folder_of_one_person_is_the_subject_and_a_collection_is_not(make: Make) -> None:
    names = [f"P7/{eye}/{modality}.png" for eye in ("OD", "OS") for modality in ("CF", "FA")]
    assert {(item.subject, item.laterality) for item in first(make(*names)).items} == {
        ("P7", "OD"),
        ("P7", "OS"),
    }
    names = [f"clinic/{number}_{modality}.png" for number in range(10, 19) for modality in ("CF", "FA")]
    collection = [item for item in first(make(*names)).items if "clinic" in str(item.files[0].path)]
    assert len({item.subject for item in collection}) == 9


def test_masks_lie_on_the_image_of_their_name(make: Make) -> None:
    root = make(
        "1_fixed.png", "1_moving.png", "masks/1_fixed.png", "masks/1_moving.png",
        "2_fixed.png", "2_moving.png", "2_vessels.png",
    )  # fmt: skip
    one, two = first(root).items
    assert {file.role: file.path.relative_to(root).as_posix() for file in one.files} == {
        "fixed": "1_fixed.png",
        "moving": "1_moving.png",
        "vessel_mask": "masks/1_fixed.png",
        "moving_vessel_mask": "masks/1_moving.png",
    }
    assert shown(two)["vessel_mask"] == "2_vessels.png"


def test_an_image_without_its_partner_is_an_incomplete_item(make: Make) -> None:
    found = first(make("1_fixed.png", "1_moving.png", "2_moving.png", "holiday.png"))
    assert [(item.item, item.missing_role) for item in found.items] == [("1", ""), ("2", "fixed")]
    assert [path.name for path in found.unused] == ["holiday.png"]
    given = found.with_partner("2", found.unused[0])
    assert shown(given.item("2")) == {"fixed": "holiday.png", "moving": "2_moving.png"}
    assert not given.unused


def test_single_images_with_masks_as_in_drive(make: Make) -> None:
    root = make(
        "training/images/21_training.tif", "training/1st_manual/21_manual1.gif",
        "training/mask/21_training_mask.gif",
    )  # fmt: skip
    (item,) = first(root).items
    assert shown(item) == {
        "image": "21_training.tif",
        "vessel_mask": "21_manual1.gif",
        "field_of_view": "21_training_mask.gif",
    }
    assert (item.subject, item.item, item.split, item.is_complete) == ("21", "21", Split.TRAIN, True)


def test_nothing_is_recognised_where_there_are_no_images(make: Make) -> None:
    assert recognise(scan([make("notes.txt", "table.csv", ".hidden.png", "__MACOSX/a.png")])) == ()


def test_swapping_takes_masks_and_points_along(make: Make) -> None:
    root = make("a_01.png", "a_02.png")
    (root / "a_01.txt").write_text("1 2\n")
    (root / "a_02.txt").write_text("5 6\n")
    found = first(root).swapped(["a"])
    assert shown(found.items[0]) == {"fixed": "a_02.png", "moving": "a_01.png"}
    assert found.items[0].points[0].fixed_xy == (5, 6)


def test_several_dropped_files_and_folders_are_one_listing(make: Make) -> None:
    root = make("x/1_CF.png", "1_FA.png", "y/1_CF.png")
    tree = scan([root / "x", root / "1_FA.png", root / "1_FA.png"])
    assert [file.path.name for file in tree.files] == ["1_CF.png", "1_FA.png"]
    with pytest.raises(InputError, match="no file"):
        scan([root / "nowhere"])
    with pytest.raises(ScanCancelled):
        scan([root], lambda: True)


def test_a_project_below_a_folder_is_not_looked_through(make: Make) -> None:
    root = make("1_CF.png", "1_FA.png", "study/project.db", "study/runs/1/outputs/2_CF.png")
    assert [file.path.name for file in scan([root]).images] == ["1_CF.png", "1_FA.png"]


def test_numbers_in_names_count(make: Make) -> None:
    assert sorted(["10-b", "2-b", "2-a", "B"], key=natural_key) == ["2-a", "2-b", "10-b", "B"]


def test_item_names_are_unique_and_good_for_files(make: Make) -> None:
    names = [f"{group}/1_{modality}.png" for group in ("a", "b") for modality in ("CF", "FA", "OCT")]
    found = first(make(*names))
    ids = [item.item.casefold() for item in found.items]
    assert len(set(ids)) == len(ids) == 6


def test_titles_of_layouts_are_sentences_for_people() -> None:
    assert len({layout.key for layout in LAYOUTS}) == len(LAYOUTS)
    assert all(str(layout.title) and str(layout.summary).endswith(".") for layout in LAYOUTS)


def test_thousands_of_names_are_read_in_a_moment(make: Make) -> None:
    root = make(*(f"{modality}/{number}.png" for modality in ("CF", "FA") for number in range(1500)))
    assert first(root).num_complete == 1500


def test_reference_landmark_pairs() -> None:
    data = os.environ.get("WORKSTATION_REFERENCE_DATA")
    if not data:
        pytest.skip("WORKSTATION_REFERENCE_DATA is not set")
    found = first(Path(data) / "retina" / "landmark_pairs")
    assert (found.layout, found.num_complete) == ("landmark_pairs", 13)
    assert all(len(item.points) == 20 for item in found.items)
    assert {item.split for item in found.items} == {Split.EVALUATION}
