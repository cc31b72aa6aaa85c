"""What losses say of known images, and that every phase moves what it should."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from engines.synthesis.config import TrainConfig
from engines.synthesis.losses import (
    auc,
    discriminator_loss,
    feature_matching,
    generator_gan_loss,
    r1_penalty,
    reconstruction,
    ssim,
    weighted_l1,
)
from engines.synthesis.model import Architecture, SynthesisNetwork
from engines.synthesis.networks.discriminator import Discriminator, fine_detail, frozen
from engines.synthesis.networks.registrar import TinyRegistrar, smoothness, warp
from engines.synthesis.training.objective import StepImages, StepPlan, step_losses
from engines.synthesis.training.scoring import detail_score

_SMALL = {"generator": "tiny", "ndf": 4, "refine_hidden": 8, "refine_blocks": 1}


def image(seed: int = 0, side: int = 32) -> Tensor:
    return torch.rand((1, 3, side, side), generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_ssim_of_an_image_with_itself_is_one_and_knows_its_range() -> None:
    smooth = nn.functional.avg_pool2d(image(side=64), 5, stride=1, padding=2)
    blurred = nn.functional.avg_pool2d(smooth, 3, stride=1, padding=1)
    assert ssim(smooth, smooth).item() == pytest.approx(1.0)
    two, one, wrong = (float(ssim(blurred, smooth, data_range)) for data_range in (2.0, 1.0, 255.0))
    assert one < two < wrong
    assert wrong > 0.999


def test_ssim_takes_images_smaller_than_its_window() -> None:
    assert torch.isfinite(ssim(image(side=8), image(1, side=8)))


def test_weights_do_not_change_the_scale_of_the_loss() -> None:
    a, b = image(), image(1)
    ones = torch.ones(1, 3, 32, 32)
    assert weighted_l1(a, b, 7 * ones).item() == pytest.approx(float((a - b).abs().mean()), rel=1e-5)
    half = ones.clone()
    half[..., 16:] = 3.0
    expected = ((a - b).abs()[..., :16].mean() + 3 * (a - b).abs()[..., 16:].mean()) / 4
    assert weighted_l1(a, b, half).item() == pytest.approx(expected.item(), rel=1e-5)


def test_equal_images_cost_nothing_at_any_number_of_scales() -> None:
    ones = torch.ones(1, 3, 32, 32)
    for count in (1, 2, 3):
        assert float(reconstruction(image(), image(), ones, count)) == pytest.approx(0.0, abs=1e-5)


def test_constants_of_a_discriminator_that_says_the_same_everywhere() -> None:
    half = [torch.full((1, 1, 5, 5), 0.5)] * 2
    zero = [torch.zeros(1, 1, 5, 5)] * 2
    assert float(discriminator_loss(half, half, "lsgan", 0.0)) == pytest.approx(0.25)
    assert float(generator_gan_loss(half, "lsgan")) == pytest.approx(0.25)
    assert float(discriminator_loss(zero, zero, "hinge", 0.0)) == pytest.approx(2.0)
    assert float(discriminator_loss(half, half, "hinge", 0.0)) == pytest.approx(2.0)
    smoothed = discriminator_loss([torch.full((1, 1, 2, 2), 0.9)], zero[:1], "lsgan", 0.1)
    assert float(smoothed) == pytest.approx(0.0, abs=1e-6)


def test_feature_matching_weighs_layers_and_leaves_scores_out() -> None:
    fake = [[torch.ones(1), torch.ones(1), torch.full((1,), 9.0)]]
    real = [[torch.zeros(1), torch.zeros(1), torch.zeros(1)]]
    assert float(feature_matching(fake, real)) == pytest.approx(4.0)


def test_auc_counts_patches_in_the_right_order() -> None:
    a, b = torch.arange(10.0), torch.arange(10.0)
    assert auc([a + 100], [b]) == 1.0
    assert auc([a - 100], [b]) == 0.0
    assert auc([a], [b]) == pytest.approx(0.5)


def _r1(reduction: str, side: int, seed: int = 0) -> float:
    real = image(side=side)[:, :1].requires_grad_()
    scores = [3.0 * nn.functional.avg_pool2d(real, 4)]
    return float(r1_penalty(scores, real, reduction, torch.Generator().manual_seed(seed)).detach())


def test_reductions_of_r1_differ_by_the_square_of_the_patches() -> None:
    patches = (32 // 4) ** 2
    assert _r1("sum", 32) / _r1("mean", 32) == pytest.approx(patches**2, rel=1e-4)


def test_r1_on_single_logits_does_not_depend_on_the_size_of_the_map() -> None:
    # One patch has gradient 3/16 at 16 pixels each, whatever the number of patches.
    for side in (16, 32, 64):
        assert _r1("per_logit", side) == pytest.approx(16 * (3.0 / 16) ** 2, rel=1e-4)


def test_r1_needs_no_gradient_of_the_ncct_and_reaches_the_weights() -> None:
    network = Discriminator("patchgan", "concat", width=4, num_scales=1)
    real = image(1).requires_grad_()
    scores = [maps[-1] for maps in network(image(), real)]
    r1_penalty(scores, real, "per_logit", torch.Generator().manual_seed(0)).backward()
    first = next(network.parameters())
    assert first.grad is not None or any(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize(
    ("phase", "settings", "moving"),
    [
        ("g", {}, {"generator"}),
        ("g_r", {}, {"generator", "registrar"}),
        ("g_d", {"disc_type": "resblock"}, {"generator", "discriminator"}),
        ("g_d", {"with_registrar": True, "registrar": "deep"}, {"generator", "discriminator", "registrar"}),
        ("g_d", {"d_cond_mode": "concat", "gan_loss_type": "lsgan"}, {"generator", "discriminator"}),
        ("g2", {}, {"refiner"}),
        ("g2_d", {"fusion": "gate", "residual_base": "g"}, {"refiner", "discriminator"}),
        ("g2", {"freeze_g": False, "fusion": "concat", "residual_base": "g"}, {"refiner", "generator"}),
    ],
)
def test_one_step_reaches_every_parameter_that_learns(phase: str, settings: dict, moving: set[str]) -> None:
    config = TrainConfig.from_values({**_SMALL, **settings})
    torch.manual_seed(0)
    network = SynthesisNetwork(Architecture.of(config, phase))
    if network.refiner is not None and config.freeze_g:
        network.generator.requires_grad_(False)
    ones = torch.ones(1, 3, 32, 32)
    images = StepImages(image(), image(1), ones * 0, ones * 0)
    plan = StepPlan(lung_weight=3.0, has_r1=True, measures=True, has_shares=True)
    losses, reports = step_losses(network, images, plan, config)
    losses["total"].backward()
    assert all(math.isfinite(float(value.detach())) for value in {**losses, **reports}.values())
    shares = [float(value) for name, value in reports.items() if name.startswith("value_share_")]
    assert sum(shares) == pytest.approx(1.0, abs=1e-4)
    assert ("w_r1" in reports) == (network.discriminator is not None)
    for part in ("generator", "registrar", "discriminator", "refiner"):
        module = getattr(network, part)
        if module is None:
            assert part not in moving
            continue
        reached = [p.grad is not None for p in module.parameters()]
        assert any(reached) == (part in moving), part
        assert all(reached) == (part in moving) or part == "refiner"


def test_one_pass_of_the_discriminator_pulls_as_two_would() -> None:
    config = TrainConfig.from_values({**_SMALL, "r1_gamma": 0.0})
    torch.manual_seed(0)
    network = SynthesisNetwork(Architecture.of(config, "g_d"))
    discriminator = network.discriminator
    assert discriminator is not None
    # In training every pass moves the spectral norm on; the same weights are compared here.
    discriminator.eval()
    nn.init.normal_(network.generator.last.weight, std=0.1)
    ones = torch.ones(1, 3, 32, 32)
    losses, _ = step_losses(network, StepImages(image(), image(1), ones, ones * 0), StepPlan(), config)
    losses["total"].backward()
    found = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
    network.zero_grad()
    output = network.generator(image())
    real, judged = discriminator(image(), image(1)), discriminator(image(), output.detach())
    scores = [[maps[-1] for maps in side] for side in (real, judged)]
    discriminator_loss(scores[0], scores[1], "hinge", 0.0).backward()
    with frozen(discriminator):
        maps = discriminator(image(), output)
        paid = generator_gan_loss([scale[-1] for scale in maps], "hinge") + feature_matching(maps, real)
    (paid + reconstruction(output, image(1), ones)).backward()
    for name, parameter in network.named_parameters():
        # What a norm takes away again is left out: its gradient is noise around 0.
        if parameter.grad is not None and parameter.grad.abs().max() > 1e-6:
            assert torch.allclose(found[name], parameter.grad, rtol=1e-3, atol=1e-6), name


def test_preheating_teaches_the_discriminator_alone() -> None:
    config = TrainConfig.from_values(_SMALL)
    network = SynthesisNetwork(Architecture.of(config, "g_d"))
    ones = torch.ones(1, 3, 32, 32)
    images = StepImages(image(), image(1), ones, ones * 0)
    losses, _ = step_losses(network, images, StepPlan(preheats=True), config)
    losses["total"].backward()
    assert all(parameter.grad is None for parameter in network.generator.parameters())
    assert network.discriminator is not None
    assert any(parameter.grad is not None for parameter in network.discriminator.parameters())


def test_fine_detail_has_noise_amplified_and_no_levels() -> None:
    ramp = torch.linspace(-1, 1, 32).expand(1, 3, 32, 32)
    assert fine_detail(ramp).abs().max() < 1e-4
    noise = 0.02 * image()
    assert torch.allclose(fine_detail(ramp + noise), fine_detail(noise), atol=1e-4)
    assert fine_detail(noise).std() > 4 * noise.std()
    assert fine_detail(100 * image()).abs().max() < 1


@pytest.mark.parametrize("phase", ["g_d", "g2_d"])
def test_the_adversarial_loss_gets_the_share_of_the_pull_that_it_was_given(phase: str) -> None:
    settings = {"gan_share": 0.4, "feat_match_weight": 0.0, "d_high_pass": True, "vessel_weight": 0.0}
    config = TrainConfig.from_values({**_SMALL, **settings})
    network = SynthesisNetwork(Architecture.of(config, phase))
    ones = torch.ones(1, 3, 32, 32)
    plan = StepPlan(has_shares=True)
    _, reports = step_losses(network, StepImages(image(), image(1), ones, ones * 0), plan, config)
    assert float(reports["grad_share_gan"]) == pytest.approx(0.4, rel=1e-3)
    assert float(reports["w_gan"]) == pytest.approx(float(reports["gan_weight"] * reports["gan_g"]), rel=1e-4)


def test_fine_detail_selects_only_among_checkpoints_that_keep_the_vessels() -> None:
    near, nearer = ({"hf_ratio": ratio, "vessel_mae_hu": 31.0} for ratio in (0.8, 1.1))
    worse = {"hf_ratio": 1.0, "vessel_mae_hu": 32.0}
    scores = [detail_score(values, 30.0) for values in (nearer, near, worse)]
    assert all(score is not None for score in scores)
    assert scores == sorted(scores)  # type: ignore[type-var]
    assert detail_score({"hf_ratio": None, "vessel_mae_hu": 31.0}, 30.0) is None
    assert detail_score({"hf_ratio": 0.9, "vessel_mae_hu": None}, None) == pytest.approx(0.1)


@pytest.mark.slow
def test_registration_recovers_a_shift_of_three_pixels_with_its_sign() -> None:
    torch.manual_seed(0)
    side = 32
    network = TinyRegistrar()
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    flow = torch.zeros(1, 2, side, side)
    for step in range(250):
        base = nn.functional.avg_pool2d(image(step, side=side + 8), 5, stride=1, padding=2)
        base = 4.0 * base[:, :, 4:-4, 4:-4]
        moved = torch.roll(base, 3, dims=2)
        # What lies at row y in `moved` lies at y - 3 in `base`.
        flow = network(base, moved)
        inner = (slice(None), slice(None), slice(6, -6), slice(6, -6))
        loss = (warp(base, flow) - moved)[inner].abs().mean() + 0.05 * smoothness(flow)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = flow[0, :, 8:-8, 8:-8].mean(dim=(1, 2))
    assert found[0].item() == pytest.approx(-3.0, abs=0.8)
    assert found[1].item() == pytest.approx(0.0, abs=0.8)
