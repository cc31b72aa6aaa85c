"""What a look at the project finds for the Train screen: what is ready, what there is, what was trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engines.contract.kinds import Action, Split
from engines.contract.manifest import hash_of_split
from engines.contract.spec import PhaseSpec, PipelineSpec
from workstation.controllers.run_headers import RunHeader, RunHeaders
from workstation.views.run_protocols import DataSummary

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
    """Newest training run of each phase."""


def survey(project: Project, spec: PipelineSpec, headers: RunHeaders) -> Survey:
    """Look at items and runs; slow on large projects, so it is called on a thread."""
    from workstation.runs.preconditions import readiness

    items = project.items.all()
    newest: dict[str, RunHeader] = {}
    for header in headers.read(project.runs.folders()):
        if header.pipeline == spec.key and header.action in (Action.TRAIN, Action.IMPORT_WEIGHTS):
            newest.setdefault(header.phase, header)
    return Survey(
        {phase.key: readiness(project, spec, phase) for phase in spec.phases},
        {phase.key: summarise(items, spec, phase) for phase in spec.phases},
        newest,
    )


def summarise(items: Sequence[Item], spec: PipelineSpec, phase: PhaseSpec) -> DataSummary:
    """Count the items that a phase can learn from, and those that training leaves out."""
    usable = [item for item in items if item.kind in spec.item_kinds and item.has(*phase.needs.roles)]
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
