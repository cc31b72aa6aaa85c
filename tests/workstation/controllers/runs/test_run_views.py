from __future__ import annotations

import numpy as np
import pytest

from engines.contract.events import (
    Checkpoint,
    EventWriter,
    Failed,
    Finished,
    Metric,
    Panel,
    Preview,
    Progress,
    Selection,
    Started,
)
from engines.contract.kinds import Action, PanelKind, RunState
from engines.contract.manifest import Manifest
from engines.contract.panels import PanelFile
from engines.contract.registry import all_specs
from engines.contract.run_folder import RunFolder, RunRequest
from workstation.controllers.runs.run_views import PanelCache, failure_card, progress_of, run_view
from workstation.runs.run_model import RunModel

SPEC = all_specs()[0]
METRIC = SPEC.metric("matching_accuracy") or SPEC.metrics[-1]


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    made = RunFolder(tmp_path / "run_1")
    request = RunRequest(pipeline=SPEC.key, action=Action.TRAIN, settings={"early_stopping_patience": 5})
    made.create(request, Manifest(items=()))
    return made


def write(folder: RunFolder) -> list:
    """Write a run of 30 steps with three validations, and return its events."""
    events = [Started(pipeline=SPEC.key, action="train")]
    events.append(Selection(metric=METRIC.key, is_higher_better=METRIC.higher_is_better))
    for step in range(1, 31):
        value = None if step == 7 else 1.0 / step
        events.append(Metric(key="loss_total", split="train", step=step, value=value, reason="nothing"))
        events.append(Progress(step=step, steps=40))
        if step % 10 == 0:
            events.append(Metric(key=METRIC.key, split="val", step=step, value=0.5 if step == 10 else 0.25))
            events.append(Preview(path=f"previews/{step}.png", name="fixed", item="eye", step=step))
            events.append(Checkpoint(path="checkpoints/best", step=step, best=step == 10))
    writer = EventWriter(folder.events_path)
    for event in events:
        writer.write(event)
    writer.close()
    return events


def test_run_opened_from_disk_shows_the_same_as_the_live_one(folder):
    events = write(folder)
    live = RunModel(folder, folder.read_request())
    for event in events:
        live.apply([event])
    opened = RunModel.load(folder)
    first, second = run_view(live, SPEC), run_view(opened, SPEC)
    assert first.curves.keys() == second.curves.keys()
    for key, curve in first.curves.items():
        np.testing.assert_array_equal(curve.steps, second.curves[key].steps)
        np.testing.assert_array_equal(curve.values, second.curves[key].values)
    assert (first.frames, first.best, first.patience) == (second.frames, second.best, second.patience)


def test_undefined_value_is_a_gap(folder):
    write(folder)
    curve = run_view(RunModel.load(folder), SPEC).curves[("loss_total", "train")]
    assert np.isnan(curve.values[6])
    assert np.isfinite(curve.values).sum() == 29


def test_best_checkpoint_and_patience(folder):
    write(folder)
    view = run_view(RunModel.load(folder), SPEC)
    assert view.best == (METRIC.key, 10, 0.5)
    assert view.patience == (2, 5)


def test_best_metric_is_not_guessed(folder):
    model = RunModel(folder, folder.read_request())
    model.apply([event for event in write(folder) if not isinstance(event, Selection)])
    view = run_view(model, SPEC)
    assert view.best == ("", 10, None)
    assert view.patience is None


def test_pictures_have_absolute_paths(folder):
    write(folder)
    frames = run_view(RunModel.load(folder), SPEC).frames
    assert [frame.step for frame in frames] == [10, 20, 30]
    assert frames[0].path == folder.path / "previews" / "10.png"


def test_progress_is_unknown_without_an_end(folder):
    model = RunModel(folder)
    assert progress_of(model) is None
    model.apply([Progress(step=3, steps=12)])
    assert progress_of(model) == 0.25


def test_failure_says_what_why_kept_and_what_to_do(folder):
    model = RunModel(folder)
    model.apply([Started(pipeline="p", action="train"), Checkpoint(path="c", step=20)])
    model.apply(
        [Failed(type="E", message="m", cause="Too hot {x}.", remedy="Cool it.", traceback="T", step=31)]
    )
    card = failure_card(model)
    assert [str(part) for part in (card.what, card.why, card.kept, card.remedy)] == [
        "The run run_1 failed after step 31.",
        "Too hot {x}.",
        "The model of step 20, and all your edits.",
        "Cool it.",
    ]
    assert card.details == "E: m\nT"


def test_panels_are_read_again_only_when_their_file_changed(folder, monkeypatch):
    model = RunModel(folder)
    PanelFile(kind=PanelKind.CURVE, title="one", data={}).write(folder.panels_dir / "a.json")
    model.apply([Panel(name="a"), Panel(name="gone")])
    cache = PanelCache()
    assert [panel.title for panel in cache.panels(model)] == ["one"]
    monkeypatch.setattr(PanelFile, "read", lambda _path: 1 / 0)
    assert [panel.title for panel in cache.panels(model)] == ["one"]


def test_a_finished_run_has_no_failure(folder):
    model = RunModel(folder)
    model.apply([Started(pipeline="p", action="train"), Finished()])
    assert model.state is RunState.FINISHED
    assert run_view(model, SPEC).failure is None
