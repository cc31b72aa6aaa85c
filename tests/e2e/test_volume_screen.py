"""The Volume screen in the real window: open, scroll, window, layers, label maps, classes, surface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from engines.contract.kinds import FileKind, ItemKind
from engines.imaging.volumes.label_classes import LabelClass
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.label_map_commands import AddLabelMap
from workstation.project.project import Project
from workstation.views.protocols.volume import LabelStyle, PaneLayout, Plane

SHAPE = (40, 36, 16)
AFFINE = np.array([[-0.8, 0, 0, 30.0], [0, 0.8, 0, -12.0], [0, 0, 2.5, 100.0], [0, 0, 0, 1.0]])
GRID = VolumeGeometry(SHAPE, AFFINE)


def ball() -> np.ndarray:
    i, j, k = np.indices(SHAPE)
    return (0.8 * (i - 20)) ** 2 + (0.8 * (j - 18)) ** 2 + (2.5 * (k - 8)) ** 2 < 8.0**2


def scan(seed: int) -> np.ndarray:
    i, _j, k = np.indices(SHAPE)
    return (ball() * 300 + 4 * i + 10 * k - 100 + 50 * seed).astype(np.int16)


@pytest.fixture
def project_folder(tmp_path: Path) -> Path:
    """A CTA with a label map, a brain of four images, and a pair of images. The path is Chinese."""
    folder = tmp_path / "体数据 project"
    roles = {
        "cta 心脏": {"cta": "CTA"},
        "brain": {"t1": "T1", "t1ce": "T1CE", "t2": "T2", "flair": "FLAIR"},
        "pair": {"fixed": "CF", "moving": "FA"},
    }
    with Project.create(folder, "Volumes") as project:
        with project.store.write() as session:
            for number, (item_id, files) in enumerate(roles.items()):
                for seed, (role, modality) in enumerate(files.items()):
                    is_image = item_id == "pair"
                    path = tmp_path / f"{item_id} {role}{'.png' if is_image else '.nii.gz'}"
                    if not is_image:
                        write_volume(path, Volume(scan(seed), GRID))
                    kind = FileKind.IMAGE if is_image else FileKind.VOLUME
                    grid = None if is_image else GRID
                    content = f"{item_id}{role}"
                    insert_file(
                        session,
                        NewFile(item_id, f"S{number}", role, kind, path, content, 9, modality, grid=grid),
                        folder,
                    )
                kinds = {1: ItemKind.VOLUME, 4: ItemKind.VOLUME_SET, 2: ItemKind.IMAGE_PAIR}
                set_item_kind(session, item_id, kinds[len(files)])
        classes = (LabelClass(1, "左前降支 LAD", "#E69F00"),)
        volume = Volume(ball().astype(np.uint8), GRID)
        command = AddLabelMap.on_grid_of(volume, "cta 心脏", "reader", classes=classes)
        file = project.label_maps.keep("cta 心脏", command.label_map_id, volume)
        project.history.execute(replace(command, file=file))
    return folder


@pytest.fixture
def driver(open_window: Callable[[Path | None], Any], project_folder: Path) -> Any:
    made = open_window(project_folder)
    made.wait(lambda: made.window.screen_key, "a screen is shown")
    return made


def open_case(driver: Any, item_id: str) -> Any:
    """Choose a case in the browser and return the controller when everything of it is there."""
    driver.choose_item(item_id)
    driver.wait(lambda: driver.window.screen_key == "volume", "the Volume screen is shown")
    controller = driver.window.screen("volume").controller
    driver.wait(
        lambda: (
            controller.item is not None
            and controller.item.id == item_id
            and not controller._reader.is_reading
            and controller.image is not None
            and (not controller.active_id or controller.active_labels is not None)
        ),
        f"{item_id} is read",
    )
    return controller


def pane(driver: Any, plane: Plane = Plane.AXIAL) -> Any:
    return driver.window.screen("volume").centre.view.panes[plane]


def trigger(driver: Any, verb: str) -> None:
    action = driver.window.actions_.action(f"volume.{verb}")
    assert action.isEnabled(), action.toolTip()
    action.trigger()
    QApplication.processEvents()


def turn_wheel(widget: Any, steps: int) -> None:
    middle = QPointF(widget.width() / 2, widget.height() / 2)
    for _ in range(abs(steps)):
        event = QWheelEvent(
            middle,
            QPointF(widget.mapToGlobal(middle.toPoint())),
            QPoint(),
            QPoint(0, 120 if steps > 0 else -120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(widget, event)


def test_choosing_an_item_goes_to_the_screen_that_shows_it_and_back(driver: Any) -> None:
    controller = open_case(driver, "cta 心脏")
    assert driver.window.browser.kind_of("cta 心脏") is ItemKind.VOLUME
    driver.choose_item("pair")
    driver.wait(lambda: driver.window.screen_key == "pairs", "the Pairs screen is shown")
    centre = driver.screen("volume", "F3")
    driver.wait(lambda: centre.elsewhere.isVisible(), "the empty state is shown")
    assert "pair" in centre.elsewhere.sentence.text()
    QTest.mouseClick(centre.elsewhere.primary, Qt.MouseButton.LeftButton)
    assert driver.window.screen_key == "pairs"
    assert controller.image is None
    driver.window.workbench.set_item("brain")
    pairs = driver.window.screen("pairs").centre
    driver.wait(lambda: pairs.elsewhere.isVisible(), "Pairs says that it shows no volumes")


def test_slices_are_scrolled_by_wheel_and_keys_and_the_status_line_reads(driver: Any) -> None:
    controller = open_case(driver, "cta 心脏")
    axial = pane(driver)
    assert controller.position[2] == 8
    turn_wheel(axial, 2)
    assert abs(controller.position[2] - 8) == 2
    before = controller.position
    axial.setFocus()
    driver.press("Right", axial)
    assert controller.position[2] == before[2] + 1
    driver.press("PgDown", axial)
    assert controller.position[2] == max(0, before[2] + 1 - 10)
    controller.go_to((20.0, 18.0, 8.0))
    QTest.mouseMove(axial, QPoint(axial.width() // 2, axial.height() // 2))
    driver.wait(lambda: driver.window.cursor_label.text(), "the status line reads")
    text = driver.window.cursor_label.text()
    reading = controller.reading
    assert f"voxel {reading.voxel[0]} {reading.voxel[1]} {reading.voxel[2]}" in text
    assert " mm" in text
    assert " HU" in text
    assert reading.world_mm == pytest.approx(tuple(GRID.world_of([reading.voxel])[0]), abs=1.3)
    assert "label 1: 左前降支 LAD" in text
    trigger(driver, "copy_reading")
    assert QGuiApplication.clipboard().text() == text


def test_window_follows_presets_typed_values_and_a_right_drag(driver: Any) -> None:
    controller = open_case(driver, "cta 心脏")
    panel = driver.window.screen("volume").panel
    driver.press("Alt+6", pane(driver))
    assert controller.layers.window("cta") == (-1250.0, 250.0)
    assert panel.window_box.preset.currentText() == "Lung"
    panel.window_box.level.setFocus()
    panel.window_box.level.selectAll()
    QTest.keyClicks(panel.window_box.level, "-321")
    QTest.keyClick(panel.window_box.level, Qt.Key.Key_Return)
    assert controller.layers.window("cta") == (-1071.0, 429.0)
    assert panel.window_box.preset.currentIndex() == -1
    axial = pane(driver)
    middle = QPoint(axial.width() // 2, axial.height() // 2)
    QTest.mousePress(axial, Qt.MouseButton.RightButton, pos=middle)
    QTest.mouseMove(axial, middle + QPoint(40, 0))
    QTest.mouseRelease(axial, Qt.MouseButton.RightButton, pos=middle + QPoint(40, 0))
    assert controller.layers.window("cta") != (-1071.0, 429.0)
    driver.press("Alt+A", axial)
    assert controller.layers.window("cta") == controller.layers.base.value_range


def test_four_images_are_layers_and_tiles(driver: Any) -> None:
    controller = open_case(driver, "brain")
    panel, view = (getattr(driver.window.screen("volume"), name) for name in ("panel", "centre"))
    assert list(panel.layers.lines) == ["t1", "t1ce", "t2", "flair"]
    panel.layers.lines["t2"].radio.click()
    assert controller.layers.base.title == "T2"
    panel.layers.lines["flair"].slider.setValue(40)
    layers = {layer.key: layer for layer in controller.layers.image_layers()}
    assert layers["flair"].is_visible
    assert layers["flair"].opacity == pytest.approx(0.4)
    trigger(driver, "tiles")
    tiles = [tile for tile in view.view.tiles if tile.isVisible()]
    assert len(tiles) == 4
    driver.press("K", driver.window)
    assert controller.layout is PaneLayout.SURFACE
    driver.press("K", driver.window)
    assert controller.layout is PaneLayout.TILES
    assert not driver.window.actions_.action("volume.window_1").isEnabled()


def test_label_map_is_made_named_and_survives_undo(driver: Any) -> None:
    controller = open_case(driver, "brain")
    panel = driver.window.screen("volume").panel
    driver.press("M", driver.window)
    made = controller.active_id
    assert made
    line = panel.layers.lines[made]
    driver.wait(lambda: line.field.hasFocus(), "the name can be typed")
    line.field.setText("肿瘤")
    QTest.keyClick(line.field, Qt.Key.Key_Return)
    project = driver.window.workbench.project
    assert project.label_maps.get(made).name == "肿瘤"
    assert panel.layers.lines[made].name.text() == "肿瘤"
    driver.wait(lambda: controller.active_labels is not None, "the label map is read")
    driver.press("Ctrl+Del", driver.window)
    assert controller.active_id == ""
    driver.press("Ctrl+Z", driver.window)
    driver.wait(lambda: controller.active_id == made, "the label map is back")


def test_class_is_renamed_hidden_and_locked_in_the_list(driver: Any) -> None:
    controller = open_case(driver, "cta 心脏")
    tree = driver.window.screen("volume").panel.classes.tree
    driver.wait(lambda: tree.topLevelItem(0) is not None and tree.topLevelItem(0).text(1), "it is counted")
    volume_ml = np.count_nonzero(ball()) * GRID.voxel_volume_ml
    assert tree.topLevelItem(0).text(1) == f"{volume_ml:.2f} mL"
    trigger(driver, "class_rename")
    driver.wait(lambda: tree.findChild(QLineEdit) is not None, "the name can be typed")
    field = tree.findChild(QLineEdit)
    field.selectAll()
    QTest.keyClicks(field, "RCA")
    QTest.keyClick(field, Qt.Key.Key_Return)
    driver.wait(lambda: controller.classes.classes[0].name == "RCA", "the class is renamed")
    for column in (2, 3):
        at = tree.visualRect(tree.indexFromItem(tree.topLevelItem(0), column)).center()
        QTest.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert controller.locked == {1}
    assert controller.layers.look(controller.active_id).hidden == {1}
    trigger(driver, "class_add")
    assert controller.active_class == 2


def test_class_is_deleted_by_key_and_tables_fold(driver: Any) -> None:
    controller = open_case(driver, "cta 心脏")
    lower = driver.window.screen("volume").centre.lower
    axial = pane(driver)
    driver.wait(lambda: controller.classes.rows()[0].volume_ml is not None, "it is counted")
    before = controller.active_labels.copy()
    height = axial.height()
    driver.press("Ctrl+T", axial)
    driver.wait(lambda: lower.is_folded and axial.height() > height, "the slices have the room")
    driver.press("Ctrl+Backspace", axial)
    driver.wait(lambda: not controller.active_labels.any(), "the voxels are gone")
    driver.wait(lambda: not controller.layers.active.classes, "the class is gone")
    delete = driver.window.actions_.action("volume.class_delete")
    driver.wait(lambda: not delete.isEnabled(), "there is nothing left to delete")
    driver.press("Ctrl+Z", axial)
    driver.wait(lambda: np.array_equal(controller.active_labels, before), "the voxels are back")
    driver.wait(lambda: controller.layers.active.classes, "the class is back")
    driver.press("Ctrl+T", axial)
    driver.wait(lambda: lower.height() > 150, "the tables are back")


def test_surface_appears_and_its_pick_moves_the_slices(driver: Any) -> None:
    controller = open_case(driver, "cta 心脏")
    view = driver.window.screen("volume").centre.view
    made: list[Any] = []
    controller.surfaces.made.connect(made.append)
    controller.surfaces.make()
    driver.wait(lambda: made and made[-1], "the surface is made")
    centre = made[-1][0].vertices_mm.mean(axis=0)
    assert centre == pytest.approx(GRID.world_of([(20, 18, 8)])[0], abs=0.5)
    view.surfacePicked.emit(tuple(GRID.world_of([(25, 18, 8)])[0]))
    assert controller.position == pytest.approx((25.0, 18.0, 8.0))


def test_overlays_are_hidden_held_and_outlined(driver: Any) -> None:
    controller = open_case(driver, "cta 心脏")
    axial = pane(driver)
    axial.setFocus()
    driver.press("S", axial)
    assert not controller.layers.label_layers()[0].is_visible
    driver.press("S", axial)
    driver.press("O", axial)
    assert controller.layers.label_layers()[0].style is LabelStyle.OUTLINE
    opacity = controller.layers.look(controller.active_id).opacity
    driver.press("D", axial)
    assert controller.layers.look(controller.active_id).opacity > opacity
    QTest.keyPress(axial, Qt.Key.Key_W)
    assert not controller.layers.has_overlays
    QTest.qWait(300)
    QTest.keyRelease(axial, Qt.Key.Key_W)
    assert controller.layers.has_overlays
