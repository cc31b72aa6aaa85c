from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from importlib import metadata
from typing import TypeVar

import pytest
import torch

from engines.contract.events import (
    Checkpoint,
    Continued,
    Diagnosis,
    Event,
    Failed,
    Finished,
    Metric,
    Paused,
    Preview,
    Progress,
    Stopped,
    read_events,
)
from engines.contract.registry import load_spec
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.core.checkpoint import load_weights
from engines.core.generations import newest_intact
from workstation.controllers.runs.run_views import best_point
from workstation.runs.run_model import RunModel

EventT = TypeVar("EventT", bound=Event)


def events_of(folder: RunFolder, kind: type[EventT]) -> list[EventT]:
    return [event for event in read_events(folder.events_path) if isinstance(event, kind)]


def series(folder: RunFolder, key: str) -> list[tuple[int, float | None]]:
    return [(event.step, event.value) for event in events_of(folder, Metric) if event.key == key]


def when_step(folder: RunFolder, step: int, act: Callable[[], None]) -> threading.Thread:
    """Do something from another thread as soon as a step is done."""

    def wait() -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if folder.events_path.exists() and any(e.step >= step for e in events_of(folder, Progress)):
                act()
                return
            time.sleep(0.01)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_six_steps_write_exactly_these_files(make_run, execute) -> None:
    folder = make_run(accumulate_batches=2)
    assert execute(folder) == 0
    files = {path.relative_to(folder.path).as_posix() for path in folder.path.rglob("*") if path.is_file()}
    scalars = {name for name in files if name.startswith("tensorboard/events.out.tfevents.")}
    assert len(scalars) == 1
    generations = {
        f"checkpoints/{name}/{file}"
        for name in ("last", "last.previous")
        for file in ("model.json", "training_state.pt", "weights.safetensors")
    }
    assert files - scalars == generations | {
        "checkpoints/best/model.json",
        "checkpoints/best/weights.safetensors",
        "config.yaml",
        "environment.json",
        "events.jsonl",
        "heartbeat",
        "manifest.json",
        "previews/prediction/item-0/00000000.png",
        "previews/prediction/item-0/00000002.png",
        "previews/prediction/item-0/00000004.png",
        "previews/prediction/item-0/00000006.png",
        "process.json",
        "summary.json",
    }


def test_every_step_of_a_short_run_is_reported(make_run, execute) -> None:
    folder = make_run(accumulate_batches=2)
    execute(folder)
    for key in ("loss_total", "loss_square", "gradient_norm", "learning_rate", "step_seconds"):
        assert [step for step, _ in series(folder, key)] == [1, 2, 3, 4, 5, 6]
    assert [step for step, _ in series(folder, "error")] == [2, 4, 6]
    assert [(event.step, event.steps) for event in events_of(folder, Progress)][-1] == (6, 6)


def test_summary_and_environment_tell_what_was_done(make_run, execute) -> None:
    folder = make_run(accumulate_batches=2)
    execute(folder)
    summary = folder.read_summary()
    assert summary is not None
    assert summary["state"] == "finished"
    assert summary["ended_by"] == "epochs"
    assert summary["step"] == 6
    assert summary["best_value"] == min(value for _, value in series(folder, "error") if value is not None)
    assert summary["best_values"]["error"] == summary["best_value"]
    assert events_of(folder, Finished)[0].summary["ended_by"] == "epochs"
    environment = json.loads(folder.environment_path.read_text(encoding="utf-8"))
    assert environment["device"] == "cpu"
    assert environment["torch_threads"] == 1
    assert environment["packages"]["torch"] == metadata.version("torch")
    assert environment["seed"] == 0


def test_best_checkpoint_holds_the_averaged_weights(make_run, execute) -> None:
    from engines.tiny.config import TinyTrainingConfig
    from engines.tiny.train import TinyTask

    folder = make_run(ema_decay=0.5)
    execute(folder)
    weights, facts = load_weights(folder.checkpoints_dir / "best")
    task = TinyTask(folder.read_config())
    assert isinstance(folder.read_config(), TinyTrainingConfig)
    task.network.load_state_dict(weights)
    task.network.eval()
    with torch.no_grad():
        error = task.validation_metrics(task.network, torch.device("cpu"))["error"]
    assert error == pytest.approx(facts["best_value"], rel=1e-6)
    assert facts["width"] == 8
    assert facts["is_averaged"] is True


