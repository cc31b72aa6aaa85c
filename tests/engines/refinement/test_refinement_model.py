"""The field: axes, independence of points, what an optimiser moves, and the fit of one case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from engines.imaging.volumes.label_metrics import dice
from engines.refinement import model
from engines.refinement.config import TrainConfig
from engines.refinement.data import NUM_CHANNELS, RefinementCase, appearance_channels
from engines.refinement.fields.latent_fit import fit_latent
from engines.refinement.fields.lattice_inference import dense, query_of, sparse
from engines.refinement.model import (
    Architecture,
    RefinementField,
    build_field,
    grid_coordinates,
    level_shape,
    sample_grid,
)
from engines.refinement.train import FieldTask
from engines.refinement.training.checks import point_independence

CPU = torch.device("cpu")
SHAPE = (40, 56, 72)
PLAIN = Architecture(
    num_cases=2,
    num_image_channels=0,
    latent_size=16,
    latent_grid=8,
    encoder_width=4,
    encoder_levels=3,
    head_width=16,
    fourier_octaves=2,
    residual_channels=2,
    residual_shapes=((10, 14, 18), (10, 14, 18)),
    output_bias=-2.0,
)
SEEING = replace(PLAIN, num_image_channels=NUM_CHANNELS, residual_channels=0)


def field_of(architecture: Architecture, seed: int = 0) -> RefinementField:
    torch.manual_seed(seed)
    return RefinementField(architecture).eval()


def test_a_grid_is_sampled_in_the_order_of_the_array() -> None:
    """On sides of 40, 56 and 72: taking (i, j, k) for (x, y, z) gives other values."""
    grid = torch.from_numpy(np.random.default_rng(0).random(SHAPE, dtype=np.float32))
    points = torch.tensor([[3, 50, 70], [39, 0, 12], [20, 33, 41]])
    found = sample_grid(grid[None, None], grid_coordinates(points.float(), SHAPE))[:, 0]
    torch.testing.assert_close(found, grid[tuple(points.T)], atol=1e-4, rtol=0.0)
    swapped = sample_grid(grid[None, None], grid_coordinates(points.float(), SHAPE).flip(-1))[:, 0]
    assert (swapped - found).abs().max() > 0.05


@pytest.mark.parametrize("shape", [(13, 10, 7), (12, 9, 16), (5, 6, 8)])
@pytest.mark.parametrize("flips", [(), (0,), (0, 2)])
def test_strided_features_lie_on_their_points(shape: tuple[int, int, int], flips: tuple[int, ...]) -> None:
    """An encoder that only passes its first channel on returns the image at every 1st, 2nd and 4th point."""
    field = field_of(SEEING)
    assert field.encoder is not None
    for level in field.encoder.levels:
        for layer in level:
            if isinstance(layer, torch.nn.Conv3d):
                torch.nn.init.zeros_(layer.weight)
                torch.nn.init.zeros_(layer.bias)
                with torch.no_grad():
                    layer.weight[0, 0, 1, 1, 1] = 1.0
    image = 5.0 + torch.rand(NUM_CHANNELS, *shape)
    grids = field.feature_grids(0, image, flips=flips)
    for stride, grid in grids.strided[:-1]:
        points = torch.tensor([[0.0, 0.0, 0.0], [4.0, 4.0, 4.0]])
        found = sample_grid(grid, grid_coordinates(points / stride, grid.shape[2:]))[:, 0]
        expected = image[0][tuple(points.long().T)]
        torch.testing.assert_close(found, expected, atol=0.25, rtol=0.0)


@pytest.mark.parametrize("architecture", [PLAIN, SEEING], ids=["shape", "shape+appearance"])
def test_a_point_has_one_value_whatever_it_is_asked_with(architecture: Architecture) -> None:
    shape = (19, 27, 35)
    field = field_of(architecture)
    image = torch.rand(NUM_CHANNELS, *shape) if architecture.num_image_channels else None
    with torch.no_grad():
        query = query_of(field, field.feature_grids(0, image), shape)
    assert point_independence(query, shape, CPU) <= 1e-5
    values = dense(query, shape, CPU).probability
    points = torch.tensor([[3.0, 4.0, 5.0], [18.0, 26.0, 34.0]])
    with torch.no_grad():
        alone = torch.sigmoid(query(points[:1]))
        pair = torch.sigmoid(query(points))
    assert float(alone[0]) == pytest.approx(values[3, 4, 5], abs=1e-5)
    assert float(pair[1]) == pytest.approx(values[18, 26, 34], abs=1e-5)


def test_gradients_on_a_large_lattice_are_those_of_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    image, points = torch.rand(NUM_CHANNELS, 9, 8, 7), torch.rand(40, 3) * 6
    found = []
    for limit in (10**9, 1):
        monkeypatch.setattr(model, "_LARGEST_KEPT", limit)
        field = field_of(SEEING)
        field(0, image, points, (9, 8, 7)).square().mean().backward()
        assert field.encoder is not None
        found.append([parameter.grad for parameter in field.encoder.parameters()])
    for kept, computed_again in zip(*found, strict=True):
        torch.testing.assert_close(computed_again, kept, atol=0.0, rtol=0.0)


def test_a_norm_over_points_would_be_found() -> None:
    def normed(points: torch.Tensor) -> torch.Tensor:
        values = points.sum(dim=1)
        return (values - values.mean()) / (values.std(unbiased=False) + 1e-3)

    assert point_independence(normed, (19, 27, 35), CPU) > 1e-2


def test_only_the_cases_of_a_batch_are_moved() -> None:
    field = field_of(PLAIN)
    optimiser = torch.optim.AdamW(field.parameters(), lr=0.1)
    points = torch.rand(50, 3) * 5
    for row in (0, 1, 0):
        before = [latent.detach().clone() for latent in field.latents]
        optimiser.zero_grad()
        field(row, None, points, (8, 8, 8)).square().mean().backward()
        optimiser.step()
        other = 1 - row
        torch.testing.assert_close(field.latents[other].detach(), before[other], atol=0.0, rtol=0.0)
        assert not torch.equal(field.latents[row].detach(), before[row])


def test_a_field_is_built_again_from_its_facts() -> None:
    field = field_of(SEEING)
    facts = {"architecture": field.architecture.facts()}
    again = build_field(facts)
    again.load_state_dict(field.state_dict())
    assert again.architecture == field.architecture


def test_the_output_begins_at_the_share_of_the_labels(small_case: Callable[..., RefinementCase]) -> None:
    case = small_case()
    task = FieldTask([case], [], config(variant="shape", latent_grid=8))
    values = dense(_query(task, 0, case), case.lattice.shape, CPU).probability
    assert values.mean() == pytest.approx(case.prevalence, rel=0.35)


def config(**settings: Any) -> TrainConfig:
    values = {"work_spacing_mm": 1.0, "points_per_step": 4096, "latent_size": 32, "num_scored": 1}
    return TrainConfig.from_values({**values, **settings})


def _query(task: FieldTask, row: int, case: RefinementCase) -> Any:
    field = task.network
    assert isinstance(field, RefinementField)
    image = None
    if field.encoder is not None:
        image = torch.from_numpy(appearance_channels(case))
    with torch.no_grad():
        return query_of(field.eval(), field.feature_grids(row, image), case.lattice.shape)


def fit(task: FieldTask, num_steps: int, rate: float) -> None:
    optimiser = torch.optim.AdamW(task.parameter_groups(), lr=rate, weight_decay=0.0)
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get("learning_rate_factor", 1.0)
    for step in range(num_steps):
        batch = task.collate([task.train_sample(step % task.num_train_items, step)])
        optimiser.zero_grad()
        task.training_losses(task.network, batch)["total"].backward()
        torch.nn.utils.clip_grad_norm_(task.network.parameters(), 1.0)
        optimiser.step()


@pytest.mark.slow
def test_a_case_is_reproduced_on_its_whole_lattice(small_case: Callable[..., RefinementCase]) -> None:
    """The shape variant with grids of its own; a coarse field of the same size cannot."""
    case = small_case(shape=(40, 34, 30))
    found = {}
    for channels in (4, 0):
        task = FieldTask([case], [], config(variant="shape", residual_channels=channels, latent_grid=8))
        fit(task, 150, 3e-3)
        values = dense(_query(task, 0, case), case.lattice.shape, CPU).probability
        found[channels] = dice(values >= 0.5, case.occupancy >= 0.5)
    assert found[4] >= 0.95
    assert found[0] < found[4] - 0.05


def test_sparse_inference_equals_dense_inference(small_case: Callable[..., RefinementCase]) -> None:
    case = small_case(shape=(44, 36, 30))
    task = FieldTask([case], [], config(encoder_width=4, head_width=16, points_per_step=2048))
    fit(task, 40, 4e-3)
    query = _query(task, 0, case)
    everywhere = dense(query, case.lattice.shape, CPU)
    around = sparse(query, case.occupancy >= 0.5, 3.0, 0.5, CPU)
    np.testing.assert_array_equal(around.probability >= 0.5, everywhere.probability >= 0.5)
    assert (everywhere.probability >= 0.5).any()
    assert around.num_queries < everywhere.num_queries / 2


def test_sparse_inference_finds_vessel_away_from_the_label() -> None:
    """A long thin vessel that touches the label's surroundings, and a ball far from it."""
    shape = (48, 40, 44)
    truth = np.zeros(shape, dtype=bool)
    truth[2:46, 20, 20] = True
    truth[30:36, 4:10, 34:40] = True
    logits = torch.from_numpy(np.where(truth, 5.0, -5.0).astype(np.float32))
    label = np.zeros(shape, dtype=bool)
    label[2:8, 20, 20] = True
    found = sparse(lambda points: logits[tuple(points.long().T)], label, 2.0, 0.5, CPU)
    np.testing.assert_array_equal(found.probability >= 0.5, truth)
    assert found.num_queries < truth.size / 3


