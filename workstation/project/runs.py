"""The runs of the project: which folders, and which of them were thrown away.

Everything else about a run is in its folder.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from engines.contract.errors import ProjectError, UnknownKeyError
from engines.contract.files import relative_or_absolute
from workstation.project.schema import RunRow
from workstation.project.store import Store, now


class RunIndex:
    """Run id to folder.

    Parameters
    ----------
    store : Store
    folder : Path
        The project folder.
    on_change : callable
        Called with None after a change.
    """

    def __init__(self, store: Store, folder: Path, on_change: Callable[[str | None], None]) -> None:
        self._store = store
        self._folder = folder
        self._on_change = on_change

    @property
    def root(self) -> Path:
        """Folder of the project's own runs."""
        return self._folder / "runs"

    @property
    def trash(self) -> Path:
        """Folder of discarded runs."""
        return self._folder / "trash"

    def new_folder(self, pipeline: str, label: str) -> Path:
        """Make an empty folder ``runs/<date>_<pipeline>_<label>_<n>`` and return it.

        Raises
        ------
        ProjectError
            If it cannot be made.
        """
        stem = f"{datetime.now().astimezone():%Y-%m-%d}_{pipeline}_{label}"
        try:
            self.root.mkdir(exist_ok=True)
            # Discarded and copied-in runs keep their numbers.
            taken = [
                path.name for root in (self.root, self.trash) if root.is_dir() for path in root.iterdir()
            ]
            numbers = [int(m[1]) for name in taken if (m := re.fullmatch(rf"{re.escape(stem)}_(\d+)", name))]
            number = max(numbers, default=0) + 1
            while True:
                path = self.root / f"{stem}_{number}"
                try:
                    path.mkdir()
                except FileExistsError:  # another process was faster
                    number += 1
                else:
                    return path
        except OSError as error:
            raise ProjectError(
                "A run folder cannot be made in {root}: {reason}.",
                remedy="Free some space, or check that you may write there.",
                root=self.root,
                reason=error.strerror,
            ) from error

    def add(self, run_id: str, folder: Path) -> None:
        """Record where a run lies; one that was recorded before is found at its new place."""
        path = relative_or_absolute(folder.resolve(), self._folder.resolve())
        with self._store.write() as session:
            row = session.get(RunRow, run_id)
            if row is None:
                session.add(RunRow(id=run_id, folder=path, added=now(), is_discarded=False))
            else:
                row.folder, row.is_discarded = path, False
        self._on_change(None)

    def folders(self) -> list[Path]:
        """Return the folders of all runs that were not discarded, oldest first.

        Folders under `root` that nobody recorded, copied back from a cluster for example, come last.
        """
        with self._store.read() as session:
            rows = session.scalars(select(RunRow).order_by(RunRow.added)).all()
        recorded = [(self._absolute(row.folder), row.is_discarded) for row in rows]
        known = {path for path, _ in recorded}
        found = sorted(path.parent for path in self.root.glob("*/config.yaml")) if self.root.is_dir() else []
        return [path for path, is_discarded in recorded if not is_discarded and path.is_dir()] + [
            path for path in map(Path.resolve, found) if path not in known
        ]

    def folder(self, run_id: str) -> Path:
        """Return the folder of a run.

        Raises
        ------
        UnknownKeyError
            If the project has no such run.
        """
        for path in self.folders():
            if path.name == run_id:
                return path
        with self._store.read() as session:
            row = session.get(RunRow, run_id)
        if row is not None and not row.is_discarded and self._absolute(row.folder).is_dir():
            return self._absolute(row.folder)
        raise UnknownKeyError(
            "The project has no run '{run}'.",
            remedy="List the runs with: workstation runs PROJECT.",
            run=run_id,
        )

    def discard(self, run_id: str) -> Path:
        """Move a run into the trash and return where it is now.

        Raises
        ------
        UnknownKeyError
            If the project has no such run.
        ProjectError
            If its folder cannot be moved, because a program uses it for example.
        """
        source = self.folder(run_id)
        target = self.trash / source.name
        try:
            self.trash.mkdir(exist_ok=True)
            number = 2
            while target.exists():
                target = self.trash / f"{source.name}.{number}"
                number += 1
            shutil.move(source, target)
        except OSError as error:
            raise ProjectError(
                "The run {run} cannot be moved into the trash: {reason}.",
                remedy="Close the programs that use its folder, and try again.",
                run=run_id,
                reason=error.strerror or str(error),
            ) from error
        self.add(run_id, target)
        with self._store.write() as session:
            session.get_one(RunRow, run_id).is_discarded = True
        self._on_change(None)
        return target

    def _absolute(self, recorded: str) -> Path:
        return (self._folder / recorded).resolve()
