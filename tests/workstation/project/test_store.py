from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from engines.contract.errors import ProjectError
from workstation.project import schema, store
from workstation.project.commands import AddPair
from workstation.project.project import Project


def set_version(folder: Path, version: int) -> None:
    connection = sqlite3.connect(folder / "project.db")
    connection.execute("UPDATE schema SET version = ?", (version,))
    connection.commit()
    connection.close()


def test_a_project_is_created_once(tmp_path: Path) -> None:
    folder = tmp_path / "路径 with space"
    Project.create(folder, " 名字 ").close()
    with Project.open(folder) as project:
        assert (project.name, project.folder, project.items.all()) == ("名字", folder, [])
    with pytest.raises(ProjectError, match="already holds a project"):
        Project.create(folder, "again")


def test_a_place_that_cannot_hold_a_project_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ProjectError, match="is not empty"):
        Project.create(tmp_path, "p")
    with pytest.raises(ProjectError, match="cannot be made"):
        Project.create(tmp_path / "file" / "p", "p")
    with pytest.raises(ProjectError, match="needs a name"):
        Project.create(tmp_path / "p", " ")


def test_a_folder_without_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="workstation new"):
        Project.open(tmp_path)
    with pytest.raises(ProjectError, match="is not a project"):
        Project.open(tmp_path / "nowhere")


def test_a_newer_schema_is_refused_with_advice(project: Project) -> None:
    project.close()
    set_version(project.folder, schema.SCHEMA_VERSION + 1)
    with pytest.raises(ProjectError, match="Update this program"):
        Project.open(project.folder)


def test_an_older_schema_is_migrated_after_a_copy(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def add_column(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE items ADD COLUMN remark TEXT"))

    old = schema.SCHEMA_VERSION
    project.close()
    monkeypatch.setattr(schema, "SCHEMA_VERSION", old + 1)
    monkeypatch.setitem(store.MIGRATIONS, old, add_column)
    with Project.open(project.folder) as migrated:
        assert len(migrated.items.all()) == 2
        with migrated.store.read() as session:
            assert session.scalar(text("SELECT version FROM schema")) == old + 1
            assert session.scalars(text("SELECT remark FROM items")).all() == [None, None]
    copy = sqlite3.connect(project.folder / f"project.schema_{old}.db")
    assert copy.execute("SELECT version FROM schema").fetchone() == (old,)
    copy.close()


def test_a_failed_migration_changes_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_late(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE items ADD COLUMN remark TEXT"))
        connection.execute(text("SELECT nonsense"))

    old = schema.SCHEMA_VERSION
    project.close()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "SCHEMA_VERSION", old + 1)
        patch.setitem(store.MIGRATIONS, old, fail_late)
        with pytest.raises(ProjectError):
            Project.open(project.folder)
    with Project.open(project.folder) as again, again.store.read() as session:
        assert "remark" not in session.execute(text("SELECT * FROM items")).keys()  # noqa: SIM118


@pytest.mark.parametrize("damage", ["garbage", "cut", "page", "foreign"])
def test_a_damaged_database_is_refused_with_advice(project: Project, damage: str) -> None:
    for number in range(50):
        project.history.execute(AddPair("a", (float(number), 1.0), (1.0, 1.0)))
    project.close()
    database = project.folder / "project.db"
    content = database.read_bytes()
    if damage == "garbage":
        database.write_bytes(b"this is no database" * 1000)
    elif damage == "cut":
        database.write_bytes(content[: len(content) // 2])
    elif damage == "page":
        database.write_bytes(content[:4096] + b"\xff" * 4096 + content[8192:])
    else:
        database.unlink()
        connection = sqlite3.connect(database)
        connection.execute("CREATE TABLE other (x)")
        connection.commit()
        connection.close()
    with pytest.raises(ProjectError) as caught:
        Project.open(project.folder)
    assert ("not one of a project" if damage == "foreign" else "is damaged") in str(caught.value)
    assert str(caught.value.remedy)


def test_without_wal_a_rollback_journal_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "JOURNAL_MODE", "DELETE")
    with Project.create(tmp_path / "p", "p") as project, project.store.read() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "delete"
        assert session.scalar(text("PRAGMA synchronous")) == 2  # nobody else flushes such a journal
        project.set_setting("key", [1])
        assert project.setting("key") == [1]


def test_edits_are_left_to_the_thread_that_flushes(project: Project) -> None:
    with project.store.read() as session:
        assert session.scalar(text("PRAGMA synchronous")) == 1
        assert session.scalar(text("PRAGMA foreign_keys")) == 1
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"


OTHER_PROCESS = """
import sys
from pathlib import Path
from workstation.project.commands import AddPair
from workstation.project.project import Project
with Project.open(Path(sys.argv[1])) as project:
    print(len(project.keypoints.pairs("a")))
    project.history.execute(AddPair("b", (1.0, 1.0)))
"""


def test_another_process_reads_and_writes_while_this_one_has_it_open(project: Project) -> None:
    project.history.execute(AddPair("a", (1.0, 1.0)))
    assert not project.notice_external_changes()
    with project.store.read() as session:
        session.execute(text("SELECT * FROM items")).all()
        other = subprocess.run(
            [sys.executable, "-c", OTHER_PROCESS, str(project.folder)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    assert other.stdout.strip() == "1"
    assert project.notice_external_changes()
    assert not project.notice_external_changes()
    assert len(project.keypoints.pairs("b")) == 1
    assert project.history.undo_title("b") is not None


UNDO_ONLY = """
import sys
from pathlib import Path
from workstation.project.project import Project
with Project.open(Path(sys.argv[1])) as project:
    print(project.history.undo().title)
"""


def test_undo_needs_nothing_but_the_project(project: Project) -> None:
    project.history.execute(AddPair("a", (1.0, 1.0)))
    other = subprocess.run(
        [sys.executable, "-c", UNDO_ONLY, str(project.folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert other.stdout.strip() == "add point 1"
    assert project.keypoints.pairs("a") == []


def test_a_reader_is_not_held_up_by_a_writer(project: Project) -> None:
    with project.store.write() as session:
        session.execute(text("UPDATE items SET status = 'x'"))
        assert {item.status for item in project.items.all()} == {"new"}
    assert {item.status for item in project.items.all()} == {"x"}


def test_a_project_of_the_first_schema_opens_and_its_edits_can_be_undone(project: Project) -> None:
    stored = project.history.execute(AddPair("a", (3.0, 4.0), (5.0, 6.0)))
    project.close()
    with sqlite3.connect(project.folder / "project.db") as database:
        database.execute("DROP TABLE label_maps")
        for table, column in (
            ("keypoint_pairs", "score"),
            ("files", "spacing_mm"),
            ("files", "perceptual_hash"),
            ("files", "grid"),
            ("files", "intensity_range"),
        ):
            database.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        # The journal of the first program knew no score.
        for side in ("before", "after"):
            database.execute(
                "UPDATE commands SET effect = json_remove(effect, ?) WHERE sequence = ?",
                (f"$.pairs[0].{side}.score", stored.sequence),
            )
        database.execute("UPDATE schema SET version = 1")
    database.close()

    with Project.open(project.folder) as migrated:
        assert migrated.keypoints.pairs("a")[0].score is None
        migrated.history.undo("a")
        assert migrated.keypoints.pairs("a") == []
