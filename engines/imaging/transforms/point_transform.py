"""A 2-D transform as the program hands it around, whatever its model: points go both ways through it.

Matrices serve similarity, affine and homography; the curved models are classes of their own beside this.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray, Size, apply_homography, invert, normalise, resize_matrix

TransformModel: TypeAlias = Literal["similarity", "affine", "homography", "quadratic", "thin_plate_spline"]
_STEP_PX = 0.5


class PointTransform(ABC):
    """Maps points of one image (*in*) to another (*out*), and back.

    Named like matrices, ``out_from_in``: a ``fixed_from_moving`` maps moving pixels to fixed ones.
    """

    @abstractmethod
    def apply(self, in_xy: npt.ArrayLike) -> FloatArray:
        """Return where points of the in image lie in the out image.

        Parameters
        ----------
        in_xy : array_like, (N, 2)
            Pixels.

        Returns
        -------
        ndarray of float64, (N, 2)
            Not finite where the transform is not defined.
        """

    @abstractmethod
    def apply_inverse(self, out_xy: npt.ArrayLike) -> FloatArray:
        """Return where points of the out image lie in the in image; see `apply`.

        Exact for matrices; for curved models a solution near the one of their linear part, and not
        finite where there is none.
        """

    @property
    def matrix(self) -> FloatArray | None:
        """``out_from_in`` as (3, 3) with ``matrix[2, 2] == 1``, or None for a curved transform."""
        return None

    def map_xy(self, in_xy: tuple[float, float]) -> tuple[float, float] | None:
        """Return where one point lies in the out image, or None."""
        return _one(self.apply([in_xy]))

    def map_back_xy(self, out_xy: tuple[float, float]) -> tuple[float, float] | None:
        """Return where one point of the out image lies in the in image, or None."""
        return _one(self.apply_inverse([out_xy]))

    def scale_at(self, in_xy: tuple[float, float]) -> float:
        """Return how many out pixels one in pixel covers at a point; 0 where it is not defined."""
        x, y = in_xy
        points = self.apply([(x - _STEP_PX, y), (x + _STEP_PX, y), (x, y - _STEP_PX), (x, y + _STEP_PX)])
        jacobian = np.column_stack([points[1] - points[0], points[3] - points[2]])
        determinant = abs(float(np.linalg.det(jacobian))) if np.isfinite(jacobian).all() else 0.0
        return float(np.sqrt(determinant))


class ProjectiveTransform(PointTransform):
    """A similarity, affine or projective transform.

    Parameters
    ----------
    out_from_in : array_like, (3, 3)

    Raises
    ------
    GeometryError
        If the matrix cannot be inverted.
    """

    def __init__(self, out_from_in: npt.ArrayLike) -> None:
        self._out_from_in = normalise(np.asarray(out_from_in, dtype=np.float64))
        self._in_from_out = invert(self._out_from_in)

    @property
    def matrix(self) -> FloatArray:
        """``out_from_in``."""
        return self._out_from_in

    def apply(self, in_xy: npt.ArrayLike) -> FloatArray:
        """Map points; see `PointTransform.apply`."""
        return apply_homography(self._out_from_in, in_xy)

    def apply_inverse(self, out_xy: npt.ArrayLike) -> FloatArray:
        """Map points back; see `PointTransform.apply_inverse`."""
        return apply_homography(self._in_from_out, out_xy)


def between_sizes(in_size: Size, out_size: Size) -> ProjectiveTransform:
    """Return the transform that lays one whole image on another, when nothing better is known."""
    return ProjectiveTransform(resize_matrix(in_size, out_size))


def _one(points_xy: FloatArray) -> tuple[float, float] | None:
    x, y = points_xy[0]
    return (float(x), float(y)) if np.isfinite(x) and np.isfinite(y) else None
