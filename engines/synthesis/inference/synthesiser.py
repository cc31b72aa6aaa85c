"""A trained run, ready to make volumes: slices in, blended slices out, in HU on the grid of the NCCT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engines.contract.errors import CheckpointError
from engines.contract.run_folder import RunFolder
from engines.core.checkpoint import load_into, load_weights
from engines.synthesis.config import VolumeConfig
from engines.synthesis.data import HuVoxels
from engines.synthesis.inference.full_slices import make_slices
from engines.synthesis.model import build_network
from engines.synthesis.volumes.stacks import StackBlend, distance_deviates, neighbour_step, stack_of
from engines.synthesis.volumes.windows import FloatVoxels, HuWindow


@dataclass(frozen=True)
class Synthesis:
    """What was made of an NCCT, HU, in turned order, (I, J, K).

    Parameters
    ----------
    final, generated : ndarray of float32
        With and without G2; the same array where there is none.
    spread : ndarray of float32
        Standard deviation of the predictions that a slice was blended from.
    """

    final: FloatVoxels
    generated: FloatVoxels
    spread: FloatVoxels


class Synthesiser:
    """Networks of a training run.

    Parameters
    ----------
    run_path : Path
    config : VolumeConfig
    device : torch.device

    Raises
    ------
    CheckpointError
        If the run has no usable checkpoint, or one of another model.
    """

    def __init__(self, run_path: Path, config: VolumeConfig, device: torch.device) -> None:
        folder = RunFolder(run_path).checkpoints_dir / config.weights
        weights, facts = load_weights(folder)
        network = build_network(facts)
        load_into(network, weights, folder)
        try:
            self.window = HuWindow(**facts["window"])
            self.neighbour_mm = float(facts["neighbour_mm"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                "The checkpoint of {run} does not say its HU window.",
                remedy="Train again, or import the weights with their window.",
                run=run_path.name,
            ) from error
        self.crop_px = int(facts.get("crop_px", 0))
        self.was_mirrored = bool(facts.get("is_mirrored", False))
        self.has_refiner = network.refiner is not None
        self._network = network.to(device).eval()
        self._config, self._device = config, device

    def distance_deviates(self, slice_spacing_mm: float) -> bool:
        """Tell whether slices lie so that neighbours are seen at another distance than in training."""
        return distance_deviates(slice_spacing_mm, self.neighbour_mm)

    @torch.no_grad()
    def make(
        self,
        ncct: HuVoxels,
        slice_spacing_mm: float,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> Synthesis:
        """Return the synthetic CTA of a volume in turned order."""
        config = self._config
        step = neighbour_step(slice_spacing_mm, self.neighbour_mm)
        is_weighted = config.blend == "weighted"
        blends = [StackBlend(ncct.shape, step, is_weighted) for _ in range(1 + self.has_refiner)]
        count = ncct.shape[2]
        for first in range(0, count, config.slices_at_once):
            centres = range(first, min(count, first + config.slices_at_once))
            stacks = np.stack([self.window.normalised(stack_of(ncct, k, step)) for k in centres])
            both = self._averaged(torch.from_numpy(stacks).to(self._device)).cpu().numpy()
            for number, centre in enumerate(centres):
                # Channels 0 to 2 are the final image, 3 to 5 G's.
                blends[0].add(centre, both[number, :3])
                if self.has_refiner:
                    blends[1].add(centre, both[number, 3:])
            progress(centres[-1] + 1, count)
        final, deviation = blends[0].result()
        made = self.window.hu(final)
        generated = self.window.hu(blends[1].result()[0]) if self.has_refiner else made
        return Synthesis(made, generated, deviation * (0.5 * self.window.width_hu))

    def _averaged(self, ncct: Tensor) -> Tensor:
        """Return the mean over the slices as they are, mirrored and turned."""
        config = self._config
        found = [self._both(ncct)]
        if config.tta_flips:
            found.append(self._both(ncct.flip(2)).flip(2))
        if config.tta_degrees:
            for degrees in (-config.tta_degrees, config.tta_degrees):
                found.append(_rotated(self._both(_rotated(ncct, degrees)), -degrees))
        return torch.stack(found).mean(dim=0)

    def _both(self, ncct: Tensor) -> Tensor:
        generated, final = make_slices(self._network, ncct, self._config.tile_px or self.crop_px)
        return torch.cat([final, generated], dim=1)


def _rotated(images: Tensor, degrees: float) -> Tensor:
    angle = np.deg2rad(degrees)
    height, width = images.shape[2:]
    cosine, sine = float(np.cos(angle)), float(np.sin(angle))
    # Angles hold in pixels, the grid counts in half sides.
    matrix = torch.tensor([[cosine, -sine * height / width, 0.0], [sine * width / height, cosine, 0.0]])
    matrix = matrix.to(images).expand(images.shape[0], 2, 3)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
