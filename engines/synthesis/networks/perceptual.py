"""Features for the perceptual term: of a small vessel network of our own, or of VGG19 from a local file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.contract.errors import InputError
from engines.core.weights import load_weights

_OWN_WIDTHS = (16, 32, 64)
_VGG_LAYERS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512)
"""Channels of VGG19's convolutions; 0 is a pooling."""
_VGG_TAPS = (0, 2, 4, 8, 12)
"""Convolutions after which features are compared: the first of each block."""
_VGG_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_OWN_RATE = 2e-3


class FeatureNetwork(nn.Module):
    """A frozen network that turns one slice, (B, 1, H, W), into maps to compare."""

    tap_weights: Sequence[float]

    def maps(self, image: Tensor) -> list[Tensor]:
        """Return the maps, coarser and coarser."""
        raise NotImplementedError

    def difference(self, image: Tensor, target: Tensor) -> Tensor:
        """Return the weighted mean absolute difference of all maps."""
        with torch.no_grad():
            wanted = self.maps(target)
        parts = [
            weight * (a - b).abs().mean()
            for weight, a, b in zip(self.tap_weights, self.maps(image), wanted, strict=True)
        ]
        return torch.stack(parts).sum()


class VesselFeatures(FeatureNetwork):
    """The encoder of a network that finds vessels in CTA; it is trained at the start of a phase."""

    tap_weights = (1.0, 1.0, 1.0)

    def __init__(self) -> None:
        super().__init__()
        into = (1, *_OWN_WIDTHS[:-1])
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=1 if number == 0 else 2, padding=1)
            for number, (a, b) in enumerate(zip(into, _OWN_WIDTHS, strict=True))
        )
        self.head = nn.Conv2d(_OWN_WIDTHS[-1] + _OWN_WIDTHS[0], 1, 1)

    def maps(self, image: Tensor) -> list[Tensor]:
        """Return the maps of all layers."""
        found = []
        for layer in self.layers:
            image = functional.leaky_relu(layer(image), 0.1)
            found.append(image)
        return found

    def vessel_logits(self, image: Tensor) -> Tensor:
        """Return what the head makes of a slice, for training only."""
        maps = self.maps(image)
        coarse = functional.interpolate(maps[-1], size=image.shape[2:], mode="bilinear", align_corners=False)
        logits: Tensor = self.head(torch.cat([maps[0], coarse], dim=1))
        return logits

    def learn(self, draw: Callable[[int], tuple[Tensor, Tensor]], steps: int) -> float:
        """Train on slices and their vessel masks, (B, 1, H, W) both, drawn by step; return the last loss."""
        optimiser = torch.optim.Adam(self.parameters(), lr=_OWN_RATE)
        loss = torch.zeros(())
        for step in range(steps):
            image, mask = draw(step)
            logits = self.vessel_logits(image)
            probability = torch.sigmoid(logits)
            overlap = (2.0 * (probability * mask).sum() + 1.0) / (probability.sum() + mask.sum() + 1.0)
            loss = functional.binary_cross_entropy_with_logits(logits, mask) + 1.0 - overlap
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return float(loss.detach())


class Vgg19Features(FeatureNetwork):
    """Convolutions of VGG19 up to the fifth block; grey slices are repeated to three channels."""

    tap_weights = _VGG_WEIGHTS

    def __init__(self) -> None:
        super().__init__()
        channels = [3, *(width for width in _VGG_LAYERS if width)]
        pairs = list(pairwise(channels))[: _VGG_TAPS[-1] + 1]
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairs)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1))

    def maps(self, image: Tensor) -> list[Tensor]:
        """Return the maps after the first convolution of each block."""
        assert isinstance(self.mean, Tensor)
        assert isinstance(self.std, Tensor)
        features = ((image + 1.0) * 0.5).expand(-1, 3, -1, -1)
        features = (features - self.mean) / self.std
        found: list[Tensor] = []
        number = 0
        for width in _VGG_LAYERS:
            if number == len(self.layers):
                break
            if width == 0:
                features = functional.max_pool2d(features, 2)
                continue
            features = functional.relu(self.layers[number](features))
            if number in _VGG_TAPS:
                found.append(features)
            number += 1
        return found

    def read(self, file: Path) -> None:
        """Load weights in the naming of torchvision: ``features.<number>.weight``.

        Raises
        ------
        InputError
            If the file is missing or holds other weights.
        """
        if not file.is_file():
            raise InputError(
                "The weights of VGG19 were not found at {path}.",
                remedy='Put the file there, or set perceptual to "own", which needs no file.',
                path=file,
            )
        tensors = load_weights(file)
        names, place = [], 0
        for width in _VGG_LAYERS:
            if width:
                names.append(f"features.{place}")
            place += 2 if width else 1
        state = {}
        for number, name in enumerate(names[: len(self.layers)]):
            for kind in ("weight", "bias"):
                expected = getattr(self.layers[number], kind)
                found = tensors.get(f"{name}.{kind}")
                if found is None or found.shape != expected.shape:
                    raise InputError(
                        "{path} holds no VGG19: {name} is missing or of another shape.",
                        remedy='Choose the file of VGG19, or set perceptual to "own".',
                        path=file.name,
                        name=f"{name}.{kind}",
                    )
                state[f"layers.{number}.{kind}"] = found
        self.load_state_dict(state, strict=False)


def feature_network(kind: str) -> FeatureNetwork:
    """Return an untrained feature network; its weights take no part in the optimiser."""
    network: FeatureNetwork = Vgg19Features() if kind == "vgg19" else VesselFeatures()
    network.requires_grad_(False)
    return network
