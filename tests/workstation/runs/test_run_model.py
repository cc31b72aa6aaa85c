import math
import os
import socket
import time

import pytest

from engines.contract.events import (
    Checkpoint,
    Continued,
    Diagnosis,
    EventWriter,
    Failed,
    Finished,
    Metric,
    Panel,
    Paused,
    Preview,
    Progress,
    Started,
    Stopped,
    Warned,
)
from engines.contract.kinds import RunState, Severity
from engines.contract.run_folder import ProcessRecord, RunFolder
from workstation.runs.run_model import RunModel
from workstation.runs.run_state import TRANSITIONS, may_follow

STARTED = Started(pipeline="p", action="train", phase="one", num_items={"train": 3})


def loss(step, value, key="loss_total", split="train"):
    return Metric(
        key=key, split=split, step=step, epoch=step // 2, value=value, reason="" if value else "none"
    )


@pytest.fixture
def model(tmp_path):
    return RunModel(RunFolder(tmp_path / "a run"))


@pytest.mark.parametrize(
    ("old", "event", "new"),
    [
        (RunState.QUEUED, STARTED, RunState.RUNNING),
        (RunState.STARTING, STARTED, RunState.RUNNING),
        (RunState.RUNNING, Paused(), RunState.PAUSED),
        (RunState.PAUSED, Continued(), RunState.RUNNING),
        (RunState.RUNNING, Finished(), RunState.FINISHED),
        (RunState.STOPPING, Finished(), RunState.FINISHED),
        (RunState.RUNNING, Stopped(), RunState.STOPPED),
        (RunState.STOPPING, Stopped(), RunState.STOPPED),
        (RunState.PAUSED, Stopped(), RunState.STOPPED),
        (RunState.RUNNING, Failed(type="E", message="m", cause="c"), RunState.FAILED),
        (RunState.STARTING, Failed(type="E", message="m", cause="c"), RunState.FAILED),
        (RunState.STOPPED, STARTED, RunState.RUNNING),
        (RunState.FAILED, STARTED, RunState.RUNNING),
        # A pause that is told late does not take back the stop.
        (RunState.STOPPING, Paused(), RunState.STOPPING),
        (RunState.STOPPING, Continued(), RunState.STOPPING),
        (RunState.FINISHED, Stopped(), RunState.FINISHED),
    ],
)
def test_event_moves_state(model, old, event, new):
    model.state = old
    model.apply([event])
    assert model.state is new


@pytest.mark.parametrize("old", list(RunState))
@pytest.mark.parametrize("new", list(RunState))
def test_set_state_follows_the_table(model, old, new):
    model.state = old
    assert model.set_state(new) is (new in TRANSITIONS[old])
    assert model.state is (new if may_follow(new, old) else old)


def test_every_state_has_a_way_out():
    assert set(TRANSITIONS) == set(RunState)
    assert all(TRANSITIONS.values())


def test_starting_again_forgets_the_failure(model):
    model.apply([STARTED, Failed(type="E", message="m", cause="out of memory", remedy="smaller batch")])
    assert model.failure.cause == "out of memory"
    assert model.ended_at is not None
    model.set_state(RunState.STARTING)
    assert model.failure is None
    assert model.ended_at is None


def test_series_keep_raw_values_and_reasons(model):
    model.apply([STARTED, loss(1, 2.5), loss(2, None), loss(3, 1.5)])
    series = model.series["loss_total", "train"]
    assert series.steps.tolist() == [1, 2, 3]
    assert series.values[[0, 2]].tolist() == [2.5, 1.5]
    assert math.isnan(series.values[1])
    assert series.epochs.tolist() == [0, 1, 1]
    assert series.reasons == {2: "none"}
    assert series.last == 1.5
    assert series.best(is_higher_better=False) == (3, 1.5)
    assert series.best(is_higher_better=True) == (1, 2.5)


def test_undefined_last_value_says_why(model):
    model.apply([STARTED, loss(4, None)])
    series = model.series["loss_total", "train"]
    assert (series.last, series.last_reason) == (None, "none")
    assert series.best(is_higher_better=True) is None


