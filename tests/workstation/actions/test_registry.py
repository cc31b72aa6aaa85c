from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QWidget

from engines.contract.errors import UnknownKeyError
from workstation.actions.registry import ActionRegistry, ActionSpec, find_conflict
from workstation.actions.tables import ALL_ACTIONS


@pytest.fixture
def window(qtbot) -> Iterator[QWidget]:
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


@pytest.mark.parametrize("spec", ALL_ACTIONS, ids=lambda spec: spec.key)
def test_every_action_can_be_reached_and_explains_itself(spec: ActionSpec) -> None:
    assert spec.shortcuts
    assert spec.menu
    assert spec.tooltip.endswith(".")


def test_no_key_press_means_two_actions() -> None:
    assert find_conflict(ALL_ACTIONS) is None


def test_no_single_letter_deletes() -> None:
    destructive = [spec for spec in ALL_ACTIONS if "delete" in spec.key or "discard" in spec.key]
    assert destructive
    assert all(len(keys) > 1 for spec in destructive for keys in spec.shortcuts)


def test_a_shortcut_may_serve_two_screens_but_not_one_twice(window: QWidget) -> None:
    first = ActionSpec("a.one", "One", "One.", ("N",), screen="a")
    registry = ActionRegistry([first, ActionSpec("b.one", "One", "One.", ("N",), screen="b")], window)
    with pytest.raises(ValueError, match=r"N belongs to both a\.one and a\.two"):
        registry.add(ActionSpec("a.two", "Two", "Two.", ("N",), screen="a"))


def test_unknown_key_suggests_the_nearest(window: QWidget) -> None:
    registry = ActionRegistry(ALL_ACTIONS, window)
    with pytest.raises(UnknownKeyError, match=r"pairs\.add"):
        registry.action("pairs.ad")


def test_disabled_action_says_why_in_its_tooltip(window: QWidget) -> None:
    registry = ActionRegistry([ActionSpec("a.go", "Go", "Goes.", ("G",))], window)
    reasons = ["The road is closed."]
    action = registry.bind("a.go", lambda: None, lambda: reasons[0])
    assert not action.isEnabled()
    assert "The road is closed." in action.toolTip()
    assert "(G)" in action.toolTip()
    reasons[0] = ""
    registry.refresh()
    assert action.isEnabled()
    assert "road" not in action.toolTip()


def test_action_of_another_screen_is_disabled(window: QWidget) -> None:
    registry = ActionRegistry([ActionSpec("a.go", "Go", "Goes.", ("G",), screen="a")], window)
    registry.bind("a.go", lambda: None)
    registry.set_screen("b")
    assert not registry.action("a.go").isEnabled()
    registry.set_screen("a")
    assert registry.action("a.go").isEnabled()


def test_a_screen_built_again_takes_its_actions_over(window: QWidget) -> None:
    registry = ActionRegistry([ActionSpec("a.go", "Go", "Goes.", ("G",), screen="a")], window)
    registry.set_screen("a")
    done: list[str] = []
    registry.bind("a.go", lambda: done.append("old"))
    registry.unbind_screen("a")
    registry.action("a.go").trigger()
    registry.bind("a.go", lambda: done.append("new"))
    registry.action("a.go").trigger()
    assert done == ["new"]
