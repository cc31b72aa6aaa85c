from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import engines
from engines.contract import registry
from engines.contract.kinds import Action
from engines.contract.manifest import Manifest
from engines.contract.run_folder import RunFolder, RunRequest
from engines.core import execution, process

HERE = Path(__file__).parent
ROOT = HERE.parents[2]

MakeRun = Callable[..., RunFolder]
Execute = Callable[[RunFolder], int]
StartEngine = Callable[..., "subprocess.Popen[str]"]


def _forget_pipelines() -> None:
    registry.pipeline_keys.cache_clear()
    registry.load_spec.cache_clear()


@pytest.fixture
def tiny_pipeline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this process find the pipeline `tiny`."""
    monkeypatch.setattr(engines, "__path__", [*engines.__path__, str(HERE / "fake_pipelines")])
    _forget_pipelines()
    yield
    monkeypatch.undo()
    _forget_pipelines()


@pytest.fixture
def execute(tiny_pipeline: None, monkeypatch: pytest.MonkeyPatch) -> Execute:
    """Return the engine's `execute` for this process, which keeps its priority and environment."""
    monkeypatch.setattr(process, "lower_priority", lambda: None)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    return lambda folder: execution.execute(folder.path)


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Return a function that makes a run folder of `tiny` with quick settings."""

    def make(name: str = "运行 1", *, action: Action = Action.TRAIN, **settings: Any) -> RunFolder:
        folder = RunFolder(tmp_path / name)
        quick: dict[str, Any] = {"num_threads": 1, "device": "cpu"}
        if action is Action.TRAIN:
            quick |= {"epochs": 3, "batch_size": 5, "learning_rate": 0.01}
        request = RunRequest(
            pipeline="tiny",
            action=action,
            phase="only" if action is Action.TRAIN else "",
            settings={**quick, **settings},
        )
        folder.create(request, Manifest(items=()))
        return folder

    return make


@pytest.fixture
def start_engine() -> Iterator[StartEngine]:
    """Return a function that starts the real engine process, which can find `tiny`."""
    engines_started: list[subprocess.Popen[str]] = []

    def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
        engine = subprocess.Popen(
            [sys.executable, str(HERE / "engines_with_fakes.py"), *map(str, arguments)],
            env=environment,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
        engines_started.append(engine)
        return engine

    yield start
    for engine in engines_started:
        if engine.poll() is None:
            engine.kill()
        engine.communicate()
