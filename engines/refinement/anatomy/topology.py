"""How a tree hangs together: loops, and the length of branches that are missing or do not exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import cKDTree

from engines.imaging.volumes.label_metrics import Mask, Spacing, bounding_box, centre_line, num_components

_NEIGHBOUR_REACH = 1.8
"""Voxels that share at least a corner lie nearer than this."""
_TOLERANCE_MM = 1.0


@dataclass(frozen=True)
class BranchErrors:
    """Centre lines without a counterpart; None where a mask is empty or thins to nothing.

    Parameters
    ----------
    missing_mm : float or None
        Length of the reference's centre line farther than 1 mm from the candidate.
    spurious_mm : float or None
        Length of the candidate's centre line farther than 1 mm from the reference.
    """

    missing_mm: float | None
    spurious_mm: float | None


def branch_errors(candidate: Mask, reference: Mask, spacing_mm: Spacing) -> BranchErrors:
    """Return what a candidate, (I, J, K), lacks of a reference's tree, and what it has beyond it."""
    if not candidate.any() or not reference.any():
        return BranchErrors(None, None)
    box = bounding_box(candidate | reference, margin=1)
    own, other = candidate[box], reference[box]
    return BranchErrors(_length_off(other, own, spacing_mm), _length_off(own, other, spacing_mm))


def line_length_mm(line: Mask, spacing_mm: Spacing) -> float:
    """Return the length of a thinned line: its voxels joined as a tree, corner to corner."""
    at = np.argwhere(line)
    if len(at) < 2:
        return 0.0
    pairs = cKDTree(at).query_pairs(_NEIGHBOUR_REACH, output_type="ndarray")
    steps = np.linalg.norm((at[pairs[:, 0]] - at[pairs[:, 1]]) * spacing_mm, axis=1)
    graph = coo_matrix((steps, (pairs[:, 0], pairs[:, 1])), shape=(len(at), len(at)))
    return float(minimum_spanning_tree(graph).sum())


def num_loops(mask: Mask) -> int:
    """Return the first Betti number: how often vessels join in a ring (26-connectivity)."""
    from skimage import measure

    if not mask.any():
        return 0
    euler_number: Callable[..., float] = measure.euler_number
    part = np.pad(mask[bounding_box(mask)], 1)
    cavities = int(ndimage.label(~part)[1]) - 1
    return num_components(part) + cavities - int(euler_number(part, connectivity=3))


def _length_off(tree: Mask, other: Mask, spacing_mm: Spacing) -> float | None:
    line = centre_line(tree)
    if not line.any():
        return None
    distance = ndimage.distance_transform_edt(~other, sampling=spacing_mm)
    return line_length_mm(line & (distance > _TOLERANCE_MM), spacing_mm)
