"""Random changes of a slice, each of which can be switched off. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Augmentation:
    """Which changes are made.

    Parameters
    ----------
    flips, affine, elastic, bias_field, gamma, noise : bool
    modality_dropout : float
        Chance that a modality is set to 0; one always stays.
    """

    flips: bool = False
    affine: bool = False
    elastic: bool = False
    bias_field: bool = False
    gamma: bool = False
    noise: bool = False
    modality_dropout: float = 0.0

    def apply(
        self, image: FloatArray, labels: npt.NDArray[Any], generator: np.random.Generator
    ) -> tuple[FloatArray, npt.NDArray[Any]]:
        """Return a changed slice (M, H, W) with its labels (H, W), which are never interpolated."""
        if self.flips and generator.random() < 0.5:
            # The first in-plane axis runs from side to side; a brain is not its own image upside down.
            image, labels = image[:, ::-1], labels[::-1]
        if self.affine or self.elastic:
            image, labels = self._moved(image, labels, generator)
        inside = np.any(image != 0, axis=0)
        changed = image.astype(np.float32, copy=True)
        for number in range(len(changed)):
            if changed[number].any():
                changed[number] = self._recoloured(changed[number], generator) * inside
        if self.modality_dropout:
            self._drop(changed, generator)
        return changed, np.ascontiguousarray(labels)

    def _moved(
        self, image: FloatArray, labels: npt.NDArray[Any], generator: np.random.Generator
    ) -> tuple[FloatArray, npt.NDArray[Any]]:
        size = np.array(labels.shape)
        angle = generator.uniform(-0.26, 0.26) if self.affine else 0.0
        scale = generator.uniform(0.9, 1.1) if self.affine else 1.0
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
        middle = (size - 1) / 2
        at = np.moveaxis(np.indices(labels.shape, dtype=np.float64), 0, -1) - middle
        places = np.moveaxis(at @ turn.T + middle, -1, 0)
        if self.elastic:
            bend = generator.normal(size=(2, *labels.shape))
            smooth = [ndimage.gaussian_filter(part, size[0] / 10) for part in bend]
            largest = max(float(np.abs(part).max()) for part in smooth)
            places = places + np.stack(smooth) / max(largest, 1e-9) * 0.03 * size[0]
        moved = np.stack([ndimage.map_coordinates(part, places, order=1) for part in image])
        return moved.astype(np.float32), ndimage.map_coordinates(labels, places, order=0)

    def _recoloured(self, image: FloatArray, generator: np.random.Generator) -> FloatArray:
        if self.gamma:
            low, high = float(image.min()), float(image.max())
            width = max(high - low, 1e-6)
            image = ((image - low) / width) ** float(np.exp(generator.uniform(-0.25, 0.25))) * width + low
        if self.bias_field:
            rows, columns = np.meshgrid(*(np.linspace(-1, 1, side) for side in image.shape), indexing="ij")
            slopes = generator.uniform(-0.25, 0.25, 2)
            image = image + (slopes[0] * rows + slopes[1] * columns).astype(np.float32)
        if self.noise:
            image = image + generator.normal(0, generator.uniform(0, 0.1), image.shape).astype(np.float32)
        return image

    def _drop(self, image: FloatArray, generator: np.random.Generator) -> None:
        present = [number for number in range(len(image)) if image[number].any()]
        dropped = [number for number in present if generator.random() < self.modality_dropout]
        if len(dropped) == len(present) and dropped:
            dropped.pop(int(generator.integers(len(dropped))))
        image[dropped] = 0
