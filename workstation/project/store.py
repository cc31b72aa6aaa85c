"""The project database: opening, creating, migrating, and its two kinds of transaction.

A write transaction takes the write lock at its beginning (``BEGIN IMMEDIATE``). When it returns, the system
has it, so that no kill of the program loses it; the disk has it soon after, see `write_ahead_log`. Readers
never wait for it where the file system allows WAL; elsewhere it waits for the disk.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, select, text, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from engines.contract.errors import ProjectError
from workstation.project import schema
from workstation.project.schema import Base, SchemaRow
from workstation.project.write_ahead_log import LogFlusher

logger = logging.getLogger(__name__)

DATABASE_NAME = "project.db"
BUSY_TIMEOUT_S = 10
JOURNAL_MODE = "WAL"

Migration = Callable[[Connection], None]


def _add_scores_image_facts_and_label_maps(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE keypoint_pairs ADD COLUMN score FLOAT"))
    connection.execute(text("ALTER TABLE files ADD COLUMN spacing_mm FLOAT"))
    connection.execute(text("ALTER TABLE files ADD COLUMN perceptual_hash VARCHAR"))
    schema.LabelMapRow.__table__.create(connection)  # type: ignore[attr-defined]


def _add_grids_and_classes(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE files ADD COLUMN grid JSON"))
    connection.execute(text("ALTER TABLE files ADD COLUMN intensity_range JSON"))
    # The step before this one makes the newest table, where a project comes from version 1.
    if "classes" not in {column["name"] for column in inspect(connection).get_columns("label_maps")}:
        connection.execute(text("ALTER TABLE label_maps ADD COLUMN classes JSON NOT NULL DEFAULT '[]'"))


MIGRATIONS: dict[int, Migration] = {1: _add_scores_image_facts_and_label_maps, 2: _add_grids_and_classes}
"""Key n changes a database of version n into version n + 1."""


def now() -> str:
    """Return the time in UTC as ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class Store:
    """Transactions on one project database; use `create` or `open`.

    Parameters
    ----------
    path : Path
        The database file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        url = URL.create("sqlite", database=str(path))
        self._reader = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})
        self._writer = self._reader.execution_options(begin="BEGIN IMMEDIATE")
        self._seen_changes = 0
        self._missed_changes = False
        self._flusher = LogFlusher(path)
        event.listen(self._reader, "connect", _configure_connection)
        event.listen(self._reader, "begin", _begin)

    @classmethod
    def create(cls, path: Path) -> Store:
        """Make a new database with all tables.

        Raises
        ------
        ProjectError
            If the place cannot be written.
        """
        store = cls(path)
        try:
            _choose_journal(store._reader)
            with store._writer.begin() as connection:
                Base.metadata.create_all(connection)
                connection.execute(
                    SchemaRow.__table__.insert().values(  # type: ignore[attr-defined]
                        id=1, version=schema.SCHEMA_VERSION, num_changes=0
                    )
                )
        except (DatabaseError, OSError) as error:
            store.close()
            raise ProjectError(
                "The project database {path} cannot be written: {reason}.",
                remedy="Choose a folder on a disk with free space that you may write to.",
                path=path,
                reason=reason_of(error),
            ) from error
        return store

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open a database, migrating an older one after copying it.

        Raises
        ------
        ProjectError
            If it is missing, damaged, of a newer version, or cannot be written.
        """
        if not path.is_file():
            raise ProjectError(
                "{folder} is not a project: it has no {name}.",
                remedy="Choose a project folder, or make one with: workstation new DIR --name NAME.",
                folder=path.parent,
                name=path.name,
            )
        store = cls(path)
        try:
            _choose_journal(store._reader)
            store._check_content()
            store._check_version()
            with store.read() as session:
                store._seen_changes = session.scalars(select(SchemaRow.num_changes)).one()
        except (DatabaseError, OSError) as error:
            store.close()
            raise _opening_error(path, error) from error
        except ProjectError:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Bring everything to the disk and close every connection."""
        self._flusher.close()
        self._reader.dispose()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session that sees one moment of the database."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a session whose changes are committed together, or not at all when the block raises."""
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session
            session.flush()
            changes = session.scalars(
                update(SchemaRow)
                .values(num_changes=SchemaRow.num_changes + 1)
                .returning(SchemaRow.num_changes)
            ).one()
        self._flusher.note_commit()
        if changes != self._seen_changes + 1:
            self._missed_changes = True
        self._seen_changes = changes

    @contextmanager
    def locked(self) -> Iterator[Session]:
        """Give a session for reading while no process can write; nothing is committed."""
        with Session(self._writer, expire_on_commit=False) as session:
            yield session

    def take_external_changes(self) -> bool:
        """Tell whether another process has written since the last call."""
        with self.read() as session:
            changes = session.scalars(select(SchemaRow.num_changes)).one()
        is_changed = self._missed_changes or changes != self._seen_changes
        self._seen_changes, self._missed_changes = changes, False
        return is_changed

    def _check_content(self) -> None:
        with self._reader.connect() as connection:
            found = connection.scalar(text("PRAGMA quick_check(1)"))
        if found != "ok":
            raise _damaged(self.path, str(found).replace("\n", " "))

    def _check_version(self) -> None:
        with self._reader.connect() as connection:
            tables = inspect(connection).get_table_names()
            found = connection.scalar(text("SELECT version FROM schema")) if "schema" in tables else None
        if found is None:
            raise ProjectError(
                "{path} is a database, but not one of a project.",
                remedy="Choose another folder.",
                path=self.path,
            )
        if found > schema.SCHEMA_VERSION:
            raise ProjectError(
                "The project {path} was written by a newer program (schema {found}; this one knows {known}).",
                remedy="Update this program, or open the project with the one that wrote it.",
                path=self.path.parent,
                found=found,
                known=schema.SCHEMA_VERSION,
            )
        if found < schema.SCHEMA_VERSION:
            self._migrate(found)

    def _migrate(self, found: int) -> None:
        copy = self.path.with_name(f"{self.path.stem}.schema_{found}.db")
        source, target = sqlite3.connect(self.path), sqlite3.connect(copy)
        try:
            source.backup(target)
        finally:
            source.close()
            target.close()
        with self._writer.begin() as connection:
            # Another process may have migrated while this one waited for the lock.
            version = int(connection.scalar(text("SELECT version FROM schema")) or found)
            while version < schema.SCHEMA_VERSION:
                MIGRATIONS[version](connection)
                version += 1
            connection.execute(text("UPDATE schema SET version = :version"), {"version": version})
        logger.info("migrated %s from schema %d to %d; a copy is %s", self.path, found, version, copy)


