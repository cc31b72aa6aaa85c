"""Refine a rough transform by laying vessel centre lines on one another.

An iterated closest point search that knows directions: neighbours are sought in (x, y, direction), both
ways, and residuals count fully across a vessel and little along it, where a line cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from engines.contract.geometry import FloatArray, apply_homography, compose, translation_matrix
from engines.imaging.matching.overlap_score import map_with_directions, overlap_share
from engines.imaging.transforms.transform_fits import MatrixModel
from engines.imaging.vessels.skeleton import SkeletonPoints
from engines.imaging.vessels.vessel_features import VesselFeatures

_COARSE_STAGES: tuple[tuple[MatrixModel, float, int], ...] = (
    ("similarity", 24.0, 3),
    ("similarity", 14.0, 3),
    ("affine", 10.0, 4),
    ("affine", 7.0, 3),
)
_FINAL_STAGES = ((5.0, 4), (4.0, 4))
_HOMOGRAPHY_OVERLAP = 0.6
_DIRECTION_PX = 8.0
_SEARCH_TOLERANCES = 2.5
_TANGENT_WEIGHT = 0.15
_RIDGE = 1e-3
_FEWEST_PAIRS = 30
_SCALE_LIMITS = (0.35, 2.9)
_LARGEST_STRETCH = 1.3
_LARGEST_PERSPECTIVE = 0.25
# Parameters of each model among (h11 h12 h13 h21 h22 h23 h31 h32), as columns of a basis.
_NUM_PARAMETERS = {"affine": 6, "homography": 8}


@dataclass(frozen=True)
class RefinedTransform:
    """Result of a refinement between the common sizes.

    Parameters
    ----------
    fixed_from_moving : ndarray of float64, (3, 3)
    model : "similarity", "affine" or "homography"
    num_pairs : int
        Point pairs of the last iteration.
    """

    fixed_from_moving: FloatArray
    model: MatrixModel
    num_pairs: int


def refine_transform(
    fixed: VesselFeatures,
    moving: VesselFeatures,
    fixed_from_moving: FloatArray,
    final_model: MatrixModel | None = None,
) -> RefinedTransform | None:
    """Refine a transform between the common sizes of two images.

    Parameters
    ----------
    fixed, moving : VesselFeatures
    fixed_from_moving : ndarray of float64, (3, 3)
        Start, right to about 25 px at the common size.
    final_model : str, optional
        Left out, a homography when at least 60 % of the points overlap and an affine transform otherwise,
        because a homography extrapolates badly from a small common area.

    Returns
    -------
    RefinedTransform or None
        None when too few vessels meet or the transform is not plausible for two images of one eye.
    """
    if min(len(fixed.points), len(moving.points)) < _FEWEST_PAIRS:
        return None
    problem = Alignment(fixed.points, moving.points)
    state = problem.start(fixed_from_moving)
    num_pairs = 0
    last = final_model or "homography"
    for model, tolerance, iterations in _COARSE_STAGES:
        if last == "similarity":
            model = "similarity"
        for _ in range(iterations):
            step = problem.step(state, model, tolerance)
            if step is None:
                return None
            state, num_pairs = step
    if final_model is None:
        share = overlap_share(fixed.points, fixed.mask, moving.points, moving.mask, problem.matrix(state))
        last = "homography" if share >= _HOMOGRAPHY_OVERLAP else "affine"
    for tolerance, iterations in _FINAL_STAGES:
        for _ in range(iterations):
            step = problem.step(state, last, tolerance)
            if step is None:
                return None
            state, num_pairs = step
    if not problem.is_plausible(state):
        return None
    return RefinedTransform(problem.matrix(state), last, num_pairs)


class Alignment:
    """Gauss-Newton over point pairs, in moving coordinates that are centred and scaled to spread 1."""

    def __init__(self, fixed: SkeletonPoints, moving: SkeletonPoints) -> None:
        self._moving = moving
        self._fixed_xy = fixed.points_xy
        self.fixed_normal = np.column_stack([-np.sin(fixed.directions), np.cos(fixed.directions)])
        self._fixed_features = _with_direction(fixed.points_xy, fixed.directions)
        self._fixed_tree = cKDTree(self._fixed_features)
        self._centre = moving.points_xy.mean(axis=0)
        self._spread = float(np.sqrt(np.square(moving.points_xy - self._centre).sum(axis=1).mean())) + 1e-9
        self._unit_xy = (moving.points_xy - self._centre) / self._spread

    def start(self, fixed_from_moving: FloatArray) -> FloatArray:
        """Return the start as a matrix from unit coordinates: the similarity nearest to it."""
        mapped = apply_homography(fixed_from_moving, self._moving.points_xy)
        design, target = _similarity_design(self._unit_xy), mapped.reshape(-1)
        (a, b, x, y), *_ = np.linalg.lstsq(design, target, rcond=None)
        return np.array([[a, -b, x], [b, a, y], [0.0, 0.0, 1.0]])

    def matrix(self, state: FloatArray) -> FloatArray:
        """Return a state as ``fixed_from_moving`` in pixels."""
        unit = np.diag([1 / self._spread, 1 / self._spread, 1.0])
        return compose(state, unit, translation_matrix((-self._centre[0], -self._centre[1])))

    def step(self, state: FloatArray, model: MatrixModel, tolerance: float) -> tuple[FloatArray, int] | None:
        """Pair points under the current transform and improve it once; None when that is not possible."""
        mapped_xy, mapped_directions = map_with_directions(self.matrix(state), self._moving)
        moving_index, fixed_index = self.pairs(mapped_xy, mapped_directions, tolerance)
        if len(moving_index) < _FEWEST_PAIRS:
            return None
        difference = mapped_xy[moving_index] - self._fixed_xy[fixed_index]
        weight = np.exp(-np.square(difference).sum(axis=1) / (2 * tolerance**2))
        normal = self.fixed_normal[fixed_index]
        tangent = np.column_stack([normal[:, 1], -normal[:, 0]])
        jacobian = _jacobian(state, self._unit_xy, mapped_xy, model)[moving_index]
        rows = np.concatenate(
            [
                np.einsum("ni,nip->np", normal, jacobian),
                np.einsum("ni,nip->np", tangent, jacobian),
            ]
        )
        residual = np.concatenate([(normal * difference).sum(axis=1), (tangent * difference).sum(axis=1)])
        row_weight = np.concatenate([weight, _TANGENT_WEIGHT * weight])
        update = _solve(rows, residual, row_weight)
        if update is None:
            return None
        improved = _add(state, update, model)
        if not np.isfinite(improved).all() or np.linalg.det(improved[:2, :2]) <= 0:
            return None
        return improved, len(moving_index)

    def is_plausible(self, state: FloatArray) -> bool:
        """Tell whether two images of one eye can differ by this much."""
        # At the centre (0, 0) of the unit frame the third row is (h31, h32, 1).
        jacobian = (state[:2, :2] - np.outer(state[:2, 2], state[2, :2])) / self._spread
        if np.linalg.det(jacobian) <= 0:
            return False
        large, small = np.linalg.svd(jacobian, compute_uv=False)
        perspective = float(np.hypot(*state[2, :2]))
        return bool(
            small >= _SCALE_LIMITS[0]
            and large <= _SCALE_LIMITS[1]
            and large / small <= _LARGEST_STRETCH
            and perspective <= _LARGEST_PERSPECTIVE
        )

    def pairs(
        self, mapped_xy: FloatArray, mapped_directions: FloatArray, tolerance: float
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Return indices of moving and fixed points that are neighbours, from both sides."""
        limit = _SEARCH_TOLERANCES * tolerance
        features = _with_direction(mapped_xy, mapped_directions)
        distance, nearest = self._fixed_tree.query(features, distance_upper_bound=limit)
        is_near = np.isfinite(distance)
        tree = cKDTree(features, balanced_tree=False, compact_nodes=False)
        back_distance, back_nearest = tree.query(self._fixed_features, distance_upper_bound=limit)
        is_back_near = np.isfinite(back_distance)
        moving_index = np.concatenate([np.flatnonzero(is_near), back_nearest[is_back_near]])
        fixed_index = np.concatenate([nearest[is_near], np.flatnonzero(is_back_near)])
        return moving_index, fixed_index


