"""A transform given by displacements on a grid, as ITK stores curved ones, and transforms turned round."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from engines.contract.geometry import FloatArray, as_points_xy
from engines.imaging.transforms.curved_transform import CurvedTransform
from engines.imaging.transforms.point_transform import PointTransform
from engines.imaging.transforms.transform_fits import fit_affine

_FIT_NODES = 24


class DisplacementField(CurvedTransform):
    """Adds a displacement to each point, interpolated linearly; none outside the grid, as in ITK.

    Parameters
    ----------
    displacements_xy : array_like, (H, W, 2)
        ``(dx, dy)`` in px at each node.
    origin_xy : (x, y), px
        Of the first node.
    xy_from_index : array_like, (2, 2)
        Steps of the grid: columns are the steps in px along x and y of the array.
    """

    def __init__(
        self,
        displacements_xy: npt.ArrayLike,
        origin_xy: tuple[float, float],
        xy_from_index: npt.ArrayLike,
    ) -> None:
        self._field = np.asarray(displacements_xy, dtype=np.float64)
        self._origin = np.asarray(origin_xy, dtype=np.float64)
        steps = np.asarray(xy_from_index, dtype=np.float64)
        self._index_from_xy = np.linalg.inv(steps)
        rows, columns = self._field.shape[:2]
        x, y = np.meshgrid(
            np.linspace(0, columns - 1, min(columns, _FIT_NODES)),
            np.linspace(0, rows - 1, min(rows, _FIT_NODES)),
        )
        nodes = np.column_stack([x.reshape(-1), y.reshape(-1)]) @ steps.T + self._origin
        super().__init__(fit_affine(nodes, self.apply(nodes)))

    def apply(self, in_xy: npt.ArrayLike) -> FloatArray:
        """Map points; see `PointTransform.apply`."""
        points = as_points_xy(in_xy)
        index, is_inside = self._index(points)
        moved = np.column_stack([self._sampled(index, axis) for axis in (0, 1)])
        return points + np.where(is_inside[:, None], moved, 0.0)

    def apply_with_jacobian(self, in_xy: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Map points, with the derivatives over the grid's cell there."""
        points = as_points_xy(in_xy)
        index, is_inside = self._index(points)
        rows, columns = self._field.shape[:2]
        cell = np.clip(np.floor(index), 0, [max(columns - 2, 0), max(rows - 2, 0)]).astype(np.intp)
        x, y = cell[:, 0], cell[:, 1]
        right, below = np.minimum(x + 1, columns - 1), np.minimum(y + 1, rows - 1)
        u, v = (np.clip(index - cell, 0.0, 1.0)).T[:, :, None]
        first, second = self._field[y, x], self._field[y, right]
        third, fourth = self._field[below, x], self._field[below, right]
        along_x = (second - first) * (1 - v) + (fourth - third) * v
        along_y = (third - first) * (1 - u) + (fourth - second) * u
        slopes = np.stack([along_x, along_y], axis=2) @ self._index_from_xy
        jacobian = np.eye(2) + np.where(is_inside[:, None, None], slopes, 0.0)
        return self.apply(points), jacobian

    def _index(self, points: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        index = (points - self._origin) @ self._index_from_xy.T
        rows, columns = self._field.shape[:2]
        is_inside = (index >= -0.5).all(axis=1) & (index <= [columns - 0.5, rows - 0.5]).all(axis=1)
        return index, is_inside

    def _sampled(self, index: FloatArray, axis: int) -> FloatArray:
        return np.asarray(map_coordinates(self._field[:, :, axis], index.T[::-1], order=1, mode="nearest"))


class TurnedRound(PointTransform):
    """The inverse of a transform: what it maps, this maps back.

    Parameters
    ----------
    inner : PointTransform
        ``in_from_out``.
    """

    def __init__(self, inner: PointTransform) -> None:
        self._inner = inner

    def apply(self, in_xy: npt.ArrayLike) -> FloatArray:
        """Map points; see `PointTransform.apply`."""
        return self._inner.apply_inverse(in_xy)

    def apply_inverse(self, out_xy: npt.ArrayLike) -> FloatArray:
        """Map points back; see `PointTransform.apply_inverse`."""
        return self._inner.apply(out_xy)