def test_a_new_case_gets_a_latent_and_the_networks_stay(small_case: Callable[..., RefinementCase]) -> None:
    cases = [small_case("a", 0), small_case("b", 1)]
    task = FieldTask(cases, [], config(variant="shape", latent_grid=16))
    fit(task, 20, 4e-3)
    field = task.network
    assert isinstance(field, RefinementField)
    before = {name: value.clone() for name, value in field.state_dict().items()}
    new = small_case("c", 2)
    latent = fit_latent(field, None, new, 30, 0, CPU)
    for name, value in field.state_dict().items():
        torch.testing.assert_close(value, before[name], atol=0.0, rtol=0.0)
    shape = new.lattice.shape

    def overlap(given: torch.Tensor) -> float:
        with torch.no_grad():
            values = dense(query_of(field, field.feature_grids(None, None, given), shape), shape, CPU)
        probability = values.probability
        return float(2 * (probability * new.occupancy).sum() / (probability + new.occupancy).sum())

    assert overlap(latent) > overlap(field.mean_latent().detach())
    torch.testing.assert_close(fit_latent(field, None, new, 30, 0, CPU), latent, atol=0.0, rtol=0.0)


def test_coarser_grids_cover_the_same_box() -> None:
    assert level_shape((33, 17, 9), 0) == (33, 17, 9)
    assert level_shape((33, 17, 9), 3) == (5, 3, 2)


_DOCUMENTED_BYTES = 9867
"""Saved for backward by the documented head, at each point, in the same precision."""


@pytest.mark.parametrize("architecture", [PLAIN, SEEING], ids=["shape", "shape+appearance"])
def test_a_point_costs_a_quarter_of_the_documented_head(architecture: Architecture) -> None:
    """With the default sizes; by what autograd keeps for the backward pass."""
    default = replace(
        architecture, latent_size=256, latent_grid=16, encoder_width=8, head_width=64, fourier_octaves=4
    )
    field = field_of(default).train()
    image = torch.rand(NUM_CHANNELS, 16, 16, 16) if default.num_image_channels else None
    grids = field.feature_grids(0, image)
    kept = []
    for count in (500, 1500):
        storages: dict[int, int] = {}

        def keep(tensor: torch.Tensor, storages: dict[int, int] = storages) -> torch.Tensor:
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            field.at(grids, torch.rand(count, 3) * 15, (16, 16, 16))
        kept.append(sum(storages.values()))
    assert (kept[1] - kept[0]) / 1000 <= 0.25 * _DOCUMENTED_BYTES
