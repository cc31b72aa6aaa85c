"""The pieces of a mask, with what a reviewer needs to judge each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import cKDTree

from engines.contract.errors import GeometryError
from engines.contract.geometry import FloatArray
from engines.imaging.volumes.label_metrics import CONNECTIVITY_26, Mask, Spacing, bounding_box, centre_line
from engines.imaging.volumes.volume import Volume, VolumeGeometry

Voxel = tuple[int, int, int]
Box = tuple[slice, slice, slice]
LARGEST_LINE_VOXELS = 1_500_000
"""Larger pieces are chambers, not vessels: their centre line says nothing and takes long."""


@dataclass(frozen=True)
class Component:
    """One piece of a mask.

    Parameters
    ----------
    number : int
        From 1, the largest first; its value in the array of `label_components`.
    num_voxels : int
    volume_ml : float
    length_mm : float or None
        Of its centre line; see `line_length_mm`. None: not measured.
    mean_intensity : float or None
        Mean of the image over it; None without an image.
    centre_ijk : (i, j, k)
        The voxel of the piece that is nearest to its middle.
    box : three slices
        Where it lies in the array.
    """

    number: int
    num_voxels: int
    volume_ml: float
    length_mm: float | None
    mean_intensity: float | None
    centre_ijk: tuple[int, int, int]
    box: tuple[slice, slice, slice]


def label_components(mask: Mask) -> tuple[npt.NDArray[np.int32], int]:
    """Return an array of piece numbers, the largest piece first, and how many there are.

    Voxels that share a corner hang together (26-connectivity). Pieces of one size are numbered by where
    they begin in the array.
    """
    labels, count = ndimage.label(mask, structure=CONNECTIVITY_26, output=np.int32)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    numbers = np.zeros(count + 1, dtype=np.int32)
    numbers[1 + np.argsort(-sizes, kind="stable")] = np.arange(1, count + 1)
    return numbers[labels], count


def describe_components(
    labels: npt.NDArray[np.int32], spacing_mm: Spacing, image: npt.NDArray[Any] | None = None
) -> list[Component]:
    """Return the pieces of `label_components`, the largest first.

    Parameters
    ----------
    labels : ndarray of int32, (I, J, K)
    spacing_mm : (i, j, k)
    image : ndarray or None, (I, J, K)
    """
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    found = []
    for index, box in enumerate(ndimage.find_objects(labels)):
        if box is None:
            continue
        piece = labels[box] == index + 1
        positions = np.argwhere(piece)
        count = len(positions)
        middle = positions[
            np.argmin(np.linalg.norm((positions - positions.mean(axis=0)) * spacing_mm, axis=1))
        ]
        i, j, k = (int(middle[axis]) + box[axis].start for axis in range(3))
        found.append(
            Component(
                number=index + 1,
                num_voxels=count,
                volume_ml=count * voxel_ml,
                length_mm=line_length_mm(centre_line(np.pad(piece, 1)), spacing_mm),
                mean_intensity=None if image is None else float(image[box][piece].mean()),
                centre_ijk=(i, j, k),
                box=box,
            )
        )
    return found


@dataclass(frozen=True, eq=False)
class ClassComponents:
    """The pieces of one class of a label map, as they were at one moment.

    Parameters
    ----------
    label : int
    shape : (I, J, K)
        Of the whole label map.
    box : three slices
        Where the class lies in it; empty when it has no voxel.
    numbers : ndarray of int32, (i, j, k)
        Number of the piece of each voxel of the box; 0 is none.
    components : tuple of Component
        The largest first; positions and boxes are those of the whole label map.
    """

    label: int
    shape: tuple[int, int, int]
    box: Box
    numbers: npt.NDArray[np.int32]
    components: tuple[Component, ...]

    def of(self, number: int) -> Component:
        """Return a piece by its number.

        Raises
        ------
        GeometryError
            If there is no such piece.
        """
        if not 1 <= number <= len(self.components):
            raise GeometryError("There is no component {number}.", number=number)
        return self.components[number - 1]

    def mask(self, numbers: Collection[int]) -> tuple[Mask, Box]:
        """Return the voxels of some pieces, and the box of the whole label map in which they lie."""
        boxes = [self.of(number).box for number in numbers]
        if not boxes:
            nothing = slice(0, 0)
            return np.zeros((0, 0, 0), dtype=bool), (nothing, nothing, nothing)
        i, j, k = (
            slice(min(box[axis].start for box in boxes), max(box[axis].stop for box in boxes))
            for axis in range(3)
        )
        inner = self.numbers[_within((i, j, k), self.box)]
        wanted = np.zeros(len(self.components) + 1, dtype=bool)
        wanted[list(numbers)] = True
        return np.asarray(wanted[inner]), (i, j, k)

    def number_at(self, voxel: Voxel, reach: int = 0) -> int:
        """Return the number of the piece at a voxel, or of the nearest within some voxels; 0: none."""
        window = tuple(
            slice(max(0, at - reach - side.start), max(0, at + reach + 1 - side.start))
            for at, side in zip(voxel, self.box, strict=True)
        )
        inner = self.numbers[window]
        found = np.argwhere(inner)
        if not len(found):
            return 0
        here = np.array(voxel) - [side.start for side in self.box] - [side.start for side in window]
        nearest = found[np.argmin(((found - here) ** 2).sum(axis=1))]
        return int(inner[tuple(nearest)])


def class_components(
    label_map: npt.NDArray[Any], label: int, geometry: VolumeGeometry, image: Volume | None = None
) -> ClassComponents:
    """Return the pieces of a class, without their lengths: see `with_lengths`.

    Parameters
    ----------
    label_map : ndarray of integers, (I, J, K)
    label : int
    geometry : VolumeGeometry
        Of the label map.
    image : Volume or None
        For the mean intensity, on any grid: the nearest voxel counts.
    """
    i, j, k = label_map.shape
    mask = np.asarray(label_map == label)
    if not mask.any():
        nothing = slice(0, 0)
        empty = np.zeros((0, 0, 0), dtype=np.int32)
        return ClassComponents(label, (i, j, k), (nothing, nothing, nothing), empty, ())
    # All that is slow looks only at the box in which the class lies.
    box = bounding_box(mask)
    numbers, count = label_components(mask[box])
    del mask
    places = np.nonzero(numbers)
    ids = numbers[places] - 1
    sizes = np.bincount(ids, minlength=count)
    means = None if image is None else _means(ids, places, sizes, box, geometry, image)
    centres = _centres(ids, places, sizes, geometry.spacing_mm)
    start = np.array([side.start for side in box])
    components = []
    for index, inner in enumerate(ndimage.find_objects(numbers, max_label=count)):
        centre = [int(at) for at in centres[index] + start]
        components.append(
            Component(
                number=index + 1,
                num_voxels=int(sizes[index]),
                volume_ml=float(sizes[index]) * geometry.voxel_volume_ml,
                length_mm=None,
                mean_intensity=None if means is None or np.isnan(means[index]) else float(means[index]),
                centre_ijk=(centre[0], centre[1], centre[2]),
                box=_moved(inner, box),
            )
        )
    return ClassComponents(label, (i, j, k), box, numbers, tuple(components))


def with_lengths(pieces: ClassComponents, spacing_mm: Spacing) -> ClassComponents:
    """Return the pieces with their lengths. Slow."""
    measured = (
        replace(piece, length_mm=piece_length_mm(pieces.mask([piece.number])[0], spacing_mm))
        for piece in pieces.components
    )
    return replace(pieces, components=tuple(measured))


def piece_length_mm(
    mask: Mask, spacing_mm: Spacing, largest_num_voxels: int = LARGEST_LINE_VOXELS
) -> float | None:
    """Return the length of a piece's centre line, or None when it has more voxels than a number. Slow."""
    if np.count_nonzero(mask) > largest_num_voxels:
        return None
    length_mm = line_length_mm(centre_line(np.pad(mask, 1)), spacing_mm)
    if length_mm >= 0.5 * _elongation_mm(mask, spacing_mm):
        return length_mm
    i, j, k = (step / 2.0 for step in spacing_mm)
    return line_length_mm(centre_line(np.pad(_of_odd_thickness(mask), 1)), (i, j, k))


