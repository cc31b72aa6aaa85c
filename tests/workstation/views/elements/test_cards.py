from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPointF, Qt
from PySide6.QtGui import QEnterEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.views.elements import cards
from workstation.views.elements.cards import MAX_CARDS, CardStack
from workstation.views.protocols.cards import Card, CardButton


def card(text: str = "Training stopped.", **more) -> Card:
    return Card(
        Severity.ERROR,
        Message(text),
        why=Message("{free} GB were free.", {"free": 0.4}),
        kept=Message("The model is safe."),
        remedy=Message("Resume with batch 2."),
        details="Traceback: line 1",
        **more,
    )


@pytest.fixture
def stack(qtbot) -> Iterator[CardStack]:
    window = QWidget()
    window.resize(900, 700)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    yield CardStack(window)
    window.close()


def test_card_says_what_why_kept_and_what_to_do_in_this_order(stack: CardStack) -> None:
    widget = stack.post(card())
    said = [label.text() for label in widget.findChildren(QLabel)]
    assert said[1:] == [
        "Training stopped.",
        "Why: 0.4 GB were free.",
        "Kept: The model is safe.",
        "To do: Resume with batch 2.",
    ]


def test_details_are_one_click_away_and_can_be_copied(stack: CardStack) -> None:
    widget = stack.post(card())
    height = stack.height()
    assert not widget.details.isVisible()
    QTest.mouseClick(widget.details_button, Qt.MouseButton.LeftButton)
    assert widget.details.isVisible()
    assert widget.details.toPlainText() == "Traceback: line 1"
    assert stack.height() > height
    copy = next(button for button in widget.findChildren(QPushButton) if button.text() == "Copy")
    QTest.mouseClick(copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text().splitlines()[0] == "Training stopped."
    assert "Traceback: line 1" in QGuiApplication.clipboard().text()


def test_button_acts_and_closes_the_card(stack: CardStack) -> None:
    done: list[str] = []
    widget = stack.post(card(buttons=(CardButton("Resume", lambda: done.append("resumed")),)))
    button = next(button for button in widget.findChildren(QPushButton) if button.text() == "Resume")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert done == ["resumed"]
    assert stack.cards() == []
    assert stack.isHidden()


def test_the_same_news_is_shown_once_and_old_cards_leave(stack: CardStack) -> None:
    for _ in range(3):
        stack.post(card())
    assert len(stack.cards()) == 1
    for number in range(MAX_CARDS + 2):
        stack.post(card(f"Number {number}."))
    assert len(stack.cards()) == MAX_CARDS
    assert stack.cards()[-1].card.what.text == f"Number {MAX_CARDS + 1}."


def test_cards_do_not_block_the_window(stack: CardStack) -> None:
    widget = stack.post(card())
    assert not widget.isModal()
    assert stack.geometry().bottom() < stack.parentWidget().height()


def note(text: str = "The run has finished.") -> Card:
    return Card(Severity.NOTE, Message(text))


def test_notes_leave_by_themselves_and_errors_stay(
    stack: CardStack, qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "NOTE_MS", 40)
    stack.post(card())
    stack.post(note())
    assert len(stack.cards()) == 2
    qtbot.waitUntil(lambda: len(stack.cards()) == 1)
    qtbot.wait(60)
    assert [shown.card.severity for shown in stack.cards()] == [Severity.ERROR]


def test_note_stays_while_the_mouse_is_over_it(
    stack: CardStack, qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "NOTE_MS", 40)
    widget = stack.post(note())
    centre = QPointF(widget.rect().center())
    QCoreApplication.sendEvent(widget, QEnterEvent(centre, centre, QPointF(widget.mapToGlobal(centre))))
    qtbot.wait(100)
    assert stack.cards() == [widget]
    QCoreApplication.sendEvent(widget, QEvent(QEvent.Type.Leave))
    qtbot.waitUntil(lambda: stack.cards() == [])


def test_cards_lie_over_the_column_at_the_right_and_nothing_beside_it(qtbot) -> None:
    window, centre, column = QWidget(), QWidget(), QWidget()
    qtbot.addWidget(window)
    row = QHBoxLayout(window)
    row.addWidget(centre, 1)
    row.addWidget(column)
    column.setFixedWidth(300)
    window.resize(900, 700)
    stack = CardStack(window, column)
    window.show()
    qtbot.waitExposed(window)
    stack.post(card())
    assert stack.x() > centre.geometry().right()
    assert stack.geometry().bottom() < window.height()
    column.hide()
    assert stack.width() > 400
    assert stack.geometry().right() < window.width()
