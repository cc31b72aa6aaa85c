"""Reading and writing volumes: NIfTI, NRRD and MetaImage. DICOM series have their own module.

What is read keeps its voxels and its geometry; what is written on the grid of a NIfTI image takes that
image's affine bit by bit, so that other programs lay both on each other exactly.
"""

from __future__ import annotations

import io
import os
import uuid
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from engines.contract.errors import GeometryError, InputError, VolumeReadError
from engines.imaging.volumes.volume import LPS_FROM_RAS, Volume, VolumeGeometry, VoxelArray
from engines.imaging.volumes.volume_names import (
    ITK_SUFFIXES,
    NIFTI_SUFFIXES,
    split_hdf5,
    volume_suffix,
)

SMALLEST_NUM_SLICES = 2
_WHOLE_TOLERANCE = 1e-4
_LARGEST_LABEL = np.iinfo(np.uint16).max


def read_volume(path: str | os.PathLike[str]) -> Volume:
    """Read a volume.

    Parameters
    ----------
    path : path
        `volume_names.VOLUME_SUFFIXES`, or a dataset of an HDF5 file: ``case.h5/image``. An uncompressed
        ``.nii`` without intensity scaling stays on the disk: its voxels are a read-only map of the file.

    Returns
    -------
    Volume
        Voxels in the type of the file; float32 where the header scales them.

    Raises
    ------
    VolumeReadError
        If the file is missing, damaged, of another format, not 3-D, or has fewer than two slices.
    GeometryError
        If its grid cannot be used.
    """
    volume = _read(Path(path))
    if min(volume.geometry.shape) < SMALLEST_NUM_SLICES:
        raise VolumeReadError(
            "{path} has only one slice ({shape} voxels).",
            remedy="Import it as an image, or give the whole series.",
            path=path,
            shape=" x ".join(map(str, volume.geometry.shape)),
        )
    return volume


def _read(path: Path) -> Volume:
    if split_hdf5(path) is not None:
        # Few people have such files, and the library takes its time to load.
        from engines.imaging.volumes.hdf5_volumes import read_hdf5

        return read_hdf5(path)
    file = _existing(path)
    return _read_nifti(file) if volume_suffix(file) in NIFTI_SUFFIXES else _read_itk(file)


def read_geometry(path: str | os.PathLike[str]) -> VolumeGeometry:
    """Return the grid of a volume from its header, without reading voxels; errors as `read_volume`."""
    file = _existing(path)
    if volume_suffix(file) in NIFTI_SUFFIXES:
        image = _load_nifti(file)
        return _nifti_geometry(image, file)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(file))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise _unreadable(file, error) from error
    return _itk_geometry(
        reader.GetSize(), reader.GetSpacing(), reader.GetOrigin(), reader.GetDirection(), file
    )


def read_label_map(path: str | os.PathLike[str]) -> Volume:
    """Read a label map: whole numbers from 0.

    Returns
    -------
    Volume
        uint8 or uint16; whole numbers stored as floats are accepted, and so is a single slice, which may
        be all that was drawn of a case.

    Raises
    ------
    VolumeReadError, GeometryError
        As `read_volume`; also if a voxel is not finite, not whole, negative or above 65535.
    """
    volume = _read(Path(path))
    return Volume(as_labels(volume.voxels, Path(path)), volume.geometry, volume.header)


def as_labels(voxels: VoxelArray, path: Path) -> VoxelArray:
    """Return voxels as uint8 or uint16 labels; see `read_label_map`."""
    if voxels.dtype.kind == "b":
        return voxels.astype(np.uint8)
    if voxels.dtype.kind == "f":
        if not np.isfinite(voxels).all():
            raise VolumeReadError(
                "{path} holds voxels that are not numbers, so it is no label map.",
                remedy="Give the mask, or import this file as an image.",
                path=path,
            )
        whole = np.rint(voxels)
        # A scaled header turns 1 into 0.99999997.
        if not np.allclose(voxels, whole, rtol=0.0, atol=_WHOLE_TOLERANCE):
            raise VolumeReadError(
                "{path} holds fractions, so it is no label map: is it a probability map or an image?",
                remedy="Threshold it first, or import it as an image.",
                path=path,
            )
        voxels = whole
    low, high = (int(voxels.min()), int(voxels.max())) if voxels.size else (0, 0)
    if low < 0 or high > _LARGEST_LABEL:
        raise VolumeReadError(
            "{path} holds values from {low} to {high}; labels are whole numbers from 0 to {largest}.",
            remedy="Give the mask, or import this file as an image.",
            path=path,
            low=low,
            high=high,
            largest=_LARGEST_LABEL,
        )
    return voxels.astype(np.uint8 if high <= np.iinfo(np.uint8).max else np.uint16)


