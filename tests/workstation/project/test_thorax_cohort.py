from __future__ import annotations

from pathlib import Path

import pytest

from engines.contract.kinds import ItemKind
from engines.imaging.volumes.volume_files import read_volume
from workstation.cli import main
from workstation.project.project import Project


def test_the_command_makes_a_project_of_simulated_pairs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "胸 chests"
    command = ["phantom-thorax", str(folder), "--subjects", "5", "--side", "32", "--slices", "4"]
    assert main(command) == 0
    assert str(folder) in capsys.readouterr().out
    assert "SIMULATED" in (folder / "images" / "SIMULATED.txt").read_text(encoding="utf-8")
    with Project.open(folder) as project:
        items = project.items.all()
        assert {item.kind for item in items} == {ItemKind.VOLUME_PAIR}
        assert all(item.has("ncct", "cta") for item in items)
        assigned = project.splits.of_subjects()
    assert {str(split) for split in assigned.values()} == {"train", "val", "test"}
    volume = read_volume(folder / "images" / "simulated_00" / "cta.nii.gz")
    assert volume.voxels.shape == (32, 32, 4)


def test_too_few_chests_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["phantom-thorax", str(tmp_path / "small"), "--subjects", "4"]) == 2
    assert "at least 5" in capsys.readouterr().err
    assert not (tmp_path / "small").exists()
