"""How sharply the line maps of two registered images agree at their pose.

Centre lines come from a threshold, and under blur and noise most of them are texture: a right pose then
has the agreement of a wrong one. The maps themselves still hold what is left of the vessels. Correlated
over shifts around a right pose they have one peak, many standard deviations above everything beside it;
around a wrong pose the refinement can only pick one of many low ones.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

from engines.contract.geometry import FloatArray
from engines.imaging.matching.oriented_search import oriented_map
from engines.imaging.opencv import cv2
from engines.imaging.vessels.vessel_features import VesselFeatures

_SIGMA_PX = 2.0
_STEP = 2
_REACH_PX, _PEAK_PX, _BESIDE_PX = 100, 4, 14
_LEAST_COMMON_PX = 500
_LEAST_OVERLAP = 0.3


def peak_sharpness(fixed: VesselFeatures, moving: VesselFeatures, fixed_from_moving: FloatArray) -> float:
    """Return how far the agreement at a pose lies above that of shifts by 14 to 100 px.

    Parameters
    ----------
    fixed, moving : VesselFeatures
    fixed_from_moving : ndarray of float64, (3, 3)
        Pixels at the common size.

    Returns
    -------
    float
        In standard deviations of the agreement over the shifts; 0 without a common area.
    """
    maps = _common_maps(fixed, moving, fixed_from_moving)
    if maps is None:
        return 0.0
    fixed_parts, moving_parts, common = maps
    reach = _REACH_PX // _STEP
    shape = [fft.next_fast_len(side + reach, real=True) for side in common.shape]

    def correlation(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> FloatArray:
        """Correlate the last two axes over shifts of up to `reach`, summed over the first axis."""
        spectra = [fft.rfft2(maps, shape, workers=1) for maps in (first, second)]
        product = np.sum(spectra[0] * np.conj(spectra[1]), axis=0)
        whole = fft.irfft2(product, shape, workers=1)
        return np.asarray(np.roll(whole, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1])

    share = correlation(common[None], common[None]) / common.sum()
    # A smaller common area leaves larger chance agreements beside it.
    agreement = correlation(fixed_parts, moving_parts) / np.sqrt(np.maximum(share, _LEAST_OVERLAP))
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    distance = _STEP * np.hypot(rows, columns)
    beside = agreement[(distance >= _BESIDE_PX) & (distance <= _REACH_PX) & (share > _LEAST_OVERLAP)]
    spread = float(beside.std()) if beside.size else 0.0
    if spread <= 0.0:
        return 0.0
    return float((agreement[distance <= _PEAK_PX].max() - beside.mean()) / spread)


def _common_maps(
    fixed: VesselFeatures, moving: VesselFeatures, fixed_from_moving: FloatArray
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]] | None:
    """Return both oriented maps (2, h, w) and the common area (h, w), thinned out and cut to that area."""
    oriented = oriented_map(fixed), oriented_map(moving)
    if oriented[0] is None or oriented[1] is None:
        return None
    warped = cv2.warpPerspective(
        _turned(oriented[1], fixed_from_moving, moving), fixed_from_moving, fixed.size
    )
    seen = cv2.warpPerspective(moving.mask.astype(np.float32), fixed_from_moving, fixed.size) > 0.5
    common = fixed.mask & seen
    if common.sum() < _LEAST_COMMON_PX:
        return None
    rows, columns = (np.flatnonzero(common.any(axis=axis)) for axis in (1, 0))
    box = (slice(rows[0], rows[-1] + 1, _STEP), slice(columns[0], columns[-1] + 1, _STEP))
    area = common[box].astype(np.float32)
    parts = []
    for image in (oriented[0], warped):
        thinned = cv2.GaussianBlur(image, (0, 0), _SIGMA_PX)[box]
        mean = thinned[area > 0].mean(axis=0)
        parts.append(np.ascontiguousarray(np.moveaxis((thinned - mean) * area[..., None], 2, 0)))
    return parts[0], parts[1], area


def _turned(
    image: npt.NDArray[np.float32], fixed_from_moving: FloatArray, moving: VesselFeatures
) -> npt.NDArray[np.float32]:
    """Turn the directions in an oriented map as the pose turns the middle of its image."""
    middle = np.array([(moving.size[0] - 1) / 2, (moving.size[1] - 1) / 2, 1.0])
    x, y, depth = fixed_from_moving @ middle
    slopes = fixed_from_moving[:2, :2] * depth - np.outer([x, y], fixed_from_moving[2, :2])
    angle = np.arctan2(slopes[1, 0] - slopes[0, 1], slopes[0, 0] + slopes[1, 1])
    cosine, sine = np.cos(2 * angle), np.sin(2 * angle)
    return np.asarray(image @ np.array([[cosine, sine], [-sine, cosine]], dtype=np.float32))
