from __future__ import annotations

import numpy as np
import pytest

from engines.contract.errors import GeometryError
from engines.imaging.comparison import Change
from engines.imaging.volumes.label_comparison import (
    ALL_CLASSES,
    Agreement,
    Metric,
    agreement,
    change_between_labels,
    joint_box,
    surface_offsets,
)
from engines.imaging.volumes.label_metrics import surface_distances
from engines.imaging.volumes.volume import Volume, VolumeGeometry

SPACING = (0.5, 1.0, 2.5)
SHAPE = (16, 14, 10)


def geometry(shape: tuple[int, int, int] = SHAPE, shift_mm: float = 0.0) -> VolumeGeometry:
    matrix = np.diag([-SPACING[0], SPACING[1], SPACING[2], 1.0])
    matrix[:3, 3] = (40.0 + shift_mm, -20.0, 7.0)
    return VolumeGeometry(shape, matrix)


def labels(*blocks: tuple[tuple[slice, slice, slice], int]) -> np.ndarray:
    made = np.zeros(SHAPE, dtype=np.uint8)
    for box, value in blocks:
        made[box] = value
    return made


def block(i0: int, i1: int, j0: int, j1: int, k0: int, k1: int) -> tuple[slice, slice, slice]:
    return slice(i0, i1), slice(j0, j1), slice(k0, k1)


def numbers(first: np.ndarray, second: np.ndarray, label: int = ALL_CLASSES) -> Agreement:
    found = agreement(Volume(first, geometry()), Volume(second, geometry()), label)
    assert found is not None
    return found


def test_change_counts_every_voxel_once_in_ml() -> None:
    before = labels((block(2, 6, 2, 6, 2, 6), 1))
    after = labels((block(3, 6, 2, 6, 2, 7), 1))
    change = change_between_labels(before, after, geometry())
    assert change.box == block(2, 6, 2, 6, 2, 7)
    voxel_ml = 0.5 * 1.0 * 2.5 / 1000
    expected = {Change.KEPT: 48, Change.ADDED: 12, Change.REMOVED: 16}
    assert change.volumes_ml == pytest.approx({kind: n * voxel_ml for kind, n in expected.items()})
    assert change.shares == pytest.approx({kind: n / 76 for kind, n in expected.items()})
    assert change.change[0, 0, 0] == Change.REMOVED
    assert change.change[1, 0, 4] == Change.ADDED


def test_class_filter_sees_its_own_class_only() -> None:
    before = labels((block(2, 6, 2, 6, 2, 6), 1), (block(8, 10, 2, 4, 2, 4), 2))
    after = labels((block(2, 6, 2, 6, 2, 6), 1))
    only_first = change_between_labels(before, after, geometry(), 1)
    assert only_first.shares == {Change.KEPT: 1.0, Change.ADDED: 0.0, Change.REMOVED: 0.0}
    assert change_between_labels(before, after, geometry(), 2).shares[Change.REMOVED] == 1.0
    assert change_between_labels(before, after, geometry()).shares[Change.REMOVED] == pytest.approx(8 / 72)


def test_change_of_two_empty_maps_is_nothing() -> None:
    change = change_between_labels(labels(), labels(), geometry())
    assert change.change.size == 0
    assert set(change.volumes_ml.values()) == {0.0}
    assert set(change.shares.values()) == {0.0}


def test_surface_offset_is_signed_and_in_mm() -> None:
    reference = labels((block(4, 9, 4, 9, 3, 7), 1))
    grown = labels((block(4, 11, 4, 9, 3, 7), 1))
    offsets = surface_offsets(grown, reference, geometry())
    at = tuple(place - side.start for place, side in zip((10, 6, 5), offsets.box, strict=True))
    # Two voxels of 0.5 mm further out along the first axis.
    assert offsets.distance_mm[at] == pytest.approx(1.0)
    assert offsets.largest_mm == pytest.approx(1.0)
    inward = surface_offsets(reference, grown, geometry())
    at = tuple(place - side.start for place, side in zip((8, 6, 5), inward.box, strict=True))
    assert inward.distance_mm[at] == pytest.approx(-1.0)
    assert np.nanmax(inward.distance_mm) == 0.0


def test_surface_offset_lies_on_the_surface_of_the_candidate_only() -> None:
    reference = labels((block(4, 10, 4, 10, 2, 8), 1))
    candidate = labels((block(5, 10, 4, 10, 2, 8), 1))
    offsets = surface_offsets(candidate, reference, geometry())
    inner = tuple(place - side.start for place, side in zip((7, 6, 5), offsets.box, strict=True))
    assert np.isnan(offsets.distance_mm[inner])
    known = np.abs(offsets.distance_mm[np.isfinite(offsets.distance_mm)])
    own = surface_distances(candidate > 0, reference > 0, SPACING).to_reference_mm
    np.testing.assert_allclose(np.sort(known), np.sort(own), atol=1e-6)


