from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from engines.contract.errors import GeometryError
from engines.imaging.volumes.components import (
    ClassComponents,
    class_components,
    gap_between,
    piece_length_mm,
    with_lengths,
)
from engines.imaging.volumes.volume import Volume, VolumeGeometry

GRID = VolumeGeometry(
    (20, 16, 12), np.array([[-0.5, 0, 0, 40.0], [0, 0.5, 0, -10.0], [0, 0, 2.0, 7.0], [0, 0, 0, 1]])
)


def label_map() -> np.ndarray:
    """A bar of 10 voxels along i, a bar of 4 along k, and a single voxel; another class touches the first."""
    voxels = np.zeros(GRID.shape, np.uint8, order="F")
    voxels[2:12, 3, 3] = 5
    voxels[16, 10, 4:8] = 5
    voxels[2, 14, 10] = 5
    voxels[2:12, 4, 3] = 7
    return voxels


def pieces(image: Volume | None = None) -> ClassComponents:
    return class_components(label_map(), 5, GRID, image)


def test_pieces_are_those_of_one_class_the_largest_first_in_places_of_the_whole_map() -> None:
    found = pieces().components
    assert [piece.num_voxels for piece in found] == [10, 4, 1]
    assert [piece.volume_ml for piece in found] == pytest.approx([0.005, 0.002, 0.0005])
    assert found[1].box == (slice(16, 17), slice(10, 11), slice(4, 8))
    assert found[2].centre_ijk == (2, 14, 10)
    assert label_map()[found[0].centre_ijk] == 5


def test_lengths_are_millimetres_on_anisotropic_spacing() -> None:
    measured = with_lengths(pieces(), GRID.spacing_mm)
    assert [piece.length_mm for piece in measured.components] == pytest.approx([4.5, 6.0, 0.0])


@pytest.mark.parametrize("thickness", [(1, 2), (2, 1), (2, 2), (2, 3), (3, 3), (4, 4), (6, 6)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_straight_vessel_of_any_thickness_has_its_length(thickness: tuple[int, int], axis: int) -> None:
    mask = np.ones((40, *thickness), bool)
    length_mm = piece_length_mm(np.moveaxis(mask, 0, axis), (0.5, 0.5, 0.5))
    # Thinning may shorten an end by the radius.
    assert length_mm == pytest.approx(0.5 * 39, abs=0.5 * max(thickness))


def test_chambers_have_no_length() -> None:
    mask, _ = pieces().mask([1])
    assert piece_length_mm(mask, GRID.spacing_mm, largest_num_voxels=9) is None
    assert piece_length_mm(mask, GRID.spacing_mm, largest_num_voxels=10) == pytest.approx(4.5)


def test_mean_intensity_is_that_of_the_same_place_on_any_grid() -> None:
    values = np.indices(GRID.shape)[2].astype(np.int16) * 100
    same = pieces(Volume(values, GRID)).components
    assert [piece.mean_intensity for piece in same] == pytest.approx([300.0, 550.0, 1000.0])
    coarse = GRID.world_from_voxel @ np.diag([2.0, 2.0, 1.0, 1.0])
    half = Volume(values[::2, ::2], VolumeGeometry((10, 8, 12), coarse))
    assert [piece.mean_intensity for piece in pieces(half).components] == pytest.approx(
        [300.0, 550.0, 1000.0]
    )


def test_mean_intensity_is_unknown_where_the_image_does_not_reach() -> None:
    above = GRID.world_from_voxel.copy()
    above[2, 3] += 2.0 * 8
    found = pieces(Volume(np.ones((20, 16, 12)), VolumeGeometry((20, 16, 12), above))).components
    assert [piece.mean_intensity for piece in found] == [None, None, 1.0]


def test_mask_of_some_pieces_covers_exactly_them() -> None:
    mask, box = pieces().mask([1, 3])
    whole = np.zeros(GRID.shape, bool)
    whole[box] = mask
    assert whole.sum() == 11
    assert (label_map()[whole] == 5).all()


def test_pieces_are_found_by_their_place() -> None:
    found = pieces()
    assert found.number_at((5, 3, 3)) == 1
    assert found.number_at((16, 11, 5)) == 0
    assert found.number_at((16, 12, 5), reach=2) == 2
    assert found.number_at((0, 0, 0), reach=1) == 0
    assert found.number_at((19, 15, 11), reach=1) == 0


def test_a_gap_lies_between_the_nearest_voxels_in_millimetres() -> None:
    gap = gap_between(pieces(), 1, 2, GRID.spacing_mm)
    assert gap.start == (11, 3, 3)
    assert gap.end == (16, 10, 4)
    assert gap.distance_mm == pytest.approx(np.linalg.norm([2.5, 3.5, 2.0]))


def test_one_piece_cannot_be_bridged() -> None:
    with pytest.raises(GeometryError, match="two components"):
        gap_between(pieces(), 1, 1, GRID.spacing_mm)


def test_a_class_without_voxels_has_no_pieces() -> None:
    found = class_components(label_map(), 200, GRID)
    assert found.components == ()
    assert found.number_at((1, 1, 1), reach=3) == 0
    assert not found.mask([])[0].size


@given(st.integers(0, 10**6), st.floats(0.02, 0.6))
def test_no_voxel_is_lost_or_counted_twice(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    voxels = (rng.random((9, 7, 5)) < share).astype(np.uint8) * rng.integers(1, 3, (9, 7, 5), dtype=np.uint8)
    grid = VolumeGeometry((9, 7, 5), np.diag([0.4, -0.9, 3.0, 1.0]))
    found = class_components(voxels, 1, grid)
    covered = np.zeros(voxels.shape, int)
    for piece in found.components:
        mask, box = found.mask([piece.number])
        assert mask.sum() == piece.num_voxels
        assert mask[tuple(at - side.start for at, side in zip(piece.centre_ijk, box, strict=True))]
        covered[box] += mask
    assert np.array_equal(covered, voxels == 1)
    assert len(found.components) == ndimage.label(voxels == 1, np.ones((3, 3, 3)))[1]


@pytest.mark.slow
def test_a_vessel_tree_of_a_large_volume_takes_seconds() -> None:
    voxels = np.zeros((512, 512, 512), np.uint8, order="F")
    rng = np.random.default_rng(0)
    for at in rng.integers(160, 350, (200, 3)):
        voxels[tuple(slice(v, v + 5) for v in at)] = 9
    grid = VolumeGeometry(voxels.shape, np.diag([0.4, 0.4, 0.5, 1.0]))
    start = time.thread_time()
    class_components(voxels, 9, grid)
    assert time.thread_time() - start < 4.0
