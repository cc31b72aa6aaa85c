from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import InputError
from engines.contract.kinds import Action, OutputKind
from engines.contract.registry import all_specs
from engines.contract.run_folder import RunFolder, RunRequest
from engines.imaging.volumes.label_classes import LabelClass
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.controllers.review.proposal_import import (
    bring_in_label_map,
    bring_in_results,
    resampled_proposal,
)
from workstation.project.label_map_commands import SetLabelMapFacts
from workstation.project.label_maps import LabelMapState
from workstation.project.project import Project
from workstation.runs.outputs import label_map_outputs

SHAPE = (20, 18, 9)
AFFINE = np.array([[-0.8, 0, 0, 30.0], [0, 0.8, 0, -12.0], [0, 0, 2.5, 100.0], [0, 0, 0, 1.0]])
FINE = VolumeGeometry((40, 36, 9), AFFINE @ np.diag([0.5, 0.5, 1.0, 1.0]))


@pytest.fixture
def project(tmp_path: Path, add_case: Callable[..., None]) -> Iterator[Project]:
    """A case with an accepted mask of a named class."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:9, 4:9, 4] = 7
    with Project.create(tmp_path / "项目 p", "p") as made:
        add_case(made, "a", {"mask": ("import", labels)})
        mask = made.label_maps.of_item("a")[0]
        made.history.execute(SetLabelMapFacts(mask.id, classes=(LabelClass(7, "冠脉", "#ff0000"),)))
        yield made


def result(folder: Path, label: int = 7) -> Path:
    voxels = np.zeros(FINE.shape, np.uint8)
    voxels[8:18, 8:20, 4] = label
    folder.mkdir(parents=True, exist_ok=True)
    return write_volume(folder / "a.nii.gz", Volume(voxels, FINE))


def test_a_result_arrives_as_a_proposal_on_its_own_grid(project: Project, tmp_path: Path) -> None:
    label_map_id = bring_in_label_map(project, "a", result(tmp_path / "r"), "R-041", "mask")
    found = project.label_maps.get(label_map_id)
    assert (found.state, found.source, found.name) == (LabelMapState.PROPOSAL, "R-041", "mask 2")
    assert [one.name for one in found.classes] == ["冠脉"]
    volume, _ = project.label_maps.read(label_map_id)
    assert volume.geometry.difference(FINE) is None
    assert (volume.voxels == 7).sum() == 120
    project.history.undo("a")
    assert [one.name for one in project.label_maps.of_item("a")] == ["mask"]


def test_a_proposal_is_brought_to_the_grid_of_what_is_accepted(project: Project, tmp_path: Path) -> None:
    made = bring_in_label_map(project, "a", result(tmp_path / "r"), "R-041", "refined")
    proposal, accepted = project.label_maps.get(made), project.label_maps.of_item("a")[0]
    volume, _ = project.label_maps.read(made)
    copy = project.label_maps.get(resampled_proposal(project, proposal, volume, accepted.geometry))
    assert copy.state is LabelMapState.PROPOSAL
    assert copy.source == "R-041"
    assert accepted.geometry.difference(copy.geometry) is None
    assert project.label_maps.read(copy.id)[0].voxels.any()


def test_a_file_that_is_no_label_map_changes_nothing(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "broken.nii.gz"
    path.write_bytes(b"no")
    with pytest.raises(InputError):
        bring_in_label_map(project, "a", path, "R-1", "x")
    assert len(project.label_maps.of_item("a")) == 1


def test_results_of_runs_are_brought_in_once(project: Project) -> None:
    specs = [
        (spec, output)
        for spec in all_specs()
        for output in spec.outputs
        if output.kind is OutputKind.LABEL_MAP
    ]
    if not specs:
        pytest.skip("no pipeline of this build writes label maps")
    spec, output = specs[0]
    for run_id in ("20260101-a", "20260102-b"):
        folder = RunFolder(project.runs.root / run_id)
        folder.path.mkdir(parents=True)
        folder.write_request(RunRequest(pipeline=spec.key, action=Action.PREDICT))
        result(folder.outputs_dir / output.role)
    assert {found.run_id for found in label_map_outputs(project, "a")} == {"20260101-a", "20260102-b"}
    assert label_map_outputs(project, "b") == []
    made = bring_in_results(project, "a")
    assert [project.label_maps.get(one).source for one in made] == ["20260101-a", "20260102-b"]
    assert bring_in_results(project, "a") == []
