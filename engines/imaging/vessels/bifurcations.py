"""Bifurcations and crossings of a vessel mask: where vessels meet, as sub-pixel points.

The skeleton is read as a graph. Counting neighbours alone marks a cluster of pixels at every junction;
here a cluster is one node, its degree is the number of branches that leave it, short spurs are pruned
and nodes split in two are merged. End points are left out: they move with contrast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from skimage.morphology import remove_small_holes, skeletonize

from engines.contract.geometry import FloatArray
from engines.imaging.field_of_view import BoolImage, ellipse
from engines.imaging.opencv import cv2
from engines.imaging.vessels.skeleton import drop_small_components

# Lengths and areas hold for a long side of 768 px and scale with the image.
_REFERENCE_SIDE_PX = 768.0
_SMALLEST_VESSEL_PX2 = 100
_SMALLEST_HOLE_PX2 = 30
_SHORTEST_SPUR_PX = 10.0
_SPUR_DIAMETERS = 1.25
_MERGE_PX = 5.0
# Two vessels that cross at a slant meet along up to a diameter, between two forks.
_CROSSING_RADII = 2.0
_RIM_PX = 16.0
_DISTINCT_PX = 8.0
_MAX_PRUNING_ROUNDS = 20
_EIGHT = np.ones((3, 3), dtype=np.uint8)


@dataclass(frozen=True)
class Bifurcations:
    """Points where vessels meet, thickest first.

    Parameters
    ----------
    points_xy : ndarray of float64, (N, 2)
        Sub-pixel, in mask pixels.
    degrees : ndarray of int64, (N,)
        Branches that leave the point, at least 3.
    thickness_px : ndarray of float64, (N,)
        Vessel diameter at the point.
    """

    points_xy: FloatArray
    degrees: npt.NDArray[np.int64]
    thickness_px: FloatArray

    def __len__(self) -> int:
        return len(self.points_xy)


def find_bifurcations(
    vessels: BoolImage, field_of_view: BoolImage | None = None, max_points: int = 300
) -> Bifurcations:
    """Find bifurcations and crossings of a vessel mask.

    Parameters
    ----------
    vessels : ndarray of bool, (H, W)
    field_of_view : ndarray of bool, (H, W), optional
        Points near its rim are left out; without it, points near the edge of the image.
    max_points : int
        The thickest are kept.
    """
    scale = max(vessels.shape) / _REFERENCE_SIDE_PX
    clean = clean_vessel_mask(vessels, scale)
    radius = cv2.distanceTransform(
        cv2.copyMakeBorder(clean.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 5
    )[1:-1, 1:-1]
    skeleton = prune_spurs(skeletonize(clean), radius, _SHORTEST_SPUR_PX * scale)
    # What thinning does to a crossing is a matter of pixels, also in a small image.
    points, degrees, radii = _merged_nodes(skeleton, radius, _MERGE_PX * max(scale, 1.0))
    field = np.ones(vessels.shape, bool) if field_of_view is None else field_of_view
    field = np.pad(field.astype(np.uint8), 1)
    to_rim = cv2.distanceTransform(field, cv2.DIST_L2, 5)[1:-1, 1:-1]
    columns, rows = np.rint(points).astype(int).T
    is_kept = (to_rim[rows, columns] >= _RIM_PX * scale) & (degrees >= 3)
    order = np.flatnonzero(is_kept)[np.argsort(-radii[is_kept], kind="stable")]
    order = _apart(points, order, _DISTINCT_PX * scale)[:max_points]
    return Bifurcations(points[order], degrees[order], 2.0 * radii[order])


def clean_vessel_mask(vessels: BoolImage, scale: float = 1.0) -> BoolImage:
    """Close small gaps, fill small holes and drop small components of a vessel mask."""
    closed = cv2.morphologyEx(vessels.astype(np.uint8), cv2.MORPH_CLOSE, ellipse(1)).astype(bool)
    # Holes and components of exactly the limit are removed and kept, respectively.
    filled = remove_small_holes(closed, max_size=max(1, round(_SMALLEST_HOLE_PX2 * scale**2)))
    return drop_small_components(filled, max(1, round(_SMALLEST_VESSEL_PX2 * scale**2)))


def prune_spurs(skeleton: BoolImage, radius_px: npt.NDArray[np.float32], shortest_px: float) -> BoolImage:
    """Remove branches with a free end that are shorter than a limit or than the vessel is thick.

    Parameters
    ----------
    skeleton : ndarray of bool, (H, W)
    radius_px : ndarray of float32, (H, W)
        Half the vessel's width at each pixel.
    shortest_px : float

    Notes
    -----
    Only the shortest spur of a junction goes in one round: the fork at the end of a thick vessel would
    otherwise lose both its arms.
    """
    current = skeleton
    for _ in range(_MAX_PRUNING_ROUNDS):
        nodes, branches = _graph(current)
        shortest: dict[int, tuple[int, int]] = {}
        for branch, (ends, length) in _branches(nodes, branches).items():
            if len(ends) != 1:
                continue
            node = next(iter(ends))
            if node not in shortest or length < shortest[node][0]:
                shortest[node] = (length, branch)
        node_radius = ndimage.maximum(radius_px, nodes, index=np.arange(nodes.max() + 1))
        is_removed = np.zeros(branches.max() + 1, dtype=bool)
        for node, (length, branch) in shortest.items():
            is_removed[branch] = length < max(shortest_px, _SPUR_DIAMETERS * 2.0 * node_radius[node])
        if not is_removed.any():
            break
        current = skeletonize(current & ~is_removed[branches])
    return current


def _graph(skeleton: BoolImage) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return labels of nodes (pixels with three or more neighbours, joined) and of branches between."""
    neighbours = ndimage.convolve(skeleton.astype(np.uint8), _EIGHT, mode="constant") - skeleton
    is_node = skeleton & (neighbours >= 3)
    nodes, _ = ndimage.label(is_node, structure=_EIGHT)
    branches, _ = ndimage.label(skeleton & ~is_node, structure=_EIGHT)
    return nodes, branches


