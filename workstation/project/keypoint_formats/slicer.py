"""What both files of 3D Slicer share: millimetres in a patient frame, here one for each pixel, and z = 0.

A 2-D image lies in LPS with a spacing of 1, so that LPS x and y are pixels; RAS is the same with x and y
negated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from engines.contract.errors import TableError
from workstation.project.annotations import Point

_FLAT_MM = 1e-3
_SYSTEMS = {"LPS": 1.0, "1": 1.0, "RAS": -1.0, "0": -1.0}


def sign_of(path: Path, system: str) -> float:
    """Return what x and y are multiplied by to become LPS.

    Raises
    ------
    TableError
        If the coordinate system is neither LPS nor RAS.
    """
    sign = _SYSTEMS.get(system.strip().upper())
    if sign is None:
        raise TableError(
            "{file} is in the coordinate system '{system}'.",
            remedy="Save the markups from 3D Slicer in LPS or RAS.",
            file=path.name,
            system=system,
        )
    return sign


def flat_point(path: Path, line: int, position: Sequence[float], sign: float) -> Point:
    """Return a position as a point of an image.

    Raises
    ------
    TableError
        If it does not lie in the plane z = 0.
    """
    x, y, z = position
    if math.fabs(z) > _FLAT_MM:
        raise TableError(
            "{file}, line {line}: the point lies at z = {z:g}, outside a 2-D image."
            if line
            else "{file}: a point lies at z = {z:g}, outside a 2-D image.",
            remedy="Place the points on the slice of a 2-D image, where z is 0.",
            file=path.name,
            line=line,
            z=z,
        )
    # Adding 0 turns -0 into 0.
    return sign * x + 0.0, sign * y + 0.0
