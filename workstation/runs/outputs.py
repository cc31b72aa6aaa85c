"""What a run produced, read from its folder."""

from __future__ import annotations

from engines.contract.evaluation import EvaluationReport
from engines.contract.run_folder import RunFolder


def evaluation_report(folder: RunFolder) -> EvaluationReport | None:
    """Return the report of an evaluation run, or None when it wrote none.

    Raises
    ------
    RunFolderError
        If there is a report that cannot be read.
    """
    return EvaluationReport.read(folder.evaluation_path) if folder.evaluation_path.exists() else None
