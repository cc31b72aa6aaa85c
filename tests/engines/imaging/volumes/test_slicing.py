"""Slices lie as a radiologist expects them, whatever the array order, spacing and direction."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import UnknownKeyError
from engines.imaging.volumes.slicing import (
    PLANES,
    Projection,
    direction_text,
    plane_geometry,
    resampled_picture,
    slab_range,
    slice_picture,
)
from engines.imaging.volumes.volume import VolumeGeometry
from engines.imaging.volumes.volume_files import read_label_map, read_volume

RAS_SHAPE = (7, 8, 9)
SPACING_MM = (0.5, 0.8, 2.5)
EDGES = {"axial": "RLAP", "coronal": "RLSI", "sagittal": "APSI"}


def turned(degrees: float) -> np.ndarray:
    """Rotate about an axis that is none of the world's."""
    angle, axis = np.radians(degrees), np.array([0.3, 0.5, 0.81])
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def grid(order: tuple[int, ...], flips: tuple[bool, ...], degrees: float = 0.0) -> VolumeGeometry:
    """Return a grid whose array axis `a` runs along world axis ``order[a]``."""
    matrix = np.eye(4)
    matrix[:3, :3] = 0
    for axis, (world, is_flipped) in enumerate(zip(order, flips, strict=True)):
        matrix[world, axis] = SPACING_MM[world] * (-1 if is_flipped else 1)
    matrix[:3, :3] = turned(degrees) @ matrix[:3, :3]
    shape = tuple(RAS_SHAPE[world] for world in order)
    # Every grid lies about the same place.
    matrix[:3, 3] = (15.0, -7.0, 30.0) - matrix[:3, :3] @ ((np.array(shape) - 1) / 2)
    return VolumeGeometry(shape, matrix)


ORDERS = list(itertools.permutations(range(3)))
FLIPS = list(itertools.product((False, True), repeat=3))


@pytest.mark.parametrize("degrees", [0.0, 20.0])
@pytest.mark.parametrize("plane", PLANES)
def test_edges_show_the_directions_of_their_letters(plane: str, degrees: float) -> None:
    for order, flips in itertools.product(ORDERS, FLIPS):
        geometry = grid(order, flips, degrees)
        lies = plane_geometry(geometry, plane)
        assert "".join(lies.letters) == EDGES[plane]
        rows, columns = lies.shape
        middle = lies.num_slices / 2
        left, right, top, bottom = geometry.world_of(
            [
                lies.position_of((0, rows / 2), middle),
                lies.position_of((columns - 1, rows / 2), middle),
                lies.position_of((columns / 2, 0), middle),
                lies.position_of((columns / 2, rows - 1), middle),
            ]
        )
        for letter, towards in zip(
            lies.letters, (left - right, right - left, top - bottom, bottom - top), strict=True
        ):
            world, sign = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}[
                letter
            ]
            assert sign * towards[world] > 0.9 * np.linalg.norm(towards)


@pytest.mark.parametrize("plane", PLANES)
def test_a_picture_is_the_same_however_the_array_is_stored(plane: str) -> None:
    shape_ras = np.random.default_rng(3).integers(0, 1000, RAS_SHAPE).astype(np.int16)
    wanted = None
    for order, flips in itertools.product(ORDERS, FLIPS):
        geometry = grid(order, flips)
        voxels = shape_ras.transpose(order)[tuple(slice(None, None, -1 if f else 1) for f in flips)]
        lies = plane_geometry(geometry, plane)
        world_axis = order[lies.axis]
        number = RAS_SHAPE[world_axis] - 1 - 2 if flips[lies.axis] else 2
        picture = slice_picture(voxels, lies, number)
        assert np.shares_memory(picture, shape_ras)
        assert lies.pixel_mm == pytest.approx(
            {"axial": (0.5, 0.8), "coronal": (0.5, 2.5), "sagittal": (0.8, 2.5)}[plane]
        )
        wanted = picture if wanted is None else wanted
        np.testing.assert_array_equal(picture, wanted)


