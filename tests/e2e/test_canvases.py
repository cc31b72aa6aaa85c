"""Display, link and size of two canvases in the real window, by mouse and keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

ITEM = "known-2"


@pytest.fixture
def driver(open_window: Callable[..., Any]) -> Any:
    made = open_window()
    made.click_button("Open sample project")
    window = made.window
    made.wait(lambda: window.workbench.project is not None, "the sample project is open")
    made.screen("pairs", "F2")
    window.workbench.set_item(ITEM)
    made.wait(lambda: window.screen("pairs").controller.has_pair_of_images, "both images are shown")
    return made


def test_display_is_chosen_by_keys_remembered_and_changes_no_data(driver: Any) -> None:
    window = driver.window
    controller, view = window.screen("pairs").controller, window.screen("pairs").centre.pair_view
    before = [image.copy() for image in controller.images]
    native = view.fixed.native
    QTest.mouseMove(native, native.rect().center())
    driver.press("Shift+I", native)
    layers = view.fixed.layers
    driver.wait(lambda: np.array_equal(layers.shown.data, 255 - before[0]), "fixed is inverted")
    driver.press("Shift+V", native)
    driver.wait(lambda: layers.vessels is not None and layers.vessels.visible, "the vessels are shown")
    for image, known in zip(controller.images, before, strict=True):
        np.testing.assert_array_equal(image, known)
    others = [item.id for item in window.workbench.project.items.all() if item.id != ITEM]
    window.workbench.set_item(others[0])
    driver.wait(lambda: controller.has_pair_of_images, "the other item is shown")
    window.workbench.set_item(ITEM)
    driver.wait(lambda: controller.has_pair_of_images, "the first item is back")
    driver.wait(lambda: np.array_equal(layers.shown.data, 255 - before[0]), "fixed is inverted again")
    driver.press("Alt+0", native)
    driver.wait(lambda: np.array_equal(layers.shown.data, before[0]), "fixed is as its file")


def test_one_key_unlocks_and_locks_the_views_again(driver: Any) -> None:
    window = driver.window
    view, link = window.screen("pairs").centre.pair_view, window.screen("pairs").controller.link
    native = view.fixed.native
    driver.press("L", native)
    assert not view.is_locked
    before = view.moving.centre_xy
    view.fixed.look_at((300.0, 250.0), 2.0)
    assert view.moving.centre_xy == before
    driver.press("L", native)
    assert link.map_xy(view.moving.centre_xy) == pytest.approx(view.fixed.centre_xy, abs=0.5)
    view.fixed.look_at((-4000.0, 9000.0), 2.0)
    assert np.isfinite(view.moving.centre_xy).all()


def test_width_told_in_the_menu_gives_both_panes_a_scale_bar(driver: Any) -> None:
    window = driver.window
    view, project = window.screen("pairs").centre.pair_view, window.workbench.project
    form = view.panes["fixed"].display.form
    form.millimetres.clear()
    QTest.keyClicks(form.millimetres, "6")
    QTest.keyClick(form.millimetres, Qt.Key.Key_Return)
    file = project.items.get(ITEM).files["fixed"]
    assert file.spacing_mm == pytest.approx(6.0 / file.width)
    assert view.fixed.overlay.scale.spacing_mm == pytest.approx(file.spacing_mm)
    assert view.moving.overlay.scale.is_derived
