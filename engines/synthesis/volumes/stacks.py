"""Stacks of three slices at a fixed distance in mm, and slices made from overlapping stacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.synthesis.volumes.windows import FloatVoxels

BLEND = (0.25, 0.5, 0.25)
_LARGEST_DEVIATION = 0.25


def neighbour_step(spacing_mm: float, neighbour_mm: float) -> int:
    """Return how many slices away the neighbours lie, at least one."""
    return max(1, round(neighbour_mm / spacing_mm))


def distance_deviates(spacing_mm: float, trained_mm: float) -> bool:
    """Tell whether the best step lies more than a quarter off the distance that was trained with."""
    found = neighbour_step(spacing_mm, trained_mm) * spacing_mm
    return abs(found / trained_mm - 1.0) > _LARGEST_DEVIATION


def stack_of(voxels: npt.NDArray[Any], centre: int, step: int) -> npt.NDArray[Any]:
    """Return three slices as (3, I, J); beyond the ends the last slice is repeated."""
    last = voxels.shape[2] - 1
    chosen = [min(max(centre + offset * step, 0), last) for offset in (-1, 0, 1)]
    return np.ascontiguousarray(np.moveaxis(voxels[:, :, chosen], 2, 0))


class StackBlend:
    """Make slices from predictions of stacks, each slice from up to three of them.

    Parameters
    ----------
    shape : (I, J, K)
    step : int
        Slices from a centre to its neighbours.
    is_weighted : bool
        1/4, 1/2, 1/4; otherwise the centre prediction alone.
    """

    def __init__(self, shape: Sequence[int], step: int, is_weighted: bool) -> None:
        self._sum = np.zeros(tuple(shape), dtype=np.float32)
        self._squares = np.zeros_like(self._sum)
        self._weight = np.zeros(shape[2], dtype=np.float32)
        self._step = step
        self._weights = BLEND if is_weighted else (0.0, 1.0, 0.0)

    def add(self, centre: int, predicted: FloatVoxels) -> None:
        """Take in the prediction of a stack, (3, I, J)."""
        for offset, weight, plane in zip((-1, 0, 1), self._weights, predicted, strict=True):
            number = centre + offset * self._step
            if weight == 0.0 or not 0 <= number < len(self._weight):
                continue
            self._sum[:, :, number] += weight * plane
            self._squares[:, :, number] += weight * plane * plane
            self._weight[number] += weight

    def result(self) -> tuple[FloatVoxels, FloatVoxels]:
        """Return the slices and the standard deviation of their predictions, both (I, J, K)."""
        weight = np.maximum(self._weight, 1e-6)
        mean = self._sum / weight
        variance = np.maximum(self._squares / weight - mean * mean, 0.0)
        return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)
