"""Exhaustive search for a rotation, scale and shift that lay one vessel map on another.

Both maps are reduced to complex images ``w exp(2 i theta)``, w in 0..1 the strength and theta the direction
of a line: averaging them down cancels texture and keeps vessels. Every rotation and scale of a grid is
correlated over all shifts with real FFTs. The score is divided by both whole energies, which penalises
tiny overlaps without a further rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from engines.contract.geometry import (
    FloatArray,
    apply_homography,
    image_corners_xy,
    invert,
    resize_matrix,
    translation_matrix,
)
from engines.imaging.field_of_view import FIELD_DIAMETER_PX, enclosing_circle
from engines.imaging.opencv import cv2
from engines.imaging.vessels.vessel_features import VesselFeatures

_COARSE_DIAMETER_PX = 96.0
_ROTATION_STEP_DEG = 6
_LOG_SCALE_STEP = 0.08
_NUM_SCALE_STEPS = 8
_PEAKS_PER_POSE = 2
_SUPPRESSION_RADIUS = 4
_DISTINCT_SHARE = 0.06


@dataclass(frozen=True)
class SearchCandidate:
    """One pose found by the search.

    Parameters
    ----------
    fixed_from_moving : ndarray of float64, (3, 3)
        Similarity between the common sizes.
    score : float
        Normalised correlation, at most 1.
    """

    fixed_from_moving: FloatArray
    score: float


@dataclass(frozen=True)
class _CoarseMap:
    """A vessel map at search size: a square around its content, real and imaginary part."""

    parts: npt.NDArray[np.float32]
    coarse_from_common: FloatArray
    radius: float


def search(
    fixed: VesselFeatures,
    moving: VesselFeatures,
    num_candidates: int,
    should_stop: Callable[[], bool] = lambda: False,
    progress: Callable[[float], None] = lambda _: None,
) -> list[SearchCandidate]:
    """Return the best clearly different poses, the best first.

    Parameters
    ----------
    fixed, moving : VesselFeatures
    num_candidates : int
    should_stop : callable
        Asked before each scale; the search then ends without a result.
    progress : callable
        Told the share done, 0 to 1.
    """
    fixed_map, moving_map = _coarse_map(fixed), _coarse_map(moving)
    if fixed_map is None or moving_map is None:
        return []
    found: list[tuple[float, FloatArray]] = []
    scales = [float(np.exp(_LOG_SCALE_STEP * k)) for k in range(-_NUM_SCALE_STEPS, _NUM_SCALE_STEPS + 1)]
    for number, scale in enumerate(scales):
        if should_stop():
            return []
        found += _search_scale(fixed_map, moving_map, scale)
        progress((number + 1) / len(scales))
    found.sort(key=lambda item: -item[0])

    candidates: list[SearchCandidate] = []
    kept_corners: list[FloatArray] = []
    common_from_coarse = invert(fixed_map.coarse_from_common)
    corners = image_corners_xy(moving.size)
    distinct_px = _DISTINCT_SHARE * FIELD_DIAMETER_PX
    for score, coarse_from_moving in found:
        fixed_from_moving = common_from_coarse @ coarse_from_moving @ moving_map.coarse_from_common
        mapped = apply_homography(fixed_from_moving, corners)
        if all(np.linalg.norm(mapped - other, axis=1).mean() > distinct_px for other in kept_corners):
            candidates.append(SearchCandidate(fixed_from_moving, score))
            kept_corners.append(mapped)
            if len(candidates) == num_candidates:
                break
    return candidates


def oriented_map(features: VesselFeatures) -> npt.NDArray[np.float32] | None:
    """Return the complex image of an eye's lines, real and imaginary part, (H, W, 2); None without lines."""
    response, mask = features.lines.response, features.mask
    strongest = float(np.percentile(response[mask], 99)) if mask.any() else 0.0
    if strongest <= 0.0:
        return None
    weight = np.where(mask, np.minimum(response / strongest, 1.0), 0.0)
    doubled = 2.0 * features.lines.direction
    return np.dstack([weight * np.cos(doubled), weight * np.sin(doubled)]).astype(np.float32)


