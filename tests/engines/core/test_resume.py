"""A run that was killed and resumed does exactly what an uninterrupted one does."""

from __future__ import annotations

import time

import pytest

from engines.contract.events import EventReader, Failed, Metric, Progress, Started, Stopped, read_events
from engines.contract.run_folder import RunFolder
from engines.core import training_checkpoints
from engines.core.checkpoint import load_weights

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


def points(folder: RunFolder) -> list[tuple[str, str, int, float | None]]:
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


def raise_limit(folder: RunFolder) -> None:
    request = folder.read_request()
    settings = {key: value for key, value in request.settings.items() if key != "max_steps"}
    folder.write_request(request.model_copy(update={"resume": True, "settings": settings}))


def final_weights(folder: RunFolder) -> dict[str, list[float]]:
    weights, _ = load_weights(folder.checkpoints_dir / "last")
    return {name: tensor.flatten().tolist() for name, tensor in weights.items()}


def run_to_end(start_engine, folder: RunFolder) -> None:
    engine = start_engine("run", folder.path)
    _, log = engine.communicate(timeout=120)
    assert engine.returncode == 0, log


def test_killed_and_resumed_run_equals_uninterrupted(make_run, start_engine, execute) -> None:
    whole = make_run("whole", **SETTINGS)
    assert execute(whole) == 0
    assert max(step for _, _, step, _ in points(whole)) == 20

    # Slow steps, so that the kill hits in the middle; the delay changes no number.
    broken = make_run("broken", **SETTINGS, checkpoint_every_s=0.001, step_delay_s=0.05)
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
    assert points(broken) == points(whole)
    assert final_weights(broken) == final_weights(whole)


def test_resume_differs_without_the_saved_random_state(make_run, execute, monkeypatch) -> None:
    # Shows that the comparison above would notice a state that was forgotten.
    whole = make_run("whole", **SETTINGS)
    execute(whole)
    half = make_run("half", **SETTINGS, max_steps=10)
    execute(half)
    raise_limit(half)
    monkeypatch.setattr(training_checkpoints, "restore_generators", lambda state: None)
    execute(half)
    assert points(half) != points(whole)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_run_stopped_by_a_signal_resumes_exactly(make_run, start_engine, execute, num_workers: int) -> None:
    whole = make_run("whole", **SETTINGS, num_workers=num_workers)
    execute(whole)
    stopped = make_run("stopped", **SETTINGS, num_workers=num_workers, step_delay_s=0.05)
    engine = start_engine("run", stopped.path)
    wait_for_step(stopped, 5)
    engine.terminate()
    engine.communicate(timeout=60)
    assert engine.returncode == 0
    summary = stopped.read_summary()
    assert summary is not None
    assert summary["state"] == "stopped"
    assert any(isinstance(event, Stopped) for event in read_events(stopped.events_path))
    assert stopped.read_control() == ""
    mark_resumed(stopped)
    execute(stopped)
    assert points(stopped) == points(whole)


@pytest.mark.parametrize(
    ("batch", "step", "last_validation"),
    [
        # 14 items in 4 batches, 2 of them a step: the 8th batch ends the second epoch.
        pytest.param(8, 4, 2, id="between a step and its validation"),
        pytest.param(10, 5, 4, id="in the middle of an epoch"),
    ],
)
def test_stopped_and_resumed_run_equals_uninterrupted(
    make_run, execute, monkeypatch, batch: int, step: int, last_validation: int
) -> None:
    from engines.tiny.train import TinyTask

    whole = make_run("whole", **SETTINGS)
    execute(whole)
    stopped = make_run("stopped", **SETTINGS)
    trained = TinyTask.training_losses

    def stop_in_batch(task, network, tensors):
        if task.calls == batch - 1:
            stopped.write_control("stop")
        return trained(task, network, tensors)

    monkeypatch.setattr(TinyTask, "training_losses", stop_in_batch)
    execute(stopped)
    summary = stopped.read_summary()
    assert summary is not None
    assert (summary["state"], summary["step"]) == ("stopped", step)
    assert max(at for _, split, at, _ in points(stopped) if split == "val") == last_validation
    mark_resumed(stopped)
    execute(stopped)
    assert points(stopped) == points(whole)


def test_resume_without_checkpoint_starts_again_with_a_warning(make_run, execute) -> None:
    folder = make_run("empty", **SETTINGS)
    mark_resumed(folder)
    assert execute(folder) == 0
    events = read_events(folder.events_path)
    assert next(event for event in events if isinstance(event, Started)).resumed_from_step == 0
    assert any(event.event == "warning" for event in events)


def test_resume_of_another_model_names_the_keys(make_run, execute) -> None:
    folder = make_run("other", **SETTINGS, max_steps=2)
    execute(folder)
    request = folder.read_request()
    folder.write_request(
        request.model_copy(update={"resume": True, "settings": {**request.settings, "width": 5}})
    )
    assert execute(folder) == 1
    failed = read_events(folder.events_path)[-1]
    assert isinstance(failed, Failed)
    assert failed.type == "CheckpointError"
    assert "of another shape 0.bias, 0.weight" in failed.cause


def test_resumed_run_takes_the_new_settings(make_run, execute) -> None:
    folder = make_run("settings", **{**SETTINGS, "schedule": "constant", "warmup_steps": 0}, max_steps=2)
    execute(folder)
    request = folder.read_request()
    changed = {**request.settings, "learning_rate": 0.003, "max_steps": 4}
    folder.write_request(request.model_copy(update={"resume": True, "settings": changed}))
    execute(folder)
    rates = {
        step: value for key, _, step, value in points(folder) if key == "learning_rate" and value is not None
    }
    assert rates == {1: 0.01, 2: 0.01, 3: 0.003, 4: 0.003}
