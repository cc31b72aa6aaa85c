"""What is wrong with cases is said in a sentence that helps, and the other cases go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import GeometryError, InputError, PreconditionError
from engines.contract.events import Warned, read_events
from engines.contract.kinds import Split
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import read_label_map, write_volume

Carry = Callable[[RunFolder], RunContext]
Make = Callable[..., RunFolder]
QUICK = {"max_steps": 1, "preview_every_epochs": 0}


def warnings_of(folder: RunFolder) -> list[str]:
    return [
        event.message.format(**event.parameters)
        for event in read_events(folder.events_path)
        if isinstance(event, Warned)
    ]


def label_path(folder: RunFolder, number: int) -> Path:
    return folder.annotations_dir / f"case_{number}.label_map.nii.gz"


def test_a_wrong_class_is_told_with_the_classes_there_are(make: Make, carry_out: Carry) -> None:
    with pytest.raises(
        InputError, match=r"case_0 has no voxel of class 5; it holds 9 \(\d+ voxels\).*label_class"
    ):
        carry_out(make("train", settings={"label_class": 5, **QUICK}))


def test_an_empty_label_map_is_told(make: Make, carry_out: Carry) -> None:
    nothing = np.zeros((28, 24, 22), dtype=bool)
    with pytest.raises(InputError, match="case_0 has no voxel of class 9; it holds background only"):
        carry_out(make("train", label=nothing, settings=QUICK))


def test_a_label_map_on_another_grid_is_told(make: Make, carry_out: Carry) -> None:
    folder = make("train", settings=QUICK)
    label_map = read_label_map(label_path(folder, 0))
    matrix = label_map.geometry.world_from_voxel.copy()
    matrix[0, 3] += 5.0
    moved = VolumeGeometry(label_map.geometry.shape, matrix)
    write_volume(label_path(folder, 0), Volume(label_map.voxels, moved))
    with pytest.raises(GeometryError, match="label map of case_0"):
        carry_out(folder)


def test_a_single_case_is_enough(make: Make, carry_out: Carry) -> None:
    """There is nothing to validate on; the whole lattice of the case itself is scored."""
    folder = make("train", splits=(Split.TRAIN,), settings=QUICK)
    run = carry_out(folder)
    assert run.step == 1
    assert (folder.checkpoints_dir / "last").is_dir()


def test_cases_that_are_all_the_same_are_warned_of(make: Make, carry_out: Carry) -> None:
    label = np.zeros((28, 24, 22), dtype=bool)
    label[6:22, 10:14, 9:13] = True
    folder = make("train", label=label, settings=QUICK)
    carry_out(folder)
    assert any("have the same label: they count as one" in text for text in warnings_of(folder))


def test_items_that_cannot_be_refined_are_left_out(make: Make, carry_out: Carry, trained: RunFolder) -> None:
    """One of another grid, one without the class; the third is refined."""
    settings = {"latent_steps": 0}
    folder = make("predict", base_run=str(trained.path), splits=(Split.TEST,) * 3, settings=settings)
    given = read_label_map(label_path(folder, 0))
    fine = VolumeGeometry(
        given.geometry.shape, given.geometry.world_from_voxel @ np.diag([0.5, 0.5, 0.5, 1.0])
    )
    write_volume(label_path(folder, 0), Volume(given.voxels, fine))
    write_volume(label_path(folder, 1), Volume(given.voxels // 3, given.geometry))
    run = carry_out(folder)
    assert run.summary["items"] == 1
    said = warnings_of(folder)
    assert any(text.startswith("case_0 was left out") for text in said)
    assert any("it holds 3 (" in text for text in said)
    assert not (folder.outputs_dir / "fused" / "case_0.nii.gz").exists()
    assert (folder.outputs_dir / "fused" / "case_2.nii.gz").exists()


def test_a_run_without_a_single_result_failed(make: Make, carry_out: Carry, trained: RunFolder) -> None:
    label = np.zeros((28, 24, 22), dtype=bool)
    folder = make("predict", base_run=str(trained.path), splits=(Split.TEST,), label=label)
    with pytest.raises(PreconditionError, match=r"None of the 1 items.*no voxel of class 9"):
        carry_out(folder)
