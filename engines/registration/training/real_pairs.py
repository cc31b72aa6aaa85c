"""Real pairs for phase 4: their transform, how far it can be trusted, and training pairs made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.contract.geometry import FloatArray, apply_homography, compose, invert
from engines.contract.kinds import AnnotationKind, Split
from engines.contract.manifest import ItemRecord
from engines.contract.run_context import RunContext
from engines.imaging.images import read_image, read_mask
from engines.imaging.matching.classical_registration import ClassicalOptions, register
from engines.imaging.opencv import cv2
from engines.imaging.transforms.transform_fits import estimate_affine_magsac, is_plausible, residuals
from engines.imaging.vessels.image_bifurcations import bifurcations_of_image
from engines.registration.config import TrainConfig
from engines.registration.data import PairSource, WarpedPair, rendered_pair
from engines.registration.inference.network_view import NetworkView, network_view
from engines.registration.networks.published_preprocessing import Preprocessing
from engines.registration.training.appearance import LookView
from engines.registration.training.images import drawn_points, mask_on_view, vessels_of_view
from engines.registration.training.warps import (
    WarpRange,
    points_of_field,
    random_homography,
    sample_through,
)

_NOMINAL_SIZE_PX = 768.0
_RANSAC_PX = 5.0
_MORE_THAN_POINTS = 4
_HOMOGRAPHY_FROM_POINTS = 8
_LEAST_INLIERS = 5
_WEIGHT_RMSE_PX = 5.0
_REAL_LABEL_WEIGHT = 0.5
_SWAPPED_MARGIN = 0.1


@dataclass(frozen=True)
class PairGeometry:
    """The transform of a real pair.

    Parameters
    ----------
    moving_from_fixed : ndarray of float64, (3, 3)
    num_inliers : int
    rmse_px : float
        Of the inliers, in pixels at 768 px.
    model : str
    """

    moving_from_fixed: FloatArray
    num_inliers: int
    rmse_px: float
    model: str

    @property
    def weight(self) -> float:
        """Return how much a descriptor loss under this transform counts, 0 to 1."""
        return float(np.exp(-self.rmse_px / _WEIGHT_RMSE_PX))


@dataclass(frozen=True)
class RealPair:
    """Two views of one eye with their transform.

    Parameters
    ----------
    item : str
    fixed, moving : NetworkView
        Square.
    fixed_xy, moving_xy : ndarray of float64, (N, 2)
        Points to learn from, view pixels.
    geometry : PairGeometry
    vessels : ndarray of bool, (S, S)
        Of the fixed image.
    has_landmarks : bool
        Whether a person placed the points.
    """

    item: str
    fixed: NetworkView
    moving: NetworkView
    fixed_xy: FloatArray
    moving_xy: FloatArray
    geometry: PairGeometry
    vessels: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    has_landmarks: bool


def pair_geometry(
    fixed_xy: FloatArray, moving_xy: FloatArray, side_px: int, max_rmse_px: float
) -> PairGeometry | str:
    """Compute the transform of a pair from points, or say why it cannot be used.

    Parameters
    ----------
    fixed_xy, moving_xy : ndarray of float64, (N, 2)
        View pixels, more than four.
    side_px : int
        Side of the view; thresholds hold for 768 px.
    max_rmse_px : float
        At 768 px.
    """
    count = len(fixed_xy)
    if count <= _MORE_THAN_POINTS:
        return f"{count} point pairs are too few; more than {_MORE_THAN_POINTS} are needed"
    scale = _NOMINAL_SIZE_PX / side_px
    # A homography over-fits few points; an affine transform has two parameters less.
    is_affine = count < _HOMOGRAPHY_FROM_POINTS
    if is_affine:
        matrix = estimate_affine_magsac(fixed_xy, moving_xy, _RANSAC_PX / scale).out_from_in
    else:
        cv2.setRNGSeed(0)
        matrix, _ = cv2.findHomography(fixed_xy, moving_xy, cv2.RANSAC, _RANSAC_PX / scale)
    if matrix is None or not is_plausible(matrix, fixed_xy):
        return "no plausible transform fits its points"
    error = residuals(matrix, fixed_xy, moving_xy) * scale
    is_inlier = error <= _RANSAC_PX
    if is_inlier.sum() < _LEAST_INLIERS:
        return f"only {int(is_inlier.sum())} of its {count} point pairs agree"
    rmse = float(np.sqrt(np.square(error[is_inlier]).mean()))
    if rmse > max_rmse_px:
        return f"its points differ by {rmse:.1f} px from the transform"
    model = "affine" if is_affine else "homography"
    return PairGeometry(np.asarray(matrix, np.float64), int(is_inlier.sum()), rmse, model)


def load_real_pairs(
    run: RunContext, split: Split, config: TrainConfig, preprocessing: Preprocessing = "flat"
) -> list[RealPair]:
    """Read the real pairs of a split that have a transform; others are left out with a warning."""
    pairs = []
    for item in run.items(split):
        if not item.has("fixed", "moving"):
            continue
        run.check_stop()
        pair = _load(run, item, config, preprocessing)
        if isinstance(pair, str):
            run.warn("{item} is not used as a real pair: {reason}.", item=item.id, reason=pair)
            continue
        straight, turned = direction_agreement(pair.fixed, pair.moving, pair.geometry.moving_from_fixed)
        if turned > straight + _SWAPPED_MARGIN:
            run.warn(
                "The vessels of {item} agree better under the inverse of its transform ({turned}) than "
                "under it ({straight}): its fixed and moving points are probably swapped.",
                item=item.id,
                turned=round(turned, 2),
                straight=round(straight, 2),
            )
        pairs.append(pair)
    return pairs


def _load(
    run: RunContext, item: ItemRecord, config: TrainConfig, preprocessing: Preprocessing
) -> RealPair | str:
    images = {role: read_image(run.input_path(item, role)) for role in ("fixed", "moving")}
    fixed, moving = (
        network_view(
            images[role],
            config.image_size_px,
            item.files[role].modality,
            is_square=True,
            preprocessing=preprocessing,
        )
        for role in ("fixed", "moving")
    )
    has_landmarks = AnnotationKind.KEYPOINT_PAIRS in item.annotations
    if has_landmarks:
        fixed_xy = apply_homography(fixed.view_from_native, drawn_points(run, item, "fixed"))
        moving_xy = apply_homography(moving.view_from_native, drawn_points(run, item, "moving"))
        geometry = pair_geometry(fixed_xy, moving_xy, config.image_size_px, config.real_max_rmse_px)
        if isinstance(geometry, str):
            return geometry
    elif config.real_pairs == "landmarks":
        return "it has no keypoint pairs"
    else:
        result = register(images["fixed"], images["moving"], options=ClassicalOptions(seed=config.seed))
        if result.verdict != "registered" or result.homography_fixed_from_moving is None:
            return "it has no keypoint pairs, and could not be registered with certainty"
        matrix = compose(
            moving.view_from_native,
            invert(result.homography_fixed_from_moving),
            invert(fixed.view_from_native),
        )
        mask = read_mask(run.input_path(item, "vessel_mask")) if item.has("vessel_mask") else None
        found = bifurcations_of_image(images["fixed"], mask)
        fixed_xy = apply_homography(fixed.view_from_native, found)
        moving_xy = apply_homography(matrix, fixed_xy)
        # Twice the usual error of the recipe: it was not measured on this pair.
        geometry = PairGeometry(matrix, 0, _WEIGHT_RMSE_PX / 2, result.model)
    vessels = vessels_of_view(fixed)
    if item.has("vessel_mask"):
        drawn = read_mask(run.input_path(item, "vessel_mask"))
        if drawn.shape == images["fixed"].shape[:2]:
            vessels = mask_on_view(drawn, fixed)
    return RealPair(item.id, fixed, moving, fixed_xy, moving_xy, geometry, vessels, has_landmarks)


def real_training_pair(
    pair: RealPair, config: TrainConfig, bounds: WarpRange, generator: np.random.Generator
) -> WarpedPair:
    """Make a training pair of a real one.

    With ``real_geometry`` ``t_0to1`` the images stay as they are and the computed transform is the truth.
    With ``pre_align`` the moving image is brought onto the fixed one by it and then warped anew.
    """
    matrix = pair.geometry.moving_from_fixed
    out_from_moving = np.eye(3)
    if config.real_geometry == "pre_align":
        warp = random_homography(generator, pair.fixed.size, points_of_field(pair.fixed.field), bounds)
        out_from_moving = compose(warp, invert(matrix))
    source = PairSource(
        pair.item,
        LookView("original", pair.fixed, np.eye(3)),
        LookView("original", pair.moving, invert(matrix)),
        out_from_moving,
        pair.fixed_xy,
        apply_homography(out_from_moving, pair.moving_xy),
        compose(out_from_moving, matrix),
        pair.vessels,
        _REAL_LABEL_WEIGHT,
        pair.geometry.weight,
    )
    return rendered_pair(source, config, generator)


def direction_agreement(
    fixed: NetworkView, moving: NetworkView, moving_from_fixed: FloatArray
) -> tuple[float, float]:
    """Return how well the vessels agree under a transform, and under its inverse, -1 to 1.

    A transform that was written down in the wrong direction agrees better when it is turned round.
    """
    return (
        _agreement(fixed, moving, moving_from_fixed),
        _agreement(fixed, moving, invert(moving_from_fixed)),
    )


def _agreement(fixed: NetworkView, moving: NetworkView, moving_from_fixed: FloatArray) -> float:
    seen = sample_through(moving.vesselness, moving_from_fixed, fixed.size)
    field = sample_through(moving.field.astype(np.float32), moving_from_fixed, fixed.size) > 0.999
    common = field & fixed.field
    if common.sum() < 100:
        return 0.0
    first, second = (cv2.GaussianBlur(values, (0, 0), 1.5)[common] for values in (fixed.vesselness, seen))
    if first.std() < 1e-6 or second.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
