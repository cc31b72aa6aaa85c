"""Masks of many slices: the condition once a slice, K samples of a slice in one batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engines.segmentation.inference.sampling import SamplerOptions, draw_masks
from engines.segmentation.model import SegmentationNetwork, SegmentationOutput
from engines.segmentation.networks.condition import Condition
from engines.segmentation.networks.noise import clean_of

FloatArray = npt.NDArray[np.float32]
Tick = Callable[[], None]


@dataclass(frozen=True)
class DrawnSlices:
    """What was drawn for some slices.

    Parameters
    ----------
    samples : ndarray of float32, (K, S, R, H, W)
        Probabilities of each sample.
    calibration : ndarray of float32, (S, R, H, W)
        Probabilities of the image-only branch.
    grades : ndarray of float32, (S, 2)
        Logits of low and high grade; zeros without a head.
    tumour_share : ndarray of float32, (S,)
        Mean probability of tumour over a slice, by the image-only branch.
    trajectory : list of ndarray of float32, (R, H, W)
        The first sample of the first slice at each step, where it was asked for.
    """

    samples: FloatArray
    calibration: FloatArray
    grades: FloatArray
    tumour_share: FloatArray
    trajectory: list[FloatArray] = field(default_factory=list)


@torch.no_grad()
def draw_slices(
    network: SegmentationNetwork,
    images: FloatArray,
    options: SamplerOptions,
    *,
    num_samples: int,
    seed: int,
    numbers: npt.NDArray[np.intp] | None = None,
    slices_per_batch: int = 8,
    device: torch.device | None = None,
    tick: Tick | None = None,
    has_trajectory: bool = False,
) -> DrawnSlices:
    """Draw masks of slices (S, M, H, W).

    Parameters
    ----------
    network : SegmentationNetwork
        In evaluation mode.
    images : ndarray of float32
    options : SamplerOptions
    num_samples : int
        K; 1 is drawn where there is no diffusion.
    seed : int
    numbers : ndarray of int, (S,), optional
        Numbers of the slices, by which they are seeded, so that a slice drawn alone is the same.
    slices_per_batch : int
    device : device, optional
    tick : function, optional
        Called after every denoiser call; may raise to cancel.
    has_trajectory : bool
    """
    device = device or torch.device("cpu")
    numbers = np.arange(len(images)) if numbers is None else numbers
    count = num_samples if network.is_diffusion else 1
    parts: list[DrawnSlices] = []
    for chosen in _batches(len(images), slices_per_batch):
        batch = torch.from_numpy(np.ascontiguousarray(images[chosen])).to(device)
        wants = has_trajectory and not parts
        parts.append(_draw_batch(network, batch, options, count, seed, numbers[chosen], tick, wants))
    return DrawnSlices(
        np.concatenate([part.samples for part in parts], axis=1),
        np.concatenate([part.calibration for part in parts]),
        np.concatenate([part.grades for part in parts]),
        np.concatenate([part.tumour_share for part in parts]),
        parts[0].trajectory,
    )


def _draw_batch(
    network: SegmentationNetwork,
    images: Tensor,
    options: SamplerOptions,
    count: int,
    seed: int,
    numbers: npt.NDArray[np.intp],
    tick: Tick | None,
    has_trajectory: bool,
) -> DrawnSlices:
    trajectory: list[FloatArray] = []
    if not network.is_diffusion:
        found = network(images)
        if tick is not None:
            tick()
        samples = torch.sigmoid(found.seg_logits.float())[None]
        calibration, grades = torch.sigmoid(found.calib_map.float()), found.cls_logits
    else:
        condition = network.condition_of(images)
        calibration = torch.sigmoid(condition.calibration.float())
        many, repeated = condition.repeated(count), images.repeat_interleave(count, dim=0)
        generators = [
            torch.Generator().manual_seed(_seed_of(seed, int(number), sample))
            for number in numbers
            for sample in range(count)
        ]

        def denoise(noisy: Tensor, steps: Tensor) -> Tensor:
            return network.denoised(repeated, noisy, steps, many)

        def watch(_number: int, clean: Tensor) -> None:
            if has_trajectory:
                trajectory.append(((clean[0] + 1) / 2).cpu().numpy())
            if tick is not None:
                tick()

        shape = (network.architecture.num_regions, *images.shape[-2:])
        start = clean_of(many.calibration.float()) if options.start_share < 1 else None
        clean = draw_masks(
            denoise, network.schedule, options, shape, generators, images.device, start=start, watch=watch
        )
        probability = (clean.clamp(-1, 1) + 1) / 2
        samples = probability.reshape(len(images), count, *shape).transpose(0, 1)
        grades = _grades(network, images, condition, numbers, seed)
    return DrawnSlices(
        samples.float().cpu().numpy(),
        calibration.cpu().numpy(),
        grades.float().cpu().numpy(),
        calibration[:, 0].mean(dim=(1, 2)).cpu().numpy(),
        trajectory,
    )


def _grades(
    network: SegmentationNetwork,
    images: Tensor,
    condition: Condition,
    numbers: npt.NDArray[np.intp],
    seed: int,
) -> Tensor:
    if network.head is None:
        return torch.zeros(len(images), 2)
    if network.architecture.grade_head == "image":
        return network.grades_of(condition.pooled)
    # The middle of the denoiser must not have seen a mask: pure noise at the last step.
    last = network.architecture.num_steps - 1
    noise = torch.stack(
        [
            torch.randn(
                network.architecture.num_regions,
                *images.shape[-2:],
                generator=torch.Generator().manual_seed(_seed_of(seed, int(number), -1)),
            )
            for number in numbers
        ]
    ).to(images.device)
    steps = torch.full((len(images),), last, dtype=torch.long, device=images.device)
    found: SegmentationOutput = network(images, noise, steps, condition)
    return found.cls_logits


def _seed_of(seed: int, number: int, sample: int) -> int:
    return int(np.random.SeedSequence([seed, number + 1, sample + 1]).generate_state(1, np.uint64)[0] >> 1)


def _batches(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def subject_logit(grades: FloatArray, tumour_share: FloatArray) -> float:
    """Return the logit of the high grade of a subject: the mean of its slices, weighted by tumour.

    Parameters
    ----------
    grades : ndarray of float32, (S, 2)
    tumour_share : ndarray of float32, (S,)
    """
    weight = tumour_share.astype(np.float64)
    margin = (grades[:, 1] - grades[:, 0]).astype(np.float64)
    total = weight.sum()
    return float((weight * margin).sum() / total) if total > 0 else float(margin.mean())


def probability_of(logit: float) -> float:
    """Return the logistic of a logit."""
    return float(1 / (1 + np.exp(-np.clip(logit, -60, 60))))
