"""Arithmetic behind the live plots: a debiased running mean that only ever appends, and thinning."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from workstation.views.protocols.runs import FloatArray

SMOOTHING = {"train": 0.95}
"""Weight of the past in the smoothed line, by split: training reports every step."""
FEW_POINTS_SMOOTHING = 0.6
"""For series with a point an epoch or so: more would lag behind what was measured."""


class DebiasedMean:
    """Exponential moving mean without the pull towards zero of its first values.

    ``m_t = b m_(t-1) + (1 - b) x_t`` divided by ``1 - b^t``. Undefined values stay undefined and leave
    the mean as it is, so that a gap in the data is a gap in the line.
    """

    def __init__(self, smoothing: float) -> None:
        self._smoothing = smoothing
        self._mean = 0.0
        self._count = 0

    def restarted(self) -> DebiasedMean:
        """Return a mean of the same kind that has seen nothing."""
        return DebiasedMean(self._smoothing)

    def extend(self, values: FloatArray) -> FloatArray:
        """Return the mean after each new value.

        Parameters
        ----------
        values : ndarray of float64, (N,)

        Returns
        -------
        ndarray of float64, (N,)
            NaN where the value was.
        """
        means = np.full(values.shape, np.nan)
        is_defined = np.isfinite(values)
        defined = values[is_defined]
        if not defined.size:
            return means
        b = self._smoothing
        raw, _ = lfilter([1.0 - b], [1.0, -b], defined, zi=[b * self._mean])
        counts = self._count + np.arange(1, defined.size + 1)
        means[is_defined] = raw / (1.0 - b**counts)
        self._mean = float(raw[-1])
        self._count += defined.size
        return means


MAX_STRETCHES = 700
"""About the width of a plot in pixels: finer detail cannot be seen without a closer look."""


def sample(
    steps: FloatArray, values: FloatArray, num_points: int = MAX_STRETCHES
) -> tuple[FloatArray, FloatArray]:
    """Return points of a smooth series at equal distances, about `num_points`, and its last one."""
    stride = steps.size // num_points
    if stride < 2:
        return steps, values
    return np.append(steps[::stride], steps[-1]), np.append(values[::stride], values[-1])


def thin(
    steps: FloatArray, values: FloatArray, num_stretches: int = MAX_STRETCHES
) -> tuple[FloatArray, FloatArray]:
    """Return the least and the greatest value of each stretch of a long series, and its end as it is.

    Parameters
    ----------
    steps, values : ndarray of float64, (N,)

    Returns
    -------
    steps, values : ndarray of float64, (M,)
        M is below ``4 * num_stretches``; a stretch without any defined value is NaN.
    """
    length = steps.size // num_stretches
    if length < 3:
        return steps, values
    num = steps.size // length * length
    stretches = values[:num].reshape(-1, length)
    thinned = np.empty((stretches.shape[0], 2))
    # fmin and fmax pass over NaN.
    np.fmin.reduce(stretches, axis=1, out=thinned[:, 0])
    np.fmax.reduce(stretches, axis=1, out=thinned[:, 1])
    starts = steps[:num:length]
    return (
        np.concatenate([np.repeat(starts, 2), steps[num:]]),
        np.concatenate([thinned.ravel(), values[num:]]),
    )
