from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from engines.segmentation.inference.sampling import SamplerOptions
from engines.segmentation.inference.slice_inference import draw_slices
from engines.segmentation.losses import grade_loss, mask_loss
from engines.segmentation.model import SegmentationNetwork, equal_width
from engines.segmentation.networks.architecture import Architecture, preview_architecture
from engines.segmentation.networks.condition import ConditionBranch, pool
from engines.segmentation.networks.denoiser import Denoiser

SMALL = Architecture(width=8, condition_width=8, factors=(1, 2, 3))


def network(architecture: Architecture = SMALL, seed: int = 0) -> SegmentationNetwork:
    torch.manual_seed(seed)
    made = SegmentationNetwork(architecture)
    # Zeroed last layers would hide what is not connected.
    for parameter in made.parameters():
        parameter.data += 0.02 * torch.randn(parameter.shape)
    return made


def inputs(batch: int = 2, regions: int = 1, size: int = 32) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(batch, 4, size, size, generator=generator)
    noisy = torch.randn(batch, regions, size, size, generator=generator)
    return image, noisy, torch.arange(batch) * 400


@pytest.mark.parametrize("width", [32, 64, 128])
def test_every_width_runs(width: int) -> None:
    made = SegmentationNetwork(Architecture(width=width, condition_width=16, factors=(1, 2)))
    found = made(*inputs(1))
    assert found.seg_logits.shape == (1, 1, 32, 32)
    assert found.cls_logits.shape == (1, 2)
    assert found.calib_map.shape == (1, 1, 32, 32)


@pytest.mark.parametrize(
    "changes",
    [
        {"network": "v2"},
        {"prediction": "v"},
        {"prediction": "eps"},
        {"grade_head": "bottleneck"},
        {"grade_head": "off"},
        {"num_regions": 3},
        {"method": "unet"},
        {"method": "classifier"},
        {"decoder_blocks": 3, "encoder_blocks": 2, "attention_levels": (1,)},
    ],
    ids=str,
)
def test_every_choice_runs_and_learns(changes: dict[str, object]) -> None:
    made = network(replace(SMALL, **changes))
    regions = made.architecture.num_regions
    found = made(*inputs(2, regions))
    target = torch.ones_like(found.seg_logits)
    loss = mask_loss(found.seg_logits, target, 0.5, 1.5) + mask_loss(found.calib_map, target, 1.0, 0.0)
    if made.head is not None:
        loss = loss + grade_loss(found.cls_logits, torch.tensor([0, 1]), torch.ones(2), 2.0)
    loss.backward()
    assert bool(torch.isfinite(loss))
    unused = [name for name, parameter in made.named_parameters() if parameter.grad is None]
    assert not unused


@pytest.mark.parametrize("prediction", ["x0", "v", "eps"])
def test_the_loss_is_finite_at_every_step(prediction: str) -> None:
    made = network(replace(SMALL, prediction=prediction, factors=(1, 2), num_steps=20))
    image, noisy, _ = inputs(20)
    found = made(image, noisy, torch.arange(20))
    assert bool(torch.isfinite(mask_loss(found.seg_logits, torch.ones_like(noisy), 0.5, 1.5)))


def test_the_published_architecture_has_its_parameters() -> None:
    preview = preview_architecture(Architecture())
    with torch.device("meta"):
        denoiser = Denoiser(preview, ConditionBranch(preview, preview.condition_width).widths)
    counts = {
        name: sum(parameter.numel() for parameter in getattr(denoiser, name).parameters())
        for name in ("time_embed", "input_blocks", "middle_block", "output_blocks")
    }
    assert counts == {
        "time_embed": 328_704,
        "input_blocks": 31_266_304,
        "middle_block": 11_020_288,
        "output_blocks": 71_056_512,
    }


