"""Drawing masks in the real window, with mouse and keys, over a restart."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engines.contract.kinds import FileKind, ItemKind
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.controllers.masks.mask_editor import MaskEditor
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.project import Project
from workstation.views.protocols.volume import Plane

if TYPE_CHECKING:
    from conftest import Driver

SHAPE = (72, 64, 30)
AFFINE = np.array([[-0.7, 0, 0, 25], [0, 0.7, 0, -20], [0, 0, 1.5, -30], [0, 0, 0, 1.0]])


def make_project(folder: Path) -> Path:
    """Make a project of one CT: a bright ball in the middle of soft tissue."""
    geometry = VolumeGeometry(SHAPE, AFFINE)
    i, j, k = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    distance = np.sqrt(((i - 36) * 0.7) ** 2 + ((j - 32) * 0.7) ** 2 + ((k - 15) * 1.5) ** 2)
    voxels = np.where(distance < 10, 350, 40).astype(np.int16)
    voxels += np.random.default_rng(5).integers(-20, 20, SHAPE).astype(np.int16)
    path = write_volume(folder / "心脏 ct.nii.gz", Volume(voxels, geometry))
    with Project.create(folder / "掩膜 project", "masks") as project:
        new = NewFile("case", "subject", "ct", FileKind.VOLUME, path, "0", 0, "CTA", grid=geometry)
        with project.store.write() as session:
            insert_file(session, new, project.folder)
            set_item_kind(session, "case", ItemKind.VOLUME)
        return project.folder


class Hands:
    """Mouse and keys on the axial pane."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.centre: Any = driver.screen("volume", "F3")
        if driver.window.workbench.item_id != "case":
            driver.choose_item("case")
        self.controller: Any = driver.window.screen("volume").controller
        self.editor: MaskEditor = self.controller.findChild(MaskEditor)
        driver.wait(lambda: self.editor.has_volume, "the volume is read")
        self.view = self.centre.view
        self.pane = self.view.panes[Plane.AXIAL]
        driver.wait(lambda: self.pane.isVisible() and self.pane.width() > 100, "the pane is there")
        QTest.qWait(50)

    @property
    def labels(self) -> np.ndarray[Any, Any]:
        voxels = self.editor.drawing.labels
        assert voxels is not None
        return voxels

    def at(self, i: float, j: float) -> QPoint:
        """Return where a voxel of the slice that is shown lies in the pane."""
        k = self.view.crosshair[2]
        return self.pane.screen_of((i, j, k)).toPoint()

    def press(self, keys: str) -> None:
        self.pane.setFocus()
        self.driver.press(keys, self.pane)

    def drag(self, *places: tuple[float, float]) -> None:
        points = [self.at(*place) for place in places]
        QTest.mousePress(self.pane, Qt.MouseButton.LeftButton, pos=points[0])
        for start, end in itertools.pairwise(points):
            for share in (0.25, 0.5, 0.75, 1.0):
                step = QPointF(start) + (QPointF(end) - QPointF(start)) * share
                move(self.pane, step)
        QTest.mouseRelease(self.pane, Qt.MouseButton.LeftButton, pos=points[-1])
        QApplication.processEvents()

    def click(self, i: float, j: float) -> None:
        QTest.mouseClick(self.pane, Qt.MouseButton.LeftButton, pos=self.at(i, j))
        QApplication.processEvents()

    def go(self, k: int) -> None:
        self.controller.go_to((36.0, 32.0, float(k)))
        QApplication.processEvents()


