"""Body, lungs and vessels of a chest CT from HU alone; no network, no weights.

Masks are bool, (I, J, K), slices across the last axis, which runs from the feet to the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from engines.imaging.volumes.label_metrics import Mask, Spacing
from engines.synthesis.volumes.windows import FloatVoxels

BODY_HU = -500.0
AIR_HU = -320.0
VESSEL_RISE_HU = 80.0
_SMALLEST_LUNG_ML = 50.0
_RIM_PX = 4
_CORE_MM = 4.0
_CLOSING_MM = 6.0
_TOTAL_ML = (1000.0, 9000.0)
_RATIO = (0.5, 2.0)


@dataclass(frozen=True)
class LungMask:
    """Both lungs and how plausible they are.

    Parameters
    ----------
    mask : ndarray of bool, (I, J, K)
    volume_ml : float
    ratio : float or None
        Of the two pieces' volumes, the larger over the smaller; None for one piece.
    problem : str
        Empty when plausible.
    """

    mask: Mask
    volume_ml: float
    ratio: float | None
    problem: str = ""


def body_mask(hu: npt.NDArray[Any]) -> Mask:
    """Return the largest piece above -500 HU of each slice, holes filled; everything when nothing is."""
    smooth = ndimage.gaussian_filter(np.asarray(hu, dtype=np.float32), (1.0, 1.0, 0.0))
    above = smooth > BODY_HU
    if not above.any():
        return np.ones(hu.shape, dtype=bool)
    # The table is thin and touches the back: without a rim the two come apart. Lungs are filled first,
    # or the wall of the chest would go as well.
    body = np.zeros(hu.shape, dtype=bool)
    across = ndimage.generate_binary_structure(2, 1)
    for number in range(hu.shape[2]):
        filled = ndimage.binary_fill_holes(above[:, :, number])
        core = _largest(ndimage.binary_erosion(filled, across, iterations=_RIM_PX, border_value=1))
        grown = ndimage.binary_dilation(core, across, iterations=_RIM_PX + 1)
        # Air between back and table was filled as well: it lies at the rim of what is left.
        body[:, :, number] = ndimage.binary_fill_holes(grown & (above[:, :, number] | core))
    return body if body.any() else above


def _largest(mask: Mask) -> Mask:
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == int(np.argmax(sizes)))


def lung_mask(hu: npt.NDArray[Any], body: Mask, spacing_mm: Spacing) -> LungMask:
    """Return the lungs: air inside the body that does not reach the border of a slice, closed by 6 mm.

    Closing takes the vessels of the hilum in. The airways above the lungs go with small pieces.
    """
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    air = (ndimage.gaussian_filter(np.asarray(hu, dtype=np.float32), 0.7) < AIR_HU) & body
    air &= ~_connected_to_sides(air)
    # What is thin everywhere is no lung: air between back and table, folds of clothes.
    core = ndimage.distance_transform_edt(air, sampling=spacing_mm) > _CORE_MM
    labels, count = ndimage.label(core)
    sizes = np.bincount(labels.ravel(), minlength=count + 1).astype(float) * voxel_ml
    sizes[0] = 0.0
    order = [number for number in np.argsort(-sizes) if sizes[number] >= _SMALLEST_LUNG_ML][:2]
    if not order:
        return LungMask(np.zeros(hu.shape, dtype=bool), 0.0, None, "no lungs were found")
    kept = np.isin(labels, order)
    lungs = air & (ndimage.distance_transform_edt(~kept, sampling=spacing_mm) <= 2.0 * _CORE_MM)
    closed = _closed(lungs, spacing_mm) & body
    for number in range(closed.shape[2]):
        closed[:, :, number] = ndimage.binary_fill_holes(closed[:, :, number])
    total = float(closed.sum()) * voxel_ml
    ratio = float(sizes[order[0]] / sizes[order[1]]) if len(order) > 1 else None
    return LungMask(closed, total, ratio, _problem(total, ratio))


def _problem(total_ml: float, ratio: float | None) -> str:
    if not _TOTAL_ML[0] <= total_ml <= _TOTAL_ML[1]:
        return "the lungs hold less than 1 L or more than 9 L"
    if ratio is not None and not _RATIO[0] <= ratio <= _RATIO[1]:
        return "one lung is more than twice as large as the other"
    return ""


def _connected_to_sides(air: Mask) -> Mask:
    """Return the pieces that touch a side of a slice: air around the body that the mask let in."""
    labels, _ = ndimage.label(air)
    sides = np.concatenate([labels[[0, -1]].ravel(), labels[:, [0, -1]].ravel()])
    touching = np.setdiff1d(np.unique(sides), [0])
    return np.asarray(np.isin(labels, touching))


def _closed(mask: Mask, spacing_mm: Spacing) -> Mask:
    """Return a mask closed by a ball of `_CLOSING_MM`, by distances: fast for any radius."""
    pad = [int(np.ceil(_CLOSING_MM / step)) + 1 for step in spacing_mm]
    grown = np.pad(mask, [(count, count) for count in pad])
    grown = ndimage.distance_transform_edt(~grown, sampling=spacing_mm) <= _CLOSING_MM
    shrunk = ndimage.distance_transform_edt(grown, sampling=spacing_mm) > _CLOSING_MM
    inner = tuple(slice(count, count + side) for count, side in zip(pad, mask.shape, strict=True))
    return np.asarray(shrunk[inner] | mask)


def vessel_proxy(ncct_hu: FloatVoxels, cta_hu: FloatVoxels, body: Mask) -> Mask:
    """Return where contrast raised the image by more than 80 HU, without single voxels.

    For metrics and sampling only, never an input: it holds what is to be predicted.
    """
    rise = ndimage.gaussian_filter(cta_hu - ncct_hu, 0.5) > VESSEL_RISE_HU
    rise &= body
    neighbours = ndimage.uniform_filter(rise.astype(np.float32), 3) * 27.0
    return np.asarray(rise & (neighbours >= 4.0))
