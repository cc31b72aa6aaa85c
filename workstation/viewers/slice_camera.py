"""Where a pane of a slice looks; millimetres are square on the screen, whatever the voxels are."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QSizeF
from PySide6.QtGui import QTransform

from engines.imaging.volumes.slicing import PlaneGeometry

Point = tuple[float, float]
MARGIN = 0.94
"""Share of the pane that a whole slice fills."""
ZOOM_LIMITS = (0.02, 400.0)


@dataclass(frozen=True, slots=True)
class SliceCamera:
    """Pan and zoom of a pane.

    Parameters
    ----------
    centre_xy : (x, y)
        Pixel position of the picture in the middle of the pane.
    zoom : float
        Screen px per mm.
    """

    centre_xy: Point = (0.0, 0.0)
    zoom: float = 1.0

    def transform(self, lies: PlaneGeometry, size: QSizeF) -> QTransform:
        """Return what maps pixels of the picture to the screen."""
        x, y = self.zoom * lies.pixel_mm[0], self.zoom * lies.pixel_mm[1]
        dx = size.width() / 2 - self.centre_xy[0] * x
        dy = size.height() / 2 - self.centre_xy[1] * y
        return QTransform(x, 0.0, 0.0, y, dx, dy)

    def panned(self, lies: PlaneGeometry, by: QPointF) -> SliceCamera:
        """Return it moved with the mouse."""
        x = self.centre_xy[0] - by.x() / (self.zoom * lies.pixel_mm[0])
        y = self.centre_xy[1] - by.y() / (self.zoom * lies.pixel_mm[1])
        return SliceCamera((x, y), self.zoom)

    def zoomed(self, lies: PlaneGeometry, size: QSizeF, factor: float, at: QPointF) -> SliceCamera:
        """Return it nearer or farther; what lies under a position of the screen stays there."""
        zoom = held_zoom(self.zoom * factor)
        factor = zoom / self.zoom
        dx, dy = at.x() - size.width() / 2, at.y() - size.height() / 2
        share = (1.0 - 1.0 / factor) / self.zoom
        x = self.centre_xy[0] + dx * share / lies.pixel_mm[0]
        y = self.centre_xy[1] + dy * share / lies.pixel_mm[1]
        return SliceCamera((x, y), zoom)


def whole(lies: PlaneGeometry, size: QSizeF) -> SliceCamera:
    """Return the camera that shows a whole slice."""
    width, height = lies.size_mm
    zoom = MARGIN * min(max(size.width(), 1.0) / width, max(size.height(), 1.0) / height)
    rows, columns = lies.shape
    return SliceCamera(((columns - 1) / 2, (rows - 1) / 2), held_zoom(zoom))


def held_zoom(zoom: float) -> float:
    """Return a zoom within what can be shown."""
    return min(max(zoom, ZOOM_LIMITS[0]), ZOOM_LIMITS[1])
