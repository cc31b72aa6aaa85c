"""Warps, labels and descriptor sampling: the places where direction and half pixels go wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from engines.contract.geometry import apply_homography, inside, invert
from engines.registration.inference.keypoints import extract_keypoints
from engines.registration.model import sample_descriptors
from engines.registration.networks.xmodal import XmodalNetwork
from engines.registration.training.bifurcation_labels import kernel_side, label_kernel, label_map
from engines.registration.training.torch_geometry import largest_within, softened
from engines.registration.training.warps import WarpRange, random_homography, sample_through

SIZE = (96, 80)
BOUNDS = WarpRange(45.0, 0.8, 1.25, 0.2, 0.05, 0.4)


def _field_xy() -> np.ndarray:
    x, y = np.meshgrid(np.arange(4, SIZE[0], 8.0), np.arange(4, SIZE[1], 8.0))
    return np.column_stack([x.ravel(), y.ravel()])


def test_the_identity_changes_nothing() -> None:
    image = np.random.default_rng(0).random(SIZE[::-1]).astype(np.float32)
    np.testing.assert_array_equal(sample_through(image, np.eye(3), SIZE), image)


@pytest.mark.parametrize("seed", range(6))
def test_a_single_point_warps_to_its_partner_in_both_directions(seed: int) -> None:
    generator = np.random.default_rng(seed)
    moving_from_fixed = random_homography(generator, SIZE, _field_xy(), BOUNDS)
    fixed_xy = np.array([[48.0, 40.0]])
    moving_xy = apply_homography(moving_from_fixed, fixed_xy)
    if not inside(moving_xy, SIZE, 6)[0]:
        moving_xy = np.array([[48.0, 40.0]])
        fixed_xy = apply_homography(invert(moving_from_fixed), moving_xy)
    for in_from_out, in_xy, out_xy in (
        (moving_from_fixed, moving_xy, fixed_xy),
        (invert(moving_from_fixed), fixed_xy, moving_xy),
    ):
        rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
        blob = np.exp(-(np.square(columns - in_xy[0, 0]) + np.square(rows - in_xy[0, 1])) / 4.0)
        warped = sample_through(blob.astype(np.float32), in_from_out, SIZE)
        found = np.array([(warped * columns).sum(), (warped * rows).sum()]) / warped.sum()
        assert np.linalg.norm(found - out_xy[0]) < 0.5


@pytest.mark.parametrize("seed", range(20))
def test_random_warps_keep_enough_in_common(seed: int) -> None:
    warp = random_homography(np.random.default_rng(seed), SIZE, _field_xy(), BOUNDS)
    assert inside(apply_homography(warp, _field_xy()), SIZE).mean() >= BOUNDS.min_overlap


def test_warps_follow_their_seed() -> None:
    first, again, other = (
        random_homography(np.random.default_rng(seed), SIZE, _field_xy(), BOUNDS) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_the_label_kernel_has_the_published_middle_row() -> None:
    row = [0.266, 0.418, 0.582, 0.742, 0.877, 0.968, 1.0]
    np.testing.assert_allclose(label_kernel()[6], row + row[-2::-1], atol=1e-3)
    assert label_kernel()[0, 0] == 0
    assert kernel_side(768) == 13
    assert kernel_side(128) == 7


def test_labels_add_up_to_one_at_most_and_leave_out_what_is_off_the_image() -> None:
    labels = label_map(np.array([[20.0, 30.0], [22.0, 30.0], [-5.0, 3.0], [400.0, 3.0]]), (64, 48), 13)
    assert labels.shape == (48, 64)
    assert labels[30, 20] == 1.0
    assert labels.max() == 1.0
    assert labels[:20].max() == 0.0


def test_descriptors_are_read_where_their_cell_lies() -> None:
    # A grid that holds its own coordinates: cell m lies at pixel 8 m + 3.5.
    grid = torch.stack(torch.meshgrid(torch.arange(6.0), torch.arange(8.0), indexing="ij"))
    points = torch.tensor([[3.5, 3.5], [11.5, 19.5], [29.5, 7.5]])
    expected = torch.tensor([[0.0, 0.0], [2.0, 1.0], [0.5, 3.25]])
    embedded = torch.cat([grid, torch.ones(1, 6, 8)])
    sampled = sample_descriptors(embedded, points)
    torch.testing.assert_close(sampled[:, :2] / sampled[:, 2:], expected)


def test_the_descriptor_grid_follows_a_shift_of_one_cell() -> None:
    torch.manual_seed(0)
    network = XmodalNetwork(8, 16, 2).eval()
    image = torch.zeros(1, 2, 160, 160)
    image[:, :, 64:96, 64:96] = torch.randn(1, 2, 32, 32)
    # The context layer has stride 16, so only whole multiples of it are exact.
    shifted = torch.roll(image, (16, 16), dims=(2, 3))
    with torch.no_grad():
        (_, first), (_, second) = (network(each, torch.tensor([0])) for each in (image, shifted))
    point = torch.tensor([[75.3, 82.9]])
    similarity = (sample_descriptors(first[0], point) * sample_descriptors(second[0], point + 16)).sum()
    assert similarity > 0.999


def test_each_polarity_has_its_own_first_layers() -> None:
    torch.manual_seed(0)
    network = XmodalNetwork(8, 16, 2).eval()
    images = torch.randn(3, 2, 32, 32)
    with torch.no_grad():
        mixed, _ = network(images, torch.tensor([1, 0, 1]))
        alone, _ = network(images[1:2], torch.tensor([0]))
        other, _ = network(images[1:2], torch.tensor([1]))
    torch.testing.assert_close(mixed[1:2], alone)
    assert not torch.allclose(alone, other)


def test_keypoints_are_found_between_pixels_and_only_in_the_field() -> None:
    rows, columns = np.mgrid[0:64, 0:64]
    probability = np.full((64, 64), 1e-4)
    for x, y in ((20.3, 30.4), (50.0, 12.0)):
        probability += 0.8 * np.exp(-(np.square(columns - x) + np.square(rows - y)) / 6)
    logits = torch.logit(torch.from_numpy(probability).float())[None]
    field = np.ones((64, 64), dtype=bool)
    field[:20, 40:] = False
    found = extract_keypoints(
        logits, torch.randn(8, 8, 8), field, nms_radius_px=4, threshold=0.1, max_keypoints=50
    )
    assert len(found) == 1
    np.testing.assert_allclose(found.points_xy[0], [20.3, 30.4], atol=0.15)
    np.testing.assert_allclose(np.linalg.norm(found.descriptors, axis=1), 1, atol=1e-5)


def test_the_largest_value_nearby_is_that_of_a_square_window() -> None:
    maps = torch.rand(2, 21, 26, generator=torch.Generator().manual_seed(0))
    square = functional.max_pool2d(maps[:, None], 7, 1, 3)[:, 0]
    assert torch.equal(largest_within(maps, 3), square)


def test_spots_written_one_by_one_are_those_of_a_convolution() -> None:
    generator = torch.Generator().manual_seed(0)
    one_hot = (torch.rand(2, 21, 26, generator=generator) > 0.96).float()
    kernel = torch.rand(5, 5, generator=generator)
    convolved = functional.conv2d(one_hot[:, None], kernel[None, None], padding=2)[:, 0].clamp(max=1.0)
    torch.testing.assert_close(softened(one_hot, kernel), convolved)
    assert not softened(torch.zeros(1, 8, 8), kernel).any()
