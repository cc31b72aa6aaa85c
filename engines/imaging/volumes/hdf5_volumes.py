"""Volumes in HDF5 files. A dataset is named like a file in a folder: ``case.h5/image``.

HDF5 says nothing about geometry. What is believed, on the dataset, else on the file: `affine` (4x4, from
voxel to RAS+ mm) or `spacing` / `spacing_mm` / `voxel_size` (mm along each array axis). Without either the
voxels count as 1 mm cubes, and `has_geometry` says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from engines.contract.errors import VolumeReadError
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from engines.imaging.volumes.volume_names import split_hdf5

AFFINE_NAMES = ("affine", "world_from_voxel")
SPACING_NAMES = ("spacing", "spacing_mm", "voxel_size")


def datasets(file: Path) -> list[str]:
    """Return the names of the 3-D datasets of numbers of a file, in the order of the file.

    Raises
    ------
    VolumeReadError
        If it is no HDF5 file, or damaged.
    """
    with _open(file) as source:
        return _names(source)


def has_geometry(path: Path) -> bool:
    """Tell whether a dataset, or its file, says how large the voxels are; errors as `read_hdf5`."""
    with _dataset(path) as (source, dataset):
        return any(_attribute(source, dataset, name) is not None for name in AFFINE_NAMES + SPACING_NAMES)


def read_hdf5(path: Path) -> Volume:
    """Read a dataset.

    Parameters
    ----------
    path : Path
        The file, when it holds one 3-D dataset only, or ``file/dataset``. Array axes are (i, j, k).

    Returns
    -------
    Volume
        In the type of the file; booleans as uint8.

    Raises
    ------
    VolumeReadError
        If the file is damaged, or has no such dataset, or several and none is named.
    GeometryError
        If its affine or spacing cannot be used.
    """
    with _dataset(path) as (source, dataset):
        try:
            voxels = dataset[()]
        except OSError as error:
            raise _damaged(path, error) from error
        if voxels.dtype.kind == "b":
            voxels = voxels.astype(np.uint8)
        return Volume(voxels, VolumeGeometry(voxels.shape, _affine(source, dataset, path)))


def _affine(source: h5py.File, dataset: h5py.Dataset, path: Path) -> np.ndarray[Any, Any]:
    for name in AFFINE_NAMES:
        affine = _attribute(source, dataset, name)
        if affine is not None:
            return _numbers(affine, (4, 4), name, path)
    for name in SPACING_NAMES:
        spacing = _attribute(source, dataset, name)
        if spacing is not None:
            return np.diag([*_numbers(spacing, (3,), name, path), 1.0])
    return np.eye(4)


def _attribute(source: h5py.File, dataset: h5py.Dataset, name: str) -> Any:
    return next((holder.attrs[name] for holder in (dataset, source) if name in holder.attrs), None)


def _numbers(value: Any, shape: tuple[int, ...], name: str, path: Path) -> np.ndarray[Any, Any]:
    found = np.asarray(value)
    if found.shape != shape or found.dtype.kind not in "uif":
        raise VolumeReadError(
            "The attribute '{name}' of {path} does not hold {count} numbers.",
            remedy="Write it as an array, or remove it.",
            name=name,
            path=path,
            count=int(np.prod(shape)),
        )
    return found.astype(np.float64)


@contextmanager
def _dataset(path: Path) -> Iterator[tuple[h5py.File, h5py.Dataset]]:
    place = split_hdf5(path)
    assert place is not None, path
    file, name = place
    with _open(file) as source:
        known = _names(source)
        if not name and len(known) == 1:
            name = known[0]
        if name not in known:
            raise VolumeReadError(
                "{path} has no 3-D dataset '{name}'."
                if name
                else "{path} does not say which dataset to use.",
                remedy="Name one of them after the file, as in {file}/{example}: it holds {known}."
                if known
                else "It holds no 3-D dataset of numbers: split other arrays into volumes first.",
                path=file,
                file=file.name,
                name=name,
                example=known[0] if known else "",
                known=", ".join(known),
            )
        yield source, source[name]


@contextmanager
def _open(file: Path) -> Iterator[h5py.File]:
    if not file.is_file():
        raise VolumeReadError("There is no file {path}.", remedy="Check the path.", path=file)
    try:
        source = h5py.File(file, "r")
    except OSError as error:
        raise _damaged(file, error) from error
    with source:
        yield source


def _names(source: h5py.File) -> list[str]:
    found: list[str] = []

    def visit(name: str, node: object) -> None:
        if isinstance(node, h5py.Dataset) and node.ndim == 3 and node.dtype.kind in "buif":
            found.append(name)

    source.visititems(visit)
    return found


def _damaged(path: Path, error: OSError) -> VolumeReadError:
    return VolumeReadError(
        "{path} cannot be read as an HDF5 file: {reason}.",
        remedy="Copy it again from where it came from; it may be cut off.",
        path=path,
        reason=str(error).splitlines()[0] if str(error) else type(error).__name__,
    )
