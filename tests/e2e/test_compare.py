"""From an unregistered sample pair to a figure: register, compare in every mode by keyboard, export."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engines.imaging.comparison import Change
from engines.imaging.images import read_image
from workstation.actions.held_key import HOLD_MS
from workstation.views.compare.figure_dialog import FigureDialog
from workstation.views.protocols.overlay_modes import Mode

KEYS = {
    "B": Mode.BLEND,
    "T": Mode.WARPED,
    "F": Mode.FLICKER,
    "R": Mode.CURTAIN,
    "G": Mode.CHECKERBOARD,
    "D": Mode.DIFFERENCE,
    "V": Mode.VECTORS,
}


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("kill_engines")
def test_compare(open_window: Callable[..., Any]) -> None:
    driver = open_window()
    window = driver.window
    driver.click_button("Open sample project")
    driver.wait(lambda: window.workbench.project is not None, "the sample project is open")
    project = window.workbench.project
    driver.choose_item("known-1")
    pairs = driver.screen("pairs", "F2")
    action = window.actions_.action
    driver.wait(action("pairs.register").isEnabled, "registering is possible")

    # Register the first pair.
    driver.press("Ctrl+R", window)
    controller = window.screen("pairs").controller
    driver.wait(lambda: controller.is_registering, "registering has begun", 20)
    driver.wait(lambda: not controller.is_registering, "registering has ended", 120)
    driver.wait(action("pairs.curtain").isEnabled, "there is a transform", 20)

    # Modes over the fixed image: a tap switches, holding shows for as long, and one is on at a time.
    canvas = pairs.pair_view.fixed.native
    canvas.setFocus()
    for key, mode in (("B", Mode.BLEND), ("R", Mode.CURTAIN), ("G", Mode.CHECKERBOARD)):
        driver.press(key, canvas)
        driver.wait(
            lambda mode=mode: pairs.overlay.overlay.mode is mode and pairs.overlay.overlay.is_current, mode
        )
        assert pairs.overlay.isVisible()
    QTest.keyPress(canvas, Qt.Key.Key_T)
    driver.wait(lambda: pairs.overlay.overlay.mode is Mode.WARPED, "the peek is shown")
    QTest.qWait(HOLD_MS + 40)
    QTest.keyRelease(canvas, Qt.Key.Key_T)
    assert pairs.overlay.overlay.mode is Mode.CHECKERBOARD
    driver.press("G", canvas)
    assert not pairs.overlay.isVisible()

    # F6 fills two panes with the last two results.
    compare = driver.screen("compare", "F6")
    controller = window.screen("compare").controller
    driver.wait(lambda: len(controller.chosen) == 2, "two panes are filled")
    run = f"run:{driver.run_folders()[-1].id}"
    assert controller.chosen == (run, "pairs:homography")
    driver.wait(lambda: all(pane.content.picture for pane in compare.view.panes), "both pictures are there")
    rows = {
        compare.table.item(row, 0).text(): [compare.table.item(row, column).text() for column in range(1, 6)]
        for row in range(compare.table.rowCount())
    }
    registered = next(values for title, values in rows.items() if title.startswith("Registration"))
    assert registered[0].endswith("registered")
    assert registered[2] == "independent"
    assert rows["Fit of the pairs, homography"][2] == "fit"

    # Every mode by keyboard, and back to tiles.
    pane = compare.view.panes[0]
    pane.setFocus()
    for key, mode in KEYS.items():
        driver.press(key, pane)
        assert controller.mode is mode
        assert action(f"compare.{'peek' if mode is Mode.WARPED else mode.value}").isChecked()
        if mode is Mode.CURTAIN:
            share = compare.view.settings.share
            driver.press("]", pane)
            assert compare.view.settings.share > share
        if mode is Mode.DIFFERENCE:
            driver.wait(lambda: pane.content.shares, "the vessels are compared", 60)
            assert pane.content.shares[Change.KEPT] > 0.5
    driver.press("Esc", pane)
    assert controller.mode is Mode.TILES
    driver.press("+", pane)
    driver.wait(lambda: len(compare.view.panes) == 3, "a third pane is shown")

    # Export what is shown, as pixels and as vectors.
    for file_format in ("png", "svg"):
        action("compare.export").trigger()
        dialog = compare.findChild(FigureDialog)
        driver.choose(dialog.format_box, file_format)
        QTest.keyClick(dialog.name_field, Qt.Key.Key_Return)
        folder = project.folder / "exports"
        path = folder / f"known-1_tiles.{file_format}"
        driver.wait(path.is_file, f"{path.name} is written", 60)
        driver.wait(lambda: not compare.findChildren(FigureDialog), "the dialog is gone")
    assert read_image(folder / "known-1_tiles.png").shape[1] == round(170 / 25.4 * 300)
    svg = ElementTree.parse(folder / "known-1_tiles.svg").getroot()
    images = [node for node in svg.iter() if node.tag.endswith("image")]
    text = " ".join(svg.itertext())
    assert len(images) == 3
    assert "Item known-1: CF on" in text
    driver.wait(lambda: any("figure" in card.card.what.text for card in driver.cards), "a card says so")

    # A run of the list leads here, too.
    runs = driver.screen("runs", "F5")
    driver.wait(lambda: runs.list.model.rowCount() == 1, "the run is listed")
    driver.wait(action("runs.compare").isEnabled, "the run can be compared")
    driver.press("Ctrl+M", window)
    driver.wait(lambda: compare.isVisible() and controller.chosen[0] == run, "its result is shown")
