"""The line under the table: counts, sentences, and what gives way where there is no room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication, QMainWindow, QToolButton, QWidget

from engines.contract.messages import Message
from workstation.actions.application import APPLICATION_ACTIONS
from workstation.actions.pairs import PAIRS_ACTIONS
from workstation.actions.registry import ActionRegistry
from workstation.views.pairs.suggestion_bar import SuggestionBar
from workstation.views.protocols.edits import SourceRow, SuggestionSummary


@pytest.fixture
def registry(qtbot) -> ActionRegistry:
    window = QMainWindow()
    qtbot.addWidget(window)
    return ActionRegistry([*APPLICATION_ACTIONS, *PAIRS_ACTIONS], window)


@pytest.fixture
def bar(registry: ActionRegistry, qtbot) -> Iterator[SuggestionBar]:
    parent = QWidget()
    qtbot.addWidget(parent)
    made = SuggestionBar(registry, parent)
    made.resize(1400, made.sizeHint().height())
    parent.show()
    qtbot.waitExposed(parent)
    yield made
    parent.close()


def test_it_counts_what_is_left_and_offers_answers_only_then(bar: SuggestionBar) -> None:
    assert not bar.count.isVisible()
    assert not bar.accept_button.isVisible()
    assert bar.ask_button.isVisible()
    bar.show_suggestions(SuggestionSummary(6, 4, 0.8))
    assert "6" in bar.count.text()
    assert bar.accept_button.isVisible()
    assert bar.threshold.value() == pytest.approx(0.8)


def test_it_says_why_there_are_none(bar: SuggestionBar) -> None:
    bar.show_suggestions(SuggestionSummary(note=Message("The transform was not verified.")))
    assert bar.note.text() == bar.note.toolTip() == "The transform was not verified."
    bar.show_suggestions(SuggestionSummary(is_asking=True, note=Message("before")))
    assert bar.note.text().startswith("Registering")


def test_a_narrow_bar_keeps_the_count_and_the_first_answers(bar: SuggestionBar) -> None:
    bar.show_suggestions(SuggestionSummary(6, 4, 0.9))
    assert bar.undo_button.isVisible()
    for width in (1400, 800, 480):
        bar.resize(width, bar.height())
        shown = [bar.count, *(part for part in bar.findChildren(QToolButton) if part.isVisible())]
        assert {bar.count, bar.ask_button, bar.sure_button} <= set(shown)
        assert sum(part.sizeHint().width() for part in shown) <= width
    assert not bar.undo_button.isVisible()
    assert not bar.reject_all_button.isVisible()
    assert bar.minimumSizeHint().width() == 0


def test_the_threshold_tells_what_the_person_chose_and_nothing_else(bar: SuggestionBar, qtbot) -> None:
    chosen: list[float] = []
    bar.thresholdChosen.connect(chosen.append)
    bar.show_suggestions(SuggestionSummary(6, 4, 0.5))
    assert chosen == []
    bar.threshold.setValue(0.75)
    assert chosen == [0.75]


def test_sources_are_chosen_from_a_menu(bar: SuggestionBar, qtbot) -> None:
    rows = [SourceRow("visit_1", Message("Visit {visit}: {count} points", {"visit": "1", "count": 18}))]
    bar.ask_source(rows)
    menu = QApplication.activePopupWidget()
    (entry,) = menu.actions()
    assert entry.text() == "Visit 1: 18 points"
    with qtbot.waitSignal(bar.sourceChosen) as chosen:
        entry.trigger()
    assert chosen.args == ["visit_1"]
    menu.close()


def test_the_undo_button_names_the_edit(bar: SuggestionBar, registry: ActionRegistry) -> None:
    undo = registry.action("edit.undo")
    undo.setText("&Undo: move point 5 in moving")
    assert bar.undo_button.text().startswith("Undo: move point 5 in moving")
    assert "Ctrl+Z" in bar.undo_button.text()
    done: list[bool] = []
    undo.setEnabled(True)
    undo.triggered.connect(lambda: done.append(True))
    bar.undo_button.click()
    assert len(done) == 1
