"""Real volumes from the first drop to another library: import, view, edit, undo, restart, compare, export.

One walk for each kind of source: cardiac CT with its labels, chest CT as NRRD, DICOM slices, a brain case of
four images.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engines.imaging.comparison import Change
from workstation.controllers.masks.mask_editor import MaskEditor
from workstation.project.project import Project
from workstation.views.compare.volume_compare_part import VolumeComparePart
from workstation.views.data.export_dialog import ExportDialog
from workstation.views.data.import_dialog import ImportDialog
from workstation.views.protocols.overlay_modes import Mode
from workstation.views.protocols.volume import Plane

REFERENCE = os.environ.get("WORKSTATION_REFERENCE_DATA", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not REFERENCE, reason="WORKSTATION_REFERENCE_DATA is not set"),
]
SUFFIX = {"nifti": ".nii.gz", "seg_nrrd": ".seg.nrrd", "mha": ".mha"}
MINE = "mine 手绘"


@dataclass(frozen=True)
class Source:
    """Where a case comes from: a folder, the layout to read it as, the item, and one of its images."""

    folder: str
    layout: str
    item: str
    image: str
    labels: str = ""


SOURCES = {
    "cardiac": Source("cardiac", "", "thorax", "cardiac/cta/ct_thorax_cta.nii.gz", "cardiac/cta/labels"),
    "chest": Source(
        "chest",
        "volume_cases",
        "lung1",
        "chest/pyradiomics/lung1_image.nrrd",
        "chest/pyradiomics/lung1_label.nrrd",
    ),
    "dicom": Source("chest", "dicom", "case-0001-series30026", "chest/lidc_idri_0314/dicom8"),
    "brain": Source(
        "brain/TCGA-DU-7294",
        "",
        "TCGA-DU-7294",
        "brain/TCGA-DU-7294/TCGA-DU-7294_t1ce.nii.gz",
        "brain/TCGA-DU-7294/TCGA-DU-7294_seg.nii.gz",
    ),
}


class Walker:
    """Hands and eyes of the walk, which may change windows on the way."""

    def __init__(self, driver: Any, source: Source) -> None:
        self.driver, self.source = driver, source
        self.image = read_with_sitk(Path(REFERENCE) / source.image)

    @property
    def project(self) -> Project:
        project = self.driver.window.workbench.project
        assert project is not None
        return project

    def drop(self) -> None:
        """Drop the folder on the window, choose the layout, and import."""
        window = self.driver.window
        window.accept_paths([Path(REFERENCE) / self.source.folder])

        def dialogs() -> list[ImportDialog]:
            return [found for found in window.findChildren(ImportDialog) if found.isVisible()]

        self.driver.wait(dialogs, "the import dialog")
        dialog = dialogs()[0]
        self.driver.wait(dialog.import_button.isEnabled, "the files are read")
        if self.source.layout:
            self.driver.choose(dialog.layouts, self.source.layout)
            dialog.layouts.activated.emit(dialog.layouts.currentIndex())
            self.driver.wait(dialog.import_button.isEnabled, "the layout is checked")
        dialog.import_button.click()
        self.driver.wait(lambda: self.project.items.all(), "the items are there")
        self.driver.wait(lambda: not dialogs(), "the dialog is closed")
        # Without a window manager nobody gives the focus back.
        window.activateWindow()
        QTest.qWaitForWindowActive(window)

    def open(self) -> Any:
        """Open the case and return the controller once all of it is read."""
        if self.driver.window.workbench.item_id != self.source.item:
            self.driver.choose_item(self.source.item)
        self.driver.screen("volume", "F3")
        controller = self.driver.window.screen("volume").controller
        self.driver.wait(
            lambda: (
                controller.image is not None
                and not controller._reader.is_reading
                and (not controller.active_id or controller.active_labels is not None)
            ),
            "the case is read",
        )
        return controller

    def drag(self, pane: Any, fractions: list[tuple[float, float]]) -> None:
        """Drag over a pane, from place to place in parts of its size."""
        points = [QPointF(pane.width() * x, pane.height() * y) for x, y in fractions]
        QTest.mousePress(pane, Qt.MouseButton.LeftButton, pos=points[0].toPoint())
        for at in points[1:]:
            event = QMouseEvent(
                QEvent.Type.MouseMove,
                at,
                QPointF(pane.mapToGlobal(at.toPoint())),
                Qt.MouseButton.NoButton,
                Qt.MouseButton.LeftButton,
                Qt.KeyboardModifier.NoModifier,
            )
            QApplication.sendEvent(pane, event)
        QTest.mouseRelease(pane, Qt.MouseButton.LeftButton, pos=points[-1].toPoint())
        QApplication.processEvents()

    def export(self, key: str, place: Path) -> Path:
        """Export what was drawn here through the dialog, and return its file."""
        window = self.driver.window
        window.actions_.action("project.export").trigger()
        self.driver.wait(lambda: window.findChildren(ExportDialog), "the export dialog")
        dialog = window.findChildren(ExportDialog)[0]
        dialog.choose(key)
        dialog.item_button.setChecked(True)
        dialog.label_map_box.setCurrentText(MINE)
        dialog.place.setText(str(place))
        QTest.mouseClick(dialog.export_button, Qt.MouseButton.LeftButton)
        self.driver.wait((place / "manifest.json").is_file, f"{key} is written")
        self.driver.wait(lambda: not window.findChildren(ExportDialog), "the dialog is gone")
        suffix = SUFFIX.get(key, ".dcm")
        (path,) = place.rglob(f"*{suffix}")
        return path


def read_with_sitk(path: Path) -> sitk.Image:
    """Read a volume without any of our own code."""
    if not path.is_dir():
        return sitk.ReadImage(str(path))
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(path))
    return sitk.ReadImage(names)


def foreground(path: Path, image: sitk.Image) -> np.ndarray:
    """Return what a label map, or a folder of masks on the grid of an image, covers."""
    paths = sorted(path.glob("*.nii.gz")) if path.is_dir() else [path]
    masks = [sitk.ReadImage(str(one)) for one in paths]
    same = [sitk.GetArrayFromImage(one).T > 0 for one in masks if one.GetSize() == image.GetSize()]
    return np.logical_or.reduce(same)


def corners_mm(image: sitk.Image) -> np.ndarray:
    """Return the world positions of two opposite corners, and of an edge of each axis, LPS."""
    far = [count - 1 for count in image.GetSize()]
    places = [(0, 0, 0), tuple(far), (far[0], 0, 0), (0, far[1], 0), (0, 0, far[2])]
    return np.array([image.TransformIndexToPhysicalPoint([int(at) for at in place]) for place in places])


def reading_at(walker: Walker, world_mm: tuple[float, float, float]) -> float:
    """Return what the source file holds at a place in RAS."""
    x, y, z = world_mm
    index = walker.image.TransformPhysicalPointToIndex((-x, -y, z))
    return float(walker.image[index])


@pytest.fixture(params=SOURCES)
def walker(request: pytest.FixtureRequest, open_window: Callable[..., Any], tmp_path: Path) -> Walker:
    folder = tmp_path / "真实 volumes"
    Project.create(folder, "walk").close()
    return Walker(open_window(folder), SOURCES[request.param])


def test_a_real_case_is_imported_drawn_in_compared_and_read_elsewhere(
    walker: Walker, open_window: Callable[..., Any], tmp_path: Path
) -> None:
    driver, source = walker.driver, walker.source
    walker.drop()
    controller = walker.open()

    # View: the pane shows grey values of the file, at the place in the patient where the file has them.
    geometry = controller.image.geometry
    assert geometry.shape == walker.image.GetSize()
    lps = corners_mm(walker.image)
    far = [count - 1 for count in geometry.shape]
    np.testing.assert_allclose(geometry.world_of([far])[0] * (-1, -1, 1), lps[1], atol=1e-2)
    pane = driver.window.screen("volume").centre.view.panes[Plane.AXIAL]
    driver.wait(lambda: pane.isVisible() and pane.width() > 100, "the pane is there")
    role = "t1ce" if "t1ce" in source.image else controller.layers.base.key
    controller.set_base(role)
    QApplication.processEvents()
    for place in ((0.5, 0.5), (0.4, 0.6)):
        at = QPointF(pane.width() * place[0], pane.height() * place[1]).toPoint()
        QTest.mouseMove(pane, at)
        QApplication.processEvents()
        reading = controller.reading
        if reading is not None and reading.value is not None:
            x, y, z = geometry.world_of([reading.voxel])[0]
            assert reading.value == pytest.approx(reading_at(walker, (x, y, z)), abs=1e-3)
    picture = pane.grab().toImage()
    greys = {picture.pixelColor(x, picture.height() // 2).value() for x in range(0, picture.width(), 3)}
    assert len(greys) > 5, "the slice is painted"

    # Edit: a stroke in a label map of one's own; what came in stays as it was.
    before = {one.id: one.revision for one in walker.project.label_maps.of_item(source.item)}
    driver.press("M", driver.window)
    mine = controller.active_id
    assert mine not in before
    field = driver.window.screen("volume").panel.layers.lines[mine].field
    driver.wait(field.hasFocus, "the name can be typed")
    field.setText(MINE)
    QTest.keyClick(field, Qt.Key.Key_Return)
    driver.wait(lambda: controller.active_labels is not None, "the new label map is read")
    editor = controller.findChild(MaskEditor)
    pane.setFocus()
    driver.press("2", pane)
    editor.set_radius(4.0)
    walker.drag(pane, [(0.4, 0.5), (0.45, 0.5), (0.5, 0.5)])
    first = controller.active_labels.copy()
    assert first.any()
    walker.drag(pane, [(0.5, 0.6), (0.55, 0.6)])
    both = controller.active_labels.copy()
    assert both.sum() > first.sum()

    # Undo after a restart, and redo.
    folder = walker.project.folder
    driver.window.close()
    walker.driver = driver = open_window(folder)
    driver.wait(lambda: driver.window.screen_key, "a screen is shown")
    controller = walker.open()
    controller.set_active(mine)
    driver.wait(lambda: controller.active_labels is not None, "the label map is read")
    np.testing.assert_array_equal(controller.active_labels, both)
    pane = driver.window.screen("volume").centre.view.panes[Plane.AXIAL]
    pane.setFocus()
    driver.press("Ctrl+Z", pane)
    driver.wait(lambda: np.array_equal(controller.active_labels, first), "the second stroke is undone")
    driver.press("Ctrl+Shift+Z", pane)
    driver.wait(lambda: np.array_equal(controller.active_labels, both), "it is there again")
    after = {one.id: one.revision for one in walker.project.label_maps.of_item(source.item)}
    assert {key: after[key] for key in before} == before

    # Compare with what came in.
    compare = driver.screen("compare", "F6")
    part = compare.findChild(VolumeComparePart)
    driver.wait(lambda: part.isVisible() and len(part.view.panes) >= 2, "panes are shown")
    driver.wait(lambda: all(one.content.picture for one in part.view.panes), "their slices are there")
    if source.labels:
        driver.press("D", part.view.panes[0])
        driver.wait(lambda: part.view.mode is Mode.DIFFERENCE, "the difference is chosen")
        driver.wait(lambda: any(one.content.volumes_ml for one in part.view.panes), "it is there")
        theirs = foreground(Path(REFERENCE) / source.labels, walker.image)
        voxel_ml = float(np.prod(walker.image.GetSpacing())) / 1000
        expected = {
            Change.ADDED: np.count_nonzero((both > 0) & ~theirs) * voxel_ml,
            Change.REMOVED: np.count_nonzero((both == 0) & theirs) * voxel_ml,
            Change.KEPT: np.count_nonzero((both > 0) & theirs) * voxel_ml,
        }
        shown = [one.content.volumes_ml for one in part.view.panes if one.content.volumes_ml]
        assert any(found == pytest.approx(expected, rel=1e-3, abs=1e-6) for found in shown), shown

    # Out, and read by three other libraries at the same place.
    walker.open()
    for key in SUFFIX:
        path = walker.export(key, tmp_path / f"出 {key}")
        image = sitk.ReadImage(str(path))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, both)
        np.testing.assert_allclose(corners_mm(image), lps, atol=1e-2)
        if key == "nifti":
            loaded = nib.load(path)
            np.testing.assert_array_equal(np.asanyarray(loaded.dataobj), both)
            if source.image.endswith(".nii.gz"):
                theirs = nib.load(Path(REFERENCE) / source.image)
                assert loaded.affine.tobytes() == theirs.affine.tobytes()
    segmentation = pydicom.dcmread(walker.export("dicom_seg", tmp_path / "出 dicom"))
    np.testing.assert_allclose(first_frame_mm(segmentation, both), 0.0, atol=1e-2)
    assert int(segmentation.pixel_array.astype(bool).sum()) == np.count_nonzero(both)


def first_frame_mm(segmentation: pydicom.Dataset, labels: np.ndarray) -> float:
    """Return how far the frames of a segmentation lie from the evenly spaced slices that hold labels."""
    frames = segmentation.PerFrameFunctionalGroupsSequence
    places = np.array([one.PlanePositionSequence[0].ImagePositionPatient for one in frames], float)
    slices = np.flatnonzero(labels.any(axis=(0, 1)))
    assert len(places) == len(slices)
    if len(slices) == 1:
        return 0.0
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1) / np.diff(slices)
    shared = segmentation.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    return float(np.abs(steps - float(shared.SpacingBetweenSlices or shared.SliceThickness)).max())
