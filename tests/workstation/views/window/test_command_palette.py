from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from workstation.actions.registry import ActionRegistry, ActionSpec
from workstation.actions.tables import ALL_ACTIONS
from workstation.views.window.command_palette import CommandPalette, fuzzy_score


@pytest.fixture
def window(qtbot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.resize(1280, 720)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def best(wanted: str, *texts: str) -> str:
    scored = {text: score for text in texts if (score := fuzzy_score(wanted, text)) is not None}
    return max(scored, key=scored.__getitem__)


def test_letters_must_all_be_there_in_order() -> None:
    assert fuzzy_score("rgs", "Register") is not None
    assert fuzzy_score("sgr", "Register") is None
    assert fuzzy_score("", "Register") is not None


def test_beginnings_of_words_and_letters_side_by_side_count_more() -> None:
    assert best("np", "Next pair", "Open project") == "Next pair"
    assert best("exp", "Export table", "Next pair") == "Export table"
    assert best("undo", "Undo", "Unlock down") == "Undo"


def test_every_action_is_listed_with_its_keys_and_the_reason_it_cannot_run(window: QWidget) -> None:
    actions = ActionRegistry(ALL_ACTIONS, window)
    palette = CommandPalette(actions, window)
    palette.show()
    assert set(palette.shown_keys()) == {spec.key for spec in ALL_ACTIONS}
    QTest.keyClicks(palette.search, "undo")
    assert palette.shown_keys()[0] == "edit.undo"
    assert palette.list.item(0).data(Qt.ItemDataRole.UserRole + 1) == "Ctrl+Z"
    QTest.keyClick(palette.search, Qt.Key.Key_Return)
    assert palette.isVisible()
    assert "Not available" in palette.note.text()
    palette.close()


def test_enter_runs_the_chosen_action_once(window: QWidget, qtbot) -> None:
    specs = [ActionSpec(f"a.{name}", name, "Goes.", menu="A") for name in ("alpha", "beta", "betamax")]
    actions = ActionRegistry(specs, window)
    ran: list[str] = []
    for spec in specs:
        actions.bind(spec.key, lambda key=spec.key: ran.append(key))
    palette = CommandPalette(actions, window)
    palette.show()
    QTest.keyClicks(palette.search, "beta")
    assert palette.shown_keys() == ["a.beta", "a.betamax"]
    QTest.keyClick(palette.search, Qt.Key.Key_Down)
    QTest.keyClick(palette.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: ran == ["a.betamax"])


def test_it_fits_into_the_smallest_window(window: QWidget) -> None:
    actions = ActionRegistry(ALL_ACTIONS, window)
    palette = CommandPalette(actions, window)
    palette.show()
    assert palette.width() < window.width()
    assert palette.height() < window.height()
    palette.close()
