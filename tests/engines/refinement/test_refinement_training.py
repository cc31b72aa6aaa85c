"""A training from volumes to checkpoint: metrics, pictures, resume, and inputs that are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from engines.contract.errors import InputError, PreconditionError
from engines.contract.events import Event, EventWriter, Metric, Preview, Progress, Warned, read_events
from engines.contract.kinds import Split
from engines.contract.run_context import RunContext, StopRequested
from engines.contract.run_folder import RunFolder
from engines.core.checkpoint import load_weights
from engines.refinement.config import TrainConfig
from engines.refinement.data import (
    CONTEXT_CHANNEL,
    RefinementCase,
    appearance_channels,
    vessel_radius_mm,
)
from engines.refinement.train import FieldTask, train
from engines.refinement.training.label_context import disturbed_context
from engines.refinement.training.sampling import strata_of

Carry = Callable[[RunFolder], RunContext]


def test_training_learns_and_says_so(trained: RunFolder) -> None:
    events = read_events(trained.events_path)
    metrics = [event for event in events if isinstance(event, Metric)]
    dice = [event for event in metrics if event.key == "lattice_dice"]
    assert dice[-1].value is not None
    assert dice[-1].value > 0.6
    clean = [event for event in metrics if event.key == "clean_dice"]
    assert clean[-1].value is not None
    gap = [event.value for event in metrics if event.key == "query_gap"]
    assert max(value for value in gap if value is not None) <= 1e-4
    names = {event.name for event in events if isinstance(event, Preview)}
    assert names == {"slice", "projection"}


def test_the_checkpoint_knows_which_case_has_which_row(trained: RunFolder) -> None:
    _, facts = load_weights(trained.checkpoints_dir / "best")
    assert facts["rows"] == {"case_0": 0, "case_1": 1}
    assert facts["label_class"] == 9


class _AskToStop(EventWriter):
    def __init__(self, folder: RunFolder, step: int) -> None:
        super().__init__(folder.events_path)
        self._folder = folder
        self._step = step

    def write(self, event: Event) -> None:
        super().write(event)
        if isinstance(event, Progress) and event.step == self._step:
            self._folder.write_control("stop")


def test_a_resumed_training_equals_an_uninterrupted_one(
    make: Callable[..., RunFolder], carry_out: Carry
) -> None:
    settings: dict[str, Any] = {"max_steps": 6, "preview_every_epochs": 0, "checkpoint_every_s": 1e4}
    whole = make("train", name="whole", settings=settings)
    carry_out(whole)
    parts = make("train", name="parts", settings=settings)
    run = RunContext.open(parts)
    run.events.close()
    run.events = _AskToStop(parts, 3)
    with pytest.raises(StopRequested):
        train(run)
    run.events.close()
    parts.write_control(None)
    parts.write_request(parts.read_request().model_copy(update={"resume": True}))
    carry_out(parts)
    first, _ = load_weights(whole.checkpoints_dir / "last")
    second, _ = load_weights(parts.checkpoints_dir / "last")
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], atol=0.0, rtol=0.0)


def test_a_label_without_the_class_is_refused_with_its_classes(
    make: Callable[..., RunFolder], carry_out: Carry
) -> None:
    with pytest.raises(InputError, match=r"no voxel of class 5; it holds 9 \(\d+ voxels\)"):
        carry_out(make("train", settings={"label_class": 5}))


def test_an_empty_mask_is_refused(make: Callable[..., RunFolder], carry_out: Carry) -> None:
    empty = np.zeros((28, 24, 22), dtype=bool)
    with pytest.raises(InputError, match="background only"):
        carry_out(make("train", label=empty))


def test_training_needs_a_training_item(make: Callable[..., RunFolder], carry_out: Carry) -> None:
    with pytest.raises(PreconditionError, match="split 'train'"):
        carry_out(make("train", splits=(Split.VAL,)))


def test_identical_labels_are_warned_of(
    make: Callable[..., RunFolder], carry_out: Carry, vessel: Callable[..., np.ndarray]
) -> None:
    folder = make("train", label=vessel((28, 24, 22), 0), settings={"max_steps": 1})
    carry_out(folder)
    warned = [event for event in read_events(folder.events_path) if isinstance(event, Warned)]
    assert any("same label" in event.message for event in warned)


def test_one_case_is_enough(make: Callable[..., RunFolder], carry_out: Carry) -> None:
    run = carry_out(make("train", splits=(Split.TRAIN,), settings={"max_steps": 2, "variant": "shape"}))
    assert run.summary["best_metric"] == "lattice_dice"


def test_a_sample_is_the_same_for_the_same_seed(small_case: Callable[..., RefinementCase]) -> None:
    config = TrainConfig.from_values({"points_per_step": 512, "work_spacing_mm": 1.0})
    task = FieldTask([small_case()], [], config)
    first, again, other = (task.train_sample(0, seed) for seed in (3, 3, 4))
    for key in ("points", "weights", "target", "channels"):
        assert torch.equal(first[key], again[key])
    assert not torch.equal(first["points"], other["points"])


def test_disturbing_touches_the_context_channel_only(small_case: Callable[..., RefinementCase]) -> None:
    case = small_case()
    channels = appearance_channels(case)
    strata = strata_of(case.occupancy)
    disturbed = [
        disturbed_context(channels[CONTEXT_CHANNEL], strata, np.random.default_rng(seed))
        for seed in range(12)
    ]
    assert any((found < channels[CONTEXT_CHANNEL] - 0.2).any() for found in disturbed)
    assert any((found > channels[CONTEXT_CHANNEL] + 0.1).any() for found in disturbed)
    np.testing.assert_array_equal(channels, appearance_channels(case))


def test_weak_contrast_looks_like_strong_contrast(small_case: Callable[..., RefinementCase]) -> None:
    case = small_case()
    weak = RefinementCase(case.id, case.lattice, -80 + 0.4 * (case.image + 80), case.occupancy)
    np.testing.assert_allclose(appearance_channels(weak)[1], appearance_channels(case)[1], atol=0.02)


def test_the_radius_is_the_vessels(small_case: Callable[..., RefinementCase]) -> None:
    assert vessel_radius_mm(small_case()) == pytest.approx(1.7, abs=0.6)
