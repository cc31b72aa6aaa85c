from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from engines.contract.errors import GeometryError
from engines.imaging.volumes.resampling import finer, resample_labels, resample_volume
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import itk_image

SHAPE = (22, 18, 14)


def rotation(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def geometry(
    axes: np.ndarray, spacing: tuple[float, float, float], shape: tuple[int, int, int] = SHAPE
) -> VolumeGeometry:
    matrix = np.eye(4)
    matrix[:3, :3] = axes * spacing
    matrix[:3, 3] = -matrix[:3, :3] @ (np.array(shape) - 1) / 2 + (12.0, -40.0, 300.0)
    return VolumeGeometry(shape, matrix)


OBLIQUE = geometry(rotation(25.0), (0.8, 0.8, 1.5))
FLIPPED = geometry(np.diag([-1.0, 1.0, -1.0])[:, [1, 0, 2]], (1.0, 1.2, 0.9), (20, 24, 16))


def world_grid(grid: VolumeGeometry) -> np.ndarray:
    voxels = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1)
    return grid.world_of(voxels.reshape(-1, 3)).reshape(*grid.shape, 3)


def boxes(grid: VolumeGeometry) -> np.ndarray:
    """Two touching balls, labelled 1 and 300, in the patient."""
    world = world_grid(grid) - (12.0, -40.0, 300.0)
    labels = np.zeros(grid.shape, dtype=np.uint16)
    labels[np.linalg.norm(world - (-2.5, 0, 0), axis=-1) <= 4.0] = 1
    labels[(np.linalg.norm(world - (2.5, 0, 0), axis=-1) <= 4.0) & (labels == 0)] = 300
    return labels


def test_a_finer_grid_covers_the_same_box() -> None:
    grid = finer(OBLIQUE, (2, 2, 3))

    assert grid.shape == (44, 36, 42)
    assert grid.spacing_mm == pytest.approx((0.4, 0.4, 0.5))
    for own, others in (((-0.5,) * 3, (-0.5,) * 3), (np.array(SHAPE) - 0.5, np.array(grid.shape) - 0.5)):
        assert OBLIQUE.world_of(own) == pytest.approx(grid.world_of(others), abs=1e-9)
    assert finer(OBLIQUE, 1).difference(OBLIQUE) is None
    with pytest.raises(GeometryError, match="0 parts"):
        finer(OBLIQUE, 0)


@pytest.mark.parametrize("smooth", [False, True])
def test_labels_on_a_finer_grid_stay_where_they_are(smooth: bool) -> None:
    labels, fine = boxes(OBLIQUE), finer(OBLIQUE, 3)

    found = resample_labels(labels, OBLIQUE, fine, smooth=smooth)

    assert found.dtype == np.uint16
    assert set(np.unique(found)) == {0, 1, 300}
    # The middle of every three voxels is the old centre.
    assert np.array_equal(found[1::3, 1::3, 1::3], labels)
    if not smooth:
        assert np.array_equal(found, labels.repeat(3, 0).repeat(3, 1).repeat(3, 2))


@pytest.mark.parametrize(("source", "target"), [(OBLIQUE, FLIPPED), (FLIPPED, OBLIQUE)])
@pytest.mark.parametrize("smooth", [False, True])
def test_labels_on_another_grid_lie_at_the_same_place_in_the_patient(
    source: VolumeGeometry, target: VolumeGeometry, smooth: bool
) -> None:
    found, expected = resample_labels(boxes(source), source, target, smooth=smooth), boxes(target)

    for value in (1, 300):
        mine, true = found == value, expected == value
        assert 2 * (mine & true).sum() / (mine.sum() + true.sum()) > (0.9 if smooth else 0.85)
        assert world_grid(target)[mine].mean(axis=0) == pytest.approx(
            world_grid(target)[true].mean(axis=0), abs=0.25
        )


def test_nearest_is_what_another_library_finds() -> None:
    labels = np.random.default_rng(5).integers(0, 4, SHAPE).astype(np.uint8)
    reference = itk_image(Volume(np.zeros(FLIPPED.shape, dtype=np.uint8), FLIPPED))

    expected = sitk.GetArrayFromImage(
        sitk.Resample(
            itk_image(Volume(labels, OBLIQUE)), reference, sitk.Transform(), sitk.sitkNearestNeighbor
        )
    ).T
    assert (resample_labels(labels, OBLIQUE, FLIPPED) == expected).mean() > 0.999


def test_a_linear_image_comes_back_exactly_and_nothing_is_invented_outside() -> None:
    slope = np.array([3.0, -2.0, 0.5])
    image = Volume((world_grid(OBLIQUE) @ slope).astype(np.float32), OBLIQUE)

    found = resample_volume(image, FLIPPED, outside=-1024.0)

    assert found.voxels.dtype == np.float32
    voxels = OBLIQUE.voxel_of(world_grid(FLIPPED).reshape(-1, 3)).reshape(*FLIPPED.shape, 3)
    within = ((voxels >= 0) & (voxels <= np.array(SHAPE) - 1)).all(axis=-1)
    beyond = ((voxels < -0.51) | (voxels > np.array(SHAPE) - 0.49)).any(axis=-1)
    assert within.any()
    assert beyond.any()
    assert found.voxels[within] == pytest.approx((world_grid(FLIPPED) @ slope)[within], abs=1e-3)
    assert (found.voxels[beyond] == -1024.0).all()


def test_the_edge_of_a_finer_image_keeps_its_value() -> None:
    image = Volume(np.full(SHAPE, 40, dtype=np.int16), OBLIQUE)
    assert (resample_volume(image, finer(OBLIQUE, 2), outside=-1000.0).voxels == 40.0).all()
    labels = np.full(SHAPE, 2, dtype=np.uint8)
    assert (resample_labels(labels, OBLIQUE, finer(OBLIQUE, 2), smooth=True) == 2).all()


def test_a_grid_beside_the_labels_is_empty() -> None:
    matrix = OBLIQUE.world_from_voxel.copy()
    matrix[:3, 3] += 500.0
    beside = VolumeGeometry((5, 6, 7), matrix)
    labels = np.ones(SHAPE, dtype=np.uint8)
    for smooth in (False, True):
        assert not resample_labels(labels, OBLIQUE, beside, smooth=smooth).any()
        assert not resample_labels(np.zeros_like(labels), OBLIQUE, FLIPPED, smooth=smooth).any()


def test_labels_of_another_shape_are_refused() -> None:
    with pytest.raises(GeometryError, match="do not lie on a grid"):
        resample_labels(np.zeros((2, 2, 2), dtype=np.uint8), OBLIQUE, FLIPPED)
