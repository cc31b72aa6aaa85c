from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.controllers.data.import_rows import RowCache
from workstation.controllers.data.import_volume_rows import volume_preview
from workstation.project.importers.folder_tree import scan
from workstation.project.importers.inspection import Inspection, inspect
from workstation.project.importers.layouts import recognise
from workstation.project.importers.proposal import ImportProposal

GRID = VolumeGeometry((12, 10, 8), np.diag([0.5, 0.5, 2.0, 1.0]))


@pytest.fixture
def shown(tmp_path: Path) -> tuple[ImportProposal, Inspection]:
    voxels = np.linspace(-1000, 1000, 12 * 10 * 8).reshape(12, 10, 8).astype(np.int16)
    labels = np.zeros((12, 10, 8), np.uint8)
    labels[3:6, 3:6, 2:6] = 2
    for name, array in (("a/ct", voxels), ("a/seg", labels), ("b/t1", voxels), ("b/t2", voxels + 3)):
        path = tmp_path / "数据" / f"{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_volume(path, Volume(array, GRID))
    proposal = recognise(scan([tmp_path / "数据"]))[0]
    return proposal, inspect([proposal])


def test_rows_say_what_is_read_once_it_is(shown: tuple[ImportProposal, Inspection]) -> None:
    proposal, inspection = shown
    assert str(RowCache().rows(proposal, ())[0].facts) == ""
    a, b = RowCache(inspection.facts).rows(proposal, ())
    assert (a.fixed, a.fixed_modality, a.masks) == ("ct.nii.gz", "CT", "seg.nii.gz")
    assert str(a.facts) == "12 x 10 x 8, 0.5 x 0.5 x 2 mm, -1000 to 1000 HU"
    assert "2: 0.018 mL" in a.paths
    assert (b.fixed, b.fixed_modality, b.can_edit_modality) == ("T1, T2", "", False)
    assert a.is_volume
    assert a.is_single


def test_the_modality_of_a_single_volume_can_be_corrected(shown: tuple[ImportProposal, Inspection]) -> None:
    proposal, _inspection = shown
    key = proposal.items[0].key
    changed = proposal.with_modality(key, "fixed", "CTA").items[0]
    assert [file.modality for file in changed.files] == ["CTA", None]


def test_the_preview_shows_the_middle_slice_and_its_labels(shown: tuple[ImportProposal, Inspection]) -> None:
    proposal, inspection = shown
    grey, coloured = volume_preview(proposal.items[0], inspection.facts)
    assert grey is not None
    assert grey.shape == (10, 12)
    assert coloured is not None
    is_coloured = np.ptp(coloured.astype(int), axis=2) > 5
    assert is_coloured.sum() == 9
    assert volume_preview(proposal.items[1], inspection.facts)[1] is None
