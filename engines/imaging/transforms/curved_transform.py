"""What every curved transform shares: its way back, found by Newton's method, and where it folds."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray, Size, apply_homography, as_points_xy, compose, invert
from engines.imaging.transforms.point_transform import PointTransform

_NEWTON_STEPS = 25
_SMALLEST_STEP = 1.0 / 64.0
_CLOSE_ENOUGH_PX = 1e-8
_FOLD_NODES = 48


class CurvedTransform(PointTransform):
    """A transform without a matrix.

    Parameters
    ----------
    linear_out_from_in : ndarray of float64, (3, 3)
        The affine transform that it is nearest to; its way back starts from there.
    """

    def __init__(self, linear_out_from_in: FloatArray) -> None:
        self._linear = linear_out_from_in
        self._linear_inverse = invert(linear_out_from_in)
        self._sign = float(np.sign(np.linalg.det(linear_out_from_in[:2, :2])))

    @abstractmethod
    def apply_with_jacobian(self, in_xy: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return mapped points ``(N, 2)`` and the derivatives there, ``(N, out axis, in axis)``."""

    @property
    def linear_part(self) -> FloatArray:
        """The affine transform that it is nearest to, ``out_from_in``, (3, 3)."""
        return self._linear

    def apply_inverse(self, out_xy: npt.ArrayLike) -> FloatArray:
        """Map points back; see `PointTransform.apply_inverse`."""
        return self.solve(out_xy, self.linear_inverse(out_xy))

    def linear_inverse(self, out_xy: npt.ArrayLike) -> FloatArray:
        """Map points back by the linear part alone, ``(N, 2)``."""
        return apply_homography(self._linear_inverse, out_xy)

    def solve(self, out_xy: npt.ArrayLike, start_in_xy: npt.ArrayLike) -> FloatArray:
        """Map points back, beginning at a guess.

        Newton's method, each step halved until it helps. A solution where the transform is turned
        inside out is none.

        Parameters
        ----------
        out_xy, start_in_xy : array_like, (N, 2)

        Returns
        -------
        ndarray of float64, (N, 2)
            Not finite where nothing was found.
        """
        wanted, found = as_points_xy(out_xy), as_points_xy(start_in_xy).copy()
        solution = np.full_like(found, np.nan)
        left = np.flatnonzero(np.isfinite(found).all(axis=1) & np.isfinite(wanted).all(axis=1))
        mapped, jacobian = self.apply_with_jacobian(found[left])
        miss = wanted[left] - mapped
        size = np.ones(len(left))
        for _ in range(_NEWTON_STEPS):
            determinant = np.linalg.det(jacobian)
            distance = np.hypot(miss[:, 0], miss[:, 1])
            is_there = (distance < _CLOSE_ENOUGH_PX) & (determinant * self._sign > 0)
            solution[left[is_there]] = found[left[is_there]]
            goes_on = ~is_there & (np.abs(determinant) > 1e-12) & (size >= _SMALLEST_STEP)
            left, miss, jacobian, distance, size = (
                values[goes_on] for values in (left, miss, jacobian, distance, size)
            )
            if not left.size:
                break
            step = _solved(jacobian, miss) * size[:, None]
            tried = found[left] + step
            mapped, new_jacobian = self.apply_with_jacobian(tried)
            new_miss = wanted[left] - mapped
            is_better = np.hypot(new_miss[:, 0], new_miss[:, 1]) < np.maximum(distance, _CLOSE_ENOUGH_PX)
            found[left[is_better]] = tried[is_better]
            miss = np.where(is_better[:, None], new_miss, miss)
            jacobian = np.where(is_better[:, None, None], new_jacobian, jacobian)
            size = np.where(is_better, 1.0, size / 2)
        return solution

    def folded_share(self, in_size: Size) -> float:
        """Return the share of an image of (width, height) px that the transform turns inside out, 0..1."""
        width, height = in_size
        x, y = np.meshgrid(np.linspace(0, width - 1, _FOLD_NODES), np.linspace(0, height - 1, _FOLD_NODES))
        _, jacobian = self.apply_with_jacobian(np.column_stack([x.reshape(-1), y.reshape(-1)]))
        return float(np.mean(np.linalg.det(jacobian) * self._sign <= 0))


def _solved(jacobian: FloatArray, miss: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.solve(jacobian, miss[:, :, None])[:, :, 0])


class ResizedCurve(CurvedTransform):
    """A curved transform between resized copies of the two images that it was made for.

    Parameters
    ----------
    inner : CurvedTransform
        Between the images.
    in_from_inner, out_from_inner : ndarray of float64, (3, 3)
        The resizes, affine.
    """

    def __init__(self, inner: CurvedTransform, in_from_inner: FloatArray, out_from_inner: FloatArray) -> None:
        self._inner = inner
        self._inner_from_in = invert(in_from_inner)
        self._out_from_inner = out_from_inner
        super().__init__(compose(out_from_inner, inner.linear_part, self._inner_from_in))

    def apply(self, in_xy: npt.ArrayLike) -> FloatArray:
        """Map points; see `PointTransform.apply`."""
        inner = self._inner.apply(apply_homography(self._inner_from_in, in_xy))
        return apply_homography(self._out_from_inner, inner)

    def apply_with_jacobian(self, in_xy: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Map points, with the derivatives there."""
        inner, slopes = self._inner.apply_with_jacobian(apply_homography(self._inner_from_in, in_xy))
        slopes = self._out_from_inner[:2, :2] @ slopes @ self._inner_from_in[:2, :2]
        return apply_homography(self._out_from_inner, inner), slopes
