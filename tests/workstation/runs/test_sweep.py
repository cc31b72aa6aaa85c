"""Planning a sweep, and its table."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from engines.contract.errors import ConfigError
from engines.contract.events import Checkpoint, Metric
from engines.contract.presets import training_config
from engines.contract.registry import all_specs, load_spec
from engines.contract.run_folder import RunFolder
from engines.contract.spec import VariantsSpec
from workstation.runs.run_model import RunModel
from workstation.runs.sweep import (
    BASE,
    Line,
    SweepTable,
    Trial,
    plan,
    plan_variants,
    split_values,
    values_at_best,
)


def test_one_key_is_changed_at_a_time() -> None:
    trials = plan(["width=8,16", "is_on=true,false"], [0, 3])
    assert len(trials) == 10
    assert trials[:2] == [Trial(BASE, None, 0), Trial(BASE, None, 3)]
    assert [(trial.key, trial.value) for trial in trials[2::2]] == [
        ("width", 8),
        ("width", 16),
        ("is_on", True),
        ("is_on", False),
    ]
    assert trials[4].overrides({"width": 4, "epochs": 2}) == {"width": 16, "epochs": 2, "seed": 0}
    assert trials[0].overrides({"width": 4}) == {"width": 4, "seed": 0}
    assert plan(["a=1"], [0], with_base=False) == [Trial("a", 1, 0)]


def test_variants_of_a_phase_change_several_settings_at_once() -> None:
    rows = {"wide": {"width": 9, "is_on": True}, "narrow": {"width": 1, "is_on": False}}
    trials = plan_variants(VariantsSpec("shape", "Compare shapes", {"epochs": 2}, rows), [0, 1])
    assert [(trial.key, trial.value, trial.seed) for trial in trials[:3]] == [
        ("shape", "wide", 0),
        ("shape", "wide", 1),
        ("shape", "narrow", 0),
    ]
    wanted = {"width": 1, "is_on": False, "epochs": 2, "seed": 0, "rate": 5}
    assert trials[2].overrides({"width": 4, "rate": 5}) == wanted


def test_every_variant_that_a_pipeline_offers_is_a_valid_training() -> None:
    offered = [(spec, phase) for spec in all_specs() for phase in spec.phases if phase.variants is not None]
    assert offered
    for spec, phase in offered:
        for trial in plan_variants(phase.variants, [0]):
            training_config(spec, phase.key, phase.preset, trial.overrides({}))


@pytest.mark.parametrize("words", [["width"], ["width="], ["=1"], ["a=1", "a=2"], ["seed=1,2"]])
def test_a_word_that_says_nothing_is_refused(words: list[str]) -> None:
    with pytest.raises(ConfigError):
        plan(words, [0])


def test_brackets_keep_a_value_together() -> None:
    assert split_values("[1, 2],3, {a: [4,5]} ,") == ["[1, 2]", "3", "{a: [4,5]}"]
    assert plan(["size=[1,2],[3]"], [0], with_base=False)[0].value == [1, 2]


def test_all_values_belong_to_the_best_checkpoint(tmp_path: Path) -> None:
    model = RunModel(RunFolder(tmp_path))

    def metric(key: str, value: float | None, step: int) -> Metric:
        return Metric(key=key, value=value, split="val", step=step, reason="" if value else "none")

    for step, accuracy, error in ((1, 0.3, 9.0), (2, 0.7, 5.0), (3, 0.6, 2.0)):
        model.apply([metric("matching_accuracy", accuracy, step), metric("corner_error_px", error, step)])
    spec = load_spec("registration")
    assert values_at_best(model, spec.metrics)["corner_error_px"] == 2.0, "the last one without a checkpoint"
    model.apply([Checkpoint(path="checkpoints/best", step=2, best=True)])
    values = values_at_best(model, spec.metrics)
    assert (values["matching_accuracy"], values["corner_error_px"]) == (0.7, 5.0)
    assert "loss_total" not in values


def test_the_table_holds_each_training_and_sums_up_seeds(tmp_path: Path) -> None:
    table = SweepTable("p", "phase_1", "tiny", "workstation sweep …", "0123")
    for seed, value in ((0, 0.2), (1, 0.4)):
        table.lines.append(Line("width", 8, seed, f"run_{seed}", "finished", 1.0, {"score": value}))
    table.lines.append(Line("width", 16, 0, "run_2", "failed", None, {}, "It ran out of memory."))
    table.write(tmp_path / "表 1")
    rows = list(csv.DictReader((tmp_path / "表 1" / "sweep.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["score"] for row in rows] == ["0.2", "0.4", ""]
    assert rows[2]["reason"] == "It ran out of memory."
    read = json.loads((tmp_path / "表 1" / "sweep.json").read_text(encoding="utf-8"))
    assert (read["split_hash"], read["lines"][1]["metrics"]) == ("0123", {"score": 0.4})
    (key, value, num_good, metrics), (_, _, num_failed, none) = table.summary()
    assert (key, value, num_good, num_failed) == ("width", "8", 2, 0)
    assert metrics["score"] is not None
    assert metrics["score"] == pytest.approx((0.3, 0.1414), abs=1e-3)
    assert none["score"] is None
