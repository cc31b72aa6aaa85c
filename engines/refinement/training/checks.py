"""What a training measures about itself, so that known mistakes show as numbers."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from engines.refinement.fields.lattice_inference import Query
from engines.refinement.lattice import FloatGrid
from engines.refinement.training.sampling import INSIDE, NEAR, Draw

_NUM_COMPARED = 64
_NUM_COMPANIONS = 4096
_SEED = 5


def sampler_facts(drawn: Draw, occupancy: FloatGrid, band_points: float) -> dict[str, float | None]:
    """Return how well drawn points lie where they should, by the array itself.

    Returns
    -------
    dict
        ``band_inside_share``: share of the band's points that lie in the label;
        ``band_far_share``: share of the band's points farther from the label than the band is wide;
        ``positive_share``: share of all points in the label.
    """
    at = tuple(drawn.points_ijk.T)
    label = occupancy >= 0.5
    distance = ndimage.distance_transform_edt(~label)[at]
    is_band = (drawn.strata == INSIDE) | (drawn.strata == NEAR)
    if not is_band.any():
        return {"band_inside_share": None, "band_far_share": None, "positive_share": float(label[at].mean())}
    return {
        "band_inside_share": float(label[at][is_band].mean()),
        "band_far_share": float((distance[is_band] > band_points + 1e-6).mean()),
        "positive_share": float(label[at].mean()),
    }


@torch.no_grad()
def point_independence(query: Query, shape: tuple[int, ...], device: torch.device) -> float:
    """Return the largest change of a point's logit when other points are asked along with it."""
    generator = np.random.default_rng(_SEED)
    last = np.array(shape) - 1.0
    points = torch.from_numpy((generator.random((_NUM_COMPARED, 3)) * last).astype(np.float32)).to(device)
    others = torch.from_numpy((generator.random((_NUM_COMPANIONS, 3)) * last).astype(np.float32)).to(device)
    together = query(torch.cat([points, others]))[:_NUM_COMPARED]
    alone = torch.cat([query(point[None]) for point in points])
    return float((together - alone).abs().max())
