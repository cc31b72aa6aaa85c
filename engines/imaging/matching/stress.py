"""Harder versions of an image pair, seeded, with the matrices by which landmarks follow.

zoom              the moving image is cut to a disc with a radius of 30 % of its long side
low_overlap       each image loses 35 % of its width, on opposite sides
any               the moving image is scaled by 0.75 to 1.33
degraded          the moving image is blurred (3 px per 640), its contrast cut to 40 %, and noise of 6
                  grey levels added after the turn
heavily_degraded  the same, each 1.5 times as much; not part of `STRESS_KINDS`

The moving image is also turned: by any angle for `any`, by at most 30 degrees otherwise.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from engines.contract.errors import ConfigError
from engines.contract.geometry import FloatArray, compose, resize_matrix, translation_matrix
from engines.imaging.field_of_view import field_of_view, resize
from engines.imaging.images import ImageArray, to_uint8
from engines.imaging.opencv import cv2
from engines.imaging.transforms.warping import rotate_on_enlarged_canvas

StressKind: TypeAlias = Literal["zoom", "low_overlap", "any", "degraded", "heavily_degraded"]
STRESS_KINDS: tuple[StressKind, ...] = ("zoom", "low_overlap", "any", "degraded")
"""What a whole evaluation scores."""

_TURN_DEG = 30.0
_DISC_SHARE = 0.30
_CUT_SHARE = 0.35
_SCALES = (0.75, 1.33)
_BLUR_SHARE = 3.0 / 640.0
_CONTRAST = 0.4
_NOISE = 6.0
_HEAVILY = 1.5


class StressedPair(NamedTuple):
    """A derived pair, uint8, and where its pixels come from.

    Parameters
    ----------
    fixed, moving : ndarray of uint8
    stressed_from_fixed, stressed_from_moving : ndarray of float64, (3, 3)
        Derived pixels from pixels of the given images.
    """

    fixed: npt.NDArray[np.uint8]
    moving: npt.NDArray[np.uint8]
    stressed_from_fixed: FloatArray
    stressed_from_moving: FloatArray


def derive(kind: StressKind, fixed: ImageArray, moving: ImageArray, seed: int) -> StressedPair:
    """Return a harder version of a pair; the same for the same seed.

    Parameters
    ----------
    kind : "zoom", "low_overlap", "any", "degraded" or "heavily_degraded"
    fixed, moving : ndarray of uint8 or uint16, (H, W) or (H, W, 3)
    seed : int

    Raises
    ------
    ConfigError
        If there is no such kind.
    """
    kinds = get_args(StressKind)
    if kind not in kinds:
        raise ConfigError(
            "There is no stress test {kind}.", remedy="Use {kinds}.", kind=kind, kinds=", ".join(kinds)
        )
    rng = np.random.default_rng(seed)
    fixed_image, moving_image = to_uint8(fixed), to_uint8(moving)
    fixed_matrix = moving_matrix = np.eye(3)
    limit = 180.0 if kind == "any" else _TURN_DEG
    degrees = float(rng.uniform(-limit, limit))
    if kind == "zoom":
        moving_image = _cut_to_disc(moving_image)
    elif kind == "low_overlap":
        keeps_left = bool(rng.integers(2))
        fixed_image, fixed_matrix = _cut_side(fixed_image, keeps_left)
        moving_image, moving_matrix = _cut_side(moving_image, not keeps_left)
    elif kind == "any":
        scale = float(np.exp(rng.uniform(*np.log(_SCALES))))
        height, width = moving_image.shape[:2]
        size = (round(width * scale), round(height * scale))
        moving_image, moving_matrix = resize(moving_image, size), resize_matrix((width, height), size)
    moving_image, turn = rotate_on_enlarged_canvas(moving_image, degrees)
    if kind in ("degraded", "heavily_degraded"):
        # After the turn: resampling would smooth the noise away.
        times = _HEAVILY if kind == "heavily_degraded" else 1.0
        moving_image = _degrade(moving_image, max(moving.shape[:2]), times, rng)
    return StressedPair(fixed_image, moving_image, fixed_matrix, compose(turn, moving_matrix))


def _cut_to_disc(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = image.shape[:2]
    rows, columns = np.ogrid[:height, :width]
    distance = np.hypot(columns - (width - 1) / 2, rows - (height - 1) / 2)
    return _blackened(image, distance <= _DISC_SHARE * max(width, height))


def _cut_side(image: npt.NDArray[np.uint8], keeps_left: bool) -> tuple[npt.NDArray[np.uint8], FloatArray]:
    width = image.shape[1]
    cut = round(_CUT_SHARE * width)
    if keeps_left:
        return np.ascontiguousarray(image[:, : width - cut]), np.eye(3)
    return np.ascontiguousarray(image[:, cut:]), translation_matrix((-cut, 0))


def _degrade(
    image: npt.NDArray[np.uint8], long_side_px: int, times: float, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Blur, flatten and add noise inside the field of view, so many times; the surround stays black."""
    mask = field_of_view(image)
    blurred = cv2.GaussianBlur(image.astype(np.float32), (0, 0), times * _BLUR_SHARE * long_side_px)
    mean = blurred[mask].mean(axis=0)
    flat = mean + _CONTRAST / times * (blurred - mean) + rng.normal(0.0, times * _NOISE, image.shape)
    return _blackened(flat.clip(0, 255).astype(np.uint8), mask)


def _blackened(image: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    return np.where(mask if image.ndim == 2 else mask[:, :, None], image, 0).astype(np.uint8)
