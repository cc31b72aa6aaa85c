"""What a run produced, read from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engines.contract.errors import RunFolderError, UnknownKeyError
from engines.contract.evaluation import EvaluationReport
from engines.contract.kinds import OutputKind
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder
from workstation.project.project import Project

VOLUME_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")


@dataclass(frozen=True, slots=True)
class LabelMapOutput:
    """A label map that a run wrote for an item.

    Parameters
    ----------
    run_id, role : str
    title : str
        Of the output, an English template.
    path : Path
    """

    run_id: str
    role: str
    title: str
    path: Path


def evaluation_report(folder: RunFolder) -> EvaluationReport | None:
    """Return the report of an evaluation run, or None when it wrote none.

    Raises
    ------
    RunFolderError
        If there is a report that cannot be read.
    """
    return EvaluationReport.read(folder.evaluation_path) if folder.evaluation_path.exists() else None


def label_map_outputs(project: Project, item_id: str) -> list[LabelMapOutput]:
    """Return the label maps that the runs of a project wrote for an item, the newest run first. Slow."""
    return [found for path in reversed(project.runs.folders()) for found in _of_run(RunFolder(path), item_id)]


def _of_run(folder: RunFolder, item_id: str) -> list[LabelMapOutput]:
    if not folder.outputs_dir.is_dir():
        return []
    try:
        spec = load_spec(folder.read_request().pipeline)
    except (RunFolderError, UnknownKeyError):
        # A run of a newer program, or one that was copied in part.
        return []
    found = []
    for output in spec.outputs:
        paths = (folder.outputs_dir / output.role / f"{item_id}{suffix}" for suffix in VOLUME_SUFFIXES)
        path = next((path for path in paths if path.is_file()), None)
        if output.kind is OutputKind.LABEL_MAP and path is not None:
            found.append(LabelMapOutput(folder.id, output.role, output.title, path))
    return found