def reason_of(error: DatabaseError | OSError) -> str:
    """Return the cause of a database or file error in a few words."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error.orig)


def _configure_connection(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: `_begin` does, with the right kind of lock.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")
    _choose_flushing(connection)
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")


def _choose_flushing(connection: Any) -> None:
    """Leave the flushing of a write-ahead log to the thread for it; a rollback journal must flush itself."""
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    is_log = mode == "wal"
    connection.execute(f"PRAGMA synchronous={'NORMAL' if is_log else 'FULL'}")
    connection.execute(f"PRAGMA wal_autocheckpoint={0 if is_log else 1000}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _choose_journal(engine: Engine) -> None:
    """Use WAL, or a rollback journal where shared memory does not work (network file systems)."""
    # Below SQLAlchemy: the mode cannot be changed inside a transaction.
    try:
        connection = engine.raw_connection()
        try:
            cursor = connection.cursor()
            try:
                cursor.execute(f"PRAGMA journal_mode={JOURNAL_MODE}")
                cursor.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except sqlite3.OperationalError as error:
                if "locked" in str(error) or "readonly" in str(error):
                    raise
                logger.info("no WAL on this file system (%s); using a rollback journal", error)
                cursor.execute("PRAGMA journal_mode=DELETE")
            _choose_flushing(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise DatabaseError("PRAGMA journal_mode", None, error) from error


def _opening_error(path: Path, error: DatabaseError | OSError) -> ProjectError:
    reason = reason_of(error)
    if "malformed" in reason or "not a database" in reason:
        return _damaged(path, reason)
    return ProjectError(
        "The project {path} cannot be opened: {reason}.",
        remedy="Check that you may write to the folder, that its disk has free space, and that no program "
        "holds it.",
        path=path.parent,
        reason=reason,
    )


def _damaged(path: Path, reason: str) -> ProjectError:
    return ProjectError(
        "The project database {path} is damaged: {reason}.",
        remedy="Put back a copy of it (a backup, or project.schema_*.db beside it). The keypoint pairs "
        "also lie as tables in {mirrors} and can be imported into a new project.",
        path=path,
        reason=reason,
        mirrors=path.parent / "keypoints",
    )
