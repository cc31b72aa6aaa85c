"""A tap switches; a key that was held ends what it began."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from workstation.actions.held_key import HOLD_MS
from workstation.actions.registry import ActionRegistry, ActionSpec
from workstation.screens.mode_actions import bind_modes
from workstation.views.protocols.overlay_modes import Mode


class Owner:
    def __init__(self) -> None:
        self.mode = Mode.TILES
        self.watchers = []

    def choose(self, mode: Mode) -> None:
        self.set_mode(Mode.TILES if mode is self.mode else mode)

    def set_mode(self, mode: Mode) -> None:
        self.mode = mode
        for watcher in self.watchers:
            watcher()


@pytest.fixture
def window(qtbot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    QTest.qWaitForWindowActive(made)
    return made


@pytest.fixture
def actions(window: QWidget) -> ActionRegistry:
    verbs = (("curtain", "R"), ("flicker", "F"))
    return ActionRegistry([ActionSpec(f"x.{v}", v, v, (key,), is_checkable=True) for v, key in verbs], window)


@pytest.fixture
def owner(window: QWidget, actions: ActionRegistry) -> Owner:
    made = Owner()
    modes = {"curtain": Mode.CURTAIN, "flicker": Mode.FLICKER}
    bind_modes(actions, "x", modes, made, window, lambda: "")
    return made


def test_tap_switches_on_and_off(window: QWidget, owner: Owner, actions: ActionRegistry) -> None:
    QTest.keyClick(window, Qt.Key.Key_R)
    assert owner.mode is Mode.CURTAIN
    assert actions.action("x.curtain").isChecked()
    QTest.keyClick(window, Qt.Key.Key_F)
    assert owner.mode is Mode.FLICKER
    assert not actions.action("x.curtain").isChecked()
    QTest.keyClick(window, Qt.Key.Key_F)
    assert owner.mode is Mode.TILES


def test_holding_ends_with_the_release(window: QWidget, owner: Owner) -> None:
    QTest.keyClick(window, Qt.Key.Key_R)
    QTest.keyPress(window, Qt.Key.Key_F)
    assert owner.mode is Mode.FLICKER
    QTest.qWait(HOLD_MS + 40)
    QTest.keyRelease(window, Qt.Key.Key_F)
    assert owner.mode is Mode.CURTAIN


def test_mouse_on_the_button_waits_for_no_key(window: QWidget, owner: Owner, actions: ActionRegistry) -> None:
    actions.action("x.curtain").trigger()
    QTest.qWait(HOLD_MS + 40)
    QTest.mouseClick(window, Qt.MouseButton.LeftButton)
    QTest.keyRelease(window, Qt.Key.Key_R)
    assert owner.mode is Mode.CURTAIN
