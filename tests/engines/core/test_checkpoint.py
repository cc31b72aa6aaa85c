from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from engines.contract.errors import CheckpointError
from engines.core import checkpoint
from engines.core.device import generator_state, restore_generators, seed_generators
from engines.core.generations import model_folder, newest_intact, remove_leftovers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "运行" / "checkpoints"


def save_last(folder: Path, step: int) -> Path:
    weights = {"layer.weight": torch.full((2, 3), float(step))}
    return checkpoint.save(
        folder, "last", weights=weights, facts={"step": step, "width": 3}, state={"position": {"step": step}}
    )


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 0xFF
    path.write_bytes(bytes(content))


def test_round_trip_keeps_weights_facts_and_state(folder: Path) -> None:
    path = save_last(folder, 4)
    weights, facts = checkpoint.load_weights(path)
    assert torch.equal(weights["layer.weight"], torch.full((2, 3), 4.0))
    assert facts["step"] == 4
    assert facts["width"] == 3
    found = checkpoint.load_newest(folder)
    assert found is not None
    assert found[2] == {"position": {"step": 4}}
    assert sorted(file.name for file in path.iterdir()) == [
        "model.json",
        "training_state.pt",
        "weights.safetensors",
    ]


def test_two_generations_are_kept_and_no_more(folder: Path) -> None:
    for step in (1, 2, 3):
        save_last(folder, step)
    assert sorted(path.name for path in folder.iterdir()) == ["last", "last.previous"]
    assert newest_intact(folder).step == 3
    assert json.loads((folder / "last.previous" / "model.json").read_text(encoding="utf-8"))["step"] == 2


@pytest.mark.parametrize("name", ["weights.safetensors", "training_state.pt"])
def test_damaged_generation_falls_back_to_the_one_before(folder: Path, name: str) -> None:
    save_last(folder, 1)
    save_last(folder, 2)
    damage(folder / "last" / name)
    assert newest_intact(folder).step == 1
    weights, _ = checkpoint.load_weights(folder / "last")
    assert weights["layer.weight"][0, 0] == 1.0


def test_generation_without_its_facts_is_damaged(folder: Path) -> None:
    save_last(folder, 1)
    save_last(folder, 2)
    (folder / "last" / "model.json").write_text('{"step": 2', encoding="utf-8")
    assert newest_intact(folder).step == 1


def test_crash_between_the_two_renames_leaves_the_previous_generation(folder: Path) -> None:
    save_last(folder, 1)
    (folder / "last").rename(folder / "last.previous")
    assert newest_intact(folder).step == 1
    assert model_folder(folder.parent) == folder / "last.previous"


def test_half_written_folders_are_removed(folder: Path) -> None:
    save_last(folder, 1)
    (folder / ".last.abc").mkdir()
    (folder / ".last.abc" / "weights.safetensors").write_bytes(b"half")
    remove_leftovers(folder)
    assert [path.name for path in folder.iterdir()] == ["last"]


def test_best_that_was_being_replaced_comes_back(folder: Path) -> None:
    checkpoint.save(folder, "best", weights={"a": torch.zeros(1)}, facts={"step": 3})
    (folder / "best").rename(folder / ".best.discarded")
    remove_leftovers(folder)
    assert model_folder(folder.parent) == folder / "best"


def test_best_is_preferred_for_predicting(folder: Path) -> None:
    checkpoint.save(folder, "best", weights={"a": torch.zeros(1)}, facts={"step": 3})
    save_last(folder, 9)
    assert model_folder(folder.parent).name == "best"


def test_last_stands_in_for_a_best_that_was_never_written(folder: Path) -> None:
    save_last(folder, 9)
    _, facts = checkpoint.load_weights(folder / "best")
    assert facts["step"] == 9


def test_run_without_checkpoint_says_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no usable checkpoint"):
        model_folder(tmp_path)


def test_failed_save_leaves_the_old_generation_alone(folder: Path) -> None:
    save_last(folder, 1)
    with pytest.raises(AttributeError):
        checkpoint.save(folder, "last", weights={"a": None}, facts={"step": 2})
    assert [path.name for path in folder.iterdir()] == ["last"]
    assert newest_intact(folder).step == 1


class Hostile:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("executed",))


def test_pickled_objects_are_not_loaded(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint.save(folder, "last", weights={"a": torch.zeros(1)}, facts={"step": 1}, state={"x": Hostile()})
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoint.load_newest(folder)
    assert capsys.readouterr().out == ""


def test_every_key_that_does_not_fit_is_named(tmp_path: Path) -> None:
    network = nn.Linear(2, 3)
    weights = {"weight": torch.zeros(5, 2), "extra": torch.zeros(1)}
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load_into(network, weights, tmp_path)
    text = str(caught.value)
    assert "missing bias" in text
    assert "left over extra" in text
    assert "of another shape weight" in text


def test_tied_weights_can_be_saved(folder: Path) -> None:
    shared = torch.ones(2, 2)
    path = checkpoint.save(folder, "best", weights={"a": shared, "b": shared.T}, facts={"step": 0})
    weights, _ = checkpoint.load_weights(path)
    assert weights.keys() == {"a", "b"}


def test_random_generators_go_on_where_they_were(folder: Path) -> None:
    import random

    import numpy as np

    seed_generators(3)
    np.random.normal()  # leaves a second normal number waiting
    checkpoint.save(folder, "last", weights={}, facts={"step": 0}, state={"generators": generator_state()})

    def draw() -> list[float]:
        return [random.random(), random.gauss(0, 1), float(np.random.normal()), float(torch.rand(()))]

    expected = draw()
    seed_generators(99)
    found = checkpoint.load_newest(folder)
    assert found is not None
    restore_generators(found[2]["generators"])
    assert draw() == expected