def _with_direction(points_xy: FloatArray, directions: FloatArray) -> FloatArray:
    doubled = 2.0 * directions
    return np.column_stack([points_xy, _DIRECTION_PX * np.cos(doubled), _DIRECTION_PX * np.sin(doubled)])


def _similarity_design(points_xy: FloatArray) -> FloatArray:
    """Return rows x, y, x, y, ... that are linear in (a, b, shift x, shift y)."""
    design = np.zeros((2 * len(points_xy), 4))
    x, y = points_xy.T
    design[0::2, 0], design[0::2, 1], design[0::2, 2] = x, -y, 1.0
    design[1::2, 0], design[1::2, 1], design[1::2, 3] = y, x, 1.0
    return design


def _jacobian(
    state: FloatArray, unit_xy: FloatArray, mapped_xy: FloatArray, model: MatrixModel
) -> FloatArray:
    """Return the derivative of mapped points by the parameters of a model, (N, 2, P)."""
    x, y = unit_xy.T
    depth = state[2, 0] * x + state[2, 1] * y + 1.0
    one, zero = 1.0 / depth, np.zeros_like(x)
    if model == "similarity":
        across = np.stack([x * one, -y * one, one, zero], axis=1)
        down = np.stack([y * one, x * one, zero, one], axis=1)
        return np.stack([across, down], axis=1)
    columns_x = [x * one, y * one, one, zero, zero, zero]
    columns_y = [zero, zero, zero, x * one, y * one, one]
    if model == "homography":
        columns_x += [-mapped_xy[:, 0] * x * one, -mapped_xy[:, 0] * y * one]
        columns_y += [-mapped_xy[:, 1] * x * one, -mapped_xy[:, 1] * y * one]
    return np.stack([np.stack(columns_x, axis=1), np.stack(columns_y, axis=1)], axis=1)


def _solve(rows: FloatArray, residual: FloatArray, weight: FloatArray) -> FloatArray | None:
    """Return the weighted step with columns scaled and a small ridge; None when it is singular."""
    weighted = rows * weight[:, None]
    normal = weighted.T @ rows
    scale = np.sqrt(np.diag(normal))
    if not np.isfinite(scale).all() or (scale <= 1e-12).any():
        return None
    scaled = normal / np.outer(scale, scale) + _RIDGE * np.eye(len(scale))
    try:
        return np.asarray(np.linalg.solve(scaled, -(weighted.T @ residual) / scale) / scale)
    except np.linalg.LinAlgError:
        return None


def _add(state: FloatArray, update: FloatArray, model: MatrixModel) -> FloatArray:
    if model == "similarity":
        a, b, x, y = update
        return state + np.array([[a, -b, x], [b, a, y], [0.0, 0.0, 0.0]])
    change = np.zeros(9)
    change[: _NUM_PARAMETERS[model]] = update
    return state + change.reshape(3, 3)
