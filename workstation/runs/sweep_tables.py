"""The tables of sweeps that lie in a project, read back."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from workstation.runs.sweep import Line, SweepTable

_LOG = logging.getLogger(__name__)
FOLDER = "sweeps"
_NAME = "sweep.json"


class SweepTables:
    """Reads tables, and those that did not change only once."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[float, SweepTable]] = {}

    def read(self, project_folder: Path) -> dict[str, SweepTable]:
        """Return the tables of a project by the names of their folders; a broken one is left out."""
        found = {}
        for path in sorted((project_folder / FOLDER).glob(f"*/{_NAME}")):
            try:
                changed = path.stat().st_mtime
                known = self._known.get(path)
                if known is None or known[0] != changed:
                    known = self._known[path] = (changed, read_table(path))
            except (OSError, ValueError, TypeError, KeyError) as error:
                _LOG.warning("The sweep %s cannot be read: %s", path, error)
                continue
            found[path.parent.name] = known[1]
        return found


def read_table(path: Path) -> SweepTable:
    """Read what `SweepTable.write` wrote.

    Raises
    ------
    OSError, ValueError, TypeError, KeyError
        If the file is missing or is no such table.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    lines = [Line(**line) for line in content.pop("lines")]
    return SweepTable(**content, lines=lines)