def test_a_plain_unet_of_equal_size_is_of_equal_size() -> None:
    diffusion = SegmentationNetwork(Architecture(grade_head="off"))
    plain = SegmentationNetwork(Architecture(grade_head="off", method="unet"))
    sizes = [made.parameter_table()[-1][1] for made in (diffusion, plain)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.1)
    assert equal_width(diffusion.architecture) > diffusion.architecture.condition_width


def test_the_parameter_table_adds_up() -> None:
    rows = network(replace(SMALL, network="v2")).parameter_table()
    assert sum(count for _, count, _ in rows[:-1]) == rows[-1][1]


def test_prediction_consumes_no_random_numbers() -> None:
    made = network().eval()
    before = torch.get_rng_state()
    with torch.no_grad():
        first, second = made(*inputs()), made(*inputs())
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.seg_logits, second.seg_logits)


@pytest.mark.parametrize("is_stopped", [True, False])
def test_the_grade_moves_the_masks_only_when_it_may(is_stopped: bool) -> None:
    made = network(replace(SMALL, stop_gradient=is_stopped))
    grade_loss(made(*inputs()).cls_logits, torch.tensor([0, 1]), torch.ones(2), 2.0).backward()
    moved = {name.split(".")[0] for name, found in made.named_parameters() if found.grad is not None}
    assert moved == ({"head"} if is_stopped else {"head", "condition"})


@pytest.mark.parametrize("is_detached", [True, False])
def test_the_mask_reaches_the_image_only_branch_unless_detached(is_detached: bool) -> None:
    made = network(replace(SMALL, detaches_anchors=is_detached))
    made(*inputs()).seg_logits.sum().backward()
    assert made.condition is not None
    gradients = [found.grad for found in made.condition.encoder.parameters()]
    assert all(found is None for found in gradients) is is_detached


def test_bfloat16_is_finite() -> None:
    made = network(replace(SMALL, network="v2"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = made(*inputs())
    assert all(bool(torch.isfinite(tensor.float()).all()) for tensor in found)


def test_a_standard_prediction_costs_fifty_denoiser_calls_and_one_condition_a_slice() -> None:
    made = network().eval()
    images = np.random.default_rng(0).normal(size=(3, 4, 32, 32)).astype(np.float32)
    drawn = draw_slices(made, images, SamplerOptions("ddim", 10), num_samples=5, seed=0, slices_per_batch=2)
    assert drawn.samples.shape == (5, 3, 1, 32, 32)
    assert made.num_denoiser_calls == 50 * len(images)
    assert made.num_condition_calls == len(images)


def test_slices_and_samples_may_be_computed_together_or_alone() -> None:
    made = network().eval()
    images = np.random.default_rng(0).normal(size=(4, 4, 32, 32)).astype(np.float32)
    options = SamplerOptions("ancestral", 4)
    together = draw_slices(made, images, options, num_samples=3, seed=5, slices_per_batch=4)
    one = draw_slices(
        made, images[2:3], options, num_samples=3, seed=5, numbers=np.array([2]), slices_per_batch=1
    )
    np.testing.assert_allclose(together.samples[:, 2], one.samples[:, 0], atol=1e-5)
    fewer = draw_slices(made, images, options, num_samples=1, seed=5)
    np.testing.assert_allclose(fewer.samples[0], together.samples[0], atol=1e-5)
    other = draw_slices(made, images, options, num_samples=1, seed=6)
    assert np.abs(other.samples - fewer.samples).max() > 1e-3


def test_features_are_pooled_where_the_tumour_is() -> None:
    features = torch.zeros(1, 1, 8, 8)
    features[..., :4, :] = 2.0
    seen = torch.full((1, 1, 8, 8), -9.0)
    seen[..., :4, :] = 9.0
    mean, largest = pool((features,), seen)[0].tolist()
    assert mean == pytest.approx(2.0, abs=0.01)
    assert largest == pytest.approx(2.0, abs=0.01)
    assert pool((features,), -seen)[0, 0].item() == pytest.approx(0.0, abs=0.01)