def _branches(
    nodes: npt.NDArray[np.int32], branches: npt.NDArray[np.int32]
) -> dict[int, tuple[set[int], int]]:
    """Return, per branch, the contacts with nodes and its length in pixels.

    A branch that returns to its own node touches it twice and is not a spur; it is given an extra,
    negative contact to say so.
    """
    sizes = np.bincount(branches.ravel())
    contacts = _contacts(nodes, branches)
    found: dict[int, tuple[set[int], int]] = {}
    for branch in range(1, len(sizes)):
        touched = contacts.get(branch, {})
        ends = set(touched)
        if len(ends) == 1 and next(iter(touched.values())) > 1:
            ends.add(-1)
        found[branch] = (ends, int(sizes[branch]))
    return found


def _contacts(nodes: npt.NDArray[np.int32], branches: npt.NDArray[np.int32]) -> dict[int, dict[int, int]]:
    """Return, per branch and node, how many ends of the branch lie beside the node."""
    rows, columns = np.nonzero(branches)
    padded = np.pad(nodes, 1)
    beside: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for row, column in zip(rows, columns, strict=True):
        around = padded[row : row + 3, column : column + 3]
        if around.any():
            for node in np.unique(around[around > 0]):
                beside.setdefault((int(branches[row, column]), int(node)), []).append((row, column))
    contacts: dict[int, dict[int, int]] = {}
    for (branch, node), pixels in beside.items():
        places = np.array(pixels)
        # Neighbouring contact pixels belong to one end.
        gaps = np.abs(places[:, None] - places[None]).max(axis=2) <= 1
        num_ends, _ = _components(gaps)
        contacts.setdefault(branch, {})[node] = num_ends
    return contacts


def _components(is_linked: npt.NDArray[np.bool_]) -> tuple[int, npt.NDArray[np.int32]]:
    count, labels = connected_components(csr_matrix(is_linked), directed=False)
    return int(count), labels


def _merged_nodes(
    skeleton: BoolImage, radius_px: npt.NDArray[np.float32], merge_px: float
) -> tuple[FloatArray, npt.NDArray[np.int64], FloatArray]:
    """Return centres, degrees and radii of nodes after joining those of one crossing."""
    nodes, branches = _graph(skeleton)
    count = int(nodes.max())
    if count == 0:
        return np.zeros((0, 2)), np.zeros(0, np.int64), np.zeros(0)
    index = np.arange(1, count + 1)
    centres = np.array(ndimage.center_of_mass(nodes > 0, nodes, index))[:, ::-1]
    radii = np.atleast_1d(ndimage.maximum(radius_px, nodes, index)).astype(np.float64)
    contacts = list(_contacts(nodes, branches).values())
    distance = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    radius = np.maximum(radii[:, None], radii[None])
    is_linked = distance < np.maximum(merge_px, radius)
    is_linked |= _split_crossings(distance, contacts) & (distance < _CROSSING_RADII * radius)
    num_groups, group = _components(is_linked)
    degrees = np.zeros(num_groups, np.int64)
    for ends in contacts:
        touched = [group[node - 1] for node, number in ends.items() for _ in range(number)]
        # A branch inside one group joins what was split; it leaves nowhere.
        if len(touched) > 1 and len(set(touched)) == 1:
            continue
        for member in touched:
            degrees[member] += 1
    sizes = np.bincount(group, minlength=num_groups).astype(np.float64)
    merged = np.column_stack([np.bincount(group, centres[:, axis], num_groups) / sizes for axis in range(2)])
    merged_radii = ndimage.maximum(radii, group, np.arange(num_groups))
    return merged, degrees, np.asarray(merged_radii, dtype=np.float64)


def _split_crossings(distance: FloatArray, contacts: list[dict[int, int]]) -> npt.NDArray[np.bool_]:
    """Tell which forks may be halves of one crossing: joined by a branch, and each other's nearest."""
    count = len(distance)
    degrees = np.zeros(count, np.int64)
    is_joined = np.zeros((count, count), dtype=bool)
    for ends in contacts:
        for node, number in ends.items():
            degrees[node - 1] += number
        if len(ends) == 2:
            first, second = (node - 1 for node in ends)
            is_joined[first, second] = is_joined[second, first] = True
    is_fork = degrees == 3
    between = np.where(is_joined & is_fork[:, None] & is_fork[None], distance, np.inf)
    is_nearest = (between == between.min(axis=1, keepdims=True)) & np.isfinite(between)
    return is_nearest & is_nearest.T


def _apart(points: FloatArray, order: npt.NDArray[np.intp], distinct_px: float) -> npt.NDArray[np.intp]:
    """Keep points in order, dropping those too near to one already kept."""
    if len(order) == 0:
        return order
    near = cKDTree(points[order]).query_ball_point(points[order], distinct_px)
    is_dropped = np.zeros(len(order), dtype=bool)
    for place, others in enumerate(near):
        if not is_dropped[place]:
            is_dropped[[other for other in others if other > place]] = True
    return order[~is_dropped]
