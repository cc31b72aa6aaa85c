from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contract.errors import GeometryError
from engines.imaging.volumes.proposals import (
    ADDED,
    KEPT,
    RELABELLED,
    REMOVED,
    added_piece,
    difference,
    replaced,
    slice_within,
    united,
)

SHAPE = (8, 7, 6)


def maps() -> tuple[np.ndarray, np.ndarray]:
    """Class 1 shifted by two, class 2 that the proposal does not name."""
    accepted, proposal = (np.zeros(SHAPE, np.uint8, order="F") for _ in range(2))
    accepted[1:4, 2, 2] = 1
    proposal[3:6, 2, 2] = 1
    accepted[1:4, 5, 5] = 2
    return accepted, proposal


def test_the_difference_counts_what_is_added_removed_and_kept() -> None:
    found = difference(*maps())
    assert [found.count(code) for code in (ADDED, REMOVED, KEPT, RELABELLED)] == [2, 2, 1, 0]
    assert found.full()[1, 2, 2] == REMOVED
    assert found.full()[1, 5, 5] == 0


def test_a_union_adds_and_takes_nothing_away() -> None:
    accepted, proposal = maps()
    change = united(accepted, proposal, difference(accepted, proposal))
    assert (change.num_voxels, change.added(), change.removed()) == (2, 2, 0)


def test_replacing_leaves_classes_alone_that_the_proposal_does_not_name() -> None:
    accepted, proposal = maps()
    change = replaced(accepted, proposal, difference(accepted, proposal))
    change.apply(accepted)
    assert np.array_equal(accepted == 1, proposal == 1)
    assert (accepted == 2).sum() == 3


def test_another_class_at_a_voxel_is_relabelled_only_by_replacing() -> None:
    accepted, proposal = maps()
    proposal[1, 5, 5] = 1
    found = difference(accepted, proposal)
    assert found.count(RELABELLED) == 1
    assert found.num_lost == 3
    assert united(accepted, proposal, found).num_voxels == 2
    replaced(accepted, proposal, found).apply(accepted)
    assert accepted[1, 5, 5] == 1


def test_a_locked_class_neither_loses_nor_gains() -> None:
    accepted, proposal = maps()
    proposal[1, 5, 5] = 1
    proposal[0, 0, 0] = 2
    found = difference(accepted, proposal, locked={2})
    change = replaced(accepted, proposal, found)
    before = accepted.copy()
    change.apply(accepted)
    assert np.array_equal(accepted == 2, before == 2)


def test_an_empty_proposal_changes_nothing() -> None:
    accepted, proposal = maps()
    proposal[:] = 0
    found = difference(accepted, proposal)
    assert found.num_lost == 0
    assert united(accepted, proposal, found).is_empty
    assert replaced(accepted, proposal, found).is_empty
    assert added_piece(found, (3, 2, 2)) is None


def test_only_one_slice_is_taken_over() -> None:
    accepted, proposal = maps()
    proposal[5, 2, 4] = 1
    found = difference(accepted, proposal)
    assert united(accepted, proposal, found, slice_within(found, 2, 4)).num_voxels == 1
    assert united(accepted, proposal, found, slice_within(found, 2, 0)).is_empty


def test_a_piece_of_what_is_added_is_found_near_the_crosshair() -> None:
    accepted, proposal = maps()
    proposal[7, 6, 0] = 1
    found = difference(accepted, proposal)
    piece = added_piece(found, (5, 3, 2), reach=1)
    assert piece is not None
    assert united(accepted, proposal, found, piece).num_voxels == 2
    assert added_piece(found, (0, 0, 5), reach=1) is None


def test_another_size_is_refused() -> None:
    accepted, _ = maps()
    with pytest.raises(GeometryError, match="16 x 14 x 6"):
        difference(accepted, np.zeros((16, 14, 6), np.uint8))


def random_map(rng: np.random.Generator, num_labels: int) -> np.ndarray:
    drawn = rng.random((6, 5, 4)) < rng.random()
    return (drawn * rng.integers(0, num_labels + 1, drawn.shape)).astype(rng.choice([np.uint8, np.uint16]))


@given(st.integers(0, 10**6), st.integers(1, 4), st.sets(st.integers(1, 4)))
def test_nothing_is_lost_without_being_reported(seed: int, num_labels: int, locked: set[int]) -> None:
    rng = np.random.default_rng(seed)
    accepted, proposal = random_map(rng, num_labels), random_map(rng, num_labels)
    found = difference(accepted, proposal, locked)
    codes = found.full()

    union = accepted.copy()
    united(accepted, proposal, found).apply(union)
    assert np.array_equal(union[accepted != 0], accepted[accepted != 0])
    assert np.array_equal(union != accepted, codes == ADDED)

    other = accepted.copy()
    change = replaced(accepted, proposal, found)
    change.apply(other)
    lost = (accepted != 0) & (other != accepted)
    assert np.array_equal(lost, (codes == REMOVED) | (codes == RELABELLED))
    assert lost.sum() == found.num_lost
    for label in locked:
        assert np.array_equal(other == label, accepted == label)
    for label in set(np.unique(proposal).tolist()) - locked - {0}:
        allowed = ~np.isin(accepted, sorted(locked)) & ~np.isin(proposal, sorted(locked))
        assert np.array_equal((other == label) & allowed, (proposal == label) & allowed)
    change.inverse.apply(other, is_checked=True)
    assert np.array_equal(other, accepted)
