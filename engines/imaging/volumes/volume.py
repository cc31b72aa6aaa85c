"""Volumes: voxels and where they lie in the patient travel together.

Arrays are indexed ``[i, j, k]``, as NIfTI stores them. An affine is ``world_from_voxel``: it maps voxel
centres ``(i, j, k, 1)`` to world positions in mm, see `WORLD`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from engines.contract.errors import GeometryError
from engines.contract.geometry import FloatArray
from engines.contract.messages import Message

VoxelArray: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = tuple[int, int, int]

WORLD = "RAS+: x grows to the patient's right, y to the front, z to the head; mm"
SAME_GRID_TOLERANCE = 0.01
"""Largest distance of two grids' voxel centres, in voxels, that still counts as the same grid."""
LARGEST_SHEAR = 1e-3
"""Largest cosine between two axes of a grid; gantry tilt and careless registration give more."""
_DIRECTIONS = ("LR", "PA", "IS")
LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class VolumeGeometry:
    """The grid of a volume in the patient.

    Parameters
    ----------
    shape : (I, J, K)
        Voxels along each array axis.
    world_from_voxel : ndarray of float64, (4, 4)
        See `WORLD`.

    Raises
    ------
    GeometryError
        If an axis is empty, the matrix is not finite or cannot be inverted, or its axes are not at
        right angles.
    """

    shape: Shape
    world_from_voxel: FloatArray = field(repr=False)

    def __post_init__(self) -> None:
        matrix = np.array(self.world_from_voxel, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise GeometryError("The affine of a volume must be 4x4 finite numbers.")
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise GeometryError(
                "A volume has three axes with at least one voxel each, not {shape}.", shape=self.shape
            )
        lengths = np.linalg.norm(matrix[:3, :3], axis=0)
        if lengths.min() < 1e-6:
            raise GeometryError(
                "The voxels of this volume have no size: spacing {spacing} mm.",
                remedy="Repair the header with the program that wrote the file.",
                spacing=tuple(round(float(length), 6) for length in lengths),
            )
        axes = matrix[:3, :3] / lengths
        shear = float(np.abs(axes.T @ axes - np.eye(3)).max())
        if shear > LARGEST_SHEAR:
            raise GeometryError(
                "The axes of this volume are not at right angles (cosine {shear:.3f}), as after a tilted "
                "gantry or an affine registration.",
                remedy="Resample it on a straight grid first.",
                shear=shear,
            )
        matrix.setflags(write=False)
        object.__setattr__(self, "world_from_voxel", matrix)
        object.__setattr__(self, "shape", tuple(int(count) for count in self.shape))

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxels along each array axis."""
        i, j, k = np.linalg.norm(self.world_from_voxel[:3, :3], axis=0)
        return float(i), float(j), float(k)

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel."""
        return abs(float(np.linalg.det(self.world_from_voxel[:3, :3]))) / 1000.0

    @property
    def axis_codes(self) -> tuple[str, str, str]:
        """Where each array axis points to: ``("R", "A", "S")`` and so on."""
        cosines = self.world_from_voxel[:3, :3] / np.linalg.norm(self.world_from_voxel[:3, :3], axis=0)
        codes = ["", "", ""]
        # The clearest axis first: at 45 degrees two could claim the same direction.
        for axis in np.argsort(-np.abs(cosines).max(axis=0), kind="stable"):
            world = int(np.argmax(np.abs(cosines[:, axis])))
            codes[axis] = _DIRECTIONS[world][int(cosines[world, axis] > 0)]
            cosines[world] = 0.0
        return codes[0], codes[1], codes[2]

    @property
    def axial_axis(self) -> int:
        """The array axis that runs nearest to foot-head; slices across it are axial."""
        return next(axis for axis, code in enumerate(self.axis_codes) if code in "SI")

    def world_of(self, voxels_ijk: npt.ArrayLike) -> FloatArray:
        """Return the world positions of voxel positions, both (N, 3)."""
        points = np.atleast_2d(np.asarray(voxels_ijk, dtype=np.float64))
        return np.asarray(points @ self.world_from_voxel[:3, :3].T + self.world_from_voxel[:3, 3])

    def voxel_of(self, world_mm: npt.ArrayLike) -> FloatArray:
        """Return the voxel positions of world positions, both (N, 3); not rounded."""
        points = np.atleast_2d(np.asarray(world_mm, dtype=np.float64)) - self.world_from_voxel[:3, 3]
        return np.asarray(np.linalg.solve(self.world_from_voxel[:3, :3], points.T).T)

    def difference(self, other: VolumeGeometry) -> Message | None:
        """Return how another grid differs, or None when it is the same one.

        Grids are the same when the centres of all their corner voxels agree within
        `SAME_GRID_TOLERANCE` voxels.
        """
        if self.shape != other.shape:
            return Message(
                "{shape} voxels instead of {expected}",
                {"shape": _times(other.shape), "expected": _times(self.shape)},
            )
        own, others = np.array(self.spacing_mm), np.array(other.spacing_mm)
        if np.abs(own / others - 1.0).max() * max(self.shape) > SAME_GRID_TOLERANCE:
            return Message(
                "voxels of {spacing} mm instead of {expected} mm",
                {"spacing": _times(np.round(others, 4)), "expected": _times(np.round(own, 4))},
            )
        corners = np.array(np.meshgrid(*[(0, count - 1) for count in self.shape])).reshape(3, -1).T
        distance = np.linalg.norm(self.world_of(corners) - other.world_of(corners), axis=1).max()
        if distance <= SAME_GRID_TOLERANCE * own.min():
            return None
        if self.axis_codes != other.axis_codes:
            return Message(
                "axes point to {codes} instead of {expected}",
                {"codes": "".join(other.axis_codes), "expected": "".join(self.axis_codes)},
            )
        return Message("it lies up to {distance:.2f} mm beside it", {"distance": float(distance)})


@dataclass(frozen=True)
class Volume:
    """Voxels with their geometry.

    Parameters
    ----------
    voxels : ndarray, (I, J, K)
        Possibly a read-only map of the file.
    geometry : VolumeGeometry
    header : bytes
        The NIfTI header of the file, from which a mask of the same grid takes its affine bit by bit;
        empty for other formats.
    """

    voxels: VoxelArray
    geometry: VolumeGeometry
    header: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if self.voxels.shape != self.geometry.shape:
            raise GeometryError(
                "{shape} voxels do not fit a grid of {expected}.",
                shape=_times(self.voxels.shape),
                expected=_times(self.geometry.shape),
            )


def _times(numbers: Any) -> str:
    return " x ".join(f"{number:g}" for number in numbers)
