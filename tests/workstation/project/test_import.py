from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import TableError
from engines.contract.kinds import ItemKind, Split
from engines.imaging.images import write_image
from workstation.project.importers import ImportReport, import_paths
from workstation.project.project import Project

HEADER = "subject,item,role,path,modality,visit,laterality,kind,split\n"
KEYPOINT_HEADER = "item,point,fixed_x,fixed_y,moving_x,moving_y\n"


def picture(path: Path, seed: int, width: int = 48, height: int = 40) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    write_image(path, pixels)
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with two fixed and moving images, a mask, and several unusable files."""
    folder = tmp_path / "图像 1"
    for number in (1, 2):
        picture(folder / f"f{number}.png", number)
        picture(folder / f"m{number}.png", 10 + number)
    write_image(folder / "mask.png", np.ones((40, 48), bool))
    write_image(folder / "small_mask.png", np.ones((40, 40), bool))
    picture(folder / "tiny.png", 5, width=31)
    whole = (folder / "f1.png").read_bytes()
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("no image", encoding="utf-8")
    (folder / "empty.png").write_bytes(b"")
    (folder / "copy.png").write_bytes(whole)
    return folder


@pytest.fixture
def empty_project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project", "p")


@pytest.fixture(autouse=True)
def _closed(empty_project: Project):
    yield
    empty_project.close()


@pytest.fixture
def load(empty_project: Project, images: Path) -> Callable[..., ImportReport]:
    def import_text(text: str, *more: Path, **options: object) -> ImportReport:
        table = images / "table.csv"
        table.write_text(text, encoding="utf-8")
        return import_paths(empty_project, [*more, table], **options)  # type: ignore[arg-type]

    return import_text


GOOD = HEADER + "s1,a,fixed,f1.png,CF,,,,\ns1,a,query,m1.png,fa,2020,right,,\n"


def test_a_pair_is_imported_with_roles_by_alias(
    load: Callable[..., ImportReport], empty_project: Project
) -> None:
    report = load(GOOD + "s1,a,vessels,mask.png,,,,,\ns2,b,image,f2.png,,,,,train\n")
    assert (report.exit_code, report.num_files, report.items) == (0, 4, ["a", "b"])
    pair, single = empty_project.items.all()
    assert (pair.kind, sorted(pair.files)) == (ItemKind.IMAGE_PAIR, ["fixed", "moving", "vessel_mask"])
    assert (pair.subject, pair.laterality, pair.visit, pair.split) == ("s1", "OD", "2020", None)
    assert (pair.files["moving"].modality, pair.files["fixed"].width) == ("FA", 48)
    assert (single.kind, single.split) == (ItemKind.IMAGE_SET, Split.TRAIN)
    assert pair.files["fixed"].path.is_file()


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("s1,b,fixed,nowhere.png", "does not exist"),
        ("s1,b,fixed,truncated.png", "truncated"),
        ("s1,b,fixed,text.png", "not a PNG"),
        ("s1,b,fixed,empty.png", "is empty"),
        ("s1,b,fixed,tiny.png", "too small"),
        ("s1,b,fixed,.", "is a folder"),
        ("s1,b,fixd,f2.png", "Did you mean 'fixed'"),
        ("s1,a,fixed,f2.png", "already"),
        ("s1,b,fixed,f2.png,,,,,training", "no split 'training'"),
        ("s1,b,fixed,f2.png,,,,pair,", "no item kind 'pair'"),
        ("s1,b,fixed,f2.png,,,up,,", "no laterality 'up'"),
        (",b,fixed,f2.png", "'subject' is empty"),
        ("s1,,fixed,f2.png", "'item' is empty"),
        ("s1,b,,f2.png", "'role' is empty"),
        ("s1,b,fixed,", "'path' is empty"),
        ("s1,b,fixed,f2.png,,,,,,more", "more cells"),
        ("s1,b/c,fixed,f2.png", "cannot be the name"),
        ("s1,NUL,fixed,f2.png", "cannot be the name"),
        ("s1,A,fixed,f2.png", "only in case"),
        ("s9,a,image,f2.png", "belongs to subject 's1'"),
        ("s1,a,vessel_mask,small_mask.png", "40 x 40"),
        ("s1,b,vessel_mask,mask.png", "no image for"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(
    load: Callable[..., ImportReport], empty_project: Project, row: str, says: str
) -> None:
    report = load(GOOD + row + "\n")
    assert (report.exit_code, report.num_files) == (0, 2)
    assert [(finding.line, says in str(finding)) for finding in report.refused] == [(4, True)], report.refused
    assert [item.id for item in empty_project.items.all()] == ["a"]


def test_only_wrong_rows_is_exit_2(load: Callable[..., ImportReport], empty_project: Project) -> None:
    assert load(HEADER + "s1,b,fixed,tiny.png,,,,,\n").exit_code == 2
    assert empty_project.items.all() == []


def test_over_100_megapixels_is_imported(
    load: Callable[..., ImportReport], images: Path, empty_project: Project
) -> None:
    from PIL import Image

    Image.new("1", (10_001, 10_001)).save(images / "huge.png")
    report = load(HEADER + "s1,a,fixed,huge.png,,,,,\n")
    assert not report.refused
    file = empty_project.items.get("a").files["fixed"]
    assert (file.width, file.height) == (10_001, 10_001)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"a,b,c\n1,2,3\n", "lacks the columns"),
        (b"subject,item,rol,path\ns,i,fixed,p\n", "lacks the columns: role. Did you mean them by: rol"),
        (b"subject,item,role,path,path\n", "twice"),
        (b"item,point,fixed_x,fixed_y,moving_x\n", "lacks the columns: moving_y"),
        (b"PK\x03\x04\0\0 a workbook", "not a text table"),
        (b"\xff\xfftext", "not a text table"),
    ],
)
def test_an_unusable_table_is_refused_whole(
    empty_project: Project, images: Path, content: bytes, says: str
) -> None:
    good, bad = images / "good.csv", images / "bad.csv"
    good.write_text(GOOD, encoding="utf-8")
    bad.write_bytes(content)
    with pytest.raises(TableError, match=says):
        import_paths(empty_project, [good, bad])
    assert empty_project.items.all() == []


def test_paths_that_are_no_tables_are_refused(empty_project: Project, images: Path) -> None:
    with pytest.raises(TableError, match="is a folder"):
        import_paths(empty_project, [images])
    with pytest.raises(TableError, match="cannot be read"):
        import_paths(empty_project, [images / "no.csv"])
    with pytest.raises(TableError, match="No table"):
        import_paths(empty_project, [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_tables_are_read_as_people_save_them(
    empty_project: Project, images: Path, encoding: str, delimiter: str
) -> None:
    picture(images / "图 1.png", 21)
    picture(images / "王 眼底.png", 22)
    rows = [
        ["Subject", " ITEM ", "Role", "path"],
        ["王", "左眼", "fixed", "图 1.png"],
        [],
        ["王", "左眼", "moving", "王 眼底.png"],
    ]
    table = images / "表.txt"
    table.write_bytes("\r\n".join(delimiter.join(row) for row in rows).encode(encoding))
    report = import_paths(empty_project, [table])
    assert report.num_files == 2, report.refused
    assert [(item.id, item.subject) for item in empty_project.items.all()] == [("左眼", "王")]


def test_few_chinese_letters_that_are_valid_utf_8_too_are_read_by_their_files(
    empty_project: Project, images: Path
) -> None:
    picture(images / "图.png", 21)
    content = "subject,item,role,path\ns,a,fixed,图.png\n".encode("gbk")
    assert content.decode("utf-8") != content.decode("gbk")
    (images / "t.csv").write_bytes(content)
    assert import_paths(empty_project, [images / "t.csv"]).num_files == 1


def test_unknown_columns_are_a_warning(load: Callable[..., ImportReport]) -> None:
    report = load("subject,item,role,path,comment\ns,a,fixed,f1.png,hello\n")
    assert report.num_files == 1
    assert "'comment'" in str(report.warnings[0])


def test_masks_may_come_in_a_table_before_their_images(
    load: Callable[..., ImportReport], images: Path
) -> None:
    masks = images / "masks.csv"
    masks.write_text("subject,item,role,path\ns1,a,Vessel Mask,mask.png\n", encoding="utf-8")
    report = load(GOOD, masks)
    assert (report.num_files, report.refused) == (3, [])


def test_importing_again_changes_nothing(load: Callable[..., ImportReport], empty_project: Project) -> None:
    load(GOOD)
    again = load(GOOD)
    assert (again.exit_code, again.num_files, len(again.notes), again.refused) == (0, 0, 2, [])
    assert len(empty_project.items.all()) == 1


def test_a_second_image_completes_an_item_to_a_pair(
    load: Callable[..., ImportReport], empty_project: Project
) -> None:
    load(HEADER + "s1,a,fixed,f1.png,,,,,\n")
    assert empty_project.items.get("a").kind is ItemKind.IMAGE_SET
    load(HEADER + "s1,a,moving,m1.png,,,,,\n")
    assert empty_project.items.get("a").kind is ItemKind.IMAGE_PAIR


def test_the_kind_can_be_given(load: Callable[..., ImportReport], empty_project: Project) -> None:
    load(HEADER + "s1,a,fixed,f1.png,,,,image_pair,\n")
    load(HEADER + "s1,b,fixed,f2.png,,,,,\n", kind=ItemKind.VOLUME)
    assert [item.kind for item in empty_project.items.all()] == [ItemKind.IMAGE_PAIR, ItemKind.VOLUME]


def test_one_subject_in_two_splits_is_refused(load: Callable[..., ImportReport]) -> None:
    report = load(HEADER + "s1,a,fixed,f1.png,,,,,train\ns1,b,fixed,f2.png,,,,,val\n")
    assert "Subject 's1' is in 'train'" in str(report.refused[0])


def test_the_same_image_under_two_subjects_gets_one_split(
    load: Callable[..., ImportReport], empty_project: Project
) -> None:
    report = load(HEADER + "s1,a,fixed,f1.png,,,,,\ns2,b,fixed,copy.png,,,,,\ns1,c,fixed,f2.png,,,,,val\n")
    assert len(report.warnings) == 1
    assert "subject 's1'" in str(report.warnings[0])
    assert empty_project.splits.of_subjects() == {"s1": Split.VAL, "s2": Split.VAL}


def test_the_same_image_in_two_splits_is_refused(load: Callable[..., ImportReport]) -> None:
    report = load(HEADER + "s1,a,fixed,f1.png,,,,,train\ns2,b,fixed,copy.png,,,,,test\n")
    assert "would leak" in str(report.refused[0])


def test_one_file_in_two_items_of_a_subject_is_normal(load: Callable[..., ImportReport]) -> None:
    report = load(HEADER + "s1,a,fixed,f1.png,,,,,\ns1,b,image,f1.png,,,,,\n")
    assert (report.num_files, report.findings) == (2, [])


def test_equal_masks_do_not_bind_subjects(load: Callable[..., ImportReport], empty_project: Project) -> None:
    first = "s1,a,fixed,f1.png,,,,,train\ns1,a,fov,mask.png,,,,,\n"
    report = load(HEADER + first + "s2,b,fixed,f2.png,,,,,val\ns2,b,fov,mask.png,,,,,\n")
    assert (report.num_files, report.findings) == (4, [])
    empty_project.splits.check_no_leak()


def keypoints(images: Path, rows: str) -> Path:
    path = images / "keypoints.csv"
    path.write_text(KEYPOINT_HEADER + rows, encoding="utf-8")
    return path


def test_keypoints_may_come_before_their_items(
    load: Callable[..., ImportReport], empty_project: Project, images: Path
) -> None:
    report = load(GOOD, keypoints(images, "a,p1,1,2.5,3,4\na,p2,47,39,0,0\n"))
    assert (report.num_files, report.num_pairs, report.exit_code) == (2, 2, 0)
    pairs = empty_project.keypoints.pairs("a")
    assert [(pair.label, pair.fixed_xy, pair.moving_xy) for pair in pairs] == [
        ("p1", (1.0, 2.5), (3.0, 4.0)),
        ("p2", (47.0, 39.0), (0.0, 0.0)),
    ]
    assert str(empty_project.history.undo_title("a")) == "import 2 points"
    assert empty_project.keypoints.mirror_path("a").is_file()
    empty_project.history.undo()
    assert empty_project.keypoints.pairs("a") == []


def test_one_based_shifts_keypoints_by_one(
    load: Callable[..., ImportReport], empty_project: Project, images: Path
) -> None:
    load(GOOD, keypoints(images, "a,1,1,2,3,4\n"), one_based=True)
    pair = empty_project.keypoints.pairs("a")[0]
    assert (pair.fixed_xy, pair.moving_xy) == ((0.0, 1.0), (2.0, 3.0))


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("b,2,1,2,3,4", "no item 'b'"),
        ("a,2,1,2,60,4", "outside the moving image"),
        ("a,2,-3,2,6,4", "--one-based"),
        ("a,2,x,2,3,4", "not a number"),
        ("a,2,nan,2,3,4", "not a number"),
        ("a,2,1,2,3,", "'moving_y' is empty"),
        ("a,2,1,2,3,4,5", "more cells"),
        ("a,1,9,9,9,9", "already, at another place"),
        ("single,1,1,1,1,1", "no moving image"),
    ],
)
def test_a_wrong_keypoint_is_refused(
    load: Callable[..., ImportReport], empty_project: Project, images: Path, row: str, says: str
) -> None:
    table = GOOD + "s1,single,fixed,f2.png,,,,,\n"
    report = load(table, keypoints(images, f"a,1,1,2,3,4\n{row}\n"))
    assert [(finding.line, says in str(finding)) for finding in report.refused] == [(3, True)], report.refused
    assert report.num_pairs == 1
    assert len(empty_project.keypoints.pairs("a")) == 1


def test_importing_keypoints_again_changes_nothing(
    load: Callable[..., ImportReport], empty_project: Project, images: Path
) -> None:
    table = keypoints(images, "a,1,1,2,3,4\n")
    load(GOOD, table)
    again = import_paths(empty_project, [table])
    assert (again.exit_code, again.num_pairs, len(again.notes)) == (0, 0, 1)
    assert len(empty_project.keypoints.pairs("a")) == 1


@pytest.mark.parametrize("stop_at", [0, 1, 2, 3])
def test_a_cancelled_import_leaves_nothing(
    load: Callable[..., ImportReport], empty_project: Project, images: Path, stop_at: int
) -> None:
    asked = iter(range(100))
    table = keypoints(images, "a,1,1,2,3,4\na,2,1,2,3,5\n")
    report = load(GOOD, table, should_stop=lambda: next(asked) >= stop_at)
    assert (report.is_cancelled, report.num_imported, report.exit_code) == (True, 0, 1)
    assert empty_project.items.all() == []
    assert empty_project.history.list() == []


def test_progress_ends_complete(load: Callable[..., ImportReport]) -> None:
    seen: list[tuple[int, int]] = []
    load(GOOD, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 2), (1, 2), (2, 2)]


def test_a_read_only_image_folder_works_and_stays_untouched(
    load: Callable[..., ImportReport], empty_project: Project, images: Path, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    folder = images.name
    table.write_text(HEADER + f"s1,a,fixed,{folder}/f1.png,,,,,\ns1,a,moving,{folder}/m1.png,,,,,\n", "utf-8")
    before = {path: path.stat().st_mtime_ns for path in images.iterdir()}
    # An administrator may write all the same, which is why the content is compared too.
    images.chmod(0o555)
    try:
        report = import_paths(empty_project, [table])
    finally:
        images.chmod(0o755)
    assert report.num_files == 2
    assert {path: path.stat().st_mtime_ns for path in images.iterdir()} == before


def test_a_moved_image_is_named_and_found_again(
    load: Callable[..., ImportReport], empty_project: Project, images: Path
) -> None:
    load(GOOD)
    moved = (images / "f1.png").rename(images / "elsewhere.png")
    assert [(file.item_id, file.role) for file in empty_project.missing_files()] == [("a", "fixed")]
    with pytest.raises(Exception, match="no longer there"):
        empty_project.items.get("a").files["fixed"].require()
    with pytest.raises(Exception, match="content differs"):
        empty_project.items.relink("a", "fixed", images / "m1.png")
    empty_project.items.relink("a", "fixed", moved)
    assert empty_project.missing_files() == []


def test_the_spacing_of_a_file_is_kept(load: Callable[..., ImportReport], empty_project: Project) -> None:
    head = "subject,item,role,path,spacing_mm\n"
    assert load(head + "p,a,fixed,f1.png,0.0147\np,a,moving,m1.png,\n").exit_code == 0
    files = empty_project.items.get("a").files
    assert (files["fixed"].spacing_mm, files["moving"].spacing_mm) == (0.0147, None)


@pytest.mark.parametrize("spacing", ["wide", "-1", "0", "nan"])
def test_a_spacing_that_is_no_length_is_refused(load: Callable[..., ImportReport], spacing: str) -> None:
    report = load(f"subject,item,role,path,spacing_mm\np,a,fixed,f1.png,{spacing}\n")
    assert "no length" in str(report.refused[0])