def _elongation_mm(mask: Mask, spacing_mm: Spacing) -> float:
    """Return by how much a piece is longer than it is wide, along its principal axes."""
    places = np.argwhere(mask) * np.asarray(spacing_mm)
    if len(places) < 2:
        return 0.0
    centred = places - places.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1]
    extents = np.ptp(centred @ axes, axis=0)
    return float(extents[2] - extents[1])


def _of_odd_thickness(mask: Mask) -> Mask:
    """Return a mask on a grid of twice as many voxels less one, on which nothing is evenly thick.

    Thinning takes layers off from both sides: of an evenly thick bar nothing may be left but a voxel.
    """
    for axis in range(3):
        whole = np.moveaxis(mask, axis, 0)
        doubled = np.zeros((2 * len(whole) - 1, *whole.shape[1:]), dtype=bool)
        doubled[::2] = whole
        doubled[1::2] = whole[1:] & whole[:-1]
        mask = np.moveaxis(doubled, 0, axis)
    return mask


@dataclass(frozen=True)
class Gap:
    """Where two pieces are nearest.

    Parameters
    ----------
    start, end : (i, j, k)
        A voxel of each, in the whole label map.
    distance_mm : float
        Between the middles of both voxels.
    """

    start: Voxel
    end: Voxel
    distance_mm: float


