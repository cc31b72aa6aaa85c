"""From the network's maps to sub-pixel keypoints with descriptors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engines.registration.inference.matching import Keypoints
from engines.registration.model import sample_descriptors
from engines.registration.training.torch_geometry import largest_within


@torch.no_grad()
def extract_keypoints(
    logits: Tensor,
    descriptors: Tensor,
    field: npt.NDArray[np.bool_],
    *,
    nms_radius_px: int,
    threshold: float,
    max_keypoints: int,
    border_px: int = 4,
) -> Keypoints:
    """Take local maxima of one image's detector inside the field of view, strongest first.

    Parameters
    ----------
    logits : Tensor, (1, H, W)
    descriptors : Tensor, (D, H / 8, W / 8)
    field : ndarray of bool, (H, W)
    nms_radius_px : int
        No two keypoints are nearer than this in both x and y.
    threshold : float
        Least probability.
    max_keypoints : int
    border_px : int
        Margin at the canvas without keypoints.
    """
    score = torch.sigmoid(logits.float())[0]
    inner = torch.zeros_like(score, dtype=torch.bool)
    inner[border_px:-border_px, border_px:-border_px] = True
    inner &= torch.from_numpy(field).to(score.device)
    largest = largest_within(score[None], nms_radius_px)[0]
    rows, columns = torch.nonzero((score == largest) & inner & (score >= threshold), as_tuple=True)
    values = score[rows, columns]
    # A stable order makes equal scores come out the same every time.
    order = torch.argsort(values, descending=True, stable=True)[:max_keypoints]
    rows, columns, values = rows[order], columns[order], values[order]
    points_xy = torch.stack([columns, rows], dim=1).float() + _peak_offset(score, rows, columns)
    found = sample_descriptors(descriptors, points_xy)
    return Keypoints(
        points_xy.double().cpu().numpy(), values.cpu().numpy(), found.cpu().numpy().astype(np.float32)
    )


def _peak_offset(score: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return where a parabola through the neighbours of each maximum peaks, within half a pixel, (N, 2)."""
    middle = score[rows, columns]

    def offset(before: Tensor, after: Tensor) -> Tensor:
        curvature = before + after - 2 * middle
        shift = 0.5 * (before - after) / curvature.clamp(max=-1e-6)
        return shift.clamp(-0.5, 0.5)

    return torch.stack(
        [
            offset(score[rows, columns - 1], score[rows, columns + 1]),
            offset(score[rows - 1, columns], score[rows + 1, columns]),
        ],
        dim=1,
    )
