"""The table and the transform chooser in the real window, by mouse and keys."""

from __future__ import annotations

import csv
from collections.abc import Callable
from math import dist
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from workstation.views.pairs.keypoint_columns import COLUMN_OF

ITEM = "known-2"


def test_choose_model_sort_walk_tick_filter_drag_and_export(
    open_window: Callable[[Path | None], Any], tmp_path: Path, monkeypatch: Any
) -> None:
    driver = open_window(None)
    driver.window.actions_.action("project.sample").trigger()
    driver.wait(lambda: driver.window.workbench.project is not None, "the sample is open")
    centre = driver.screen("pairs", "F2")
    driver.choose_item(ITEM)
    controller = driver.window.screen("pairs").controller
    driver.wait(lambda: controller.has_pair_of_images, "the images are there")
    chooser, table, panel = centre.panel.chooser, centre.table, centre.pairs_panel

    # Every model has its error, and the spline fits what it is told to.
    driver.wait(lambda: chooser.errors["thin_plate_spline"].text().endswith("px"), "models are compared")
    QTest.mouseClick(chooser.model_buttons["thin_plate_spline"], Qt.MouseButton.LeftButton)
    assert controller.pair_fit.summary.model == "thin_plate_spline"
    assert controller.pair_fit.summary.mean_px < 1e-6

    # Sorted by the left-out residual, next and previous follow the table.
    header = table.horizontalHeader()
    column = COLUMN_OF["loo"]
    at = QPoint(header.sectionViewportPosition(column) + 20, header.height() // 2)
    for _ in range(2):
        QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)
    order = table.order()
    residuals = {row.id: row.loo_px for row in controller.pair_fit.rows}
    assert [residuals[pair_id] for pair_id in order] == sorted(residuals.values(), reverse=True)
    canvas = centre.pair_view.fixed.native
    canvas.setFocus()
    driver.press("Tab", canvas)
    assert controller.selected == order[0]
    driver.press("Tab", canvas)
    assert controller.selected == order[1]
    assert table.currentIndex().row() == 1
    driver.press("J", canvas)
    driver.press("J", canvas)
    driver.press("Shift+J", canvas)
    assert controller.selected == order[0]

    # Nearest to the mouse.
    wanted = table.pairs.row(3)
    place = centre.pair_view.fixed.canvas_from_image(wanted.fixed_xy).toPoint()
    seen: list[tuple[float, float]] = []
    centre.pair_view.cursorMoved.connect(lambda side, x, y, *_alt: seen.append((x, y)))
    QTest.mouseMove(canvas, place + QPoint(3, 2))
    # A move goes through the window system, so it may come later.
    driver.wait(lambda: seen and dist(seen[-1], wanted.fixed_xy) < 20, "the canvas saw the mouse")
    driver.press("Q", canvas)
    assert controller.selected == wanted.id

    # The space bar leaves a pair out; undo takes it back.
    table.setFocus()
    driver.press("Space", table)
    assert controller.pair_fit.summary.num_used == len(order) - 1
    driver.press("Ctrl+Z", table)
    assert controller.pair_fit.summary.num_used == len(order)

    # A dragged point changes residuals before it is put down, and the rows keep their places.
    controller.choose_model("affine")
    before = {row.id: row.fit_px for row in table.shown_rows()}
    moving = centre.pair_view.moving
    start = moving.canvas_from_image(wanted.moving_xy).toPoint()
    QTest.mousePress(moving.native, Qt.MouseButton.LeftButton, pos=start)
    for step in range(1, 7):
        QTest.mouseMove(moving.native, start + QPoint(4 * step, 0))
    during = {row.id: row.fit_px for row in table.shown_rows()}
    assert during[wanted.id] > before[wanted.id] + 1
    assert sum(during[pair_id] != before[pair_id] for pair_id in before) == len(before)
    QTest.mouseRelease(moving.native, Qt.MouseButton.LeftButton, pos=start + QPoint(24, 0))
    assert controller.pair_fit.rows[3].fit_px > before[wanted.id] + 1

    # What the filter leaves is what is written.
    QTest.keyClicks(panel.filter, controller.pair_fit.rows[0].label)
    path = tmp_path / "配对.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_arguments: (str(path), ""))
    driver.window.actions_.action("pairs.export_table").trigger()
    driver.wait(path.exists, "the table is written")
    with path.open(encoding="utf-8", newline="") as stream:
        written = [row["pair"] for row in csv.DictReader(stream)]
    assert written == [row.label for row in table.shown_rows()]
    assert 0 < len(written) < len(order)
