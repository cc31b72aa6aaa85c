"""What a look at the project finds for the Train screen: what is ready, what there is, what was trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engines.contract.errors import WorkstationError
from engines.contract.kinds import Action, RunState, Split
from engines.contract.manifest import hash_of_split
from engines.contract.run_folder import RunFolder
from engines.contract.spec import Needs, PhaseSpec, PipelineSpec
from workstation.controllers.runs.run_headers import RunHeader, RunHeaders
from workstation.views.protocols.runs import DataSummary

if TYPE_CHECKING:
    from workstation.project.items import Item
    from workstation.project.project import Project
    from workstation.runs.preconditions import Readiness


@dataclass(frozen=True)
class Survey:
    """What a look at the project found, for one pipeline."""

    readiness: Mapping[str, Readiness]
    data: Mapping[str, DataSummary]
    newest: Mapping[str, RunHeader]
    """Newest training run of each phase; one of a sweep only where there is no other."""
    bases: Mapping[str, tuple[RunHeader, ...]] = field(default_factory=dict)
    """Models that each phase can start from, the newest first."""
    carried: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings that change what a phase needs, as they were in its newest run or in the one before it."""


def survey(
    project: Project,
    spec: PipelineSpec,
    headers: RunHeaders,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Survey:
    """Look at items and runs; slow on large projects, so it is called on a thread.

    Parameters
    ----------
    project : Project
    spec : PipelineSpec
    headers : RunHeaders
    settings : mapping of phase to settings
        What a form holds; without them those of the newest run.
    """
    from workstation.runs.preconditions import SWEEP_COMMAND, annotated_items, readiness

    items = project.items.all()
    newest: dict[str, RunHeader] = {}
    models: dict[str, list[RunHeader]] = {}
    found = headers.read(project.runs.folders())
    # Trainings of a sweep come last: they are there to be compared.
    for header in sorted(found, key=lambda header: header.command.startswith(SWEEP_COMMAND)):
        if header.pipeline == spec.key and header.action in (Action.TRAIN, Action.IMPORT_WEIGHTS):
            newest.setdefault(header.phase, header)
            if header.state in (RunState.FINISHED, RunState.STOPPED) and _has_model(header):
                models.setdefault(header.phase, []).append(header)
    bases = {
        phase.key: tuple(models.get(phase.needs.phases[-1], ())) if phase.needs.phases else ()
        for phase in spec.phases
    }
    carried = {phase.key: _carried(phase, newest.get(phase.key), bases[phase.key]) for phase in spec.phases}
    used = {**carried, **(settings or {})}
    needs = {phase.key: phase.needs_with(used[phase.key]) for phase in spec.phases}
    annotated = {key: annotated_items(project, needs[key].annotation) for key in needs}
    return Survey(
        {phase.key: readiness(project, spec, phase, settings=used[phase.key]) for phase in spec.phases},
        {key: summarise(items, spec, needs[key], annotated[key]) for key in needs},
        newest,
        bases,
        carried,
    )


def _has_model(header: RunHeader) -> bool:
    return any(RunFolder(header.folder).checkpoints_dir.glob("*/weights.safetensors"))


def _carried(phase: PhaseSpec, own: RunHeader | None, bases: Sequence[RunHeader]) -> dict[str, Any]:
    """Return the settings that change what a phase needs, as its newest run had them, or its base."""
    header = own or next(iter(bases), None)
    if header is None or not phase.other_needs:
        return {}
    try:
        settings = RunFolder(header.folder).read_request().settings
    except WorkstationError:
        return {}
    return {
        other.setting: settings[other.setting] for other in phase.other_needs if other.setting in settings
    }


def summarise(
    items: Sequence[Item], spec: PipelineSpec, needs: Needs, annotated: Collection[str] | None = None
) -> DataSummary:
    """Count the items that a phase can learn from, and those that training leaves out.

    Parameters
    ----------
    items : sequence of Item
    spec : PipelineSpec
    needs : Needs
    annotated : collection of str or None
        Items with the annotation that is needed; None: every item will do.
    """
    usable = [
        item
        for item in items
        if item.kind in spec.item_kinds
        and item.has(*needs.roles)
        and (annotated is None or item.id in annotated)
    ]
    sealed = (Split.TEST, Split.EVALUATION)
    counts: Counter[str] = Counter()
    subjects: dict[str, set[str]] = {}
    learned = [item for item in usable if item.split not in sealed]
    for item in learned:
        key = item.split.value if item.split else ""
        counts[key] += 1
        subjects.setdefault(key, set()).add(item.subject)
    return DataSummary(
        subjects={key: len(names) for key, names in subjects.items()},
        items=dict(counts),
        num_sealed_items=sum(item.split in sealed for item in items if item.kind in spec.item_kinds),
        # As in the manifest of a run, so that the two can be compared by eye.
        split_hash=hash_of_split((item.subject, item.split.value) for item in learned if item.split),
    )
