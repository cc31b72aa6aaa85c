"""One training step of every phase: which images are made, what is paid for them, what is measured.

G, R, D and G2 learn in one step from one backward pass. D judges the generated image once, detached: the loss
of D reaches D only, and what the generator pays reaches its image only, so that neither teaches the other's
weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engines.synthesis.config import TrainConfig
from engines.synthesis.losses import (
    auc,
    discriminator_loss,
    feature_matching,
    generator_gan_loss,
    lung_weights,
    r1_penalty,
    reconstruction,
    weighted_l1,
)
from engines.synthesis.model import SynthesisNetwork
from engines.synthesis.networks.discriminator import Discriminator, frozen, scores_of
from engines.synthesis.networks.registrar import jacobian_determinant, smoothness, warp

_CLAMPED = 0.9999
_LARGEST_GAN_WEIGHT = 1e4
_IMAGE_LOSSES = ("recon", "vessel", "perceptual")
_SHARED = ("recon", "gan", "fm")
"""Losses that are compared with one another, by value and by their pull at the image."""
_WEIGHED = (*_SHARED, "r1")


@dataclass(frozen=True)
class StepPlan:
    """What one step does.

    Parameters
    ----------
    lung_weight : float
    preheats : bool
        D learns alone.
    detaches_r : bool
        R does not pull at G through its input.
    has_r1 : bool
        The gradient penalty is due.
    measures : bool
        Costly measurements are due.
    has_shares : bool
        So are the costliest: how much of the pull at the image each loss has.
    sign_seed : int
        Seeds the signs of the penalty.
    """

    lung_weight: float = 1.0
    preheats: bool = False
    detaches_r: bool = False
    has_r1: bool = False
    measures: bool = False
    has_shares: bool = False
    sign_seed: int = 0


@dataclass(frozen=True)
class StepImages:
    """Slices of a batch, (B, 3, H, W); masks as 0 and 1, (B, 3, H, W)."""

    ncct: Tensor
    cta: Tensor
    lung: Tensor
    vessel: Tensor


def step_losses(
    network: SynthesisNetwork, images: StepImages, plan: StepPlan, config: TrainConfig
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the losses, ``total`` among them, and values to report under their own names."""
    output = _made(network, images.ncct, config, plan)
    reports: dict[str, Tensor] = {
        "residual_mag": (output - images.ncct).abs().mean(),
        "l1_vs_cta": (output - images.cta).abs().mean(),
        "clamped_share": (output.abs() >= _CLAMPED).float().mean(),
    }
    parts: dict[str, Tensor] = {}
    aligned = output
    if not plan.preheats:
        aligned = _registered(network, images, output, plan, config, parts, reports)
        _reconstruction(network, images, aligned, plan, config, parts)
    if network.discriminator is not None:
        _adversarial(network.discriminator, images, output, aligned, plan, config, parts, reports)
    total = torch.stack([value.float() for value in parts.values()]).sum()
    if plan.has_shares and output.requires_grad and not plan.preheats:
        reports |= _gradient_shares(parts, output)
    reports |= {f"w_{name}": parts[name] for name in _WEIGHED if name in parts}
    reports |= _value_shares(parts)
    return {"total": total}, {name: value.detach() for name, value in reports.items()}


def _made(network: SynthesisNetwork, ncct: Tensor, config: TrainConfig, plan: StepPlan) -> Tensor:
    g_is_still = plan.preheats or (network.refiner is not None and config.freeze_g)
    with torch.set_grad_enabled(not g_is_still):
        generated: Tensor = network.generator(ncct)
    if network.refiner is None:
        return generated
    with torch.set_grad_enabled(not plan.preheats):
        refined: Tensor = network.refiner(ncct, generated)
        return refined


def _registered(
    network: SynthesisNetwork,
    images: StepImages,
    output: Tensor,
    plan: StepPlan,
    config: TrainConfig,
    parts: dict[str, Tensor],
    reports: dict[str, Tensor],
) -> Tensor:
    if network.registrar is None:
        return output
    flow = network.registrar(output.detach() if plan.detaches_r else output, images.cta).float()
    parts["smooth"] = config.smoothness_weight * smoothness(flow)
    reports["smoothness"] = parts["smooth"]
    reports["mean_shift_px"] = flow.detach().square().sum(dim=1).sqrt().mean()
    reports["folded_share"] = (jacobian_determinant(flow.detach()) <= 0).float().mean()
    return warp(output, flow)


def _reconstruction(
    network: SynthesisNetwork,
    images: StepImages,
    aligned: Tensor,
    plan: StepPlan,
    config: TrainConfig,
    parts: dict[str, Tensor],
) -> None:
    weights = lung_weights(images.lung, plan.lung_weight)
    # In 32 bit: SSIM subtracts large numbers that are nearly the same.
    with torch.autocast(aligned.device.type, enabled=False):
        parts["recon"] = reconstruction(aligned.float(), images.cta, weights, config.num_loss_scales)
        if config.vessel_weight and images.vessel.any():
            parts["vessel"] = config.vessel_weight * weighted_l1(aligned.float(), images.cta, images.vessel)
    if network.features is not None:
        chosen = slice(1, 2)
        difference = network.features.difference(aligned[:, chosen], images.cta[:, chosen])
        parts["perceptual"] = config.perceptual_weight * difference


