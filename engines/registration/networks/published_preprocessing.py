"""The preparation of images that the published network was trained with. No torch here."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from engines.imaging.opencv import cv2

Preprocessing: TypeAlias = Literal["flat", "published"]

_CLIP_LIMIT = 2.0
_TILES = (8, 8)
_GAMMA = 1.2


def published_intensity(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return a grey image after z-score, stretching, CLAHE and gamma, 0 to 1.

    The published code also stretches every image to a square; here the aspect ratio is kept.

    Parameters
    ----------
    grey : ndarray of uint8, (H, W)
        Green channel.
    """
    values = grey.astype(np.float32)
    values = (values - values.mean()) / (values.std() + 1e-6)
    span = float(values.max() - values.min())
    stretched = (values - values.min()) * (255.0 / span if span > 0 else 0.0)
    even = cv2.createCLAHE(clipLimit=_CLIP_LIMIT, tileGridSize=_TILES).apply(stretched.astype(np.uint8))
    return np.asarray((even.astype(np.float32) / 255.0) ** (1.0 / _GAMMA), dtype=np.float32)
