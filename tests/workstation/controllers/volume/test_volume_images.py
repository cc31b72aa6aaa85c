from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtTest import QTest

from engines.contract.kinds import FileKind
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.controllers.background import Background
from workstation.controllers.volume.volume_classes import label_counts
from workstation.controllers.volume.volume_images import (
    CaseReader,
    has_contrast,
    title_of,
    unit_of,
    value_range,
)
from workstation.project.items import ItemFile

GRID = VolumeGeometry((6, 5, 4), np.diag([1.0, 1.0, 2.0, 1.0]))


def item_file(path: Path) -> ItemFile:
    return ItemFile(path, FileKind.VOLUME, "x", 1, "CT", None, None)


@pytest.mark.parametrize(
    ("role", "modality", "unit", "contrast", "title"),
    [
        ("cta", None, "HU", True, "CTA"),
        ("volume", "ct", "HU", False, "ct"),
        ("t1ce", "MR", "", False, "T1CE"),
        ("volume", None, "", False, "VOLUME"),
    ],
)
def test_unit_and_title_follow_role_and_modality(
    role: str, modality: str | None, unit: str, contrast: bool, title: str
) -> None:
    assert unit_of(role, modality) == unit
    assert has_contrast(role, modality) is contrast
    assert title_of(role, modality) == title


def test_automatic_window_leaves_out_what_is_no_number_and_single_bright_voxels() -> None:
    voxels = np.linspace(0, 100, 120, dtype=np.float32).reshape(6, 5, 4)
    voxels[0, 0, 0] = np.nan
    low, high = value_range(Volume(voxels, GRID))
    assert 0 <= low < 3
    assert 97 < high <= 100
    flat = value_range(Volume(np.full((6, 5, 4), 7, np.int16), GRID))
    assert flat == (7.0, 8.0)
    empty = value_range(Volume(np.full((6, 5, 4), np.nan, np.float32), GRID))
    assert empty == (0.0, 1.0)


def test_labels_are_counted_over_slices_with_other_largest_labels() -> None:
    labels = np.zeros((3, 3, 3), np.uint16)
    labels[0, 0, 0] = 900
    labels[:, :, 2] = 2
    assert label_counts(labels) == {2: 9, 900: 1}


def test_reading_stops_when_another_case_is_asked_for(qapp, tmp_path: Path) -> None:
    background = Background(num_threads=1)
    volume = Volume(np.arange(120, dtype=np.int16).reshape(6, 5, 4), GRID)
    paths = [write_volume(tmp_path / f"图 {number}.nii.gz", volume) for number in range(2)]
    reader = CaseReader(background, tmp_path / "cache")
    read: list[str] = []
    reader.image_read.connect(lambda image: read.append(image.key))
    reader.read([("first", item_file(paths[0]))])
    reader.read([("second", item_file(paths[1])), ("third", item_file(paths[0]))])
    while reader.is_reading:
        QTest.qWait(5)
    assert read == ["second", "third"]
    assert not list((tmp_path / "cache").glob("*.part"))
    background.close()
