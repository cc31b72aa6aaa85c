"""Variants of a phase: queued one after another, then put side by side."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QObject, Signal

from engines.contract.events import EventWriter, Finished, Metric, Started
from engines.contract.kinds import Action
from engines.contract.manifest import Manifest
from engines.contract.registry import all_specs
from engines.contract.run_folder import RunFolder, RunRequest
from workstation.controllers.training.variant_runs import VariantRuns
from workstation.controllers.workbench import Workbench
from workstation.runs import launch
from workstation.runs.preconditions import SWEEP_COMMAND
from workstation.runs.run_model import RunModel

SPEC, PHASE = next(
    (spec, phase) for spec in all_specs() for phase in spec.phases if phase.variants is not None
)
METRIC = SPEC.headline_metrics[0]


class FakeRuns(QObject):
    """Stands in for `LiveRuns`: starts nothing."""

    attached = Signal(object)
    changed = Signal(str)
    ended = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.runs: dict[str, Any] = {}

    def start(self, folder: RunFolder) -> Any:
        live = SimpleNamespace(id=folder.id, model=RunModel(folder, folder.read_request()))
        live.model.apply([Started(pipeline=SPEC.key, action="train")])
        self.runs[folder.id] = live
        self.attached.emit(live)
        return live

    def get(self, run_id: str) -> Any:
        return self.runs.get(run_id)

    def live(self) -> list[Any]:
        return [run for run in self.runs.values() if not run.model.state.is_over]

    def end(self, run_id: str, value: float) -> None:
        live = self.runs[run_id]
        events = [
            Started(pipeline=SPEC.key, action="train"),
            Metric(key=METRIC.key, value=value, split="val", step=1),
            Finished(summary={}),
        ]
        with closing(EventWriter(live.model.folder.events_path)) as writer:
            for event in events:
                writer.write(event)
        live.model.apply(events)
        self.ended.emit(run_id)

    def detach_all(self) -> None:
        pass

    def reattach(self, _project: object) -> None:
        pass


@pytest.fixture
def bench(qapp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = Workbench()
    monkeypatch.setattr(made, "live_runs", FakeRuns())
    monkeypatch.setattr(made, "_project", SimpleNamespace(folder=tmp_path))
    settings: list[dict[str, Any]] = []
    commands: set[str] = set()

    def prepare(
        _project: object, spec: Any, *, overrides: dict[str, Any], command: str, **_: object
    ) -> RunFolder:
        settings.append(overrides)
        commands.add(command)
        folder = RunFolder(tmp_path / "runs" / f"run_{len(settings)}")
        request = RunRequest(pipeline=spec.key, action=Action.TRAIN, settings={"device": "cpu", **overrides})
        folder.create(request, Manifest(items=(), split_hash="abc"))
        return folder

    monkeypatch.setattr(launch, "prepare_run", prepare)
    made.settings, made.commands = settings, commands
    yield made
    made.background.close()


def test_variants_run_in_turn_and_their_numbers_stand_side_by_side(bench, tmp_path: Path, qtbot) -> None:
    cards: list[Any] = []
    bench.card_posted.connect(cards.append)
    runs = VariantRuns(bench)
    runs.start(SPEC, PHASE, PHASE.preset, {"learning_rate": 0.5}, "")
    assert runs.is_busy
    qtbot.waitUntil(lambda: len(bench.live_runs.runs) == 1, timeout=10000)
    rows = PHASE.variants.rows
    assert len(bench.settings) == len(rows)
    for asked, row in zip(bench.settings, rows.values(), strict=True):
        assert asked.items() >= {**row, **PHASE.variants.short, "learning_rate": 0.5, "seed": 0}.items()
    # By its command a run is known to be a trial, and no later phase starts from it by default.
    (command,) = bench.commands
    assert command.startswith(SWEEP_COMMAND)
    assert "--variants --set learning_rate=0.5" in command
    for number in range(len(rows)):
        assert len(bench.live_runs.runs) == number + 1, "one after another"
        bench.live_runs.end(f"run_{number + 1}", 50.0 - number)
    qtbot.waitUntil(lambda: (tmp_path / "sweeps" / "sweep_1" / "sweep.csv").is_file(), timeout=10000)
    # Each run has a card of its own too.
    qtbot.waitUntil(lambda: any(PHASE.variants.title in str(card.what) for card in cards), timeout=10000)
    assert not runs.is_busy
    card = next(card for card in cards if PHASE.variants.title in str(card.what))
    best, second = list(rows)[-1], list(rows)[-2]
    assert str(card.why).index(best) < str(card.why).index(second)
    table = (tmp_path / "sweeps" / "sweep_1" / "sweep.csv").read_text(encoding="utf-8")
    assert all(name in table for name in rows)
