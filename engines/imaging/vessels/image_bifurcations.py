"""Vessel bifurcations of an image in its own pixels, as places that a person or a method can name exactly.

They come from a vessel mask where there is one, and otherwise from the response of the line filter. A
junction of the skeleton is a pixel or two off where thick vessels meet; the point is therefore moved to
where the branches that leave it would cross.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.morphology import skeletonize

from engines.contract.geometry import FloatArray, Size, apply_homography, invert, resize_matrix
from engines.imaging.field_of_view import BoolImage, common_size, resize
from engines.imaging.images import to_uint8
from engines.imaging.vessels.bifurcations import clean_vessel_mask, find_bifurcations
from engines.imaging.vessels.skeleton import vessels_of_response
from engines.imaging.vessels.vessel_features import VesselFeatures, prepare

_NEAR_PX, _FAR_PX = 3.0, 11.0
_SHORTEST_ARM = 4
_LARGEST_STEP_PX = 3.0
_SMALLEST_ANGLE = np.sin(np.deg2rad(25.0))
_EIGHT = np.ones((3, 3), dtype=np.uint8)


def bifurcations_of_image(
    image: npt.NDArray[np.uint8 | np.uint16], vessel_mask: npt.NDArray[np.generic] | None = None
) -> FloatArray:
    """Find where vessels meet.

    Parameters
    ----------
    image : ndarray of uint8 or uint16, (H, W) or (H, W, 3) RGB
    vessel_mask : ndarray, (H, W), optional
        Anything but zero is vessel; of another size, it covers the same field.

    Returns
    -------
    ndarray of float64, (N, 2)
        ``(x, y)`` in px of the image, the thickest vessels first.
    """
    if vessel_mask is None:
        return bifurcations_of_features(prepare(image))
    vessels = vessel_mask if vessel_mask.ndim == 2 else vessel_mask.max(axis=2)
    size: Size = (image.shape[1], image.shape[0])
    working, _ = common_size(to_uint8(image))
    if max(working) < max(vessels.shape):
        # Above the common size nothing is gained but time lost.
        vessels = resize((vessels > 0).astype(np.uint8) * 255, working) >= 128
    points = refined(vessels > 0, find_bifurcations(vessels > 0).points_xy)
    return apply_homography(resize_matrix((vessels.shape[1], vessels.shape[0]), size), points)


def bifurcations_of_features(features: VesselFeatures) -> FloatArray:
    """Find where the vessels of a prepared image meet; see `bifurcations_of_image`."""
    points = bifurcations_at_common_size(features)
    return apply_homography(invert(features.common_from_native), points)


def bifurcations_at_common_size(features: VesselFeatures) -> FloatArray:
    """Find where the vessels of a prepared image meet, ``(N, 2)`` in px of its common size."""
    vessels = vessels_of_response(features.lines, features.mask)
    return refined(vessels, find_bifurcations(vessels, features.mask).points_xy)


def refined(vessels: BoolImage, points_xy: FloatArray) -> FloatArray:
    """Move points to where the branches that leave them would cross.

    Parameters
    ----------
    vessels : ndarray of bool, (H, W)
    points_xy : ndarray of float64, (N, 2)
        Near bifurcations of the mask, px.

    Returns
    -------
    ndarray of float64, (N, 2)
        A point stays where it is when its branches do not determine a crossing within a few pixels.
    """
    if len(points_xy) == 0:
        return points_xy
    skeleton = skeletonize(clean_vessel_mask(vessels, max(vessels.shape) / 768.0))
    rows, columns = np.nonzero(skeleton)
    if len(rows) == 0:
        return points_xy
    line_xy = np.column_stack([columns, rows]).astype(np.float64)
    around = cKDTree(line_xy).query_ball_point(points_xy, _FAR_PX)
    return np.array(
        [_crossing(point, line_xy[places]) for point, places in zip(points_xy, around, strict=True)]
    )


def _crossing(point: FloatArray, line_xy: FloatArray) -> FloatArray:
    """Return the point nearest to all branches of the skeleton that leave a point."""
    offsets = line_xy - point
    offsets = offsets[np.hypot(offsets[:, 0], offsets[:, 1]) >= _NEAR_PX]
    normals, distances = [], []
    for arm in _arms(offsets):
        centre = arm.mean(axis=0)
        direction = np.linalg.svd(arm - centre, full_matrices=False)[2][0]
        normal = np.array([-direction[1], direction[0]])
        normals.append(normal)
        distances.append(float(normal @ centre))
    if len(normals) < 2:
        return point
    # Branches that run nearly alike say nothing of where along them they meet.
    if np.linalg.svd(np.array(normals), compute_uv=False)[-1] < _SMALLEST_ANGLE:
        return point
    step, *_ = np.linalg.lstsq(np.array(normals), np.array(distances), rcond=None)
    return np.asarray(point + step) if np.hypot(*step) <= _LARGEST_STEP_PX else point


def _arms(offsets: FloatArray) -> list[FloatArray]:
    """Return the connected pieces of a skeleton around a point, as offsets from it."""
    if len(offsets) == 0:
        return []
    # All differ from each other by whole pixels.
    places = np.rint(offsets - offsets.min(axis=0)).astype(int)
    drawn = np.zeros(places.max(axis=0) + 1, dtype=np.uint8)
    drawn[places[:, 0], places[:, 1]] = 1
    labels, count = ndimage.label(drawn, structure=_EIGHT)
    of_point = labels[places[:, 0], places[:, 1]]
    arms = [offsets[of_point == number] for number in range(1, count + 1)]
    return [arm for arm in arms if len(arm) >= _SHORTEST_ARM]
