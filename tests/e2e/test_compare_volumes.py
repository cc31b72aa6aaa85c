"""Two label maps against the truth: by keyboard through every mode, measured, opened, and exported."""

from __future__ import annotations

import csv
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from engines.contract.kinds import FileKind, ItemKind
from engines.imaging.comparison import Change
from engines.imaging.images import read_image
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import write_volume
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.label_map_commands import AddLabelMap
from workstation.project.project import Project
from workstation.viewers.slice_pane import SlicePane
from workstation.views.compare.figure_dialog import FigureDialog
from workstation.views.compare.volume_compare_part import VolumeComparePart
from workstation.views.protocols.overlay_modes import Mode

SHAPE = (48, 44, 20)
AFFINE = np.array([[-0.8, 0, 0, 30.0], [0, 0.8, 0, -12.0], [0, 0, 2.0, 100.0], [0, 0, 0, 1.0]])
KEYS = {
    "T": Mode.WARPED,
    "F": Mode.FLICKER,
    "R": Mode.CURTAIN,
    "G": Mode.CHECKERBOARD,
    "D": Mode.DIFFERENCE,
    "S": Mode.DISTANCE,
}


def ball(radius_mm: float) -> np.ndarray:
    offsets = (np.indices(SHAPE).T - (22, 20, 10)) * (0.8, 0.8, 2.0)
    return (radius_mm > np.linalg.norm(offsets, axis=-1).T).astype(np.uint8)


def add_case(project: Project, item_id: str, radii: dict[str, tuple[str, float]]) -> None:
    grid = VolumeGeometry(SHAPE, AFFINE)
    image = (200 * ball(9.0) + 10 * np.indices(SHAPE)[0] - 100).astype(np.int16)
    path = write_volume(project.folder / f"{item_id}.nii.gz", Volume(image, grid))
    with project.store.write() as session:
        new = NewFile(item_id, item_id, "cta", FileKind.VOLUME, path, str(path), 9, grid=grid)
        insert_file(session, new, project.folder)
        set_item_kind(session, item_id, ItemKind.VOLUME)
    for name, (source, radius) in radii.items():
        volume = Volume(ball(radius), grid)
        made = AddLabelMap.on_grid_of(volume, item_id, name, source=source)
        file = project.label_maps.keep(item_id, made.label_map_id, volume)
        project.history.execute(replace(made, file=file))


@pytest.fixture
def project_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "体积 volumes"
    with Project.create(folder, "Volumes") as project:
        for item_id, before, after in (("good", 6.0, 8.5), ("worse", 8.5, 6.0)):
            radii = {"input": ("manual", before), "refined": ("manual", after)}
            add_case(project, item_id, radii | {"ground truth": ("import", 9.0)})
    return folder