def test_surface_offset_along_a_thick_slice_is_longer() -> None:
    reference = labels((block(4, 9, 4, 9, 3, 6), 1))
    higher = labels((block(4, 9, 4, 9, 3, 7), 1))
    assert surface_offsets(higher, reference, geometry()).largest_mm == pytest.approx(2.5)


@pytest.mark.parametrize(("own", "other"), [(0, 1), (1, 0), (0, 0)])
def test_surface_of_an_empty_mask_has_no_distance(own: int, other: int) -> None:
    full = labels((block(4, 9, 4, 9, 3, 6), 1))
    offsets = surface_offsets(full * own, full * other, geometry())
    assert offsets.largest_mm is None
    assert offsets.reason is not None


def test_agreement_of_equal_masks_is_whole() -> None:
    mask = labels((block(3, 12, 5, 9, 2, 8), 1))
    values = numbers(mask, mask).values
    assert list(values) == list(Metric)
    assert values[Metric.DICE] == values[Metric.NSD_05] == values[Metric.CLDICE] == 1.0
    assert values[Metric.HD95] == 0.0
    assert values[Metric.VOLUME] == pytest.approx(9 * 4 * 6 * 1.25e-3)
    assert values[Metric.COMPONENTS] == 1.0


def test_agreement_measures_in_mm_on_thick_slices() -> None:
    reference = labels((block(3, 12, 3, 11, 2, 6), 1))
    higher = labels((block(3, 12, 3, 11, 3, 7), 1))
    values = numbers(higher, reference).values
    assert values[Metric.DICE] == pytest.approx(2 * 3 / 8)
    assert values[Metric.HD95] == pytest.approx(2.5)
    assert values[Metric.NSD_05] < values[Metric.NSD_1] < 1.0
    sideways = numbers(labels((block(4, 13, 3, 11, 2, 6), 1)), reference).values
    assert sideways[Metric.NSD_05] == 1.0


@pytest.mark.parametrize("label", [ALL_CLASSES, 3])
def test_what_has_no_value_is_none_and_says_why(label: int) -> None:
    both_empty = numbers(labels(), labels(), label)
    undefined = {metric for metric, value in both_empty.values.items() if value is None}
    assert undefined == {Metric.DICE, Metric.NSD_05, Metric.NSD_1, Metric.HD95, Metric.CLDICE}
    assert set(both_empty.reasons) == undefined
    one_empty = numbers(labels(), labels((block(3, 6, 3, 6, 3, 6), 3)), label)
    assert one_empty.values[Metric.HD95] is None
    assert one_empty.reasons[Metric.HD95].text == "The mask is empty."
    assert one_empty.values[Metric.DICE] == 0.0
    assert one_empty.values[Metric.COMPONENTS] == 0.0


def test_one_slice_has_numbers() -> None:
    grid = VolumeGeometry((9, 9, 1), np.diag([0.5, 0.5, 5.0, 1.0]))
    first = np.zeros(grid.shape, dtype=np.uint8)
    first[2:7, 2:7] = 1
    found = agreement(Volume(first, grid), Volume(first, grid))
    assert found is not None
    assert found.values[Metric.DICE] == found.values[Metric.NSD_1] == 1.0
    assert surface_offsets(first, first, grid).largest_mm == 0.0


def test_grids_that_differ_are_named_both() -> None:
    first = Volume(labels(), geometry())
    other = Volume(labels(), geometry(shift_mm=3.0))
    with pytest.raises(GeometryError, match=r"16 x 14 x 10 voxels of 0\.5 x 1 x 2\.5 mm \(LAS\) and 16 x"):
        agreement(first, other)


def test_stopping_leaves_no_numbers() -> None:
    mask = labels((block(3, 6, 3, 6, 3, 6), 1))
    grid = geometry()
    assert agreement(Volume(mask, grid), Volume(mask, grid), should_stop=lambda: True) is None


def test_joint_box_reaches_over_both() -> None:
    first, second = labels((block(1, 3, 2, 4, 5, 6), 1)) > 0, labels((block(8, 9, 0, 1, 2, 3), 1)) > 0
    assert joint_box(first, second) == block(1, 9, 0, 4, 2, 6)
    assert joint_box(first, labels() > 0) == block(1, 3, 2, 4, 5, 6)


def test_a_block_that_thins_to_nothing_has_no_centre_line_agreement() -> None:
    shape = (20, 18, 9)
    grid = VolumeGeometry(shape, np.diag([0.8, 0.8, 2.5, 1.0]))
    first = np.zeros(shape, dtype=np.uint8)
    first[5:14, 4:12, 2:7] = 1
    second = np.zeros(shape, dtype=np.uint8)
    second[4:14, 4:12, 2:7] = 1
    found = agreement(Volume(first, grid), Volume(second, grid))
    assert found is not None
    assert found.values[Metric.CLDICE] is None
    assert "centre line" in found.reasons[Metric.CLDICE].text
