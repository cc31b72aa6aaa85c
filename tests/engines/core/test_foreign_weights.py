"""Weights of other programs: read safely, filled by name and shape, reported."""

from __future__ import annotations

import os
import pickle
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from engines.contract.errors import CheckpointError, RunFolderError
from engines.contract.weights_report import WeightsReport
from engines.core.weights import fill, load_weights, require_complete


def _network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


class _Program:
    """What a checkpoint could hold to run something when it is read."""

    def __init__(self, made: Path) -> None:
        self._made = made

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self._made),))


@pytest.mark.parametrize("section", ["state_dict", "model", "net", "generator"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_are_found_in_what_a_program_saved_around_them(tmp_path, section, prefix):
    network = _network()
    content = {
        "epoch": 3,
        "best_dice": np.float64(0.25),
        "options": Namespace(rate=1e-3),
        section: {prefix + name: tensor for name, tensor in network.state_dict().items()},
    }
    path = tmp_path / "旧 run.pth"
    torch.save(content, path)
    found = load_weights(path)
    assert set(found) == set(network.state_dict())
    assert fill(_network(), found).is_complete


def test_state_of_an_optimiser_is_no_model(tmp_path):
    network = _network()
    state = torch.optim.Adam(network.parameters()).state_dict()
    torch.save({"model": network.state_dict(), "optimizer": state}, tmp_path / "a.pth")
    assert set(load_weights(tmp_path / "a.pth")) == set(network.state_dict())


def test_a_section_can_be_named(tmp_path):
    path = tmp_path / "a.pth"
    torch.save({"student": {"w": torch.zeros(1)}, "teacher": {"w": torch.ones(1)}}, path)
    with pytest.raises(CheckpointError, match=r"holds no weights.*student, teacher"):
        load_weights(path)
    assert load_weights(path, "teacher")["w"] == 1
    with pytest.raises(CheckpointError, match=r"no section 'pupil'.*student, teacher"):
        load_weights(path, "pupil")


def test_safetensors_are_read(tmp_path):
    save_file({"w": torch.ones(2)}, tmp_path / "a.safetensors")
    assert load_weights(tmp_path / "a.safetensors")["w"].tolist() == [1, 1]


def test_nothing_in_a_file_is_ever_run(tmp_path):
    made = tmp_path / "made by the checkpoint"
    torch.save({"state_dict": _Program(made)}, tmp_path / "new.pth")
    torch.save({"state_dict": _Program(made)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(_Program(made)))
    torch.save(_network(), tmp_path / "module.pth")
    for name in ("new", "old", "plain", "module"):
        with pytest.raises(CheckpointError, match=r"never run here|no readable file") as caught:
            load_weights(tmp_path / f"{name}.pth")
        assert "weights_only" not in str(caught.value)
    assert not made.exists()


@pytest.mark.parametrize("content", [b"", b"hello", pickle.dumps({"a": 1}), b"PK\x03\x04 half an archive"])
def test_a_damaged_file_is_told(tmp_path, content):
    for name in ("a.pth", "a.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=r"no readable file|no weights"):
            load_weights(tmp_path / name)
    with pytest.raises(CheckpointError, match="no file"):
        load_weights(tmp_path / "b.pth")


def test_what_does_not_fit_is_reported_and_left_as_it_was():
    network = _network()
    before = network[0].weight.clone()
    report = fill(
        network,
        {"a.weight": torch.ones(2, 4), "a.bias": torch.full((2,), float("nan")), "b": torch.ones(1)},
        lambda name: name.replace("a.", "0."),
    )
    assert report.matched == ("0.bias",)
    assert [(entry.name, entry.in_file, entry.in_model) for entry in report.other_shape] == [
        ("0.weight", (2, 4), (2, 3))
    ]
    assert report.unused == ("b",)
    assert set(report.missing) == {
        "1.weight",
        "1.bias",
        "1.running_mean",
        "1.running_var",
        "1.num_batches_tracked",
    }
    assert "0.bias" in report.notes[0]
    assert torch.equal(network[0].weight, before)
    with pytest.raises(
        CheckpointError, match=r"missing 1\.weight.*of another shape 0\.weight.*unknown here b"
    ):
        require_complete(report, Path("a.pth"))


def test_names_are_changed_by_a_table_or_a_function():
    tensors = {"w": torch.ones(2, 3), "c": torch.ones(2)}
    assert fill(_network(), tensors, {"w": "0.weight"}).matched == ("0.weight",)
    report = fill(_network(), tensors, lambda name: {"w": "0.weight"}.get(name))
    assert (report.matched, report.unused) == (("0.weight",), ("c",))
    with pytest.raises(CheckpointError, match=r"Two tensors .* 0\.bias"):
        fill(_network(), {"c": torch.ones(2), "d": torch.ones(2)}, lambda _: "0.bias")


def test_a_report_comes_back_as_it_was_written(tmp_path):
    report = fill(_network(), {"0.weight": torch.ones(2, 4)}).with_notes("Half of it.")
    report.write(tmp_path / "weights_report.json")
    assert WeightsReport.read(tmp_path / "weights_report.json") == report
    (tmp_path / "weights_report.json").write_text("{}x", encoding="utf-8")
    with pytest.raises(RunFolderError, match="Import the weights again"):
        WeightsReport.read(tmp_path / "weights_report.json")
