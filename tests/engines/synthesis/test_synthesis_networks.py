"""Sizes and starts of the networks, and what warping means."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.synthesis.networks.discriminator import Discriminator, frozen
from engines.synthesis.networks.generator import SIZES, Generator
from engines.synthesis.networks.norm import NormLeakyReLU
from engines.synthesis.networks.refiner import FUSIONS, RefineNet
from engines.synthesis.networks.registrar import DeepRegistrar, TinyRegistrar, jacobian_determinant, warp


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def image(seed: int = 0, side: int = 32, channels: int = 3) -> Tensor:
    return torch.rand((1, channels, side, side), generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_parameter_counts_are_those_of_the_specification() -> None:
    assert count(Generator(SIZES["large"])) == 60_789_059
    assert count(Generator(SIZES["light"])) == 7_760_163
    assert count(TinyRegistrar()) == 70_090
    assert count(DeepRegistrar()) == 2_059_170
    assert count(Generator(SIZES["small"])) == 482_067
    assert count(RefineNet("product", "input")) == 446_659
    assert count(RefineNet("product", "input", num_blocks=7)) == 520_515
    assert count(RefineNet("product", "input", num_blocks=8)) == 594_371
    assert count(RefineNet("concat", "g")) == 448_387
    assert count(RefineNet("concat_product", "g")) == 450_115


def test_discriminators_have_the_specified_sizes() -> None:
    assert count(Discriminator("patchgan", "none")) == 5_529_474
    assert count(Discriminator("patchgan", "residual")) == 5_529_474
    assert count(Discriminator("patchgan", "concat")) == 5_535_618
    assert count(Discriminator("resblock", "none", width=32)) == 14_680_900


@pytest.mark.slow
def test_large_residual_discriminators_have_the_specified_sizes() -> None:
    assert count(Discriminator("resblock", "none")) == 28_268_164
    assert count(Discriminator("resblock", "concat")) == 28_271_620
    assert count(Discriminator("resblock", "none", has_attention=False)) == 28_103_426


def test_patch_maps_have_the_specified_sides() -> None:
    maps = Discriminator("patchgan", "none", width=4)(image(side=256), image(1, side=256))
    assert [scale[-1].shape[-1] for scale in maps] == [35, 19]
    maps = Discriminator("resblock", "none", width=4)(image(side=64), image(1, side=64))
    assert [scale[-1].shape[-1] for scale in maps] == [4, 2]


def test_generator_begins_as_its_input_bit_by_bit() -> None:
    ncct = image()
    assert torch.equal(Generator(SIZES["tiny"])(ncct), ncct)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_refiner_begins_as_its_base_bit_by_bit(fusion: str) -> None:
    ncct, generated = image(), image(1)
    for base in ("g", "ncct") if fusion.startswith("concat") else ("g", "ncct", "input"):
        network = RefineNet(fusion, base, width=8, num_blocks=1)
        expected = {"g": generated, "ncct": ncct, "input": network.fused(ncct, generated)}[base]
        assert torch.equal(network(ncct, generated), expected + (expected.clamp(-1, 1) - expected))
        assert network(ncct, generated).abs().max() <= 1.0 + 1e-6


@pytest.mark.parametrize("network", [TinyRegistrar(), TinyRegistrar(has_attention=True), DeepRegistrar()])
def test_registrar_begins_as_identity(network: nn.Module) -> None:
    fake, real = image(side=48), image(1, side=48)
    flow = network(fake, real)
    assert flow.shape == (1, 2, 48, 48)
    assert flow.abs().max() < 1e-2


def test_warping_by_nothing_changes_nothing() -> None:
    shown = image(side=33)
    assert (warp(shown, torch.zeros(1, 2, 33, 33)) - shown).abs().max() < 1e-5


def test_displacement_is_in_pixels_rows_first() -> None:
    shown = image(side=24)
    flow = torch.zeros(1, 2, 24, 24)
    flow[:, 0], flow[:, 1] = 3.0, -2.0
    assert (warp(shown, flow)[:, :, :-3, 2:] - shown[:, :, 3:, :-2]).abs().max() < 1e-4


def test_jacobian_of_a_linear_field_is_exact_and_folds_are_negative() -> None:
    rows, columns = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    flow = torch.stack([0.1 * rows + 0.2 * columns, 0.3 * rows - 0.4 * columns])[None]
    expected = (1 + 0.1) * (1 - 0.4) - 0.2 * 0.3
    assert torch.allclose(jacobian_determinant(flow), torch.tensor(expected), atol=1e-5)
    assert (jacobian_determinant(torch.stack([-2 * rows, 0 * rows])[None]) < 0).all()


def test_norm_with_activation_equals_the_layers_of_torch_and_their_gradient() -> None:
    found, expected = image().double().requires_grad_(), image().double().requires_grad_()
    given = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    a = NormLeakyReLU()(found)
    b = functional.leaky_relu(functional.instance_norm(expected), 0.01)
    (a * given).sum().backward()
    (b * given).sum().backward()
    assert torch.allclose(a, b, atol=1e-12)
    assert found.grad is not None
    assert expected.grad is not None
    assert torch.allclose(found.grad, expected.grad, atol=1e-9)


def test_frozen_weights_pass_gradients_on_without_taking_any() -> None:
    network = Discriminator("patchgan", "none", width=4, num_scales=1)
    fake = image().requires_grad_()
    with frozen(network):
        scores = network(image(1), fake)[0][-1]
    scores.sum().backward()
    assert fake.grad is not None
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("kind", ["patchgan", "resblock"])
@pytest.mark.parametrize("condition", ["none", "concat", "residual"])
def test_every_parameter_of_a_discriminator_learns(kind: str, condition: str) -> None:
    network = Discriminator(kind, condition, width=8)
    sum(scale[-1].square().mean() for scale in network(image(side=64), image(1, side=64))).backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients.values())
