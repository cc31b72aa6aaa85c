"""Bringing the write-ahead log of the database to the disk, on a thread of its own.

A commit hands its bytes to the operating system, which a killed process cannot take back. Waiting until
the disk has them, too, can take a quarter of a second while a training run writes its checkpoints, and a
commit happens on the thread of the window: so the waiting is done here, within `LONGEST_DELAY_S`.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from pathlib import Path

logger = logging.getLogger(__name__)

LONGEST_DELAY_S = 0.5
LARGEST_LOG_BYTES = 4 * 1024 * 1024
"""A log that is longer is copied into the database file."""


class LogFlusher:
    """Flushes the log after commits; the thread starts with the first one.

    Parameters
    ----------
    database : Path
        In the journal mode WAL; without a log beside it there is nothing to do.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._log = database.with_name(f"{database.name}-wal")
        self._is_wanted = threading.Event()
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None

    def note_commit(self) -> None:
        """Have the log flushed soon."""
        self._is_wanted.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="log flusher", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Flush what is left and end the thread."""
        if self._thread is not None:
            self._is_over.set()
            self._is_wanted.set()
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while True:
            self._is_wanted.wait()
            # Commits of one gesture are flushed together.
            self._is_over.wait(LONGEST_DELAY_S / 2)
            self._is_wanted.clear()
            # Asked only now: `close` wakes with `_is_wanted` after it said that it is over.
            is_over = self._is_over.is_set()
            try:
                self._flush()
            except (OSError, sqlite3.Error) as error:
                # The next commit tells the person when the disk is gone; this one is in the system's hands.
                logger.error("the log of %s was not flushed: %s", self._database, error)
            if is_over:
                return

    def _flush(self) -> None:
        try:
            handle = os.open(self._log, os.O_RDWR | getattr(os, "O_BINARY", 0))
        except FileNotFoundError:
            return
        try:
            os.fsync(handle)
            length = os.fstat(handle).st_size
        finally:
            os.close(handle)
        if length > LARGEST_LOG_BYTES:
            connection = sqlite3.connect(self._database)
            try:
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            finally:
                connection.close()
