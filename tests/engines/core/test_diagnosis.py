"""Each rule fires on its synthetic stream and is silent on a healthy one."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest

from engines.contract.events import (
    Continued,
    Diagnosis,
    Event,
    Finished,
    Metric,
    Paused,
    Phase,
    Progress,
    Started,
)
from engines.contract.kinds import Severity
from engines.contract.registry import load_spec
from engines.core.diagnosis import History, Rule, diagnose, new_diagnoses
from engines.core.generic_rules import generic_rules


@pytest.fixture
def rules(tiny_pipeline: None) -> tuple[Rule, ...]:
    return generic_rules(load_spec("tiny"))


def healthy(num_epochs: int = 12, steps: int = 10, step_s: float = 1.0) -> list[Event]:
    """Return a run whose loss falls and whose error falls with it."""
    clock = 1000.0
    events: list[Event] = [
        Started(time=clock, pipeline="tiny", action="train", facts={"learning_rate": 0.01})
    ]
    for epoch in range(num_epochs):
        events.append(Phase(time=clock, name="Training"))
        for within in range(steps):
            clock += step_s
            step = epoch * steps + within + 1
            loss = 1.0 / step
            events.append(metric("loss_total", "train", step, epoch, loss, clock))
            events.append(metric("gradient_norm", "train", step, epoch, loss * 2, clock))
            events.append(metric("learning_rate", "train", step, epoch, 0.01, clock))
            events.append(Progress(time=clock, step=step, steps=num_epochs * steps, epoch=epoch))
        events.append(Phase(time=clock, name="Validation"))
        clock += 45.0
        events.append(metric("error", "val", (epoch + 1) * steps, epoch, 1.0 / (epoch + 1), clock))
    return events


def metric(key: str, split: str, step: int, epoch: int, value: float | None, time: float) -> Metric:
    return Metric(time=time, key=key, split=split, step=step, epoch=epoch, value=value)


def names(found: list[Diagnosis]) -> list[str]:
    return [diagnosis.name for diagnosis in found]


def test_healthy_run_is_silent(rules) -> None:
    events = healthy()
    assert diagnose(events, rules) == []
    assert diagnose([*events, Finished(time=events[-1].time)], rules, now=events[-1].time + 1e6) == []


def test_empty_stream_is_silent(rules) -> None:
    assert diagnose([], rules) == []


def test_non_finite_loss_shows_the_points_before_it(rules) -> None:
    events = [*healthy(2), metric("loss_total", "train", 21, 2, None, 2000.0)]
    (found,) = diagnose(events, rules)
    assert found.name == "non_finite_loss"
    assert found.severity is Severity.ERROR
    assert found.parameters == {"key": "loss_total", "step": 21}
    assert [point["step"] for point in found.evidence] == [16, 17, 18, 19, 20, 21]
    assert found.evidence[-1]["value"] is None
    assert found.config_patch == {
        "learning_rate": 0.003,
        "gradient_clip_norm": 1.0,
        "precision": "32-true",
    }


def test_undefined_validation_metric_is_no_non_finite_loss(rules) -> None:
    events = [*healthy(2), metric("loss_total", "val", 21, 2, None, 2000.0)]
    assert diagnose(events, rules) == []


def test_stall_fires_when_the_next_step_does_not_come(rules) -> None:
    events = healthy(1)[:-2]  # ends in training
    now = events[-1].time + 31.0
    (found,) = diagnose(events, rules, now=now)
    assert found.name == "stalled"
    assert found.parameters == {"waited_s": 31, "step": 10, "median_s": 1.0}
    assert diagnose(events, rules, now=events[-1].time + 29.0) == []


def test_stall_limit_grows_with_the_step(rules) -> None:
    events = healthy(1, step_s=20.0)[:-2]
    assert diagnose(events, rules, now=events[-1].time + 199.0) == []
    assert names(diagnose(events, rules, now=events[-1].time + 201.0)) == ["stalled"]


def test_stall_that_ended_is_still_found(rules) -> None:
    events = healthy(1)[:-2]
    late = events[-1].time + 100.0
    assert names(diagnose([*events, Progress(time=late, step=11, steps=20)], rules)) == ["stalled"]


def test_pause_and_validation_are_no_stall(rules) -> None:
    events = healthy(1)[:-2]
    end = events[-1].time
    paused = [*events, Paused(time=end)]
    assert diagnose(paused, rules, now=end + 1e5) == []
    going = [*paused, Continued(time=end + 1e5), Progress(time=end + 1e5 + 1, step=11, steps=20)]
    assert diagnose(going, rules) == []
    validating = [*events, Phase(time=end, name="Validation")]
    assert diagnose(validating, rules, now=end + 1e5) == []


def test_metric_without_a_value_in_three_validations_is_not_measured(rules) -> None:
    events = healthy(2)
    undefined = [
        metric("second", "val", step, 0, None, 2000.0).model_copy(update={"reason": "there is no second"})
        for step in (10, 20, 30)
    ]
    assert diagnose([*events, *undefined[:2]], rules) == []
    (found,) = diagnose([*events, *undefined], rules)
    assert found.name == "never_computed_metric"
    assert found.parameters == {"metrics": "second", "validations": 3, "reason": "there is no second"}
    measured_once = [*undefined, metric("second", "val", 40, 0, 0.5, 2000.0)]
    assert diagnose([*events, *measured_once], rules) == []


def test_overfitting_fires_while_the_training_loss_falls(rules) -> None:
    events = healthy(4)
    for number in range(1, 7):
        step = 40 + number * 10
        events.append(metric("loss_total", "train", step, 3 + number, 1.0 / step, 3000.0))
        events.append(metric("error", "val", step, 3 + number, 0.25 + 0.05 * number, 3000.0))
    (found,) = diagnose(events, rules)
    assert found.name == "overfitting"
    assert found.parameters == {"epoch": 4, "metric": "error"}
    assert found.evidence[0]["value"] == 0.25


def test_worse_validation_with_a_rising_training_loss_is_no_overfitting(rules) -> None:
    events = healthy(4)
    for number in range(1, 7):
        step = 40 + number * 10
        events.append(metric("loss_total", "train", step, 3 + number, 5.0, 3000.0))
        events.append(metric("error", "val", step, 3 + number, 0.25 + 0.05 * number, 3000.0))
    assert diagnose(events, rules) == []


def test_noise_around_the_best_is_no_overfitting(rules) -> None:
    events = healthy(4)
    for number in range(1, 7):
        step = 40 + number * 10
        events.append(metric("loss_total", "train", step, 3 + number, 1.0 / step, 3000.0))
        events.append(metric("error", "val", step, 3 + number, 0.252, 3000.0))
    assert diagnose(events, rules) == []


def test_one_noisy_metric_is_no_overfitting_while_the_validation_loss_falls(rules) -> None:
    events = healthy(4)
    for number in range(1, 7):
        step = 40 + number * 10
        events.append(metric("loss_total", "train", step, 3 + number, 1.0 / step, 3000.0))
        events.append(metric("loss_total", "val", step, 3 + number, 2.0 / step, 3000.0))
        events.append(metric("error", "val", step, 3 + number, 0.25 + 0.05 * number, 3000.0))
    assert diagnose(events, rules) == []


def test_a_name_is_shown_once(rules) -> None:
    history = History.of([*healthy(2), metric("loss_total", "train", 21, 2, None, 2000.0)])
    known: set[str] = set()
    assert len(new_diagnoses(history, rules, known)) == 1
    assert new_diagnoses(history, rules, known) == []


def test_long_series_are_thinned_but_keep_their_ends() -> None:
    history = History.of(metric("loss_total", "train", step, 0, 1.0, 1.0) for step in range(50_000))
    points = history.points("loss_total", "train")
    assert len(points) <= 4000
    assert (points[0].step, points[-1].step) == (0, 49_999)
    assert all(later.step > earlier.step for earlier, later in pairwise(points))


def test_rules_need_no_torch() -> None:
    modules = (
        "diagnosis",
        "execution",
        "generations",
        "generic_rules",
        "inspection",
        "live_diagnosis",
        "process",
    )
    code = f"import sys; from engines.core import {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
