"""Point pairs ready for a fit: checked, and brought to one scale so that every system is well conditioned."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engines.contract.errors import GeometryError
from engines.contract.geometry import FloatArray, as_points_xy
from engines.imaging.transforms.point_transform import TransformModel

SMALLEST_NUM_POINTS: dict[TransformModel, int] = {
    "similarity": 2,
    "affine": 3,
    "homography": 4,
    "quadratic": 6,
    "thin_plate_spline": 3,
}
"""Pairs that determine each model, the stiffest model first."""

MODEL_NAMES: dict[TransformModel, str] = {
    "similarity": "similarity",
    "affine": "affine transform",
    "homography": "homography",
    "quadratic": "quadratic transform",
    "thin_plate_spline": "thin-plate spline",
}
SMALLEST_SPREAD = 1e-6
"""Points closer than this share of their spread lie in one place, or on one line."""


class Frame(NamedTuple):
    """Where points lie and how far they spread: ``scaled = (points - centre) * scale``."""

    centre: FloatArray
    scale: float

    def scaled(self, points_xy: FloatArray) -> FloatArray:
        """Return pixels in the frame, ``(N, 2)``."""
        return (points_xy - self.centre) * self.scale

    def pixels(self, scaled: FloatArray) -> FloatArray:
        """Return positions of the frame in pixels, ``(N, 2)``."""
        return scaled / self.scale + self.centre

    @property
    def matrix(self) -> FloatArray:
        """``frame_from_pixels`` as (3, 3)."""
        x, y = self.centre
        return np.array(
            [[self.scale, 0.0, -self.scale * x], [0.0, self.scale, -self.scale * y], [0.0, 0.0, 1.0]]
        )


class ScaledPairs(NamedTuple):
    """Pairs in frames of their own, ``(N, 2)`` each, spread 1 about 0."""

    points_in: FloatArray
    points_out: FloatArray
    frame_in: Frame
    frame_out: Frame


def paired(in_xy: npt.ArrayLike, out_xy: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return pairs as two ``(N, 2)`` arrays.

    Raises
    ------
    GeometryError
        If the numbers differ, or a coordinate is not finite.
    """
    points_in, points_out = as_points_xy(in_xy), as_points_xy(out_xy)
    if len(points_in) != len(points_out):
        raise GeometryError(
            "{num_in} points cannot be paired with {num_out}.",
            num_in=len(points_in),
            num_out=len(points_out),
        )
    if not (np.isfinite(points_in).all() and np.isfinite(points_out).all()):
        raise GeometryError("Points must be finite numbers.", remedy="Remove the points without coordinates.")
    return points_in, points_out


def scaled_pairs(model: TransformModel, in_xy: npt.ArrayLike, out_xy: npt.ArrayLike) -> ScaledPairs:
    """Return checked pairs, centred and scaled to spread 1.

    Raises
    ------
    GeometryError
        If there are too few pairs for the model, or they coincide or lie on one line.
    """
    points_in, points_out = paired(in_xy, out_xy)
    require_pairs(model, len(points_in), SMALLEST_NUM_POINTS[model])
    frames = [_frame(model, points) for points in (points_in, points_out)]
    return ScaledPairs(frames[0].scaled(points_in), frames[1].scaled(points_out), frames[0], frames[1])


def require_pairs(model: TransformModel, num_points: int, needed: int) -> None:
    """Refuse too few pairs.

    Raises
    ------
    GeometryError
    """
    if num_points < needed:
        raise GeometryError(
            "{num_points} point pairs do not determine this {model}; {needed} are needed.",
            remedy="Place more pairs, or choose a simpler transform.",
            num_points=num_points,
            model=MODEL_NAMES[model],
            needed=needed,
        )


def collinear(model: TransformModel) -> GeometryError:
    """Return the error of points on one line."""
    return GeometryError(
        "The points lie on one line, so they do not determine this {model}.",
        remedy="Add a pair away from the line, or choose a similarity.",
        model=MODEL_NAMES[model],
    )


def _frame(model: TransformModel, points: FloatArray) -> Frame:
    centre = points.mean(axis=0)
    large, small = np.linalg.svd(points - centre, compute_uv=False)[:2]
    size = float(np.abs(points).max()) + 1.0
    if large < SMALLEST_SPREAD * size:
        raise GeometryError(
            "The points of one image all lie in one place.", remedy="Place them apart from each other."
        )
    if model != "similarity" and small < SMALLEST_SPREAD * large:
        raise collinear(model)
    return Frame(centre, float(np.sqrt(len(points)) / large))
