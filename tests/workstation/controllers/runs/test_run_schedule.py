from __future__ import annotations

from types import SimpleNamespace

import pytest
from PySide6.QtCore import QObject, Signal

from engines.contract.events import Failed, Finished, Progress, Started, Stopped
from engines.contract.kinds import Action, RunState, Severity
from engines.contract.manifest import Manifest
from engines.contract.registry import pipeline_keys
from engines.contract.run_folder import RunFolder, RunRequest
from workstation.controllers.runs.run_schedule import schedule_of
from workstation.controllers.workbench import Workbench
from workstation.runs.run_model import RunModel


class FakeRuns(QObject):
    """Stands in for `LiveRuns`: starts nothing."""

    attached = Signal(object)
    changed = Signal(str)
    ended = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.runs = {}

    def start(self, folder):
        live = SimpleNamespace(id=folder.id, model=RunModel(folder, folder.read_request()))
        live.model.apply([Started(pipeline="p", action="train")])
        self.runs[folder.id] = live
        self.attached.emit(live)
        return live

    def get(self, run_id):
        return self.runs.get(run_id)

    def live(self):
        return [run for run in self.runs.values() if not run.model.state.is_over]

    def end(self, run_id, event):
        self.runs[run_id].model.apply([event])
        self.ended.emit(run_id)

    def detach_all(self):
        pass

    def reattach(self, _project):
        pass


@pytest.fixture
def bench(qapp, tmp_path, monkeypatch):
    made = Workbench()
    fake = FakeRuns()
    monkeypatch.setattr(made, "live_runs", fake)
    monkeypatch.setattr(made, "_project", SimpleNamespace(folder=tmp_path))
    yield made
    made.background.close()


@pytest.fixture
def cards(bench):
    posted = []
    bench.card_posted.connect(posted.append)
    return posted


def make(tmp_path, number, device="cpu") -> RunFolder:
    folder = RunFolder(tmp_path / "runs" / f"run_{number}")
    request = RunRequest(pipeline=pipeline_keys()[0], action=Action.TRAIN, settings={"device": device})
    folder.create(request, Manifest(items=()))
    return folder


def test_there_is_one_schedule_for_a_window(bench):
    assert schedule_of(bench) is schedule_of(bench)


def test_second_run_waits_for_the_device_and_starts_after_the_first(bench, tmp_path):
    schedule = schedule_of(bench)
    for number in (1, 2):
        schedule.start(make(tmp_path, number))
    assert list(bench.live_runs.runs) == ["run_1"]
    assert schedule.waiting == ["run_2"]
    bench.live_runs.end("run_1", Finished())
    assert list(bench.live_runs.runs) == ["run_1", "run_2"]
    assert schedule.waiting == []


def test_waiting_run_can_be_forgotten(bench, tmp_path):
    schedule = schedule_of(bench)
    for number in (1, 2):
        schedule.start(make(tmp_path, number))
    schedule.forget("run_2")
    bench.live_runs.end("run_1", Stopped())
    assert list(bench.live_runs.runs) == ["run_1"]


@pytest.mark.parametrize(
    ("event", "words", "severity"),
    [
        (Finished(), "finished", Severity.NOTE),
        (Stopped(), "stopped", Severity.NOTE),
        (Failed(type="E", message="m", cause="It broke."), "failed", Severity.ERROR),
    ],
)
def test_end_of_a_run_posts_one_card(bench, cards, tmp_path, event, words, severity):
    schedule_of(bench).start(make(tmp_path, 1))
    bench.live_runs.end("run_1", event)
    assert [card.severity for card in cards] == [severity]
    assert words in str(cards[0].what)
    assert [button.text for button in cards[0].buttons] == ["Show"]


def test_run_on_show_needs_no_card(bench, cards, tmp_path):
    schedule = schedule_of(bench)
    schedule.watchers.append(lambda run_id: run_id == "run_1")
    schedule.start(make(tmp_path, 1))
    bench.live_runs.end("run_1", Finished())
    assert cards == []


def test_strip_tells_progress_and_how_many_wait(bench, tmp_path, qtbot):
    schedule = schedule_of(bench)
    told = []
    bench.strip_changed.connect(told.append)
    for number in (1, 2):
        schedule.start(make(tmp_path, number))
    bench.live_runs.runs["run_1"].model.apply([Progress(step=1, steps=4)])
    bench.live_runs.changed.emit("run_1")
    qtbot.waitUntil(lambda: bool(told) and told[-1] is not None and told[-1].progress == 0.25)
    assert (told[-1].run_id, told[-1].state, told[-1].num_queued) == ("run_1", RunState.RUNNING, 1)
    schedule.forget("run_2")
    bench.live_runs.end("run_1", Finished())
    assert told[-1] is None
