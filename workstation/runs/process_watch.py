"""Whether the engine of a run lives, and the ladder that ends it."""

from __future__ import annotations

import logging
import socket
import subprocess
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import psutil

from engines.contract.run_folder import ProcessRecord, RunFolder

_logger = logging.getLogger(__name__)

START_TIME_TOLERANCE_S = 2.0
"""Clock corrections move the start time that the system reports by a little."""
REMOTE_HEARTBEAT_S = 20.0
"""A run on another machine counts as alive while its heartbeat is younger."""


class DetachedProcess(subprocess.Popen[bytes]):
    """A child that is meant to outlive us."""

    def __del__(self) -> None:
        """Leave it alone; the base class would warn that it is still running."""


_children: dict[int, tuple[Path, DetachedProcess]] = {}
"""Engines that this program started and has not seen end: run folder and process, by process id."""


class Liveness(StrEnum):
    """Whether a run's engine exists."""

    NEVER_STARTED = "never_started"
    ALIVE = "alive"
    DEAD = "dead"


def liveness(folder: RunFolder) -> Liveness:
    """Tell whether the engine of a run lives.

    Process id, start time and host all have to agree, so a number that the system gave to another
    program is not mistaken for the engine. A zombie is dead. On another machine only the heartbeat
    can be seen.
    """
    try:
        record = folder.read_process()
    except (KeyError, TypeError, ValueError):
        return Liveness.DEAD
    if record is None:
        # An engine that was just started has not written down who it is.
        return Liveness.ALIVE if _has_living_child(folder) else Liveness.NEVER_STARTED
    if record.host != socket.gethostname():
        age_s = folder.heartbeat_age_s()
        return Liveness.ALIVE if age_s is not None and age_s < REMOTE_HEARTBEAT_S else Liveness.DEAD
    return Liveness.DEAD if engine_process(record) is None else Liveness.ALIVE


def remember_child(folder: RunFolder, child: DetachedProcess) -> None:
    """Keep an engine that this program started, to learn how it ends."""
    _children[child.pid] = (folder.path.resolve(), child)


def exit_code_of(pid: int) -> int | None:
    """Return how an engine that this program started ended, or None.

    Negative numbers are signals. Asking also takes a dead child off the system's process table.
    """
    if pid not in _children:
        return None
    code = _children[pid][1].poll()
    if code is not None:
        del _children[pid]
    return code


def _has_living_child(folder: RunFolder) -> bool:
    path = folder.path.resolve()
    return any(where == path and child.poll() is None for where, child in list(_children.values()))


def is_alive(folder: RunFolder) -> bool:
    """Tell whether the engine of a run lives, see `liveness`."""
    return liveness(folder) is Liveness.ALIVE


def engine_process(record: ProcessRecord) -> psutil.Process | None:
    """Return the living process on this machine that a record names, or None."""
    try:
        process = psutil.Process(record.pid)
        if abs(process.create_time() - record.started_at) > START_TIME_TOLERANCE_S:
            return None
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        # Somebody else's process got the number: ours would let us look.
        return None


class Rung(StrEnum):
    """How hard a run is being stopped."""

    NONE = "none"
    ASKED = "asked"
    """`control` says stop: the engine finishes its step, saves and exits."""
    TERMINATED = "terminated"
    """The engine was sent the signal to terminate."""
    KILLED = "killed"
    """The engine and all of its children were killed."""


class StopLadder:
    """Ask, then terminate, then kill the process tree; each rung has a deadline.

    Parameters
    ----------
    folder : RunFolder
    ask_s, terminate_s : float
        Seconds on the first and on the second rung.
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        ask_s: float = 10.0,
        terminate_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.rung = Rung.NONE
        self.pid: int | None = None
        """The engine's process id when we started it: it may not have written it down yet."""
        self._ask_s = ask_s
        self._terminate_s = terminate_s
        self._clock = clock
        self._deadline = float("inf")
        self._tree: list[psutil.Process] = []

    @property
    def seconds_left(self) -> float:
        """Seconds until the next rung; infinite before the first and after the last."""
        return max(0.0, self._deadline - self._clock())

    def begin(self) -> None:
        """Step on the first rung: ask. Asking twice changes nothing."""
        if self.rung is not Rung.NONE:
            return
        try:
            self.folder.write_control("stop")
        except OSError as error:
            # Nothing can be asked on a full disk: go on to the next rung at once.
            _logger.warning("The run %s cannot be asked to stop: %s", self.folder.id, error)
            self._step_to(Rung.ASKED, 0.0)
        else:
            self._step_to(Rung.ASKED, self._ask_s)

    def advance(self) -> bool:
        """Climb when the deadline has passed; return whether the rung changed."""
        if self._clock() < self._deadline:
            return False
        if self.rung is Rung.ASKED:
            self._tree = self._processes()
            for process in self._tree[:1]:
                _signal(process.terminate)
            self._step_to(Rung.TERMINATED, self._terminate_s)
            return True
        if self.rung is Rung.TERMINATED:
            # Children that a terminated parent left behind are no longer found through it.
            for process in {*self._tree, *self._processes()}:
                _signal(process.kill)
            self._step_to(Rung.KILLED, float("inf"))
            return True
        return False

    def sweep(self) -> None:
        """Kill the children that a terminated engine left behind."""
        for process in self._tree:
            _signal(process.kill)

    def _step_to(self, rung: Rung, seconds: float) -> None:
        self.rung = rung
        self._deadline = self._clock() + seconds

    def _processes(self) -> list[psutil.Process]:
        """Return the engine, first, and its children; empty when it is gone."""
        record = self.folder.read_process()
        engine = None
        try:
            if record is not None and record.host == socket.gethostname():
                engine = engine_process(record)
            elif record is None and self.pid is not None:
                engine = psutil.Process(self.pid)
            return [] if engine is None else [engine, *engine.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied as error:
        _logger.warning("A process of the run could not be ended: %s", error)
