"""Two pictures of one frame painted over each other: curtain, checkerboard, flicker, or one of them alone.

Each picture is scaled to the pane once for a view; a frame of a mode is then two or a few hundred copies
of screen pixels under a clip. No array is touched while the handle moves or the pictures alternate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPen

from engines.imaging.screen_picture import Picture
from workstation.views.protocols.overlay_modes import Mode, ModeSettings

Point = tuple[float, float]
Window = tuple[float, float]
"""Grey values, 0 to 255, that are shown black and white."""

HANDLE_PX = 7
"""How near to the curtain's edge the mouse takes hold of it."""
SMALLEST_TILE_PX = 12.0
LABEL_PX = 12
_FEWEST_LETTERS = 4
_COMPOSED = (Mode.BLEND, Mode.DIFFERENCE, Mode.DISTANCE)
_GRIP_PX = 26
_HALO = QColor(0, 0, 0, 170)
_EDGE = QColor("#ffffff")


@dataclass(frozen=True, slots=True)
class Camera:
    """Where a pane looks: the image position in its middle, and screen pixels per image pixel."""

    centre_xy: Point = (0.0, 0.0)
    zoom: float = 1.0

    def to_screen(self, xy: Point, size: QSize) -> QPointF:
        """Return the screen position of an image position."""
        return QPointF(
            size.width() / 2 + (xy[0] - self.centre_xy[0]) * self.zoom,
            size.height() / 2 + (xy[1] - self.centre_xy[1]) * self.zoom,
        )

    def to_image(self, at: QPointF, size: QSize) -> Point:
        """Return the image position under a screen position."""
        return (
            self.centre_xy[0] + (at.x() - size.width() / 2) / self.zoom,
            self.centre_xy[1] + (at.y() - size.height() / 2) / self.zoom,
        )


