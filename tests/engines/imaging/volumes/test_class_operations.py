from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engines.contract.errors import InputError
from engines.imaging.volumes import class_operations as operations
from engines.imaging.volumes.class_operations import Operation
from engines.imaging.volumes.mask_editing import Gate, Paint, brush

SPACING = (0.5, 0.5, 2.0)


@pytest.fixture(params=["C", "F"])
def labels(request: pytest.FixtureRequest) -> np.ndarray:
    """A ball of class 2 with a hole, an island of it, and a wall of class 1 that touches the ball."""
    made = np.zeros((30, 28, 14), np.uint8, order=request.param)
    ball = brush(SPACING, 4.0, None)
    half = np.array(ball.shape) // 2
    box = tuple(slice(at - reach, at + reach + 1) for at, reach in zip((15, 14, 6), half, strict=True))
    made[box][ball] = 2
    made[15, 14, 6] = 0
    made[2:4, 2, 2] = 2
    made[24:26, :, :] = 1
    return made


def done(labels: np.ndarray, operation: Operation, value: int = 2) -> np.ndarray:
    before = labels.copy()
    changes = operation(labels, value, SPACING)
    assert np.array_equal(labels, before)
    after = labels.copy()
    changes.apply(after, is_checked=True)
    # No other class ever changes.
    assert np.array_equal(after == 1, labels == 1)
    return after


def test_a_margin_grows_and_shrinks_in_mm(labels: np.ndarray) -> None:
    larger, smaller = done(labels, operations.grown(1.0)), done(labels, operations.grown(-1.0))
    assert (larger == 2)[labels == 2].all()
    assert larger[15 + 8 + 1, 14, 6] in (1, 2)
    assert (smaller == 2).sum() < (labels == 2).sum() < (larger == 2).sum()
    assert not (smaller == 2)[labels != 2].any()
    # One millimetre is half a slice: nothing grows along it.
    assert np.array_equal((larger == 2).any(axis=(0, 1)), (labels == 2).any(axis=(0, 1)))


def test_smoothing_keeps_the_volume_about(labels: np.ndarray) -> None:
    after = done(labels, operations.smoothed(1.0))
    assert (after == 2).sum() == pytest.approx((labels == 2).sum(), rel=0.15)


def test_islands_go_below_a_volume(labels: np.ndarray) -> None:
    # Two voxels of 0.5 mm^3.
    assert np.array_equal(done(labels, operations.without_islands(1.0)), labels)
    after = done(labels, operations.without_islands(1.01))
    assert not (after == 2)[2:4, 2, 2].any()
    assert (after == 2).sum() == (labels == 2).sum() - 2


def test_a_hole_is_filled_and_nothing_else(labels: np.ndarray) -> None:
    after = done(labels, operations.with_holes_filled())
    assert np.argwhere(after != labels).tolist() == [[15, 14, 6]]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_between_are_filled(axis: int) -> None:
    labels = np.zeros((20, 20, 20), np.uint8)
    view = np.moveaxis(labels, axis, 0)
    view[4, 5:12, 5:12] = 2
    view[10, 5:12, 5:12] = 2
    view[7, 8, 8] = 1
    after = done(labels, operations.between_slices(axis))
    filled = np.moveaxis(after == 2, axis, 0)
    assert filled[4:11].any(axis=(1, 2)).all()
    assert not filled[11:].any()


def test_a_slice_is_copied_over_background_only(labels: np.ndarray) -> None:
    labels[14, 14, 9] = 1
    after = done(labels, operations.copied(2, 6, 3))
    assert after[14, 14, 9] == 1
    assert ((after[:, :, 9] == 2) >= ((labels[:, :, 6] == 2) & (labels[:, :, 9] == 0))).all()
    assert np.array_equal(after[:, :, 7], labels[:, :, 7])


def test_a_slice_is_cleared_of_one_class(labels: np.ndarray) -> None:
    after = done(labels, operations.slice_cleared(2, 6))
    assert not (after[:, :, 6] == 2).any()
    assert (after[:, :, 6] == 1).any()
    assert np.array_equal(np.delete(after, 6, 2), np.delete(labels, 6, 2))


@pytest.mark.parametrize("is_over_labels", [True, False])
def test_the_gate_is_thresholded_and_locks_hold(labels: np.ndarray, is_over_labels: bool) -> None:
    image = np.random.default_rng(3).integers(-1000, 1000, labels.shape).astype(np.int16)
    gate = Gate(image, 100, 300)
    after = done(labels, operations.within_gate(gate, (1,), is_over_labels=is_over_labels))
    passes = (image >= 100) & (image <= 300)
    assert np.array_equal(after != labels, passes & (labels == 0))
    free = operations.within_gate(gate, (), is_over_labels=True)(labels, 2, SPACING)
    assert free.num_voxels == (passes & (labels != 2)).sum()


def test_a_region_is_filled_in_three_dimensions(labels: np.ndarray) -> None:
    after = done(labels, operations.region((15, 14, 6), Paint(2)), 2)
    assert np.argwhere(after != labels).tolist() == [[15, 14, 6]]


@pytest.mark.parametrize(
    "make",
    [
        lambda: operations.grown(1.0),
        lambda: operations.smoothed(1.0),
        lambda: operations.without_islands(5.0),
        operations.with_holes_filled,
        lambda: operations.between_slices(2),
        lambda: operations.copied(2, 3, 1),
    ],
)
def test_an_empty_class_is_refused(make: Callable[[], Operation]) -> None:
    with pytest.raises(InputError):
        make()(np.zeros((5, 5, 5), np.uint8), 1, SPACING)


def test_there_is_no_slice_beyond_the_last(labels: np.ndarray) -> None:
    with pytest.raises(InputError):
        operations.copied(2, labels.shape[2] - 1, 1)(labels, 1, SPACING)
    assert operations.slice_cleared(0, 0)(labels, 7, SPACING).is_empty