def _coarse_map(features: VesselFeatures) -> _CoarseMap | None:
    """Average a vessel map down and cut a square around its content; None without content."""
    full = oriented_map(features)
    if full is None:
        return None
    ratio = _COARSE_DIAMETER_PX / FIELD_DIAMETER_PX
    size = (max(1, round(features.size[0] * ratio)), max(1, round(features.size[1] * ratio)))
    coarse = cv2.resize(full, size, interpolation=cv2.INTER_AREA)
    (centre_x, centre_y), radius = enclosing_circle(np.abs(coarse).sum(axis=2) > 0)
    left, top = int(np.floor(centre_x - radius)), int(np.floor(centre_y - radius))
    side = int(np.ceil(2 * radius)) + 2
    square = cv2.warpAffine(
        coarse, np.array([[1.0, 0.0, -left], [0.0, 1.0, -top]]), (side, side), flags=cv2.INTER_NEAREST
    )
    coarse_from_common = translation_matrix((-left, -top)) @ resize_matrix(features.size, size)
    return _CoarseMap(np.ascontiguousarray(square), coarse_from_common, radius)


def _search_scale(fixed: _CoarseMap, moving: _CoarseMap, scale: float) -> list[tuple[float, FloatArray]]:
    """Correlate all rotations at one scale; a half turn shares the transforms of the map."""
    fixed_side, moving_side = fixed.parts.shape[0], moving.parts.shape[0]
    side = int(np.ceil(2 * moving.radius * scale)) + 3
    length = fft.next_fast_len(fixed_side + side, real=True)
    shape = (length, length)
    fixed_spectra = [fft.rfft2(fixed.parts[:, :, part], shape, workers=1) for part in range(2)]
    fixed_energy = float(np.sqrt(np.sum(np.square(fixed.parts))))
    middle, turned_middle = (moving_side - 1) / 2, (side - 1) / 2
    found = []
    for degrees in range(0, 180, _ROTATION_STEP_DEG):
        angle = np.deg2rad(degrees)
        cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
        turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
        turned_from_moving = (
            translation_matrix((turned_middle, turned_middle)) @ turn @ translation_matrix((-middle, -middle))
        )
        turned = cv2.warpAffine(moving.parts, turned_from_moving[:2], (side, side), flags=cv2.INTER_LINEAR)
        # A line's direction turns with the image, so its doubled angle turns by twice as much.
        real = np.cos(2 * angle) * turned[:, :, 0] - np.sin(2 * angle) * turned[:, :, 1]
        imaginary = np.sin(2 * angle) * turned[:, :, 0] + np.cos(2 * angle) * turned[:, :, 1]
        energy = fixed_energy * float(np.sqrt(np.sum(np.square(turned)))) + 1e-12
        spectra = [fft.rfft2(part.astype(np.float32), shape, workers=1) for part in (real, imaginary)]
        direct = fixed_spectra[0] * np.conj(spectra[0]) + fixed_spectra[1] * np.conj(spectra[1])
        flipped = fixed_spectra[0] * spectra[0] + fixed_spectra[1] * spectra[1]
        half_turn = np.array([[-1.0, 0.0, side - 1.0], [0.0, -1.0, side - 1.0], [0.0, 0.0, 1.0]])
        for product, shift, pose in (
            (direct, 0, turned_from_moving),
            (flipped, side - 1, half_turn @ turned_from_moving),
        ):
            correlation = fft.irfft2(product, shape, workers=1)
            for score, x, y in _peaks(correlation):
                # Shifts are known modulo the length of the transform; the map starts left of `fixed_side`.
                offset = [value - shift for value in (x, y)]
                offset = [value - length if value >= fixed_side else value for value in offset]
                found.append((score / energy, translation_matrix((offset[0], offset[1])) @ pose))
    return found


def _peaks(correlation: npt.NDArray[np.float32]) -> list[tuple[float, int, int]]:
    """Return ``(value, x, y)`` of the highest cells, suppressing the cells around each (cyclic)."""
    length = correlation.shape[0]
    around = np.arange(-_SUPPRESSION_RADIUS, _SUPPRESSION_RADIUS + 1)
    peaks = []
    for _ in range(_PEAKS_PER_POSE):
        y, x = divmod(int(np.argmax(correlation)), length)
        peaks.append((float(correlation[y, x]), x, y))
        correlation[np.ix_((y + around) % length, (x + around) % length)] = -np.inf
    return peaks
