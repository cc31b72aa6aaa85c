"""The quadratic transform: six coefficients an axis, in ``1, x, y, x*x, x*y, y*y``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engines.contract.errors import GeometryError
from engines.contract.geometry import FloatArray, as_points_xy, compose, invert
from engines.imaging.transforms.curved_transform import CurvedTransform
from engines.imaging.transforms.point_pairs import SMALLEST_SPREAD, Frame, ScaledPairs, scaled_pairs


class QuadraticTransform(CurvedTransform):
    """A polynomial of second degree.

    Parameters
    ----------
    coefficients : ndarray of float64, (6, 2)
        One column an out axis, between the two frames.
    frame_in, frame_out : Frame
    """

    def __init__(self, coefficients: FloatArray, frame_in: Frame, frame_out: Frame) -> None:
        inner = np.vstack([np.column_stack([coefficients[1:3].T, coefficients[0]]), [0.0, 0.0, 1.0]])
        super().__init__(compose(invert(frame_out.matrix), inner, frame_in.matrix))
        self._coefficients = coefficients
        self._frame_in = frame_in
        self._frame_out = frame_out

    def in_pixels(self) -> tuple[FloatArray, FloatArray, float]:
        """Return coefficients ``(6, 2)`` that give out pixels, and centre and scale of the in frame."""
        coefficients = self._coefficients / self._frame_out.scale
        coefficients[0] += self._frame_out.centre
        return coefficients, np.asarray(self._frame_in.centre), float(self._frame_in.scale)

    def apply(self, in_xy: npt.ArrayLike) -> FloatArray:
        """Map points; see `PointTransform.apply`."""
        scaled = self._frame_in.scaled(as_points_xy(in_xy))
        return self._frame_out.pixels(quadratic_design(scaled) @ self._coefficients)

    def apply_with_jacobian(self, in_xy: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Map points, with the derivatives there."""
        scaled = self._frame_in.scaled(as_points_xy(in_xy))
        x, y = scaled.T
        c = self._coefficients
        along_x = c[1] + 2 * x[:, None] * c[3] + y[:, None] * c[4]
        along_y = c[2] + x[:, None] * c[4] + 2 * y[:, None] * c[5]
        ratio = self._frame_in.scale / self._frame_out.scale
        mapped = self._frame_out.pixels(quadratic_design(scaled) @ c)
        return mapped, np.stack([along_x, along_y], axis=2) * ratio


def quadratic_from_pixels(
    coefficients: npt.ArrayLike, centre: npt.ArrayLike, scale: float
) -> QuadraticTransform:
    """Return the transform that `QuadraticTransform.in_pixels` described."""
    frame_in = Frame(np.asarray(centre, dtype=np.float64), scale)
    return QuadraticTransform(np.asarray(coefficients, dtype=np.float64), frame_in, Frame(np.zeros(2), 1.0))


def quadratic_design(scaled: FloatArray) -> FloatArray:
    """Return the six terms of each point, ``(N, 6)``."""
    x, y = scaled.T
    return np.column_stack([np.ones_like(x), x, y, x * x, x * y, y * y])


def fit_quadratic(in_xy: npt.ArrayLike, out_xy: npt.ArrayLike) -> QuadraticTransform:
    """Return the quadratic transform with the least sum of squared errors.

    Raises
    ------
    GeometryError
        If there are fewer than 6 pairs, or the points lie on one curve of second degree.
    """
    return solve_quadratic(scaled_pairs("quadratic", in_xy, out_xy))


def solve_quadratic(pairs: ScaledPairs) -> QuadraticTransform:
    """Fit checked pairs; see `fit_quadratic`."""
    design = quadratic_design(pairs.points_in)
    coefficients, _, _, strengths = np.linalg.lstsq(design, pairs.points_out, rcond=None)
    if strengths[-1] < SMALLEST_SPREAD * strengths[0]:
        raise GeometryError(
            "The points lie on one line, circle or other curve of second degree, so they do not determine "
            "a quadratic transform.",
            remedy="Add a pair away from that curve, or choose an affine transform.",
        )
    if abs(np.linalg.det(coefficients[1:3])) < 1e-9:
        raise GeometryError(
            "The quadratic transform of these pairs squeezes the image to a line.",
            remedy="Look for wrong pairs, or choose an affine transform.",
        )
    return QuadraticTransform(coefficients, pairs.frame_in, pairs.frame_out)
