"""Real brains: what they are read as. Skipped without the reference data."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from engines.contract.kinds import Action, AnnotationKind, ItemKind
from engines.contract.manifest import AnnotationRecord, FileRecord, ItemRecord, Manifest
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder, RunRequest
from engines.imaging.volumes.volume_files import read_label_map
from engines.segmentation.data import brain_extent, frame_of, read_case
from engines.segmentation.slices.labels import detect_coding

ROOT = Path(os.environ.get("WORKSTATION_REFERENCE_DATA", "absent")) / "brain"
pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason="WORKSTATION_REFERENCE_DATA has no brain folder")


def context(folder: Path) -> RunContext:
    run = RunFolder(folder / "run")
    request = RunRequest(pipeline="segmentation", action=Action.PREDICT, settings={})
    run.create(request, Manifest(items=()))
    return RunContext.open(run)


def item_of(case: Path, names: dict[str, str], label: str) -> ItemRecord:
    return ItemRecord(
        id=case.name,
        subject=case.name,
        kind=ItemKind.VOLUME_SET,
        files={role: FileRecord(path=str(case / name)) for role, name in names.items()},
        annotations={AnnotationKind.LABEL_MAP: AnnotationRecord(path=str(case / label))},
    )


def test_a_normalised_case_of_2015_is_known_as_one_with_two_modalities_missing(tmp_path: Path) -> None:
    case = ROOT / "deepmedic_brats" / "brats_2013_pat0003_1"
    names = {
        "flair": "Flair_subtrMeanDivStd.nii.gz",
        "t1ce": "T1c_subtrMeanDivStd.nii.gz",
        "brain_mask": "brainmask.nii.gz",
    }
    run = context(tmp_path)
    found = read_case(run, item_of(case, names, "OTMultiClass.nii.gz"), needs_labels=True)
    run.events.close()
    assert found.missing == ("t1", "t2")
    assert found.was_normalised == ("t1ce", "flair")
    without_mask = item_of(case, {role: names[role] for role in ("flair", "t1ce")}, "OTMultiClass.nii.gz")
    run = context(tmp_path / "other")
    other = read_case(run, without_mask, needs_labels=True)
    run.events.close()
    assert float((other.brain == found.brain).mean()) > 0.99
    assert frame_of(found, 256).size == 256
    assert max(brain_extent(found)) <= 240


def test_a_skull_stripped_case_is_normalised(tmp_path: Path) -> None:
    case = ROOT / "TCGA-DU-7294"
    names = {role: f"{case.name}_{role}.nii.gz" for role in ("t1", "t1ce", "t2", "flair")}
    run = context(tmp_path)
    found = read_case(run, item_of(case, names, f"{case.name}_seg.nii.gz"), needs_labels=True)
    run.events.close()
    assert not found.missing
    assert not found.was_normalised
    inside = found.image[:, 0][found.brain]
    assert abs(float(inside.mean())) < 0.05
    assert not found.image[:, 0][~found.brain].any()


def test_the_codings_of_both_sources() -> None:
    values = {
        case.name: [int(v) for v in np.unique(read_label_map(case / "OTMultiClass.nii.gz").voxels)]
        for case in sorted((ROOT / "deepmedic_brats").iterdir())
    }
    assert detect_coding(values).key == "2012"
    fused = {
        name: [int(v) for v in np.unique(read_label_map(ROOT / name / f"{name}_seg.nii.gz").voxels)]
        for name in ("TCGA-DU-7294", "TCGA-FG-6692")
    }
    assert detect_coding(fused).key == "2017"
