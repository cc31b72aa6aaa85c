"""Who is who: the names that patients of DICOM files get here, kept outside every project.

A project never holds the number of a patient: it may be copied and shared. The list lies in the folder of the
user's data, readable by the user alone, as CSV: alias, original.
"""

from __future__ import annotations

import csv
import io
import logging
import os
import uuid
from collections.abc import Iterable
from pathlib import Path

import platformdirs

from workstation.project.emergency import APPLICATION

logger = logging.getLogger(__name__)

FILE_NAME = "dicom_subjects.csv"
_HEADER = ("alias", "original")


def default_path() -> Path:
    """Return where the list lies."""
    return Path(platformdirs.user_data_dir(APPLICATION, appauthor=False)) / FILE_NAME


class SubjectAliases:
    """The list; what is new stays in memory until `record`.

    Parameters
    ----------
    path : Path or None
        None: the user's own.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_path()
        self._alias_of = {original: alias for alias, original in self._rows()}

    def alias(self, original: str) -> str:
        """Return the name of a patient: the one of an earlier import, or a free one."""
        if original not in self._alias_of:
            taken = {alias.casefold() for alias in self._alias_of.values()}
            number = len(taken) + 1
            while f"case-{number:04d}" in taken:
                number += 1
            self._alias_of[original] = f"case-{number:04d}"
        return self._alias_of[original]

    def record(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Add (alias, original) pairs to the list; one that is there already stays as it is.

        Raises
        ------
        OSError
            If the disk refuses; the list is as it was.
        """
        rows = self._rows()
        new = [pair for pair in dict.fromkeys(pairs) if pair not in rows]
        if not new:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = io.StringIO(newline="")
        csv.writer(text).writerows([_HEADER, *rows, *new])
        part = self.path.with_name(f".{uuid.uuid4().hex}.part")
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8",
                           newline="") as stream:  # fmt: skip
                stream.write(text.getvalue())
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(part, self.path)
        finally:
            part.unlink(missing_ok=True)

    def _rows(self) -> list[tuple[str, str]]:
        if not self.path.is_file():
            return []
        with self.path.open(encoding="utf-8", newline="") as stream:
            return [(row[0], row[1]) for row in list(csv.reader(stream))[1:] if len(row) == 2]
