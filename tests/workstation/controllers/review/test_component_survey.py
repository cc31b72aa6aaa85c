from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines.contract.component_table import ComponentColumn, ComponentRecord, ComponentTable
from engines.contract.errors import InputError
from engines.imaging.volumes.mask_editing import Paint, painted
from workstation.controllers.review.component_survey import Survey, take_survey
from workstation.project.component_commands import JudgeComponents
from workstation.project.component_review import REJECT
from workstation.project.label_map_commands import PaintVoxels
from workstation.project.project import Project
from workstation.views.protocols.components import ACCEPTED, REJECTED

SHAPE = (20, 18, 9)


def voxels() -> np.ndarray:
    """Pieces of 12, 8 and 2 voxels of class 3."""
    made = np.zeros(SHAPE, np.uint8)
    made[2:8, 3, 3:5] = 3
    made[12:16, 3, 3:5] = 3
    made[2:4, 14, 8] = 3
    return made


@pytest.fixture
def label_map_id(project: Project, add_case: Callable[..., None]) -> str:
    add_case(project, "例 1", {"mask": ("run-7", voxels())})
    return project.label_maps.of_item("例 1")[0].id


@pytest.fixture
def project(tmp_path: Path) -> Project:
    with Project.create(tmp_path / "项目 p", "p") as made:
        yield made


def survey(project: Project, label_map_id: str) -> Survey:
    return take_survey(project, label_map_id, project.label_maps.read(label_map_id)[0], 3, None)


def paint(project: Project, label_map_id: str, box: tuple[object, ...], label: int, title: str) -> None:
    mask = np.zeros(SHAPE, bool)
    mask[box] = True
    labels = project.label_maps.read(label_map_id)[0].voxels
    only = 3 if label == 0 else None
    change = painted(labels, mask, Paint(label, only=only))
    project.history.execute(PaintVoxels(label_map_id, change.to_text(), title))


def test_an_accepted_piece_stays_accepted_when_its_border_is_edited(
    project: Project, label_map_id: str
) -> None:
    project.history.execute(JudgeComponents(label_map_id, 3, ((4, 3, 3),)))
    paint(project, label_map_id, (slice(2, 4), 3, 3), 0, "erase {name}")
    assert [(line.num_voxels, line.state) for line in survey(project, label_map_id).lines()] == [
        (10, ACCEPTED),
        (8, ""),
        (2, ""),
    ]


def test_rejected_pieces_are_those_voxels_that_are_still_gone(project: Project, label_map_id: str) -> None:
    paint(project, label_map_id, (slice(10, 20), slice(None), slice(None)), 0, REJECT)
    paint(project, label_map_id, (2, 14, 8), 0, REJECT)
    found = survey(project, label_map_id)
    assert sorted(line.num_voxels for line in found.lines() if line.state == REJECTED) == [1, 8]
    paint(project, label_map_id, (slice(12, 14), 3, 3), 3, "paint {name}")
    found = survey(project, label_map_id)
    rejected = [piece for piece in found.rejected if piece.line.num_voxels == 6]
    assert len(rejected) == 1
    (mask, box), *_ = found.masks([rejected[0].key])
    whole = np.zeros(SHAPE, bool)
    whole[box] = mask
    assert (voxels()[whole] == 3).all()


def test_a_voxel_that_was_rejected_twice_is_listed_once(project: Project, label_map_id: str) -> None:
    everything = (slice(None), slice(None), slice(8, 9))
    paint(project, label_map_id, everything, 0, REJECT)
    paint(project, label_map_id, (slice(2, 4), 14, 8), 3, "restore component of {name}")
    paint(project, label_map_id, everything, 0, REJECT)
    assert [piece.line.num_voxels for piece in survey(project, label_map_id).rejected] == [2]


def test_lengths_are_measured_once_and_can_be_stopped(project: Project, label_map_id: str) -> None:
    found, known = survey(project, label_map_id), {}
    measured = found.measured((0.8, 0.8, 2.5), known, lambda: False)
    assert measured is not None
    assert measured.lines()[0].length_mm == pytest.approx(5 * 0.8, abs=2.6)
    assert len(known) == 3
    assert found.measured((0.8, 0.8, 2.5), known, lambda: True) is None


def test_a_run_brings_columns_and_suggestions_as_data(project: Project, label_map_id: str) -> None:
    folder = project.runs.root / "run-7"
    (folder / "outputs" / "components").mkdir(parents=True)
    (folder / "config.yaml").write_text("pipeline: gone\n", encoding="utf-8")
    table = ComponentTable(
        columns=(ComponentColumn(key="aorta_mm", title="Aorta (mm)", help="Distance."),),
        components=(
            ComponentRecord(label=3, voxel=(13, 3, 4), proposal="reject", values={"aorta_mm": 12.5}),
            ComponentRecord(label=9, voxel=(3, 3, 3)),
            ComponentRecord(label=3, voxel=(19, 17, 8), values={"aorta_mm": 1.0}),
        ),
    )
    path = folder / "outputs" / "components" / "例 1.json"
    table.write(path)
    found = survey(project, label_map_id)
    assert [column.key for column in found.columns] == ["aorta_mm"]
    lines = found.lines()
    assert (lines[1].proposal, dict(lines[1].values)) == ("reject", {"aorta_mm": 12.5})
    assert not lines[0].values
    path.write_text("{", encoding="utf-8")
    assert survey(project, label_map_id).columns == ()
    with pytest.raises(InputError, match="cannot be read"):
        ComponentTable.read(path)
