"""Everything that lies over the slice of a pane, and what it is told about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from engines.imaging.volumes.slicing import PlaneGeometry, plane_geometry
from engines.imaging.volumes.volume import VolumeGeometry
from workstation.viewers.scale_bar import Scale, paint_scale_bar
from workstation.viewers.slice_marks import (
    INK,
    PLANE_COLOURS,
    paint_brush,
    paint_corner,
    paint_crosshair,
    paint_letters,
    paint_polygon,
)
from workstation.views.elements.theme import current_theme, palette
from workstation.views.protocols.volume import Plane, Position

_ALIGN = Qt.AlignmentFlag
_CURSOR_ROOM_PX = 5


@dataclass(frozen=True, slots=True)
class SliceWords:
    """What is written in the corners of a pane: what it shows, which slice, and which window."""

    caption: str
    place: str
    window: str


@dataclass
class SliceOverlay:
    """Marks of one pane, in voxel positions.

    Parameters
    ----------
    plane : Plane
    has_crosshair : bool
    crosshair : Position
    brush : (radius_mm, is_ball) or None
    brush_at : Position or None
        Where the mouse is, in this pane or another.
    polygon : sequence of Position
    mouse_at : QPointF or None
        On the screen, while a polygon is drawn.
    """

    plane: Plane
    has_crosshair: bool = True
    crosshair: Position = (0.0, 0.0, 0.0)
    brush: tuple[float, bool] | None = None
    brush_at: Position | None = None
    polygon: Sequence[Position] = ()
    mouse_at: QPointF | None = None
    _line_colours: dict[int, QColor] = field(default_factory=dict)

    def set_grid(self, grid: VolumeGeometry | None) -> None:
        """Forget what lies in another grid."""
        self.polygon, self.brush_at, self.mouse_at = (), None, None
        self._line_colours = {}
        for plane, colour in PLANE_COLOURS.items() if grid is not None else ():
            self._line_colours[plane_geometry(grid, plane.value).axis] = QColor(colour)

    def paint(
        self,
        painter: QPainter,
        area: QRectF,
        lies: PlaneGeometry,
        slice_index: int,
        zoom: float,
        screen_of: Callable[[Position], QPointF],
        words: SliceWords,
    ) -> None:
        """Draw all marks.

        Parameters
        ----------
        zoom : float
            Screen px per mm.
        screen_of : callable
            Gives the place on the screen of a position.
        """
        if self.has_crosshair:
            upright, level = (self._line_colours[axis] for axis in (lies.column_axis, lies.row_axis))
            paint_crosshair(painter, area, screen_of(self.crosshair), upright=upright, level=level)
        corners = [screen_of(at) for at in self.polygon if lies.slice_index(at) == slice_index]
        paint_polygon(painter, corners, self.mouse_at, QColor(palette(current_theme())["accent"]))
        brush = self.brush_circle(lies, slice_index, zoom, screen_of)
        if brush is not None:
            paint_brush(painter, *brush)
        paint_letters(painter, area, lies.letters)
        ink = QColor(PLANE_COLOURS[self.plane])
        paint_corner(painter, area, _ALIGN.AlignLeft | _ALIGN.AlignTop, words.caption, ink)
        paint_corner(painter, area, _ALIGN.AlignRight | _ALIGN.AlignBottom, words.place, INK)
        paint_corner(painter, area, _ALIGN.AlignRight | _ALIGN.AlignTop, words.window, INK)
        # A pixel of the scale is a millimetre here.
        paint_scale_bar(painter, area, Scale(1.0), zoom)

    def brush_circle(
        self,
        lies: PlaneGeometry,
        slice_index: int,
        zoom: float,
        screen_of: Callable[[Position], QPointF],
    ) -> tuple[QPointF, float] | None:
        """Return where the brush cuts the slice on the screen, and the radius there in screen px."""
        if self.brush_at is None or self.brush is None:
            return None
        radius_mm, is_ball = self.brush
        apart_mm = abs(self.brush_at[lies.axis] - slice_index) * lies.slice_mm
        if apart_mm > 0.5 * lies.slice_mm:
            if not is_ball or apart_mm >= radius_mm:
                return None
            radius_mm = (radius_mm**2 - apart_mm**2) ** 0.5
        return screen_of(self.brush_at), radius_mm * zoom


def room_of(circle: tuple[QPointF, float]) -> QRectF:
    """Return the area that a brush takes on the screen."""
    at, radius = circle[0], circle[1] + _CURSOR_ROOM_PX
    return QRectF(at.x() - radius, at.y() - radius, 2 * radius, 2 * radius)
