from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QAction

from engines.contract.evaluation import EvaluationReport
from engines.contract.kinds import RunState
from engines.contract.messages import Message
from workstation.views.protocols.runs import Curve, EvaluationView, RunRow, RunView
from workstation.views.runs.runs_screen import VERBS, RunsScreen


@pytest.fixture
def screen(qtbot):
    actions = {verb: QAction(verb) for verb in VERBS}
    widget = RunsScreen(actions)
    widget.kept_actions = actions
    qtbot.addWidget(widget)
    widget.resize(1200, 700)
    widget.show()
    return widget


def test_choosing_a_run_is_told(screen, qtbot):
    rows = [RunRow(name, Path(name), "p", "P", "train", "one", RunState.FINISHED) for name in ("a", "b")]
    screen.show_runs(rows)
    with qtbot.waitSignal(screen.chosen) as chosen:
        screen.select("b")
    assert chosen.args == [["b"]]


def test_only_what_a_run_has_gets_a_tab(screen):
    def tabs() -> list[str]:
        bar = screen.tabs
        return [bar.tabText(index) for index in range(bar.count()) if bar.isTabVisible(index)]

    curves = {("loss", "train"): Curve(np.arange(3.0), np.arange(3.0))}
    screen.show_run(RunView("a", RunState.FINISHED, curves, warnings=(Message("Careful."),)))
    screen.show_evaluation(None)
    assert tabs() == ["Curves and pictures", "Diagnosis (1)", "Log"]
    report = EvaluationReport(
        pipeline="p", run=None, split="all", split_hash="", items=0, rows={"identity": {}}, per_item=[]
    )
    screen.show_run(RunView("b", RunState.FINISHED))
    screen.show_evaluation(EvaluationView(report, (), 0))
    assert tabs() == ["Evaluation", "Diagnosis", "Log"]


def test_comparison_is_a_sentence_or_nothing(screen):
    assert not screen.comparison.isVisible()
    screen.show_comparison(Message("They have different splits."))
    assert screen.comparison.isVisible()
    screen.show_comparison(None)
    assert not screen.comparison.isVisible()


def test_log_is_shown_from_its_end(screen):
    screen.show_run(RunView("a", RunState.FINISHED))
    screen.tabs.setCurrentWidget(screen.log)
    screen.show_log("\n".join(f"line {number}" for number in range(500)))
    bar = screen.log.verticalScrollBar()
    assert bar.value() == bar.maximum()


def test_tab_that_was_chosen_comes_back_with_the_next_run_that_has_it(screen):
    curves = {("loss", "train"): Curve(np.arange(3.0), np.arange(3.0))}
    report = EvaluationReport(
        pipeline="p", run=None, split="all", split_hash="", items=0, rows={"identity": {}}, per_item=[]
    )
    screen.show_run(RunView("a", RunState.FINISHED, curves))
    screen.show_evaluation(None)
    assert screen.tabs.currentIndex() == 0
    screen.show_run(RunView("b", RunState.FINISHED))
    screen.show_evaluation(EvaluationView(report, (), 0))
    assert screen.tabs.currentWidget() is screen.evaluation
    screen.show_run(RunView("a", RunState.FINISHED, curves))
    screen.show_evaluation(None)
    assert screen.tabs.currentIndex() == 0
    screen.tabs.setCurrentWidget(screen.log)
    screen.show_run(RunView("b", RunState.FINISHED))
    assert screen.tabs.currentWidget() is screen.log


def test_each_run_begins_with_what_it_is_about(screen):
    curves = {("loss", "train"): Curve(np.arange(3.0), np.arange(3.0))}
    report = EvaluationReport(
        pipeline="p", run=None, split="all", split_hash="", items=0, rows={"identity": {}}, per_item=[]
    )

    def show(run_id: str, evaluation: EvaluationView | None) -> object:
        screen.show_run(RunView(run_id, RunState.FINISHED, curves))
        screen.show_evaluation(evaluation)
        return screen.tabs.currentWidget()

    scored = EvaluationView(report, (), 0)
    assert show("training", None) is screen.details
    assert show("scored", scored) is screen.evaluation
    screen.tabs.setCurrentWidget(screen.details)
    assert show("scored", scored) is screen.details, "chosen by hand"
    assert show("scored too", scored) is screen.evaluation
    assert show("training", None) is screen.details
