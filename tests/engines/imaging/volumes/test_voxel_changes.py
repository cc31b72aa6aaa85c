from __future__ import annotations

import itertools

import numpy as np
import pytest

from engines.contract.errors import GeometryError, InputError
from engines.imaging.volumes.voxel_changes import VoxelChanges, merge

SHAPE = (9, 8, 7)


def random_labels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, SHAPE).astype(np.uint8)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("seed", range(3))
def test_a_change_is_done_taken_back_and_stored(seed: int, order: str) -> None:
    before, after = random_labels(seed), random_labels(seed + 100)
    change = VoxelChanges.between(before, after, SHAPE)
    stored = VoxelChanges.from_text(change.to_text())
    label_map = np.array(before, order=order)

    stored.apply(label_map, is_checked=True)
    assert np.array_equal(label_map, after)
    assert np.array_equal(stored.mask(), before != after)
    assert stored.num_voxels == (before != after).sum()
    assert stored.added() == ((before == 0) & (after != 0)).sum()
    assert stored.removed() == ((before != 0) & (after == 0)).sum()
    stored.inverse.apply(label_map, is_checked=True)
    assert np.array_equal(label_map, before)


def test_a_box_is_placed_where_it_lies() -> None:
    before = np.zeros((3, 2, 2), np.uint8)
    after = before.copy()
    after[1, :, 0] = 5
    change = VoxelChanges.between(before, after, SHAPE, (4, 5, 3))
    label_map = np.zeros(SHAPE, np.uint8)
    change.apply(label_map)

    assert np.argwhere(label_map).tolist() == [[5, 5, 3], [5, 6, 3]]
    assert change.box == (slice(5, 6), slice(5, 7), slice(3, 4))


@pytest.mark.parametrize("seed", range(5))
def test_the_box_holds_every_change(seed: int) -> None:
    before = np.zeros(SHAPE, np.uint8)
    after = before.copy()
    low, high = np.sort(np.random.default_rng(seed).integers(0, 7, (2, 3)), axis=0)
    after[low[0] : high[0] + 1, low[1] : high[1] + 1, low[2] : high[2] + 1] = 1
    change = VoxelChanges.between(before, after, SHAPE)
    rest = after.copy()
    rest[change.box] = 0
    assert not rest.any()
    assert np.array_equal(change.mask_in(change.box), change.mask()[change.box])


def test_a_disc_on_a_large_volume_is_small() -> None:
    shape = (512, 512, 512)
    j, k = np.ogrid[:41, :41]
    after = ((j - 20) ** 2 + (k - 20) ** 2 <= 400).astype(np.uint8)[None]
    change = VoxelChanges.between(np.zeros_like(after), after, shape, (250, 250, 250))

    assert change.num_voxels == 1257
    assert len(change.to_text()) < 400
    assert VoxelChanges.from_text(change.to_text()).box == (slice(250, 251), slice(250, 291), slice(250, 291))


@pytest.mark.parametrize("seed", range(3))
def test_several_changes_in_one_do_the_same(seed: int) -> None:
    states = [random_labels(seed + 10 * turn) for turn in range(4)]
    changes = [VoxelChanges.between(*pair, SHAPE) for pair in itertools.pairwise(states)]
    label_map = states[0].copy()
    merge(changes).apply(label_map, is_checked=True)
    assert np.array_equal(label_map, states[3])

    there = VoxelChanges.between(states[0], states[1], SHAPE)
    assert merge([there, there.inverse]).is_empty


def test_an_edit_in_between_is_noticed_and_nothing_is_written() -> None:
    before, after = random_labels(0), random_labels(1)
    other = random_labels(2)
    with pytest.raises(InputError, match="another edit"):
        VoxelChanges.between(before, after, SHAPE).apply(other, is_checked=True)
    assert np.array_equal(other, random_labels(2))


def test_what_does_not_fit_is_refused() -> None:
    change = VoxelChanges.between(random_labels(0), random_labels(1), SHAPE)
    with pytest.raises(GeometryError, match="9 x 8 x 7"):
        change.apply(np.zeros((2, 2, 2), np.uint8))
    with pytest.raises(GeometryError):
        VoxelChanges.between(np.zeros((3, 3, 3)), np.ones((3, 3, 3)), SHAPE, (7, 0, 0))
    for text in ("", "nonsense!", change.to_text()[:-8]):
        with pytest.raises(InputError, match="damaged"):
            VoxelChanges.from_text(text)
    with pytest.raises(InputError):
        merge([])


def test_no_change_is_empty() -> None:
    change = VoxelChanges.between(random_labels(0), random_labels(0), SHAPE)
    assert change.is_empty
    assert VoxelChanges.from_text(change.to_text()).is_empty
    change.apply(np.zeros(SHAPE, np.uint8))
