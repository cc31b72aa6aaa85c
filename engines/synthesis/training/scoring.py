"""Validation on slices: the loss that selects a checkpoint, HU errors, D and R as they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.synthesis.data import SynthesisCase
from engines.synthesis.evaluation.metrics import high_frequency_ratio
from engines.synthesis.inference.full_slices import make_slices
from engines.synthesis.losses import auc, ssim
from engines.synthesis.model import SynthesisNetwork
from engines.synthesis.networks.discriminator import scores_of
from engines.synthesis.networks.registrar import jacobian_determinant, warp
from engines.synthesis.volumes.windows import FloatVoxels, HuWindow

VALIDATION_KEYS = (
    "val_loss",
    "val_loss_at_start",
    "l1_vs_cta",
    "l1_ncct_vs_cta",
    "val_ssim",
    "residual_mag",
    "residual_ratio",
    "mae_hu",
    "vessel_mae_hu",
    "identity_vessel_mae_hu",
    "hf_ratio",
)
_CENTRE = slice(1, 2)
_WORST_VESSELS = 1.05
"""How much the error in vessels may grow while fine detail selects the checkpoint."""
_TOO_FAR = 10.0


def detail_score(values: Mapping[str, float | None], vessels_at_start: float | None) -> float | None:
    """Return how far fine detail is from the real one, lower is better; None where it is not known.

    With an error in vessels more than 5 % above the one at the start it is worse than any without.
    """
    ratio, vessels = values["hf_ratio"], values["vessel_mae_hu"]
    if ratio is None:
        return None
    score = abs(1.0 - ratio)
    if vessels is not None and vessels_at_start is not None:
        excess = vessels / vessels_at_start - _WORST_VESSELS
        score += _TOO_FAR + excess if excess > 0 else 0.0
    return score


def spread_slices(cases: Sequence[SynthesisCase], count: int) -> list[tuple[SynthesisCase, int]]:
    """Return `count` slices at even distances over all cases, those with vessels first."""
    found = []
    for case in cases:
        wanted = [k for k in range(case.num_slices) if case.vessel[:, :, k].any()]
        found += [(case, k) for k in wanted or range(case.num_slices)]
    if len(found) <= count:
        return found
    return [found[round(place)] for place in np.linspace(0, len(found) - 1, count)]


class SliceScorer:
    """Scores fixed slices, one by one.

    Parameters
    ----------
    samples : sequence of dict
        Whole stacks: ``ncct``, ``cta``, ``lung``, ``vessel`` (3, H, W), ``body`` (H, W), ``item``, ``slice``.
    window : HuWindow
    tile_px : int
        Side of the crops trained on; 0 for whole slices.
    """

    def __init__(self, samples: Sequence[dict[str, Any]], window: HuWindow, tile_px: int = 0) -> None:
        self.samples = list(samples)
        self._tile_px = tile_px
        self._window = window
        self.loss_at_start: float | None = None
        self.vessels_at_start: float | None = None

    def planes(
        self, network: SynthesisNetwork, sample: dict[str, Any], device: torch.device
    ) -> tuple[FloatVoxels, FloatVoxels, FloatVoxels, FloatVoxels]:
        """Return NCCT, G's image, the final one and the real CTA of a slice, in HU."""
        generated, final = self._images(network, sample["ncct"][None].to(device))
        shown = (sample["ncct"], generated[0], final[0], sample["cta"])
        ncct, generated_hu, final_hu, real = (
            self._window.hu(part[1].float().cpu().numpy()) for part in shown
        )
        return ncct, generated_hu, final_hu, real

    def _images(self, network: SynthesisNetwork, ncct: Tensor) -> tuple[Tensor, Tensor]:
        return make_slices(network, ncct, self._tile_px)

    @torch.no_grad()
    def separation(self, network: SynthesisNetwork, device: torch.device) -> float | None:
        """Return the chance that D scores a real patch above a generated one; None without D."""
        if network.discriminator is None:
            return None
        real: list[Tensor] = []
        fake: list[Tensor] = []
        for sample in self.samples:
            ncct, cta = (sample[name][None].to(device) for name in ("ncct", "cta"))
            real += scores_of(network.discriminator(ncct, cta))
            fake += scores_of(network.discriminator(ncct, self._images(network, ncct)[1]))
        return auc(real, fake, most=20_000)

    def score(
        self, network: SynthesisNetwork, device: torch.device, gan_loss_type: str
    ) -> dict[str, float | None]:
        """Return means over the slices; a value that no slice has is None."""
        values: dict[str, list[float | None]] = {}
        real_scores: list[Tensor] = []
        fake_scores: list[Tensor] = []
        for sample in self.samples:
            ncct, cta = (sample[name][None].to(device) for name in ("ncct", "cta"))
            _, final = self._images(network, ncct)
            found = self._of_images(ncct, final.float(), cta, sample)
            if network.registrar is not None:
                found |= _of_registrar(network.registrar, final.float(), cta)
            if network.discriminator is not None:
                real_scores += scores_of(network.discriminator(ncct, cta))
                fake_scores += scores_of(network.discriminator(ncct, final))
            for key, value in found.items():
                values.setdefault(key, []).append(value)
        means: dict[str, float | None] = {}
        for key, found_values in values.items():
            known = [value for value in found_values if value is not None]
            means[key] = float(np.mean(known)) if known else None
        real_change = means.pop("target_mag")
        change = means["residual_mag"]
        means["residual_ratio"] = change / real_change if change is not None and real_change else None
        means["detail_score"] = detail_score(means, self.vessels_at_start)
        if real_scores:
            means["val_d_auc"] = auc(real_scores, fake_scores, most=20_000)
        return means

    def _of_images(
        self, ncct: Tensor, final: Tensor, cta: Tensor, sample: dict[str, Any]
    ) -> dict[str, float | None]:
        l1 = float((final - cta).abs().mean())
        similarity = float(ssim(final[:, _CENTRE], cta[:, _CENTRE]))
        body = sample["body"]
        vessel = sample["vessel"][1].numpy() > 0
        plain, made, real = (self._window.hu(part[0, 1].cpu().numpy()) for part in (ncct, final, cta))
        error, before = np.abs(made - real), np.abs(plain - real)
        return {
            "val_loss": l1 + 1.0 - float(ssim(final, cta)),
            "l1_vs_cta": l1,
            "l1_ncct_vs_cta": float((ncct - cta).abs().mean()),
            "val_ssim": similarity,
            "residual_mag": float((final - ncct).abs().mean()),
            "target_mag": float((cta - ncct).abs().mean()),
            "mae_hu": float(error[body].mean()) if body.any() else None,
            "vessel_mae_hu": float(error[vessel].mean()) if vessel.any() else None,
            "identity_vessel_mae_hu": float(before[vessel].mean()) if vessel.any() else None,
            "hf_ratio": high_frequency_ratio(made, real, body),
        }


def _of_registrar(registrar: torch.nn.Module, final: Tensor, cta: Tensor) -> dict[str, float | None]:
    # The deepest R needs no padding: its levels grow back to the size of their skip.
    flow = registrar(final, cta).float()
    length = flow.square().sum(dim=1).sqrt()
    unmoved = float((final - cta).abs().mean())
    moved = float((warp(final, flow) - cta).abs().mean())
    return {
        "l1_warped": moved,
        "registrar_gain": 1.0 - moved / unmoved if unmoved > 0 else None,
        "mean_shift_px": float(length.mean()),
        "p99_shift_px": float(torch.quantile(length.flatten()[:1_000_000], 0.99)),
        "folded_share": float((jacobian_determinant(flow) <= 0).float().mean()),
    }
