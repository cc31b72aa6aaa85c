from __future__ import annotations

import gzip
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from engines.contract.errors import GeometryError, InputError, VolumeReadError
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_files import (
    check_same_grid,
    read_geometry,
    read_label_map,
    read_volume,
    write_volume,
)


def rotation(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def affine(axes: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = axes * spacing
    matrix[:3, 3] = (-31.25, 12.5, 401.75)
    return matrix


GRIDS = {
    "anisotropic": affine(np.eye(3), (0.7, 0.7, 5.0)),
    "flipped": affine(np.diag([-1.0, -1.0, 1.0]), (1.5, 1.5, 1.5)),
    "oblique": affine(rotation(17.0) @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]), (0.5, 0.8, 2.5)),
}
SHAPE = (7, 5, 4)


def voxels() -> np.ndarray:
    return np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE) - 60


@pytest.fixture(params=GRIDS)
def grid(request: pytest.FixtureRequest) -> np.ndarray:
    return GRIDS[request.param]


@pytest.fixture
def image_path(tmp_path: Path, grid: np.ndarray) -> Path:
    path = tmp_path / "影像 scan.nii.gz"
    image = nib.Nifti1Image(voxels(), grid)
    image.set_qform(grid, 2)
    image.set_sform(grid, 1)
    nib.save(image, path)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_a_volume_comes_back_with_its_voxels_and_its_place(
    tmp_path: Path, grid: np.ndarray, suffix: str
) -> None:
    written = Volume(voxels(), VolumeGeometry(SHAPE, grid))
    read = read_volume(write_volume(tmp_path / f"卷{suffix}", written))

    assert np.array_equal(read.voxels, written.voxels)
    assert read.voxels.dtype == np.int16
    assert read.geometry.difference(written.geometry) is None
    assert read_geometry(tmp_path / f"卷{suffix}").difference(written.geometry) is None


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha"])
def test_other_programs_see_the_same_place(tmp_path: Path, grid: np.ndarray, suffix: str) -> None:
    path = write_volume(tmp_path / f"volume{suffix}", Volume(voxels(), VolumeGeometry(SHAPE, grid)))

    image = sitk.ReadImage(str(path))
    for index in ((0, 0, 0), (6, 4, 3), (2, 1, 3)):
        x, y, z = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose((-x, -y, z), (grid @ [*index, 1])[:3], atol=1e-4)
        assert image[index] == voxels()[index]


def test_a_mask_written_on_its_image_has_the_same_affine_bit_by_bit(image_path: Path) -> None:
    image = read_volume(image_path)
    mask = Volume((image.voxels > 0).astype(np.uint8), image.geometry, image.header)
    path = write_volume(image_path.with_name("mask.nii.gz"), mask)

    fields = ("sform_code", "qform_code", "srow_x", "srow_y", "srow_z", "quatern_b", "quatern_c",
              "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z", "pixdim")  # fmt: skip
    before, after = nib.load(image_path).header, nib.load(path).header
    for field in fields:
        assert before[field].tobytes() == after[field].tobytes(), field
    assert after.get_data_dtype() == np.uint8
    assert np.array_equal(np.asarray(nib.load(path).dataobj), mask.voxels)


def test_an_uncompressed_file_stays_on_the_disk(tmp_path: Path, grid: np.ndarray) -> None:
    path = write_volume(tmp_path / "v.nii", Volume(voxels(), VolumeGeometry(SHAPE, grid)))
    mapped = read_volume(path).voxels

    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable


def test_scaled_voxels_are_read_in_their_unit(tmp_path: Path) -> None:
    image = nib.Nifti1Image(voxels(), GRIDS["flipped"])
    image.header.set_slope_inter(2.0, -1000.0)
    image.header.set_data_dtype(np.int16)
    path = tmp_path / "scaled.nii"
    nib.save(nib.Nifti1Image(voxels() * 2.0 - 1000.0, GRIDS["flipped"], image.header), path)

    read = read_volume(path)
    assert read.voxels.dtype == np.float32
    np.testing.assert_allclose(read.voxels, voxels() * 2.0 - 1000.0, atol=0.1)


def test_a_fourth_axis_of_one_is_dropped_and_a_longer_one_refused(tmp_path: Path) -> None:
    for count in (1, 3):
        nib.save(nib.Nifti1Image(np.zeros((*SHAPE, count), np.int16), np.eye(4)), tmp_path / f"{count}.nii")

    assert read_volume(tmp_path / "1.nii").voxels.shape == SHAPE
    with pytest.raises(VolumeReadError, match="4 axes"):
        read_volume(tmp_path / "3.nii")


