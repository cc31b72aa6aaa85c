"""A run that was killed and resumed does exactly what an uninterrupted one does."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from engines.contract.events import EventReader, Metric, Progress, Started, Stopped, read_events
from engines.contract.run_folder import RunFolder

SETTINGS = {
    "epochs": 10,
    "batch_size": 4,
    "accumulate_batches": 2,
    "ema_decay": 0.9,
    "schedule": "cosine",
    "warmup_steps": 3,
    "gradient_clip_norm": 1.0,
    "preview_every_epochs": 0,
}


def losses(folder: RunFolder) -> list[tuple[str, str, int, float | None]]:
    """Return every train and validation point but times."""
    return [
        (event.key, event.split, event.step, event.value)
        for event in read_events(folder.events_path)
        if isinstance(event, Metric) and event.key != "step_seconds"
    ]


def wait_for_step(folder: RunFolder, step: int, timeout_s: float = 60.0) -> None:
    reader = EventReader(folder.events_path)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if any(isinstance(event, Progress) and event.step >= step for event in reader.poll()):
            return
        time.sleep(0.02)
    pytest.fail(f"step {step} was not reached")


def mark_resumed(folder: RunFolder) -> None:
    folder.write_request(folder.read_request().model_copy(update={"resume": True}))


def run_to_end(start_engine, folder: RunFolder) -> None:
    engine = start_engine("run", folder.path)
    _, log = engine.communicate(timeout=120)
    assert engine.returncode == 0, log


@pytest.mark.parametrize("num_workers", [0, 1])
def test_killed_and_resumed_run_equals_uninterrupted(make_run, start_engine, num_workers: int) -> None:
    whole = make_run("whole", **SETTINGS, num_workers=num_workers)
    run_to_end(start_engine, whole)
    assert max(step for _, _, step, _ in losses(whole)) == 20

    # Slow steps, so that the kill hits in the middle; the delay changes no number.
    broken = make_run(
        "broken", **SETTINGS, num_workers=num_workers, checkpoint_every_s=0.001, step_delay_s=0.05
    )
    engine = start_engine("run", broken.path)
    wait_for_step(broken, 10)
    engine.kill()
    engine.wait(timeout=30)
    assert broken.read_summary() is None
    mark_resumed(broken)
    run_to_end(start_engine, broken)

    started = [event for event in read_events(broken.events_path) if isinstance(event, Started)]
    assert started[-1].resumed_from_step is not None
    assert 8 <= started[-1].resumed_from_step <= 19
    assert losses(broken) == losses(whole)


def test_stopped_and_resumed_run_equals_uninterrupted(make_run, start_engine) -> None:
    whole = make_run("whole", **SETTINGS)
    run_to_end(start_engine, whole)
    stopped = make_run("stopped", **SETTINGS, step_delay_s=0.05)
    engine = start_engine("run", stopped.path)
    wait_for_step(stopped, 5)
    engine.terminate()
    engine.communicate(timeout=60)
    assert engine.returncode == 0
    summary = stopped.read_summary()
    assert summary is not None
    assert summary["state"] == "stopped"
    assert any(isinstance(event, Stopped) for event in read_events(stopped.events_path))
    mark_resumed(stopped)
    run_to_end(start_engine, stopped)
    assert losses(stopped) == losses(whole)


def test_resume_without_checkpoint_starts_again_with_a_warning(make_run, start_engine, tmp_path: Path) -> None:
    folder = make_run("empty", **SETTINGS)
    mark_resumed(folder)
    run_to_end(start_engine, folder)
    events = read_events(folder.events_path)
    assert next(event for event in events if isinstance(event, Started)).resumed_from_step == 0
    assert any(event.event == "warning" for event in events)
