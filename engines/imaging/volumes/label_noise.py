"""What goes wrong in vessel labels, made on purpose: to measure whether a repair repairs.

Each operator takes a clean mask and a severity of 1 to 3 and returns a noisy one; the same for the same
random generator. Sizes are in voxels, because annotators and networks err in voxels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
from scipy.spatial import cKDTree

from engines.contract.errors import GeometryError, UnknownKeyError
from engines.contract.geometry import FloatArray
from engines.imaging.volumes.label_metrics import Mask, bounding_box, centre_line

Operator = Callable[[Mask, int, np.random.Generator], Mask]

SEVERITIES = (1, 2, 3)
_BREAK_RADIUS = 2.6
_LEAK_RADIUS = 3.0
_MARGIN = 8
"""Voxels around the mask within which noise is made."""
_NEIGHBOUR_REACH = 1.8
"""Voxels that share at least a corner lie nearer than this."""


def jitter(mask: Mask, severity: int, random: np.random.Generator) -> Mask:
    """Move the boundary by smooth noise of 0.2, 0.35 or 0.6 voxels."""
    amplitude = _level(severity, (0.2, 0.35, 0.6))
    noise = ndimage.gaussian_filter(random.normal(size=mask.shape), 1.0)
    return np.asarray(_signed_distance(mask) + amplitude * noise / noise.std() > 0)


def breaks(mask: Mask, severity: int, random: np.random.Generator) -> Mask:
    """Cut 2, 4 or 8 gaps of five voxels into the vessels."""
    noisy = mask.copy()
    for middle in _places_on_line(mask, _level(severity, (2, 4, 8)), random):
        noisy &= ~_ball(mask.shape, middle, _BREAK_RADIUS)
    return noisy


def dropped_branch(mask: Mask, severity: int, random: np.random.Generator) -> Mask:
    """Lose the far end of a branch: about 5, 10 or 20 % of the whole length."""
    share = _level(severity, (0.05, 0.10, 0.20))
    line = np.argwhere(centre_line(mask))
    if len(line) < 10:
        return mask.copy()
    weight, parent, order = _rooted_tree(line, mask)
    below = np.ones(len(line))
    for node in order[::-1]:
        if parent[node] >= 0:
            below[parent[node]] += below[node]
    # Among the parts of nearly the wanted size, any.
    error = np.abs(below / len(line) - share) + np.where(weight, 0.0, 1.0)
    nearest = np.argsort(error)[:5]
    root = int(random.choice(nearest))
    is_lost = np.zeros(len(line), dtype=bool)
    is_lost[root] = True
    for node in order:
        if parent[node] >= 0 and is_lost[parent[node]]:
            is_lost[node] = True
    voxels = np.argwhere(mask)
    _, nearest_node = cKDTree(line).query(voxels)
    noisy = mask.copy()
    noisy[tuple(voxels[is_lost[nearest_node]].T)] = False
    return noisy


def leaks(mask: Mask, severity: int, random: np.random.Generator) -> Mask:
    """Attach 2, 5 or 10 blobs of three voxels' radius to the vessels."""
    noisy = mask.copy()
    for middle in _places_on_line(mask, _level(severity, (2, 5, 10)), random):
        aside = random.normal(size=3)
        aside *= 2.0 / np.linalg.norm(aside)
        noisy |= _ball(mask.shape, middle + aside, _LEAK_RADIUS * random.uniform(0.7, 1.0))
    return noisy


def specks(mask: Mask, severity: int, random: np.random.Generator) -> Mask:
    """Scatter 10, 25 or 50 specks of up to 15 voxels around the vessels."""
    noisy = mask.copy()
    voxels = np.argwhere(mask)
    low, high = voxels.min(axis=0) - 6, voxels.max(axis=0) + 7
    for _ in range(_level(severity, (10, 25, 50))):
        middle = random.uniform(np.maximum(low, 0), np.minimum(high, mask.shape))
        noisy |= _ball(mask.shape, middle, random.uniform(0.6, 1.5))
    return noisy


