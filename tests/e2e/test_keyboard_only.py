"""Everything by keyboard: every part of every screen is reached and left, and the focus is always seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QFrame, QWidget

from workstation.project.commands import AddPair
from workstation.screens import SCREENS
from workstation.views.window.command_palette import CommandPalette
from workstation.views.window.focus_regions import focusable
from workstation.views.window.history_list import HistoryList
from workstation.views.window.shortcut_editor import ShortcutEditor

NO_MODIFIER = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def driver(open_window: Callable[..., Any], pair_project_folder: Path) -> Iterator[Any]:
    """The window on a pair with six keypoints."""
    made = open_window(pair_project_folder)
    made.wait(lambda: made.window.screen("pairs") is not None, "the first screen is there")
    made.wait(lambda: made.window.screen("pairs").controller.has_pair_of_images, "the images are there")
    return made


@pytest.fixture
def pair_project_folder(tmp_path: Path) -> Path:
    """A project of two pairs, the first with keypoints."""
    import runpy

    made = runpy.run_path(str(Path(__file__).parents[1] / "workstation" / "conftest.py"))
    folder: Path = made["make_pair_project"].__wrapped__()(tmp_path)
    return folder


def regions_of(driver: Any) -> Any:
    return driver.window._commands._tools.regions


def is_canvas(widget: QWidget) -> bool:
    return widget.inherits("QOpenGLWidget")


def type_key(key: Qt.Key, modifiers: Qt.KeyboardModifier = NO_MODIFIER) -> None:
    focus = QApplication.focusWidget()
    assert focus is not None, "nothing has the focus"
    QTest.keyClick(focus, key, modifiers)
    QCoreApplication.processEvents()


def screens_shown(driver: Any) -> Iterator[str]:
    """Go from screen to screen by its key."""
    for spec in SCREENS:
        keys = driver.window.actions_.shortcuts(f"screen.{spec.key}")[0]
        driver.screen(spec.key, keys)
        # What a thread still reads makes panes, and panes are parts of the window.
        driver.wait(
            lambda: driver.window.workbench.background.num_waiting == 0, f"everything of {spec.key} is there"
        )
        QTest.qWait(50)
        yield spec.key


def test_region_keys_lead_through_every_part_and_back(driver: Any) -> None:
    window = driver.window
    for key in screens_shown(driver):
        regions = regions_of(driver).regions()
        assert len(regions) >= 2, key
        visited = []
        for _ in regions:
            driver.press("Ctrl+Tab")
            visited.append(_region_with_focus(regions))
        assert sorted(visited) == list(range(len(regions))), key
        before = _region_with_focus(regions)
        driver.press("Ctrl+F6")
        driver.press("Ctrl+Shift+F6")
        assert _region_with_focus(regions) == before
    names = {type(region).__name__ for region in regions_of(driver).regions()}
    assert names
    assert window.isVisible()


def _region_with_focus(regions: list[QWidget]) -> int:
    focus = QApplication.focusWidget()
    assert focus is not None
    (index,) = (i for i, region in enumerate(regions) if region is focus or region.isAncestorOf(focus))
    return index


def test_nothing_traps_the_focus(driver: Any) -> None:
    trapped = []
    for key in screens_shown(driver):
        for region in regions_of(driver).regions():
            for widget in focusable(region):
                widget.setFocus(Qt.FocusReason.TabFocusReason)
                if QApplication.focusWidget() is not widget:
                    continue
                name = f"{key}: {type(widget).__name__} {widget.objectName()} {widget.accessibleName()}"
                # Tab is the next pair in a canvas; the keys for parts lead out of it.
                if not is_canvas(widget):
                    type_key(Qt.Key.Key_Tab)
                    if QApplication.focusWidget() is widget:
                        trapped.append(f"{name} keeps Tab")
                    widget.setFocus(Qt.FocusReason.TabFocusReason)
                driver.press("Ctrl+Tab")
                focus = QApplication.focusWidget()
                if focus is widget or region.isAncestorOf(focus):
                    trapped.append(f"{name} keeps Ctrl+Tab")
    assert not trapped, "\n".join(trapped)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_focus_is_seen_on_every_widget_of_every_screen(driver: Any, theme: str) -> None:
    actions, unseen, num_seen = driver.window.actions_, [], 0
    if actions.action("window.light").isChecked() != (theme == "light"):
        actions.action("window.light").trigger()
    for key in screens_shown(driver):
        for region in regions_of(driver).regions():
            for widget in focusable(region):
                seen = _is_focus_seen(widget)
                num_seen += seen is True
                if seen is False:
                    name = widget.objectName() or widget.accessibleName()
                    text = widget.property("text")
                    unseen.append(f"{key}: {type(widget).__name__} {name} {text}")
    if theme == "light":
        actions.action("window.light").trigger()
    assert not unseen, "\n".join(unseen)
    assert num_seen > 40


def _is_focus_seen(widget: QWidget) -> bool | None:
    """Tell whether a widget, or the bar above a canvas, looks different with the focus; None: it cannot."""
    # A canvas and a pane paint pictures; the bar above them tells.
    is_picture = is_canvas(widget) or type(widget).__module__.startswith("workstation.viewers")
    shown = _bar_above(widget) if is_picture else widget
    if QApplication.focusWidget() is not None:
        QApplication.focusWidget().clearFocus()
    without = shown.grab().toImage()
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    if QApplication.focusWidget() is not widget:
        return None
    return shown.grab().toImage() != without


def _bar_above(canvas: QWidget) -> QWidget:
    widget: QWidget | None = canvas
    while widget is not None:
        bars = widget.findChildren(QFrame, "pane_bar", Qt.FindChildOption.FindDirectChildrenOnly)
        if bars:
            return bars[0]
        widget = widget.parentWidget()
    raise AssertionError("a canvas without a bar above it cannot show that it has the focus")


def test_pairs_are_annotated_undone_and_found_again_without_a_mouse(driver: Any) -> None:
    window = driver.window
    controller = window.screen("pairs").controller
    canvas = window.screen("pairs").centre.pair_view.fixed.native
    for _ in range(20):
        driver.press("Ctrl+Tab")
        if QApplication.focusWidget() is canvas:
            break
    assert QApplication.focusWidget() is canvas
    type_key(Qt.Key.Key_Tab)
    selected = controller.selected
    assert selected
    project = window.workbench.project
    before = next(pair for pair in project.keypoints.pairs("pair_a") if pair.id == selected)
    type_key(Qt.Key.Key_Right)
    after = next(pair for pair in project.keypoints.pairs("pair_a") if pair.id == selected)
    assert after.fixed_xy[0] == pytest.approx(before.fixed_xy[0] + 0.25)
    type_key(Qt.Key.Key_Delete)
    assert selected not in {pair.id for pair in project.keypoints.pairs("pair_a")}
    # The palette undoes it by name.
    driver.press("Ctrl+K")
    palette = window.findChild(CommandPalette)
    QTest.keyClicks(palette.search, "undo")
    QTest.keyClick(palette.search, Qt.Key.Key_Return)
    driver.wait(lambda: selected in {p.id for p in project.keypoints.pairs("pair_a")}, "the pair is back", 10)
    # The history goes back before the nudge.
    driver.press("Ctrl+H")
    driver.wait(lambda: window.findChild(HistoryList) is not None, "the history is open", 10)
    history = window.findChild(HistoryList)
    driver.wait(lambda: history.tree.topLevelItemCount() == 4, "the edits are listed", 10)
    QTest.keyClick(history.tree, Qt.Key.Key_Down)
    QTest.keyClick(history.tree, Qt.Key.Key_Return)
    driver.wait(
        lambda: before.fixed_xy in [pair.fixed_xy for pair in project.keypoints.pairs("pair_a")],
        "the nudge is taken back",
        10,
    )
    QTest.keyClick(history.tree, Qt.Key.Key_Escape)
    driver.wait(
        lambda: not shiboken6.isValid(history) or not history.isVisible(), "the history is closed", 10
    )
    # A display without a window manager gives the focus back to nobody.
    window.activateWindow()
    QTest.qWaitForWindowActive(window)
    # Another item, from the list on the left.
    driver.press("Ctrl+F", window)
    type_key(Qt.Key.Key_Tab)
    # The row between is the name of the other subject.
    type_key(Qt.Key.Key_Down)
    type_key(Qt.Key.Key_Down)
    driver.wait(lambda: window.workbench.item_id == "pair_b", "the other item is shown", 10)


def test_edits_of_another_item_are_shown_before_they_are_undone(driver: Any) -> None:
    window = driver.window
    project = window.workbench.project
    project.history.execute(AddPair("pair_b", (30.0, 30.0), (31.0, 31.0)))
    assert window.workbench.item_id == "pair_a"
    driver.press("Ctrl+H")
    history = window.findChild(HistoryList)
    history.project_button.setFocus()
    QTest.keyClick(history.project_button, Qt.Key.Key_Space)
    driver.wait(lambda: history.tree.topLevelItemCount() == 3, "all edits are listed", 10)
    history.tree.setFocus()
    QTest.keyClick(history.tree, Qt.Key.Key_End)
    history.tree.setCurrentItem(history.tree.topLevelItem(1))
    assert "takes back one edit" in history.sentence.text()
    history.tree.setCurrentItem(history.tree.topLevelItem(0))
    assert "stands now" in history.sentence.text()
    QTest.keyClick(history.tree, Qt.Key.Key_Return)
    driver.wait(lambda: window.workbench.item_id == "pair_b", "its item is shown", 10)
    history.close()


def test_keys_are_changed_by_keyboard_and_kept(driver: Any, open_window: Callable[..., Any]) -> None:
    window = driver.window
    driver.press("Ctrl+,")
    editor = window.findChild(ShortcutEditor)
    driver.wait(editor.isActiveWindow, "the editor is open", 10)
    QTest.keyClicks(editor.search, "find item")
    for _ in range(12):
        if QApplication.focusWidget() is editor.field:
            break
        type_key(Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is editor.field
    type_key(Qt.Key.Key_Return)
    type_key(Qt.Key.Key_F8)
    type_key(Qt.Key.Key_Space)
    assert window.actions_.shortcuts("item.find") == ("F8",)
    type_key(Qt.Key.Key_Escape)
    assert "(F8)" in window.actions_.action("item.find").toolTip()
    window.activateWindow()
    QTest.qWaitForWindowActive(window)
    driver.press("F8", window)
    assert QApplication.focusWidget() is window.browser.filter
    again = open_window()
    assert again.window.actions_.shortcuts("item.find") == ("F8",)


def test_choices_open_and_close_by_keyboard(driver: Any) -> None:
    boxes = [box for box in driver.window.findChildren(QComboBox) if box.isVisible() and box.isEnabled()]
    for box in boxes:
        box.setFocus()
        QTest.keyClick(box, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
        assert box.view().isVisible()
        QTest.keyClick(box.view(), Qt.Key.Key_Escape)
        assert not box.view().isVisible()
