"""Vesselness: how much a pixel looks like a line, and in which direction that line runs.

Directions are angles in the image frame (x right, y down), modulo 180 degrees, in radians.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from engines.imaging.field_of_view import BoolImage
from engines.imaging.opencv import cv2

FloatImage = npt.NDArray[np.float32]

NUM_DIRECTIONS = 12
LINE_SIGMAS_PX = (1.2, 1.8, 2.6, 3.6)
_ELONGATION = 3.0
_BACKGROUND_SHARE = 1 / 25
# Contrast below a quarter of a grey level is rounding, not a vessel.
_LOWEST_CONTRAST = 0.25


@dataclass(frozen=True)
class LineMap:
    """Response of the line filter for one polarity.

    Parameters
    ----------
    response : ndarray of float32, (H, W)
        At least 0, in units of local contrast.
    direction : ndarray of float32, (H, W)
        Angle of the line in radians, 0 to pi, x right and y down.
    """

    response: FloatImage
    direction: FloatImage

    def polarity_ratio(self, mask: BoolImage) -> float:
        """Return P97 over median inside the mask: vessels are few and strong, background is neither."""
        values = self.response[mask]
        if values.size == 0:
            return 0.0
        high, middle = np.percentile(values, [97, 50])
        return float(high / (middle + 1e-3))


def flatten_field(grey: npt.NDArray[np.uint8], mask: BoolImage) -> FloatImage:
    """Remove uneven illumination: subtract the local mean and divide by the local deviation.

    Parameters
    ----------
    grey : ndarray of uint8, (H, W)
    mask : ndarray of bool, (H, W)
        Field of view; local statistics are taken inside it only.

    Returns
    -------
    ndarray of float32, (H, W)
        Zero outside the mask, where the image equals its local mean: no response arises at the rim.
    """
    sigma = _BACKGROUND_SHARE * max(grey.shape)
    weight = mask.astype(np.float32)
    local_weight = np.maximum(_blur(weight, sigma), 1e-6)
    mean = _blur(grey * weight, sigma) / local_weight
    deviation = (grey - mean) * weight
    spread = np.sqrt(_blur(deviation * deviation, sigma) / local_weight)
    typical = float(np.median(spread[mask])) if mask.any() else 0.0
    return np.asarray(deviation / (spread + 0.3 * typical + _LOWEST_CONTRAST), dtype=np.float32)


def line_maps(flat: FloatImage) -> tuple[LineMap, LineMap]:
    """Filter with elongated second derivatives of Gaussians in 12 directions and 4 widths.

    Parameters
    ----------
    flat : ndarray of float32, (H, W)
        Output of `flatten_field`.

    Returns
    -------
    dark, bright : LineMap
        Lines darker and brighter than their surroundings.
    """
    height, width = flat.shape
    margin = int(np.ceil(3 * _ELONGATION * max(LINE_SIGMAS_PX)))
    shape = (fft.next_fast_len(height + margin, real=True), fft.next_fast_len(width + margin, real=True))
    spectrum = fft.rfft2(flat, shape, workers=1)
    best = [np.zeros(flat.shape, np.float32) for _ in range(2)]
    index = [np.zeros(flat.shape, np.float32) for _ in range(2)]
    for direction, kernel in _line_spectra(shape):
        filtered = fft.irfft2(spectrum * kernel, shape, workers=1)[:height, :width]
        for side, response in enumerate((filtered, -filtered)):
            stronger = response > best[side]
            np.copyto(best[side], response, where=stronger)
            index[side][stronger] = direction
    dark, bright = (LineMap(*pair) for pair in zip(best, index, strict=True))
    return dark, bright


def _line_spectra(shape: tuple[int, int]) -> Iterator[tuple[float, FloatImage]]:
    """Yield direction and Fourier transform of ``(v^2/s^2 - 1) exp(-v^2/2s^2) exp(-u^2/2(3s)^2)``.

    The transform is known in closed form, zero at zero frequency, and here divided by half the absolute
    integral of the kernel: that of the Gaussian times ``-s^2 omega_v^2``.
    """
    frequency_y = (2 * np.pi * fft.fftfreq(shape[0]))[:, None].astype(np.float32)
    frequency_x = (2 * np.pi * fft.rfftfreq(shape[1]))[None, :].astype(np.float32)
    for number in range(NUM_DIRECTIONS):
        angle = np.pi * number / NUM_DIRECTIONS
        cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        along = np.square(cosine * frequency_x + sine * frequency_y)
        across = np.square(cosine * frequency_y - sine * frequency_x)
        exponent = -0.5 * (across + np.float32(_ELONGATION**2) * along)
        for sigma in LINE_SIGMAS_PX:
            variance = np.float32(sigma**2)
            amplitude = np.float32(-np.sqrt(np.pi / 2) * np.exp(0.5))
            yield angle, amplitude * variance * across * np.exp(variance * exponent)


def _blur(image: FloatImage, sigma_px: float) -> FloatImage:
    """Blur with a wide Gaussian; done at a quarter of the size, where it looks the same and costs little."""
    height, width = image.shape
    step = 4 if sigma_px >= 12 else 1
    small = cv2.resize(image, (max(1, width // step), max(1, height // step)), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(
        small,
        (0, 0),
        sigma_px * small.shape[1] / width,
        sigmaY=sigma_px * small.shape[0] / height,
        borderType=cv2.BORDER_REFLECT,
    )
    return np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
