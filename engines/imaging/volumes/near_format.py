"""``near_format_data``: ``info.csv``, ``appearance/<id>.npy`` and ``shape/<id>.npy``, cubes without geometry.

Cases are cropped to their classes and resized to a cube, values are clipped and scaled to 0 to 1, and the
arrays' axes are (k, j, i). What the format itself forgets is kept beside it, ``geometry/<id>.json``: the crop
box, the affine and the window, so that results find back. Folders without it are read too, as 1 mm voxels.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.contract.errors import TableError, VolumeReadError
from engines.contract.files import write_bytes_atomically, write_json_atomically, write_text_atomically
from engines.imaging.volumes.label_metrics import Mask, bounding_box
from engines.imaging.volumes.volume import Shape, Volume, VolumeGeometry

TABLE, APPEARANCE, SHAPE, GEOMETRY = "info.csv", "appearance", "shape", "geometry"
SIDE = 256
MARGIN_VOXELS = 10
WINDOW_HU = (-200.0, 500.0)
_ID_COLUMNS = ("id", "sample_id", "case_id", "ROI_id")
_UNUSABLE = ("ROI_anomaly", "low_quality")
"""Columns of the published tables; rows with a value there are not used."""
Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class NearGeometry:
    """Where a cube lies in the volume that it was cut from.

    Parameters
    ----------
    native : VolumeGeometry
        Of the whole volume.
    box : three slices
        What was cut out.
    side : int
        Of the cube.
    window_hu : (low, high)
        Values of the image that became 0 and 1.
    """

    native: VolumeGeometry
    box: Box
    side: int
    window_hu: tuple[float, float] = WINDOW_HU

    @property
    def cube(self) -> VolumeGeometry:
        """The grid of the cube in the world: its voxels fill the box."""
        counts = np.array([part.stop - part.start for part in self.box], dtype=np.float64)
        step = counts / self.side
        native_from_cube = np.diag([*step, 1.0])
        # Resizing keeps the edges of the box, not the middles of its voxels.
        native_from_cube[:3, 3] = [part.start for part in self.box] + 0.5 * step - 0.5
        side = self.side
        return VolumeGeometry((side, side, side), self.native.world_from_voxel @ native_from_cube)

    def values(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "native_shape": list(self.native.shape),
            "world_from_voxel": self.native.world_from_voxel.tolist(),
            "box": [[part.start, part.stop] for part in self.box],
            "side": self.side,
            "window_hu": list(self.window_hu),
            "axes": "kji",
            "world": "RAS, mm",
        }

    @classmethod
    def of_values(cls, values: dict[str, Any]) -> NearGeometry:
        """Read what `values` returned."""
        i, j, k = (int(size) for size in values["native_shape"])
        first, second, third = (slice(int(start), int(stop)) for start, stop in values["box"])
        low, high = (float(value) for value in values["window_hu"])
        native = VolumeGeometry((i, j, k), np.array(values["world_from_voxel"], dtype=np.float64))
        return cls(native, (first, second, third), int(values["side"]), (low, high))


@dataclass(frozen=True, eq=False)
class NearCase:
    """A case as volumes.

    Parameters
    ----------
    labels : Volume
        On the grid of the cube.
    image : Volume or None
        int16, Hounsfield units as far as the window goes; None where the folder has no appearance.
    geometry : NearGeometry or None
        None where the folder does not know it: spacing and place are made up then.
    """

    labels: Volume
    image: Volume | None
    geometry: NearGeometry | None


def is_near_folder(folder: Path) -> bool:
    """Tell whether a folder holds such data."""
    return (folder / TABLE).is_file() and (folder / SHAPE).is_dir() and any((folder / SHAPE).glob("*.npy"))


def case_ids(folder: Path) -> list[str]:
    """Return the ids of a folder's table, see `read_table`."""
    return read_table(folder / TABLE)


