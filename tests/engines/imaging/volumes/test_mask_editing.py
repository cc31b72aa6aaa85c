from __future__ import annotations

import numpy as np
import pytest

from engines.contract.errors import GeometryError, InputError
from engines.imaging.volumes.label_metrics import dice, num_components
from engines.imaging.volumes.mask_editing import (
    Gate,
    Paint,
    between_slices,
    bridge,
    brush,
    fill,
    is_connected,
    margin,
    painted,
    polygon,
    smooth,
    stroke,
    with_holes_filled,
    without_islands,
)

SHAPE = (30, 24, 16)
SPACING = (0.5, 1.0, 2.0)


def empty() -> np.ndarray:
    return np.zeros(SHAPE, np.uint8)


def result(label_map: np.ndarray, change: object) -> np.ndarray:
    after = label_map.copy()
    change.apply(after, is_checked=True)
    return after


def ball(centre: tuple[int, int, int], radius_mm: float) -> np.ndarray:
    return radius_mm >= np.linalg.norm((np.indices(SHAPE).T - centre) * SPACING, axis=-1).T


def test_a_brush_is_round_in_millimetres() -> None:
    disc, sphere = brush(SPACING, 3.0, 2), brush(SPACING, 3.0, None)
    assert disc.shape == (13, 7, 1)
    assert sphere.shape == (13, 7, 3)
    assert brush(SPACING, 0.1, None).sum() == 1
    offsets = (np.argwhere(sphere) - np.array(sphere.shape) // 2) * SPACING
    assert np.linalg.norm(offsets, axis=1).max() <= 3.0


def test_a_stroke_has_no_gaps_and_stays_in_the_array() -> None:
    label_map = empty()
    after = result(label_map, stroke(label_map, [(-3, 2, 4), (28, 20, 4)], brush(SPACING, 1.2, 2), Paint(3)))
    assert num_components(after == 3) == 1
    assert not after[:, :, [3, 5]].any()
    assert after[27, 19, 4] == 3
    assert not label_map.any()
    assert stroke(label_map, [(90, 90, 90)], brush(SPACING, 1.0, None), Paint(1)).is_empty
    assert stroke(label_map, [], brush(SPACING, 1.0, None), Paint(1)).is_empty


def test_one_dab_paints_exactly_the_brush() -> None:
    footprint = brush(SPACING, 2.0, None)
    after = result(empty(), stroke(empty(), [(10, 10, 8)], footprint, Paint(1)))
    assert np.array_equal(after == 1, ball((10, 10, 8), 2.0))


def test_gate_lock_and_replacement_limit_what_is_painted() -> None:
    image = np.tile(np.arange(SHAPE[0])[:, None, None] * 10.0, (1, *SHAPE[1:]))
    label_map = empty()
    label_map[:, 12:, :] = 2
    everywhere = np.ones(SHAPE, bool)
    gated = result(label_map, painted(label_map, everywhere, Paint(1, Gate(image, 100, 190))))
    assert set(np.flatnonzero((gated == 1).any(axis=(1, 2)))) == set(range(10, 20))
    locked = result(label_map, painted(label_map, everywhere, Paint(1, locked=(2,))))
    assert (locked[:, :12] == 1).all()
    assert (locked[:, 12:] == 2).all()
    erased = result(label_map, painted(label_map, everywhere, Paint(0, only=2)))
    assert not erased.any()


def test_fill_stops_at_other_labels_and_in_its_plane() -> None:
    label_map = empty()
    label_map[10, :, :] = 7
    flat = result(label_map, fill(label_map, (3, 3, 5), 2, Paint(1)))
    assert (flat[:10, :, 5] == 1).all()
    assert not (flat[11:] == 1).any()
    assert not (flat[:, :, 4] == 1).any()
    solid = result(label_map, fill(label_map, (3, 3, 5), None, Paint(1)))
    assert (solid[:10] == 1).all()
    assert (solid[10] == 7).all()
    image = np.zeros(SHAPE)
    image[5:] = 500
    gated = result(label_map, fill(label_map, (3, 3, 5), None, Paint(1, Gate(image, -1, 100))))
    assert set(np.flatnonzero((gated == 1).any(axis=(1, 2)))) == set(range(5))
    assert fill(label_map, (7, 3, 5), None, Paint(1, Gate(image, -1, 100))).is_empty
    with pytest.raises(GeometryError):
        fill(label_map, (40, 0, 0), None, Paint(1))


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_a_polygon_is_filled_in_its_slice(plane: int) -> None:
    after = result(empty(), polygon(empty(), plane, 6, [(2, 2), (2, 10), (10, 10), (10, 2)], Paint(4)))
    slices = np.flatnonzero((after == 4).any(axis=tuple(axis for axis in range(3) if axis != plane)))
    assert slices.tolist() == [6]
    assert 49 <= (after == 4).sum() <= 81
    with pytest.raises(GeometryError, match="three"):
        polygon(empty(), plane, 6, [(2, 2), (3, 3)], Paint(4))


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_missing_slices_of_a_ball_are_found_again(plane: int) -> None:
    whole = np.moveaxis(np.zeros((21, 21, 21), bool), 0, plane)
    whole = np.linalg.norm(np.indices(whole.shape).T - (10, 10, 10), axis=-1).T <= 8
    sparse = np.moveaxis(whole.copy(), plane, 0)
    sparse[[at for at in range(21) if at % 3]] = False
    label_map = np.moveaxis(sparse, 0, plane).astype(np.uint8)
    found = between_slices(label_map, 1, plane, (1.0, 1.0, 1.0))
    filled = found | (label_map == 1)

    assert not (found & (label_map == 1)).any()
    inside = np.moveaxis(whole, plane, 0)[3:18], np.moveaxis(filled, plane, 0)[3:18]
    copied = np.moveaxis(whole, plane, 0)[np.rint(np.arange(3, 18) / 3).astype(int) * 3]
    assert dice(*inside) > max(0.95, dice(inside[0], copied))
    with pytest.raises(InputError, match="no gap"):
        between_slices(whole.astype(np.uint8), 1, plane, (1.0, 1.0, 1.0))


def test_a_margin_is_measured_in_millimetres() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[15, 12, 8] = True
    assert np.array_equal(margin(mask, SPACING, 2.0), ball((15, 12, 8), 2.0))
    grown = ball((15, 12, 8), 6.0)
    shrunk = margin(grown, SPACING, -2.0)
    assert shrunk.sum() < grown.sum()
    assert not (shrunk & ~grown).any()
    assert not margin(np.zeros(SHAPE, bool), SPACING, 2.0).any()


def test_smoothing_takes_specks_and_keeps_the_volume() -> None:
    mask = ball((15, 12, 8), 6.0)
    noisy = mask ^ (np.random.default_rng(0).random(SHAPE) < 0.03)
    smoothed = smooth(noisy, SPACING, 1.5)
    assert num_components(smoothed) == 1
    assert dice(smoothed, mask) > dice(noisy, mask)
    assert smooth(mask, SPACING, 1.5).sum() == pytest.approx(mask.sum(), rel=0.08)


def test_small_islands_go_and_holes_are_filled() -> None:
    mask = ball((10, 10, 8), 4.0)
    mask[25, 20, 3] = True
    assert num_components(without_islands(mask, 2)) == 1
    assert num_components(without_islands(mask, 1)) == 2
    hollow = ball((10, 10, 8), 4.0)
    hollow[10, 10, 8] = False
    assert np.array_equal(with_holes_filled(hollow), ball((10, 10, 8), 4.0))


def test_a_bridge_joins_two_pieces() -> None:
    mask = ball((4, 5, 4), 2.0) | ball((25, 18, 12), 2.0)
    assert not is_connected(mask, (4, 5, 4), (25, 18, 12))
    joined = mask | bridge(mask, (4, 5, 4), (25, 18, 12), SPACING, 1.0)
    assert is_connected(joined, (4, 5, 4), (25, 18, 12))
    assert num_components(joined) == 1


def test_a_label_beyond_the_type_of_the_map_does_not_wrap_around() -> None:
    change = painted(empty(), np.ones(SHAPE, bool), Paint(300))
    assert change.runs[:, 3].tolist() == [300]
