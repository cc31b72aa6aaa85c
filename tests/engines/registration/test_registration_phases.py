"""The four phases: the plan's epochs, what each trains, and one after another on tiny data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engines.contract.errors import PreconditionError
from engines.contract.events import Metric, Preview, Warned, read_events
from engines.contract.geometry import apply_homography, similarity_matrix
from engines.contract.kinds import AnnotationKind, ItemKind, RunState, Split
from engines.contract.manifest import (
    AnnotationRecord,
    FileRecord,
    ItemRecord,
    Manifest,
    read_keypoint_pairs,
    write_keypoint_pairs,
)
from engines.contract.registry import load_spec
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.core.checkpoint import load_newest
from engines.imaging.images import read_image, write_image
from engines.imaging.transforms.warping import warp_to_fixed
from engines.registration.config import TrainConfig
from engines.registration.train import train
from engines.registration.training.pair_losses import PairLosses
from engines.registration.training.phase_plan import PHASE_KEYS, Terms, phase_of_epoch
from engines.registration.training.real_pairs import load_real_pairs, pair_geometry
from engines.registration.training.recipes import LITERAL, with_recipe
from engines.registration.training.value_maps import ValueMaps

MakeRun = Callable[..., RunFolder]
OpenRun = Callable[[RunFolder], RunContext]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_the_plan_switches_exactly_where_it_says() -> None:
    switches = {1: "phase_1", 20: "phase_1", 21: "phase_2", 40: "phase_2", 41: "phase_3"}
    switches |= {99: "phase_3", 100: "phase_4", 500: "phase_4"}
    assert {epoch: phase_of_epoch(epoch) for epoch in switches} == switches
    with pytest.raises(ValueError, match="counted from 1"):
        phase_of_epoch(0)


def test_each_phase_adds_its_terms() -> None:
    config = TrainConfig.from_values({"lambda_geometry": 0.8, "geometry_ramp_epochs": 4, "lambda_pke": 0.5})
    added = {
        key: (Terms(key).has_geometry, Terms(key).has_expansion, Terms(key).has_real_pairs)
        for key in PHASE_KEYS
    }
    assert added == {
        "phase_1": (False, False, False),
        "phase_2": (True, False, False),
        "phase_3": (True, True, False),
        "phase_4": (True, True, True),
    }
    rising = [Terms("phase_2").geometry_weight(config, epoch) for epoch in range(5)]
    np.testing.assert_allclose(rising, [0.2, 0.4, 0.6, 0.8, 0.8])
    assert [Terms("phase_2").is_reference_held(config, epoch) for epoch in (3, 4)] == [True, False]
    assert Terms("phase_3").geometry_weight(config, 0) == 0.8
    assert Terms("phase_3").expansion_weight(config, 9) == 0
    assert [Terms("phase_4").expansion_weight(config, epoch) for epoch in (0, 5, 50)] == [0.3, 0.5, 0.5]


def test_one_switch_sets_the_literal_recipe() -> None:
    plain = TrainConfig.from_values({})
    assert with_recipe(plain) == (plain, ())
    literal, changed = with_recipe(TrainConfig.from_values({"recipe": "literal"}))
    assert {key: getattr(literal, key) for key in LITERAL} == LITERAL
    assert "network" in changed
    assert set(LITERAL) <= set(TrainConfig.model_fields)
    TrainConfig.from_values(literal.values())


def test_value_maps_come_back_from_their_state() -> None:
    maps = ValueMaps(16)
    point = torch.zeros(2, 16, 16)
    point[0, 3, 4] = point[1, 9, 9] = 1
    maps.update(["a", "b"], point)
    maps.update(["a", "a"], point)
    again = ValueMaps(16)
    again.load(maps.state())
    device = torch.device("cpu")
    assert torch.equal(again.of(["a", "b", "c"], device), maps.of(["a", "b", "c"], device))
    assert int(maps.of(["a"], device)[0, 9, 9]) == 5
    assert int(maps.of(["a"], device)[0, 3, 4]) == 9
    other_size = ValueMaps(32)
    other_size.load(maps.state())
    assert other_size.num_known == 0


@pytest.mark.parametrize(("count", "model"), [(6, "affine"), (12, "homography")])
def test_the_transform_of_a_real_pair_follows_its_points(count: int, model: str) -> None:
    generator = np.random.default_rng(0)
    true = similarity_matrix(12.0, 0.9, (190.0, 190.0), (10.0, -8.0))
    fixed_xy = generator.uniform(60, 320, (count, 2))
    moving_xy = apply_homography(true, fixed_xy) + generator.normal(0, 0.3, (count, 2))
    found = pair_geometry(fixed_xy, moving_xy, 384, 6.0)
    assert not isinstance(found, str)
    assert found.model == model
    gap = apply_homography(found.moving_from_fixed, fixed_xy) - apply_homography(true, fixed_xy)
    assert np.abs(gap).max() < 3
    assert 0.7 < found.weight <= 1
    assert found.rmse_px < 2


def test_a_real_pair_without_a_plausible_transform_is_left_out() -> None:
    generator = np.random.default_rng(1)
    points = generator.uniform(60, 320, (12, 2))
    for fixed_xy, moving_xy, reason in (
        (points[:4], points[:4], "too few"),
        (points, generator.uniform(60, 320, (12, 2)), ""),
        (points, points * [-1, 1] + [380, 0], "plausible"),
    ):
        found = pair_geometry(fixed_xy, moving_xy, 384, 6.0)
        assert isinstance(found, str)
        assert reason in found


def _pair_items(eyes: Path, folder: Path) -> list[ItemRecord]:
    """Return two real pairs: one with landmarks (train), one for validation."""
    items = []
    for number, split in ((0, Split.TRAIN), (4, Split.VAL)):
        fixed = read_image(eyes / f"eye_{number}.png")
        true = similarity_matrix(9.0, 0.95, (159.5, 159.5), (6.0, 4.0))
        moving = warp_to_fixed(fixed, true, (fixed.shape[1], fixed.shape[0]))
        name = f"pair_{number}"
        write_image(folder / f"{name}_moving.png", 255 - moving[:, :, 1])
        points = np.random.default_rng(number).uniform(90, 230, (12, 2))
        path = folder / "annotations" / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        write_keypoint_pairs(path, name, [str(n) for n in range(12)], points, apply_homography(true, points))
        items.append(
            ItemRecord(
                id=name,
                subject=f"subject_{number}",
                kind=ItemKind.IMAGE_PAIR,
                split=split,
                files={
                    "fixed": FileRecord(path=str(eyes / f"eye_{number}.png"), modality="CF"),
                    "moving": FileRecord(path=str(folder / f"{name}_moving.png"), modality="FA"),
                },
                annotations={AnnotationKind.KEYPOINT_PAIRS: AnnotationRecord(path=str(path))},
            )
        )
    return items


@pytest.fixture(scope="module")
def phase_runs(
    make_training: MakeRun, eyes: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, RunFolder]:
    """Return finished runs of all four phases, each begun from the one before."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("phases")
    runs: dict[str, RunFolder] = {}
    settings: dict[str, Any] = {"epochs": 2, "num_threads": 1, "preview_every_epochs": 2, "looks_per_item": 2}
    for number, phase in enumerate(PHASE_KEYS):
        base = str(runs[PHASE_KEYS[number - 1]].path) if number else ""
        run = make_training(
            folder / phase,
            eyes,
            (Split.TRAIN, Split.TRAIN, Split.VAL),
            phase=phase,
            base_run=base,
            **settings,
            # Of a network that has seen nothing yet: let enough through to exercise the bookkeeping.
            **({"pke_geometry_score": 0.0, "pke_candidate_score": 0.0} if number >= 2 else {}),
        )
        if phase == "phase_4":
            items = [*run.read_manifest().items, *_pair_items(eyes, folder)]
            Manifest(items=tuple(items)).write(run.manifest_path)
        context = RunContext.open(run)
        try:
            train(context)
        finally:
            context.events.close()
        run.write_summary(RunState.FINISHED, context.summary)
        runs[phase] = run
    return runs


