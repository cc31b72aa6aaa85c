"""The steps of a result as proposals of its item. Slow: called on a thread."""

from __future__ import annotations

from workstation.controllers.review.proposal_import import bring_in_label_map
from workstation.project.label_maps import LabelMap, LabelMapState
from workstation.project.project import Project
from workstation.runs.results import ItemResult, ResultStep


def bring_in_steps(project: Project, result: ItemResult) -> dict[str, str]:
    """Make a proposal of each step of a result that is none yet.

    Returns
    -------
    label_map_ids : dict
        By role, in the order of the steps.

    Raises
    ------
    InputError
        If a file cannot be read or the item is gone.
    OSError, EditNotSavedError
        If the disk refuses.
    """
    known = step_proposals(project.label_maps.of_item(result.item_id), result)
    return {step.role: known.get(step.role) or _bring_in(project, result, step) for step in result.steps}


def step_proposals(label_maps: list[LabelMap], result: ItemResult) -> dict[str, str]:
    """Return the proposals that are steps of a result, by role."""
    found: dict[str, str] = {}
    for label_map in label_maps:
        if label_map.state is not LabelMapState.PROPOSAL or label_map.source != result.run_id:
            continue
        step = next((one for one in result.steps if label_map.name.startswith(_name(one, result))), None)
        if step is not None:
            found[step.role] = label_map.id
    return found


def _bring_in(project: Project, result: ItemResult, step: ResultStep) -> str:
    return bring_in_label_map(project, result.item_id, step.path, result.run_id, _name(step, result))


def _name(step: ResultStep, result: ItemResult) -> str:
    return f"{step.title} {result.run_id}"