def write_volume(path: str | os.PathLike[str], volume: Volume) -> Path:
    """Write a volume atomically: a reader sees the old file or the new one.

    Parameters
    ----------
    path : path
        The suffix says the format.
    volume : Volume
        With a `header` the affine of a NIfTI file is copied from it bit by bit.

    Raises
    ------
    InputError
        If the suffix is no format of volumes.
    OSError
        If the disk refuses; the file that was there is untouched.
    """
    target = Path(path)
    suffix = volume_suffix(target)
    if suffix not in (*NIFTI_SUFFIXES, ".nrrd", ".mha"):
        raise InputError(
            "{path} cannot be written: no volume format has this suffix.",
            remedy="Use .nii.gz, .nii, .nrrd or .mha.",
            path=target,
        )
    part = target.with_name(f".{uuid.uuid4().hex}.part{suffix}")
    try:
        if suffix in NIFTI_SUFFIXES:
            nib.save(_as_nifti(volume), part)
        else:
            _write_itk(part, volume)
        _flush(part)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return target


# -- NIfTI ---------------------------------------------------------------------------------------------


def _load_nifti(file: Path) -> nib.Nifti1Image:
    try:
        image = nib.load(file)
    except (nib.filebasedimages.ImageFileError, OSError, EOFError, ValueError, zlib.error) as error:
        raise _unreadable(file, error) from error
    if not isinstance(image, nib.Nifti1Image):
        raise VolumeReadError("{path} is not a NIfTI file.", remedy="Convert it to .nii.gz first.", path=file)
    return image


def _nifti_geometry(image: nib.Nifti1Image, file: Path) -> VolumeGeometry:
    shape = image.shape
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3:
        raise VolumeReadError(
            "{path} has {axes} axes ({shape}); a volume has three.",
            remedy="Split a time series or a multi-channel file into one file each.",
            path=file,
            axes=len(shape),
            shape=" x ".join(map(str, shape)),
        )
    return VolumeGeometry(shape, image.affine)


def _read_nifti(file: Path) -> Volume:
    image = _load_nifti(file)
    geometry = _nifti_geometry(image, file)
    slope, intercept = image.dataobj.slope, image.dataobj.inter
    is_scaled = (slope, intercept) != (1.0, 0.0)
    try:
        voxels = (
            image.get_fdata(caching="unchanged", dtype=np.float32)
            if is_scaled
            else image.dataobj.get_unscaled()
        )
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise _unreadable(file, error) from error
    if voxels.dtype.kind not in "uif":
        raise VolumeReadError(
            "{path} holds {type} voxels; whole or real numbers are needed.",
            remedy="Convert it to one grey value for each voxel.",
            path=file,
            type=voxels.dtype.name,
        )
    if isinstance(voxels, np.memmap):
        # Copy-on-write by default: an edit would neither fail nor reach the file.
        voxels.flags.writeable = False
    return Volume(voxels.reshape(geometry.shape), geometry, image.header.binaryblock)


