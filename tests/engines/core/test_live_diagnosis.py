from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from engines.contract.events import Diagnosis, Progress, read_events
from engines.contract.kinds import Severity
from engines.contract.run_context import RunContext
from engines.core import live_diagnosis
from engines.core.diagnosis import Finding, History, Rule
from engines.core.live_diagnosis import LiveDiagnosis

ALWAYS = Rule("always", Severity.NOTE, lambda history: Finding("It always fires."))
FIRED_STALL = Rule("stalled", Severity.WARNING, lambda history: Finding("It waits."))


@pytest.fixture
def run(tiny_pipeline: None, make_run) -> Iterator[RunContext]:
    run = RunContext.open(make_run())
    yield run
    run.events.close()


def names(run: RunContext) -> list[str]:
    return [event.name for event in read_events(run.folder.events_path) if isinstance(event, Diagnosis)]


def test_a_rule_is_emitted_once(run: RunContext) -> None:
    with LiveDiagnosis(run, [ALWAYS]) as diagnosis:
        diagnosis.update()
        diagnosis.update()
    assert names(run) == ["always"]
    assert run.observers == []


def test_resumed_run_does_not_repeat_what_is_known(run: RunContext) -> None:
    for _ in range(2):
        with LiveDiagnosis(run, [ALWAYS]) as diagnosis:
            diagnosis.update()
    assert names(run) == ["always"]


def test_rules_see_the_events_of_the_run(run: RunContext) -> None:
    seen: list[int] = []

    def look(history: History) -> Finding | None:
        seen.append(len(history.step_seconds))
        return None

    with LiveDiagnosis(run, [Rule("look", Severity.NOTE, look)]) as diagnosis:
        for step in (1, 2, 3):
            run.emit(Progress(step=step, steps=9))
        diagnosis.update()
    assert seen == [2]


def test_a_stall_is_reported_from_its_own_thread_with_the_stacks(
    run: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumped: list[bool] = []
    monkeypatch.setattr(live_diagnosis, "_WATCH_PERIOD_S", 0.02)
    monkeypatch.setattr(live_diagnosis, "_dump_stacks", lambda: dumped.append(True))
    with LiveDiagnosis(run, [ALWAYS, FIRED_STALL]):
        deadline = time.monotonic() + 10
        while not dumped and time.monotonic() < deadline:
            time.sleep(0.02)
    assert names(run) == ["stalled"]
    assert dumped == [True]
