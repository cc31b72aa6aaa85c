from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from engines.contract.errors import GeometryError
from engines.imaging.volumes import label_metrics
from engines.imaging.volumes.components import describe_components, label_components, line_length_mm
from engines.imaging.volumes.label_metrics import (
    bounding_box,
    centre_line_agreement,
    dice,
    iou,
    num_components,
    surface,
    surface_distances,
    volume_ml,
)

SPACING = (0.5, 0.8, 2.5)
SHAPE = (24, 20, 12)


def ball(centre: tuple[float, float, float], radius_mm: float) -> np.ndarray:
    offsets = (np.indices(SHAPE).T - centre) * SPACING
    return radius_mm >= np.linalg.norm(offsets, axis=-1).T


def random_masks(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    first = ball(tuple(random.uniform(6, 8, 3)), 4.0)
    return first, ball(tuple(random.uniform(6, 9, 3)), random.uniform(3.0, 4.5))


def brute_distances(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = (np.argwhere(surface(mask)) * SPACING for mask in (first, second))
    table = np.linalg.norm(a[:, None] - b[None], axis=-1)
    return table.min(axis=1), table.min(axis=0)


@pytest.mark.parametrize("seed", range(4))
def test_surface_distances_agree_with_every_pair_of_voxels(seed: int) -> None:
    first, second = random_masks(seed)
    found = surface_distances(first, second, SPACING)
    there, back = brute_distances(first, second)

    np.testing.assert_allclose(np.sort(found.to_reference_mm), np.sort(there))
    np.testing.assert_allclose(np.sort(found.to_candidate_mm), np.sort(back))
    assert found.hd95_mm == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
    within = (there <= 1.0).sum() + (back <= 1.0).sum()
    assert found.nsd(1.0) == pytest.approx(within / (there.size + back.size))


def test_overlap_agrees_with_another_library() -> None:
    first, second = random_masks(1)
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (first, second)]
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*images)

    assert dice(first, second) == pytest.approx(overlap.GetDiceCoefficient())
    assert iou(first, second) == pytest.approx(overlap.GetJaccardCoefficient())


def test_a_mask_agrees_with_itself_and_with_its_shift_by_one_slice() -> None:
    mask = ball((10, 10, 6), 4.0)
    same = surface_distances(mask, mask, SPACING)
    assert (dice(mask, mask), same.hd95_mm, same.nsd(0.0)) == (1.0, 0.0, 1.0)
    # Neighbours inside the same plane are nearer than the shift of 2.5 mm.
    shifted = surface_distances(mask, np.roll(mask, 1, axis=2), SPACING)
    assert 0.0 < shifted.hd95_mm <= 2.5
    assert shifted.nsd(2.5) == 1.0


def test_empty_masks_have_no_distance() -> None:
    empty, mask = np.zeros(SHAPE, bool), ball((10, 10, 6), 3.0)
    assert dice(empty, empty) == iou(empty, empty) == 1.0
    assert surface_distances(empty, empty, SPACING).nsd(1.0) is None
    assert centre_line_agreement(empty, empty) is None
    for first, second in ((empty, mask), (mask, empty)):
        found = surface_distances(first, second, SPACING)
        assert dice(first, second) == 0.0
        assert found.hd95_mm is None
        assert found.nsd(1.0) == 0.0
        assert centre_line_agreement(first, second).cldice == 0.0


def tube(length: int) -> np.ndarray:
    mask = np.zeros((40, 11, 11), bool)
    mask[2 : 2 + length, 4:7, 4:7] = True
    return mask


def test_centre_lines_tell_a_lost_branch_from_a_thinner_vessel() -> None:
    whole, half, thin = tube(36), tube(18), np.zeros((40, 11, 11), bool)
    thin[2:38, 5, 5] = True
    lost = centre_line_agreement(half, whole)
    assert lost.precision == 1.0
    assert lost.sensitivity == pytest.approx(0.5, abs=0.05)
    assert centre_line_agreement(thin, whole).cldice == pytest.approx(1.0)
    assert dice(thin, whole) < 0.25


def test_pieces_are_counted_over_corners_and_described_the_largest_first() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[2, 2, 2] = mask[3, 3, 3] = True
    mask[10:14, 8:10, 5] = True
    mask[20, 18, 10] = True
    image = np.full(SHAPE, 100.0)
    image[20, 18, 10] = 700.0
    labels, count = label_components(mask)
    found = describe_components(labels, SPACING, image)

    assert count == num_components(mask) == 3
    assert [piece.num_voxels for piece in found] == [8, 2, 1]
    assert [piece.number for piece in found] == [1, 2, 3]
    assert found[0].volume_ml == pytest.approx(8 * 0.001) == volume_ml(labels == 1, SPACING)
    assert found[2].mean_intensity == 700.0
    assert found[2].centre_ijk == (20, 18, 10)
    assert mask[found[0].centre_ijk]
    assert found[1].length_mm == pytest.approx(np.linalg.norm(SPACING))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [((9, 0, 0), 4.5), ((0, 0, 9), 22.5), ((9, 9, 9), 9 * np.linalg.norm(SPACING))],
)
def test_the_length_of_a_line_respects_the_spacing(steps: tuple[int, int, int], expected: float) -> None:
    line = np.zeros(SHAPE, bool)
    for step in range(10):
        line[tuple(np.array((1, 1, 1)) + np.array(steps) * step // 9)] = True
    assert line_length_mm(line, SPACING) == pytest.approx(expected)
    assert line_length_mm(np.zeros(SHAPE, bool), SPACING) == 0.0


def test_a_box_holds_the_mask_and_stays_in_the_array() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[0:3, 5, 11] = True
    assert bounding_box(mask) == (slice(0, 3), slice(5, 6), slice(11, 12))
    assert bounding_box(mask, margin=2) == (slice(0, 5), slice(3, 8), slice(9, 12))
    with pytest.raises(GeometryError, match="empty"):
        bounding_box(np.zeros(SHAPE, bool))


@pytest.mark.parametrize("share", [0.0005, 0.3])
def test_distances_are_those_of_a_distance_map_for_few_and_for_many_voxels(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    first, second = (rng.random((30, 28, 20)) < share for _ in range(2))
    found = surface_distances(first, second, (0.4, 0.5, 1.5))
    monkeypatch.setattr(label_metrics, "_VOXELS_PER_SEARCH", np.inf)
    expected = surface_distances(first, second, (0.4, 0.5, 1.5))
    np.testing.assert_allclose(found.to_reference_mm, expected.to_reference_mm, atol=1e-9)
    np.testing.assert_allclose(found.to_candidate_mm, expected.to_candidate_mm, atol=1e-9)


def test_masks_of_different_grids_are_not_compared() -> None:
    with pytest.raises(GeometryError, match="24 x 20 x 12"):
        dice(np.zeros(SHAPE, bool), np.zeros((3, 3, 3), bool))
