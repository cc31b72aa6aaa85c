"""A probability that is 0 outside a box: ``outputs/probability/<item id>.npz``.

A vessel fills a thousandth of its volume; the box alone is read fast enough to move a threshold by hand.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.contract.errors import GeometryError, InputError
from engines.contract.files import write_bytes_atomically

ROLE = "probability"
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class SparseProbability:
    """Probability of one class, on the grid of the item's label maps.

    Parameters
    ----------
    shape : (i, j, k)
        Of the whole grid.
    box : three slices
        Where `values` lie in it; the probability is 0 elsewhere.
    values : ndarray of float16, (i, j, k) of the box
        0 to 1.
    label : int
        The class.

    Raises
    ------
    GeometryError
        If the box does not lie in the grid or has another shape than the values.
    """

    shape: tuple[int, int, int]
    box: Box
    values: npt.NDArray[np.float16]
    label: int = 1

    def __post_init__(self) -> None:
        sides = tuple(side.stop - side.start for side in self.box)
        is_inside = all(
            0 <= side.start <= side.stop <= size for side, size in zip(self.box, self.shape, strict=True)
        )
        if not is_inside or sides != self.values.shape:
            raise GeometryError(
                "A probability of {sides} voxels does not fit into a box of {box} in a grid of {shape}.",
                remedy="Run the pipeline again.",
                sides=self.values.shape,
                box=sides,
                shape=self.shape,
            )

    @classmethod
    def of(
        cls, probability: npt.NDArray[Any], *, label: int = 1, smallest: float = 0.02
    ) -> SparseProbability:
        """Keep the smallest box that holds every value from `smallest` on.

        Parameters
        ----------
        probability : ndarray of floating point numbers, (I, J, K)
            0 to 1; what is not a number counts as 0.
        label : int
        smallest : float
        """
        values = np.nan_to_num(probability, nan=0.0).astype(np.float16)
        is_kept = values >= smallest
        i, j, k = values.shape
        if not is_kept.any():
            return cls((i, j, k), (slice(0, 0),) * 3, np.zeros((0, 0, 0), np.float16), label)
        sides = []
        for axis in range(3):
            at = np.flatnonzero(is_kept.any(axis=tuple(other for other in range(3) if other != axis)))
            sides.append(slice(int(at[0]), int(at[-1]) + 1))
        box = (sides[0], sides[1], sides[2])
        return cls((i, j, k), box, np.ascontiguousarray(values[box]), label)

    def full(self) -> npt.NDArray[np.float16]:
        """Return the probability on the whole grid."""
        full = np.zeros(self.shape, np.float16)
        full[self.box] = self.values
        return full

    def write(self, path: Path) -> None:
        """Write as NPZ, atomically."""
        buffer = io.BytesIO()
        bounds = [[side.start, side.stop] for side in self.box]
        np.savez_compressed(
            buffer,
            shape=np.array(self.shape, np.int64),
            box=np.array(bounds, np.int64),
            values=self.values,
            label=np.array(self.label, np.int64),
        )
        write_bytes_atomically(path, buffer.getvalue())

    @classmethod
    def read(cls, path: Path) -> SparseProbability:
        """Read a probability.

        Raises
        ------
        InputError
            If the file is missing or holds something else.
        """
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
                i, j, k = (int(size) for size in archive["shape"])
                first, second, third = (slice(int(start), int(stop)) for start, stop in archive["box"])
                values = np.asarray(archive["values"], np.float16)
                return cls((i, j, k), (first, second, third), values, int(archive["label"]))
        except (
            OSError,
            EOFError,
            LookupError,
            TypeError,
            ValueError,
            zipfile.BadZipFile,
            GeometryError,
        ) as error:
            raise InputError(
                "The probability {path} cannot be read.", remedy="Run the pipeline again.", path=path
            ) from error
