"""Where the surface pane looks from, and what lies under a place of the screen.

Orthographic; world positions are RAS mm. The camera turns about the body's long axis and leans forwards
and backwards, so that the head stays up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import FloatArray

Size = tuple[int, int]
DEGREES_PER_PX = 0.5
STEEPEST = 89.0
ZOOM_LIMITS = (0.02, 400.0)
MARGIN = 0.9
_LETTERS = ("LR", "PA", "IS")


@dataclass(frozen=True, slots=True)
class SurfaceCamera:
    """A view of the world.

    Parameters
    ----------
    centre_mm : (x, y, z)
        In the middle of the pane.
    zoom : float
        Screen px per mm.
    turn, lean : float
        Degrees: from the front towards the patient's left, and from level upwards.
    """

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    zoom: float = 1.0
    turn: float = 25.0
    lean: float = 12.0

    @property
    def view_direction(self) -> FloatArray:
        """Where it looks."""
        turn, lean = math.radians(self.turn), math.radians(self.lean)
        level = math.cos(lean)
        return np.array([math.sin(turn) * level, -math.cos(turn) * level, -math.sin(lean)])

    @property
    def up_direction(self) -> FloatArray:
        """What is up on the screen."""
        turn, lean = math.radians(self.turn), math.radians(self.lean)
        return np.array([math.sin(turn) * math.sin(lean), -math.cos(turn) * math.sin(lean), math.cos(lean)])

    @property
    def right_direction(self) -> FloatArray:
        """What is right on the screen."""
        return np.cross(self.view_direction, self.up_direction)

    @property
    def letters(self) -> tuple[str, str, str, str]:
        """Anatomical directions nearest to left, right, top and bottom of the pane."""
        right, up = self.right_direction, self.up_direction
        return _letter(-right), _letter(right), _letter(up), _letter(-up)

    def turned(self, dx: float, dy: float) -> SurfaceCamera:
        """Return it turned as if the mouse held the surface."""
        lean = min(max(self.lean + dy * DEGREES_PER_PX, -STEEPEST), STEEPEST)
        return replace(self, turn=(self.turn - dx * DEGREES_PER_PX) % 360.0, lean=lean)

    def panned(self, dx: float, dy: float) -> SurfaceCamera:
        """Return it moved with the mouse."""
        centre = np.array(self.centre_mm)
        centre = centre + (self.up_direction * dy - self.right_direction * dx) / self.zoom
        return replace(self, centre_mm=(float(centre[0]), float(centre[1]), float(centre[2])))

    def zoomed(self, factor: float) -> SurfaceCamera:
        """Return it nearer or farther."""
        return replace(self, zoom=min(max(self.zoom * factor, ZOOM_LIMITS[0]), ZOOM_LIMITS[1]))

    def fitted(self, low_mm: FloatArray, high_mm: FloatArray, size: Size) -> SurfaceCamera:
        """Return it with a box in the middle that stays on the screen while it is turned."""
        centre = (low_mm + high_mm) / 2
        across, depth, along = np.maximum(high_mm - low_mm, 1.0)
        around, lean = math.hypot(across, depth), math.radians(self.lean)
        tall = along * math.cos(lean) + around * abs(math.sin(lean))
        zoom = MARGIN * min(max(size[0], 1) / around, max(size[1], 1) / tall)
        return replace(
            self,
            centre_mm=(float(centre[0]), float(centre[1]), float(centre[2])),
            zoom=min(max(zoom, ZOOM_LIMITS[0]), ZOOM_LIMITS[1]),
        )

    def screen_of(self, world_mm: npt.ArrayLike, size: Size) -> FloatArray:
        """Return places of the screen, (N, 2) in px, of world positions, (N, 3)."""
        apart = (np.atleast_2d(np.asarray(world_mm, np.float64)) - self.centre_mm) * self.zoom
        x = size[0] / 2 + apart @ self.right_direction
        y = size[1] / 2 - apart @ self.up_direction
        return np.stack([x, y], axis=1)

    def hit(
        self,
        vertices_mm: npt.NDArray[np.float32],
        faces: npt.NDArray[np.int32],
        at: Sequence[float],
        size: Size,
    ) -> tuple[float, FloatArray] | None:
        """Return depth in mm, and world position (3,), of a mesh under a place of the screen; or None."""
        if len(faces) == 0:
            return None
        flat = self.screen_of(vertices_mm, size) - np.asarray(at, np.float64)
        corners = flat[faces]
        is_near = ((corners.min(axis=1) <= 0) & (corners.max(axis=1) >= 0)).all(axis=1)
        candidates = np.flatnonzero(is_near)
        if candidates.size == 0:
            return None
        a, b, c = (corners[candidates, corner] for corner in range(3))
        # Barycentric weights of the place within each triangle on the screen.
        area = _cross(b - a, c - a)
        is_flat = np.abs(area) < 1e-12
        area = np.where(is_flat, 1.0, area)
        weights = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)], axis=1) / area[:, None]
        is_hit = (weights >= -1e-9).all(axis=1) & ~is_flat
        if not is_hit.any():
            return None
        triangles = vertices_mm[faces[candidates[is_hit]]].astype(np.float64)
        points = (weights[is_hit][:, :, None] * triangles).sum(axis=1)
        depths = points @ self.view_direction
        first = int(np.argmin(depths))
        return float(depths[first]), points[first]


def _letter(direction: FloatArray) -> str:
    axis = int(np.argmax(np.abs(direction)))
    return _LETTERS[axis][int(direction[axis] > 0)]


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
