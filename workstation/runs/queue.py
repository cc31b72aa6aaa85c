"""The runs that wait for their device, in an order that survives a restart; and those that live already.

One run occupies a device at a time. Runs that use no network, registering by the classical method for
example, wait for nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from engines.contract.errors import PreconditionError
from engines.contract.files import write_json_atomically
from engines.contract.kinds import Action
from engines.contract.run_folder import RunFolder, RunRequest
from workstation.runs.process_watch import is_alive

if TYPE_CHECKING:
    from workstation.project.project import Project

QUEUE_FILE = "queue.json"


class RunQueue:
    """Waiting runs of a project, kept in ``runs/queue.json``.

    Parameters
    ----------
    runs_dir : Path
        The project's ``runs`` folder.
    """

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._path = runs_dir / QUEUE_FILE
        self._waiting = self._read()

    @property
    def waiting(self) -> list[RunFolder]:
        """The waiting runs, next first."""
        return [RunFolder(self._runs_dir / run_id) for run_id in self._waiting]

    def add(self, folder: RunFolder) -> None:
        """Let a run wait, at the end; a run that waits already keeps its place."""
        if folder.id not in self._waiting:
            self._waiting.append(folder.id)
            self._write()

    def remove(self, run_id: str) -> None:
        """Take a run out of the queue; it need not be in it."""
        if run_id in self._waiting:
            self._waiting.remove(run_id)
            self._write()

    def move(self, run_id: str, position: int) -> None:
        """Put a waiting run at a place, 0 being the next to start."""
        self._waiting.remove(run_id)
        self._waiting.insert(position, run_id)
        self._write()

    def take_startable(self, alive: Iterable[RunFolder]) -> RunFolder | None:
        """Take the first run out whose device is free, or return None.

        Parameters
        ----------
        alive : iterable of RunFolder
            The runs that are running now.
        """
        busy = {device for device in map(device_of, alive) if device is not None}
        for folder in self.waiting:
            device = device_of(folder)
            if not clashes(device, busy):
                self.remove(folder.id)
                return folder
            if device is not None:
                # Nobody overtakes a run that waits for the same device.
                busy.add(device)
        return None

    def _read(self) -> list[str]:
        try:
            names = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return []
        if not isinstance(names, list):
            return []
        return [str(name) for name in names if (self._runs_dir / str(name) / "config.yaml").is_file()]

    def _write(self) -> None:
        write_json_atomically(self._path, self._waiting)


def device_of(folder: RunFolder) -> str | None:
    """Return the device a run occupies: ``"auto"``, ``"cpu"``, ``"cuda"``..., or None for none."""
    request = folder.read_request()
    return str(request.settings.get("device", "auto")) if _uses_network(request) else None


def clashes(device: str | None, busy: Iterable[str]) -> bool:
    """Tell whether a device is taken; ``auto`` may turn out to be any of them."""
    if device is None:
        return False
    taken = set(busy)
    return device in taken or "auto" in taken or (device == "auto" and bool(taken))


def _uses_network(request: RunRequest) -> bool:
    return request.action is Action.TRAIN or bool(request.base_run)


def attach_live_runs(project: Project) -> list[RunFolder]:
    """Return the runs of a project whose engines live, oldest first; follow them with a `RunThread`."""
    return [
        folder
        for folder in map(RunFolder, project.runs.folders())
        # A summary is written last: those runs need no look at the process.
        if not folder.summary_path.exists() and is_alive(folder)
    ]


def discard(project: Project, folder: RunFolder) -> Path:
    """Move a run that is over into the project's trash, and return where it is now.

    Raises
    ------
    PreconditionError
        If the run is alive.
    ProjectError
        If its folder cannot be moved.
    """
    if is_alive(folder):
        raise PreconditionError(
            "The run {run} is still running.", remedy="Stop it first, then discard it.", run=folder.id
        )
    return project.runs.discard(folder.id)
