"""Every empty region says one thing, and offers one button and one link."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QWidget

from engines.contract.kinds import RunState
from workstation.actions.registry import ActionRegistry
from workstation.actions.tables import ALL_ACTIONS
from workstation.views.data.data_browser import DataBrowser
from workstation.views.elements.empty_state import (
    EmptyState,
    without_items,
    without_pairs,
    without_runs,
    without_training,
)
from workstation.views.pairs.keypoint_panel import KeypointPanel
from workstation.views.protocols.pairs import PairRow
from workstation.views.protocols.project import BrowserRow
from workstation.views.protocols.runs import RunView
from workstation.views.runs.runs_screen import VERBS as RUN_VERBS
from workstation.views.runs.runs_screen import RunsScreen
from workstation.views.training.train_screen import VERBS as TRAIN_VERBS
from workstation.views.training.train_screen import TrainScreen

STATES = (without_items, without_pairs, without_training, without_runs)


@pytest.fixture
def actions(qtbot) -> ActionRegistry:
    window = QWidget()
    qtbot.addWidget(window)
    registry = ActionRegistry(ALL_ACTIONS, window)
    registry.kept_window = window  # type: ignore[attr-defined]
    return registry


@pytest.mark.parametrize("make", STATES)
def test_one_sentence_one_button_one_link(
    actions: ActionRegistry, qtbot, make: Callable[[ActionRegistry], EmptyState]
) -> None:
    state = make(actions)
    qtbot.addWidget(state)
    assert state.sentence.text()
    roles = sorted(button.property("role") for button in state.findChildren(QPushButton))
    assert roles == ["link", "primary"]


@pytest.mark.parametrize("make", STATES)
def test_the_button_does_what_its_action_does(
    actions: ActionRegistry, qtbot, make: Callable[[ActionRegistry], EmptyState]
) -> None:
    state = make(actions)
    qtbot.addWidget(state)
    done: list[str] = []
    for spec in ALL_ACTIONS:
        actions.set_screen(spec.screen)
        actions.bind(spec.key, lambda key=spec.key: done.append(key))
    for spec in ALL_ACTIONS:
        actions.set_screen(spec.screen)
        if actions.action(spec.key).isEnabled() and state.primary.isEnabled():
            break
    state.show()
    qtbot.mouseClick(state.primary, Qt.MouseButton.LeftButton)
    assert len(done) == 1


def test_the_keys_in_the_sentence_are_those_that_are_set(actions: ActionRegistry, qtbot) -> None:
    state = without_pairs(actions)
    qtbot.addWidget(state)
    assert "Press N " in state.sentence.text()
    actions.action("pairs.add").setShortcut("Ctrl+9")
    assert "Press Ctrl+9 " in state.sentence.text()
    actions.action("pairs.add").setShortcuts([])
    assert "Press" not in state.sentence.text()


def test_the_list_of_items_says_so_only_without_any(actions: ActionRegistry, qtbot) -> None:
    browser = DataBrowser()
    qtbot.addWidget(browser)
    state = without_items(actions)
    browser.set_empty(state)
    browser.show()
    assert state.isVisible()
    browser.show_rows([BrowserRow("a", "p", "CF", "", 0)])
    assert not state.isVisible()
    assert browser.tree.isVisible()
    # A filter that nothing passes is no empty project.
    browser.filter.setText("nothing")
    assert not state.isVisible()


def test_the_table_says_so_only_without_pairs(actions: ActionRegistry, qtbot) -> None:
    panel = KeypointPanel(actions.action("pairs.export_table"))
    qtbot.addWidget(panel)
    state = without_pairs(actions)
    panel.set_empty(state)
    panel.show()
    panel.show_rows([], "")
    assert state.isVisible()
    panel.show_rows([PairRow("1", "1", "placed", (1.0, 1.0), (2.0, 2.0))], "")
    assert not state.isVisible()


def test_a_run_takes_the_place_of_the_sentence(actions: ActionRegistry, qtbot) -> None:
    train = TrainScreen({verb: actions.action(f"train.{verb}") for verb in TRAIN_VERBS})
    runs = RunsScreen({verb: actions.action(f"runs.{verb}") for verb in RUN_VERBS})
    for screen, state in ((train, without_training(actions)), (runs, without_runs(actions))):
        qtbot.addWidget(screen)
        screen.set_empty(state)
        screen.show()
    qtbot.addWidget(train.panel)
    train_state, runs_state = train._empty, runs._empty
    assert train_state is not None
    assert runs_state is not None
    runs.show_runs([])
    assert train_state.isVisible()
    assert runs_state.isVisible()
    train.show_run(RunView(run_id="r", state=RunState.RUNNING))
    assert not train_state.isVisible()
    assert train.details.isVisible()
