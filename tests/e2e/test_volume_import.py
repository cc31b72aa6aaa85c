"""Volumes come in through the import dialog of the real window."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from engines.contract.kinds import ItemKind
from workstation.project.project import Project
from workstation.views.data.import_dialog import ImportDialog

REFERENCE = os.environ.get("WORKSTATION_REFERENCE_DATA", "")
needs_reference = pytest.mark.skipif(not REFERENCE, reason="WORKSTATION_REFERENCE_DATA is not set")


def import_folder(driver: Any, folder: Path, layout: str | None = None) -> None:
    """Drop a folder, choose a layout, and import what is ready."""
    window = driver.window
    num_before = len(window.workbench.project.items.all())
    window.accept_paths([folder])

    def dialogs() -> list[ImportDialog]:
        return [found for found in window.findChildren(ImportDialog) if found.isVisible()]

    driver.wait(dialogs, "the import dialog")
    dialog = dialogs()[0]
    driver.wait(dialog.import_button.isEnabled, "the files are read")
    if layout is not None:
        driver.choose(dialog.layouts, layout)
        dialog.layouts.activated.emit(dialog.layouts.currentIndex())
        driver.wait(lambda: not dialog.import_button.isEnabled() or dialog.findings.isVisible(), "checking")
        driver.wait(dialog.import_button.isEnabled, "the layout is checked")
    driver.wait(lambda: not dialog.previews[0].pixmap().isNull(), "the middle slice is shown")
    dialog.import_button.click()
    driver.wait(lambda: len(window.workbench.project.items.all()) > num_before, "the items are there")
    driver.wait(lambda: not dialogs(), "the dialog is closed")


@pytest.fixture
def driver(open_window: Callable[..., Any], tmp_path: Path) -> Any:
    project = tmp_path / "项目 1"
    Project.create(project, "volumes").close()
    driver = open_window(project)
    driver.wait(lambda: driver.window.workbench.project is not None, "the project is open")
    return driver


def test_a_synthetic_case_comes_in_with_its_label_map(driver: Any, tmp_path: Path) -> None:
    affine = np.array([[0, -0.7, 0, 3], [0.7, 0, 0, -8], [0, 0, 3, 40], [0, 0, 0, 1.0]])
    folder = tmp_path / "病例"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("t1", "t2"):
        nib.save(nib.Nifti1Image(rng.normal(0, 50, (20, 18, 12)).astype(np.float32), affine),
                 folder / f"p7_{name}.nii.gz")  # fmt: skip
    labels = np.zeros((20, 18, 12), np.uint8)
    labels[4:9, 4:9, 3:8] = 1
    nib.save(nib.Nifti1Image(labels, affine), folder / "p7_seg.nii.gz")
    import_folder(driver, folder)
    project = driver.window.workbench.project
    item = project.items.get("p7")
    assert item.kind is ItemKind.VOLUME_SET
    (label_map,) = project.label_maps.of_item("p7")
    volume, _sequence = project.label_maps.read(label_map.id)
    np.testing.assert_array_equal(volume.voxels, labels)
    np.testing.assert_array_equal(volume.geometry.world_from_voxel, affine.astype(np.float32))
    assert driver.window.workbench.item_id == "p7"


@needs_reference
@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "layout", "items"),
    [
        ("cardiac", None, {"heart", "thorax"}),
        ("brain/TCGA-DU-7294", None, {"TCGA-DU-7294"}),
        ("chest", "volume_cases", {"lidc0314_1p5mm", "lung1"}),
        ("chest", "dicom", {"case-0001-series30026"}),
    ],
)
def test_reference_volumes_come_in_with_equal_geometry(
    driver: Any, folder: str, layout: str | None, items: set[str]
) -> None:
    import_folder(driver, Path(REFERENCE) / folder, layout)
    project = driver.window.workbench.project
    assert {item.id for item in project.items.all()} == items
    for item in project.items.all():
        for file in item.files.values():
            theirs = sitk.ReadImage(str(file.path))
            assert file.grid is not None
            assert file.grid.shape == theirs.GetSize()
            corner = [count - 1 for count in theirs.GetSize()]
            expected = np.array(theirs.TransformIndexToPhysicalPoint(corner)) * (-1, -1, 1)
            np.testing.assert_allclose(file.grid.world_of(corner)[0], expected, atol=1e-2)
            if file.path.name.endswith(".nii.gz"):
                np.testing.assert_array_equal(file.grid.world_from_voxel, nib.load(file.path).affine)
        for label_map in project.label_maps.of_item(item.id):
            volume, _sequence = project.label_maps.read(label_map.id)
            stored = sitk.GetArrayFromImage(sitk.ReadImage(str(item.files["label_map"].path))).T
            np.testing.assert_array_equal(volume.voxels, stored)
            assert item.files["label_map"].grid.difference(label_map.geometry) is None
