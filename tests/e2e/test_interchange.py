"""Pairs and label maps leave the real window for other programs; pairs come back, too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from engines.imaging.transforms.formats import read_transform
from workstation.project.commands import DeletePairs
from workstation.project.sample import create_sample
from workstation.views.data.export_dialog import ExportDialog
from workstation.views.pairs.keypoint_import_dialog import KeypointImportDialog


def dialog_of(driver: Any, key: str, kind: type) -> Any:
    driver.window.actions_.action(key).trigger()
    driver.wait(lambda: driver.window.findChildren(kind), f"the dialog of {key}")
    return driver.window.findChildren(kind)[0]


def test_pairs_and_transform_leave_and_return(
    open_window: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create_sample(tmp_path / "示例 1").close()
    driver = open_window(tmp_path / "示例 1")
    window = driver.window
    project = window.workbench.project
    pairs = driver.screen("pairs", "F2")
    driver.choose_item("known-1")
    controller = window.screen("pairs").controller
    driver.wait(lambda: controller.has_pair_of_images and controller.link, "the pair is shown")
    before = {pair.label: (pair.fixed_xy, pair.moving_xy) for pair in project.keypoints.pairs("known-1")}

    # Export the item to 3D Slicer: the dialog says what is lost and where the files go.
    dialog = dialog_of(driver, "project.export", ExportDialog)
    dialog.choose("slicer_json")
    dialog.item_button.setChecked(True)
    assert "not kept" in dialog.loss.text()
    out = dialog.request().place
    QTest.mouseClick(dialog.export_button, Qt.MouseButton.LeftButton)
    driver.wait(lambda: (out / "known-1_moving.mrk.json").is_file(), "the files are there")
    driver.wait(lambda: any("2 files" in card.card.what.render() for card in driver.cards), "a card says so")

    # Delete the pairs and import them again, in one step that undo takes back.
    project.history.execute(DeletePairs(tuple(pair.id for pair in project.keypoints.pairs("known-1"))))
    dialog = dialog_of(driver, "project.import_keypoints", KeypointImportDialog)
    dialog.place.setText(str(out / "known-1_fixed.mrk.json"))
    QTest.mouseClick(dialog.import_button, Qt.MouseButton.LeftButton)
    driver.wait(lambda: len(project.keypoints.pairs("known-1")) == len(before), "the pairs are back")
    after = {pair.label: (pair.fixed_xy, pair.moving_xy) for pair in project.keypoints.pairs("known-1")}
    assert after == before
    driver.wait(lambda: pairs.table.model().rowCount() == len(before), "the table shows them")
    driver.press("Ctrl+Z", window)
    assert project.keypoints.pairs("known-1") == []
    driver.press("Ctrl+Shift+Z", window)
    driver.wait(lambda: controller.link is not None, "the pairs link the images again")

    # The transform goes to ITK, and comes in as one that nobody has verified.
    path = tmp_path / "变换 a.tfm"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_words: (str(path), "ITK transform (*.tfm)"))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_words: (str(path), ""))
    window.actions_.action("pairs.export_transform").trigger()
    driver.wait(path.is_file, "the transform is written")
    points = np.array([(300.0, 280.0), (350.0, 400.0)])
    np.testing.assert_allclose(
        read_transform(path).apply_inverse(points), controller.link.apply_inverse(points), atol=0.02
    )
    driver.wait(lambda: any("变换" in card.card.what.render() for card in driver.cards), "a card says where")
    window.actions_.action("pairs.import_transform").trigger()
    driver.wait(lambda: controller.registration.summary.method == "imported", "the transform is offered")
    assert controller.registration.summary.verdict == "uncertain"
    window.actions_.action("pairs.use_registration").trigger()
    driver.wait(lambda: controller.registration.is_linked, "it links the images")
    np.testing.assert_allclose(controller.link.apply(points), read_transform(path).apply(points), atol=0.05)


def test_a_label_map_leaves_for_3d_slicer(open_window: Callable[..., Any], tmp_path: Path) -> None:
    create_sample(tmp_path / "示例 2").close()
    driver = open_window(tmp_path / "示例 2")
    project = driver.window.workbench.project
    driver.choose_item("coronary-ct")
    dialog = dialog_of(driver, "project.export", ExportDialog)
    dialog.choose("seg_nrrd")
    dialog.item_button.setChecked(True)
    dialog.label_map_box.setCurrentText("careless annotator")
    out = dialog.request().place
    QTest.mouseClick(dialog.export_button, Qt.MouseButton.LeftButton)
    driver.wait(lambda: any("3 files" in card.card.what.render() for card in driver.cards), "a card says so")

    image = SimpleITK.ReadImage(str(out / "coronary-ct" / "careless annotator.seg.nrrd"))
    drawn = project.label_maps.read(project.label_maps.of_item("coronary-ct")[1].id)[0]
    assert np.array_equal(SimpleITK.GetArrayFromImage(image).T, drawn.voxels)
    assert "coronary arteries" in {image.GetMetaData(f"Segment{number}_Name") for number in range(2)}
    assert image.GetSpacing() == pytest.approx(drawn.geometry.spacing_mm)
