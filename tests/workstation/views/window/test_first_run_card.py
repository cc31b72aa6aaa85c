from __future__ import annotations

from typing import get_args

import pytest
from PySide6.QtCore import Qt

from workstation.views.protocols.first_run import StepKey, StepRow
from workstation.views.window.first_run_card import DONE, RUNNING, FirstRunCard

WIDTH_PX = 1280


@pytest.fixture
def card(qtbot):
    widget = FirstRunCard()
    qtbot.addWidget(widget)
    widget.resize(WIDTH_PX, widget.height())
    widget.show_steps([StepRow("place"), StepRow("train"), StepRow("register")])
    widget.set_shown(True)
    qtbot.waitExposed(widget)
    return widget


def marks(card: FirstRunCard) -> list[str]:
    return [button.text().split()[0] for button in card.step_buttons.values()]


def test_the_first_step_that_is_not_done_has_the_button(card, qtbot):
    card.show_steps([StepRow("place", is_done=True), StepRow("train"), StepRow("register")])
    assert marks(card) == [DONE, "2", "3"]
    with qtbot.waitSignal(card.stepRequested) as asked:
        qtbot.mouseClick(card.go, Qt.MouseButton.LeftButton)
    assert asked.args == ["train"]


def test_a_running_step_says_so_in_words(card):
    card.show_steps([StepRow("place", is_done=True), StepRow("train", is_running=True), StepRow("register")])
    assert marks(card) == [DONE, RUNNING, "3"]
    assert "running" in card.step_buttons["train"].accessibleName()
    assert "process of its own" in card.sentence.text()


def test_another_step_can_be_chosen_with_the_keyboard_alone(card, qtbot):
    card.step_buttons["place"].setFocus()
    qtbot.keyClick(card.step_buttons["place"], Qt.Key.Key_Tab)
    assert card.focusWidget() is card.step_buttons["train"]
    qtbot.keyClick(card.step_buttons["train"], Qt.Key.Key_Space)
    assert not card.step_buttons["place"].isChecked()
    card.step_buttons["register"].setFocus()
    qtbot.keyClick(card.step_buttons["register"], Qt.Key.Key_Tab)
    assert card.focusWidget() is card.go
    with qtbot.waitSignal(card.stepRequested) as asked:
        qtbot.keyClick(card.go, Qt.Key.Key_Space)
    assert asked.args == ["train"]


def test_every_step_has_its_own_words(card):
    sentences = set()
    for key in get_args(StepKey):
        card.show_steps([StepRow(key)])
        sentences.add((card.sentence.text(), card.go.text()))
    assert len(sentences) == len(get_args(StepKey))
    assert all(sentence and verb for sentence, verb in sentences)


def test_after_the_last_step_there_is_help(card, qtbot):
    card.show_steps([StepRow("place", is_done=True)])
    with qtbot.waitSignal(card.helpRequested):
        qtbot.mouseClick(card.go, Qt.MouseButton.LeftButton)


def test_it_can_be_hidden(card, qtbot):
    with qtbot.waitSignal(card.hideRequested):
        qtbot.mouseClick(card.hide_button, Qt.MouseButton.LeftButton)
    card.set_shown(False)
    assert not card.isVisible()


def test_the_steps_of_another_project_take_the_place_of_those_before(card):
    before = list(card.step_buttons.values())
    card.show_steps([StepRow("import"), StepRow("place")])
    assert list(card.step_buttons) == ["import", "place"]
    assert not any(button.isVisible() for button in before)


def test_nothing_is_cut_in_the_narrowest_window(card):
    for key in get_args(StepKey):
        card.show_steps(
            [
                StepRow(key),
                *(StepRow(other) for other in ("place", "train", "register", "compare") if other != key),
            ]
        )
        card.layout().activate()
        assert card.minimumSizeHint().width() <= WIDTH_PX
        assert card.sentence.heightForWidth(card.sentence.width()) <= card.height()
