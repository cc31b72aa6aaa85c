from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from engines.contract.events import Diagnosis
from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.views.runs.diagnosis_view import DiagnosisView

NAN = Diagnosis(
    name="non_finite",
    severity=Severity.ERROR,
    cause="The loss became NaN at step {step}.",
    parameters={"step": 12},
    evidence=[{"key": "loss_total", "split": "train", "step": 12, "value": None}],
    remedy="Lower the learning rate.",
    config_patch={"learning_rate": 0.0003},
    step=12,
)


@pytest.fixture
def diagnosis(qtbot):
    widget = DiagnosisView()
    qtbot.addWidget(widget)
    widget.show()
    return widget


def test_finding_has_name_evidence_cause_and_a_button_with_its_settings(diagnosis, qtbot):
    diagnosis.show_findings([NAN], [], has_run=True, can_apply=True)
    card = diagnosis.cards[0]
    texts = " ".join(label.text() for label in card.findChildren(type(diagnosis.empty)))
    expected = ("Non finite", "NaN at step 12", "not measured (step 12)", "Lower the", "rate = 0.0003")
    assert [words for words in expected if words not in texts] == []
    with qtbot.waitSignal(diagnosis.remedy_requested) as asked:
        qtbot.mouseClick(card.apply_button, Qt.MouseButton.LeftButton)
    assert asked.args == [{"learning_rate": 0.0003}]


def test_remedy_waits_for_the_end_of_the_run_and_says_so(diagnosis):
    diagnosis.show_findings([NAN], [], has_run=True, can_apply=False)
    button = diagnosis.cards[0].apply_button
    assert not button.isEnabled()
    assert button.toolTip()


def test_newest_finding_of_a_name_counts(diagnosis):
    later = NAN.model_copy(update={"parameters": {"step": 40}, "step": 40})
    diagnosis.show_findings([NAN, later], [], has_run=True, can_apply=True)
    assert len(diagnosis.cards) == 1


def test_a_finding_without_settings_has_no_button(diagnosis):
    diagnosis.show_findings([NAN.model_copy(update={"config_patch": {}})], [], has_run=True, can_apply=True)
    assert diagnosis.cards[0].apply_button is None


def test_healthy_run_and_no_run_read_differently(diagnosis):
    diagnosis.show_findings([], [], has_run=True, can_apply=False)
    healthy = diagnosis.empty.text()
    diagnosis.show_findings([], [], has_run=False, can_apply=False)
    assert diagnosis.empty.text() != healthy
    diagnosis.show_findings([], [Message("{n} items are left out.", {"n": 2})], has_run=True, can_apply=False)
    assert not diagnosis.empty.isVisible()
