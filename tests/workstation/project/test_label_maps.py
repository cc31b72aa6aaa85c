from __future__ import annotations

import json
import random
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from engines.contract.errors import GeometryError, InputError, PreconditionError, UnknownKeyError
from engines.imaging.volumes.label_classes import LabelClass
from engines.imaging.volumes.mask_editing import Paint, brush, stroke
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import read_volume, write_volume
from engines.imaging.volumes.voxel_changes import VoxelChanges
from workstation.project.label_map_commands import (
    AddLabelMap,
    DeleteLabelMap,
    PaintVoxels,
    SetLabelMapFacts,
    SetLabelMapState,
)
from workstation.project.label_maps import LabelMapState
from workstation.project.project import Project

SHAPE = (12, 10, 8)
AFFINE = np.array([[-0.7, 0, 0, 11.5], [0, 0.7, 0, -40.25], [0, 0, 2.5, 301.125], [0, 0, 0, 1]])


@pytest.fixture
def image(tmp_path: Path) -> Volume:
    """A CT of which a NIfTI header is known."""
    voxels = np.zeros(SHAPE, np.int16)
    return read_volume(write_volume(tmp_path / "ct.nii.gz", Volume(voxels, VolumeGeometry(SHAPE, AFFINE))))


@pytest.fixture
def label_map_id(project: Project, image: Volume) -> str:
    """An empty label map."""
    command = AddLabelMap.on_grid_of(image, "a", "冠脉 coronary")
    project.history.execute(command)
    return command.label_map_id


def dab(project: Project, label_map_id: str, at: tuple[int, int, int], label: int = 1) -> None:
    """Paint one dab on what is there now."""
    volume, _ = project.label_maps.read(label_map_id)
    change = stroke(volume.voxels, [at], brush(volume.geometry.spacing_mm, 1.0, None), Paint(label))
    project.history.execute(PaintVoxels(label_map_id, change.to_text()))


def voxels(project: Project, label_map_id: str) -> np.ndarray:
    return project.label_maps.read(label_map_id)[0].voxels


def test_strokes_are_undone_and_redone_over_a_restart(project: Project, label_map_id: str) -> None:
    dab(project, label_map_id, (3, 3, 3))
    first = voxels(project, label_map_id)
    dab(project, label_map_id, (4, 3, 3), 2)
    second = voxels(project, label_map_id)
    project.close()
    with Project.open(project.folder) as again:
        assert np.array_equal(voxels(again, label_map_id), second)
        assert str(again.history.undo_title("a")) == "paint 冠脉 coronary"
        again.history.undo("a")
        assert np.array_equal(voxels(again, label_map_id), first)
        again.history.redo("a")
        assert np.array_equal(voxels(again, label_map_id), second)


def test_the_file_changes_nothing_and_undo_reaches_beyond_it(project: Project, label_map_id: str) -> None:
    states = [voxels(project, label_map_id)]
    for at in range(2, 8):
        dab(project, label_map_id, (at, 4, 4), at)
        states.append(voxels(project, label_map_id))
        if at % 2:
            path = project.label_maps.write(label_map_id)
            assert np.array_equal(np.asarray(nib.load(path).dataobj), states[-1])
    for state in states[-2::-1]:
        project.history.undo("a")
        assert np.array_equal(voxels(project, label_map_id), state)
    for state in states[1:]:
        project.history.redo("a")
        assert np.array_equal(voxels(project, label_map_id), state)
    assert len(list(path.parent.glob("*.nii.gz"))) == 2


def test_the_file_has_the_affine_of_the_image_bit_by_bit(
    project: Project, label_map_id: str, tmp_path: Path
) -> None:
    dab(project, label_map_id, (3, 3, 3))
    image, written = (
        nib.load(tmp_path / "ct.nii.gz").header,
        nib.load(project.label_maps.write(label_map_id)).header,
    )
    for field in ("srow_x", "srow_y", "srow_z", "quatern_b", "qoffset_z", "pixdim", "sform_code"):
        assert image[field].tobytes() == written[field].tobytes()


