"""The thin-plate spline: the smoothest way to bend a plane through point pairs (Bookstein 1989).

With ``U(r) = r^2 log r^2`` and centres ``c_j``, one axis of the out image is
``f(x) = a_0 + a_x x + a_y y + sum_j w_j U(|x - c_j|)``; the weights bend nothing affine.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from engines.contract.errors import GeometryError
from engines.contract.geometry import FloatArray, as_points_xy, compose, invert
from engines.imaging.transforms.curved_transform import CurvedTransform
from engines.imaging.transforms.point_pairs import (
    SMALLEST_SPREAD,
    Frame,
    ScaledPairs,
    collinear,
    scaled_pairs,
)

_POINTS_AT_ONCE = 1024
_SMALLEST_SQUARE = 1e-30


class ThinPlateSpline(CurvedTransform):
    """A thin-plate spline.

    Parameters
    ----------
    centres : ndarray of float64, (N, 2)
        In points, in their frame.
    weights : ndarray of float64, (N, 2)
    affine : ndarray of float64, (3, 2)
        Shift, then the factors of x and y; one column an out axis.
    frame_in, frame_out : Frame
    """

    def __init__(
        self, centres: FloatArray, weights: FloatArray, affine: FloatArray, frame_in: Frame, frame_out: Frame
    ) -> None:
        inner = np.vstack([np.column_stack([affine[1:].T, affine[0]]), [0.0, 0.0, 1.0]])
        super().__init__(compose(invert(frame_out.matrix), inner, frame_in.matrix))
        self._centres = centres
        self._weights = weights
        self._affine = affine
        self._frame_in = frame_in
        self._frame_out = frame_out

    def apply(self, in_xy: npt.ArrayLike) -> FloatArray:
        """Map points; see `PointTransform.apply`."""
        scaled = self._frame_in.scaled(as_points_xy(in_xy))
        mapped = [self._mapped(part, kernel(squares(part, self._centres))) for part in _parts(scaled)]
        return self._frame_out.pixels(np.concatenate(mapped))

    def apply_with_jacobian(self, in_xy: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Map points, with the derivatives there."""
        scaled = self._frame_in.scaled(as_points_xy(in_xy))
        mapped, slopes = zip(*(self._slopes(part) for part in _parts(scaled)), strict=True)
        ratio = self._frame_in.scale / self._frame_out.scale
        return self._frame_out.pixels(np.concatenate(mapped)), np.concatenate(slopes) * ratio

    def _mapped(self, points: FloatArray, kernels: FloatArray) -> FloatArray:
        return self._affine[0] + points @ self._affine[1:] + kernels @ self._weights

    def _slopes(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        distances = squares(points, self._centres)
        logs = np.log(np.maximum(distances, _SMALLEST_SQUARE))
        mapped = self._mapped(points, distances * logs)
        # d/dx of r^2 log r^2 is 2 (log r^2 + 1) (x - c); the sum over centres is two matrix products.
        logs += 1.0
        total = logs @ self._weights
        slopes = [
            self._affine[1 + axis]
            + 2.0 * (points[:, axis, None] * total - logs @ (self._weights * self._centres[:, axis, None]))
            for axis in (0, 1)
        ]
        return mapped, np.stack(slopes, axis=2)


def squares(points: FloatArray, centres: FloatArray) -> FloatArray:
    """Return squared distances, ``(points, centres)``."""
    # |p|^2 - 2 p c + |c|^2 as one matrix product: what is kept of it lies far above its rounding.
    left = np.column_stack([-2.0 * points, np.einsum("ij,ij->i", points, points), np.ones(len(points))])
    right = np.column_stack([centres, np.ones(len(centres)), np.einsum("ij,ij->i", centres, centres)])
    squared = left @ right.T
    return np.maximum(squared, 0.0, out=squared)


def kernel(squared: FloatArray) -> FloatArray:
    """Return ``r^2 log r^2``, 0 at 0."""
    return squared * np.log(np.maximum(squared, _SMALLEST_SQUARE))


def fit_thin_plate_spline(
    in_xy: npt.ArrayLike, out_xy: npt.ArrayLike, smoothing: float = 0.0
) -> ThinPlateSpline:
    """Return the spline through point pairs.

    Parameters
    ----------
    in_xy, out_xy : array_like, (N, 2)
        At least 3 pairs.
    smoothing : float
        0 goes through every pair; more lets the spline miss them for less bending. In units of the
        squared spread of the points, so that 1e-3 is little and 1 is much.

    Raises
    ------
    GeometryError
        If there are fewer than 3 pairs, they lie on one line, or two of them share a point.
    """
    return solve_thin_plate_spline(scaled_pairs("thin_plate_spline", in_xy, out_xy), smoothing)[0]


def solve_thin_plate_spline(
    pairs: ScaledPairs, smoothing: float = 0.0
) -> tuple[ThinPlateSpline, FloatArray, FloatArray]:
    """Fit checked pairs; see `fit_thin_plate_spline`.

    Returns
    -------
    spline : ThinPlateSpline
    weights : ndarray of float64, (N, 2)
    strengths : ndarray of float64, (N,)
        Diagonal of the inverse of the system: what the leave-one-out error is the weights over.
    """
    points, num_points = pairs.points_in, len(pairs.points_in)
    if smoothing == 0.0 and num_points > 1:
        gaps, _ = cKDTree(points).query(points, k=2)
        if gaps[:, 1].min() < SMALLEST_SPREAD:
            raise GeometryError(
                "Two pairs share a point of one image, and no thin-plate spline goes through both.",
                remedy="Move or exclude one of them.",
            )
    design = np.column_stack([np.ones(num_points), points])
    system = np.zeros((num_points + 3, num_points + 3))
    system[:num_points, :num_points] = kernel(squares(points, points))
    system[np.arange(num_points), np.arange(num_points)] = smoothing
    system[:num_points, num_points:] = design
    system[num_points:, :num_points] = design.T
    try:
        inverse = np.linalg.inv(system)
    except np.linalg.LinAlgError as error:
        raise collinear("thin_plate_spline") from error
    weights = inverse[:, :num_points] @ pairs.points_out
    spline = ThinPlateSpline(
        points, weights[:num_points], weights[num_points:], pairs.frame_in, pairs.frame_out
    )
    return spline, weights[:num_points], np.diag(inverse)[:num_points].copy()


def _parts(points: FloatArray) -> list[FloatArray]:
    """Return points in pieces whose distances to every centre fit into the cache."""
    num_parts = max(1, -(-len(points) // _POINTS_AT_ONCE))
    return np.array_split(points, num_parts)
