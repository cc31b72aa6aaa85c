from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication

from engines.contract.kinds import PanelKind, RunState, Severity
from engines.contract.messages import Message
from engines.contract.panels import PanelFile
from workstation.views.protocols.cards import Card
from workstation.views.protocols.runs import Curve, RunView
from workstation.views.runs.run_details import RunDetails

FAILURE = Card(
    Severity.ERROR,
    Message("The run failed at step {n}.", {"n": 3}),
    Message("The loss is <NaN>."),
    Message("The model of step 2."),
    Message("Lower the learning rate."),
    "Traceback: 1 < 2",
)


def view(run_id="run_1", **more) -> RunView:
    steps = np.arange(4.0)
    return RunView(
        run_id, more.pop("state", RunState.RUNNING), {("loss", "train"): Curve(steps, steps)}, **more
    )


@pytest.fixture
def resumed():
    return []


@pytest.fixture
def details(qtbot, resumed):
    resume = QAction("Resume")
    resume.triggered.connect(lambda: resumed.append(1))
    widget = RunDetails(actions={"resume": resume})
    widget.resume = resume  # keeps the action alive
    qtbot.addWidget(widget)
    widget.resize(800, 600)
    widget.show()
    return widget


def test_failure_is_told_in_four_lines_and_html_is_shown_as_text(details):
    details.show_run(view(state=RunState.FAILED, failure=FAILURE))
    text = details.failure.lines.text()
    for words in ("step 3", "&lt;NaN>", "The model of step 2", "Lower the learning rate"):
        assert words in text
    assert not details.failure.details.isVisible()
    details.failure.details_button.click()
    assert details.failure.details.toPlainText() == "Traceback: 1 < 2"
    assert details.failure.details.isVisible()


def test_failure_can_be_resumed_copied_and_looked_up(details, qtbot, resumed):
    details.show_run(view(state=RunState.FAILED, failure=FAILURE))
    qtbot.mouseClick(details.failure.resume_button, Qt.MouseButton.LeftButton)
    assert resumed == [1]
    qtbot.mouseClick(details.failure.copy_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == details.failure.report()
    assert details.failure.report().startswith("The run failed at step 3.\nThe loss is <NaN>.")
    with qtbot.waitSignal(details.failure.log_requested):
        details.failure.log_button.clicked.disconnect()
        details.failure.log_button.clicked.connect(details.failure.log_requested)
        details.failure.log_requested.disconnect(details._open_log)
        qtbot.mouseClick(details.failure.log_button, Qt.MouseButton.LeftButton)


def test_a_run_that_goes_on_again_loses_its_failure(details):
    details.show_run(view(state=RunState.FAILED, failure=FAILURE))
    details.show_run(view())
    assert not details.failure.isVisible()


def test_panels_become_tabs_and_leave_with_their_run(details, tmp_path):
    panel = PanelFile(kind=PanelKind.CURVE, title="Distances", data={"series": []})
    details.show_run(view(panels=(panel,), folder=tmp_path))
    details.show_run(view(panels=(panel,), folder=tmp_path))
    titles = [details.tabs.tabText(index) for index in range(details.tabs.count())]
    assert titles == ["Pictures", "Distances"]
    details.show_run(view("run_2", folder=tmp_path))
    assert details.tabs.count() == 1


def test_another_run_is_drawn_at_once(details):
    details.show_run(view())
    details.plots.redraw()
    details.show_run(view("run_2"))
    assert list(details.plots.left.curves._lines) == [("run_2/loss", "train")]


def test_a_panel_is_shown_as_it_was_left_and_says_how_it_is_left(details, qtbot, tmp_path):
    data = {"classes": ["a", "b"], "scores": [0.2, 0.9], "is_positive": [False, True], "threshold": 0.5}
    panel = PanelFile(kind=PanelKind.DECISION, title="Said", data=data)
    details.show_run(
        replace(view(panels=(panel,), folder=tmp_path), panel_views={"Said": {"threshold": 0.75}})
    )
    drawer = details.tabs.widget(1)
    assert drawer.threshold.value() == 0.75
    with qtbot.waitSignal(details.panelViewChanged) as left:
        drawer.slider.setValue(20)
    assert left.args == ["run_1", "Said", {"threshold": 0.1, "band": 0.0}]


def test_panels_get_the_room_of_curves_that_there_are_none_of(details, tmp_path):
    panel = PanelFile(kind=PanelKind.CURVE, title="Distances", data={"series": []})
    details.show_run(replace(view(panels=(panel,), folder=tmp_path), curves={}))
    assert not details.plots.isVisible()
    assert details.tabs.isTabVisible(0)
    details.show_run(replace(view(panels=(panel,), folder=tmp_path, state=RunState.FINISHED), curves={}))
    assert not details.tabs.isTabVisible(0)
    details.show_run(view("run_2", panels=(panel,), folder=tmp_path))
    assert details.plots.isVisible()