def _keys(run: RunFolder, split: str) -> set[str]:
    return {
        event.key
        for event in read_events(run.events_path)
        if isinstance(event, Metric) and event.split == split and event.value is not None
    }


def test_the_phases_follow_each_other(phase_runs: dict[str, RunFolder]) -> None:
    new = {phase: _keys(run, "train") for phase, run in phase_runs.items()}
    assert "loss_geometry" not in new["phase_1"]
    assert "loss_geometry" in new["phase_2"]
    assert "pke_candidates" not in new["phase_2"]
    counters = {f"pke_{name}" for name in ("candidates", "after_geometry", "after_content", "accepted")}
    assert counters | {"pke_points"} <= new["phase_3"]
    assert "real_auc_25" in _keys(phase_runs["phase_4"], "val")
    known = {metric.key for metric in load_spec("registration").metrics}
    for run in phase_runs.values():
        assert _keys(run, "val") <= known
    summary = phase_runs["phase_4"].read_summary()
    assert summary is not None
    assert summary["best_metric"] == "real_auc_25"
    assert list(summary["real_pairs"]) == ["pair_0"]


def test_learned_points_are_shown_and_kept_in_the_checkpoint(phase_runs: dict[str, RunFolder]) -> None:
    for phase in ("phase_3", "phase_4"):
        run = phase_runs[phase]
        shown = {event.name for event in read_events(run.events_path) if isinstance(event, Preview)}
        assert "learned_points" in shown
        newest = load_newest(run.checkpoints_dir)
        assert newest is not None
        maps = newest[2]["task"]["value_maps"]["maps"]
        assert maps
        assert all(entry["value"].dtype == torch.int16 for entry in maps.values())


