"""How far two masks agree: overlap, surfaces in mm, centre lines, pieces.

Masks are bool, ``(I, J, K)``; distances respect the spacing. A metric that has no value for the given
masks is None, never 0, and the report says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.morphology import skeletonize

from engines.contract.errors import GeometryError
from engines.contract.geometry import FloatArray

Mask: TypeAlias = npt.NDArray[np.bool_]
Spacing: TypeAlias = tuple[float, float, float]

CONNECTIVITY_26 = np.ones((3, 3, 3), dtype=bool)
_HD_PERCENTILE = 95.0
_VOXELS_PER_SEARCH = 8
"""Looking for the nearest voxel of a surface takes as long as the distance map of so many voxels."""


@dataclass(frozen=True)
class CentreLineAgreement:
    """clDice (Shit et al., CVPR 2021) with its two parts.

    Parameters
    ----------
    cldice : float
        Harmonic mean of the parts.
    precision : float
        Share of the candidate's centre line inside the reference.
    sensitivity : float
        Share of the reference's centre line inside the candidate.
    """

    cldice: float
    precision: float
    sensitivity: float


def dice(candidate: Mask, reference: Mask) -> float:
    """Return twice the common voxels over the sum of both; 1 when both are empty."""
    _check(candidate, reference)
    total = int(candidate.sum()) + int(reference.sum())
    return 1.0 if total == 0 else 2.0 * float(np.logical_and(candidate, reference).sum()) / total


def iou(candidate: Mask, reference: Mask) -> float:
    """Return the common voxels over those of either; 1 when both are empty."""
    _check(candidate, reference)
    either = int(np.logical_or(candidate, reference).sum())
    return 1.0 if either == 0 else float(np.logical_and(candidate, reference).sum()) / either


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances between the surfaces of two masks.

    A surface is the set of a mask's voxels that have a face neighbour outside it; the border of the array
    counts as outside. Distances go from voxel centre to voxel centre.

    Parameters
    ----------
    to_reference_mm, to_candidate_mm : ndarray of float64, (N,), (M,)
        From every surface voxel of the candidate to the reference's surface, and the other way.
    """

    to_reference_mm: FloatArray
    to_candidate_mm: FloatArray

    @property
    def hd95_mm(self) -> float | None:
        """The larger of both 95th percentiles; None when a mask is empty."""
        if not (self.to_reference_mm.size and self.to_candidate_mm.size):
            return None
        directed = (self.to_reference_mm, self.to_candidate_mm)
        return max(float(np.percentile(distances, _HD_PERCENTILE)) for distances in directed)

    def nsd(self, tolerance_mm: float) -> float | None:
        """Return the share of both surfaces within a tolerance of each other; None when both are empty.

        0 when only one is empty. Surface voxels count alike whatever area they stand for.
        """
        total = self.to_reference_mm.size + self.to_candidate_mm.size
        if total == 0:
            return None
        if not (self.to_reference_mm.size and self.to_candidate_mm.size):
            return 0.0
        # Half a thousandth of a millimetre for the rounding of spacings in file headers.
        near = tolerance_mm + 5e-4
        return float((self.to_reference_mm <= near).sum() + (self.to_candidate_mm <= near).sum()) / total


def surface_distances(candidate: Mask, reference: Mask, spacing_mm: Spacing) -> SurfaceDistances:
    """Return the distances between the surfaces of two masks; see `SurfaceDistances`."""
    _check(candidate, reference)
    nothing = np.empty(0)
    if not candidate.any() or not reference.any():
        return SurfaceDistances(
            np.full(int(surface(candidate).sum()), np.inf) if candidate.any() else nothing,
            np.full(int(surface(reference).sum()), np.inf) if reference.any() else nothing,
        )
    # Only the box around both matters: the distances inside it are the same.
    box = bounding_box(candidate | reference)
    own, other = surface(candidate[box]), surface(reference[box])
    if own.size > _VOXELS_PER_SEARCH * (int(own.sum()) + int(other.sum())):
        return SurfaceDistances(*_searched(own, other, spacing_mm))
    return SurfaceDistances(
        _distance_to(other, spacing_mm)[own].astype(np.float64),
        _distance_to(own, spacing_mm)[other].astype(np.float64),
    )


def centre_line_agreement(candidate: Mask, reference: Mask) -> CentreLineAgreement | None:
    """Return clDice and its parts; None when both masks are empty, or thinning leaves nothing of one.

    Centre lines are 3-D thinnings (Lee et al. 1994), one voxel wide.
    """
    _check(candidate, reference)
    if not candidate.any() and not reference.any():
        return None
    if not candidate.any() or not reference.any():
        return CentreLineAgreement(0.0, 0.0, 0.0)
    box = bounding_box(candidate | reference, margin=1)
    own, other = candidate[box], reference[box]
    line, other_line = centre_line(own), centre_line(other)
    if not line.any() or not other_line.any():
        # Some small blocks vanish.
        return None
    precision = float(other[line].mean())
    sensitivity = float(own[other_line].mean())
    total = precision + sensitivity
    return CentreLineAgreement(2 * precision * sensitivity / total if total else 0.0, precision, sensitivity)


def centre_line(mask: Mask) -> Mask:
    """Return a mask thinned to lines of one voxel."""
    return np.asarray(skeletonize(mask) > 0)


def num_components(mask: Mask) -> int:
    """Return the number of pieces, where voxels that share a corner hang together (26-connectivity)."""
    return int(ndimage.label(mask, structure=CONNECTIVITY_26)[1])


def volume_ml(mask: Mask, spacing_mm: Spacing) -> float:
    """Return the volume of a mask."""
    return float(mask.sum()) * float(np.prod(spacing_mm)) / 1000.0


def surface(mask: Mask) -> Mask:
    """Return the voxels of a mask that have a face neighbour outside it."""
    return np.asarray(mask & ~ndimage.binary_erosion(mask))


def bounding_box(mask: Mask, margin: int = 0) -> tuple[slice, slice, slice]:
    """Return the smallest box around a mask, grown by a margin as far as the array goes.

    Raises
    ------
    GeometryError
        If the mask is empty.
    """
    sides = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        found = np.flatnonzero(mask.any(axis=others))
        if not found.size:
            raise GeometryError("The mask is empty.", remedy="Draw or choose a mask with voxels in it.")
        sides.append(
            slice(max(0, int(found[0]) - margin), min(mask.shape[axis], int(found[-1]) + 1 + margin))
        )
    return sides[0], sides[1], sides[2]


def _searched(own: Mask, other: Mask, spacing_mm: Spacing) -> tuple[FloatArray, FloatArray]:
    """Return the distances of both surfaces by a search among their voxels."""
    first, second = (np.argwhere(one) * np.array(spacing_mm) for one in (own, other))
    to_other, _ = cKDTree(second).query(first)
    to_own, _ = cKDTree(first).query(second)
    return np.asarray(to_other), np.asarray(to_own)


def _distance_to(surface_mask: Mask, spacing_mm: Spacing) -> FloatArray:
    return np.asarray(ndimage.distance_transform_edt(~surface_mask, sampling=spacing_mm))


def _check(candidate: Mask, reference: Mask) -> None:
    if candidate.shape != reference.shape or candidate.ndim != 3:
        raise GeometryError(
            "Masks of {first} and {second} voxels cannot be compared.",
            remedy="Resample one of them on the grid of the other.",
            first=" x ".join(map(str, candidate.shape)),
            second=" x ".join(map(str, reference.shape)),
        )
