"""The pieces of a mask, with what a reviewer needs to judge each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import cKDTree

from engines.contract.geometry import FloatArray
from engines.imaging.volumes.label_metrics import CONNECTIVITY_26, Mask, Spacing, centre_line


@dataclass(frozen=True)
class Component:
    """One piece of a mask.

    Parameters
    ----------
    number : int
        From 1, the largest first; its value in the array of `label_components`.
    num_voxels : int
    volume_ml : float
    length_mm : float
        Of its centre line; see `line_length_mm`.
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
    length_mm: float
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
