"""Panels: a pipeline's own pictures as data, ``panels/<name>.json`` plus arrays beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from engines.contract.errors import RunFolderError
from engines.contract.files import write_text_atomically
from engines.contract.kinds import PanelKind


class PanelFile(BaseModel):
    """One picture of a run.

    Attributes
    ----------
    kind : PanelKind
        Which drawer shows it.
    title : str
        English words, a translation id.
    data : dict
        What the drawer of the kind reads. ``image_series``: ``{"frames": [{"step", "item", "name",
        "path"}]}`` with paths relative to the run folder. ``curve``: ``{"series": [{"name", "x", "y"}],
        "x_label", "y_label"}``. ``scrubber``: as ``image_series``. ``table``: ``{"columns": [title],
        "rows": [[value]], "places": [{"item", "world_mm"} or null]}``, places where rows lead somewhere.
        ``matrix``: ``{"rows", "columns", "row_label", "column_label", "values"}``.
        ``decision``: ``{"classes": [negative, positive], "scores", "is_positive", "threshold", "band"}``, the
        score of every case, from what score on the second class is said, and how near to it nothing is.
        ``reliability``: ``{"stated", "observed", "counts", "expected_error"}``, a value for each bin.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: PanelKind
    title: str
    data: dict[str, Any]

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_text_atomically(
            path, json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n"
        )

    @classmethod
    def read(cls, path: Path) -> PanelFile:
        """Read a panel.

        Raises
        ------
        RunFolderError
            If the file is missing or is no panel.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise RunFolderError("The panel {path} cannot be read.", path=path) from error