@pytest.mark.parametrize("plane", PLANES)
def test_pixels_and_voxels_map_both_ways_and_to_the_same_value(plane: str) -> None:
    geometry = grid((2, 0, 1), (True, False, True))
    voxels = np.arange(np.prod(geometry.shape)).reshape(geometry.shape)
    lies = plane_geometry(geometry, plane)
    for x, y, number in ((0, 0, 0), (3, 5, 1), (lies.shape[1] - 1, lies.shape[0] - 1, 4)):
        position = lies.position_of((x, y), number)
        assert lies.pixel_of(position) == (x, y)
        assert lies.slice_index(position) == number
        i, j, k = (round(part) for part in position)
        assert slice_picture(voxels, lies, number)[y, x] == voxels[i, j, k]


def test_a_box_cuts_the_pixels_of_its_voxels() -> None:
    geometry = grid((1, 2, 0), (True, False, False))
    voxels = np.zeros(geometry.shape, np.uint8)
    box = (slice(2, 5), slice(1, 4), slice(3, 7))
    voxels[box] = 1
    for plane in PLANES:
        lies = plane_geometry(geometry, plane)
        picture = slice_picture(voxels, lies, 3)
        rows, columns = lies.cut(box)
        assert picture[rows, columns].all()
        assert picture[rows, columns].sum() == picture.sum()


def test_a_slab_projects_over_its_thickness_in_mm() -> None:
    geometry = grid((0, 1, 2), (False, False, False))
    lies = plane_geometry(geometry, "axial")
    voxels = np.zeros(geometry.shape, np.float32)
    voxels[..., 5] = 8.0
    voxels[0, 0, 4] = np.nan
    assert list(slab_range(lies, 4, 0.0)) == [4]
    assert list(slab_range(lies, 4, 7.5)) == [3, 4, 5]
    assert list(slab_range(lies, 0, 7.5)) == [0, 1]
    assert slice_picture(voxels, lies, 4).max() == 0 or np.isnan(slice_picture(voxels, lies, 4)).any()
    assert (slice_picture(voxels, lies, 4, thickness_mm=7.5) == 8).all()
    least = slice_picture(voxels, lies, 4, thickness_mm=7.5, projection=Projection.MINIMUM)
    assert (least == 0).all()
    mean = slice_picture(voxels, lies, 4, thickness_mm=7.5, projection=Projection.MEAN)
    # The corner has a voxel less to count: row 7 at the bottom, column 6 at the right.
    assert mean[-1, -1] == pytest.approx(4.0)
    assert mean[0, 0] == pytest.approx(8 / 3)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("degrees", [0.0, 25.0])
def test_another_grid_is_sampled_where_it_lies_in_the_world(plane: str, order: int, degrees: float) -> None:
    shown = grid((0, 1, 2), (True, False, False), degrees)
    turned_grid = grid((2, 0, 1), (False, True, True))
    # Voxel centres do not fall on each other, and half of the slice lies outside.
    matrix = turned_grid.world_from_voxel.copy()
    matrix[:3, 3] += (0.6, 1.7, 0.7)
    other = VolumeGeometry(turned_grid.shape, matrix)
    # A ramp along the world is linear in every grid.
    i, j, k = np.indices(other.shape).reshape(3, -1)
    world = other.world_of(np.stack([i, j, k], axis=1))
    ramp = (world @ (1.0, 2.0, 0.5)).reshape(other.shape).astype(np.float32)
    lies = plane_geometry(shown, plane)
    picture, is_inside = resampled_picture(ramp, other, shown, lies, 3, order=order)
    assert picture.shape == is_inside.shape == lies.shape
    assert is_inside.sum() > 8
    for y, x in np.argwhere(is_inside):
        at = shown.world_of([lies.position_of((x, y), 3)])[0]
        voxel = other.voxel_of([at])[0]
        assert (voxel >= -0.5 - 1e-9).all()
        assert (voxel <= np.array(other.shape) - 0.5 + 1e-9).all()
        if (voxel < 0).any() or (voxel > np.array(other.shape) - 1).any():
            continue  # The rim of half a voxel repeats its outermost centre.
        expected = at @ (1.0, 2.0, 0.5)
        tolerance = 1e-3 if order == 1 else 2.6
        assert picture[y, x] == pytest.approx(expected, abs=tolerance)
    assert (picture[~is_inside] == 0).all()
    assert not is_inside.all()


