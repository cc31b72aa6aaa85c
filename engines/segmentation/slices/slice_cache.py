"""Slices of cases in one HDF5 file a case, so that training reads single slices and never whole volumes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from engines.segmentation.data import BrainCase, Frame, frame_of

_VERSION = 1


@dataclass(frozen=True)
class CachedCase:
    """What is known of a cached case without reading its slices.

    Parameters
    ----------
    id, subject : str
    grade : int
    path : Path
    label_values : tuple of int
        Labels that occur.
    tumour_px : tuple of int
        Tumour pixels of each cached slice.
    numbers : tuple of int
        Number of each cached slice in the volume.
    num_slices : int
        Of the volume.
    spacing_mm : (slice, row, column)
    missing : tuple of str
    """

    id: str
    subject: str
    grade: int
    path: Path
    label_values: tuple[int, ...]
    tumour_px: tuple[int, ...]
    numbers: tuple[int, ...]
    num_slices: int
    spacing_mm: tuple[float, float, float]
    missing: tuple[str, ...]

    def read(self, places: npt.ArrayLike) -> tuple[npt.NDArray[np.float32], npt.NDArray[Any]]:
        """Return images (N, M, H, W) and labels (N, H, W) of cached slices, by their place in the cache."""
        wanted = np.atleast_1d(np.asarray(places, dtype=np.intp))
        order = np.argsort(wanted, kind="stable")
        unique, inverse = np.unique(wanted[order], return_inverse=True)
        with h5py.File(self.path, "r") as file:
            image, labels = file["image"][unique.tolist()], file["labels"][unique.tolist()]
        back = np.empty_like(order)
        back[order] = inverse
        return image[back].astype(np.float32), labels[back]

    @property
    def tumour_places(self) -> npt.NDArray[np.intp]:
        """Places of slices with tumour."""
        return np.flatnonzero(np.array(self.tumour_px) > 0)

    @property
    def empty_places(self) -> npt.NDArray[np.intp]:
        """Places of slices without tumour."""
        return np.flatnonzero(np.array(self.tumour_px) == 0)


def write_case(folder: Path, case: BrainCase, size: int) -> CachedCase:
    """Write the slices with brain of a case as float16, and return what is known of it.

    Raises
    ------
    InputError
        If its brain does not fit into slices of this size.
    """
    assert case.labels is not None
    frame: Frame = frame_of(case, size)
    numbers = case.slices
    labels = frame.put(case.labels[numbers])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{case.id}.h5"
    with h5py.File(path, "w") as file:
        for name, values in (
            ("image", frame.put(case.image[numbers]).astype(np.float16)),
            ("labels", labels),
        ):
            file.create_dataset(name, data=values, chunks=(1, *values.shape[1:]))
    axis = case.geometry.axial_axis
    spacing = list(case.geometry.spacing_mm)
    between = spacing.pop(axis)
    return CachedCase(
        case.id,
        case.subject,
        case.grade,
        path,
        tuple(int(value) for value in np.unique(case.labels) if value),
        tuple(int(count) for count in (labels > 0).sum(axis=(1, 2))),
        tuple(int(number) for number in numbers),
        len(case.brain),
        (between, spacing[0], spacing[1]),
        case.missing,
    )


def write_index(path: Path, cases: dict[str, list[CachedCase]], key: str) -> None:
    """Write what is known of cases by split, and a key that names what they were made from."""
    rows = {
        split: [{**asdict(case), "path": case.path.name} for case in found] for split, found in cases.items()
    }
    path.write_text(json.dumps({"version": _VERSION, "key": key, "cases": rows}), encoding="utf-8")


def read_index(path: Path, key: str) -> dict[str, list[CachedCase]] | None:
    """Return what `write_index` wrote when it is of this key and every file is there, else None."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if content.get("version") != _VERSION or content.get("key") != key:
        return None
    found = _cases_of(content, path.parent)
    return found if all(case.path.is_file() for cases in found.values() for case in cases) else None


def read_cases(path: Path) -> dict[str, list[CachedCase]]:
    """Return the cases of an index by split, whatever they were made from."""
    return _cases_of(json.loads(path.read_text(encoding="utf-8")), path.parent)


def _cases_of(content: dict[str, Any], folder: Path) -> dict[str, list[CachedCase]]:
    found: dict[str, list[CachedCase]] = {}
    for split, rows in content["cases"].items():
        found[split] = []
        for row in rows:
            plain: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value for name, value in row.items()
            }
            found[split].append(CachedCase(**{**plain, "path": folder / row["path"]}))
    return found
