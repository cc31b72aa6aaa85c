"""Random warps of one image, with the exact homography, and sampling through a homography.

`homography_moving_from_fixed` is the ``T_0to1`` of the literature: it maps pixels of image 0 (fixed) to
pixels of image 1 (moving).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import (
    FloatArray,
    Size,
    apply_homography,
    image_corners_xy,
    inside,
    normalise,
    similarity_matrix,
)
from engines.imaging.opencv import cv2

FloatImage = npt.NDArray[np.float32]
_ATTEMPTS = 30
_FIELD_STEP_PX = 8
_PERSPECTIVE_PROBABILITY = 0.5


@dataclass(frozen=True)
class WarpRange:
    """Bounds of a random warp.

    Parameters
    ----------
    rotation_deg : float
        Largest turn to either side.
    scale_min, scale_max : float
        Moving over fixed; drawn evenly in the logarithm.
    translation_fraction, perspective_fraction : float
        Largest shift and corner jitter, as shares of the side.
    min_overlap : float
        Smallest share of the fixed field of view that stays on the moving canvas.
    """

    rotation_deg: float
    scale_min: float
    scale_max: float
    translation_fraction: float
    perspective_fraction: float
    min_overlap: float


def random_homography(
    generator: np.random.Generator, size: Size, field_xy: FloatArray, bounds: WarpRange
) -> FloatArray:
    """Draw a warp that keeps enough of the field of view in common.

    Parameters
    ----------
    generator : numpy.random.Generator
    size : (width, height), px
        Of both canvases.
    field_xy : ndarray of float64, (N, 2)
        Points spread over the fixed field of view.
    bounds : WarpRange

    Returns
    -------
    ndarray of float64, (3, 3)
        ``homography_moving_from_fixed``.
    """
    width, height = size
    centre = ((width - 1) / 2, (height - 1) / 2)
    for attempt in range(_ATTEMPTS):
        # Shifts shrink with every refusal, so that a tight bound ends at a centred warp.
        reach = bounds.translation_fraction * (1 - attempt / _ATTEMPTS)
        offset = generator.uniform(-reach, reach, 2) * (width, height)
        angle = generator.uniform(-bounds.rotation_deg, bounds.rotation_deg)
        scale = float(np.exp(generator.uniform(np.log(bounds.scale_min), np.log(bounds.scale_max))))
        warp = similarity_matrix(angle, scale, centre, (float(offset[0]), float(offset[1])))
        if generator.random() < _PERSPECTIVE_PROBABILITY:
            warp = warp @ _corner_jitter(generator, size, bounds.perspective_fraction)
        if inside(apply_homography(warp, field_xy), size).mean() >= bounds.min_overlap:
            return normalise(warp)
    return normalise(similarity_matrix(angle, 1.0, centre))


def points_of_field(field: npt.NDArray[np.bool_]) -> FloatArray:
    """Return points spread over a field of view, (N, 2)."""
    rows, columns = np.nonzero(field[::_FIELD_STEP_PX, ::_FIELD_STEP_PX])
    return np.column_stack([columns, rows]).astype(np.float64) * _FIELD_STEP_PX


def _corner_jitter(generator: np.random.Generator, size: Size, fraction: float) -> FloatArray:
    corners = image_corners_xy(size)
    jitter = generator.uniform(-fraction, fraction, (4, 2)) * size
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), (corners + jitter).astype(np.float32))
    return np.asarray(matrix, dtype=np.float64)


def sample_through(
    image: npt.NDArray[Any], in_from_out: FloatArray, out_size: Size, *, fill: float = 0.0
) -> npt.NDArray[Any]:
    """Return ``out(x) = image(in_from_out x)``, bilinear, with `fill` outside.

    With ``homography_moving_from_fixed`` it brings a moving map onto the fixed grid: the ``W`` of the
    specification's losses.

    Parameters
    ----------
    image : ndarray, (H, W) or (H, W, C)
    in_from_out : ndarray of float64, (3, 3)
    out_size : (width, height), px
    """
    return np.asarray(
        cv2.warpPerspective(
            image,
            in_from_out,
            out_size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=fill,
        )
    )
