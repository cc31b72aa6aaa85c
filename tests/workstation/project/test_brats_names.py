"""Names of BraTS trees of several years, and the known stray name of a mask in one of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.cli import main
from workstation.project.project import Project

GEOMETRY = VolumeGeometry((9, 8, 7), np.eye(4))
OLD = ("t1", "t1ce", "t2", "flair")
NEW = ("t1n", "t1c", "t2w", "t2f")


def write(folder: Path, name: str, seed: int, *, is_label: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    values = (
        generator.integers(0, 2, GEOMETRY.shape) * 2
        if is_label
        else generator.integers(1, 900, GEOMETRY.shape)
    )
    write_volume(folder / name, Volume(values.astype(np.uint8 if is_label else np.int16), GEOMETRY))


def write_case(root: Path, case: str, roles: tuple[str, ...], separator: str, mask: str = "") -> None:
    seed = abs(hash(case)) % 1000 * 10
    for number, role in enumerate(roles):
        write(root / case, f"{case}{separator}{role}.nii.gz", seed + number)
    write(root / case, mask or f"{case}{separator}seg.nii.gz", seed + 9, is_label=True)


def imported(folder: Path, root: Path) -> Project:
    Project.create(folder / "project", "p").close()
    assert main(["import", str(folder / "project"), str(root)]) == 0
    return Project.open(folder / "project")


@pytest.mark.parametrize(
    ("cases", "roles", "separator"),
    [
        (("BraTS20_Training_001", "BraTS20_Training_002"), OLD, "_"),
        (("BraTS2021_00000", "BraTS2021_00002"), OLD, "_"),
        (("BraTS-GLI-00000-000", "BraTS-GLI-00002-000"), NEW, "-"),
    ],
    ids=["2020", "2021", "2023"],
)
def test_a_tree_of_any_year_becomes_cases_with_four_modalities(
    cases: tuple[str, ...], roles: tuple[str, ...], separator: str, tmp_path: Path
) -> None:
    for case in cases:
        write_case(tmp_path / "tree", case, roles, separator)
    with imported(tmp_path, tmp_path / "tree") as project:
        items = project.items.all()
        assert [item.id for item in items] == list(cases)
        assert all(item.has(*OLD) for item in items)
        assert set(project.label_maps.accepted()) == set(cases)


def test_the_mask_with_a_foreign_name_goes_to_its_case_and_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "tree"
    write_case(root, "BraTS20_Training_354", OLD, "_")
    write_case(root, "BraTS20_Training_355", OLD, "_", mask="W39_1998.09.19_Segm.nii")
    with imported(tmp_path, root) as project:
        assert set(project.label_maps.accepted()) == {"BraTS20_Training_354", "BraTS20_Training_355"}
    said = capsys.readouterr()
    assert "W39_1998.09.19_Segm.nii tells no case" in said.out + said.err


def test_scans_of_one_person_at_several_times_are_one_subject(tmp_path: Path) -> None:
    for case in ("BraTS-GLI-00000-000", "BraTS-GLI-00000-001", "BraTS-GLI-00002-000"):
        write_case(tmp_path / "tree", case, NEW, "-")
    with imported(tmp_path, tmp_path / "tree") as project:
        subjects = {item.id: item.subject for item in project.items.all()}
    assert subjects == {
        "BraTS-GLI-00000-000": "BraTS-GLI-00000",
        "BraTS-GLI-00000-001": "BraTS-GLI-00000",
        "BraTS-GLI-00002-000": "BraTS-GLI-00002",
    }


def test_a_tree_of_2015_has_a_folder_for_each_file(tmp_path: Path) -> None:
    number = 54_512
    for grade, case in (("HGG", "brats_2013_pat0001_1"), ("LGG", "brats_tcia_pat100_0002")):
        for word in ("MR_Flair", "MR_T1", "MR_T1c", "MR_T2", "OT"):
            name = f"VSD.Brain{'_3more' if word == 'OT' else ''}.XX.O.{word}.{number}"
            write(tmp_path / "tree" / grade / case / name, f"{name}.mha", number, is_label=word == "OT")
            number += 1
    with imported(tmp_path, tmp_path / "tree") as project:
        items = {item.id: item for item in project.items.all()}
        assert set(items) == {"brats_2013_pat0001_1", "brats_tcia_pat100_0002"}
        assert all(item.has(*OLD) for item in items.values())
        assert items["brats_tcia_pat100_0002"].subject == "brats_tcia_pat100"
        assert set(project.label_maps.accepted()) == set(items)
