"""From several drawn masks to one, and to maps of where they disagree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.segmentation.config import SamplingConfig
from engines.segmentation.evaluation.scores import pairwise_dice

FloatArray = npt.NDArray[np.float32]
_TINY = 1e-7
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Fused:
    """One mask out of many.

    Parameters
    ----------
    probability : ndarray of float32, (R, S, H, W)
        Mean of the samples, or what STAPLE says.
    regions : ndarray of bool, (R, S, H, W)
    entropy, mutual_information, spread : ndarray of float32, (S, H, W)
        Of the whole tumour: entropy of the mean, the part of it that is disagreement, both in bit, and the
        standard deviation of the samples.
    voxels : ndarray of int, (K,)
        Tumour voxels of each sample.
    pairwise_dice : float or None
        Mean over all pairs of samples.
    """

    probability: FloatArray
    regions: npt.NDArray[np.bool_]
    entropy: FloatArray
    mutual_information: FloatArray
    spread: FloatArray
    voxels: npt.NDArray[np.int64]
    pairwise_dice: float | None

    def volume_interval(self) -> tuple[float, float]:
        """Return where 95 % of the samples' tumour voxels lie."""
        low, high = np.percentile(self.voxels, _INTERVAL)
        return float(low), float(high)


def fuse(samples: FloatArray, config: SamplingConfig) -> Fused:
    """Fuse samples (K, S, R, H, W) of probabilities."""
    by_region = np.moveaxis(samples, 2, 1)
    mean = by_region.mean(axis=0)
    masks = by_region >= config.threshold
    probability = staple(masks) if config.fusion == "staple" and len(masks) > 1 else mean
    whole = by_region[:, 0]
    total = entropy_bits(mean[0])
    expected = np.mean([entropy_bits(sample) for sample in whole], axis=0)
    return Fused(
        probability.astype(np.float32),
        probability >= config.threshold,
        total,
        np.maximum(total - expected, 0).astype(np.float32),
        whole.std(axis=0).astype(np.float32),
        masks[:, 0].sum(axis=(1, 2, 3)),
        pairwise_dice(masks[:, 0]),
    )


def entropy_bits(probability: npt.NDArray[Any]) -> FloatArray:
    """Return the entropy of a yes-no answer in bit, 0 to 1."""
    p = np.clip(probability.astype(np.float64), _TINY, 1 - _TINY)
    return np.asarray(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)), dtype=np.float32)


def staple(masks: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the probability that STAPLE (Warfield et al. 2004) gives each voxel, for masks (K, R, S, H, W).

    Where all masks of a region are empty, or all agree, STAPLE has nothing to weigh: their mean is returned.
    """
    import SimpleITK as sitk

    found = masks.mean(axis=0).astype(np.float32)
    for region in range(masks.shape[1]):
        own = masks[:, region]
        if not own.any() or (own == own[:1]).all():
            continue
        images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in own]
        found[region] = sitk.GetArrayFromImage(sitk.STAPLE(images, 1.0))
    return np.asarray(found)
