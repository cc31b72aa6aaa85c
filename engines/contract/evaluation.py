"""The report of an evaluation: one layout for every pipeline, printed by ``evaluate --json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from engines.contract.errors import RunFolderError
from engines.contract.files import write_text_atomically

PAGE_NAME = "evaluation.html"
"""The report as a page for people, beside `evaluation.json`."""


class EvaluationReport(BaseModel):
    """Rows of metrics over items, and the metrics of each item.

    Attributes
    ----------
    pipeline : str
    run : str or None
        Run whose model was scored, ``"shipped"``, or None when only baselines were.
    split, split_hash : str
    items : int
        Number of items scored.
    rows : dict of row name to dict of metric key to number or None
        None is undefined; the items' ``reason`` says why.
    per_item : list of dict
        ``{"item", "row", <metric>..., "reason"?}``.
    bounds : tuple of str
        Rows that bound what can be reached and are no methods.
    intervals : dict of row name to dict of metric key to (low, high)
        95 % intervals of `rows`, where they were estimated.
    groups : dict of group title to rows
        The same rows over a part of the items each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pipeline: str
    run: str | None
    split: str
    split_hash: str
    items: int
    rows: dict[str, dict[str, float | None]]
    per_item: list[dict[str, Any]]
    bounds: tuple[str, ...] = ()
    intervals: dict[str, dict[str, tuple[float, float]]] = {}
    groups: dict[str, dict[str, dict[str, float | None]]] = {}

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_text_atomically(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> EvaluationReport:
        """Read a report.

        Raises
        ------
        RunFolderError
            If the file is missing or is no report.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise RunFolderError(
                "The evaluation {path} cannot be read.", remedy="Evaluate again.", path=path
            ) from error
