"""A mask seen from the front as a lit surface: enough to see a broken branch without a 3-D view."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from engines.imaging.volumes.label_metrics import Mask, Spacing, bounding_box
from engines.imaging.volumes.volume import VolumeGeometry
from engines.refinement.reports.pictures import ADDED, KEPT, REMOVED, Picture

Voxels = npt.NDArray[Any]

_SIDE = 480
_BLUR_MM = 0.8
_AMBIENT = 0.3
_LIGHT = np.array([0.35, -0.8, 0.5])
_NEAR = 0.35
"""How much darker the farthest surface is than the nearest."""


def seen_from_front(voxels: Voxels, geometry: VolumeGeometry) -> Voxels:
    """Return an array as someone before the patient sees it: axes to the patient's left, back, and head."""
    from nibabel import orientations

    own = orientations.io_orientation(geometry.world_from_voxel)
    turn = orientations.ornt_transform(own, orientations.axcodes2ornt(("L", "P", "S")))
    return np.asarray(orientations.apply_orientation(voxels, turn))


def spacing_from_front(geometry: VolumeGeometry) -> Spacing:
    """Return the spacing along the axes of `seen_from_front`."""
    from nibabel import orientations

    own = orientations.io_orientation(geometry.world_from_voxel)
    first, second, third = (
        geometry.spacing_mm[int(np.flatnonzero(own[:, 0] == axis)[0])] for axis in range(3)
    )
    return first, second, third


def surface_picture(before: Mask, after: Mask, spacing_mm: Spacing) -> Picture:
    """Return both masks as one lit surface, (H, W, 3): kept grey, added green, removed magenta.

    It is seen along the second axis; the first goes to the right and the third upwards, in millimetres.

    Parameters
    ----------
    before, after : ndarray of bool, (I, J, K)
    spacing_mm : (i, j, k)
    """
    either = before | after
    if not either.any():
        return np.zeros((_SIDE, _SIDE, 3), dtype=np.uint8)
    box = bounding_box(either, margin=2)
    sides_mm = [step * (side.stop - side.start) for step, side in zip(spacing_mm, box, strict=True)]
    step = max(max(sides_mm) / _SIDE, 0.2)
    zoom = [own / step for own in spacing_mm]
    kinds = np.zeros(tuple(side.stop - side.start for side in box), dtype=np.uint8)
    kinds[before[box] & after[box]] = 1
    kinds[after[box] & ~before[box]] = 2
    kinds[before[box] & ~after[box]] = 3
    inside = ndimage.zoom((kinds > 0).astype(np.float32), zoom, order=1)
    inside = ndimage.gaussian_filter(inside, min(_BLUR_MM, min(spacing_mm)) / step)
    # Thin vessels fade when they are blurred: half of what a voxel keeps is inside.
    solid = inside >= min(0.5, 0.5 * float(inside.max()))
    depth = np.argmax(solid, axis=1)
    seen = np.take_along_axis(solid, depth[:, None], axis=1)[:, 0]
    first, third = np.nonzero(seen)
    at = (first, depth[seen], third)
    normal = np.stack([-np.gradient(inside, axis=axis)[at] for axis in range(3)], axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    light = _LIGHT / np.linalg.norm(_LIGHT)
    lit = _AMBIENT + (1 - _AMBIENT) * np.clip(normal @ light, 0, 1)
    lit *= 1.0 - _NEAR * depth[seen] / max(1, solid.shape[1] - 1)
    nearest = ndimage.distance_transform_edt(kinds == 0, return_distances=False, return_indices=True)
    source = tuple(
        np.minimum((place / factor).astype(int), size - 1)
        for place, factor, size in zip(at, zoom, kinds.shape, strict=True)
    )
    kind = kinds[tuple(nearest[axis][source] for axis in range(3))]
    colours = np.array([KEPT, KEPT, ADDED, REMOVED], dtype=np.float64)
    picture = np.zeros((*seen.shape, 3), dtype=np.uint8)
    picture[first, third] = (lit[:, None] * colours[kind]).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.flip(np.swapaxes(picture, 0, 1), axis=0))