def test_a_label_finer_than_the_grid_keeps_its_values() -> None:
    shown = grid((0, 1, 2), (False, False, False))
    matrix = shown.world_from_voxel.copy()
    matrix[:3, :3] /= 2
    matrix[:3, 3] -= shown.world_from_voxel[:3, :3].sum(axis=1) / 4
    fine = VolumeGeometry(tuple(2 * count for count in shown.shape), matrix)
    labels = np.zeros(fine.shape, np.uint8)
    labels[4:8, 6:10, 4:6] = 7
    picture, is_inside = resampled_picture(labels, fine, shown, plane_geometry(shown, "axial"), 2, order=0)
    assert is_inside.all()
    assert picture.dtype == np.uint8
    assert set(np.unique(picture)) == {0, 7}
    assert (picture == 7).sum() == 4


def test_a_slab_of_another_grid_shows_what_lies_beside_the_slice() -> None:
    shown, other = grid((0, 1, 2), (False,) * 3), grid((1, 0, 2), (False, False, True))
    labels = np.zeros(other.shape, np.uint8)
    labels[3, 2, 4] = 5
    lies = plane_geometry(shown, "axial")
    number = lies.slice_index(shown.voxel_of(other.world_of([(3, 2, 4)]))[0])
    beside, _ = resampled_picture(labels, other, shown, lies, number - 1, order=0)
    slab, _ = resampled_picture(labels, other, shown, lies, number - 1, order=0, thickness_mm=7.5)
    assert beside.max() == 0
    assert slab.max() == 5


def test_the_place_of_a_slice_is_said_in_the_world() -> None:
    geometry = grid((0, 1, 2), (False, False, False))
    assert direction_text(geometry, plane_geometry(geometry, "axial"), (0, 0, 2)) == "S 25.0 mm"
    assert direction_text(geometry, plane_geometry(geometry, "coronal"), (0, 0, 2)) == "P 9.8 mm"
    assert direction_text(geometry, plane_geometry(geometry, "sagittal"), (1, 0, 0)) == "R 14.0 mm"


def test_an_unknown_plane_is_refused() -> None:
    with pytest.raises(UnknownKeyError, match="oblique"):
        plane_geometry(grid((0, 1, 2), (False,) * 3), "oblique")


def test_the_descending_aorta_lies_left_of_the_spine_which_is_right_on_the_screen() -> None:
    folder = os.environ.get("WORKSTATION_REFERENCE_DATA", "")
    if not folder:
        pytest.skip("needs WORKSTATION_REFERENCE_DATA")
    image = read_volume(Path(folder) / "cardiac/cta/ct_thorax_cta.nii.gz")
    labels = read_label_map(Path(folder) / "cardiac/cta/labels_merged.nii.gz")
    lies = plane_geometry(image.geometry, "axial")
    number = lies.num_slices // 2
    back = slice(int(0.65 * lies.shape[0]), None)
    is_bone = slice_picture(image.voxels, lies, number)[back] > 250
    is_aorta = np.isin(slice_picture(labels.voxels, lies, number)[back], (3, 4))
    is_bone &= ~is_aorta
    # Ribs and vessels of the lungs lie on both sides; the spine is what lies in the middle.
    middle = slice(lies.shape[1] // 4, 3 * lies.shape[1] // 4)
    spine_x = np.nonzero(is_bone[:, middle])[1].mean() + middle.start
    assert is_aorta.sum() > 50
    assert np.nonzero(is_aorta)[1].mean() > spine_x + 5
    # The front is up: the sternum is thin, the spine is not.
    assert is_bone.sum() > (slice_picture(image.voxels, lies, number)[: lies.shape[0] // 5] > 250).sum()
