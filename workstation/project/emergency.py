"""A second place for edits that the project's disk refuses: a file in the user's own data folder."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

logger = logging.getLogger(__name__)

APPLICATION = "annotation-training-workstation"


class EmergencyFile:
    """Unsaved edits of one project, one JSON object a line.

    Parameters
    ----------
    project_id : str
    """

    def __init__(self, project_id: str) -> None:
        self.path: Path = user_data_path(APPLICATION, appauthor=False) / "unsaved" / f"{project_id}.jsonl"

    def append(self, kind: str, payload: dict[str, Any]) -> bool:
        """Add an edit and flush it to the disk; False when this place refuses too."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({"kind": kind, "payload": payload}, ensure_ascii=False) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            logger.exception("the second place for unsaved edits cannot be written either")
            return False
        return True

    def read(self) -> list[tuple[str, dict[str, Any]]]:
        """Return ``(kind, payload)`` of every kept edit, oldest first, less a half-written last line."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        kept = []
        for line in lines:
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                logger.warning("a damaged line in %s was skipped", self.path)
                continue
            kept.append((str(entry["kind"]), dict(entry["payload"])))
        return kept

    def remove(self) -> None:
        """Forget every kept edit."""
        self.path.unlink(missing_ok=True)
