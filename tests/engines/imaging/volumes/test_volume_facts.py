from __future__ import annotations

import numpy as np
import pytest

from engines.imaging.volumes import volume_facts as module
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_facts import label_facts, middle_slice, volume_facts


def volume(voxels: np.ndarray, affine: np.ndarray | None = None) -> Volume:
    return Volume(voxels, VolumeGeometry(voxels.shape, np.eye(4) if affine is None else affine))


@pytest.mark.parametrize("order", ["C", "F"])
def test_range_and_odd_voxels_over_several_slabs(monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    monkeypatch.setattr(module, "_SLAB_VOXELS", 40)
    voxels = np.asarray(np.linspace(-5, 7, 6 * 5 * 4).reshape(6, 5, 4), np.float32, order=order)  # type: ignore[call-overload]
    voxels[1, 1, 1], voxels[5, 4, 3] = np.nan, -np.inf
    facts = volume_facts(volume(voxels))
    assert facts.num_not_finite == 2
    assert facts.low == -5
    assert facts.high == pytest.approx(voxels[5, 4, 2])


def test_a_volume_without_any_number_has_a_range() -> None:
    facts = volume_facts(volume(np.full((3, 3, 3), np.nan, np.float32)))
    assert (facts.low, facts.high, facts.num_not_finite) == (0, 0, 27)


def test_labels_are_measured_in_ml() -> None:
    labels = np.zeros((10, 10, 10), np.uint16)
    labels[:5, 0, 0], labels[:, 5, 5] = 3, 700
    facts = label_facts(volume(labels, np.diag([2.0, 2.0, 2.5, 1.0])))
    assert facts.label_ml == ((3, pytest.approx(0.05)), (700, pytest.approx(0.1)))
    assert label_facts(volume(np.zeros((4, 4, 4), np.uint8))).label_ml == ()


@pytest.mark.parametrize("affine", [np.diag([1, 1, 1, 1.0]), np.diag([-1, -1, 1, 1.0]), "coronal"])
def test_the_preview_shows_the_right_on_the_left_and_the_front_up(affine: object) -> None:
    world = np.zeros((6, 6, 6), np.uint8)
    world[5, 5, :] = 200  # right, front
    matrix = np.eye(4) if isinstance(affine, str) else np.asarray(affine)
    voxels = world
    if isinstance(affine, str):
        # Axes: x, z, -y.
        voxels = world.transpose(0, 2, 1)[:, :, ::-1]
        matrix = np.array([[1, 0, 0, 0], [0, 0, -1, 5], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    elif matrix[0, 0] < 0:
        voxels = world[::-1, ::-1]
    shown = middle_slice(volume(voxels, matrix))
    assert shown[0, 0] == 200
    assert shown.sum() == 200


def test_the_preview_has_square_pixels() -> None:
    assert middle_slice(volume(np.zeros((20, 10, 4)), np.diag([1.0, 3.0, 5.0, 1.0]))).shape == (20, 13)