def _as_nifti(volume: Volume) -> nib.Nifti1Image:
    voxels = volume.voxels.astype(np.uint8) if volume.voxels.dtype == bool else volume.voxels
    if not volume.header:
        image = nib.Nifti1Image(voxels, volume.geometry.world_from_voxel)
        image.header.set_xyzt_units("mm")
        return image
    source = nib.Nifti1Header.from_fileobj(io.BytesIO(volume.header), check=False)
    # An affine argument would be written anew, through float32 and a quaternion: the header's is kept.
    image = nib.Nifti1Image(voxels, None, source)
    header = image.header
    header.set_data_dtype(voxels.dtype)
    header.set_slope_inter(1.0, 0.0)
    header["cal_max"] = header["cal_min"] = 0.0
    return image


# -- NRRD, MetaImage -----------------------------------------------------------------------------------


def _read_itk(file: Path) -> Volume:
    if volume_suffix(file) not in ITK_SUFFIXES:
        raise VolumeReadError(
            "{path} is no volume of a known format.",
            remedy="Give .nii, .nii.gz, .nrrd, .mha, .mhd or a folder of DICOM slices.",
            path=file,
        )
    try:
        image = sitk.ReadImage(str(file))
    except RuntimeError as error:
        raise _unreadable(file, error) from error
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise VolumeReadError(
            "{path} has {components} numbers in each voxel; a volume has one.",
            remedy="Split the channels into one file each.",
            path=file,
            components=image.GetNumberOfComponentsPerPixel(),
        )
    geometry = _itk_geometry(
        image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection(), file
    )
    return Volume(sitk.GetArrayFromImage(image).T, geometry)


def _itk_geometry(
    size: tuple[int, ...],
    spacing: tuple[float, ...],
    origin: tuple[float, ...],
    direction: tuple[float, ...],
    file: Path,
) -> VolumeGeometry:
    if len(size) != 3:
        raise VolumeReadError(
            "{path} has {axes} axes; a volume has three.",
            remedy="Split a time series into one file each.",
            path=file,
            axes=len(size),
        )
    lps_from_voxel = np.eye(4)
    lps_from_voxel[:3, :3] = np.reshape(direction, (3, 3)) * np.asarray(spacing)
    lps_from_voxel[:3, 3] = origin
    return VolumeGeometry((size[0], size[1], size[2]), LPS_FROM_RAS @ lps_from_voxel)


def itk_image(volume: Volume) -> sitk.Image:
    """Return a volume as a SimpleITK image of the same grid."""
    voxels = volume.voxels.astype(np.uint8) if volume.voxels.dtype == bool else volume.voxels
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.T))
    lps_from_voxel = LPS_FROM_RAS @ volume.geometry.world_from_voxel
    spacing = np.asarray(volume.geometry.spacing_mm)
    image.SetSpacing([float(value) for value in spacing])
    image.SetOrigin([float(value) for value in lps_from_voxel[:3, 3]])
    image.SetDirection([float(value) for value in (lps_from_voxel[:3, :3] / spacing).reshape(-1)])
    return image


def _write_itk(path: Path, volume: Volume) -> None:
    try:
        sitk.WriteImage(itk_image(volume), str(path), useCompression=True)
    except RuntimeError as error:
        raise OSError(f"{path.name} could not be written: {_last_line(error)}") from error


# -- files ---------------------------------------------------------------------------------------------


def _existing(path: str | os.PathLike[str]) -> Path:
    file = Path(path)
    if not file.is_file():
        raise VolumeReadError(
            "There is no file {path}.", remedy="Check the path, or tell the project where it is.", path=file
        )
    return file


def _unreadable(file: Path, error: Exception) -> VolumeReadError:
    return VolumeReadError(
        "{path} cannot be read as a volume: {reason}.",
        remedy="Copy it again from where it came from; it may be cut off.",
        path=file,
        reason=_last_line(error),
    )


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else type(error).__name__


def _flush(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def check_same_grid(image: VolumeGeometry, mask: VolumeGeometry, mask_name: str) -> None:
    """Refuse a mask whose grid is not its image's.

    Raises
    ------
    GeometryError
        With how they differ.
    """
    difference = image.difference(mask)
    if difference is not None:
        raise GeometryError(
            "{mask} does not lie on the grid of its image: {difference}.",
            remedy="Resample the mask on the image, or give the image that it was drawn on.",
            mask=mask_name,
            difference=difference,
        )
