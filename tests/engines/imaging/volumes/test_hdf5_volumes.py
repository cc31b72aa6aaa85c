from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from engines.contract.errors import VolumeReadError
from engines.imaging.volumes.hdf5_volumes import datasets, has_geometry, read_hdf5
from engines.imaging.volumes.volume_files import read_label_map, read_volume
from engines.imaging.volumes.volume_names import split_hdf5

VOXELS = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
AFFINE = np.array([[0, -0.5, 0, 3.0], [0.7, 0, 0, -4], [0, 0, 2.5, 9], [0, 0, 0, 1.0]])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "病例 1.h5"


def test_the_only_volume_of_a_file_needs_no_name(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["scan/image"] = VOXELS
        file["scan/table"] = np.zeros((3, 3))
        file["scan/image"].attrs["affine"] = AFFINE
    assert datasets(path) == ["scan/image"]
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    np.testing.assert_array_equal(volume.geometry.world_from_voxel, AFFINE)


def test_datasets_are_named_like_files(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["spacing"] = [0.5, 0.5, 2.0]
        file["image"], file["label"] = VOXELS, VOXELS > 30
    labels = read_label_map(path / "label")
    assert labels.voxels.dtype == np.uint8
    assert labels.geometry.spacing_mm == (0.5, 0.5, 2.0)
    assert has_geometry(path / "image")
    with pytest.raises(VolumeReadError) as raised:
        read_hdf5(path)
    assert "does not say which dataset" in str(raised.value)
    assert "it holds image, label" in str(raised.value.remedy)


def test_without_geometry_voxels_are_cubes_of_1_mm_and_it_is_known(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["image"] = VOXELS
    assert not has_geometry(path)
    assert read_hdf5(path).geometry.spacing_mm == (1.0, 1.0, 1.0)


def test_what_cannot_be_read_is_refused(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["flat"] = np.zeros((4, 4))
    with pytest.raises(VolumeReadError, match="does not say which"):
        read_hdf5(path)
    with h5py.File(path, "w") as file:
        file["image"] = VOXELS
        file["image"].attrs["spacing"] = [1.0, 2.0]
    with pytest.raises(VolumeReadError, match="does not hold 3 numbers"):
        read_hdf5(path)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(VolumeReadError, match="cannot be read as an HDF5 file"):
        datasets(path)


def test_a_path_into_a_file_is_told_from_a_folder(tmp_path: Path) -> None:
    assert split_hdf5(tmp_path / "a.h5") == (tmp_path / "a.h5", "")
    assert split_hdf5(tmp_path / "a.hdf5/x/y") == (tmp_path / "a.hdf5", "x/y")
    assert split_hdf5(tmp_path / "a.nii.gz") is None
    (tmp_path / "folder.h5").mkdir()
    assert split_hdf5(tmp_path / "folder.h5/a.nii") is None
