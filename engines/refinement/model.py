"""The field: occupancy of a point, from a case's latent, its own grids, its image, and the position.

The head works on each point alone; norms are used in the trunks only, which see no query points. So a
point has one value, whatever it is asked together with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

_LATENT_SCALE = 0.01
_GRID_SCALE = 0.05
_TRUNK_CHANNELS = {4: 32, 8: 24, 16: 16, 32: 12, 64: 8}
_ACTIVATION_SLOPE = 0.01
RESIDUAL_LEVELS = 4
_LARGEST_KEPT = 160**3
"""Points of a lattice up to which training keeps all activations of the image encoder: 0.7 GB."""


@dataclass(frozen=True)
class Architecture:
    """What builds a field again.

    Parameters
    ----------
    num_image_channels : int
        0 for the variant without an image.
    latent_size, latent_grid : int
    encoder_width, encoder_levels, head_width, fourier_octaves : int
    residual_channels : int
        0 for no grids of a case's own.
    residual_shapes : tuple of (I, J, K)
        Finest grid of each case; coarser ones have half as many points, and so on.
    num_cases : int
    output_bias : float
        Logit of the labels' share of their lattices.
    """

    num_cases: int
    num_image_channels: int
    latent_size: int
    latent_grid: int
    encoder_width: int
    encoder_levels: int
    head_width: int
    fourier_octaves: int
    residual_channels: int
    residual_shapes: tuple[tuple[int, int, int], ...]
    output_bias: float

    def facts(self) -> dict[str, Any]:
        """Return plain values for the checkpoint."""
        return asdict(self)

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> Architecture:
        """Read what `facts` returned."""
        shapes = tuple(tuple(int(side) for side in shape) for shape in facts["residual_shapes"])
        values = {name: facts[name] for name in cls.__dataclass_fields__ if name != "residual_shapes"}
        return cls(**values, residual_shapes=shapes)  # type: ignore[arg-type]


def grid_coordinates(points_ijk: Tensor, shape: Sequence[int]) -> Tensor:
    """Return positions for `grid_sample`, (P, 3) as x, y, z: **the reverse of the array's axes**.

    Parameters
    ----------
    points_ijk : Tensor, (P, 3)
        In lattice points, in the order of the array's axes.
    shape : (I, J, K)
        Of the lattice; the centres of its outermost points are at -1 and 1.
    """
    last = torch.tensor([max(1, side - 1) for side in shape], device=points_ijk.device)
    return (2.0 * points_ijk / last - 1.0).flip(-1)


def sample_grid(grid: Tensor, coordinates_xyz: Tensor) -> Tensor:
    """Return the trilinear values of a grid, (1, C, I, J, K), at positions (P, 3), as (P, C)."""
    found = functional.grid_sample(
        grid, coordinates_xyz[None, :, None, None], mode="bilinear", padding_mode="border", align_corners=True
    )
    return found[0, :, :, 0, 0].T


@dataclass(frozen=True)
class FeatureGrids:
    """Everything that does not depend on the points asked.

    Parameters
    ----------
    over_box : list of Tensor, (1, C, ...)
        Grids whose outermost points are those of the lattice, whatever their number.
    strided : list of Tensor, (1, C, ...)
        Grids whose points are every 1st, 2nd, 4th... point of the lattice.
    """

    over_box: list[Tensor]
    strided: list[tuple[int, Tensor]]


class LatentTrunk(nn.Module):
    """Feature grids of 4, 8, ... points a side, made from a latent."""

    def __init__(self, latent_size: int, finest: int) -> None:
        super().__init__()
        self.sides = [side for side in _TRUNK_CHANNELS if side <= finest]
        first = _TRUNK_CHANNELS[4]
        self.start = nn.Linear(latent_size, first * 4**3)
        self.stages = nn.ModuleList()
        for coarse, fine in zip(self.sides[:-1], self.sides[1:], strict=True):
            channels = _TRUNK_CHANNELS[fine]
            self.stages.append(
                nn.Sequential(
                    nn.Conv3d(_TRUNK_CHANNELS[coarse], channels, 3, padding=1),
                    nn.GroupNorm(4, channels),
                    nn.LeakyReLU(_ACTIVATION_SLOPE),
                )
            )

    @property
    def num_channels(self) -> int:
        """Channels of all grids together."""
        return sum(_TRUNK_CHANNELS[side] for side in self.sides)

    def forward(self, latent: Tensor) -> list[Tensor]:
        """Return the grids, coarse first, each (1, C, side, side, side)."""
        grid = self.start(latent).reshape(1, -1, 4, 4, 4)
        grids = [grid]
        for stage in self.stages:
            grid = stage(functional.interpolate(grid, scale_factor=2, mode="trilinear", align_corners=True))
            grids.append(grid)
        return grids


class ImageEncoder(nn.Module):
    """Features of an image at full, half, quarter... resolution; each level sees twice as far."""

    def __init__(self, num_channels: int, width: int, levels: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList()
        self.widths = [width * (level + 1) for level in range(levels)]
        before = num_channels
        for level, channels in enumerate(self.widths):
            self.levels.append(
                nn.Sequential(
                    nn.Conv3d(before, channels, 3, padding=1, stride=2 if level else 1),
                    nn.SiLU(),
                    nn.Conv3d(channels, channels, 3, padding=1),
                    nn.SiLU(),
                )
            )
            before = channels
        for parameter in self.parameters():
            if parameter.ndim == 5:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)

    def forward(self, image: Tensor, flips: Sequence[int] = ()) -> list[Tensor]:
        """Return the grids, fine first, each (1, C, I', J', K').

        Parameters
        ----------
        image : Tensor, (1, C, I, J, K)
        flips : sequence of int
            Axes along which it is mirrored for the network; the grids come back the right way round.
        """
        # With sides of n * stride + 1, points of every level lie on points of the image, mirrored or not.
        stride = 2 ** (len(self.levels) - 1)
        missing = [-(side - 1) % stride for side in image.shape[2:]]
        image = functional.pad(image, [0, missing[2], 0, missing[1], 0, missing[0]], mode="replicate")
        dims = [axis + 2 for axis in flips]
        # With channels last, convolutions on a processor are three times as fast.
        image = image.flip(dims).contiguous(memory_format=torch.channels_last_3d)
        grids = []
        # On a large lattice, what the backward pass needs is computed again instead of kept.
        is_large = torch.is_grad_enabled() and image[0, 0].numel() > _LARGEST_KEPT
        for level in self.levels:
            image = checkpoint(level, image, use_reentrant=False) if is_large else level(image)
            grids.append(image.flip(dims) if dims else image)
        return grids


class RefinementField(nn.Module):
    """One field per case, with shared networks.

    Every case has a parameter of its own for its latent (and grids), so that an optimiser moves only those
    of the cases in a batch.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.latents = nn.ParameterList(
            nn.Parameter(_LATENT_SCALE * torch.randn(architecture.latent_size))
            for _ in range(architecture.num_cases)
        )
        self.trunk = LatentTrunk(architecture.latent_size, architecture.latent_grid)
        num_features = self.trunk.num_channels + 3 + 6 * architecture.fourier_octaves
        self.grids = nn.ParameterList()
        if architecture.residual_channels:
            for shape in architecture.residual_shapes:
                self.grids.extend(
                    nn.Parameter(
                        _GRID_SCALE
                        * torch.randn(1, architecture.residual_channels, *level_shape(shape, level))
                    )
                    for level in range(RESIDUAL_LEVELS)
                )
            num_features += RESIDUAL_LEVELS * architecture.residual_channels
        self.encoder: ImageEncoder | None = None
        if architecture.num_image_channels:
            self.encoder = ImageEncoder(
                architecture.num_image_channels, architecture.encoder_width, architecture.encoder_levels
            )
            num_features += sum(self.encoder.widths) + architecture.num_image_channels
        width = architecture.head_width
        self.head = nn.Sequential(
            nn.Linear(num_features, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 1),
        )
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        nn.init.constant_(last.bias, architecture.output_bias)
        frequencies = math.pi * 2.0 ** torch.arange(architecture.fourier_octaves)
        self.frequencies: Tensor
        self.register_buffer("frequencies", frequencies, persistent=False)

    def mean_latent(self) -> Tensor:
        """Return the mean of all cases' latents."""
        return torch.stack(list(self.latents)).mean(dim=0)

    def feature_grids(
        self,
        row: int | None,
        image: Tensor | None,
        latent: Tensor | None = None,
        flips: Sequence[int] = (),
    ) -> FeatureGrids:
        """Return all grids of a case, computed once however many points are asked.

        Parameters
        ----------
        row : int or None
            Row of a trained case; None for a new one, which has no grids of its own.
        image : Tensor or None, (C, I, J, K)
            What `engines.refinement.data.appearance_channels` returns.
        latent : Tensor or None
            Instead of the row's.
        flips : sequence of int
            See `ImageEncoder.forward`.
        """
        if latent is None:
            latent = self.mean_latent() if row is None else self.latents[row]
        over_box = self.trunk(latent)
        channels = self.architecture.residual_channels
        for level in range(RESIDUAL_LEVELS if channels else 0):
            if row is None:
                over_box.append(torch.zeros(1, channels, 2, 2, 2, device=latent.device))
            else:
                over_box.append(self.grids[row * RESIDUAL_LEVELS + level])
        strided: list[tuple[int, Tensor]] = []
        if self.encoder is not None:
            assert image is not None
            strided = [(2**level, grid) for level, grid in enumerate(self.encoder(image[None], flips))]
            strided.append((1, image[None]))
        return FeatureGrids(over_box, strided)

    def at(self, grids: FeatureGrids, points_ijk: Tensor, shape: Sequence[int]) -> Tensor:
        """Return logits, (P,), of points in lattice units; see `feature_grids`."""
        points = points_ijk.float()
        xyz = grid_coordinates(points, shape)
        angles = (xyz[:, :, None] * self.frequencies).flatten(1)
        features = [xyz, torch.sin(angles), torch.cos(angles)]
        features += [sample_grid(grid.float(), xyz) for grid in grids.over_box]
        features += [
            sample_grid(grid.float(), grid_coordinates(points / stride, grid.shape[2:]))
            for stride, grid in grids.strided
        ]
        return torch.as_tensor(self.head(torch.cat(features, dim=1))[:, 0]).float()

    def forward(
        self,
        row: int | None,
        image: Tensor | None,
        points_ijk: Tensor,
        shape: Sequence[int],
        flips: Sequence[int] = (),
    ) -> Tensor:
        """Return logits, (P,), of points of a case."""
        return self.at(self.feature_grids(row, image, flips=flips), points_ijk, shape)


def level_shape(shape: Sequence[int], level: int) -> tuple[int, ...]:
    """Return the points of a coarser grid over the same box: half as many on each level, 2 at least."""
    return tuple(max(2, -(-(side - 1) // 2**level) + 1) for side in shape)


def build_field(facts: Mapping[str, Any]) -> RefinementField:
    """Build the field that a checkpoint's facts describe."""
    return RefinementField(Architecture.of_facts(facts["architecture"]))
