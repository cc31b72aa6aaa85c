"""Numbers that say how near a synthetic CTA comes to the real one; arrays in HU, (I, J, K), slices last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from engines.imaging.volumes.label_metrics import Mask
from engines.synthesis.volumes.windows import FloatVoxels

_HIGH_BAND = (0.25, 0.5)
_SMALLEST_CROP = 8
_MUSCLE_HU = (20.0, 90.0)
_BRIGHT_HU = 150.0
_SSIM_SIGMA, _SSIM_REACH = 1.5, 5
_K1, _K2 = 0.01, 0.03
SCORES = (
    "mae_hu",
    "rmse_hu",
    "psnr_db",
    "ssim",
    "lung_mae_hu",
    "vessel_mae_hu",
    "vessel_contrast_ratio",
    "hf_ratio",
    "seam_ratio",
    "vessel_dice",
)
"""In the order of the tables."""


def mae_hu(found: FloatVoxels, real: FloatVoxels, mask: Mask) -> float | None:
    """Return the mean absolute difference in a mask, None when it is empty."""
    return float(np.abs(found[mask] - real[mask]).mean()) if mask.any() else None


def high_frequency_ratio(found: npt.NDArray[Any], real: npt.NDArray[Any], mask: Mask) -> float | None:
    """Return the power of a slice between 0.25 and 0.5 cycles per pixel over that of the real one.

    The box around the mask counts, minus its mean, in a Hann window. 1 is as sharp and as noisy.

    Parameters
    ----------
    found, real : ndarray, (I, J)
    mask : ndarray of bool, (I, J)

    Returns
    -------
    float or None
        None when the box is smaller than 8 px or the real slice has no such power.
    """
    if not mask.any():
        return None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    if min(len(range(*box[0].indices(mask.shape[0]))), len(range(*box[1].indices(mask.shape[1])))) < (
        _SMALLEST_CROP
    ):
        return None
    top, bottom = _high_power(found[box]), _high_power(real[box])
    return top / bottom if bottom > 1e-9 else None


def _high_power(crop: npt.NDArray[Any]) -> float:
    crop = np.asarray(crop, dtype=np.float64)
    window = np.hanning(crop.shape[0])[:, None] * np.hanning(crop.shape[1])[None, :]
    power = np.abs(np.fft.fft2((crop - crop.mean()) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(crop.shape[0])[:, None], np.fft.fftfreq(crop.shape[1])[None, :])
    band = (frequency >= _HIGH_BAND[0]) & (frequency <= _HIGH_BAND[1])
    return float(power[band].mean())


def mean_high_frequency_ratio(found: FloatVoxels, real: FloatVoxels, mask: Mask) -> float | None:
    """Return the mean over slices of `high_frequency_ratio`, None where no slice has one."""
    values = [
        high_frequency_ratio(found[:, :, number], real[:, :, number], mask[:, :, number])
        for number in range(found.shape[2])
    ]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def ssim_map(found: FloatVoxels, real: FloatVoxels, data_range: float) -> FloatVoxels:
    """Return structural similarity, slice by slice: Gaussian windows, sigma 1.5, 11 px wide."""

    def blurred(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(
            ndimage.gaussian_filter(image, (_SSIM_SIGMA, _SSIM_SIGMA, 0), truncate=_SSIM_REACH / _SSIM_SIGMA)
        )

    # Offsets of HU cost digits in the variances.
    a, b = np.asarray(found, dtype=np.float64) / data_range, np.asarray(real, dtype=np.float64) / data_range
    c1, c2 = _K1**2, _K2**2
    mean_a, mean_b = blurred(a), blurred(b)
    covariance = blurred(a * b) - mean_a * mean_b
    variances = blurred(a * a) - mean_a**2 + blurred(b * b) - mean_b**2
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return np.asarray(top / ((mean_a**2 + mean_b**2 + c1) * (variances + c2)), dtype=np.float32)


def seam_ratio(found: FloatVoxels, real: FloatVoxels, mask: Mask) -> float | None:
    """Return the mean step from slice to slice over that of the real CTA; above 1 slices flicker."""
    if found.shape[2] < 2:
        return None
    both = mask[:, :, 1:] & mask[:, :, :-1]
    if not both.any():
        return None
    step = float(np.abs(np.diff(real, axis=2))[both].mean())
    return float(np.abs(np.diff(found, axis=2))[both].mean()) / step if step > 0 else None


def vessel_contrast_ratio(
    found: FloatVoxels, real: FloatVoxels, ncct: FloatVoxels, vessel: Mask, body: Mask
) -> float | None:
    """Return how far bright vessels stand above muscle, over the same in the real CTA.

    Thin vessels of the lung are left out: with air in their voxels they are darker than muscle.
    """
    low, high = _MUSCLE_HU
    muscle = (ncct >= low) & (ncct <= high) & body & ~vessel
    bright = vessel & (real > _BRIGHT_HU)
    if not bright.any() or not muscle.any():
        return None
    return float(found[bright].mean() - found[muscle].mean()) / float(
        real[bright].mean() - real[muscle].mean()
    )


def score_volume(
    found: FloatVoxels,
    real: FloatVoxels,
    ncct: FloatVoxels,
    masks: Mapping[str, Mask],
    *,
    vessel_hu: float,
    data_range: tuple[float, float],
) -> dict[str, float | None]:
    """Return every number of `SCORES`.

    Parameters
    ----------
    found, real, ncct : ndarray of float32, (I, J, K)
    masks : mapping
        ``body``, ``lung`` and ``vessel``.
    vessel_hu : float
        Threshold of both segmentations of the overlap.
    data_range : (low, high)
        HU between which PSNR and SSIM are computed, and their range.
    """
    body, vessel = masks["body"], masks["vessel"]
    low, high = data_range
    a, b = np.clip(found, low, high), np.clip(real, low, high)
    error = float(np.square(a[body] - b[body]).mean())
    bright = (found > vessel_hu) & body, (real > vessel_hu) & body
    total = int(bright[0].sum()) + int(bright[1].sum())
    return {
        "mae_hu": mae_hu(found, real, body),
        "rmse_hu": float(np.sqrt(np.square(found[body] - real[body]).mean())),
        # Equal volumes have no finite PSNR.
        "psnr_db": 10.0 * float(np.log10((high - low) ** 2 / error)) if error > 0 else None,
        "ssim": float(ssim_map(a, b, high - low)[body].mean()),
        "lung_mae_hu": mae_hu(found, real, masks["lung"]),
        "vessel_mae_hu": mae_hu(found, real, vessel),
        "vessel_contrast_ratio": vessel_contrast_ratio(found, real, ncct, vessel, body),
        "hf_ratio": mean_high_frequency_ratio(found, real, body),
        "seam_ratio": seam_ratio(found, real, body),
        "vessel_dice": 2.0 * float((bright[0] & bright[1]).sum()) / total if total else None,
    }


def mean_scores(scored: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Return the mean over items of each number, over those where it is defined."""
    found: dict[str, float | None] = {}
    for key in SCORES:
        known = [value for value in (entry[key] for entry in scored) if value is not None]
        found[key] = float(np.mean(known)) if known else None
    return found


def bootstrap_interval(
    values: Iterable[float | None], *, resamples: int, seed: int
) -> tuple[float, float] | None:
    """Return the 95 % percentile interval of the mean over patients, None for fewer than two of them."""
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if len(known) < 2:
        return None
    drawn = np.random.default_rng(seed).integers(0, len(known), (resamples, len(known)))
    low, high = np.percentile(known[drawn].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)
