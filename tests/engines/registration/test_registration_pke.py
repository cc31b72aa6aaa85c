"""Keypoint expansion: planted points are found, only where they may be, and trust grows and decays."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engines.contract.geometry import apply_homography, similarity_matrix
from engines.registration.model import sample_descriptors, sample_in_batch
from engines.registration.training.pke import (
    ExpansionRules,
    expand,
    learned_points,
    local_maxima,
    updated_value_map,
)
from engines.registration.training.torch_geometry import map_points, rasterised, valid_area, warp_maps

SIDE = 128
RULES = ExpansionRules(radius_px=4, learned_radius_px=6)


def _spots(points: np.ndarray) -> Tensor:
    one_hot = torch.zeros(SIDE, SIDE)
    for x, y in np.rint(points).astype(int):
        one_hot[y, x] = 1.0
    kernel = torch.exp(-0.5 * (torch.arange(-4, 5)[:, None] ** 2 + torch.arange(-4, 5)[None] ** 2) / 2.0)
    return functional.conv2d(one_hot[None, None], kernel[None, None].float(), padding=4)[0, 0].clamp(max=0.95)


def _planted() -> tuple[dict[str, Tensor], np.ndarray, np.ndarray]:
    """Return a fully solved pair: both detectors see all points, and each has a descriptor of its own."""
    columns, rows = np.meshgrid([24, 48, 72, 96], [24, 48, 72, 96])
    points = np.column_stack([columns.ravel(), rows.ravel()]).astype(np.float64)
    turn = similarity_matrix(8.0, 1.0, (63.5, 63.5), (3.0, -2.0))
    mapped = apply_homography(turn, points)
    generator = torch.Generator().manual_seed(0)
    own = functional.normalize(torch.randn(len(points), 32, generator=generator), dim=1)

    def grid(places: np.ndarray) -> Tensor:
        cells = torch.from_numpy(places / 8 - 0.4375)
        rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
        gap = (columns[..., None] - cells[:, 0]) ** 2 + (rows[..., None] - cells[:, 1]) ** 2
        return (torch.exp(-gap / 2).float() @ own).permute(2, 0, 1)

    inputs = {
        "fixed_score": _spots(points)[None],
        "moving_score": _spots(mapped)[None],
        "fixed_grid": grid(points)[None],
        "moving_grid": grid(mapped)[None],
        "moving_from_fixed": torch.from_numpy(turn)[None],
        "given": torch.zeros(1, SIDE, SIDE),
        "allowed": torch.ones(1, SIDE, SIDE),
    }
    return inputs, points, mapped


def _found(inputs: dict[str, Tensor], rules: ExpansionRules = RULES) -> set[tuple[int, int]]:
    result = expand(**inputs, rules=rules)
    return {(int(x), int(y)) for x, y in zip(result.columns, result.rows, strict=True)}


def test_planted_points_are_found() -> None:
    inputs, points, _ = _planted()
    assert _found(inputs) == {(int(x), int(y)) for x, y in points}
    counts = expand(**inputs, rules=RULES).counts
    assert counts == {"candidates": 16, "after_geometry": 16, "after_content": 16, "accepted": 16}


def test_points_are_found_inside_the_vessel_mask_only() -> None:
    inputs, points, _ = _planted()
    inputs["allowed"] = torch.zeros(1, SIDE, SIDE)
    inputs["allowed"][:, :, :60] = 1
    assert _found(inputs) == {(int(x), int(y)) for x, y in points if x < 60}


def test_a_given_point_is_no_candidate() -> None:
    inputs, points, _ = _planted()
    inputs["given"][0, 24, 24] = 1
    assert _found(inputs) == {(int(x), int(y)) for x, y in points} - {(24, 24)}


def test_a_blank_moving_detector_or_a_swapped_transform_fails_the_geometric_test() -> None:
    inputs, _, _ = _planted()
    assert _found({**inputs, "moving_score": torch.zeros(1, SIDE, SIDE)}) == set()
    swapped = torch.linalg.inv(inputs["moving_from_fixed"])
    assert len(_found({**inputs, "moving_from_fixed": swapped})) < 4


def test_alike_descriptors_fail_the_content_test() -> None:
    inputs, _, _ = _planted()
    counts = expand(**{**inputs, "moving_grid": torch.ones_like(inputs["moving_grid"])}, rules=RULES).counts
    assert counts["after_geometry"] == 16
    assert counts["after_content"] == 0


def test_the_strongest_are_kept_for_each_image() -> None:
    inputs, points, _ = _planted()
    both = {name: torch.cat([value, value]) for name, value in inputs.items()}
    both["fixed_score"][1] *= torch.linspace(0.5, 1.0, SIDE)[None]
    result = expand(**both, rules=ExpansionRules(radius_px=4, max_new_points=4))
    assert torch.bincount(result.images).tolist() == [4, 4]
    # In the second image the score grows to the right.
    assert set(result.columns[result.images == 1].tolist()) == {96}
    assert result.counts["after_content"] == 2 * len(points)


def test_ties_are_broken_by_place_and_the_same_way_every_time() -> None:
    flat = torch.full((1, 32, 32), 0.5)
    peaks = local_maxima(flat, 4)
    assert 0 < int(peaks.sum()) <= 49
    assert torch.equal(peaks, local_maxima(flat, 4))


def test_the_value_map_grows_where_a_point_returns_and_decays_elsewhere() -> None:
    values = torch.zeros(32, 32, dtype=torch.int16)
    point = torch.zeros(32, 32)
    point[10, 10] = 1
    values = updated_value_map(values, point)
    assert int(values[10, 10]) == 5
    assert int(values.sum()) == 5
    # Beside a known pixel, the known one gains 1 and no new one arises.
    beside = torch.zeros(32, 32)
    beside[11, 11] = 1
    values = updated_value_map(values, beside)
    assert int(values[10, 10]) == 6
    assert int(values[11, 11]) == 0
    values = updated_value_map(values, torch.zeros(32, 32))
    assert int(values[10, 10]) == 5
    for _ in range(9):
        values = updated_value_map(values, torch.zeros(32, 32))
    assert int(values.sum()) == 0
    for _ in range(90):
        values = updated_value_map(values, point)
    assert int(values[10, 10]) == 255


def test_learned_points_are_trusted_ones_away_from_given_ones() -> None:
    values = torch.zeros(1, 64, 64, dtype=torch.int16)
    values[0, 10, 10], values[0, 10, 13], values[0, 40, 40], values[0, 20, 50] = 9, 7, 4, 6
    given = torch.zeros(1, 64, 64)
    given[0, 21, 51] = 1
    found = learned_points(values, given, RULES).nonzero().tolist()
    assert found == [[0, 10, 10]]


def test_descriptors_of_a_batch_are_read_bilinearly_from_their_own_image() -> None:
    grid = torch.randn(2, 8, 6, 7, generator=torch.Generator().manual_seed(0))
    points = torch.rand(20, 2, generator=torch.Generator().manual_seed(1)) * torch.tensor([60.0, 50.0]) - 2
    images = torch.arange(20) % 2
    found = sample_in_batch(grid, images, points)
    for number in (0, 1):
        cells = (points[images == number] - 3.5) / 8
        places = (2 * cells / torch.tensor([6.0, 5.0]) - 1)[None, None]
        read = functional.grid_sample(grid[number][None], places, padding_mode="border", align_corners=True)
        torch.testing.assert_close(found[images == number], functional.normalize(read[0, :, 0].T, dim=1))
        torch.testing.assert_close(
            sample_descriptors(grid[number], points[images == number]), found[images == number]
        )


def test_the_identity_leaves_a_map_as_it_is() -> None:
    maps = torch.rand(1, 1, 20, 24)
    torch.testing.assert_close(warp_maps(maps, torch.eye(3)[None]), maps, atol=1e-5, rtol=0)


def test_a_spot_warps_onto_its_partner_in_both_directions() -> None:
    generator = np.random.default_rng(5)
    for _ in range(6):
        turn = similarity_matrix(
            generator.uniform(-45, 45), generator.uniform(0.8, 1.2), (63.5, 63.5), (4.0, -6.0)
        )
        turn[2, :2] = generator.uniform(-3e-4, 3e-4, 2)
        turn /= turn[2, 2]
        fixed_xy = generator.uniform(45, 80, (1, 2)).round()
        moving_xy = apply_homography(turn, fixed_xy)
        for place, spot, matrix in (
            (fixed_xy, moving_xy, turn),
            (moving_xy, fixed_xy, np.linalg.inv(turn)),
        ):
            rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
            drawn = torch.exp(-((columns - spot[0, 0]) ** 2 + (rows - spot[0, 1]) ** 2) / 8.0).float()
            warped = warp_maps(drawn[None, None], torch.from_numpy(matrix)[None])[0, 0]
            centre = torch.stack([(warped * columns).sum(), (warped * rows).sum()]) / warped.sum()
            assert np.linalg.norm(centre.numpy() - place[0]) < 0.5


def test_outside_the_moving_image_is_not_valid() -> None:
    field = torch.ones(1, 64, 64)
    shift = torch.eye(3)[None].clone()
    shift[0, 0, 2] = 20.0
    valid = valid_area(field, field, shift)[0]
    assert bool(valid[32, 10])
    assert not bool(valid[32, 50])
    assert not bool(valid[0, 0])
    narrow = field.clone()
    narrow[:, :, :30] = 0
    assert not bool(valid_area(field, narrow, shift)[0][32, 5])


def test_points_map_as_in_the_shared_geometry() -> None:
    turn = similarity_matrix(30.0, 1.1, (50.0, 40.0), (3.0, 5.0))
    turn[2, 0] = 1e-4
    points = np.random.default_rng(0).uniform(0, 100, (9, 2))
    found = map_points(torch.from_numpy(turn)[None], torch.from_numpy(points)[None])[0].numpy()
    np.testing.assert_allclose(found, apply_homography(turn, points), atol=1e-9)


def test_points_off_a_map_are_not_drawn() -> None:
    rows, columns = torch.tensor([1, -1, 9]), torch.tensor([2, 3, 1])
    drawn = rasterised(rows, columns, torch.zeros(3, dtype=torch.int64), (1, 8, 8))
    assert drawn.nonzero().tolist() == [[0, 1, 2]]
