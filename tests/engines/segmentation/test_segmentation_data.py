from __future__ import annotations

import numpy as np
import pytest

from engines.contract.errors import InputError
from engines.imaging.volumes.volume import VolumeGeometry
from engines.segmentation.data import BrainCase, brain_extent, frame_of, normalised, square_size
from engines.segmentation.slices.augmentation import Augmentation


def case(height: int = 40, width: int = 30, brain: slice = slice(4, 24)) -> BrainCase:
    generator = np.random.default_rng(0)
    mask = np.zeros((5, height, width), bool)
    mask[:, brain, brain] = True
    image = generator.normal(size=(5, 4, height, width)).astype(np.float32) * mask[:, None]
    labels = np.zeros(mask.shape, np.uint8)
    labels[1:4, 8:14, 8:14] = 2
    geometry = VolumeGeometry((height, width, 5), np.eye(4))
    return BrainCase("a", "a", image, mask, labels, 1, geometry, b"", (), ())


def test_values_are_normalised_over_the_brain_and_zero_outside() -> None:
    generator = np.random.default_rng(1)
    brain = generator.random((6, 6, 6)) < 0.5
    voxels = np.where(brain, generator.normal(900, 70, brain.shape), 0).astype(np.int16)
    values, came_so = normalised(voxels, brain)
    assert not came_so
    assert values[brain].mean() == pytest.approx(0, abs=1e-5)
    assert values[brain].std() == pytest.approx(1, abs=1e-5)
    assert not values[~brain].any()
    again, came_so = normalised(values, brain)
    assert came_so
    np.testing.assert_allclose(again, values, atol=1e-3)
    # Normalised by another program, which left out the tails.
    wide, came_so = normalised(1.6 * values + 0.1 * brain, brain)
    assert came_so
    assert wide[brain].std() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("size", [32, 64])
def test_a_frame_puts_slices_into_a_square_and_takes_them_back(size: int) -> None:
    found = case()
    frame = frame_of(found, size)
    square = frame.put(found.image)
    assert square.shape == (5, 4, size, size)
    np.testing.assert_array_equal(frame.take(square), found.image)
    assert found.labels is not None
    np.testing.assert_array_equal(frame.take(frame.put(found.labels)), found.labels)


def test_a_brain_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="35 voxels wide"):
        frame_of(case(brain=slice(2, 37), width=40), 32)


def test_the_smallest_square_holds_every_brain() -> None:
    assert brain_extent(case()) == (20, 20)
    assert square_size([(20, 20), (33, 5)], 0, 32) == 64
    assert square_size([(20, 20)], 256, 32) == 256


def test_slices_of_any_axis_go_back_to_their_volume() -> None:
    found = case()
    for axes in (np.eye(4), np.eye(4)[[2, 0, 1, 3]]):
        geometry = VolumeGeometry((40, 30, 5), axes)
        moved = BrainCase(**{**found.__dict__, "geometry": geometry})
        volume = np.arange(40 * 30 * 5).reshape(40, 30, 5)
        slices = np.moveaxis(volume, geometry.axial_axis, 0)
        np.testing.assert_array_equal(moved.to_volume(slices), volume)


def test_nothing_changes_when_everything_is_off() -> None:
    found = case()
    assert found.labels is not None
    image, labels = Augmentation().apply(found.image[2], found.labels[2], np.random.default_rng(0))
    np.testing.assert_array_equal(image, found.image[2])
    np.testing.assert_array_equal(labels, found.labels[2])


@pytest.mark.parametrize("name", ["flips", "affine", "elastic", "bias_field", "gamma", "noise"])
def test_every_change_can_be_switched_on_alone(name: str) -> None:
    found = case()
    assert found.labels is not None
    augmentation, generator = Augmentation(**{name: True}), np.random.default_rng(3)
    changed = [augmentation.apply(found.image[2], found.labels[2], generator) for _ in range(6)]
    assert any(not np.array_equal(image, found.image[2]) for image, _ in changed)
    for image, labels in changed:
        assert image.dtype == np.float32
        assert set(np.unique(labels)) <= {0, 2}
        assert not image[:, 30:, :].any() or name in ("affine", "elastic", "flips")


def test_one_modality_always_stays() -> None:
    found = case()
    assert found.labels is not None
    augmentation, generator = Augmentation(modality_dropout=0.9), np.random.default_rng(0)
    left = [
        int(augmentation.apply(found.image[2], found.labels[2], generator)[0].any(axis=(1, 2)).sum())
        for _ in range(30)
    ]
    assert min(left) == 1