def step(mask: Mask, severity: int, random: np.random.Generator) -> Mask:
    """Shift a slab of slices by 1 or 2 voxels, as a heart beat between two sweeps does."""
    shift = _level(severity, (1, 1, 2))
    rows = np.flatnonzero(mask.any(axis=(0, 1)))
    thickness = max(3, len(rows) // 4)
    start = int(random.integers(rows[0], max(rows[0] + 1, rows[-1] - thickness)))
    axis = int(random.integers(0, 2))
    noisy = mask.copy()
    noisy[:, :, start : start + thickness] = _shifted(mask[:, :, start : start + thickness], axis, shift)
    return noisy


def over_dilation(mask: Mask, severity: int, random: np.random.Generator) -> Mask:
    """Draw everything 0.5, 0.75 or 1 voxel too thick."""
    return mask | (_sub_voxel_distance(mask) + _level(severity, (0.5, 0.75, 1.0)) > 0)


def under_dilation(mask: Mask, severity: int, random: np.random.Generator) -> Mask:
    """Draw everything 0.5, 0.75 or 1 voxel too thin; very thin vessels go."""
    return mask & (_sub_voxel_distance(mask) - _level(severity, (0.5, 0.75, 1.0)) > 0)


OPERATORS: dict[str, Operator] = {
    "jitter": jitter,
    "breaks": breaks,
    "dropped_branch": dropped_branch,
    "leaks": leaks,
    "specks": specks,
    "step": step,
    "over_dilation": over_dilation,
    "under_dilation": under_dilation,
}
MIXED: tuple[str, ...] = ("dropped_branch", "jitter", "breaks", "leaks", "specks")
"""In this order: what is lost first, then what is torn, then what is added."""


def corrupt(mask: Mask, names: Sequence[str], severity: int, seed: int, veins: Mask | None = None) -> Mask:
    """Return a mask with several kinds of noise, one after another.

    Parameters
    ----------
    mask : ndarray of bool, (I, J, K)
        Clean.
    names : sequence of str
        Of `OPERATORS`.
    severity : 1, 2 or 3
    seed : int
    veins : ndarray of bool or None
        Where given, pieces of it are taken for arteries, as annotators do: 15, 30 or 50 %.

    Raises
    ------
    UnknownKeyError
        If there is no such noise.
    GeometryError
        If the mask is empty.
    """
    unknown = [name for name in names if name not in OPERATORS]
    if unknown:
        raise UnknownKeyError(
            "There is no label noise '{name}'.",
            remedy="Choose from: {known}.",
            name=unknown[0],
            known=", ".join(OPERATORS),
        )
    if not mask.any():
        raise GeometryError("An empty mask cannot be corrupted.", remedy="Choose a case with a vessel.")
    random = np.random.default_rng(seed)
    box = bounding_box(mask if veins is None else mask | veins, margin=_MARGIN)
    part = mask[box].copy()
    for name in names:
        if part.any():
            part = OPERATORS[name](part, severity, random)
    if veins is not None and veins.any():
        part |= _some_pieces(veins[box], _level(severity, (0.15, 0.30, 0.50)), random)
    noisy = np.zeros_like(mask)
    noisy[box] = part
    return noisy


def _some_pieces(mask: Mask, share: float, random: np.random.Generator) -> Mask:
    """Return about a share of a mask: the surroundings of random places in it."""
    voxels = np.argwhere(mask)
    taken = np.zeros(mask.shape, dtype=bool)
    while taken.sum() < share * len(voxels):
        taken |= mask & _ball(mask.shape, voxels[random.integers(len(voxels))].astype(float), 5.0)
    return taken


def _level(severity: int, values: tuple[float, float, float]) -> float | int:  # type: ignore[misc]
    if severity not in SEVERITIES:
        raise GeometryError("The severity of label noise is 1, 2 or 3, not {severity}.", severity=severity)
    return values[severity - 1]


def _signed_distance(mask: Mask) -> FloatArray:
    """Return the distance to the boundary in voxels, positive inside; half a voxel at the faces."""
    inside = ndimage.distance_transform_edt(mask)
    outside = ndimage.distance_transform_edt(~mask)
    return np.asarray(np.where(mask, inside - 0.5, 0.5 - outside))


def _sub_voxel_distance(mask: Mask) -> FloatArray:
    # Distances between voxel centres come in steps; smoothed, half a voxel means something.
    return np.asarray(ndimage.gaussian_filter(_signed_distance(mask), 0.6))


def _places_on_line(mask: Mask, count: int, random: np.random.Generator) -> FloatArray:
    line = np.argwhere(centre_line(mask))
    if not len(line):
        line = np.argwhere(mask)
    return line[random.integers(0, len(line), int(count))].astype(np.float64)


def _ball(shape: tuple[int, ...], middle: FloatArray, radius: float) -> Mask:
    found = np.zeros(shape, dtype=bool)
    low = np.maximum(np.floor(middle - radius).astype(int), 0)
    high = np.minimum(np.ceil(middle + radius).astype(int) + 1, shape)
    if (high <= low).any():
        return found
    grid = np.ogrid[tuple(slice(start, end) for start, end in zip(low, high, strict=True))]
    squared = sum((axis - at) ** 2 for axis, at in zip(grid, middle, strict=True))
    found[tuple(slice(start, end) for start, end in zip(low, high, strict=True))] = squared <= radius**2
    return found


def _rooted_tree(
    line: npt.NDArray[np.intp], mask: Mask
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return which nodes hang together with the root, their parents (-1 for none) and an order from it.

    The root is the thickest place: vessels taper away from where they begin.
    """
    pairs = cKDTree(line).query_pairs(_NEIGHBOUR_REACH, output_type="ndarray")
    lengths = np.linalg.norm(line[pairs[:, 0]] - line[pairs[:, 1]], axis=1)
    graph = coo_matrix((lengths, (pairs[:, 0], pairs[:, 1])), shape=(len(line), len(line)))
    thickness = ndimage.distance_transform_edt(mask)[tuple(line.T)]
    root = int(np.argmax(thickness))
    order, parent = breadth_first_order(minimum_spanning_tree(graph), root, directed=False)
    parent = parent.astype(np.int64)
    parent[parent < 0] = -1
    reached = np.zeros(len(line), dtype=bool)
    reached[order] = True
    reached[root] = False
    return reached, parent, order.astype(np.int64)


def _shifted(slab: Mask, axis: int, shift: int) -> Mask:
    moved = np.zeros_like(slab)
    source, target = [slice(None)] * 3, [slice(None)] * 3
    source[axis], target[axis] = slice(None, -shift), slice(shift, None)
    moved[tuple(target)] = slab[tuple(source)]
    return moved