def test_an_open_editor_follows_what_others_did(project: Project, label_map_id: str) -> None:
    volume, sequence = project.label_maps.read(label_map_id)
    dab(project, label_map_id, (3, 3, 3))
    dab(project, label_map_id, (6, 5, 4), 2)
    project.history.undo("a")
    changes, newest = project.label_maps.changes_since(label_map_id, sequence)
    for change in changes:
        change.apply(volume.voxels, is_checked=True)

    assert np.array_equal(volume.voxels, voxels(project, label_map_id))
    assert project.label_maps.changes_since(label_map_id, newest) == ([], newest)


def test_label_maps_of_one_item_do_not_mix(project: Project, label_map_id: str, image: Volume) -> None:
    other = AddLabelMap.on_grid_of(image, "a", "aorta", state=LabelMapState.PROPOSAL, source="run-1")
    project.history.execute(other)
    dab(project, other.label_map_id, (5, 5, 5), 300)

    assert not voxels(project, label_map_id).any()
    assert voxels(project, other.label_map_id).max() == 300
    assert voxels(project, other.label_map_id).dtype == np.uint16
    found = {found.name: found for found in project.label_maps.of_item("a")}
    assert found["aorta"].state is LabelMapState.PROPOSAL
    assert found["aorta"].source == "run-1"
    assert project.label_maps.of_item("b") == []


def test_facts_are_edits_too(project: Project, label_map_id: str) -> None:
    project.history.execute(SetLabelMapState(label_map_id, LabelMapState.PROPOSAL))
    assert project.label_maps.get(label_map_id).state is LabelMapState.PROPOSAL
    project.history.execute(DeleteLabelMap(label_map_id))
    with pytest.raises(UnknownKeyError):
        project.label_maps.read(label_map_id)
    project.history.undo("a")
    project.history.undo("a")
    assert project.label_maps.get(label_map_id).state is LabelMapState.ACCEPTED
    project.history.undo("a")
    assert project.label_maps.of_item("a") == []
    project.history.redo("a")
    assert len(project.label_maps.of_item("a")) == 1


def test_bad_edits_are_refused(project: Project, label_map_id: str, image: Volume) -> None:
    with pytest.raises(InputError, match="already has"):
        project.history.execute(AddLabelMap.on_grid_of(image, "a", "冠脉 coronary"))
    small = VoxelChanges.between(np.zeros((2, 2, 2), int), np.ones((2, 2, 2), int), (2, 2, 2))
    with pytest.raises(GeometryError, match="12 x 10 x 8"):
        project.history.execute(PaintVoxels(label_map_id, small.to_text()))
    revision = project.label_maps.get(label_map_id).revision
    dab(project, label_map_id, (3, 3, 3))
    change = VoxelChanges.between(np.zeros(SHAPE, int), np.ones(SHAPE, int), SHAPE)
    with pytest.raises(InputError, match="another edit"):
        project.history.execute(PaintVoxels(label_map_id, change.to_text(), revision=revision))
    project.label_maps.write(label_map_id).unlink()
    with pytest.raises(PreconditionError, match="is gone"):
        project.label_maps.read(label_map_id)