def read_table(path: Path) -> list[str]:
    """Return the ids of a table of cases, in its order, without those that are marked as unusable.

    Raises
    ------
    TableError
        If it has no column of ids, or one of them is no name of a file.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or []
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TableError(
            "{path} is no table of cases.", remedy="Save it as CSV with a column 'id'.", path=path
        ) from error
    column = next((name for name in _ID_COLUMNS if name in columns), None)
    if column is None:
        raise TableError(
            "{path} has no column of case ids; it has: {columns}.",
            remedy="Name the column 'id'.",
            path=path,
            columns=", ".join(columns) or "nothing",
        )
    cases = [row[column] or "" for row in rows if not any(row.get(mark) for mark in _UNUSABLE)]
    wrong = next((case for case in cases if not case or Path(case).name != case), None)
    if wrong is not None:
        raise TableError(
            "{path} has a case '{case}', which is no name of a file.",
            remedy="Mend the table.",
            path=path,
            case=wrong,
        )
    return cases


def read_case(folder: Path, case: str) -> NearCase:
    """Read one case.

    Raises
    ------
    VolumeReadError
        If an array is missing, no cube of three axes, or both differ in size.
    """
    shape = _array(folder / SHAPE / f"{case}.npy")
    geometry = _geometry(folder / GEOMETRY / f"{case}.json")
    grid = VolumeGeometry(_shape_of(shape.T), np.eye(4)) if geometry is None else geometry.cube
    labels = np.rint(shape.T)
    if labels.min() < 0 or labels.max() > np.iinfo(np.uint16).max or grid.shape != labels.shape:
        raise VolumeReadError(
            "{path} holds no labels that fit: values from {low} to {high} on {found} voxels.",
            remedy="Export the case again.",
            path=folder / SHAPE / f"{case}.npy",
            low=labels.min(),
            high=labels.max(),
            found=" x ".join(map(str, labels.shape)),
        )
    kind = np.uint8 if labels.max() < 256 else np.uint16
    label_map = Volume(np.asfortranarray(labels.astype(kind)), grid)
    path = folder / APPEARANCE / f"{case}.npy"
    if not path.is_file():
        return NearCase(label_map, None, geometry)
    appearance = _array(path)
    if appearance.shape != shape.shape:
        raise VolumeReadError(
            "Appearance and shape of {case} have different sizes.", remedy="Export the case again.", case=case
        )
    low, high = WINDOW_HU if geometry is None else geometry.window_hu
    image = np.rint(low + (high - low) * appearance.T.astype(np.float32)).astype(np.int16)
    return NearCase(label_map, Volume(np.asfortranarray(image), grid), geometry)


def write_case(folder: Path, case: str, image: Volume, labels: Volume, *, side: int = SIDE) -> list[Path]:
    """Write one case: the box of all classes and ten voxels more, resized to a cube.

    Parameters
    ----------
    folder : Path
    case : str
    image, labels : Volume
        On one grid.
    side : int
        Of the cube.

    Returns
    -------
    list of Path

    Raises
    ------
    GeometryError
        If nothing is drawn.
    """
    from skimage.transform import resize

    box = foreground_box(labels.voxels != 0)
    geometry = NearGeometry(labels.geometry, box, side)
    low, high = geometry.window_hu
    cube = (side, side, side)
    cut = np.clip(image.voxels[box].astype(np.float32), low, high)
    appearance = (resize(cut, cube, order=3, preserve_range=True) - low) / (high - low)
    shape = resize(labels.voxels[box], cube, order=0, preserve_range=True, anti_aliasing=False)
    files = [
        _write(folder / APPEARANCE / f"{case}.npy", np.clip(appearance, 0, 1).astype(np.float32)),
        _write(folder / SHAPE / f"{case}.npy", np.rint(shape).astype(np.int16)),
    ]
    path = folder / GEOMETRY / f"{case}.json"
    write_json_atomically(path, geometry.values())
    return [*files, path]


def write_table(folder: Path, cases: Sequence[str]) -> Path:
    """Write the table of cases, whose order is that of a field's latents."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["id"])
    writer.writerows([case] for case in cases)
    path = folder / TABLE
    write_text_atomically(path, buffer.getvalue())
    return path


def foreground_box(foreground: Mask) -> Box:
    """Return the box of everything that is drawn, ten voxels larger as far as the array goes."""
    return bounding_box(foreground, margin=MARGIN_VOXELS)


def _write(path: Path, array: npt.NDArray[Any]) -> Path:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array.T), allow_pickle=False)
    write_bytes_atomically(path, buffer.getvalue())
    return path


def _array(path: Path) -> npt.NDArray[Any]:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise VolumeReadError(
            "{path} is missing or holds no array.", remedy="Copy it again from its source.", path=path
        ) from error
    if array.ndim != 3 or array.dtype.kind not in "buif" or not array.size:
        raise VolumeReadError(
            "{path} holds no volume, but an array of {shape}.",
            remedy="Choose a folder of near_format_data.",
            path=path,
            shape=array.shape,
        )
    return np.asarray(array)


def _geometry(path: Path) -> NearGeometry | None:
    if not path.is_file():
        return None
    try:
        return NearGeometry.of_values(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VolumeReadError(
            "{path} does not say where the case lies.",
            remedy="Export the case again, or remove the file to read the case without its place.",
            path=path,
        ) from error


def _shape_of(array: npt.NDArray[Any]) -> Shape:
    i, j, k = array.shape
    return i, j, k
