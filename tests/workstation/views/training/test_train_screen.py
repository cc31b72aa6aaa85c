from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication

from engines.contract.events import Diagnosis
from engines.contract.kinds import RunState, Severity
from engines.contract.messages import Message
from workstation.views.protocols.runs import Curve, DataSummary, PhaseCard, PipelineRow, RunView, Verbs
from workstation.views.training.train_screen import VERBS, TrainScreen

SCHEMA = {"properties": {"epochs": {"type": "integer", "default": 3, "minimum": 1}}}


@pytest.fixture
def screen(qtbot):
    actions = {verb: QAction(verb.capitalize()) for verb in VERBS}
    widget = TrainScreen(actions)
    widget.kept_actions = actions
    for part in (widget, widget.panel):
        qtbot.addWidget(part)
        part.resize(900, 600)
        part.show()
    return widget


def test_pipeline_is_chosen_from_the_list(screen, qtbot):
    rows = [PipelineRow("one", "First", "Aligns."), PipelineRow("two", "Second", "Refines.")]
    screen.show_pipelines(rows, "one")
    assert screen.summary.text() == "Aligns."
    centre = screen.pipelines.visualItemRect(screen.pipelines.item(1)).center()
    with qtbot.waitSignal(screen.pipeline_chosen) as chosen:
        qtbot.mouseClick(screen.pipelines.viewport(), Qt.MouseButton.LeftButton, pos=centre)
    assert chosen.args == ["two"]


def test_data_of_the_phase_is_counted_and_evaluation_items_are_said_to_be_left_out(screen):
    screen.show_data(DataSummary({"train": 2, "val": 1}, {"train": 5, "val": 1}, 3, "9f2c77aabbccddee"))
    text = screen.data.text()
    for words in ("5 items</b>, 2 subjects", "1 item</b>, 1 subject", "3 items", "9f2c77aa"):
        assert words in text
    screen.show_data(DataSummary())
    assert "No item" in screen.data.text()


def test_reason_why_start_is_not_possible_is_a_sentence_on_the_screen(screen):
    screen.show_verbs(Verbs(start=Message("{n} items are missing.", {"n": 2}), proceed=Message("no")))
    assert "2 items are missing." in screen.reason.text()
    assert screen.reason.isVisible()
    screen.show_verbs(Verbs(proceed=Message("no")))
    assert not screen.reason.isVisible()


def test_what_training_will_see_is_offered_while_it_can_be_started(screen):
    screen.offer_preview(True)
    screen.show_verbs(Verbs())
    assert screen.preview.isVisible()
    screen.show_verbs(Verbs(start=Message("A run of this phase is under way.")))
    assert not screen.preview.isVisible()
    screen.show_verbs(Verbs())
    screen.offer_preview(False)
    assert not screen.preview.isVisible()


def test_pause_becomes_continue(screen):
    screen.show_verbs(Verbs(proceed=Message("The run is not paused.")))
    assert screen.buttons["pause"].isVisible()
    assert not screen.buttons["continue"].isVisible()
    screen.show_verbs(Verbs(pause=Message("paused already")))
    assert screen.buttons["continue"].isVisible()
    assert not screen.buttons["pause"].isVisible()


def test_buttons_follow_their_actions(screen, qtbot):
    action = screen.kept_actions["start"]
    with qtbot.waitSignal(action.triggered):
        qtbot.mouseClick(screen.buttons["start"], Qt.MouseButton.LeftButton)
    action.setEnabled(False)
    action.setToolTip("because")
    assert not screen.buttons["start"].isEnabled()
    assert screen.buttons["start"].toolTip() == "because"


def test_preset_and_settings_are_told(screen, qtbot):
    screen.show_presets(["tiny", "laptop"], "laptop")
    assert screen.panel.preset_box.currentText() == "Laptop"
    screen.show_settings(SCHEMA, {"epochs": 3}, lambda _values: None)
    assert not screen.panel.changed_note.isVisible()
    editor = screen.panel.form.editor("epochs")
    editor.clear()
    with qtbot.waitSignal(screen.settings_changed) as told:
        qtbot.keyClicks(editor, "8")
    assert told.args == [{"epochs": 8}, ""]
    assert "Epochs" in screen.panel.changed_note.text()
    with qtbot.waitSignal(screen.settings_changed) as told:
        screen.set_values({"epochs": 5, "unknown": 1})
    assert told.args == [{"epochs": 5}, ""]


def test_command_line_can_be_copied(screen, qtbot):
    screen.show_command("workstation train '项目' x")
    qtbot.mouseClick(screen.panel.copy_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "workstation train '项目' x"


def test_remedy_of_an_ended_run_can_be_applied(screen, qtbot):
    finding = Diagnosis(
        name="stalled", severity=Severity.WARNING, cause="It stalls.", config_patch={"epochs": 2}
    )
    curves = {("loss", "train"): Curve(np.arange(3.0), np.arange(3.0))}
    screen.show_run(RunView("r", RunState.RUNNING, curves, diagnoses=(finding,)))
    assert not screen.panel.diagnosis.cards[0].apply_button.isEnabled()
    screen.show_run(RunView("r", RunState.STOPPED, curves, diagnoses=(finding,)))
    with qtbot.waitSignal(screen.remedy_requested) as asked:
        qtbot.mouseClick(screen.panel.diagnosis.cards[0].apply_button, Qt.MouseButton.LeftButton)
    assert asked.args == [{"epochs": 2}]


def test_phase_and_its_way_out_are_told(screen, qtbot):
    screen.show_phases([PhaseCard("p", "P", "x", locked_because=Message("no"), fix="pairs")], "p")
    with qtbot.waitSignal(screen.fix_requested) as asked:
        qtbot.mouseClick(screen.cards.cards[0].fix, Qt.MouseButton.LeftButton)
    assert asked.args == ["pairs"]
    with qtbot.waitSignal(screen.phase_chosen):
        qtbot.keyClick(screen.cards.cards[0], Qt.Key.Key_Return)
