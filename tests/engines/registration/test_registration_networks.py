"""The networks: published names and numbers, the aligned grid, first layers by modality."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from engines.registration.model import build_network, sample_descriptors
from engines.registration.networks.compat import (
    CompatNetwork,
    StemmedCompatNetwork,
    sample_as_published,
    stemmed_weights,
)
from engines.registration.networks.modality_stems import stem_index

_LAYERS = [
    *(f"conv{stage}{part}" for stage in (1, 2, 3, 4) for part in "ab"),
    *(f"convD{part}" for part in "abc"),
    "trans_conv",
    *(f"dconv_up{stage}.{part}" for stage in (1, 2, 3) for part in (0, 2)),
    "conv_last",
]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def compat() -> CompatNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return CompatNetwork().eval()


def _restated(weights: dict[str, Tensor], image: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the published formulas from a table of weights, written without the network's classes."""

    def conv(x: Tensor, name: str, stride: int = 1, padding: int = 1) -> Tensor:
        return functional.conv2d(
            x, weights[f"{name}.weight"], weights[f"{name}.bias"], stride=stride, padding=padding
        )

    def block(x: Tensor, first: str, second: str) -> Tensor:
        return conv(conv(x, first).clamp(min=0), second).clamp(min=0)

    def up(x: Tensor) -> Tensor:
        # Corner-aligned: the first and the last sample stay where they are.
        def axis(count: int) -> Tensor:
            place = torch.linspace(0, count - 1, 2 * count)
            low = place.floor().long().clamp(max=count - 2)
            matrix = torch.zeros(2 * count, count)
            rows = torch.arange(2 * count)
            matrix[rows, low] = 1 - (place - low)
            matrix[rows, low + 1] += place - low
            return matrix

        return torch.einsum("ih,bchw,jw->bcij", axis(x.shape[2]), x, axis(x.shape[3]))

    skips = []
    x = image
    for stage in (1, 2, 3):
        x = block(x, f"conv{stage}a", f"conv{stage}b")
        skips.append(x)
        x = x.unfold(2, 2, 2).unfold(3, 2, 2).amax((-1, -2))
    x = block(x, "conv4a", "conv4b")
    inner = conv(conv(x, "convDa").clamp(min=0), "convDb", 2, 0).clamp(min=0)
    described = conv(inner, "convDc", 1, 0)
    described = described / described.norm(dim=1, keepdim=True)
    kernel = weights["trans_conv.weight"]
    grid = torch.einsum("bihw,ioyx->bohywx", described, kernel)
    grid = grid.reshape(1, 256, 2 * inner.shape[2], 2 * inner.shape[3])
    grid = grid + weights["trans_conv.bias"][:, None, None]
    for stage in (3, 2, 1):
        x = torch.cat([up(x), skips[stage - 1]], dim=1)
        x = block(x, f"dconv_up{stage}.0", f"dconv_up{stage}.2")
    return conv(x, "conv_last", 1, 0), grid


def test_compat_has_the_published_names_and_size(compat: CompatNetwork) -> None:
    names = {f"{layer}.{kind}" for layer in _LAYERS for kind in ("weight", "bias")}
    weights = compat.state_dict()
    assert set(weights) == names
    assert sum(parameter.numel() for parameter in compat.parameters()) == 3_001_217
    assert weights["trans_conv.weight"].shape == (256, 256, 2, 2)
    assert weights["dconv_up2.0.weight"].shape == (64, 192, 3, 3)


def test_compat_computes_the_published_formulas(compat: CompatNetwork) -> None:
    image = torch.rand(1, 1, 48, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits, grid = compat.published_maps(image)
        expected_logits, expected_grid = _restated(compat.state_dict(), image)
    torch.testing.assert_close(logits, expected_logits, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(grid, expected_grid, atol=1e-5, rtol=1e-4)


def test_the_aligned_grid_reads_published_cells_where_they_lie(compat: CompatNetwork) -> None:
    image = torch.rand(1, 1, 96, 96, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        _, aligned = compat(image, torch.zeros(1, dtype=torch.int64))
        _, published = compat.published_maps(image)
    points = torch.tensor([[8 * 4 + 11.5, 8 * 2 + 11.5]])
    found = sample_descriptors(aligned[0], points)[0]
    expected = functional.normalize(published[0, :, 2, 4], dim=0)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_the_published_sampler_is_off_by_what_was_measured() -> None:
    """At 768 px the authors read 11.5 px to 4.5 px beside the keypoint, on a ramp this can be read off."""
    ramp = torch.arange(94, dtype=torch.float32).reshape(1, 1, 94).expand(1, 94, 94)
    grid = torch.cat([ramp, torch.ones_like(ramp) * 50.0])
    points = torch.tensor([[0.0, 300.0], [375.5, 300.0], [751.0, 300.0]])
    found = sample_as_published(grid, points).numpy()
    cell = 50.0 * found[:, 0] / found[:, 1]
    np.testing.assert_allclose(cell, points[:, 0].numpy() * 93 / 751, atol=1e-3)
    place = 8 * cell + 11.5
    np.testing.assert_allclose(place - points[:, 0].numpy(), [11.5, 8.0, 4.5], atol=0.02)


def test_published_weights_start_the_network_with_stems(compat: CompatNetwork) -> None:
    network = StemmedCompatNetwork(2, "polarity").eval()
    network.load_state_dict(stemmed_weights(compat.state_dict(), network))
    image = torch.rand(2, 2, 48, 48, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        logits, grid = network(image, torch.tensor([1, 0]))
        expected, _ = compat(image[:, :1], torch.zeros(2, dtype=torch.int64))
    # The vesselness channel begins at zero, so both stems compute what the published first stage does.
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-4)
    assert grid.shape == (2, 256, 6, 6)


@pytest.mark.parametrize(
    "facts",
    [
        {"mode": "compat"},
        {"mode": "xmodal_wide", "num_channels": 2, "stems": "modality"},
        {"mode": "xmodal", "width": 8, "descriptor_size": 16, "num_channels": 2, "stems": "modality"},
        {"mode": "xmodal", "width": 8, "descriptor_size": 16, "num_channels": 1, "has_full_detector": True},
    ],
)
def test_every_network_gives_aligned_maps(facts: dict[str, object]) -> None:
    network = build_network(facts).eval()
    with torch.no_grad():
        logits, grid = network(torch.rand(4, 2, 32, 48), torch.tensor([0, 1, 2, 3]))
    assert logits.shape == (4, 1, 32, 48)
    assert grid.shape[2:] == (4, 6)


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown network"):
        build_network({"mode": "other"})


def test_the_stem_follows_modality_unless_the_image_says_otherwise() -> None:
    assert stem_index("dark") == stem_index("dark", "CF") == 0
    assert stem_index("bright", "FA") == 1
    assert (stem_index("dark", "OCT"), stem_index("bright", "OCTA")) == (2, 3)
    assert stem_index("bright", "OCT") == 1
