"""The noise of training: its schedule, and what follows from a prediction at some step.

Masks are in {-1, +1}. The schedule belongs to the weights; how many of its steps are taken when sampling is
free.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engines.segmentation.networks.architecture import NoiseScheduleKind, Prediction

_LARGEST_BETA = 0.999
_LARGEST_LOGIT = 12.0


class NoiseSchedule:
    """Share of signal at each step.

    Parameters
    ----------
    kind : "linear" or "cosine"
    num_steps : int
        At least 2.

    Attributes
    ----------
    signal_share : Tensor of float64, (T,)
        Product of ``1 - beta``; positive at every step, as beta stays below 1.
    """

    def __init__(self, kind: NoiseScheduleKind, num_steps: int) -> None:
        if num_steps < 2:
            raise ValueError(f"a schedule of {num_steps} steps")
        self.num_steps = num_steps
        if kind == "linear":
            scale = 1000 / num_steps
            betas = torch.linspace(scale * 1e-4, scale * 0.02, num_steps, dtype=torch.float64)
        else:
            at = torch.linspace(0, 1, num_steps + 1, dtype=torch.float64)
            curve = torch.cos((at + 0.008) / 1.008 * torch.pi / 2) ** 2
            betas = 1 - curve[1:] / curve[:-1]
        # With few steps the linear formula reaches 1, and no signal at all would be left: divisions by 0.
        self.signal_share = torch.cumprod(1 - betas.clamp(max=_LARGEST_BETA), 0)
        assert float(self.signal_share[-1]) > 0

    def rates(self, steps: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return the factors of signal and noise at steps (B,), shaped to multiply `like` (B, ...)."""
        share = self.signal_share.to(steps.device)[steps]
        shape = (-1, *[1] * (like.dim() - 1))
        return share.sqrt().to(like.dtype).view(shape), (1 - share).sqrt().to(like.dtype).view(shape)

    def noisy(self, clean: Tensor, noise: Tensor, steps: Tensor) -> Tensor:
        """Return what becomes of a clean mask at steps (B,)."""
        signal, rest = self.rates(steps, clean)
        return signal * clean + rest * noise

    def target(self, clean: Tensor, noise: Tensor, steps: Tensor, prediction: Prediction) -> Tensor:
        """Return what the network should say."""
        if prediction == "x0":
            return clean
        if prediction == "eps":
            return noise
        signal, rest = self.rates(steps, clean)
        return signal * noise - rest * clean

    def clean_from(self, output: Tensor, noisy: Tensor, steps: Tensor, prediction: Prediction) -> Tensor:
        """Return the clean mask that an output stands for, not clipped; `x0` outputs are clean already."""
        signal, rest = self.rates(steps, noisy)
        if prediction == "x0":
            return output
        if prediction == "eps":
            return (noisy - rest * output) / signal
        return signal * noisy - rest * output

    def noise_from(self, clean: Tensor, noisy: Tensor, steps: Tensor) -> Tensor:
        """Return the noise that lies in a noisy mask, given the clean one."""
        signal, rest = self.rates(steps, noisy)
        return (noisy - signal * clean) / rest


def logits_of(clean: Tensor) -> Tensor:
    """Return the logits whose ``2 sigmoid - 1`` is a mask in [-1, 1]; finite at the ends."""
    limit = torch.tanh(torch.tensor(_LARGEST_LOGIT / 2, dtype=clean.dtype, device=clean.device))
    return 2 * torch.atanh(clean.clamp(-limit, limit))


def clean_of(logits: Tensor) -> Tensor:
    """Return ``2 sigmoid - 1``, the mask in [-1, 1] that logits stand for."""
    return torch.tanh(logits / 2)
