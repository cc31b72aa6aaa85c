from __future__ import annotations

import numpy as np
import pytest
import torch

from engines.segmentation.inference.sampling import SamplerOptions, draw_masks, steps_of
from engines.segmentation.networks.noise import NoiseSchedule, clean_of, logits_of

SHAPE = (1, 16, 16)
CPU = torch.device("cpu")


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def disc() -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    return (((rows - 7) ** 2 + (columns - 9) ** 2) < 20).float()[None, None] * 2 - 1


@pytest.mark.parametrize("kind", ["linear", "cosine"])
@pytest.mark.parametrize("steps", [10, 20, 21, 25, 1000])
def test_some_signal_is_left_at_every_step(kind: str, steps: int) -> None:
    share = NoiseSchedule(kind, steps).signal_share
    assert bool(torch.isfinite(share).all())
    assert float(share[-1]) > 0
    assert bool((share[1:] < share[:-1]).all())


@pytest.mark.parametrize("prediction", ["x0", "v", "eps"])
def test_the_clean_mask_comes_back_from_every_prediction(prediction: str) -> None:
    # Double precision: at the last step the noise would be divided by 0.006.
    schedule, clean = NoiseSchedule("linear", 1000), disc().double().expand(4, -1, -1, -1)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    steps = torch.tensor([0, 10, 500, 999])
    noisy = schedule.noisy(clean, noise, steps)
    output = schedule.target(clean, noise, steps, prediction)
    assert float((schedule.clean_from(output, noisy, steps, prediction) - clean).abs().max()) < 1e-4
    assert float((schedule.noise_from(clean, noisy, steps) - noise).abs().max()) < 1e-4


def test_logits_and_clean_masks_are_each_other() -> None:
    clean = torch.tensor([-1.0, -0.5, 0.0, 0.9, 1.0])
    assert torch.allclose(clean_of(logits_of(clean)), clean, atol=1e-4)
    assert bool(torch.isfinite(logits_of(clean)).all())


@pytest.mark.parametrize("kind", ["ddim", "dpm_solver", "ancestral"])
@pytest.mark.parametrize("count", [1, 5, 50])
def test_a_perfect_network_gives_the_true_mask(kind: str, count: int) -> None:
    schedule, true = NoiseSchedule("linear", 1000), disc()
    asked = []

    def oracle(noisy: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        asked.append(int(steps[0]))
        return true.expand(len(noisy), -1, -1, -1)

    drawn = draw_masks(oracle, schedule, SamplerOptions(kind, count), SHAPE, generators(1, 2), CPU)
    assert torch.equal(drawn > 0, (true > 0).expand(2, -1, -1, -1))
    assert len(asked) == count
    assert asked[0] == 999
    assert asked == sorted(asked, reverse=True)


@pytest.mark.parametrize("kind", ["ddim", "dpm_solver", "ancestral"])
def test_a_batch_is_the_same_as_single_drawings(kind: str) -> None:
    schedule, weight = NoiseSchedule("linear", 100), torch.linspace(-1, 1, 256).reshape(1, 1, 16, 16)

    def network(noisy: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        return torch.tanh(noisy * 0.7 + weight)

    options = SamplerOptions(kind, 7)
    together = draw_masks(network, schedule, options, SHAPE, generators(3, 4, 5), CPU)
    alone = [draw_masks(network, schedule, options, SHAPE, generators(seed), CPU) for seed in (3, 4, 5)]
    assert torch.equal(together, torch.cat(alone))
    assert torch.equal(together, draw_masks(network, schedule, options, SHAPE, generators(3, 4, 5), CPU))
    assert not torch.equal(together[0], together[1])


def test_the_second_order_solver_agrees_with_small_steps() -> None:
    schedule = NoiseSchedule("linear", 1000)

    def network(noisy: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        return 0.8 * torch.tanh(2 * noisy)

    def drawn(kind: str, count: int) -> torch.Tensor:
        return draw_masks(network, schedule, SamplerOptions(kind, count), SHAPE, generators(7), CPU)

    exact = drawn("ddim", 1000)
    errors = {kind: float((drawn(kind, 20) - exact).abs().mean()) for kind in ("ddim", "dpm_solver")}
    assert errors["dpm_solver"] < errors["ddim"]


def test_drawing_can_start_from_a_mask() -> None:
    schedule, asked = NoiseSchedule("linear", 1000), []

    def network(noisy: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        asked.append(
            (int(steps[0]), float(torch.corrcoef(torch.stack([noisy[0].ravel(), disc().ravel()]))[0, 1]))
        )
        return noisy.clamp(-1, 1)

    options = SamplerOptions("ddim", 4, start_share=0.2)
    draw_masks(network, schedule, options, SHAPE, generators(1), CPU, start=disc())
    assert asked[0][0] == 200
    assert asked[0][1] > 0.5


def test_more_steps_than_trained_visit_each_once() -> None:
    assert steps_of(NoiseSchedule("linear", 10), SamplerOptions("ddim", 50)) == list(range(9, -1, -1))
    assert steps_of(NoiseSchedule("linear", 1000), SamplerOptions("ddim", 1)) == [999]


def test_a_cancelled_drawing_ends_within_one_step() -> None:
    calls = []

    def network(noisy: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return noisy.clamp(-1, 1)

    def watch(number: int, clean: torch.Tensor) -> None:
        if number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_masks(
            network,
            NoiseSchedule("linear", 100),
            SamplerOptions("ddim", 50),
            SHAPE,
            generators(1),
            CPU,
            watch=watch,
        )
    assert len(calls) == 3


def test_steps_are_spread_evenly() -> None:
    gaps = -np.diff(steps_of(NoiseSchedule("linear", 1000), SamplerOptions("ddim", 10)))
    assert gaps.min() == gaps.max() == 111