def test_broken_validation_fails_before_the_first_step(make_run, execute) -> None:
    folder = make_run(breaks_validation=True)
    assert execute(folder) == 1
    assert events_of(folder, Progress) == []
    failed = events_of(folder, Failed)[0]
    assert failed.type == "KeyError"
    assert "no such mask" in failed.traceback
    assert not folder.checkpoints_dir.exists()


def test_full_disk_fails_with_its_cause_and_keeps_the_last_checkpoint(make_run, execute) -> None:
    folder = make_run(break_at_step=5)
    assert execute(folder) == 1
    failed = events_of(folder, Failed)[0]
    assert failed.cause == "The disk is full: weights.bin."
    assert failed.remedy.startswith("Free some space")
    assert failed.step == 4
    summary = folder.read_summary()
    assert summary is not None
    assert (summary["state"], summary["cause"]) == ("failed", failed.cause)
    assert newest_intact(folder.checkpoints_dir).step == 3


def test_non_finite_loss_names_parts_and_items_and_is_not_saved(make_run, execute) -> None:
    folder = make_run(nan_at_step=5)
    assert execute(folder) == 1
    failed = events_of(folder, Failed)[0]
    assert failed.type == "NonFiniteError"
    assert failed.cause.startswith("loss_total, loss_square is not a finite number at step 5, in a batch")
    assert "item-" in failed.cause
    assert series(folder, "loss_total")[-1] == (5, None)
    diagnosis = events_of(folder, Diagnosis)[0]
    assert diagnosis.name == "non_finite_loss"
    assert diagnosis.config_patch["learning_rate"] == pytest.approx(0.003)
    weights, facts = load_weights(folder.checkpoints_dir / "last")
    assert facts["step"] < 5
    assert all(bool(torch.isfinite(tensor).all()) for tensor in weights.values())


def test_metric_that_is_never_computed_is_diagnosed_once(make_run, execute) -> None:
    folder = make_run(epochs=5, is_metric_undefined=True)
    execute(folder)
    assert {value for _, value in series(folder, "second")} == {None}
    found = events_of(folder, Diagnosis)
    assert [diagnosis.name for diagnosis in found] == ["never_computed_metric"]
    assert found[0].parameters["metrics"] == "second"
    assert found[0].parameters["reason"] == "there is no second"


def test_early_stopping_ends_after_its_patience(make_run, execute) -> None:
    # Nothing can improve on the first validation when nothing is learnt.
    folder = make_run(epochs=50, learning_rate=1e-30, early_stopping_patience=2, ema_decay=0.0)
    execute(folder)
    summary = folder.read_summary()
    assert summary is not None
    assert summary["ended_by"] == "early stopping"
    validations = len(series(folder, "error"))
    best = summary["best_step"] // 3
    assert validations == best + 2


def test_time_limit_ends_as_finished_with_a_validation(make_run, execute) -> None:
    folder = make_run(epochs=1000, step_delay_s=0.05, max_minutes=0.4 / 60)
    assert execute(folder) == 0
    summary = folder.read_summary()
    assert summary is not None
    assert (summary["state"], summary["ended_by"]) == ("finished", "time limit")
    assert 1 <= summary["step"] <= 12
    assert series(folder, "error")[-1][0] == summary["step"]
    assert newest_intact(folder.checkpoints_dir).step == summary["step"]


def test_max_steps_ends_in_the_middle_of_an_epoch(make_run, execute) -> None:
    folder = make_run(max_steps=4)
    execute(folder)
    summary = folder.read_summary()
    assert summary is not None
    assert (summary["ended_by"], summary["step"]) == ("max steps", 4)
    assert [step for step, _ in series(folder, "error")] == [3, 4]


def test_stop_finishes_the_step_and_saves(make_run, execute) -> None:
    folder = make_run(epochs=1000, step_delay_s=0.03)
    thread = when_step(folder, 2, lambda: folder.write_control("stop"))
    assert execute(folder) == 0
    thread.join()
    summary = folder.read_summary()
    assert summary is not None
    assert summary["state"] == "stopped"
    stopped = events_of(folder, Stopped)[0]
    assert stopped.step >= 2
    assert newest_intact(folder.checkpoints_dir).step == stopped.step == summary["step"]
    assert not folder.control_path.exists()


