"""The published head and the documented one, as their checkpoints have them.

Their point heads norm over all points of a call, so a point's value depends on its company. They are asked
for a whole lattice and nothing else, as they were scored; large lattices go through in slabs, and every norm
still sees all points: one pass over the lattice for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.contract.errors import CheckpointError

Head = Literal["documented", "official"]
_GROUPS = 8
_POINTS_AT_ONCE = 2**16


@dataclass(frozen=True)
class CompatibleArchitecture:
    """What builds such a field again.

    Parameters
    ----------
    head : "documented" or "official"
    num_cases, latent_size : int
    channels : tuple of four int
        Of the feature grids of 4, 8, 16 and 32 points a side.
    has_appearance : bool
        Whether the head sees the image at the point.
    """

    head: Head
    num_cases: int
    latent_size: int
    channels: tuple[int, int, int, int]
    has_appearance: bool

    def facts(self) -> dict[str, Any]:
        """Return plain values for the checkpoint."""
        return asdict(self)

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> CompatibleArchitecture:
        """Read what `facts` returned."""
        first, second, third, fourth = (int(count) for count in facts["channels"])
        return cls(**{**facts, "channels": (first, second, third, fourth)})

    @classmethod
    def of_weights(cls, tensors: Mapping[str, Tensor]) -> CompatibleArchitecture:
        """Tell from the shapes of a checkpoint what it is.

        Raises
        ------
        CheckpointError
            If it is no such field.
        """
        try:
            num_cases, latent_size = tensors["encoder.weight"].shape
            first, *others = (
                int(tensors[f"decoder.decoder_{number}.{place}.0.weight"].shape[0])
                for number, place in ((1, 2), (2, 1), (3, 1), (4, 1))
            )
            head: Head = "documented" if "decoder.fc1.0.weight" in tensors else "official"
            name = "decoder.fc1.0.weight" if head == "documented" else "decoder.implicit_mlp.0.weight"
            num_inputs = int(tensors[name].shape[1])
        except (KeyError, ValueError, IndexError) as error:
            raise CheckpointError(
                "These weights are of no refinement field that can be imported; {key} is missing.",
                remedy="Choose best.pth or latest.pth of a NeAR run.",
                key=str(error).strip("'"),
            ) from error
        channels = (first, others[0], others[1], others[2])
        return cls(head, num_cases, latent_size, channels, num_inputs == 4 + sum(channels))


class _PackedUpsample(nn.Module):
    """Twice as many points a side, taken out of the channels by a plain change of shape."""

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(*_layer(num_channels, 4 * num_channels, 1))

    def forward(self, grid: Tensor) -> Tensor:
        batch, channels, depth, height, width = grid.shape
        packed = self.mlp(grid).contiguous()
        return torch.as_tensor(packed.view(batch, channels // 2, 2 * depth, 2 * height, 2 * width))


class _Decoder(nn.Module):
    """Trunk and head, with the names of the checkpoints."""

    def __init__(self, architecture: CompatibleArchitecture) -> None:
        super().__init__()
        size, channels = architecture.latent_size, architecture.channels
        self.decoder_1 = nn.Sequential(
            _PackedUpsample(size), _PackedUpsample(size // 2), _block(size // 4, channels[0])
        )
        self.decoder_2 = _stage(channels[0], channels[1])
        self.decoder_3 = _stage(channels[1], channels[2])
        self.decoder_4 = _stage(channels[2], channels[3])
        num_inputs = 3 + sum(channels) + int(architecture.has_appearance)
        self.is_documented = architecture.head == "documented"
        if self.is_documented:
            self.fc1 = nn.Sequential(*_layer(num_inputs, 256, 1))
            self.fc2 = nn.Sequential(*_layer(256, 256, 1))
            self.fc3 = nn.Sequential(*_layer(256 + num_inputs, 128, 1))
            self.fc4 = nn.Sequential(*_layer(128, 64, 1))
            self.output = nn.Conv3d(64, 1, 1)
        else:
            self.implicit_mlp = nn.Sequential(
                *_layer(num_inputs, 64, 1), *_layer(64, 32, 1), nn.Conv3d(32, 1, 1)
            )

    def grids(self, latent: Tensor) -> list[Tensor]:
        """Return the feature grids of a latent, (1, C, side, side, side), coarse first."""
        grids = [self.decoder_1(latent[None, :, None, None, None])]
        for stage in (self.decoder_2, self.decoder_3, self.decoder_4):
            grids.append(stage(grids[-1]))
        return grids

    def layers(self) -> list[tuple[nn.Conv3d, nn.GroupNorm | None, bool]]:
        """Return the head's layers: a linear map, its norm, and whether the inputs come in once more."""
        if self.is_documented:
            blocks = [(self.fc1, False), (self.fc2, False), (self.fc3, True), (self.fc4, False)]
            found = [(_conv(block[0]), _norm(block[1]), again) for block, again in blocks]
            return [*found, (self.output, None, False)]
        mlp = self.implicit_mlp
        return [
            (_conv(mlp[0]), _norm(mlp[1]), False),
            (_conv(mlp[3]), _norm(mlp[4]), False),
            (_conv(mlp[6]), None, False),
        ]