def test_a_later_phase_needs_an_earlier_one(training_run: MakeRun, open_run: OpenRun) -> None:
    run = open_run(training_run(phase="phase_2"))
    with pytest.raises(PreconditionError, match="starts from the weights"):
        train(run)


def test_phase_4_without_real_pairs_says_so(
    phase_runs: dict[str, RunFolder], training_run: MakeRun, open_run: OpenRun
) -> None:
    base = str(phase_runs["phase_3"].path)
    run = open_run(training_run(phase="phase_4", base_run=base, looks_per_item=0))
    with pytest.raises(PreconditionError, match="needs real pairs"):
        train(run)


def test_swapped_points_of_a_real_pair_are_told_from_its_images(
    make_training: MakeRun, eyes: Path, tmp_path: Path, open_run: OpenRun
) -> None:
    item, *_ = _pair_items(eyes, tmp_path)
    path = Path(item.annotations[AnnotationKind.KEYPOINT_PAIRS].path)
    ids, fixed_xy, moving_xy = read_keypoint_pairs(path)
    for is_swapped in (False, True):
        given = (moving_xy, fixed_xy) if is_swapped else (fixed_xy, moving_xy)
        write_keypoint_pairs(path, item.id, ids, *given)
        folder = make_training(tmp_path / f"swapped {is_swapped}", eyes)
        Manifest(items=(item,)).write(folder.manifest_path)
        run = open_run(folder)
        (pair,) = load_real_pairs(run, Split.TRAIN, run.typed_config(TrainConfig))
        assert pair.has_landmarks
        warned = [event for event in read_events(folder.events_path) if isinstance(event, Warned)]
        assert bool(warned) == is_swapped


def test_agreeing_detectors_cost_nothing() -> None:
    """Two maps that are each other's warp have no geometric loss; under the inverse they have."""
    from engines.registration.training.torch_geometry import warp_maps

    size = 64
    config = TrainConfig.from_values({"image_size_px": size})
    true = torch.from_numpy(similarity_matrix(20.0, 1.0, (31.5, 31.5), (5.0, -3.0))).float()[None]
    generator = torch.Generator().manual_seed(0)
    reference = torch.nn.functional.interpolate(
        torch.rand(1, 1, 16, 16, generator=generator), scale_factor=4, mode="bilinear"
    ).pow(4)
    other = warp_maps(reference, torch.linalg.inv(true))
    score = torch.cat([reference, other], dim=1).clamp(1e-4, 1 - 1e-4)
    logits = torch.logit(score).flatten(0, 1)[:, None]
    losses = PairLosses(config, Terms("phase_2"), ValueMaps(size))
    batch = {
        "channels": torch.zeros(1, 2, 2, size, size),
        "fields": torch.ones(1, 2, size, size),
        "labels": torch.zeros(1, 2, size, size),
        "reference_side": torch.tensor([0]),
        "weight": torch.ones(1),
        "geometry_weight": torch.ones(1),
        "fixed_xy": torch.zeros(0, 2),
        "moving_xy": torch.zeros(0, 2),
        "image_index": torch.zeros(0, dtype=torch.int64),
        "given_xy": torch.zeros(0, 2),
        "given_index": torch.zeros(0, dtype=torch.int64),
        "vessels": torch.ones(1, size, size),
        "item": ["eye"],
    }
    grids = torch.zeros(2, 8, 8, 8)
    right = losses.of_batch(logits, grids, {**batch, "other_from_reference": true}, is_training=False)
    wrong = losses.of_batch(
        logits, grids, {**batch, "other_from_reference": torch.linalg.inv(true)}, is_training=False
    )
    assert float(right["geometry"]) < 0.03
    assert float(wrong["geometry"]) > 5 * float(right["geometry"])


def test_without_a_moving_detector_loss_the_gradient_is_the_same_and_cheaper() -> None:
    """Leaving out a gradient that is zero anyway changes no number."""
    from engines.registration.evaluation.scoring import maps_of
    from engines.registration.model import build_network

    torch.manual_seed(0)
    network = build_network(
        {"mode": "xmodal", "width": 4, "descriptor_size": 8, "num_channels": 2, "stems": "polarity"}
    )
    batch = {
        "channels": torch.rand(2, 2, 2, 32, 32),
        "polarities": torch.tensor([[0, 1], [1, 0]]),
        "reference_side": torch.tensor([0, 1]),
    }
    gradients = []
    for needs_other in (True, False):
        logits, grids = maps_of(network, batch, needs_other_detector=needs_other)
        chosen = torch.stack([logits.reshape(2, 2, 32, 32)[0, 0], logits.reshape(2, 2, 32, 32)[1, 1]])
        network.zero_grad()
        (chosen.square().mean() + grids.square().mean()).backward()
        gradients.append([parameter.grad.clone() for parameter in network.parameters()])
    for first, second in zip(*gradients, strict=True):
        torch.testing.assert_close(first, second, atol=1e-6, rtol=1e-4)