PAINTER = """
import json, random, sys, zlib
from pathlib import Path
import numpy as np
from engines.imaging.volumes.label_classes import LabelClass
from engines.imaging.volumes.mask_editing import Paint, brush, stroke
from workstation.project.label_map_commands import PaintVoxels
from workstation.project.project import Project

rng = random.Random(int(sys.argv[2]))
project = Project.open(Path(sys.argv[1]))
label_map = project.label_maps.of_item("a")[0]
volume, sequence = project.label_maps.read(label_map.id)
print("ready", flush=True)
for number in range(int(sys.argv[3])):
    choice = rng.choice(["paint", "paint", "paint", "undo", "redo", "write"])
    if choice == "undo":
        project.history.undo("a") if number > 3 else None
    elif choice == "redo":
        project.history.redo("a")
    elif choice == "write":
        project.label_maps.write(label_map.id)
    else:
        at = tuple(rng.randrange(side) for side in volume.voxels.shape)
        change = stroke(volume.voxels, [at], brush((0.7, 0.7, 2.5), 2.0, None), Paint(rng.randrange(4)))
        project.history.execute(PaintVoxels(label_map.id, change.to_text()))
    changes, sequence = project.label_maps.changes_since(label_map.id, sequence)
    for change in changes:
        change.apply(volume.voxels, is_checked=True)
    print(json.dumps([sequence, zlib.crc32(np.ascontiguousarray(volume.voxels).tobytes())]), flush=True)
"""


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 25))]
)
def test_no_acknowledged_stroke_is_lost_when_the_process_is_killed(
    project: Project, label_map_id: str, seed: int
) -> None:
    for at in range(2, 7):
        dab(project, label_map_id, (at, at, 4))
    project.close()
    command = [sys.executable, "-c", PAINTER, str(project.folder), str(seed), "400"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        lines = [process.stdout.readline() for _ in range(random.Random(seed).randrange(5, 60))]
        process.kill()
        lines += [line for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    acknowledged, checksum = json.loads(lines[-1])
    with Project.open(project.folder) as again:
        volume, sequence = again.label_maps.read(label_map_id)
        # The edit that was being acknowledged when the process died may be there too, and no other.
        later, _ = again.label_maps.changes_since(label_map_id, acknowledged)
        assert len(later) <= 1
        for change in later:
            change.inverse.apply(volume.voxels, is_checked=True)
        assert zlib.crc32(np.ascontiguousarray(volume.voxels).tobytes()) == checksum
        assert sequence >= acknowledged or not later


def test_a_label_map_is_added_with_its_voxels_and_classes(project: Project) -> None:
    volume = Volume(np.arange(24, dtype=np.uint8).reshape(2, 3, 4), VolumeGeometry((2, 3, 4), np.eye(4)))
    base = AddLabelMap.on_grid_of(volume, "a", "参考", classes=(LabelClass(2, "aorta", "#112233"),))
    file = project.label_maps.keep("a", base.label_map_id, volume)
    project.history.execute(replace(base, file=file, source="import"))
    (found,) = project.label_maps.of_item("a")
    assert found.classes == (LabelClass(2, "aorta", "#112233"),)
    assert np.array_equal(project.label_maps.read(found.id)[0].voxels, volume.voxels)
    project.history.undo()
    assert project.label_maps.of_item("a") == []
    project.history.redo()
    assert np.array_equal(project.label_maps.read(found.id)[0].voxels, volume.voxels)


def test_names_and_classes_are_changed_and_undone(project: Project) -> None:
    volume = Volume(np.zeros((2, 2, 2), np.uint8), VolumeGeometry((2, 2, 2), np.eye(4)))
    for name in ("one", "two"):
        project.history.execute(AddLabelMap.on_grid_of(volume, "a", name))
    one = project.label_maps.of_item("a")[0]
    project.history.execute(SetLabelMapFacts(one.id, name="three"))
    project.history.execute(SetLabelMapFacts(one.id, classes=(LabelClass(1, "x", "#000000"),)))
    changed = project.label_maps.get(one.id)
    assert (changed.name, [found.name for found in changed.classes]) == ("three", ["x"])
    project.history.undo()
    project.history.undo()
    assert (project.label_maps.get(one.id).name, project.label_maps.get(one.id).classes) == ("one", ())
    with pytest.raises(InputError, match="already has"):
        project.history.execute(SetLabelMapFacts(one.id, name="two"))
    with pytest.raises(InputError, match="needs a name"):
        project.history.execute(SetLabelMapFacts(one.id, name=" "))
