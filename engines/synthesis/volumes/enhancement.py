"""Contrast simulated into a real non-contrast CT: a realistic pair where no real one is at hand.

Vessels of the lung are segmented by their value inside the lungs, large vessels and the heart by soft tissue
of the mediastinum that is compact; their HU are raised, blurred as a scanner would, and noise of an own is
added. **Simulated**: which voxels are blood is a guess, and how much they rise is made up.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from engines.contract.errors import InputError
from engines.imaging.volumes.label_metrics import Mask, Spacing
from engines.imaging.volumes.volume import Volume
from engines.synthesis.volumes.canonical import axis_turn
from engines.synthesis.volumes.masks import body_mask, lung_mask
from engines.synthesis.volumes.windows import HU_RANGE, FloatVoxels

_LUNG_VESSEL_HU = -500.0
_SMALLEST_VESSEL_MM3 = 40.0
_BLOOD_HU = (10.0, 85.0)
_CORE_MM = 9.0
_SMALLEST_CORE_ML = 5.0
_BLUR_MM = 0.8
_NOISE_HU = 8.0


def simulate_enhancement(ncct: Volume, *, rise_hu: float = 300.0, seed: int = 0) -> Volume:
    """Return a copy of a chest CT with simulated contrast in its vessels, int16 HU.

    Parameters
    ----------
    ncct : Volume
        HU.
    rise_hu : float
        Rise of blood in a voxel that is all vessel.
    seed : int

    Raises
    ------
    InputError
        If no lungs are found, so that it is no chest CT.
    """
    turn = axis_turn(ncct.geometry)
    spacing = turn.spacing(ncct.geometry)
    plain = np.ascontiguousarray(turn.turned(ncct.voxels)).astype(np.float32)
    body = body_mask(plain)
    lungs = lung_mask(plain, body, spacing)
    if not lungs.mask.any():
        raise InputError(
            "No lungs were found in this CT.", remedy="Contrast is simulated in CT of the chest only."
        )
    share = _vessel_share(plain, lungs.mask, spacing) + _core_share(plain, lungs.mask, body, spacing)
    sigma = [_BLUR_MM / step for step in spacing]
    share = ndimage.gaussian_filter(np.clip(share, 0.0, 1.0), sigma)
    random = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(random.normal(0, 1, plain.shape).astype(np.float32), (0.6, 0.6, 0.0))
    made = plain + rise_hu * share + _NOISE_HU * noise / float(noise.std()) * body
    voxels = turn.restored(np.clip(np.round(made), *HU_RANGE).astype(np.int16))
    return Volume(voxels, ncct.geometry, ncct.header)


def _vessel_share(plain: FloatVoxels, lungs: Mask, spacing: Spacing) -> FloatVoxels:
    """Return how much of each voxel of the lung is vessel, from lung tissue to blood, without specks."""
    found = (plain > _LUNG_VESSEL_HU) & lungs
    labels, count = ndimage.label(found)
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * float(np.prod(spacing))
    sizes[0] = 0.0
    kept = (sizes >= _SMALLEST_VESSEL_MM3)[labels]
    around = ndimage.binary_dilation(kept) & lungs
    return np.where(around, np.clip((plain + 850.0) / 890.0, 0.0, 1.0), 0.0).astype(np.float32)


def _core_share(plain: FloatVoxels, lungs: Mask, body: Mask, spacing: Spacing) -> FloatVoxels:
    """Return 1 in compact soft tissue between the lungs: heart and great vessels, without the wall."""
    middle = _between(lungs) & body & ~lungs
    smooth = ndimage.gaussian_filter(plain, [1.5 / step for step in spacing])
    blood = middle & (smooth > _BLOOD_HU[0]) & (smooth < _BLOOD_HU[1])
    depth = ndimage.distance_transform_edt(blood, sampling=spacing)
    seeds, count = ndimage.label(depth > 0.5 * _CORE_MM)
    sizes = np.bincount(seeds.ravel(), minlength=count + 1) * float(np.prod(spacing)) / 1000.0
    sizes[0] = 0.0
    core = (sizes >= _SMALLEST_CORE_ML)[seeds]
    grown = ndimage.distance_transform_edt(~core, sampling=spacing) <= 0.4 * _CORE_MM
    return (grown & blood).astype(np.float32)


def _between(lungs: Mask) -> Mask:
    """Return what lies between the outer borders of the lungs along the first axis, in the middle half."""
    first = np.maximum.accumulate(lungs, axis=0)
    last = np.maximum.accumulate(lungs[::-1], axis=0)[::-1]
    inside = first & last
    columns = np.flatnonzero(lungs.any(axis=(0, 2)))
    if columns.size:
        low, high = columns[0], columns[-1]
        # The back quarter holds the spine.
        inside[:, : low + (high - low) // 4] = False
    return np.asarray(inside)
