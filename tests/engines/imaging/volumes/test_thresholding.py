"""Masks by a threshold, against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest

from engines.contract.errors import GeometryError
from engines.contract.probability_file import SparseProbability
from engines.imaging.volumes.thresholding import at_threshold, threshold_changes

SHAPE = (8, 7, 6)


@pytest.fixture
def probability() -> SparseProbability:
    """Two blobs that a corner joins at 0.3, and that fall apart at 0.5."""
    full = np.zeros(SHAPE, np.float32)
    full[1:3, 1:3, 1:3] = 0.9
    full[3, 3, 3] = 0.4
    full[4:6, 4:6, 4] = 0.6
    return SparseProbability.of(full, label=9)


@pytest.mark.parametrize(
    ("threshold", "voxels", "components"),
    [(0.0, 13, 1), (0.3, 13, 1), (0.5, 12, 2), (0.7, 8, 1), (0.95, 0, 0)],
)
def test_counts_follow_the_threshold(
    probability: SparseProbability, threshold: float, voxels: int, components: int
) -> None:
    found = at_threshold(probability, threshold)
    assert (found.num_voxels, found.num_components) == (voxels, components)
    assert found.mask.sum() == voxels


def test_a_change_makes_the_class_as_the_threshold_says(probability: SparseProbability) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[0, 0, 0] = 9  # outside the box: its probability is 0
    labels[1, 1, 1] = 9
    labels[4, 4, 4] = 3
    changes = threshold_changes(labels, probability, 0.5)
    changes.apply(labels, is_checked=True)
    expected = probability.full() >= 0.5
    expected[4, 4, 4] = False
    np.testing.assert_array_equal(labels == 9, expected)
    assert labels[4, 4, 4] == 3


def test_a_locked_class_does_not_shrink(probability: SparseProbability) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[0, 0, 0] = 9
    assert threshold_changes(labels, probability, 0.5, locked=(9,)).removed() == 0


def test_another_grid_is_refused(probability: SparseProbability) -> None:
    with pytest.raises(GeometryError, match="proposal that it came with"):
        threshold_changes(np.zeros((3, 3, 3), np.uint8), probability, 0.5)