def test_pause_waits_and_is_no_training_time(make_run, execute) -> None:
    folder = make_run(epochs=3, step_delay_s=0.02)

    def pause() -> None:
        folder.write_control("pause")
        time.sleep(1.2)
        folder.write_control("resume")

    thread = when_step(folder, 2, pause)
    assert execute(folder) == 0
    thread.join()
    paused, continued = events_of(folder, Paused)[0], events_of(folder, Continued)[0]
    assert continued.time - paused.time > 0.5
    assert events_of(folder, Progress)[-1].step == 9
    summary = folder.read_summary()
    assert summary is not None
    assert summary["training_s"] < summary["duration_s"] - 0.5
    assert max(value for _, value in series(folder, "step_seconds") if value is not None) < 0.9


def test_validation_and_previews_leave_training_as_it_is(make_run, execute) -> None:
    often, seldom = make_run("often"), make_run("seldom", validate_every_epochs=3, preview_every_epochs=0)
    execute(often)
    execute(seldom)
    assert series(often, "loss_total") == series(seldom, "loss_total")
    assert events_of(seldom, Preview) == []
    assert [step for step, _ in series(seldom, "error")] == [9]


def test_accumulated_batches_equal_one_large_batch_in_number_of_steps(make_run, execute) -> None:
    folder = make_run(batch_size=2, accumulate_batches=3, epochs=1)
    execute(folder)
    # 14 items in 7 batches: 3 + 3 + 1.
    assert len(series(folder, "loss_total")) == 3


def test_best_checkpoint_is_announced(make_run, execute) -> None:
    folder = make_run()
    execute(folder)
    best = [event for event in events_of(folder, Checkpoint) if event.best]
    assert best
    assert best[-1].path == "checkpoints/best"
    summary = folder.read_summary()
    assert summary is not None
    assert best[-1].step == summary["best_step"]


def test_best_point_seen_live_is_that_of_the_summary(make_run, execute) -> None:
    folder = make_run()
    execute(folder)
    live = RunModel(folder)
    is_selected_before_the_first_step = False
    for event in read_events(folder.events_path):
        if isinstance(event, Progress) and event.step == 1:
            is_selected_before_the_first_step = live.selection is not None
        if isinstance(event, Finished):
            break
        live.apply([event])
    assert is_selected_before_the_first_step
    assert live.selection is not None
    assert not live.selection.is_higher_better
    assert not live.summary
    summary = folder.read_summary()
    assert summary is not None
    told = (summary["best_metric"], summary["best_step"], pytest.approx(summary["best_value"]))
    assert best_point(live, load_spec("tiny")) == told
    found = live.series["error", "val"].best(is_higher_better=live.selection.is_higher_better)
    assert found == (summary["best_step"], pytest.approx(summary["best_value"]))


def test_same_seed_same_losses_other_seed_other_losses(make_run, execute) -> None:
    first, second, other = make_run("a"), make_run("b"), make_run("c", seed=1)
    for folder in (first, second, other):
        execute(folder)
    assert series(first, "loss_total") == series(second, "loss_total")
    assert series(first, "loss_total") != series(other, "loss_total")


def test_missing_best_metric_fails_before_training(make_run, execute, monkeypatch) -> None:
    from engines.tiny.train import TinyTask

    monkeypatch.setattr(TinyTask, "best_metric", "dice")
    folder = make_run()
    assert execute(folder) == 1
    assert "Validation brings no 'dice'" in events_of(folder, Failed)[0].cause


def test_observers_see_every_event_once(make_run, execute, monkeypatch) -> None:
    seen: list[str] = []
    opened = RunContext.emit

    def emit(self: RunContext, event: Event) -> None:
        seen.append(event.event)
        opened(self, event)

    monkeypatch.setattr(RunContext, "emit", emit)
    folder = make_run(epochs=1)
    execute(folder)
    assert seen == [event.event for event in read_events(folder.events_path)]
