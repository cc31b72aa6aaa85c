"""Label maps leave a project through the command line."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.voxel_changes import VoxelChanges
from workstation.project.label_map_commands import AddLabelMap, PaintVoxels
from workstation.project.label_maps import LabelMapState
from workstation.project.project import Project

GRID = VolumeGeometry((6, 5, 4), np.diag([-0.5, 0.5, 2.0, 1.0]))


@pytest.fixture
def labelled(sample):
    """The sample with an accepted label map and a proposal, and the id of their item."""
    with Project.open(sample) as project:
        item_id = project.items.all()[0].id
        for name, state in (("main 主", LabelMapState.ACCEPTED), ("offer", LabelMapState.PROPOSAL)):
            made = AddLabelMap.on_grid_of(
                Volume(np.zeros(GRID.shape, np.uint8), GRID), item_id, name, state=state
            )
            project.history.execute(made)
            change = VoxelChanges.between(np.zeros(GRID.shape, int), np.ones(GRID.shape, int), GRID.shape)
            project.history.execute(PaintVoxels(made.label_map_id, change.to_text()))
    return sample, item_id


def test_label_maps_are_written_and_chosen(cli, labelled, tmp_path):
    project, item_id = labelled
    out = tmp_path / "导出 nifti"
    done = cli("export", project, "nifti", out, "--items", item_id)
    assert done.code == 0
    assert done.out.splitlines()[0] == str(out / item_id / "main 主.nii.gz")
    image = nib.load(out / item_id / "main 主.nii.gz")
    assert np.asanyarray(image.dataobj).all()
    assert np.allclose(image.affine, GRID.world_from_voxel)

    assert cli("export", project, "stl", tmp_path / "a", "--proposals").code == 0
    assert (tmp_path / "a" / item_id / "offer" / "label 1.stl").is_file()
    assert cli("export", project, "mha", tmp_path / "b", "--label-maps", "offer").code == 0
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text(encoding="utf-8"))
    assert [row["label_map"]["name"] for row in manifest["label_maps"]] == ["offer"]


def test_what_cannot_be_written_is_said(cli, labelled, tmp_path):
    project, _ = labelled
    done = cli("export", project, "mha", tmp_path / "x", "--label-maps", "mian")
    assert done.code == 2
    assert "is called 'mian'" in done.err
    assert "offer" in done.err
    done = cli("export", project, "nnunet", tmp_path / "x", "--proposals")
    assert done.code == 2
    assert "2 label maps" in done.err
    (tmp_path / "dicom").mkdir()
    done = cli("export", project, "dicom_seg", tmp_path / "x", "--dicom", tmp_path / "dicom")
    assert "no DICOM series" in done.err
    assert not (tmp_path / "x").exists()
