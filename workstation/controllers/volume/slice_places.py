"""Which slice of what is shown, and how: plain records, and places on a slice with square pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.imaging.volumes.slicing import PlaneGeometry, plane_geometry
from engines.imaging.volumes.volume import VolumeGeometry
from workstation.controllers.compare.volume_compare_sources import VolumeSource
from workstation.views.protocols.overlay_modes import Mode
from workstation.views.protocols.volume import Plane, Position

Window = tuple[float, float]


MIDDLE: Position = (float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class Adjustment:
    """How far a person turned window and level away from the default of an image.

    Parameters
    ----------
    shift : float
        Of the centre, in widths of the default window.
    factor : float
        Of the width.
    preset : (low, high) or None
        The window in HU that is turned instead of the image's own; for images in HU.
    """

    shift: float = 0.0
    factor: float = 1.0
    preset: Window | None = None

    def applied(self, window: Window) -> Window:
        """Return the window that is shown."""
        low, high = window
        width = high - low
        centre = (low + high) / 2 + self.shift * width
        return centre - self.factor * width / 2, centre + self.factor * width / 2


@dataclass(frozen=True)
class SliceWish:
    """What to show.

    Parameters
    ----------
    keys : tuple of str
        Sources of the panes.
    reference : str
    mode : Mode
    plane : Plane
    position : Position
        In voxels of the reference's grid; NaN for the middle.
    label : int
        Class; 0 for all.
    adjustments : tuple of Adjustment
        One a pane.
    is_resampling : bool
        Whether label maps on other grids are shown by nearest neighbours.
    base : str
        Role of the image under label maps; empty for the first.
    has_masks : bool
        Whether label maps lie over their images.
    slab_mm : float
        Thickness of the slab whose largest values images show; 0 for slices.
    """

    keys: tuple[str, ...]
    reference: str
    mode: Mode
    plane: Plane
    position: Position
    label: int
    adjustments: tuple[Adjustment, ...]
    is_resampling: bool = False
    base: str = ""
    has_masks: bool = True
    slab_mm: float = 0.0


@dataclass(frozen=True, eq=False)
class SliceView:
    """A slice of the grid that is shown."""

    frame: VolumeGeometry
    plane: PlaneGeometry
    number: int
    label: int
    is_resampling: bool
    base: str = ""
    keys: tuple[str, ...] = ()
    has_masks: bool = True
    slab_mm: float = 0.0

    def image(self, source: VolumeSource) -> str:
        """Return the role of the image under a source."""
        return self.base if self.base and source.is_mask else source.image


class SlicePlace:
    """The crosshair that all panes share, and the plane they show through it.

    Attributes
    ----------
    plane : Plane
    frame : VolumeGeometry or None
        The grid that is shown, once it is known.
    position : Position
        In voxels of the grid; NaN for the middle of one that is not known yet.
    """

    def __init__(self) -> None:
        self.plane = Plane.AXIAL
        self.frame: VolumeGeometry | None = None
        self.position = MIDDLE

    @property
    def number(self) -> int:
        """Number of the slice."""
        if self.frame is None:
            return 0
        return plane_geometry(self.frame, self.plane).slice_index(held(self.position, self.frame))

    def stepped(self, count: int) -> Position:
        """Return the crosshair some slices towards the end of the array axis."""
        if self.frame is None:
            return self.position
        geometry = plane_geometry(self.frame, self.plane)
        position = list(held(self.position, self.frame))
        number = min(max(round(position[geometry.axis]) + count, 0), geometry.num_slices - 1)
        position[geometry.axis] = float(number)
        return position[0], position[1], position[2]

    def at(self, x: float, y: float) -> Position:
        """Return the position under a place of the slice, in square pixels; it may lie outside."""
        if self.frame is None:
            return self.position
        geometry = plane_geometry(self.frame, self.plane)
        return geometry.position_of(from_square(geometry, (x, y)), self.number)

    def of_world(self, world_mm: Sequence[float]) -> Position:
        """Return the position within the grid that is nearest to a place in the world."""
        if self.frame is None:
            return self.position
        i, j, k = (float(value) for value in self.frame.voxel_of([tuple(world_mm)])[0])
        return held((i, j, k), self.frame)

    def text(self, x: float, y: float) -> str:
        """Return voxel and world position under a place of the slice, for the status line."""
        if self.frame is None:
            return ""
        at = self.at(x, y)
        i, j, k = (round(value) for value in at)
        r, a, s = self.frame.world_of([at])[0]
        return f"i {i}  j {j}  k {k}   R {r:.1f}  A {a:.1f}  S {s:.1f} mm"


def held(position: Position, frame: VolumeGeometry) -> Position:
    """Return a position within a grid; its middle for what is not known yet."""
    i, j, k = (
        (count - 1) / 2 if np.isnan(value) else min(max(value, 0.0), count - 1.0)
        for value, count in zip(position, frame.shape, strict=True)
    )
    return i, j, k


def square_size(plane: PlaneGeometry) -> tuple[tuple[int, int], float]:
    """Return width and height of a slice in square pixels, and the side of one in mm."""
    unit = min(plane.pixel_mm)
    width, height = (max(1, round(length / unit)) for length in plane.size_mm)
    return (width, height), unit


def to_square(plane: PlaneGeometry, xy: Sequence[float]) -> tuple[float, float]:
    """Return the position in square pixels of a position in pixels of the slice."""
    (width, height), _ = square_size(plane)
    rows, columns = plane.shape
    return (xy[0] + 0.5) * width / columns - 0.5, (xy[1] + 0.5) * height / rows - 0.5


def from_square(plane: PlaneGeometry, xy: Sequence[float]) -> tuple[float, float]:
    """Return the position in pixels of the slice of a position in square pixels."""
    (width, height), _ = square_size(plane)
    rows, columns = plane.shape
    return (xy[0] + 0.5) * columns / width - 0.5, (xy[1] + 0.5) * rows / height - 0.5
