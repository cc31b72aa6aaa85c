from __future__ import annotations

import numpy as np
import pytest

from engines.imaging.volumes.bridging import bridge_components
from engines.imaging.volumes.components import class_components
from engines.imaging.volumes.volume import VolumeGeometry

GRID = VolumeGeometry((30, 12, 10), np.diag([-0.5, 0.5, 2.0, 1.0]))


def broken() -> np.ndarray:
    """A vessel of class 4 with a break of five voxels."""
    voxels = np.zeros(GRID.shape, np.uint8, order="F")
    voxels[2:10, 5:7, 4] = 4
    voxels[15:24, 5:7, 5] = 4
    return voxels


@pytest.mark.parametrize("radius_mm", [0.0, 0.6, 2.5])
def test_a_bridge_makes_one_piece_of_two(radius_mm: float) -> None:
    voxels = broken()
    pieces = class_components(voxels, 4, GRID)
    found = bridge_components(voxels, pieces, 1, 2, GRID.spacing_mm, radius_mm)
    assert found.is_joining
    assert found.changes.removed() == 0
    assert found.changes.added() == found.tube.sum()
    found.changes.apply(voxels)
    assert len(class_components(voxels, 4, GRID).components) == 1


def test_a_bridge_leaves_other_classes_alone_and_says_that_it_does_not_reach() -> None:
    voxels = broken()
    voxels[12] = 7
    found = bridge_components(voxels, class_components(voxels, 4, GRID), 1, 2, GRID.spacing_mm, 0.6)
    assert not found.is_joining
    found.changes.apply(voxels)
    assert (voxels[12] == 7).all()


def test_a_bridge_at_the_border_of_the_volume_stays_inside() -> None:
    voxels = np.zeros(GRID.shape, np.uint8)
    voxels[0, 0, 0] = voxels[6, 0, 0] = 4
    found = bridge_components(voxels, class_components(voxels, 4, GRID), 1, 2, GRID.spacing_mm, 1.0)
    assert found.is_joining


def test_a_locked_class_does_not_grow() -> None:
    voxels = broken()
    pieces = class_components(voxels, 4, GRID)
    found = bridge_components(voxels, pieces, 1, 2, GRID.spacing_mm, 1.0, locked={4})
    assert found.changes.is_empty