def move(pane: Any, at: QPointF) -> None:
    """Move the mouse with the left button down."""
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QMouseEvent

    event = QMouseEvent(
        QEvent.Type.MouseMove,
        at,
        QPointF(pane.mapToGlobal(at.toPoint())),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(pane, event)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_project(tmp_path)


def stored(hands: Hands) -> np.ndarray[Any, Any]:
    project = hands.driver.window.workbench.project
    assert project is not None
    (label_map,) = project.label_maps.of_item("case")
    return project.label_maps.read(label_map.id)[0].voxels


def test_a_mask_is_drawn_corrected_and_undone_over_a_restart(
    open_window: Callable[[Path | None], Driver], folder: Path
) -> None:
    driver = open_window(folder)
    hands = Hands(driver)
    project = driver.window.workbench.project
    assert project is not None
    assert project.label_maps.of_item("case") == []

    # The first stroke makes the label map.
    hands.press("2")
    hands.drag((20, 32), (30, 32))
    painted = int((hands.labels == 1).sum())
    assert painted > 50
    assert np.array_equal(hands.labels, stored(hands))
    assert str(project.history.undo_title("case")).startswith("paint ")

    hands.press("1")
    hands.click(20, 32)
    assert 0 < (hands.labels == 1).sum() < painted
    hands.press("Ctrl+Z")
    driver.wait(lambda: (hands.labels == 1).sum() == painted, "the eraser is undone")

    # A polygon closes with a double click.
    hands.press("3")
    for place in ((45, 45), (60, 45)):
        hands.click(*place)
    hands.click(60, 58)
    QTest.mouseDClick(hands.pane, Qt.MouseButton.LeftButton, pos=hands.at(60, 58))
    QTest.mouseRelease(hands.pane, Qt.MouseButton.LeftButton, pos=hands.at(60, 58))
    assert hands.labels[57, 49, 15] == 1
    assert hands.labels[47, 56, 15] == 0

    # A fill stays within the gate: in the ball.
    before = hands.labels.copy()
    hands.press("I")
    hands.press("4")
    hands.click(40, 36)
    ball = (hands.labels == 1) & (before == 0)
    assert ball[36, 36, 15]
    assert not ball[:, :, :15].any()
    assert not ball[5:15, 5:15].any()

    # The crosshair goes to what an undo changes, also after a restart.
    number = len(project.history.list())
    before_fill = before
    driver.window.close()
    again = Hands(open_window(folder))
    assert again.driver.window.workbench.project is not None
    again.driver.wait(lambda: again.editor.has_labels, "the label map is read")
    again.controller.go_to((2.0, 2.0, 2.0))
    again.press("Ctrl+Z")
    again.driver.wait(lambda: np.array_equal(again.labels, before_fill), "the fill is undone")
    again.driver.wait(lambda: again.view.crosshair[2] == 15, "the slices go to the change")
    again.press("Ctrl+Shift+Z")
    again.driver.wait(lambda: not np.array_equal(again.labels, before_fill), "the fill is done again")
    assert len(again.driver.window.workbench.project.history.list()) == number + 2


def test_slices_between_are_previewed_then_applied(
    open_window: Callable[[Path | None], Driver], folder: Path
) -> None:
    hands = Hands(open_window(folder))
    hands.press("P")
    hands.press("P")
    assert hands.driver.window.actions_.action("masks.paint").isChecked()
    for k in (12, 18):
        hands.go(k)
        hands.click(36, 32)
    assert not hands.labels[:, :, 15].any()

    hands.press("Shift+I")
    hands.driver.wait(lambda: hands.editor.operations.has_preview, "the preview is there")
    assert not hands.labels[:, :, 15].any()
    panel = hands.centre.panel
    box = next(found for found in panel.findChildren(object) if found.objectName() == "change_box")
    assert "adds" in box.facts.text()
    hands.press("Esc")
    assert not hands.editor.operations.has_preview
    hands.press("Shift+I")
    hands.driver.wait(lambda: hands.editor.operations.has_preview, "the preview is there again")
    hands.press("Return")
    hands.driver.wait(lambda: hands.labels[:, :, 15].any(), "it is applied")
    assert np.array_equal(hands.labels, stored(hands))

    # What removes is shown first, and nothing goes before the person says so.
    hands.press("Shift+K")
    hands.driver.wait(lambda: hands.editor.operations.has_preview, "what goes is shown")
    assert "removes" in box.facts.text()
    count = int((hands.labels == 1).sum())
    hands.press("Return")
    hands.driver.wait(lambda: int((hands.labels == 1).sum()) < count, "it shrinks")


def test_escape_takes_a_stroke_back_and_space_swaps_tools(
    open_window: Callable[[Path | None], Driver], folder: Path
) -> None:
    hands = Hands(open_window(folder))
    hands.press("E")
    hands.press("P")
    QTest.mousePress(hands.pane, Qt.MouseButton.LeftButton, pos=hands.at(30, 30))
    move(hands.pane, QPointF(hands.at(35, 30)))
    assert hands.labels.any()
    hands.press("Esc")
    assert not hands.labels.any()
    QTest.mouseRelease(hands.pane, Qt.MouseButton.LeftButton, pos=hands.at(35, 30))
    assert not hands.labels.any()
    QTest.keyClick(hands.pane, Qt.Key.Key_Space)
    assert hands.editor.tool.value == "erase"
    QTest.keyClick(hands.pane, Qt.Key.Key_Space)
    assert hands.editor.tool.value == "paint"
    radius = hands.editor.drawing.settings.radius_mm
    hands.press("]")
    assert hands.editor.drawing.settings.radius_mm > radius
    hands.press("Shift+2")
    hands.click(36, 32)
    assert (hands.labels.any(axis=(0, 1))).sum() > 1
