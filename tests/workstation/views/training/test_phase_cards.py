from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from engines.contract.kinds import RunState
from engines.contract.messages import Message
from engines.contract.spec import MetricSpec
from workstation.views.protocols.runs import GateValue, PhaseCard
from workstation.views.training.phase_cards import PhaseCards, PhaseCardWidget

ERROR = MetricSpec("error_px", "Error", "px", False)


@pytest.fixture
def cards(qtbot):
    widget = PhaseCards()
    qtbot.addWidget(widget)
    widget.resize(900, 200)
    widget.show()
    return widget


def card(**more) -> PhaseCard:
    return PhaseCard("one", "Phase one", "Learn something.", **more)


@pytest.mark.parametrize("state", [None, *RunState])
def test_every_state_is_a_symbol_and_a_word(cards, state):
    cards.show_phases([card(state=state)], "one")
    symbol, _, word = cards.cards[0].state.text().partition(" ")
    assert symbol
    assert word


def test_states_have_different_symbols(cards):
    texts = set()
    for state in [None, *RunState]:
        cards.show_phases([card(state=state)], "one")
        texts.add(cards.cards[0].state.text().split()[0])
    assert len(texts) == len(RunState) + 1


def test_locked_phase_says_why_and_offers_the_way_out(cards, qtbot):
    cards.show_phases(
        [card(locked_because=Message("{n} of 8 pairs are ready.", {"n": 3}), fix="pairs")], "one"
    )
    widget = cards.cards[0]
    assert widget.reason.text() == "3 of 8 pairs are ready."
    assert "locked" in widget.state.text()
    with qtbot.waitSignal(cards.fix_requested) as asked:
        qtbot.mouseClick(widget.fix, Qt.MouseButton.LeftButton)
    assert asked.args == ["pairs"]


def test_other_ways_to_start_are_offered_on_the_chosen_card(cards, qtbot):
    locked = card(locked_because=Message("No masks."), ways=(("setting:one:a:b", "Without masks"),))
    cards.show_phases([locked], "two")
    assert cards.cards[0].ways == []
    cards.show_phases([locked], "one")
    (button,) = cards.cards[0].ways
    with qtbot.waitSignal(cards.fix_requested) as asked:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert asked.args == ["setting:one:a:b"]
    cards.show_phases([card()], "one")
    assert cards.cards[0].ways == []


def test_a_ready_phase_says_what_its_start_reached(cards):
    cards.show_phases([card(base_gate=GateValue(ERROR, 2.0, 3.0))], "one")
    assert not cards.cards[0].base.isHidden()
    assert "▲ Error: 3 px" in cards.cards[0].base.text()
    cards.show_phases([card()], "one")
    assert cards.cards[0].base.isHidden()


@pytest.mark.parametrize(
    ("chosen", "more", "is_shown"),
    [
        ("one", {}, True),
        ("two", {}, True),
        ("one", {"locked_because": Message("Not yet.")}, True),
        ("two", {"locked_because": Message("Not yet.")}, False),
        ("one", {"state": RunState.RUNNING}, False),
        ("one", {"state": RunState.FINISHED}, False),
    ],
)
def test_purpose_gives_its_room_away_once_it_ran_or_while_it_is_locked(cards, chosen, more, is_shown):
    cards.show_phases([card(**more)], chosen)
    assert cards.cards[0].purpose.isHidden() != is_shown
    assert cards.cards[0].toolTip() == "Learn something."


def test_running_phase_shows_percent_and_time_left_as_a_range(cards):
    cards.show_phases([card(state=RunState.RUNNING, progress=0.41, eta_s=(18 * 60, 22 * 60))], "one")
    widget = cards.cards[0]
    assert widget.bar.value() == 410
    assert widget.time_left.text() == "18–22 min left"


def test_unknown_end_is_an_honest_blank(cards):
    cards.show_phases([card(state=RunState.STARTING, stage="Reading images")], "one")
    assert cards.cards[0].bar.maximum() == 0
    assert cards.cards[0].time_left.text() == "Reading images"


@pytest.mark.parametrize(
    ("value", "mark", "shown"), [(2.0, "✔", "2 px"), (9.0, "▲", "9 px"), (None, "–", "not measured")]
)
def test_gate_prints_what_was_reached(cards, value, mark, shown):
    cards.show_phases([card(state=RunState.FINISHED, gate=GateValue(ERROR, 5.0, value))], "one")
    text = cards.cards[0].gate.text()
    assert text.startswith(mark)
    assert shown in text
    assert "≤ 5 px" in text


def test_card_is_chosen_by_mouse_and_by_keyboard(cards, qtbot):
    cards.show_phases([card(), PhaseCard("two", "Phase two", "More.")], "one")
    with qtbot.waitSignal(cards.chosen) as chosen:
        qtbot.mouseClick(cards.cards[1], Qt.MouseButton.LeftButton)
    assert chosen.args == ["two"]
    with qtbot.waitSignal(cards.chosen) as chosen:
        qtbot.keyClick(cards.cards[0], Qt.Key.Key_Space)
    assert chosen.args == ["one"]


def test_cards_are_renewed_in_place(cards):
    cards.show_phases([card()], "one")
    widget = cards.cards[0]
    cards.show_phases([card(state=RunState.RUNNING, progress=0.1)], "one")
    assert cards.cards == [widget]
    cards.show_phases([], "")
    assert cards.cards == []


def test_height_is_that_of_the_width_that_cards_have(cards, qtbot, monkeypatch):
    asked = []
    height_for_width = PhaseCardWidget.heightForWidth

    def recorded(self, width):
        asked.append(width)
        return height_for_width(self, width)

    monkeypatch.setattr(PhaseCardWidget, "heightForWidth", recorded)
    cards.show_phases([PhaseCard(key, key, "Learn something.") for key in ("one", "two", "three")], "one")
    asked.clear()
    cards.resize(906, cards.height())
    qtbot.waitUntil(lambda: bool(asked) and abs(asked[-1] - cards.cards[-1].width()) <= 1)
