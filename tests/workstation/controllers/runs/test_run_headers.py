from __future__ import annotations

import os
import socket
import time

import psutil
import pytest

from engines.contract.evaluation import EvaluationReport
from engines.contract.events import EventWriter, Started
from engines.contract.files import write_json_atomically
from engines.contract.kinds import Action, RunState
from engines.contract.manifest import Manifest
from engines.contract.run_folder import ProcessRecord, RunFolder, RunRequest
from workstation.controllers.runs.run_headers import RunHeaders, read_header


def make(path, *, action=Action.TRAIN, started=100.0, state=RunState.FINISHED, **summary) -> RunFolder:
    folder = RunFolder(path)
    request = RunRequest(pipeline="p", action=action, phase="one", preset="tiny", settings={"a": 1})
    folder.create(request, Manifest(items=(), split_hash="abc123"))
    events = EventWriter(folder.events_path)
    events.write(Started(pipeline="p", action=action.value, time=started))
    events.close()
    if state is not None:
        folder.write_summary(state, summary)
    return folder


def test_header_is_read_from_the_folder_alone(tmp_path):
    header = read_header(make(tmp_path / "一 run", best_metric="auc", best_value=0.5))
    assert (header.run_id, header.pipeline, header.action, header.phase) == ("一 run", "p", "train", "one")
    assert (header.state, header.started, header.split_hash) == (RunState.FINISHED, 100.0, "abc123")
    assert header.values == {"auc": 0.5}


def test_newest_start_is_first(tmp_path):
    folders = [make(tmp_path / f"r{at}", started=at).path for at in (20.0, 30.0, 10.0)]
    assert [header.started for header in RunHeaders().read(folders)] == [30.0, 20.0, 10.0]


def test_undefined_result_stays_undefined(tmp_path):
    assert read_header(make(tmp_path / "r", best_metric="auc", best_value=None)).values == {"auc": None}


def test_stopped_run_tells_the_value_of_its_best_checkpoint(tmp_path):
    folder = make(tmp_path / "r", state=RunState.STOPPED)
    write_json_atomically(
        folder.checkpoints_dir / "best" / "model.json", {"metric": "auc", "best_value": 0.25, "step": 3}
    )
    assert read_header(folder).values == {"auc": 0.25}


def test_evaluation_tells_the_row_of_the_model(tmp_path):
    folder = make(tmp_path / "r", action=Action.EVALUATE)
    EvaluationReport(
        pipeline="p",
        run="x",
        split="val",
        split_hash="h",
        items=1,
        rows={"identity": {"auc": 0.1}, "model": {"auc": 0.9}},
        per_item=[],
    ).write(folder.evaluation_path)
    assert read_header(folder).values == {"auc": 0.9}


def test_living_process_is_running_and_a_dead_one_failed(tmp_path):
    folder = make(tmp_path / "r", state=None)
    process = psutil.Process(os.getpid())
    folder.write_process(ProcessRecord(process.pid, process.create_time(), socket.gethostname()))
    assert read_header(folder).state is RunState.RUNNING
    folder.write_process(ProcessRecord(process.pid, process.create_time() - 1000, socket.gethostname()))
    assert read_header(folder).state is RunState.FAILED


@pytest.mark.parametrize("content", ["", "[1, 2]", "{: broken", "pipeline: p\nsettings: {a: 1"])
def test_damaged_settings_are_no_error(tmp_path, content):
    folder = make(tmp_path / "r")
    folder.config_path.write_text(content, encoding="utf-8")
    assert read_header(folder).run_id == "r"


def test_finished_runs_are_not_read_twice(tmp_path, monkeypatch):
    folders = [make(tmp_path / f"r{number}").path for number in range(3)]
    headers = RunHeaders()
    first = headers.read(folders)
    monkeypatch.setattr("workstation.controllers.runs.run_headers.read_header", lambda _folder: 1 / 0)
    assert headers.read(folders) == first


def test_a_resumed_run_is_read_again(tmp_path):
    folder = make(tmp_path / "r")
    headers = RunHeaders()
    headers.read([folder.path])
    folder.summary_path.unlink()
    assert headers.read([folder.path])[0].state is not RunState.FINISHED


def test_a_thousand_runs_are_listed_quickly_when_known(tmp_path):
    folder = make(tmp_path / "r")
    paths = [folder.path] * 1000
    headers = RunHeaders()
    headers.read(paths)
    began = time.perf_counter()
    assert len(headers.read(paths)) == 1000
    assert time.perf_counter() - began < 1.0