def _adversarial(
    discriminator: Discriminator,
    images: StepImages,
    output: Tensor,
    aligned: Tensor,
    plan: StepPlan,
    config: TrainConfig,
    parts: dict[str, Tensor],
    reports: dict[str, Tensor],
) -> None:
    ncct, cta = images.ncct, images.cta
    real_maps = discriminator(ncct, cta)
    # One pass over the generated image serves both sides: D's loss does not reach the generator from here,
    # and what the generator pays is handed to its image by `_Pulled`.
    judged = output.detach().requires_grad_(not plan.preheats)
    fake_maps = discriminator(ncct, judged)
    real, fake = scores_of(real_maps), scores_of(fake_maps)
    d_loss = discriminator_loss(real, fake, config.gan_loss_type, config.label_smoothing)
    parts["d"] = d_loss
    reports |= {"d_loss": d_loss, "D_real": _mean(real), "D_fake": _mean(fake)}
    reports |= {"d_real_std": _spread(real), "d_fake_std": _spread(fake)}
    if plan.measures:
        reports["d_auc"] = torch.tensor(auc(real, fake))
    if plan.has_r1:
        _gradient_penalty(discriminator, images, d_loss, plan, config, parts, reports)
    if plan.preheats:
        return
    gan = generator_gan_loss(fake, config.gan_loss_type)
    pulling = _pulled(gan, judged, output)
    weight = _gan_weight(pulling, parts, output, config)
    parts["gan"] = weight * pulling
    reports |= {"gan_g": gan, "gan_weight": weight}
    if not config.feat_match_weight:
        return
    if aligned is output:
        parts["fm"] = config.feat_match_weight * _pulled(
            feature_matching(fake_maps, real_maps), judged, output
        )
    else:
        # Features are compared where R has put the image; D judges it unmoved.
        with frozen(discriminator):
            moved = discriminator(ncct, aligned)
        parts["fm"] = config.feat_match_weight * feature_matching(moved, real_maps)


class _Pulled(torch.autograd.Function):
    """A loss whose gradient at an image is known already."""

    @staticmethod
    def forward(context: Any, loss: Tensor, gradient: Tensor, image: Tensor) -> Tensor:
        context.save_for_backward(gradient)
        return loss.clone()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[None, None, Tensor]:
        return None, None, gradients[0] * context.saved_tensors[0]


def _pulled(loss: Tensor, judged: Tensor, image: Tensor) -> Tensor:
    """Return `loss`, which was made from a detached copy of `image`, as one that pulls at `image` only."""
    (gradient,) = torch.autograd.grad(loss, judged, retain_graph=True)
    result: Tensor = _Pulled.apply(loss.detach(), gradient, image)  # type: ignore[no-untyped-call]
    return result


def _gan_weight(pulling: Tensor, parts: dict[str, Tensor], output: Tensor, config: TrainConfig) -> Tensor:
    """Return the weight of the adversarial loss: as set, or what gives it its share of the pull."""
    if not config.gan_share or not output.requires_grad:
        return torch.tensor(config.gan_weight)
    others = torch.stack([parts[name] for name in _IMAGE_LOSSES if name in parts]).sum()
    (pull,) = torch.autograd.grad(others, output, retain_graph=True)
    (own,) = torch.autograd.grad(pulling, output, retain_graph=True)
    share = config.gan_share / (1.0 - config.gan_share)
    return (share * pull.norm() / own.norm().clamp_min(1e-12)).clamp_max(_LARGEST_GAN_WEIGHT)


def _gradient_penalty(
    discriminator: Discriminator,
    images: StepImages,
    d_loss: Tensor,
    plan: StepPlan,
    config: TrainConfig,
    parts: dict[str, Tensor],
    reports: dict[str, Tensor],
) -> None:
    signs = torch.Generator().manual_seed(plan.sign_seed)
    with torch.autocast(images.cta.device.type, enabled=False):
        real = images.cta.detach().float().requires_grad_()
        scores = scores_of(discriminator(images.ncct.float(), real))
        penalty = r1_penalty(scores, real, config.r1_reduction, signs)
    weighted = 0.5 * config.r1_gamma * config.r1_interval * penalty
    parts["r1"] = weighted
    reports["r1"] = penalty
    reports["r1_share"] = weighted.detach() / d_loss.detach().abs().clamp_min(1e-6)


def _mean(scores: list[Tensor]) -> Tensor:
    return torch.stack([part.detach().mean() for part in scores]).mean()


def _spread(scores: list[Tensor]) -> Tensor:
    """Return the standard deviation over positions, averaged over scales."""
    return torch.stack([part.detach().std(correction=0) for part in scores]).mean()


def _value_shares(parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the share of each loss by its size: hinge losses of G are negative at times."""
    sizes = {name: parts[name].detach().abs() for name in _SHARED if name in parts}
    total = sum(sizes.values(), torch.zeros(())) + 1e-12
    return {f"value_share_{name}": size / total for name, size in sizes.items()}


def _gradient_shares(parts: dict[str, Tensor], output: Tensor) -> dict[str, Tensor]:
    """Return how much of the pull at the image comes from each part, and whether two parts are opposed."""
    pulls = {}
    for name in _SHARED:
        if name in parts:
            (pulls[name],) = torch.autograd.grad(parts[name], output, retain_graph=True, allow_unused=True)
    norms = {name: pull.norm() for name, pull in pulls.items() if pull is not None}
    total = sum(norms.values(), torch.zeros(())) + 1e-12
    found = {f"grad_share_{name}": norm / total for name, norm in norms.items()}
    if "gan" in norms and "recon" in norms:
        product = (pulls["recon"] * pulls["gan"]).sum()
        found["recon_gan_cosine"] = product / (norms["recon"] * norms["gan"] + 1e-12)
    return found