class CompatibleField(nn.Module):
    """An imported field: one latent for each case, in a table."""

    def __init__(self, architecture: CompatibleArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.encoder = nn.Embedding(architecture.num_cases, architecture.latent_size)
        self.decoder = _Decoder(architecture)

    @torch.no_grad()
    def whole_lattice(
        self, row: int, side: int, appearance: npt.NDArray[np.float32] | None = None
    ) -> npt.NDArray[np.float32]:
        """Return the probability on a cubic lattice, (side, side, side).

        Parameters
        ----------
        row : int
        side : int
            Points a side; the outermost are at -1 and 1.
        appearance : ndarray of float32 or None, (side, side, side)
            0 to 1, where the field has an appearance.
        """
        grids = self.decoder.grids(self.encoder.weight[row])
        layers = self.decoder.layers()
        num_slabs = max(1, min(side, _POINTS_AT_ONCE // side**2))
        starts = range(0, side, num_slabs)

        def inputs(start: int) -> Tensor:
            return _point_features(grids, side, slice(start, min(side, start + num_slabs)), appearance)

        norms: list[Tensor] = []
        for number, (_, norm, _) in enumerate(layers):
            if norm is not None:
                norms.append(_statistics(layers[: number + 1], norms, starts, inputs))
        found = np.empty((side, side, side), dtype=np.float32)
        for start in starts:
            logit = _through(layers, norms, inputs(start))[:, 0]
            part = torch.sigmoid(logit).reshape(-1, side, side).cpu().numpy()
            found[start : start + len(part)] = part
        return found


Layers = list[tuple[nn.Conv3d, nn.GroupNorm | None, bool]]


def _point_features(
    grids: list[Tensor], side: int, slabs: slice, appearance: npt.NDArray[np.float32] | None
) -> Tensor:
    """Return what the head sees at the points of some slabs, (P, C): x, y, z, features, appearance."""
    device = grids[0].device
    at = torch.linspace(-1, 1, side, device=device)
    first, second, third = torch.meshgrid(at[slabs], at, at, indexing="ij")
    # The last axis of the array is x.
    xyz = torch.stack((third, second, first), dim=-1)[None]
    parts = [xyz.permute(0, 4, 1, 2, 3)]
    parts += [functional.grid_sample(grid, xyz, mode="bilinear", align_corners=True) for grid in grids]
    if appearance is not None:
        parts.append(torch.from_numpy(np.ascontiguousarray(appearance[slabs])).to(device)[None, None])
    return torch.cat(parts, dim=1)[0].flatten(1).T


def _statistics(
    layers: Layers, norms: list[Tensor], starts: range, inputs: Callable[[int], Tensor]
) -> Tensor:
    """Return mean and inverse deviation of each group before the last layer's norm, (2, groups)."""
    norm = layers[-1][1]
    assert norm is not None
    sums = torch.zeros(2, norm.num_groups, dtype=torch.float64)
    count = 0
    for start in starts:
        values = _through(layers, norms, inputs(start)).double()
        grouped = values.reshape(len(values), norm.num_groups, -1)
        sums += torch.stack([grouped.sum(dim=(0, 2)), grouped.square().sum(dim=(0, 2))]).cpu()
        count += grouped.shape[0] * grouped.shape[2]
    mean = sums[0] / count
    variance = (sums[1] / count - mean.square()).clamp(min=0.0)
    return torch.stack([mean, (variance + norm.eps).rsqrt()])


def _through(layers: Layers, norms: list[Tensor], inputs: Tensor) -> Tensor:
    """Return what layers make of points, (P, C); layers whose norm is not known yet end before it."""
    values = inputs
    for number, (linear, norm, again) in enumerate(layers):
        if again:
            values = torch.cat([values, inputs], dim=1)
        values = functional.linear(values, linear.weight.flatten(1), linear.bias)
        if norm is None or number >= len(norms):
            return values
        mean, inverse = (entry.to(values) for entry in norms[number])
        grouped = values.reshape(len(values), norm.num_groups, -1)
        grouped = (grouped - mean[None, :, None]) * inverse[None, :, None]
        values = functional.leaky_relu(grouped.flatten(1) * norm.weight + norm.bias)
    return values


def _layer(num_inputs: int, num_outputs: int, kernel: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    return (
        nn.Conv3d(num_inputs, num_outputs, kernel, padding=kernel // 2),
        nn.GroupNorm(_GROUPS, num_outputs),
        nn.LeakyReLU(),
    )


def _block(num_inputs: int, num_outputs: int) -> nn.Sequential:
    return nn.Sequential(*_layer(num_inputs, num_outputs, 3))


def _stage(num_inputs: int, num_outputs: int) -> nn.Sequential:
    upsample = nn.Upsample(scale_factor=2, mode="trilinear", align_corners=True)
    return nn.Sequential(upsample, _block(num_inputs, num_outputs), _block(num_outputs, num_outputs))


def _conv(module: nn.Module) -> nn.Conv3d:
    assert isinstance(module, nn.Conv3d)
    return module


def _norm(module: nn.Module) -> nn.GroupNorm:
    assert isinstance(module, nn.GroupNorm)
    return module