class ScaledPicture:
    """A picture, and how it looks in the view that was painted last."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        # The images borrow the arrays, which `picture` keeps alive.
        self._levels = [
            QImage(level.data, level.shape[1], level.shape[0], 4 * level.shape[1], QImage.Format.Format_RGB32)
            for level in picture.levels
        ]
        self._key: object = None
        self._scaled = QImage()

    def scaled(
        self, camera: Camera, size: QSize, ratio: float, ground: QColor, window: Window | None
    ) -> QImage:
        """Return the view in screen pixels; made again only when something changed."""
        key = (camera, size.width(), size.height(), ratio, ground.rgb(), window)
        if key != self._key:
            self._key = key
            self._scaled = self._scale(camera, size, ratio, ground, window)
        return self._scaled

    def _scale(
        self, camera: Camera, size: QSize, ratio: float, ground: QColor, window: Window | None
    ) -> QImage:
        image = QImage(size * ratio, QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(ratio)
        image.fill(ground)
        level, factor = self._level_for(camera.zoom * ratio)
        source = self._seen(camera, size, level, factor)
        if not source.isEmpty():
            # Pixel centres are whole numbers: the first pixel begins at -0.5.
            top_left, bottom_right = (
                camera.to_screen((corner.x() / factor - 0.5, corner.y() / factor - 0.5), size)
                for corner in (source.topLeft(), source.bottomRight())
            )
            painter = QPainter(image)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(QRectF(top_left, bottom_right), level, source)
            painter.end()
        if window is not None:
            _apply_window(image, window)
        return image

    def _level_for(self, zoom: float) -> tuple[QImage, float]:
        """Return the smallest level that is fine enough, and its pixels per pixel of the frame."""
        width = self.picture.size[0]
        for level in reversed(self._levels):
            if level.width() / width >= zoom:
                return level, level.width() / width
        return self._levels[0], self._levels[0].width() / width

    @staticmethod
    def _seen(camera: Camera, size: QSize, level: QImage, factor: float) -> QRectF:
        """Return the part of a level that the pane shows, in whole pixels of the level."""
        low = camera.to_image(QPointF(0, 0), size)
        high = camera.to_image(QPointF(size.width(), size.height()), size)
        left, top = (np.floor((value + 0.5) * factor) - 1 for value in low)
        right, bottom = (np.ceil((value + 0.5) * factor) + 1 for value in high)
        seen = QRectF(left, top, right - left, bottom - top)
        return seen.intersected(QRectF(0, 0, level.width(), level.height()))


class ModePainter:
    """Paints a base and what lies over it.

    Attributes
    ----------
    mode : Mode
    settings : ModeSettings
    is_second_shown : bool
        Which of the two a flicker shows now.
    names : (str, str)
        What lies on either side of a curtain.
    window : (float, float) or None
    """

    def __init__(self) -> None:
        self.mode = Mode.TILES
        self.settings = ModeSettings()
        self.is_second_shown = True
        self.names = ("", "")
        self.window: Window | None = None
        self.ground = QColor("#000000")
        self._base: ScaledPicture | None = None
        self._over: ScaledPicture | None = None

    def set_base(self, picture: Picture | None) -> None:
        """Take the picture below; None leaves what is there already."""
        self._base = _kept(self._base, picture)

    def set_over(self, picture: Picture | None) -> None:
        """Take the picture above, or none."""
        self._over = _kept(self._over, picture)

    @property
    def is_over_shown(self) -> bool:
        """Whether there is a picture above in this mode."""
        return self._over is not None and self.mode is not Mode.TILES

    def paint(self, painter: QPainter, size: QSize, ratio: float, camera: Camera) -> None:
        """Paint one frame."""
        mode = self.mode
        is_hidden = mode is Mode.FLICKER and not self.is_second_shown
        covers = self._over is not None and mode in (Mode.WARPED, *_COMPOSED)
        covers = covers or (self._over is not None and mode is Mode.FLICKER and not is_hidden)
        if self._base is not None and not covers:
            # A composed picture has its own contrast; the window belongs to the images themselves.
            painter.drawImage(0, 0, self._base.scaled(camera, size, ratio, self.ground, self.window))
        if self._over is None or is_hidden or mode in (Mode.TILES, Mode.VECTORS):
            return
        window = self.window if mode not in _COMPOSED else None
        over = self._over.scaled(camera, size, ratio, self.ground, window)
        if mode is Mode.CURTAIN:
            part = self._behind_curtain(size)
            painter.drawImage(QRectF(part), over, _device(part, ratio))
            self._paint_edge(painter, size)
        elif mode is Mode.CHECKERBOARD:
            for part in self._tiles(size, camera):
                painter.drawImage(QRectF(part), over, _device(part, ratio))
        else:
            painter.drawImage(0, 0, over)

    # -- curtain -------------------------------------------------------------------------------------

    def hits_edge(self, at: QPointF, size: QSize) -> bool:
        """Tell whether a place takes hold of the curtain."""
        if self.mode is not Mode.CURTAIN or not self.is_over_shown:
            return False
        along = at.x() if self.settings.is_vertical else at.y()
        return abs(along - self._edge(size)) <= HANDLE_PX

    def move_edge(self, at: QPointF, size: QSize) -> None:
        """Hang the curtain at a place."""
        length = size.width() if self.settings.is_vertical else size.height()
        along = at.x() if self.settings.is_vertical else at.y()
        self.settings = replace(self.settings, share=min(max(along / max(1, length), 0.0), 1.0))

    def _edge(self, size: QSize) -> int:
        return round(self.settings.share * (size.width() if self.settings.is_vertical else size.height()))

    def _behind_curtain(self, size: QSize) -> QRect:
        edge = self._edge(size)
        if self.settings.is_vertical:
            return QRect(edge, 0, size.width() - edge, size.height())
        return QRect(0, edge, size.width(), size.height() - edge)

    def _paint_edge(self, painter: QPainter, size: QSize) -> None:
        edge = self._edge(size) + 0.5
        middle = (
            QPointF(edge, size.height() / 2) if self.settings.is_vertical else QPointF(size.width() / 2, edge)
        )
        ends = (
            (QPointF(edge, 0), QPointF(edge, size.height()))
            if self.settings.is_vertical
            else (QPointF(0, edge), QPointF(size.width(), edge))
        )
        for pen in (QPen(_HALO, 4.0), QPen(_EDGE, 1.6)):
            painter.setPen(pen)
            painter.drawLine(*ends)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(_HALO, 1.5))
        painter.setBrush(_EDGE)
        painter.drawEllipse(middle, _GRIP_PX / 2, _GRIP_PX / 2)
        painter.setPen(QPen(QColor("#1c1f24"), 1.8))
        across = QPointF(1, 0) if self.settings.is_vertical else QPointF(0, 1)
        along = QPointF(across.y(), across.x())
        for sign in (-1, 1):
            tip = middle + across * sign * 8
            painter.drawLine(tip, tip - across * sign * 4 + along * 4)
            painter.drawLine(tip, tip - across * sign * 4 - along * 4)
        self._paint_names(painter, edge, size)

    def _paint_names(self, painter: QPainter, edge: float, size: QSize) -> None:
        """Write what lies on either side, as much of it as there is room for."""
        if not all(self.names):
            return
        font = QFont(painter.font())
        font.setPixelSize(LABEL_PX)
        painter.setFont(font)
        metrics, is_vertical = painter.fontMetrics(), self.settings.is_vertical
        rooms = (edge, size.width() - edge) if is_vertical else (size.width(), size.width())
        for place, (name, room) in enumerate(zip(self.names, rooms, strict=True)):
            text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, round(room) - 24)
            if len(text) < _FEWEST_LETTERS:
                continue
            before = edge - 12 - metrics.horizontalAdvance(text)
            if is_vertical:
                at = QPointF((before, edge + 12)[place], 22)
            else:
                at = QPointF(14, edge + (-12, 22)[place])
            paint_label(painter, at, text)

    # -- checkerboard --------------------------------------------------------------------------------

    def shown_tile_px(self, zoom: float) -> float:
        """Return the side of a tile in pixels of the frame, never too small to be seen."""
        return max(self.settings.tile_px, SMALLEST_TILE_PX / max(zoom, 1e-9))

    def _tiles(self, size: QSize, camera: Camera) -> list[QRect]:
        """Return the tiles of the upper picture; they lie fast on the image."""
        assert self._over is not None
        side = self.shown_tile_px(camera.zoom)
        low = camera.to_image(QPointF(0, 0), size)
        high = camera.to_image(QPointF(size.width(), size.height()), size)
        frame = self._over.picture.size
        spans = []
        for axis in (0, 1):
            first = max(0, int((low[axis] + 0.5) // side))
            last = min(int((frame[axis] - 1e-6) // side), int((high[axis] + 0.5) // side))
            edges = np.arange(first, last + 2) * side - 0.5
            edges = np.minimum(edges, frame[axis] - 0.5)
            length = size.width() if axis == 0 else size.height()
            screen = np.rint(length / 2 + (edges - camera.centre_xy[axis]) * camera.zoom).astype(int)
            spans.append((first, np.clip(screen, 0, length)))
        (first_column, xs), (first_row, ys) = spans
        return [
            QRect(int(xs[i]), int(ys[j]), int(xs[i + 1] - xs[i]), int(ys[j + 1] - ys[j]))
            for j in range(len(ys) - 1)
            for i in range(len(xs) - 1)
            if (first_column + i + first_row + j) % 2 == 1
        ]


def paint_label(painter: QPainter, at: QPointF, text: str) -> None:
    """Write a short text on a dark ground at the left end of its base line."""
    font = QFont(painter.font())
    font.setPixelSize(LABEL_PX)
    painter.setFont(font)
    box = QRectF(painter.fontMetrics().boundingRect(text)).translated(at).adjusted(-5, -3, 5, 3)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_HALO)
    painter.drawRoundedRect(box, 4, 4)
    painter.setPen(_EDGE)
    painter.drawText(at, text)


def _kept(before: ScaledPicture | None, picture: Picture | None) -> ScaledPicture | None:
    if picture is None:
        return None
    return before if before is not None and before.picture is picture else ScaledPicture(picture)


def _device(part: QRect, ratio: float) -> QRectF:
    return QRectF(part.x() * ratio, part.y() * ratio, part.width() * ratio, part.height() * ratio)


def _apply_window(image: QImage, window: Window) -> None:
    low, high = window
    table = ((np.arange(256) - low) * (255.0 / max(high - low, 1.0))).clip(0, 255).astype(np.uint8)
    pixels = np.frombuffer(image.bits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    np.take(table, pixels, out=pixels)
