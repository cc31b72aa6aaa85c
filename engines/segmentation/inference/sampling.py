"""Draw masks: DDIM, DPM-Solver++ of second order, and ancestral steps, over any number of the trained steps.

Every sample has a generator of its own, so a batch of samples is the same as each drawn alone. The network is
asked exactly once a step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from engines.segmentation.networks.noise import NoiseSchedule

Sampler = Literal["ddim", "dpm_solver", "ancestral"]
Denoise = Callable[[Tensor, Tensor], Tensor]
"""(x_t (B, C, H, W), steps (B,)) -> clean mask in [-1, 1]."""
Watch = Callable[[int, Tensor], None]
"""Told the number of a step, from 0, and the clean mask seen there; may raise to cancel."""


@dataclass(frozen=True)
class SamplerOptions:
    """How masks are drawn.

    Parameters
    ----------
    kind : "ddim", "dpm_solver" or "ancestral"
    num_steps : int
        Steps taken, at most those of the training.
    eta : float
        Noise of DDIM, 0 to 1.
    start_share : float
        1 starts from noise; less starts at this share of the schedule from a given mask with its noise.
    """

    kind: Sampler = "ddim"
    num_steps: int = 10
    eta: float = 0.0
    start_share: float = 1.0


def steps_of(schedule: NoiseSchedule, options: SamplerOptions) -> list[int]:
    """Return the training steps that are visited, from the noisiest; at most `num_steps` different ones."""
    last = max(0, round(options.start_share * (schedule.num_steps - 1)))
    count = min(options.num_steps, last + 1)
    found = (
        torch.linspace(last, 0, count, dtype=torch.float64).round().long().tolist() if count > 1 else [last]
    )
    return list(dict.fromkeys(found))


def noise_like(shape: Sequence[int], generators: Sequence[torch.Generator], device: torch.device) -> Tensor:
    """Return normal noise (B, C, H, W), each sample from its own generator."""
    return torch.stack([torch.randn(tuple(shape), generator=generator) for generator in generators]).to(
        device
    )


@torch.no_grad()
def draw_masks(
    denoise: Denoise,
    schedule: NoiseSchedule,
    options: SamplerOptions,
    shape: Sequence[int],
    generators: Sequence[torch.Generator],
    device: torch.device,
    *,
    start: Tensor | None = None,
    watch: Watch | None = None,
) -> Tensor:
    """Draw one mask for each generator.

    Parameters
    ----------
    denoise : function
    schedule : NoiseSchedule
    options : SamplerOptions
    shape : (C, H, W)
    generators : sequence of Generator
        On the processor, one for each sample.
    device : device
    start : Tensor or None
        Clean masks in [-1, 1], (B, C, H, W), needed when `start_share` is below 1.
    watch : function or None

    Returns
    -------
    Tensor
        Clean masks in [-1, 1], (B, C, H, W).
    """
    steps = steps_of(schedule, options)
    current = noise_like(shape, generators, device)
    if options.start_share < 1:
        assert start is not None
        current = schedule.noisy(start, current, _batch(steps[0], current))
    clean, before = current, None
    for number, step in enumerate(steps):
        at = _batch(step, current)
        clean = denoise(current, at)
        if watch is not None:
            watch(number, clean)
        if number == len(steps) - 1:
            break
        following = steps[number + 1]
        if options.kind == "ddim":
            current = _ddim(schedule, current, clean, at, following, options.eta, shape, generators)
        elif options.kind == "ancestral":
            current = _ddim(schedule, current, clean, at, following, 1.0, shape, generators)
        else:
            previous = steps[number - 1] if number else None
            current = _dpm_solver(schedule, current, clean, before, step, following, previous)
        before = clean
    return clean


def _batch(step: int, like: Tensor) -> Tensor:
    return torch.full((len(like),), step, dtype=torch.long, device=like.device)


def _ddim(
    schedule: NoiseSchedule,
    current: Tensor,
    clean: Tensor,
    at: Tensor,
    following: int,
    eta: float,
    shape: Sequence[int],
    generators: Sequence[torch.Generator],
) -> Tensor:
    """Go to the next step; with eta 1 it is the ancestral step of the shortened chain."""
    noise = schedule.noise_from(clean, current, at)
    share, next_share = schedule.signal_share[int(at[0])], schedule.signal_share[following]
    spread = eta * ((1 - next_share) / (1 - share) * (1 - share / next_share)).clamp(min=0).sqrt()
    kept = (1 - next_share - spread**2).clamp(min=0).sqrt()
    moved = float(next_share.sqrt()) * clean + float(kept) * noise
    if eta > 0:
        moved = moved + float(spread) * noise_like(shape, generators, current.device)
    return moved


def _dpm_solver(
    schedule: NoiseSchedule,
    current: Tensor,
    clean: Tensor,
    before: Tensor | None,
    step: int,
    following: int,
    previous: int | None,
) -> Tensor:
    """Go to the next step by DPM-Solver++(2M) for clean masks (Lu et al. 2022); the first is of order 1."""
    _, noise, half_log = _solver_rates(schedule, step)
    next_signal, next_noise, next_half_log = _solver_rates(schedule, following)
    width = next_half_log - half_log
    guess = clean
    if before is not None and previous is not None:
        ratio = (half_log - _solver_rates(schedule, previous)[2]) / width
        guess = (1 + 1 / (2 * ratio)) * clean - 1 / (2 * ratio) * before
    factor = -next_signal * float(torch.expm1(torch.tensor(-width, dtype=torch.float64)))
    return (next_noise / noise) * current + factor * guess


def _solver_rates(schedule: NoiseSchedule, step: int) -> tuple[float, float, float]:
    share = schedule.signal_share[step]
    signal, noise = float(share.sqrt()), float((1 - share).sqrt())
    return signal, noise, float((share / (1 - share)).log() / 2)
