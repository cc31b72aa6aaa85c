"""Draw what a training will see, on a thread, by the function that the pipeline names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.contract.kinds import Action, Split
from engines.contract.registry import config_class, resolve
from engines.contract.spec import PipelineSpec
from engines.contract.training_preview import PreviewRequest, TrainingPicture
from workstation.project.project import Project


def draw_preview(
    project: Project, spec: PipelineSpec, phase: str, values: Mapping[str, Any], seed: int
) -> tuple[TrainingPicture, ...]:
    """Return pictures of one item that the phase would train on; none when there is no such item.

    Parameters
    ----------
    project : Project
    spec : PipelineSpec
        With a `training_preview`.
    phase : str
    values : mapping of str to object
        All settings in the form.
    seed : int
        Chooses the item and what is drawn.

    Raises
    ------
    WorkstationError
        If a setting is wrong or a file cannot be read.
    """
    needs = spec.phase(phase).needs_with(values)
    sealed = (Split.TEST, Split.EVALUATION)
    items = [
        item
        for item in project.items.all()
        if item.kind in spec.item_kinds and item.has(*needs.roles) and item.split not in sealed
    ]
    if not items or not spec.training_preview:
        return ()
    item = items[seed % len(items)]
    request = PreviewRequest(
        files={role: file.path for role, file in item.files.items()},
        modalities={role: file.modality for role, file in item.files.items()},
        config=config_class(spec, Action.TRAIN).from_values(values),
        seed=seed,
    )
    pictures: tuple[TrainingPicture, ...] = resolve(spec.training_preview)(request)
    return pictures
