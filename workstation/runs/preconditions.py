"""What must exist before an action can start, and how to get it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engines.contract.errors import PreconditionError, WorkstationError
from engines.contract.kinds import AnnotationKind, RunState, Split
from engines.contract.run_folder import RunFolder
from engines.contract.spec import Needs, OtherNeeds, PhaseSpec, PipelineSpec

if TYPE_CHECKING:
    from workstation.project.items import Item
    from workstation.project.project import Project

SWEEP_COMMAND = "workstation sweep"
"""How the command begins that the runs of a sweep keep."""
_MOST_NAMED = 4


@dataclass(frozen=True, slots=True)
class Readiness:
    """How far a training phase is from being startable.

    Parameters
    ----------
    num_ready, num_needed : int
        Items that fulfil the phase's needs, and how many it needs.
    problem : PreconditionError or None
        The first thing that is missing; None when the phase can start.
    ways : tuple of OtherNeeds
        Settings with which there are enough items, where there are too few without.
    """

    num_ready: int
    num_needed: int
    problem: PreconditionError | None
    ways: tuple[OtherNeeds, ...] = ()


def readiness(
    project: Project,
    spec: PipelineSpec,
    phase: PhaseSpec,
    items: Sequence[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Readiness:
    """Tell whether a phase can start, and how many items are ready for it.

    Parameters
    ----------
    project : Project
    spec : PipelineSpec
    phase : PhaseSpec
    items : sequence of str or None
        Only these; None: all.
    settings : mapping of str to object, or None
        Of the training; some change what the phase needs.
    """
    needs = phase.needs_with(settings)
    candidates = [item for item in select_items(project, spec, items) if _may_train(item)]
    complete = _complete(project, needs, candidates)
    ways: tuple[OtherNeeds, ...] = ()
    # Whoever trains the phase before learns there which items are missing.
    problem = _missing_phase(project, spec, phase, needs)
    if problem is None:
        problem = _missing_items(spec, phase, needs, candidates, complete)
        ways = tuple(
            other
            for other in phase.other_needs
            if problem is not None
            and other.needs != needs
            and len(_complete(project, other.needs, candidates)) >= other.needs.min_items
        )
    return Readiness(len(complete), needs.min_items, problem, ways)


def _complete(project: Project, needs: Needs, candidates: Sequence[Item]) -> list[Item]:
    annotated = annotated_items(project, needs.annotation)
    return [item for item in candidates if _fulfils(item, needs, annotated)]


def check_phase(
    project: Project,
    spec: PipelineSpec,
    phase: PhaseSpec,
    items: Sequence[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Refuse to train a phase whose needs are not met.

    Raises
    ------
    PreconditionError
        What is missing, how many there are, and how to get it.
    UnknownKeyError
        If an item of `items` does not exist.
    """
    problem = readiness(project, spec, phase, items, settings).problem
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


def annotated_items(project: Project, kind: AnnotationKind | None) -> Collection[str] | None:
    """Return the items with an annotation of a kind; None when every item will do."""
    if kind is AnnotationKind.KEYPOINT_PAIRS:
        return project.keypoints.counts().keys()
    if kind is AnnotationKind.GRADE:
        return project.grades().keys()
    return project.label_maps.accepted().keys() if kind is AnnotationKind.LABEL_MAP else None


def _fulfils(item: Item, needs: Needs, annotated: Collection[str] | None) -> bool:
    return item.has(*needs.roles) and (annotated is None or item.id in annotated)


def _missing_items(
    spec: PipelineSpec, phase: PhaseSpec, needs: Needs, candidates: Sequence[Item], complete: Sequence[Item]
) -> PreconditionError | None:
    if len(complete) >= needs.min_items:
        return None
    titles = {role.name: role.title for role in spec.roles}
    wanted = [f"{titles.get(role, role)} (role {role})" for role in needs.roles]
    if needs.annotation is not None:
        wanted.append(needs.annotation.value.replace("_", " "))
    ready = {item.id for item in complete}
    lacking = [item.id for item in candidates if item.id not in ready]
    facts: dict[str, Any] = {
        "phase": phase.title,
        "needed": needs.min_items,
        "wanted": ", ".join(wanted) or "files",
        "ready": len(complete),
        "total": len(candidates),
    }
    remedy = "Import what is missing, for example as rows of a table: subject, item, role, path."
    if not lacking:
        return PreconditionError(
            "{phase} needs {needed} items with {wanted}; there are {ready} that may be trained on.",
            remedy=remedy,
            **facts,
        )
    return PreconditionError(
        "{phase} needs {needed} items with {wanted}; {ready} of the {total} that may be trained on have it. "
        "Without: {lacking}.",
        remedy=remedy,
        lacking=", ".join([*lacking[:_MOST_NAMED], *(["…"] if len(lacking) > _MOST_NAMED else [])]),
        **facts,
    )


def _missing_phase(
    project: Project, spec: PipelineSpec, phase: PhaseSpec, needs: Needs
) -> PreconditionError | None:
    for key in needs.phases:
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

    A run that was stopped and kept counts: its best checkpoint is as good as it got. Trainings of a sweep
    count only where there is no other: they are there to be compared.
    """
    found: list[tuple[bool, float, RunFolder]] = []
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
            is_own = not request.command.startswith(SWEEP_COMMAND)
            found.append((is_own, folder.summary_path.stat().st_mtime, folder))
    return max(found, key=lambda entry: entry[:2])[2] if found else None
