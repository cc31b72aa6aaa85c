"""sweep on the sample project: what is trained with which settings, and the table."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from engines.contract.events import Finished, Metric, Started
from engines.contract.kinds import RunState
from engines.contract.registry import load_spec
from engines.contract.run_folder import RunFolder
from workstation.command_line import sweep_command
from workstation.runs.run_model import RunModel

PIPELINE = "registration"
WORDS = ("--preset", "tiny", "--set", "max_steps=1", "--set", "preview_every_epochs=0")


def _train_at_once(folder: RunFolder, launch: object, title: str) -> RunModel:
    """Stand in for an engine: the first headline metric comes out as the seed says."""
    model = RunModel(folder, folder.read_request())
    value = float(model.request.settings["seed"])
    model.apply(
        [
            Started(pipeline=PIPELINE, action="train"),
            Metric(key="matching_accuracy", value=value, split="val", step=1),
            Finished(summary={}),
        ]
    )
    return model


def test_a_sweep_trains_each_value_on_one_split_and_prints_one_table(cli, sample, monkeypatch):
    monkeypatch.setattr(sweep_command, "follow", _train_at_once)
    words = ("sweep", sample, PIPELINE, *WORDS, "--key", "lambda_moving=0,1", "--seeds", "0,1")
    table = cli(*words, "--json").json("sweep")
    tried = [(line["key"], line["value"], line["seed"]) for line in table["lines"]]
    assert tried == [
        ("base", None, 0), ("base", None, 1), ("lambda_moving", 0, 0), ("lambda_moving", 0, 1),
        ("lambda_moving", 1, 0), ("lambda_moving", 1, 1),
    ]  # fmt: skip
    folders = [RunFolder(sample / "runs" / line["run"]) for line in table["lines"]]
    assert {folder.read_manifest().split_hash for folder in folders} == {table["split_hash"]}
    values = [folder.read_config().values() for folder in folders]
    assert [value["lambda_moving"] for value in values[2:]] == [0.0, 0.0, 1.0, 1.0]
    assert [value["seed"] for value in values] == [0, 1] * 3
    assert {value["max_steps"] for value in values} == {1}
    rows = list(csv.reader((Path(table["folder"]) / "sweep.csv").read_text(encoding="utf-8").splitlines()))
    assert [row[1] for row in rows[1:]] == ["", "", "0", "0", "1", "1"]
    assert json.loads((Path(table["folder"]) / "sweep.json").read_text(encoding="utf-8"))["lines"]
    printed = cli(*words, "--out", sample / "表")
    assert printed.code == 0, printed.err
    assert "0.5 ±0.7071" in printed.out
    assert (sample / "表" / "sweep.csv").is_file()


def test_a_wrong_value_is_told_before_anything_is_trained(cli, sample):
    before = sorted((sample / "runs").glob("*"))
    assert cli("sweep", sample, PIPELINE, "--key", "widht=8").code == 2
    assert cli("sweep", sample, PIPELINE, "--key", "width=8,wide").code == 2
    assert cli("sweep", sample, PIPELINE, "--key", "width=8", "--seeds", "a").code == 2
    assert sorted((sample / "runs").glob("*")) == before


def test_several_phases_go_one_after_another_and_the_last_counts(cli, sample, monkeypatch):
    monkeypatch.setattr(sweep_command, "follow", _train_at_once)
    # A stand-in trains nothing, so that no phase before is ever finished for the next one.
    monkeypatch.setattr("workstation.runs.launch.check_phase", lambda *_: None)
    spec = load_spec(PIPELINE)
    first, second = [phase.key for phase in spec.phases if phase.key in ("phase_1", "phase_3")]
    words = ("sweep", sample, PIPELINE, *WORDS, "--phase", f"{first},{second}", "--key", "width=8")
    table = cli(*words, "--json").json("sweep")
    assert table["phase"] == f"{first},{second}"
    assert len(table["lines"]) == 2
    for line in table["lines"]:
        request = RunFolder(sample / "runs" / line["run"]).read_request()
        assert request.phase == second
        before = RunFolder(sample / "runs" / Path(request.base_run).name).read_request()
        assert before.phase == first
        assert before.settings["width"] == request.settings["width"]


@pytest.mark.slow
def test_a_real_training_comes_out_with_its_metrics(cli, sample):
    done = cli("sweep", sample, PIPELINE, *WORDS, "--no-base", "--key", "width=8", "--json")
    assert done.code == 0, done.err
    (line,) = done.json("sweep")["lines"]
    assert line["state"] == RunState.FINISHED
    assert "matching_accuracy" in line["metrics"]
