"""One case predicted: masks, uncertainty and grade on the grid of its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from engines.contract.errors import InputError
from engines.segmentation.config import SamplingConfig
from engines.segmentation.data import BrainCase, Frame, frame_of
from engines.segmentation.evaluation.grade_calibration import GradeCalibration
from engines.segmentation.inference.fusion import Fused, fuse
from engines.segmentation.inference.sampling import SamplerOptions
from engines.segmentation.inference.slice_inference import (
    DrawnSlices,
    draw_slices,
    probability_of,
    subject_logit,
)
from engines.segmentation.networks.checkpoint import load_network
from engines.segmentation.slices.labels import CODINGS, LabelCoding

_NUM_BOOTSTRAPS = 500


@dataclass(frozen=True)
class PredictedCase:
    """What was found in a case, slices (S, H, W) on its own grid.

    Parameters
    ----------
    case : BrainCase
    frame : Frame
    numbers : ndarray of int
        Slices that were computed; elsewhere is no brain.
    drawn : DrawnSlices
        In the network's square; the logits of the grade are calibrated.
    fused : Fused
        In the network's square.
    calibration : GradeCalibration
        Through which the logits of the grade went.
    """

    case: BrainCase
    frame: Frame
    numbers: npt.NDArray[np.intp]
    drawn: DrawnSlices
    fused: Fused
    calibration: GradeCalibration

    def whole(self, square: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return slices of the square (..., S', h, w) on the case's own grid (..., S, H, W), else zeros."""
        taken = self.frame.take(square)
        full = np.zeros((*square.shape[:-3], *self.case.brain.shape), dtype=square.dtype)
        full[..., self.numbers, :, :] = taken
        return full

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel."""
        return self.case.geometry.voxel_volume_ml

    def grade_probability(self) -> float:
        """Return the probability of the high grade: the mean of slices by tumour."""
        return probability_of(self._logit())

    def raw_grade_probability(self) -> float:
        """Return what it was without calibration."""
        return probability_of(self.calibration.raw(self._logit()))

    def _logit(self) -> float:
        return subject_logit(self.drawn.grades, self.drawn.tumour_share)

    def grade_interval(self, seed: int) -> tuple[float, float]:
        """Return a 95 % interval of it over slices drawn with replacement."""
        generator = np.random.default_rng(seed)
        count = len(self.drawn.grades)
        found = []
        for _ in range(_NUM_BOOTSTRAPS):
            chosen = generator.integers(0, count, count)
            logit = subject_logit(self.drawn.grades[chosen], self.drawn.tumour_share[chosen])
            found.append(probability_of(logit))
        low, high = np.percentile(found, [2.5, 97.5])
        return float(low), float(high)


class CaseRunner:
    """A trained network that predicts cases.

    Parameters
    ----------
    base : Path
        Run folder.
    config : SamplingConfig
    device : device
    """

    def __init__(self, base: Path, config: SamplingConfig, device: torch.device) -> None:
        network, facts = load_network(base, config.weights)
        self.network = network.to(device).eval()
        self.coding: LabelCoding = CODINGS[facts["label_coding"]]
        self.size = int(facts["size"])
        self.calibration = GradeCalibration.from_facts(facts)
        self.has_grades = self.network.head is not None
        self._config = config
        self._device = device
        steps = self.network.architecture.num_steps
        if config.sampling_steps > steps:
            raise InputError(
                "The network was trained with {known} steps; {asked} cannot be taken.",
                remedy="Set sampling_steps to at most that.",
                known=steps,
                asked=config.sampling_steps,
            )

    @property
    def options(self) -> SamplerOptions:
        """How masks are drawn."""
        config = self._config
        share = config.start_share if config.start == "calibration" else 1.0
        return SamplerOptions(config.sampler, config.sampling_steps, config.eta, share)

    def predict(
        self,
        case: BrainCase,
        *,
        options: SamplerOptions | None = None,
        num_samples: int = 0,
        tick: Callable[[], None] | None = None,
    ) -> PredictedCase:
        """Draw and fuse the masks of a case.

        Raises
        ------
        InputError
            If its brain does not fit into the network's slices.
        """
        self.network.num_denoiser_calls = self.network.num_condition_calls = 0
        frame = frame_of(case, max(self.size, self._fitting_size(case)))
        numbers = case.slices
        if not len(numbers):
            raise InputError(
                "{item} has no slice with more than 1 % brain.", remedy="Look at its files.", item=case.id
            )
        drawn = draw_slices(
            self.network,
            frame.put(case.image[numbers]),
            options or self.options,
            num_samples=num_samples or self._config.samples,
            seed=self._config.seed,
            numbers=numbers,
            slices_per_batch=self._config.slices_per_batch,
            device=self._device,
            tick=tick,
            has_trajectory=False,
        )
        drawn = replace(drawn, grades=self.calibration.logits(drawn.grades))
        fused = fuse(drawn.samples, self._config)
        return PredictedCase(case, frame, numbers, drawn, fused, self.calibration)

    def _fitting_size(self, case: BrainCase) -> int:
        """Return the smallest side that holds the brain: networks of convolutions take any."""
        divisor = max(32, self.network.architecture.divisor)
        rows, columns = (np.flatnonzero(case.brain.any(axis=axes)) for axes in ((0, 2), (0, 1)))
        longest = int(max(np.ptp(rows), np.ptp(columns))) + 1
        return -(-longest // divisor) * divisor

    def trajectory(self, predicted: PredictedCase) -> list[npt.NDArray[np.float32]]:
        """Return how the first mask of the slice with most tumour is drawn, (H, W) at each step."""
        areas = predicted.drawn.tumour_share
        place = int(np.argmax(areas))
        number = predicted.numbers[place]
        drawn = draw_slices(
            self.network,
            predicted.frame.put(predicted.case.image[[number]]),
            self.options,
            num_samples=1,
            seed=self._config.seed,
            numbers=predicted.numbers[[place]],
            device=self._device,
            has_trajectory=True,
        )
        return [step[0] for step in drawn.trajectory]