def test_one_slice_is_no_volume(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros((9, 9, 1), np.int16), np.eye(4)), tmp_path / "slice.nii")
    with pytest.raises(VolumeReadError, match="only one slice"):
        read_volume(tmp_path / "slice.nii")


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_one_slice_of_labels_is_a_label_map(tmp_path: Path, suffix: str) -> None:
    labels = np.zeros((9, 8, 1), np.uint8)
    labels[2:5, 3:6] = 3
    written = Volume(labels, VolumeGeometry(labels.shape, GRIDS["flipped"]))
    write_volume(tmp_path / f"slice{suffix}", written)
    read = read_label_map(tmp_path / f"slice{suffix}")
    np.testing.assert_array_equal(read.voxels, labels)
    assert read.geometry.difference(written.geometry) is None


def test_a_cut_file_names_itself(image_path: Path) -> None:
    content = image_path.read_bytes()
    image_path.write_bytes(content[: len(content) // 2])
    with pytest.raises(VolumeReadError, match=r"scan\.nii\.gz cannot be read"):
        read_volume(image_path)


def test_gzip_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.nii.gz"
    path.write_bytes(gzip.compress(b"these are notes" * 100))
    with pytest.raises(VolumeReadError):
        read_volume(path)
    with pytest.raises(VolumeReadError, match="There is no file"):
        read_volume(tmp_path / "nowhere.nii")


def test_slanted_axes_are_refused(tmp_path: Path) -> None:
    slanted = np.diag([1.0, 1.0, 2.0, 1.0])
    slanted[1, 2] = 0.5
    image = nib.Nifti1Image(voxels(), slanted)
    nib.save(image, tmp_path / "gantry.nii")
    with pytest.raises(GeometryError, match="right angles"):
        read_volume(tmp_path / "gantry.nii")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([0.0, 0.5], "fractions"),
        ([0.0, np.nan], "not numbers"),
        ([-1.0, 2.0], "from -1"),
        ([0, 70000], "70000"),
    ],
)
def test_what_is_no_label_map_is_refused(tmp_path: Path, values: list[float], reason: str) -> None:
    kind = np.float32 if isinstance(values[1], float) else np.int32
    array = np.tile(np.array(values, kind), (*SHAPE[:2], 2))
    nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / "labels.nii")
    with pytest.raises(VolumeReadError, match=reason):
        read_label_map(tmp_path / "labels.nii")


def test_whole_numbers_stored_as_floats_are_labels(tmp_path: Path) -> None:
    array = np.zeros(SHAPE, np.float32)
    array[2, 2, 2] = 300
    nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / "labels.nii")

    labels = read_label_map(tmp_path / "labels.nii").voxels
    assert labels.dtype == np.uint16
    assert labels[2, 2, 2] == 300


def test_a_mask_on_another_grid_says_how_it_differs() -> None:
    grid = VolumeGeometry(SHAPE, GRIDS["flipped"])
    check_same_grid(grid, VolumeGeometry(SHAPE, GRIDS["flipped"] + 1e-6), "mask.nii")
    shifted, turned = GRIDS["flipped"].copy(), GRIDS["flipped"] @ np.diag([1, 1, -1, 1])
    shifted[2, 3] += 3.0
    for other, how in (
        (VolumeGeometry((7, 5, 9), GRIDS["flipped"]), "7 x 5 x 9"),
        (VolumeGeometry(SHAPE, GRIDS["anisotropic"]), "0.7"),
        (VolumeGeometry(SHAPE, shifted), "3.00 mm"),
        (VolumeGeometry(SHAPE, turned), "LPI"),
    ):
        with pytest.raises(GeometryError, match=how):
            check_same_grid(grid, other, "mask.nii")


def test_positions_go_to_the_patient_and_back(grid: np.ndarray) -> None:
    geometry = VolumeGeometry(SHAPE, grid)
    points = np.array([(0.0, 0.0, 0.0), (3.5, 2.0, 1.25)])

    np.testing.assert_allclose(geometry.voxel_of(geometry.world_of(points)), points, atol=1e-9)
    np.testing.assert_allclose(geometry.spacing_mm, np.linalg.norm(grid[:3, :3], axis=0))


@pytest.mark.parametrize("seed", range(20))
def test_axes_are_named_as_another_library_names_them(seed: int) -> None:
    turned, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    geometry = VolumeGeometry(SHAPE, affine(turned, (0.7, 0.9, 3.0)))
    assert geometry.axis_codes == nib.orientations.aff2axcodes(geometry.world_from_voxel)
    assert geometry.axis_codes[geometry.axial_axis] in "SI"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = Volume(voxels(), VolumeGeometry(SHAPE, GRIDS["flipped"]))
    path = write_volume(tmp_path / "v.nii.gz", volume)
    content = path.read_bytes()

    def refuse(*_paths: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        write_volume(path, volume)
    assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["v.nii.gz"]
    with pytest.raises(InputError, match="no volume format"):
        write_volume(tmp_path / "v.png", volume)
