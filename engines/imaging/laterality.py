"""Which eye an image shows, and whether one of two images is mirrored; "not known" is an answer, too.

In the usual view of a fundus image the optic disc lies on the nasal side: right of the macula in a right
eye (OD), left of it in a left one (OS).
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from engines.contract.errors import GeometryError
from engines.contract.geometry import as_points_xy
from engines.imaging.opencv import cv2
from engines.imaging.transforms.point_transform import PointTransform
from engines.imaging.transforms.transform_fits import fit_similarity, residuals

Laterality: TypeAlias = Literal["OD", "OS"]

_WORDS: dict[str, Laterality] = {"od": "OD", "os": "OS", "right": "OD", "left": "OS"}
_SIGMA_SHARE = 0.055
_SMALLEST_OFFSET = 0.15
_LARGEST_OFFSET = 0.48
_LARGEST_HEIGHT = 0.22
_CLEAR_RATIO = 1.35
_SMALLEST_NUM_PAIRS = 4
_CLEARLY_BETTER = 0.4


def laterality_of_name(name: str) -> Laterality | None:
    """Return the eye that a file name tells by a word of its own (OD, OS, right, left), or None."""
    words = re.split(r"[^a-zA-Z]+", name.rsplit(".", 1)[0].lower())
    found = {_WORDS[word] for word in words if word in _WORDS}
    return found.pop() if len(found) == 1 else None


def laterality_of_vessels(strength: npt.NDArray[np.float32]) -> Laterality | None:
    """Return the eye that an image shows, by where its vessels converge.

    The optic disc is taken to lie where vessels are densest. The answer is None when that place is near
    the middle, near the border, far above or below, or not clearly denser than its mirror image: images
    of the macula alone, and those centred on the disc, do not tell.

    Parameters
    ----------
    strength : ndarray of float32, (H, W)
        0 to 1, see `engines.imaging.enhancement.vessel_map`.
    """
    seen = (strength > 0).astype(np.float32)
    columns, rows = np.flatnonzero(seen.any(axis=0)), np.flatnonzero(seen.any(axis=1))
    if columns.size < 32 or rows.size < 32:
        return None
    field = strength[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = field.shape
    sigma = _SIGMA_SHARE * max(width, height)
    density = np.asarray(cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT))
    y, x = np.unravel_index(int(np.argmax(density)), density.shape)
    across = (float(x) - (width - 1) / 2) / width
    down = (float(y) - (height - 1) / 2) / height
    mirrored = float(density[y, width - 1 - x])
    is_clear = density[y, x] >= _CLEAR_RATIO * max(mirrored, 1e-6)
    is_beside = _SMALLEST_OFFSET <= abs(across) <= _LARGEST_OFFSET and abs(down) <= _LARGEST_HEIGHT
    if not (is_clear and is_beside):
        return None
    return "OD" if across > 0 else "OS"


def is_mirroring(transform: PointTransform, at_xy: tuple[float, float]) -> bool:
    """Tell whether a transform turns right-handed into left-handed at a point of its in image."""
    x, y = at_xy
    points = transform.apply([(x - 0.5, y), (x + 0.5, y), (x, y - 0.5), (x, y + 0.5)])
    jacobian = np.column_stack([points[1] - points[0], points[3] - points[2]])
    return bool(np.isfinite(jacobian).all() and np.linalg.det(jacobian) < 0)


def pairs_look_mirrored(in_xy: npt.ArrayLike, out_xy: npt.ArrayLike) -> bool:
    """Tell whether pairs agree far better with a mirrored similarity than with a plain one.

    Parameters
    ----------
    in_xy, out_xy : array_like, (N, 2), px

    Returns
    -------
    bool
        False with fewer than four pairs, and where both fit alike: on a line, they say nothing.
    """
    points_in, points_out = as_points_xy(in_xy), as_points_xy(out_xy)
    if len(points_in) < _SMALLEST_NUM_PAIRS:
        return False
    flipped = points_in * np.array([-1.0, 1.0])
    try:
        plain = residuals(fit_similarity(points_in, points_out), points_in, points_out)
        mirrored = residuals(fit_similarity(flipped, points_out), flipped, points_out)
    except GeometryError:
        return False
    return _root_mean_square(mirrored) < _CLEARLY_BETTER * _root_mean_square(plain)


def _root_mean_square(values: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2)))
