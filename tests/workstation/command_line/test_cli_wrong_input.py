"""Every kind of wrong input ends with exit code 2 and one clear line; nothing is lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from engines.contract.kinds import Split
from engines.imaging.images import write_image
from workstation.project.project import Project

HEADER = "subject,item,role,path,split\n"
POINTS = "item,point,fixed_x,fixed_y,moving_x,moving_y\n"


def content_of(project: Path) -> tuple[list[str], dict[str, int]]:
    with Project.open(project) as opened:
        return [item.id for item in opened.items.all()], opened.keypoints.counts()


def refuses(result, *words: str) -> None:
    assert result.code == 2, result
    assert result.err.count("\n") == 1, result.err
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err, result.err


def not_a_project(folder: Path) -> Path:
    folder.mkdir()
    return folder


def damaged(folder: Path) -> Path:
    folder.mkdir()
    (folder / "project.db").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)
    return folder


def of_another_program(folder: Path) -> Path:
    folder.mkdir()
    connection = sqlite3.connect(folder / "project.db")
    connection.execute("CREATE TABLE birds (name TEXT)")
    connection.close()
    return folder


def newer(folder: Path) -> Path:
    Project.create(folder, "new").close()
    connection = sqlite3.connect(folder / "project.db")
    connection.execute("UPDATE schema SET version = 999")
    connection.commit()
    connection.close()
    return folder


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda folder: folder, "not a project"),
        (not_a_project, "not a project"),
        (damaged, "damaged"),
        (of_another_program, "not one of a project"),
        (newer, "newer"),
    ],
)
@pytest.mark.parametrize("command", [["items"], ["train", "registration"], ["export", "json", "out.json"]])
def test_wrong_projects(cli, tmp_path, make, word, command):
    folder = make(tmp_path / "folder")
    name, *rest = command
    refuses(cli(name, folder, *rest), word)


@pytest.mark.parametrize("make", [not_a_project, damaged, newer])
def test_the_window_does_not_open_on_a_wrong_project(cli, tmp_path, make):
    refuses(cli(make(tmp_path / "folder")), "folder")


def test_a_mistyped_command_is_named(cli):
    refuses(cli("trian"), "Did you mean 'train'")


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["items"], "PROJECT"),
        (["items", "x", "--jsno"], "--jsno"),
        (["trian", "x", "registration"], "no command"),
        (["train", "x", "registration", "--phase", "a", "--all-phases"], "not allowed with"),
        (["evaluate", "x", "registration", "--split", "tset"], "tset"),
        (["new", "x"], "--name"),
    ],
)
def test_words_that_do_not_fit(cli, words, word):
    refuses(cli(*words), word)


def table(folder: Path, text: str, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def truncated_image(folder: Path) -> str:
    write_image(folder / "cut.png", np.full((64, 64), 7, np.uint8))
    content = (folder / "cut.png").read_bytes()
    (folder / "cut.png").write_bytes(content[: len(content) // 2])
    return HEADER + "s,i,image,cut.png,\n"


def small_image(folder: Path) -> str:
    write_image(folder / "small.png", np.zeros((31, 64), np.uint8))
    return HEADER + "s,i,image,small.png,\n"


def text_as_image(folder: Path) -> str:
    (folder / "note.png").write_text("a note", encoding="utf-8")
    return HEADER + "s,i,image,note.png,\n"


def good_image(folder: Path, row: str) -> str:
    write_image(folder / "good.png", np.full((64, 64), 9, np.uint8))
    return HEADER + row


IMPORTS = {
    "missing image": (lambda _folder: HEADER + "s,i,image,gone.png,\n", "gone.png"),
    "truncated image": (truncated_image, "cut.png"),
    "small image": (small_image, "small.png"),
    "not an image": (text_as_image, "note.png"),
    "unknown role": (lambda folder: good_image(folder, "s,i,imgae,good.png,\n"), "imgae"),
    "unknown split": (lambda folder: good_image(folder, "s,i,image,good.png,tarin\n"), "tarin"),
    "no subject": (lambda folder: good_image(folder, ",i,image,good.png,\n"), "subject"),
    "missing column": (lambda _folder: "subject,role,path\na,b,c\n", "item"),
    "empty table": (lambda _folder: "", "table.csv"),
    "no table": (lambda _folder: "just a sentence\nand another one\n", "table.csv"),
    "points of an unknown item": (lambda _folder: POINTS + "nobody,1,1,2,3,4\n", "nobody"),
    "point that is no number": (lambda _folder: POINTS + "known-1,99,a,2,3,4\n", "line 2"),
    "point outside": (lambda _folder: POINTS + "known-1,99,90000,2,3,4\n", "line 2"),
}


@pytest.mark.parametrize("name", IMPORTS)
def test_wrong_tables(cli, sample, tmp_path, name):
    make, word = IMPORTS[name]
    before = content_of(sample)
    refuses(cli("import", sample, table(tmp_path, make(tmp_path))), word)
    assert content_of(sample) == before


def test_wrong_import_options(cli, sample, tmp_path):
    refuses(cli("import", sample, tmp_path / "gone.csv"), "gone.csv")
    (tmp_path / "empty").mkdir()
    refuses(cli("import", sample, tmp_path / "empty"), "empty", "No images")
    good = table(tmp_path, good_image(tmp_path, "s,i,image,good.png,\n"))
    refuses(cli("import", sample, good, "--kind", "hologram"), "hologram", "image_pair")


def test_a_binary_file_is_no_table(cli, sample, tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(bytes(range(256)) * 8)
    refuses(cli("import", sample, path), "table.csv")


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["registratoin"], "Did you mean 'registration'"),
        (["registration", "--phase", "phase_9"], "phase_9"),
        (["registration", "--preset", "huge"], "huge"),
        (["registration", "--set", "epoch=3"], "Did you mean 'epochs'"),
        (["registration", "--set", "epochs=0"], "epochs"),
        (["registration", "--set", "epochs=many"], "epochs"),
        (["registration", "--set", "epochs"], "key=value"),
        (["registration", "--set", "image_size_px=100"], "multiple of 16"),
        (["registration", "--resume", "run_77"], "run_77"),
        (["registration", "--resume", "."], "not a run folder"),
    ],
)
def test_wrong_trainings(cli, sample, words, word):
    refuses(cli("train", sample, *words), word)
    assert not list((sample / "runs").glob("*/*")), "a refused run leaves no folder"


def test_training_says_what_is_missing_and_how_to_get_it(cli, tmp_path):
    with Project.create(tmp_path / "empty", "Empty"):
        pass
    refuses(
        cli("train", tmp_path / "empty", "registration"),
        "vessel_mask",
        "needs 2 items",
        "there are 0",
        "Import",
    )


def test_a_leaking_split_is_refused(cli, sample):
    with Project.open(sample) as project, project.store.write() as session:
        from workstation.project.items import NewFile, insert_file
        from workstation.project.splits import write_split

        shared = project.items.get("angiogram").files["image"]
        new = NewFile("twin", "person-d", "image", shared.kind, shared.path, shared.sha256, 1, "FA", 9, 9)
        insert_file(session, new, project.folder)
        write_split(session, "person-d", Split.TRAIN, origin="test")
    for command in ("train", "evaluate"):
        refuses(cli(command, sample, "registration"), "leaks", "person-d")


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["predict", "registration", "--items", "nobody"], "nobody"),
        (["predict", "registration", "--items", "visit-1"], "visit-1"),
        (["predict", "registration", "--run", "nowhere"], "nowhere"),
        (["predict", "registration", "--run", "."], "not a run folder"),
        (["evaluate", "registration", "--run", "nowhere"], "nowhere"),
        (["evaluate", "registration", "--split", "test"], "test"),
        (["evaluate", "registration", "--set", "rotation_deg=north"], "rotation_deg"),
        (["export", "xlsx", "out.xlsx"], "xlsx"),
    ],
)
def test_wrong_predictions_evaluations_and_exports(cli, sample, words, word):
    command, *rest = words
    refuses(cli(command, sample, *rest), word)


def test_an_existing_or_impossible_export_is_refused(cli, sample, tmp_path):
    out = tmp_path / "out.json"
    out.write_text("mine", encoding="utf-8")
    refuses(cli("export", sample, "json", out), "out.json")
    assert out.read_text(encoding="utf-8") == "mine"
    refuses(cli("export", sample, "json", out / "below" / "a file.json"), "a file.json")


def test_wrong_new_projects(cli, sample, tmp_path):
    refuses(cli("new", sample, "--name", "N"), "already holds a project")
    refuses(cli("new", tmp_path / "named", "--name", " "), "name")
    (tmp_path / "file").write_text("", encoding="utf-8")
    refuses(cli("new", tmp_path / "file" / "below", "--name", "N"), "below")


def test_demo_never_overwrites(cli, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious", encoding="utf-8")
    refuses(cli("demo", folder, "--no-window"), "not empty")
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_doctor_needs_a_project_or_a_run(cli, tmp_path):
    refuses(cli("doctor", tmp_path / "gone"), "gone")
    refuses(cli("doctor", tmp_path), "neither a project nor a run")
