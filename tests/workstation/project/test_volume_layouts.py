from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines.contract.kinds import Split
from engines.imaging.volumes.merged_masks import MaskOverlap
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.project.importers.checks import check, ready
from workstation.project.importers.folder_tree import scan
from workstation.project.importers.folders import import_proposal
from workstation.project.importers.inspection import inspect
from workstation.project.importers.layouts import recognise
from workstation.project.importers.proposal import ImportProposal, ProposedItem
from workstation.project.importers.volume_words import words_of
from workstation.project.project import Project

Make = Callable[..., Path]
REFERENCE = os.environ.get("WORKSTATION_REFERENCE_DATA", "")


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make empty files; layouts of names read no voxels."""

    def files(*names: str) -> Path:
        root = tmp_path / "影像 数据"
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return root

    return files


def write(path: Path, voxels: np.ndarray, spacing: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    write_volume(path, Volume(voxels, VolumeGeometry(voxels.shape, affine)))


def first(root: Path) -> ImportProposal:
    return recognise(scan([root]))[0]


def shown(item: ProposedItem) -> dict[str, str]:
    return {file.role: file.path.name for file in item.files}


def item(proposal: ImportProposal, name: str) -> ProposedItem:
    return next(found for found in proposal.items if found.item == name)


@pytest.mark.parametrize(
    ("name", "case", "role"),
    [
        ("BraTS-GLI-00001-000-t1c", "BraTS-GLI-00001-000", "t1ce"),
        ("pat_07_flair", "pat_07", "flair"),
        ("Flair_subtrMeanDivStd", "", "flair"),
        ("OTMultiClass", "", "label_map"),
        ("brain_mask", "", "brain_mask"),
        ("ct_heart_cta", "heart", "cta"),
        ("病例 3_image", "病例 3", None),
        ("12.ccta.label", "12", "label_map"),
        ("scan", "", None),
        ("label_map", "", "label_map"),
    ],
)
def test_names_tell_case_and_role(name: str, case: str, role: str | None) -> None:
    words = words_of(name)
    assert (words.case, words.role) == (case, role)


def test_a_folder_for_each_case(make: Make) -> None:
    root = make(
        "p1/ct.nii.gz", "p1/label.nii.gz", "p2/ct.nii.gz", "p2/notes.txt", "SOURCES.tsv", "p3/t1.nrrd",
        "p3/t2.nrrd",
    )  # fmt: skip
    found = first(root)
    assert found.layout == "volume_cases"
    assert {one.item: shown(one) for one in found.items} == {
        "p1": {"ct": "ct.nii.gz", "label_map": "label.nii.gz"},
        "p2": {"ct": "ct.nii.gz"},
        "p3": {"t1": "t1.nrrd", "t2": "t2.nrrd"},
    }
    assert found.unused == ()


def test_of_two_label_maps_the_one_that_is_called_nothing_else_is_taken_and_the_other_said(
    make: Make,
) -> None:
    found = first(make("p1/image.nii.gz", "p1/clean_label_map.nii.gz", "p1/label_map.nii.gz"))
    (one,) = found.items
    assert shown(one) == {"volume": "image.nii.gz", "label_map": "label_map.nii.gz"}
    assert [path.name for path in found.unused] == ["clean_label_map.nii.gz"]


def test_all_cases_in_one_folder_and_labels_in_another(make: Make) -> None:
    flat = first(make("a_0_image.mha", "a_0_seg.mha", "b_0_image.mha"))
    assert shown(item(flat, "a_0")) == {"volume": "a_0_image.mha", "label_map": "a_0_seg.mha"}
    apart = first(make("../x/images/a.nii.gz", "../x/images/b.nii.gz", "../x/labels/a.nii.gz") / "../x")
    assert apart.layout == "volume_cases"
    assert shown(item(apart, "a")) == {"volume": "a.nii.gz", "label_map": "a.nii.gz"}
    assert shown(item(apart, "b")) == {"volume": "b.nii.gz"}


def test_brats_of_both_generations_get_their_own_classes(make: Make) -> None:
    old = [f"old/BraTS_1/BraTS_1_{part}.nii.gz" for part in ("t1", "t1ce", "t2", "flair", "seg")]
    new = [f"new/GLI-2/GLI-2-{part}.nii.gz" for part in ("t1n", "t1c", "t2w", "t2f", "seg")]
    found = first(make(*old, *new))
    for name, enhancing in (("BraTS_1", 4), ("GLI-2", 3)):
        case = item(found, name)
        assert [file.role for file in case.files] == ["t1", "t1ce", "t2", "flair", "label_map"]
        assert [one.value for one in case.files[-1].classes] == [1, 2, enhancing]


def test_deepmedic_names(make: Make) -> None:
    names = ("Flair_subtrMeanDivStd", "T1c_subtrMeanDivStd", "OTMultiClass", "brainmask")
    found = first(make(*(f"brats_2013_pat0003_1/{name}.nii.gz" for name in names)))
    (case,) = found.items
    assert case.item == "brats_2013_pat0003_1"
    assert [file.role for file in case.files] == ["t1ce", "flair", "label_map", "brain_mask"]
    assert case.files[2].classes[2].name == "non-enhancing core"


def test_masks_of_one_class_each_become_one_label_map(tmp_path: Path) -> None:
    ct = np.zeros((6, 6, 6), np.int16)
    ct[0, 0, 0] = -1000
    heart, aorta = np.zeros((2, 6, 6, 6), np.uint8)
    heart[1:5, 1:5, 1:5] = 1
    aorta[2:4, 2:4, 2:4] = 1
    aorta[5, 5, 5] = 1
    write(tmp_path / "s1/ct.nii.gz", ct)
    for name, mask in (("heart", heart), ("aorta", aorta)):
        write(tmp_path / f"s1/segmentations/{name}.nii.gz", mask)
    found = first(tmp_path)
    assert found.layout == "class_folders"
    (case,) = found.items
    assert [one.name for one in case.files[1].classes] == ["aorta", "heart"]
    inspection = inspect([found])
    facts = inspection.facts[case.files[1].path].volume
    assert facts is not None
    # The smaller one is kept, wherever it stands in the alphabet.
    assert dict(facts.label_ml) == {1: pytest.approx(0.009), 2: pytest.approx(0.056)}
    assert facts.overlaps == (MaskOverlap("heart", 8, 64),)
    (finding,) = (one for one in check(found, inspection) if "several masks" in str(one.message))
    assert "heart 12.5%" in str(finding.message)


def test_a_mask_that_would_be_cut_can_become_a_label_map_of_its_own(tmp_path: Path) -> None:
    heart, aorta, speck = np.zeros((3, 12, 12, 12), np.uint8)
    heart[1:11, 1:11, 1:11] = 1
    aorta[3:8, 3:8, 3:8] = 1
    speck[7:12, 7, 7] = 1
    write(tmp_path / "s1/ct.nii.gz", np.arange(12**3, dtype=np.int16).reshape(12, 12, 12) - 1000)
    for name, mask in (("heart", heart), ("aorta", aorta), ("speck", speck)):
        write(tmp_path / f"s1/segmentations/{name}.nii.gz", mask)
    found = first(tmp_path)
    inspection = inspect([found])
    (finding,) = (one for one in check(found, inspection) if "several masks" in str(one.message))
    apart = finding.fixes[0]
    # The speck takes under a hundredth of the aorta, which stays.
    assert str(apart.title) == "Label maps of their own: heart"
    assert apart.change is not None
    changed = apart.change(found)
    assert not any("several masks" in str(one.message) for one in check(changed, inspection))

    with Project.create(tmp_path / "项目", "masks") as project:
        report = import_proposal(project, changed, inspect([changed]))
        merged, own = project.label_maps.of_item("s1")
        assert "heart" not in {one.name for one in merged.classes}
        assert [one.name for one in own.classes] == ["heart"]
        assert own.name == "heart"
        np.testing.assert_array_equal(project.label_maps.read(own.id)[0].voxels > 0, heart > 0)
        voxels = project.label_maps.read(merged.id)[0].voxels
        assert np.count_nonzero(voxels == 1) == aorta.sum() - 1
        assert any("of their own, uncut" in str(line) for line in report.volumes)
        assert project.history.undo_title("s1")


def test_each_of_several_images_takes_the_masks_of_its_grid(tmp_path: Path) -> None:
    write(tmp_path / "ct_big_cta.nii.gz", np.zeros((8, 8, 8), np.int16))
    write(tmp_path / "ct_small_cta.nii.gz", np.zeros((5, 5, 5), np.int16))
    for name, size in (("aorta", 8), ("vein", 8), ("valve", 5), ("elsewhere", 3)):
        write(tmp_path / f"labels/{name}.nii.gz", np.ones((size,) * 3, np.uint8))
    found = first(tmp_path)
    classes = {one.item: [c.name for c in one.files[1].classes] for one in found.items}
    assert classes == {"big": ["aorta", "vein"], "small": ["valve"]}
    assert [str(problem) for problem in found.problems] == [
        "Masks that lie on the grid of no image: 1 (elsewhere.nii.gz)."
    ]


def test_nnunet_names_channels_and_classes(make: Make) -> None:
    root = make(
        "imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz", "labelsTr/a.nii.gz", "imagesTs/b_0000.nii.gz",
        "imagesTs/b_0001.nii.gz",
    )  # fmt: skip
    dataset = {
        "channel_names": {"0": "T1w", "1": "FLAIR"},
        "labels": {"background": 0, "core": 2, "oedema": 1, "whole": [1, 2]},
    }
    (root / "dataset.json").write_text(json.dumps(dataset), encoding="utf-8")
    found = first(root)
    assert found.layout == "nnunet"
    a, b = found.items
    assert shown(a) == {"t1": "a_0000.nii.gz", "flair": "a_0001.nii.gz", "label_map": "a.nii.gz"}
    assert [(one.value, one.name) for one in a.files[2].classes] == [(1, "oedema"), (2, "core")]
    assert (a.split, b.split) == (None, Split.TEST)
    assert len(found.problems) == 1


def test_nnunet_of_the_first_version_and_a_broken_description(make: Make) -> None:
    root = make("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz")
    (root / "dataset.json").write_text('{"modality": {"0": "CT"}, "labels": {"0": "x", "1": "aorta"}}')
    (case,) = first(root).items
    assert shown(case) == {"ct": "a_0000.nii.gz", "label_map": "a.nii.gz"}
    assert case.files[1].classes[0].name == "aorta"
    (root / "dataset.json").write_text("{")
    found = first(root)
    assert shown(found.items[0])["volume"] == "a_0000.nii.gz"
    assert "cannot be read" in str(found.problems[0])


def test_a_label_map_on_another_grid_is_asked_about(tmp_path: Path) -> None:
    write(tmp_path / "a/ct.nii.gz", np.arange(216, dtype=np.int16).reshape(6, 6, 6))
    write(tmp_path / "a/seg.nii.gz", np.ones((12, 12, 12), np.uint8), 0.5)
    found = first(tmp_path)
    inspection = inspect([found])
    (finding,) = check(found, inspection)
    assert "seg.nii.gz does not lie on the grid of ct.nii.gz: 12 x 12 x 12 voxels" in str(finding.message)
    own, skip = finding.fixes
    assert own.change is not None
    assert skip.change is not None
    taken = own.change(found)
    assert taken.items[0].files[1].is_on_own_grid
    assert check(taken, inspection) == ()
    assert shown(skip.change(found).items[0]) == {"ct": "ct.nii.gz"}
    assert len(ready(found, inspection)) == 1


@pytest.mark.skipif(not REFERENCE, reason="WORKSTATION_REFERENCE_DATA is not set")
@pytest.mark.parametrize(
    ("folder", "layout", "num_items"),
    [("cardiac", "class_folders", 2), ("brain", "volume_cases", 6), ("chest", "volume_cases", 2)],
)
def test_reference_data(folder: str, layout: str, num_items: int) -> None:
    found = first(Path(REFERENCE) / folder)
    assert found.layout == layout
    assert found.num_complete == num_items
