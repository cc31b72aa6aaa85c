"""Keypoint pairs that a verified registration suggests: where vessels fork in both images at one place.

A suggestion is a bifurcation of the fixed and one of the moving image that are each other's nearest under
the transform. Its score is ``sqrt(p * a)``, 0 to 1: ``p = exp(-(d / 4)^2)`` falls with their distance d
at the common size, ``a`` is how well the vessels around the two points agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from engines.contract.geometry import FloatArray, apply_homography, compose, inside, invert
from engines.imaging.matching.classical_registration import verify
from engines.imaging.vessels.image_bifurcations import bifurcations_at_common_size
from engines.imaging.vessels.vessel_features import VesselFeatures, prepare

_TOLERANCE_PX = 5.0
_DISTANCE_SCALE_PX = 4.0
_WINDOW_RADIUS_PX = 12
_LOWEST_SCORE = 0.3
_SPREAD_SHARE = 0.05


@dataclass(frozen=True)
class SuggestedPairs:
    """Pairs of points, the surest first.

    Parameters
    ----------
    fixed_xy, moving_xy : ndarray of float64, (N, 2)
        Native pixels.
    scores : ndarray of float64, (N,)
        0 to 1.
    """

    fixed_xy: FloatArray
    moving_xy: FloatArray
    scores: FloatArray

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, places: npt.NDArray[np.intp]) -> SuggestedPairs:
        return SuggestedPairs(self.fixed_xy[places], self.moving_xy[places], self.scores[places])


def suggest_pairs(
    fixed: npt.NDArray[np.uint8 | np.uint16],
    moving: npt.NDArray[np.uint8 | np.uint16],
    homography_fixed_from_moving: FloatArray,
    max_pairs: int = 30,
) -> SuggestedPairs:
    """Pair the bifurcations of two images through a transform that can be trusted.

    Parameters
    ----------
    fixed, moving : ndarray of uint8 or uint16, (H, W) or (H, W, 3) RGB
    homography_fixed_from_moving : ndarray of float64, (3, 3)
        Native pixels.
    max_pairs : int
    """
    readings = _readings(prepare(fixed), prepare(moving))
    # An image that does not tell the polarity of its vessels is read as the transform says.
    seen, other = max(readings, key=lambda pair: verify(*pair, homography_fixed_from_moving).z)
    found = suggest_from_features(seen, other, homography_fixed_from_moving)
    return spread(found, (fixed.shape[1], fixed.shape[0]), max_pairs)


def suggest_from_features(
    fixed: VesselFeatures, moving: VesselFeatures, homography_fixed_from_moving: FloatArray
) -> SuggestedPairs:
    """Pair the bifurcations of two prepared images; see `suggest_pairs`. All of them, none left out."""
    fixed_from_moving = compose(
        fixed.common_from_native, homography_fixed_from_moving, invert(moving.common_from_native)
    )
    fixed_xy, moving_xy = bifurcations_at_common_size(fixed), bifurcations_at_common_size(moving)
    matches, distances = _mutual_nearest(fixed_xy, apply_homography(fixed_from_moving, moving_xy))
    fixed_xy, moving_xy = fixed_xy[matches[:, 0]], moving_xy[matches[:, 1]]
    agreement = _agreement(fixed, moving, fixed_from_moving, fixed_xy, moving_xy)
    scores = np.sqrt(np.exp(-np.square(distances / _DISTANCE_SCALE_PX)) * agreement)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= _LOWEST_SCORE]
    return SuggestedPairs(
        apply_homography(invert(fixed.common_from_native), fixed_xy[order]),
        apply_homography(invert(moving.common_from_native), moving_xy[order]),
        scores[order],
    )


def spread(pairs: SuggestedPairs, fixed_size: tuple[int, int], max_pairs: int) -> SuggestedPairs:
    """Leave out pairs beside a surer one, and all but the surest `max_pairs`.

    Parameters
    ----------
    pairs : SuggestedPairs
    fixed_size : (width, height), px
        Pairs keep 5 % of its long side apart.
    max_pairs : int
    """
    on_image = np.flatnonzero(inside(pairs.fixed_xy, fixed_size))
    order = on_image[np.argsort(-pairs.scores[on_image], kind="stable")]
    apart_px = _SPREAD_SHARE * max(fixed_size)
    kept: list[int] = []
    for place in order:
        gaps = np.linalg.norm(pairs.fixed_xy[kept] - pairs.fixed_xy[place], axis=1)
        if len(kept) < max_pairs and (gaps >= apart_px).all():
            kept.append(int(place))
    return pairs[np.array(kept, dtype=np.intp)]


def _readings(fixed: VesselFeatures, moving: VesselFeatures) -> list[tuple[VesselFeatures, VesselFeatures]]:
    return [
        (seen, other)
        for seen in (fixed, fixed.alternative)
        for other in (moving, moving.alternative)
        if seen is not None and other is not None
    ]


def _mutual_nearest(fixed_xy: FloatArray, mapped_xy: FloatArray) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Return index pairs ``(M, 2)`` that are each other's nearest within the tolerance, and distances."""
    if len(fixed_xy) == 0 or len(mapped_xy) == 0:
        return np.zeros((0, 2), dtype=np.intp), np.zeros(0)
    distances, nearest = cKDTree(mapped_xy).query(fixed_xy)
    _, back = cKDTree(fixed_xy).query(mapped_xy)
    own = np.arange(len(fixed_xy))
    kept = np.flatnonzero((back[nearest] == own) & (distances <= _TOLERANCE_PX))
    return np.column_stack([kept, nearest[kept]]), np.asarray(distances[kept])


def _agreement(
    fixed: VesselFeatures,
    moving: VesselFeatures,
    fixed_from_moving: FloatArray,
    fixed_xy: FloatArray,
    moving_xy: FloatArray,
) -> FloatArray:
    """Return the correlation of the vessels around each pair of points, 0 to 1.

    Response and direction together, as ``r cos 2t, r sin 2t``; the moving image is turned and scaled as the
    transform says, with the two points laid on each other. A response counts by its square root: an
    angiogram's strong vessels would drown the others.
    """
    rows, columns = np.mgrid[
        -_WINDOW_RADIUS_PX : _WINDOW_RADIUS_PX + 1, -_WINDOW_RADIUS_PX : _WINDOW_RADIUS_PX + 1
    ]
    window = np.column_stack([columns.ravel(), rows.ravel()]).astype(np.float64)
    moving_from_fixed = invert(fixed_from_moving)
    turn = float(np.arctan2(moving_from_fixed[1, 0], moving_from_fixed[0, 0]))
    scores = []
    for seen, other in zip(fixed_xy, moving_xy, strict=True):
        centre, *around = apply_homography(moving_from_fixed, np.vstack([seen, seen + window]))
        first = np.concatenate(list(_samples(fixed, seen + window, 0.0)))
        second = np.concatenate(list(_samples(moving, np.array(around) - centre + other, turn)))
        size = float(np.linalg.norm(first) * np.linalg.norm(second))
        scores.append(max(0.0, float(first @ second) / size) if size > 0 else 0.0)
    return np.array(scores)


def _samples(features: VesselFeatures, points_xy: FloatArray, turn: float) -> Iterator[FloatArray]:
    """Yield both parts of response and direction at points, directions turned back by an angle."""
    places = points_xy.T[::-1]
    response = np.sqrt(ndimage.map_coordinates(features.lines.response, places, order=1, mode="constant"))
    direction = ndimage.map_coordinates(features.lines.direction, places, order=0, mode="nearest") - turn
    yield response * np.cos(2 * direction)
    yield response * np.sin(2 * direction)
