"""Volumes turned so that slices run across the last axis, rows of the patient alike, and back.

Training and inference see ``[R, A, S]``: the first axis grows to the patient's right, the second to the
front, the third to the head, whatever the file's order. Only axes are swapped and flipped; nothing is
resampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.imaging.volumes.label_metrics import Spacing
from engines.imaging.volumes.volume import VolumeGeometry

_TARGET = ("RL", "AP", "SI")


@dataclass(frozen=True)
class AxisTurn:
    """How a file's axes lie in the turned array.

    Parameters
    ----------
    order : (int, int, int)
        Axis of the file for each axis of the turned array.
    is_flipped : (bool, bool, bool)
        Which turned axes run backwards.
    """

    order: tuple[int, int, int]
    is_flipped: tuple[bool, bool, bool]

    def turned(self, voxels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a view in turned order."""
        view = np.transpose(voxels, self.order)
        return view[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.is_flipped)]

    def restored(self, voxels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a turned array in the order of the file."""
        view = voxels[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.is_flipped)]
        return np.ascontiguousarray(np.transpose(view, np.argsort(self.order)))

    def spacing(self, geometry: VolumeGeometry) -> Spacing:
        """Return the spacing of the turned axes, in mm."""
        i, j, k = (geometry.spacing_mm[axis] for axis in self.order)
        return i, j, k


def axis_turn(geometry: VolumeGeometry) -> AxisTurn:
    """Return how the axes of a grid are turned."""
    codes = geometry.axis_codes
    order, flips = [], []
    for wanted in _TARGET:
        axis = next(number for number, code in enumerate(codes) if code in wanted)
        order.append(axis)
        flips.append(codes[axis] != wanted[0])
    return AxisTurn((order[0], order[1], order[2]), (flips[0], flips[1], flips[2]))
