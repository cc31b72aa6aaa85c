"""Ask a field for a whole lattice: everywhere, or only where there can be vessel.

The sparse way asks (1) around the label, (2) where a coarse sweep of the whole lattice finds vessel, and
(3) onwards wherever the answer touches the edge of what was asked. It equals the dense way unless vessel
lies off the label, is smaller than the sweep's cells, and hangs together with nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from engines.imaging.volumes.label_metrics import Mask, bounding_box
from engines.refinement.lattice import FloatGrid
from engines.refinement.model import FeatureGrids, RefinementField

Query = Callable[[Tensor], Tensor]
"""Logits, (P,), of points (P, 3) in lattice units."""
CHUNK = 2**16
_SWEEP_STEP = 4
_GROWTH = 2
_MOST_GROWTH_ROUNDS = 200


@dataclass(frozen=True)
class FieldValues:
    """A field on a lattice.

    Parameters
    ----------
    probability : ndarray of float32, (I, J, K)
        0 where it was not asked.
    num_queries : int
        Points asked.
    """

    probability: FloatGrid
    num_queries: int


def query_of(field: RefinementField, grids: FeatureGrids, shape: tuple[int, ...]) -> Query:
    """Return the field of a case as a function of points."""
    return lambda points: field.at(grids, points, shape)


@torch.no_grad()
def dense(query: Query, shape: tuple[int, ...], device: torch.device) -> FieldValues:
    """Ask for every point of a lattice."""
    everywhere = np.ones(shape, dtype=bool)
    probability = np.zeros(shape, dtype=np.float32)
    return FieldValues(probability, _ask(query, everywhere, probability, device))


@torch.no_grad()
def sparse(query: Query, label: Mask, reach: float, threshold: float, device: torch.device) -> FieldValues:
    """Ask where there can be vessel.

    Parameters
    ----------
    query : Query
    label : ndarray of bool, (I, J, K)
        On the lattice.
    reach : float
        Distance to the label, in lattice points, within which every point is asked.
    threshold : float
        Probability from which a point is vessel.
    device : torch.device
    """
    probability = np.zeros(label.shape, dtype=np.float32)
    is_wanted = _within(label, reach)
    num_queries = 0
    # A sweep of every fourth point: where it finds vessel off the label, the cells around are asked.
    corners = np.zeros_like(is_wanted)
    corners[::_SWEEP_STEP, ::_SWEEP_STEP, ::_SWEEP_STEP] = True
    num_queries += _ask(query, corners, probability, device)
    found = corners & (probability >= threshold) & ~is_wanted
    is_wanted |= _around(found, _SWEEP_STEP)
    is_asked = corners
    num_queries += _ask(query, is_wanted & ~is_asked, probability, device)
    is_asked = is_asked | is_wanted
    for _ in range(_MOST_GROWTH_ROUNDS):
        missing = _around(probability >= threshold, _GROWTH) & ~is_asked
        if not missing.any():
            break
        num_queries += _ask(query, missing, probability, device)
        is_asked |= missing
    return FieldValues(probability, num_queries)


def _around(mask: Mask, reach: int) -> Mask:
    """Return the points up to a number of points away from a mask, corners included."""
    grown = np.zeros_like(mask)
    if mask.any():
        box = bounding_box(mask, margin=reach)
        grown[box] = ndimage.maximum_filter(mask[box], size=2 * reach + 1)
    return grown


def _within(label: Mask, reach: float) -> Mask:
    near = np.zeros_like(label)
    if label.any():
        box = bounding_box(label, margin=int(np.ceil(reach)))
        near[box] = ndimage.distance_transform_edt(~label[box]) <= reach
    return near


def _ask(query: Query, where: Mask, probability: FloatGrid, device: torch.device) -> int:
    flat = np.flatnonzero(where)
    values = probability.reshape(-1)
    for start in range(0, len(flat), CHUNK):
        part = flat[start : start + CHUNK]
        points = np.column_stack(np.unravel_index(part, where.shape)).astype(np.float32)
        logits = query(torch.from_numpy(points).to(device))
        values[part] = torch.sigmoid(logits).cpu().numpy()
    return len(flat)
