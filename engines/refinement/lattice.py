"""The work lattice: an isotropic grid around the label, and the exact way back to the native voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from engines.imaging.volumes.label_metrics import Mask, Spacing, bounding_box
from engines.imaging.volumes.volume import Shape, VoxelArray

FloatGrid = npt.NDArray[np.float32]
Box = tuple[slice, slice, slice]

_SAME_SPACING = 1e-3
_BLUR_PER_STEP = 0.42
"""Standard deviation, in native voxels, of the blur before every second voxel is dropped, and so on."""


@dataclass(frozen=True)
class WorkLattice:
    """Where the points of an isotropic grid lie in the native array; both share their axes.

    Parameters
    ----------
    shape : (I, J, K)
    native_shape : (I, J, K)
    start_ijk : (i, j, k)
        Native voxel position of the first point.
    step_ijk : (i, j, k)
        Native voxels from point to point; all 1 when the lattice is a crop of the native grid.
    spacing_mm : float
        Distance of neighbouring points.
    """

    shape: Shape
    native_shape: Shape
    start_ijk: tuple[float, float, float]
    step_ijk: tuple[float, float, float]
    spacing_mm: float

    @property
    def is_crop(self) -> bool:
        """Whether points are native voxels, so that nothing is interpolated."""
        return self.step_ijk == (1.0, 1.0, 1.0)

    @property
    def native_box(self) -> Box:
        """The native voxels that lie within the lattice."""
        return _box(
            [
                (
                    max(0, int(np.ceil(start - 1e-9))),
                    min(size, int(np.floor(start + (count - 1) * step + 1e-9)) + 1),
                )
                for start, step, count, size in zip(
                    self.start_ijk, self.step_ijk, self.shape, self.native_shape, strict=True
                )
            ]
        )

    def sample(self, voxels: VoxelArray) -> FloatGrid:
        """Return the values of a native array at the points, smoothed first where points are sparser.

        Beyond the array its border counts.
        """
        reach = [int(np.ceil(step)) + 2 for step in self.step_ijk]
        box = _box(
            [
                (
                    int(np.clip(np.floor(start) - margin, 0, size - 1)),
                    int(np.clip(np.ceil(start + (count - 1) * step) + margin + 1, 1, size)),
                )
                for start, step, count, size, margin in zip(
                    self.start_ijk, self.step_ijk, self.shape, self.native_shape, reach, strict=True
                )
            ]
        )
        if self.is_crop:
            return np.ascontiguousarray(voxels[self.native_box], dtype=np.float32)
        part = np.asarray(voxels[box], dtype=np.float32)
        blur = [_BLUR_PER_STEP * np.sqrt(max(0.0, step * step - 1.0)) for step in self.step_ijk]
        if max(blur) > 0:
            part = ndimage.gaussian_filter(part, blur, mode="nearest")
        offset = [start - side.start for start, side in zip(self.start_ijk, box, strict=True)]
        sampled = ndimage.affine_transform(
            part, self.step_ijk, offset, output_shape=self.shape, order=1, mode="nearest"
        )
        return np.ascontiguousarray(sampled, dtype=np.float32)

    def occupancy(self, mask: Mask) -> FloatGrid:
        """Return how much of each point's surroundings a native mask covers, 0 to 1."""
        return np.clip(self.sample(mask.astype(np.float32)), 0.0, 1.0)

    def at_native(self, values: FloatGrid) -> FloatGrid:
        """Return the values at the native voxels of `native_box`, trilinear, 0 beyond the lattice."""
        if self.is_crop:
            return values
        box = self.native_box
        scale = [1.0 / step for step in self.step_ijk]
        offset = [
            (side.start - start) / step
            for side, start, step in zip(box, self.start_ijk, self.step_ijk, strict=True)
        ]
        shape = tuple(side.stop - side.start for side in box)
        return np.asarray(
            ndimage.affine_transform(values, scale, offset, output_shape=shape, order=1, mode="constant"),
            dtype=np.float32,
        )

    def refined_mask(
        self,
        original: Mask,
        occupancy: FloatGrid,
        refined: FloatGrid,
        threshold: float = 0.5,
        keep_margin: float = 0.0,
    ) -> Mask:
        """Carry a refined field back to the native grid.

        A native voxel changes only where the refined field and the field of the input decide differently
        there, so a field that equals the input returns the original bit by bit, whatever resampling loses.

        Parameters
        ----------
        original : ndarray of bool, (I, J, K)
            Native.
        occupancy, refined : ndarray of float32
            Input and result on the lattice.
        threshold : float
            Of the refined field.
        keep_margin : float
            Within this distance of the threshold the field is unsure, and the original stays.
        """
        box = self.native_box
        before = self.at_native(occupancy) >= 0.5
        values = self.at_native(refined)
        after = values >= threshold
        result = original.copy()
        part = result[box]
        is_sure = np.abs(values - threshold) >= keep_margin
        changes = (before != after) & is_sure
        part[changes] = after[changes]
        return result


def lattice_around(
    mask: Mask, native_spacing_mm: Spacing, margin_mm: float, spacing_mm: float
) -> WorkLattice:
    """Return the lattice over the box around a mask, grown by a margin as far as the native array goes.

    Raises
    ------
    GeometryError
        If the mask is empty.
    """
    tight = bounding_box(mask)
    sides = []
    for side, size, native in zip(tight, mask.shape, native_spacing_mm, strict=True):
        margin = int(np.ceil(margin_mm / native))
        sides.append((max(0, side.start - margin), min(size, side.stop + margin)))
    is_crop = all(abs(native / spacing_mm - 1.0) < _SAME_SPACING for native in native_spacing_mm)
    steps = [1.0 if is_crop else spacing_mm / native for native in native_spacing_mm]
    # One point beyond the last voxel where they do not meet, so that every native voxel of the box is inside.
    counts = [
        int(np.ceil((stop - start - 1) / step - 1e-9)) + 1
        for (start, stop), step in zip(sides, steps, strict=True)
    ]
    return WorkLattice(
        shape=(counts[0], counts[1], counts[2]),
        native_shape=(mask.shape[0], mask.shape[1], mask.shape[2]),
        start_ijk=(float(sides[0][0]), float(sides[1][0]), float(sides[2][0])),
        step_ijk=(steps[0], steps[1], steps[2]),
        spacing_mm=spacing_mm,
    )


def _box(sides: list[tuple[int, int]]) -> Box:
    i, j, k = (slice(start, stop) for start, stop in sides)
    return i, j, k
