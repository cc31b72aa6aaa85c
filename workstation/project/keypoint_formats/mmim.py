"""MATLAB files as the MMIM retina data set has them: one ``.mat`` for each item.

``Landmarks`` is a struct with ``LMfix`` and ``LMmov`` (N x 2, x y). ``T`` is the 3x3 transform from moving
to fixed for row vectors, ``[x y 1] * T``: its transpose, divided by the last element, is
``homography_fixed_from_moving``. ``I_fix`` and ``I_move`` are the images. ``T`` stands in the struct too,
and is fitted to the pairs: a homography from 4 pairs, affine from 3, else absent.

There are no names and no states: only used pairs are written, and they come back named 1, 2, ...
MATLAB counts pixels from 1; files whose landmarks do so are imported as one-based.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.contract.errors import GeometryError, PreconditionError, TableError
from engines.contract.geometry import FloatArray
from engines.contract.messages import Message
from engines.imaging.transforms.point_transform import TransformModel
from workstation.project.keypoint_formats.format import (
    NOTHING_KNOWN,
    ImageFacts,
    ItemPairs,
    KeypointFormat,
    PointPair,
    Reading,
    ReadItem,
    ReadOptions,
)
from workstation.project.keypoint_formats.text import read_bytes

_MODELS: tuple[TransformModel, ...] = ("homography", "affine")


class Mmim(KeypointFormat):
    """See the module."""

    key = "mmim"
    title = Message("MATLAB landmarks (.mat)")
    explanation = Message("Images, landmarks and transform of each item, as the MMIM data set has them.")
    loss = Message("Names, and pairs that are not used, are not kept.")
    suffixes = (".mat",)

    def recognise(self, path: Path, head: bytes) -> bool:
        """Go by the name: nothing else here is a MATLAB file."""
        return path.suffix.lower() == ".mat"

    def read(self, path: Path, options: ReadOptions = NOTHING_KNOWN) -> Reading:
        """Read one item."""
        landmarks = _landmarks(path)
        fixed, moving = (_points(path, landmarks, name) for name in ("LMfix", "LMmov"))
        if len(fixed) != len(moving):
            raise TableError(
                "{file}: LMfix has {num_fixed} points and LMmov has {num_moving}.",
                remedy="Both need the same number of rows, in the same order.",
                file=path.name,
                num_fixed=len(fixed),
                num_moving=len(moving),
            )
        pairs = tuple(
            PointPair(str(place), (float(f[0]), float(f[1])), (float(m[0]), float(m[1])))
            for place, (f, m) in enumerate(zip(fixed, moving, strict=True), start=1)
        )
        return Reading(items=(ReadItem(path.stem, pairs),))

    def render(self, items: Sequence[ItemPairs]) -> Mapping[str, bytes]:
        """Return one file for each item."""
        return {f"{item.item_id}.mat": _content(item) for item in items}


def _content(item: ItemPairs) -> bytes:
    from scipy.io import savemat

    fixed = np.array([pair.fixed_xy for pair in item.pairs], dtype=np.float64)
    moving = np.array([pair.moving_xy for pair in item.pairs], dtype=np.float64)
    landmarks: dict[str, Any] = {"LMfix": fixed, "LMmov": moving}
    content: dict[str, Any] = {"I_fix": _pixels(item.fixed), "I_move": _pixels(item.moving)}
    transform = _row_vector_transform(fixed, moving)
    if transform is not None:
        landmarks["T"] = content["T"] = transform
    content["Landmarks"] = landmarks
    buffer = io.BytesIO()
    stream: Any = buffer  # the stubs of SciPy know paths only
    present = {name: value for name, value in content.items() if value is not None}
    savemat(stream, present, do_compression=True)
    return buffer.getvalue()


def _pixels(image: ImageFacts) -> npt.NDArray[Any] | None:
    if image.path is None:
        return None
    if not image.path.is_file():
        raise PreconditionError(
            "{path} is no longer there, and a MATLAB file holds the images.",
            remedy="Put the file back, or choose another format.",
            path=image.path,
        )
    from engines.imaging.images import read_image

    return np.asarray(read_image(image.path))


def _row_vector_transform(fixed: FloatArray, moving: FloatArray) -> FloatArray | None:
    # OpenCV and SciPy take a second to load, and only a MATLAB file needs them.
    from engines.imaging.transforms.transform_fits import fit_transform

    for model in _MODELS:
        try:
            matrix = fit_transform(model, moving, fixed).matrix
        except GeometryError:
            continue  # too few or collinear points: the next model needs fewer
        return None if matrix is None else np.ascontiguousarray(matrix.T)
    return None


def _landmarks(path: Path) -> Any:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    stream: Any = io.BytesIO(read_bytes(path))
    try:
        content = loadmat(stream)
    except NotImplementedError as error:
        raise TableError(
            "{file} is a MATLAB file of version 7.3, which is not read.",
            remedy="Save it in MATLAB with: save('{file}', '-v7').",
            file=path.name,
        ) from error
    except (ValueError, TypeError, OSError, MatReadError, zlib.error, KeyError) as error:
        raise TableError("{file} is no MATLAB file: {reason}.", file=path.name, reason=str(error)) from error
    landmarks = content.get("Landmarks")
    if landmarks is None or landmarks.dtype.names is None or landmarks.size != 1:
        raise TableError(
            "{file} holds no struct 'Landmarks'.",
            remedy="It needs the fields LMfix and LMmov, N x 2 each.",
            file=path.name,
        )
    return landmarks.reshape(-1)[0]


def _points(path: Path, landmarks: Any, name: str) -> FloatArray:
    if name not in landmarks.dtype.names:
        raise TableError(
            "{file}: the struct 'Landmarks' has no field '{name}'.",
            remedy="It needs the fields LMfix and LMmov, N x 2 each.",
            file=path.name,
            name=name,
        )
    points = np.asarray(landmarks[name], dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise TableError(
            "{file}: '{name}' is no list of finite points, N x 2.",
            remedy="Write x in the first column and y in the second.",
            file=path.name,
            name=name,
        )
    return points
