from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from workstation.project import write_ahead_log
from workstation.project.project import Project
from workstation.project.write_ahead_log import LogFlusher


def wait_for(condition, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "never happened"
        time.sleep(0.01)


def test_a_commit_does_not_wait_for_a_slow_disk_and_is_flushed_soon(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed_by: list[str] = []

    def slow_fsync(_handle: int) -> None:
        flushed_by.append(threading.current_thread().name)
        time.sleep(0.5)

    monkeypatch.setattr(os, "fsync", slow_fsync)
    monkeypatch.setattr(write_ahead_log, "LONGEST_DELAY_S", 0.02)
    began = time.perf_counter()
    with project.store.write():
        pass
    assert time.perf_counter() - began < 0.4
    wait_for(lambda: flushed_by)
    assert set(flushed_by) == {"log flusher"}


def test_closing_flushes_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project.create(tmp_path / "p", "p")
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    monkeypatch.setattr(write_ahead_log, "LONGEST_DELAY_S", 3600.0)
    with project.store.write():
        pass
    assert not flushed
    project.close()
    assert flushed


def test_a_long_log_is_copied_into_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_ahead_log, "LARGEST_LOG_BYTES", 1000)
    path = tmp_path / "数据.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("CREATE TABLE words (word TEXT)")
    connection.execute("INSERT INTO words VALUES (?)", ("x" * 50_000,))
    connection.commit()
    before = path.stat().st_size
    flusher = LogFlusher(path)
    flusher.note_commit()
    flusher.close()
    assert path.stat().st_size > before + 40_000
    connection.close()


def test_a_disk_that_refuses_is_told_to_the_log_and_the_thread_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(write_ahead_log, "LONGEST_DELAY_S", 0.02)
    path = tmp_path / "project.db"
    (tmp_path / "project.db-wal").write_bytes(b"log")

    def refuse(_handle: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    flusher = LogFlusher(path)
    flusher.note_commit()
    wait_for(lambda: "was not flushed" in caplog.text)
    caplog.clear()
    flusher.note_commit()
    wait_for(lambda: "was not flushed" in caplog.text)
    flusher.close()


def test_closing_in_the_moment_between_waiting_and_flushing_ends_the_thread(tmp_path: Path) -> None:
    flusher = LogFlusher(tmp_path / "project.db")

    class Closing(threading.Event):
        """Closed by another thread just as the wait runs out."""

        def wait(self, timeout: float | None = None) -> bool:
            self.set()
            flusher._is_wanted.set()
            return False

    flusher._is_over = Closing()
    flusher.note_commit()
    thread = flusher._thread
    assert thread is not None
    thread.join(timeout=5)
    assert not thread.is_alive()
