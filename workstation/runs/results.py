"""The results of a project that wait for a reviewer: for each item the newest one of each pipeline."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engines.contract import item_review, probability_file
from engines.contract.errors import InputError, RunFolderError, UnknownKeyError
from engines.contract.item_review import ItemReview
from engines.contract.kinds import Action, OutputKind
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder
from workstation.project.project import Project
from workstation.runs.outputs import VOLUME_SUFFIXES

_LOG = logging.getLogger(__name__)
_Stamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ResultStep:
    """A label map of a result.

    Parameters
    ----------
    role : str
    title : str
        English template.
    path : Path
    """

    role: str
    title: str
    path: Path


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What a run made of an item.

    Parameters
    ----------
    run_id, item_id, pipeline : str
    made : float
        When its last step was written, s since the epoch of 1970.
    steps : tuple of ResultStep
        In the order in which they were made; the last is the result.
    review : ItemReview or None
        None when the pipeline judges nothing.
    probability, report : Path or None
    """

    run_id: str
    item_id: str
    pipeline: str
    made: float
    steps: tuple[ResultStep, ...]
    review: ItemReview | None = None
    probability: Path | None = None
    report: Path | None = None


class ResultReader:
    """Reads results, and remembers those of runs whose folders did not change."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[_Stamp, tuple[ItemResult, ...]]] = {}

    def read(self, project: Project) -> list[ItemResult]:
        """Return the newest result of each pipeline for each item of a project. Slow the first time."""
        newest: dict[tuple[str, str], ItemResult] = {}
        items = {item.id for item in project.items.all()}
        for path in project.runs.folders():
            for result in self._of_run(RunFolder(path)):
                key = (result.pipeline, result.item_id)
                known = newest.get(key)
                if result.item_id in items and (known is None or result.made >= known.made):
                    newest[key] = result
        return list(newest.values())

    def _of_run(self, folder: RunFolder) -> tuple[ItemResult, ...]:
        stamp = _stamp(folder)
        if not stamp:
            return ()
        known = self._known.get(folder.path)
        if known is None or known[0] != stamp:
            known = self._known[folder.path] = (stamp, tuple(_results(folder)))
        return known[1]


def _stamp(folder: RunFolder) -> _Stamp:
    """Return when something appeared in the folders of outputs; empty without any."""
    if not folder.outputs_dir.is_dir():
        return ()
    return tuple(path.stat().st_mtime_ns for path in sorted(folder.outputs_dir.iterdir()) if path.is_dir())


def _results(folder: RunFolder) -> Iterator[ItemResult]:
    try:
        request = folder.read_request()
        spec = load_spec(request.pipeline)
    except (RunFolderError, UnknownKeyError):
        # A run of a newer program, or one that was copied in part.
        return
    if request.action is not Action.PREDICT:
        return
    outputs = [output for output in spec.outputs if output.kind is OutputKind.LABEL_MAP]
    titles = {output.role: output.title for output in outputs}
    roles = [output.role for output in outputs]
    for item_id in sorted({*_reviewed(folder), *(name for role in roles for name in _items(folder, role))}):
        review = _review(folder, item_id)
        wanted = {step.role: step.title for step in review.steps} if review is not None else titles
        found = (
            (role, title, label_map_path(folder, role, item_id)) for role, title in (wanted or titles).items()
        )
        steps = tuple(ResultStep(role, title, path) for role, title, path in found if path is not None)
        if steps:
            probability = folder.outputs_dir / probability_file.ROLE / f"{item_id}.npz"
            yield ItemResult(
                folder.id,
                item_id,
                spec.key,
                max(step.path.stat().st_mtime for step in steps),
                steps,
                review,
                probability if probability.is_file() else None,
                _report(folder, review),
            )


def label_map_path(folder: RunFolder, role: str, item_id: str) -> Path | None:
    """Return the label map that a run wrote for an item, or None."""
    paths = (folder.outputs_dir / role / f"{item_id}{suffix}" for suffix in VOLUME_SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def _reviewed(folder: RunFolder) -> Iterator[str]:
    for path in (folder.outputs_dir / item_review.ROLE).glob("*.json"):
        yield path.stem


def _items(folder: RunFolder, role: str) -> Iterator[str]:
    parent = folder.outputs_dir / role
    for path in parent.iterdir() if parent.is_dir() else ():
        suffix = next((suffix for suffix in VOLUME_SUFFIXES if path.name.endswith(suffix)), "")
        # What is being written has a name of its own that begins with a dot.
        if suffix and not path.name.startswith("."):
            yield path.name.removesuffix(suffix)


def _review(folder: RunFolder, item_id: str) -> ItemReview | None:
    path = folder.outputs_dir / item_review.ROLE / f"{item_id}.json"
    if not path.is_file():
        return None
    try:
        return ItemReview.read(path)
    except InputError as error:
        _LOG.warning("%s", error)
        return None


def _report(folder: RunFolder, review: ItemReview | None) -> Path | None:
    """Return the page of a result; a path that leads out of the run folder is not followed."""
    if review is None or not review.report:
        return None
    path = folder.file_path(review.report)
    is_own = path.resolve().is_relative_to(folder.path.resolve())
    return path if is_own and path.is_file() else None
