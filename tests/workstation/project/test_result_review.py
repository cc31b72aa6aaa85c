"""Decisions about results: what holds after undo, redo, a restart, and the edits that take a result over."""

from __future__ import annotations

import numpy as np
import pytest

from engines.contract.errors import InputError
from engines.imaging.volumes.mask_editing import Paint, painted
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from workstation.project.label_map_commands import AddLabelMap, PaintVoxels
from workstation.project.label_maps import LabelMapState
from workstation.project.project import Project
from workstation.project.result_commands import JudgeResult, Verdict
from workstation.project.result_review import REPLACE, verdicts

SHAPE = (6, 5, 4)


def add(project: Project, name: str, state: LabelMapState, source: str) -> str:
    volume = Volume(np.zeros(SHAPE, np.uint8), VolumeGeometry(SHAPE, np.diag([0.5, 0.5, 2.0, 1.0])))
    command = AddLabelMap.on_grid_of(volume, "a", name, state=state, source=source)
    project.history.execute(command)
    return command.label_map_id


def test_the_newest_decision_holds(project: Project) -> None:
    project.history.execute(JudgeResult("a", "run-1", Verdict.LATER))
    project.history.execute(JudgeResult("b", "run-1", Verdict.ACCEPTED))
    project.history.execute(JudgeResult("a", "run-1", Verdict.REJECTED))
    assert verdicts(project.store) == {("a", "run-1"): Verdict.REJECTED, ("b", "run-1"): Verdict.ACCEPTED}
    project.history.execute(JudgeResult("a", "run-1", Verdict.OPEN))
    assert verdicts(project.store) == {("b", "run-1"): Verdict.ACCEPTED}
    project.history.undo("a")
    assert verdicts(project.store)["a", "run-1"] is Verdict.REJECTED


def test_rejecting_takes_the_proposals_along_and_undo_brings_them_back(project: Project) -> None:
    steps = tuple(add(project, name, LabelMapState.PROPOSAL, "run-1") for name in ("refined", "融合"))
    project.history.execute(JudgeResult("a", "run-1", Verdict.REJECTED, steps))
    assert project.label_maps.of_item("a") == []
    with Project.open(project.folder) as again:
        again.history.undo("a")
        assert {one.id for one in again.label_maps.of_item("a")} == set(steps)
        assert verdicts(again.store) == {}
        again.history.redo("a")
        assert again.label_maps.of_item("a") == []
        assert verdicts(again.store) == {("a", "run-1"): Verdict.REJECTED}


def test_taking_a_proposal_over_accepts_its_result_in_one_step(project: Project) -> None:
    target = add(project, "mask", LabelMapState.ACCEPTED, "manual")
    proposal = add(project, "refined", LabelMapState.PROPOSAL, "run-1")
    changes = painted(project.label_maps.read(target)[0].voxels, np.ones((2, 2, 2), bool), Paint(1))
    stroke = PaintVoxels(target, changes.to_text(), REPLACE, sources=((proposal, 1), (target, 1)))
    project.history.execute(stroke)
    assert verdicts(project.store) == {("a", "run-1"): Verdict.ACCEPTED}
    project.history.undo("a")
    assert verdicts(project.store) == {}


def test_a_label_map_of_another_item_stays(project: Project) -> None:
    proposal = add(project, "refined", LabelMapState.PROPOSAL, "run-1")
    with pytest.raises(InputError, match="another item"):
        project.history.execute(JudgeResult("b", "run-1", Verdict.REJECTED, (proposal,)))
    assert len(project.label_maps.of_item("a")) == 1
