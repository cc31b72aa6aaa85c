"""What a run produced for each item, as entries to review; drawn by output kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from engines.contract.errors import WorkstationError
from engines.contract.evaluation import EvaluationReport
from engines.contract.events import Event, Output, read_events
from engines.contract.kinds import OutputKind
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder
from engines.contract.transform_file import TransformFile


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One result file of an item."""

    role: str
    kind: OutputKind
    path: Path


@dataclass(frozen=True, slots=True)
class ReviewEntry:
    """Everything a run produced for one item.

    Parameters
    ----------
    run_id, item_id : str
    files : mapping of role to OutputFile
    transform : TransformFile or None
        Of the first output of that kind; None when there is none.
    problem : str
        Why a file cannot be read; empty when all can.
    """

    run_id: str
    item_id: str
    files: dict[str, OutputFile] = field(default_factory=dict)
    transform: TransformFile | None = None
    problem: str = ""


def review_entries(folder: RunFolder, events: Iterable[Event] | None = None) -> list[ReviewEntry]:
    """Return the results of a run by item, in the order in which they were written.

    Parameters
    ----------
    folder : RunFolder
    events : iterable of Event or None
        Those of the run when they are known already.

    Raises
    ------
    RunFolderError
        If the folder holds no run.
    """
    spec = load_spec(folder.read_request().pipeline)
    kinds = {output.role: output.kind for output in spec.outputs}
    found: dict[str, dict[str, OutputFile]] = {}
    for event in read_events(folder.events_path) if events is None else events:
        if isinstance(event, Output) and event.role in kinds:
            path = folder.file_path(event.path)
            found.setdefault(event.item, {})[event.role] = OutputFile(event.role, kinds[event.role], path)
    return [_entry(folder.id, item_id, files) for item_id, files in found.items()]


def _entry(run_id: str, item_id: str, files: dict[str, OutputFile]) -> ReviewEntry:
    transform, problem = None, ""
    for output in files.values():
        if output.kind is OutputKind.TRANSFORM:
            try:
                transform = TransformFile.read(output.path)
            except WorkstationError as error:
                problem = error.render()
            break
    return ReviewEntry(run_id, item_id, files, transform, problem)


def evaluation_report(folder: RunFolder) -> EvaluationReport | None:
    """Return the report of an evaluation run, or None when it wrote none.

    Raises
    ------
    RunFolderError
        If there is a report that cannot be read.
    """
    return EvaluationReport.read(folder.evaluation_path) if folder.evaluation_path.exists() else None