def test_resume_drops_what_lies_beyond(model):
    model.apply(
        [
            STARTED,
            loss(1, 3.0),
            loss(5, 2.0),
            Preview(path="previews/5.png", name="match", item="a", step=5),
            Preview(path="previews/1.png", name="match", item="a", step=1),
            Checkpoint(path="checkpoints/last", step=4),
            Checkpoint(path="checkpoints/last", step=6),
            Diagnosis(name="n", severity=Severity.WARNING, cause="c", step=6),
            Failed(type="E", message="m", cause="c"),
            Started(pipeline="p", action="train", resumed_from_step=4),
            loss(5, 1.9),
        ]
    )
    assert model.state is RunState.RUNNING
    assert model.series["loss_total", "train"].values.tolist() == [3.0, 1.9]
    assert model.previews == {("a", "match"): [(1, model.folder.path / "previews" / "1.png")]}
    assert [point.step for point in model.checkpoints] == [4]
    assert model.diagnoses == []


def test_panels_previews_warnings_and_best_checkpoint(model):
    model.apply(
        [
            STARTED,
            Panel(name="a"),
            Panel(name="b"),
            Panel(name="a"),
            Warned(message="{n} left out", parameters={"n": 2}),
            Checkpoint(path="checkpoints/best", step=2, best=True),
            Checkpoint(path="checkpoints/last", step=3),
        ]
    )
    assert model.panels == ["b", "a"]
    assert [str(warning) for warning in model.warnings] == ["2 left out"]
    assert model.best_checkpoint.step == 2


def test_remaining_time_is_a_range_that_holds_the_truth(model):
    model.apply([STARTED, *(Progress(step=i, steps=100, time=1000 + 2.0 * i) for i in range(1, 51))])
    assert model.eta.low_s < 100 < model.eta.high_s


def test_remaining_time_is_unknown_while_paused_or_without_end(model):
    model.apply([STARTED, *(Progress(step=i, steps=0) for i in range(1, 9))])
    assert model.eta is None
    model.apply([*(Progress(step=i, steps=50, time=i) for i in range(10, 20)), Paused()])
    assert model.eta is None


def write_run(folder, *events):
    writer = EventWriter(folder.events_path)
    for event in events:
        writer.write(event)
    writer.close()


def test_load_finished_run_is_the_same_as_live(tmp_path, model):
    folder = RunFolder(tmp_path / "old")
    events = [STARTED, loss(1, 1.0), Finished(summary={"best": 1})]
    write_run(folder, *events)
    folder.write_summary(RunState.FINISHED, {"best": 1})
    loaded = RunModel.load(folder)
    model.apply(events)
    assert (loaded.state, loaded.series) == (model.state, model.series)
    assert loaded.request is None


def test_dead_process_without_summary_is_failed_with_a_cause(tmp_path):
    folder = RunFolder(tmp_path / "dead")
    write_run(folder, STARTED, loss(1, 1.0))
    folder.write_process(ProcessRecord(os.getpid(), time.time() - 1e6, socket.gethostname()))
    loaded = RunModel.load(folder)
    assert loaded.state is RunState.FAILED
    assert loaded.failure.cause
    assert loaded.failure.remedy


def test_run_whose_process_lives_is_running(tmp_path):
    import psutil

    folder = RunFolder(tmp_path / "live")
    write_run(folder, STARTED)
    me = psutil.Process()
    folder.write_process(ProcessRecord(me.pid, me.create_time(), socket.gethostname()))
    assert RunModel.load(folder).state is RunState.RUNNING
    folder.write_control("stop")
    assert RunModel.load(folder).state is RunState.STOPPING


def test_run_never_started_is_queued(tmp_path):
    assert RunModel.load(RunFolder(tmp_path / "new")).state is RunState.QUEUED


def test_failed_summary_keeps_its_cause(tmp_path):
    folder = RunFolder(tmp_path / "failed")
    write_run(folder, STARTED)
    folder.write_summary(RunState.FAILED, {"cause": "The disk is full.", "remedy": "Free space."})
    failure = RunModel.load(folder).failure
    assert (failure.cause, failure.remedy) == ("The disk is full.", "Free space.")


def test_death_right_after_the_last_event_keeps_the_end(tmp_path):
    folder = RunFolder(tmp_path / "torn")
    write_run(folder, STARTED, Stopped(step=3))
    folder.write_process(ProcessRecord(os.getpid(), time.time() - 1e6, socket.gethostname()))
    assert RunModel.load(folder).state is RunState.STOPPED