def turn_wheel(widget: QWidget, notches: int) -> None:
    at = QPointF(widget.rect().center())
    no_buttons, no_keys = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    event = QWheelEvent(
        at,
        QPointF(widget.mapToGlobal(at.toPoint())),
        QPoint(0, 0),
        QPoint(0, 120 * notches),
        no_buttons,
        no_keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


@pytest.mark.timeout(300)
def test_compare_volumes(open_window: Callable[..., Any], project_folder: Path) -> None:
    driver = open_window(project_folder)
    window = driver.window
    driver.choose_item("good")
    compare = driver.screen("compare", "F6")
    part = compare.findChild(VolumeComparePart)
    view = part.view
    driver.wait(lambda: part.isVisible() and len(view.panes) == 3, "three panes are shown")
    driver.wait(lambda: all(pane.content.picture for pane in view.panes), "their slices are there")
    titles = [frame.box.currentText() for frame in view.frames]
    assert titles == ["input", "refined", "ground truth (imported)"]
    assert not compare.view.isVisible()
    action = window.actions_.action
    assert not action("compare.blend").isEnabled()
    assert action("compare.distance").isEnabled()

    # The wheel and the arrow keys go through the slices of every pane at once.
    pane = view.panes[0]
    assert isinstance(pane, SlicePane)
    pane.setFocus()
    first = pane._slices.number
    turn_wheel(pane, 1)
    driver.wait(lambda: pane._slices.number == first + 1, "the next slice is shown")
    driver.press("Left", pane)
    driver.wait(lambda: view.panes[2]._slices.number == first, "every pane is back")
    QTest.mouseClick(pane, Qt.MouseButton.LeftButton, pos=pane.rect().center() + QPoint(20, 0))
    driver.wait(lambda: pane._slices.cross_xy[0] > SHAPE[0] / 2, "the crosshair moved")
    driver.press("Ctrl+3", window)
    driver.wait(lambda: pane._slices.letters == ("R", "L", "S", "I"), "coronal slices are shown")
    driver.press("Ctrl+2", window)
    driver.wait(lambda: pane._slices.letters == ("R", "L", "A", "P"), "axial slices are shown")

    # Every mode by keyboard, the same keys as for images.
    for key, mode in KEYS.items():
        driver.press(key, pane)
        driver.wait(lambda mode=mode: view.mode is mode, mode.value)
    driver.wait(lambda: pane.content.legend_mm, "distances are there")
    driver.press("D", pane)
    driver.wait(lambda: pane.content.shares, "the difference is there")
    assert pane.content.volumes_ml[Change.REMOVED] > pane.content.volumes_ml[Change.KEPT]
    assert pane.content.volumes_ml[Change.ADDED] == 0.0

    # Figures of what is shown.
    exports = project_folder / "exports"
    for file_format in ("png", "svg"):
        action("compare.export").trigger()
        dialog = compare.findChild(FigureDialog)
        driver.choose(dialog.format_box, file_format)
        QTest.keyClick(dialog.name_field, Qt.Key.Key_Return)
        path = exports / f"good_difference.{file_format}"
        driver.wait(path.is_file, f"{path.name} is written")
        driver.wait(lambda: not compare.findChildren(FigureDialog), "the dialog is gone")
    assert read_image(exports / "good_difference.png").shape[1] == round(170 / 25.4 * 300)
    svg = ElementTree.parse(exports / "good_difference.svg").getroot()
    text = " ".join(svg.itertext())
    assert "Item good, axial slice" in text
    assert "mL" in text
    assert {"R", "L", "A", "P"} <= {node.text for node in svg.iter() if node.tag.endswith("text")}
    assert any(node.get("class") == "scale" for node in svg.iter())
    assert len([node for node in svg.iter() if node.get("class") == "legend"]) >= 6

    # The table of cases, worst first; a row opens its case.
    table = part.cases.table
    driver.press("M", pane)
    driver.wait(lambda: table.isVisible() and table.rowCount() == 3, "both cases are measured")
    assert [table.item(row, 0).text() for row in range(3)] == ["worse", "good", "mean"]
    assert table.item(0, 3).text().endswith("!")
    assert part.cases.facts.text().startswith("▲")
    action("compare.export_table").trigger()
    driver.wait((exports / "cases.csv").is_file, "the table is written")
    rows = list(csv.DictReader((exports / "cases.csv").read_text(encoding="utf-8").splitlines()))
    assert float(rows[0]["dice_delta"]) < 0 < float(rows[1]["dice_delta"])
    at = table.visualItemRect(table.item(0, 0)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    driver.wait(lambda: window.workbench.item_id == "worse", "the case is open")
    driver.wait(lambda: view.panes[0].content.shares.get(Change.KEPT, 0.0) > 0.7, "it is compared")
    assert view.mode is Mode.DIFFERENCE

    # Surfaces in mm.
    action("compare.export_surface").trigger()
    path = exports / "worse_ground_truth.stl"
    driver.wait(path.is_file, "surfaces are written")
    data = path.read_bytes()
    assert struct.unpack("<I", data[80:84])[0] > 100
    corners = np.frombuffer(data[84:], np.dtype([("n", "<f4", 3), ("c", "<f4", (3, 3)), ("a", "<u2")]))["c"]
    assert np.ptp(corners.reshape(-1, 3)[:, 2]) == pytest.approx(18.0, abs=2.5)

    # No item, and images again.
    window.workbench.set_item("")
    driver.wait(lambda: not part.isVisible(), "the images have the screen again")
