from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import GeometryError, UnknownKeyError
from engines.imaging.volumes.mask_editing import Paint, painted
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from workstation.project.component_commands import JudgeComponents
from workstation.project.component_review import REJECT, accepted_voxels, rejections
from workstation.project.history import Command
from workstation.project.label_map_commands import AddLabelMap, PaintVoxels
from workstation.project.project import Project

SHAPE = (6, 5, 4)


@pytest.fixture
def label_map_id(project: Project) -> str:
    """A label map whose first plane is class 3."""
    volume = Volume(np.zeros(SHAPE, np.uint8), VolumeGeometry(SHAPE, np.diag([0.5, 0.5, 2.0, 1.0])))
    command = AddLabelMap.on_grid_of(volume, "a", "冠脉")
    project.history.execute(command)
    project.history.execute(paint(project, command.label_map_id, 3, "paint {name}"))
    return command.label_map_id


def paint(project: Project, label_map_id: str, label: int, title: str) -> Command:
    voxels = project.label_maps.read(label_map_id)[0].voxels
    mask = np.zeros(SHAPE, bool)
    mask[0] = True
    return PaintVoxels(label_map_id, painted(voxels, mask, Paint(label)).to_text(), title)


def accepted(project: Project, label_map_id: str) -> set[tuple[int, int, int]]:
    return set(accepted_voxels(project.store, label_map_id, 3))


def test_an_acceptance_holds_until_it_is_taken_back(project: Project, label_map_id: str) -> None:
    project.history.execute(JudgeComponents(label_map_id, 3, ((0, 1, 1), (4, 4, 3))))
    project.history.execute(JudgeComponents(label_map_id, 5, ((1, 1, 1),)))
    assert accepted(project, label_map_id) == {(0, 1, 1), (4, 4, 3)}
    project.history.execute(JudgeComponents(label_map_id, 3, ((4, 4, 3),), is_accepted=False))
    assert accepted(project, label_map_id) == {(0, 1, 1)}
    project.history.undo("a")
    assert accepted(project, label_map_id) == {(0, 1, 1), (4, 4, 3)}


def test_acceptances_survive_a_restart_and_follow_undo_and_redo(project: Project, label_map_id: str) -> None:
    project.history.execute(JudgeComponents(label_map_id, 3, ((0, 1, 1),)))
    folder: Path = project.folder
    with Project.open(folder) as again:
        assert accepted(again, label_map_id) == {(0, 1, 1)}
        again.history.undo("a")
        assert not accepted(again, label_map_id)
        again.history.redo("a")
        assert accepted(again, label_map_id) == {(0, 1, 1)}


def test_a_rejection_keeps_exactly_its_voxels(project: Project, label_map_id: str) -> None:
    project.history.execute(paint(project, label_map_id, 0, REJECT))
    (found,) = rejections(project.store, label_map_id)
    assert found.changes.removed() == 20
    assert (found.changes.runs[:, 2] == 3).all()


def test_only_rejections_that_hold_are_listed_the_newest_first(project: Project, label_map_id: str) -> None:
    project.history.execute(paint(project, label_map_id, 0, REJECT))
    project.history.execute(paint(project, label_map_id, 3, "paint {name}"))
    project.history.execute(paint(project, label_map_id, 0, REJECT))
    newest, oldest = rejections(project.store, label_map_id)
    assert newest.sequence > oldest.sequence
    project.history.undo("a")
    assert [found.sequence for found in rejections(project.store, label_map_id)] == [oldest.sequence]


def test_voxels_outside_and_unknown_label_maps_are_refused(project: Project, label_map_id: str) -> None:
    with pytest.raises(GeometryError, match="does not lie"):
        project.history.execute(JudgeComponents(label_map_id, 3, ((6, 0, 0),)))
    with pytest.raises(UnknownKeyError):
        rejections(project.store, "gone")


def test_a_stroke_remembers_what_it_was_computed_from(project: Project, label_map_id: str) -> None:
    volume = project.label_maps.read(label_map_id)[0]
    change = painted(volume.voxels, volume.voxels == 3, Paint(4))
    command = PaintVoxels(label_map_id, change.to_text(), sources=(("proposal", 7), (label_map_id, 2)))
    project.history.execute(command)
    again = Command.from_payload(command.kind, command.to_payload())
    assert isinstance(again, PaintVoxels)
    assert again.sources == (("proposal", 7), (label_map_id, 2))


def test_runs_are_told_what_was_decided(project: Project, label_map_id: str, tmp_path: Path) -> None:
    """What holds only: a piece accepted and then taken away is rejected, one that came back is not."""
    from engines.contract.kinds import ItemKind
    from engines.contract.manifest import ItemRecord, Manifest
    from workstation.project.component_decisions import with_decisions

    given = Manifest(items=(ItemRecord(id="a", subject="s", kind=ItemKind.VOLUME, files={}),))
    assert with_decisions(given, project.store, project.label_maps) == given
    project.history.execute(JudgeComponents(label_map_id, 3, ((0, 1, 1),)))
    (item,) = with_decisions(given, project.store, project.label_maps).items
    (decision,) = item.decisions
    assert (decision.label, decision.voxel, decision.shape) == (3, (0, 1, 1), SHAPE)
    assert decision.is_accepted
    project.history.execute(paint(project, label_map_id, 0, REJECT))
    (item,) = with_decisions(given, project.store, project.label_maps).items
    (decision,) = item.decisions
    assert (decision.label, decision.voxel, decision.is_accepted) == (3, (0, 0, 0), False)
    project.history.execute(paint(project, label_map_id, 3, "restore component of {name}"))
    (item,) = with_decisions(given, project.store, project.label_maps).items
    assert [one.is_accepted for one in item.decisions] == [True]
    path = tmp_path / "manifest.json"
    Manifest(items=(item,)).write(path)
    assert Manifest.read(path).items[0].decisions == item.decisions
