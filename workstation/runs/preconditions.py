"""What must exist before an action can start, and how to get it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engines.contract.errors import PreconditionError, WorkstationError
from engines.contract.kinds import AnnotationKind, RunState, Split
from engines.contract.run_folder import RunFolder
from engines.contract.spec import PhaseSpec, PipelineSpec

if TYPE_CHECKING:
    from workstation.project.items import Item
    from workstation.project.project import Project


@dataclass(frozen=True, slots=True)
class Readiness:
    """How far a training phase is from being startable.

    Parameters
    ----------
    num_ready, num_needed : int
        Items that fulfil the phase's needs, and how many it needs.
    problem : PreconditionError or None
        The first thing that is missing; None when the phase can start.
    """

    num_ready: int
    num_needed: int
    problem: PreconditionError | None


def readiness(
    project: Project, spec: PipelineSpec, phase: PhaseSpec, items: Sequence[str] | None = None
) -> Readiness:
    """Tell whether a phase can start, and how many items are ready for it."""
    candidates = [item for item in select_items(project, spec, items) if _may_train(item)]
    annotated = _annotated(project, phase.needs.annotation)
    complete = [item for item in candidates if _fulfils(item, phase, annotated)]
    problem = _missing_items(spec, phase, len(candidates), len(complete)) or _missing_phase(
        project, spec, phase
    )
    return Readiness(len(complete), phase.needs.min_items, problem)


def check_phase(
    project: Project, spec: PipelineSpec, phase: PhaseSpec, items: Sequence[str] | None = None
) -> None:
    """Refuse to train a phase whose needs are not met.

    Raises
    ------
    PreconditionError
        What is missing, how many there are, and how to get it.
    UnknownKeyError
        If an item of `items` does not exist.
    """
    problem = readiness(project, spec, phase, items).problem
    if problem is not None:
        raise problem


def check_model(spec: PipelineSpec, *, has_model: bool) -> None:
    """Refuse to predict without a model where one is needed.

    Raises
    ------
    PreconditionError
        With how to get a model.
    """
    if not has_model and not spec.can_predict_untrained:
        raise PreconditionError(
            "{pipeline} needs a trained model to predict.",
            remedy="Train it first, or name a run with --run.",
            pipeline=spec.title,
        )


def select_items(project: Project, spec: PipelineSpec, items: Sequence[str] | None = None) -> list[Item]:
    """Return the items of the kinds a pipeline knows, or the named ones.

    Raises
    ------
    UnknownKeyError
        If a named item does not exist.
    """
    if items is None:
        return project.items.of_kind(*spec.item_kinds)
    return [project.items.get(item_id) for item_id in items]


def _may_train(item: Item) -> bool:
    return item.split not in (Split.TEST, Split.EVALUATION)


def _annotated(project: Project, kind: AnnotationKind | None) -> Collection[str] | None:
    """Return the items with an annotation of a kind; None when every item will do."""
    if kind is AnnotationKind.KEYPOINT_PAIRS:
        return project.keypoints.counts().keys()
    if kind is AnnotationKind.GRADE:
        return project.grades().keys()
    return project.label_maps.accepted().keys() if kind is AnnotationKind.LABEL_MAP else None


def _fulfils(item: Item, phase: PhaseSpec, annotated: Collection[str] | None) -> bool:
    return item.has(*phase.needs.roles) and (annotated is None or item.id in annotated)


def _missing_items(
    spec: PipelineSpec, phase: PhaseSpec, num_candidates: int, num_complete: int
) -> PreconditionError | None:
    if num_complete >= phase.needs.min_items:
        return None
    titles = {role.name: role.title for role in spec.roles}
    wanted = [f"{titles.get(role, role)} (role {role})" for role in phase.needs.roles]
    if phase.needs.annotation is not None:
        wanted.append(phase.needs.annotation.value.replace("_", " "))
    return PreconditionError(
        "{phase} needs items with {wanted}, at least {needed}; {ready} of the {total} that may be trained on "
        "have it.",
        remedy="Import what is missing, for example as rows of a table: subject, item, role, path.",
        phase=phase.title,
        needed=phase.needs.min_items,
        wanted=", ".join(wanted) or "files",
        ready=num_complete,
        total=num_candidates,
    )


def _missing_phase(project: Project, spec: PipelineSpec, phase: PhaseSpec) -> PreconditionError | None:
    for key in phase.needs.phases:
        if newest_finished_run(project, spec, phase=key) is None:
            return PreconditionError(
                "{phase} needs a finished run of {earlier}; there is none.",
                remedy="Train {earlier} first.",
                phase=phase.title,
                earlier=spec.phase(key).title,
            )
    return None


def newest_finished_run(project: Project, spec: PipelineSpec, *, phase: str = "") -> RunFolder | None:
    """Return the newest run with a model, trained or imported, or None.

    A run that was stopped and kept counts: its best checkpoint is as good as it got.
    """
    found: list[tuple[float, RunFolder]] = []
    for path in project.runs.folders():
        folder = RunFolder(path)
        summary = folder.read_summary()
        if summary is None or summary.get("state") not in (RunState.FINISHED, RunState.STOPPED):
            continue
        try:
            request = folder.read_request()
        except WorkstationError:
            continue
        if request.pipeline != spec.key or not request.action.makes_model:
            continue
        if phase and request.phase != phase:
            continue
        if any(folder.checkpoints_dir.glob("*/weights.safetensors")):
            found.append((folder.summary_path.stat().st_mtime, folder))
    return max(found, key=lambda pair: pair[0])[1] if found else None
