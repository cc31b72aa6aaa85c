"""A new case: the networks stay as they are, and a latent is fitted to its label."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engines.refinement.data import RefinementCase
from engines.refinement.losses import latent_penalty, weighted_dice, weighted_focal
from engines.refinement.model import FeatureGrids, RefinementField
from engines.refinement.training.sampling import counts_of, draw, strata_of

_POINTS = 4096
_RATE = 5e-3
_PENALTY = 1e-3
_BAND_SHARE = 0.5
_GAMMA = 2.0


def fit_latent(
    field: RefinementField,
    channels: Tensor | None,
    case: RefinementCase,
    num_steps: int,
    seed: int,
    device: torch.device,
) -> Tensor:
    """Return the latent of a case that the field was not trained on; the same for the same seed.

    It begins at the mean latent, which is the result of 0 steps.
    """
    latent = field.mean_latent().detach().clone()
    if not num_steps:
        return latent
    strata = strata_of(case.occupancy)
    counts = counts_of(strata, _POINTS, _BAND_SHARE)
    generator = np.random.default_rng(seed)
    with torch.no_grad():
        fixed = field.feature_grids(None, channels, latent)
    with torch.enable_grad():
        latent.requires_grad_(True)
        optimiser = torch.optim.Adam([latent], lr=_RATE)
        num_trunk = len(field.trunk.sides)
        for _ in range(num_steps):
            drawn = draw(strata, counts, generator)
            points = torch.from_numpy(drawn.points_ijk.astype(np.float32)).to(device)
            target = torch.from_numpy(case.occupancy[tuple(drawn.points_ijk.T)]).to(device)
            weight = torch.from_numpy(drawn.weights).to(device)
            # Only the trunk depends on the latent: the image is encoded once.
            grids = FeatureGrids([*field.trunk(latent), *fixed.over_box[num_trunk:]], fixed.strided)
            logit = field.at(grids, points, case.lattice.shape)
            loss = 1.0 - weighted_dice(torch.sigmoid(logit), target, weight)
            loss = loss + weighted_focal(logit, target, weight, _GAMMA) + _PENALTY * latent_penalty(latent)
            (gradient,) = torch.autograd.grad(loss, [latent])
            optimiser.zero_grad()
            latent.grad = gradient
            optimiser.step()
    return latent.detach()