def gap_between(pieces: ClassComponents, first: int, second: int, spacing_mm: Spacing) -> Gap:
    """Return where two pieces are nearest to each other.

    Raises
    ------
    GeometryError
        If they are one piece, or there is no such piece.
    """
    if first == second:
        raise GeometryError("A bridge needs two components.", remedy="Select two of them.")
    outer = [_surface_voxels(pieces, number) for number in (first, second)]
    tree = cKDTree(outer[0] * spacing_mm)
    distances, nearest = tree.query(outer[1] * spacing_mm)
    at = int(np.argmin(distances))
    ends = [[int(value) for value in voxel] for voxel in (outer[0][nearest[at]], outer[1][at])]
    start, end = ((i, j, k) for i, j, k in ends)
    return Gap(start, end, float(distances[at]))


def _surface_voxels(pieces: ClassComponents, number: int) -> npt.NDArray[np.int64]:
    mask, box = pieces.mask([number])
    outer = mask & ~ndimage.binary_erosion(mask)
    return np.argwhere(outer) + [side.start for side in box]


def _centres(
    ids: npt.NDArray[np.int32], places: tuple[npt.NDArray[np.intp], ...], sizes: FloatArray, spacing: Spacing
) -> npt.NDArray[np.int64]:
    """Return for each piece its voxel nearest to its middle, (N, 3)."""
    squared = np.zeros(len(ids), dtype=np.float64)
    for axis in range(3):
        middle = np.bincount(ids, weights=places[axis], minlength=len(sizes)) / sizes
        squared += ((places[axis] - middle[ids]) * spacing[axis]) ** 2
    # The first voxel of each piece in the order of distances.
    order = np.lexsort((squared, ids))
    firsts = order[np.searchsorted(ids[order], np.arange(len(sizes)))]
    return np.stack([places[axis][firsts] for axis in range(3)], axis=1).astype(np.int64)


def _means(
    ids: npt.NDArray[np.int32],
    places: tuple[npt.NDArray[np.intp], ...],
    sizes: FloatArray,
    box: Box,
    geometry: VolumeGeometry,
    image: Volume,
) -> FloatArray:
    """Return the mean intensity of each piece, (N,); NaN where the image does not reach."""
    at = tuple(place + side.start for place, side in zip(places, box, strict=True))
    counts = sizes
    if geometry.difference(image.geometry) is not None:
        voxel_of = np.linalg.solve(image.geometry.world_from_voxel, geometry.world_from_voxel)
        at = tuple(
            np.rint(sum(voxel_of[axis, other] * at[other] for other in range(3)) + voxel_of[axis, 3]).astype(
                np.int64
            )
            for axis in range(3)
        )
        ends = zip(at, image.voxels.shape, strict=True)
        is_inside = np.logical_and.reduce([(place >= 0) & (place < count) for place, count in ends])
        at, ids = tuple(place[is_inside] for place in at), ids[is_inside]
        counts = np.bincount(ids, minlength=len(sizes))
    sums = np.bincount(ids, weights=image.voxels[at], minlength=len(sizes))
    return np.divide(sums, counts, out=np.full(len(sizes), np.nan), where=counts > 0)


def _moved(inner: Box, outer: Box) -> Box:
    i, j, k = (
        slice(one.start + other.start, one.stop + other.start)
        for one, other in zip(inner, outer, strict=True)
    )
    return i, j, k


def _within(box: Box, outer: Box) -> Box:
    i, j, k = (
        slice(one.start - other.start, one.stop - other.start) for one, other in zip(box, outer, strict=True)
    )
    return i, j, k


def line_length_mm(line: Mask, spacing_mm: Spacing) -> float:
    """Return the length of a centre line of one voxel's width: of the shortest tree that joins its voxels.

    A single voxel has length 0. Where voxels touch by more than one way, the shorter way counts, so that
    steps and corners do not count twice.
    """
    positions = np.argwhere(line)
    if len(positions) < 2:
        return 0.0
    return _spanning_length(positions, np.asarray(spacing_mm, dtype=np.float64))


def _spanning_length(positions: npt.NDArray[np.intp], spacing_mm: FloatArray) -> float:
    tree = cKDTree(positions)
    # Neighbours share at least a corner: at most sqrt(3) apart in voxels.
    pairs = tree.query_pairs(1.8, output_type="ndarray")
    lengths = np.linalg.norm((positions[pairs[:, 0]] - positions[pairs[:, 1]]) * spacing_mm, axis=1)
    shape = (len(positions), len(positions))
    graph = coo_matrix((lengths, (pairs[:, 0], pairs[:, 1])), shape=shape)
    return float(minimum_spanning_tree(graph).sum())
