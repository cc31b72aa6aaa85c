"""Label maps and previews of edits as pictures: fills, outlines along the edges of voxels, hatching.

Fills are small pictures of one 32-bit number a voxel, which the window's own painter enlarges; a stroke
changes a few of those numbers, and only that part of the pane is painted anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QLineF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPainter, QPen, QTransform

from engines.imaging.volumes.label_classes import colour_of

Pixels = npt.NDArray[np.uint32]
OUTLINE_PX = 1.6
_PREVIEW_OPACITY = 0.32
_HATCHING = Qt.BrushStyle.BDiagPattern
_HATCH_ALPHA = 235


@lru_cache(maxsize=2)
def _default_colours(count: int) -> npt.NDArray[np.uint32]:
    numbers: dict[str, int] = {}
    texts = ["#000000", *(colour_of(value) for value in range(1, count))]
    for text in texts:
        numbers.setdefault(text, int(text[1:], 16))
    return np.array([numbers[text] for text in texts], np.uint32)


def colour_table(
    dtype: np.dtype[Any], colours: Mapping[int, str], *, opacity: float, hidden: frozenset[int] = frozenset()
) -> Pixels:
    """Return the premultiplied ARGB number of each label; 0 and hidden labels are clear."""
    count = 256 if dtype.itemsize == 1 else 65536
    rgb = _default_colours(count).copy()
    for value, colour in colours.items():
        if 0 < value < count:
            rgb[value] = int(colour.lstrip("#"), 16)
    alpha = round(255 * min(max(opacity, 0.0), 1.0))
    channels = [((rgb >> shift) & 255) * alpha // 255 << shift for shift in (16, 8, 0)]
    table = (np.uint32(alpha) << np.uint32(24)) | channels[0] | channels[1] | channels[2]
    table = table.astype(np.uint32)
    for value in (0, *hidden):
        if value < count:
            table[value] = 0
    return table


def wrap(pixels: Pixels, *, is_opaque: bool = False) -> QImage:
    """Return a picture that borrows the numbers, C-contiguous; they must outlive it."""
    height, width = pixels.shape
    kind = QImage.Format.Format_RGB32 if is_opaque else QImage.Format.Format_ARGB32_Premultiplied
    return QImage(pixels.data, width, height, 4 * width, kind)


def outlines(labels: npt.NDArray[Any]) -> dict[int, list[QLineF]]:
    """Return the edges between labels by the label they belong to, in pixels of the picture.

    Parameters
    ----------
    labels : ndarray, (rows, columns)

    Returns
    -------
    dict of label to lines
        Straight runs are one line. An edge between two labels belongs to the one above or left of it.
    """
    lines: dict[int, list[QLineF]] = {}
    rows, columns = np.nonzero(labels)
    if rows.size == 0:
        return lines
    top, left = int(rows.min()), int(columns.min())
    part = labels[top : int(rows.max()) + 1, left : int(columns.max()) + 1]
    padded = np.pad(part, 1)
    for is_upright, around in ((True, padded), (False, padded.T)):
        before, after = around[1:-1, :-1], around[1:-1, 1:]
        edges = np.where(before == after, 0, np.where(before != 0, before, after))
        for label, along, start, stop in _runs(edges):
            if is_upright:
                x, y0, y1 = left + along - 0.5, top + start - 0.5, top + stop - 0.5
                line = QLineF(x, y0, x, y1)
            else:
                y, x0, x1 = top + along - 0.5, left + start - 0.5, left + stop - 0.5
                line = QLineF(x0, y, x1, y)
            lines.setdefault(label, []).append(line)
    return lines


def _runs(edges: npt.NDArray[Any]) -> list[tuple[int, int, int, int]]:
    """Return (label, column, first row, row behind the last) of runs down the columns."""
    down = np.pad(edges.T, ((0, 0), (1, 1)))
    changes = down[:, 1:] != down[:, :-1]
    is_start = changes & (down[:, 1:] != 0)
    is_stop = changes & (down[:, :-1] != 0)
    columns, starts = np.nonzero(is_start)
    stops = np.nonzero(is_stop)[1]
    values = down[columns, starts + 1]
    return list(zip(values.tolist(), columns.tolist(), starts.tolist(), stops.tolist(), strict=True))


def paint_outlines(
    painter: QPainter,
    transform: QTransform,
    lines: Mapping[int, list[QLineF]],
    table: Pixels,
) -> None:
    """Draw edges in the colours of their labels; `transform` maps pixels of the picture to the screen."""
    painter.save()
    painter.setTransform(transform, True)
    for label, parts in lines.items():
        argb = int(table[label])
        if argb >> 24 == 0:
            continue
        pen = QPen(_unmultiplied(argb), OUTLINE_PX)
        pen.setCosmetic(True)
        pen.setCapStyle(Qt.PenCapStyle.SquareCap)
        painter.setPen(pen)
        painter.drawLines(parts)
    painter.restore()


class PreviewPicture:
    """The voxels of a slice that an edit would change, hatched.

    Parameters
    ----------
    mask : ndarray of bool, (rows, columns)
    corner : (row, column)
        Where it lies in the picture.
    colour : "#rrggbb"
    """

    def __init__(self, mask: npt.NDArray[np.bool_], corner: tuple[int, int], colour: str) -> None:
        self._colour = QColor(colour)
        self._pixels = np.ascontiguousarray(np.where(mask, np.uint32(self._colour.rgb()), np.uint32(0)))
        self._image = wrap(self._pixels)
        row, column = corner
        self.area = QRectF(column - 0.5, row - 0.5, mask.shape[1], mask.shape[0])
        self._lines = outlines(mask.astype(np.uint8)).get(1, [])

    def paint(self, painter: QPainter, transform: QTransform, visible: QRectF) -> None:
        """Draw the part that lies in the visible part of the pane."""
        target = transform.mapRect(self.area).intersected(visible).toAlignedRect()
        if target.isEmpty():
            return
        ratio = painter.device().devicePixelRatioF()
        hatched = QImage(target.size() * ratio, QImage.Format.Format_ARGB32_Premultiplied)
        hatched.setDevicePixelRatio(ratio)
        hatched.fill(Qt.GlobalColor.transparent)
        inner = QPainter(hatched)
        inner.translate(-target.topLeft())
        inner.setTransform(transform, True)
        inner.drawImage(self.area.topLeft(), self._image)
        inner.resetTransform()
        inner.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
        hatch = self._colour.lighter(135)
        hatch.setAlpha(_HATCH_ALPHA)
        # The pattern stays put on the screen while the slice is painted in parts.
        inner.setBrushOrigin(-target.left() % 8, -target.top() % 8)
        inner.fillRect(QRectF(0, 0, target.width(), target.height()), QBrush(hatch, _HATCHING))
        inner.end()
        painter.save()
        painter.setTransform(transform, True)
        painter.setOpacity(_PREVIEW_OPACITY)
        painter.drawImage(self.area.topLeft(), self._image)
        painter.restore()
        painter.drawImage(target.topLeft(), hatched)
        painter.save()
        painter.setTransform(transform, True)
        painter.translate(self.area.left() + 0.5, self.area.top() + 0.5)
        pen = QPen(hatch, OUTLINE_PX)
        pen.setCosmetic(True)
        painter.setPen(pen)
        painter.drawLines(self._lines)
        painter.restore()


def _unmultiplied(argb: int) -> QColor:
    alpha = argb >> 24
    return QColor(*(min(255, ((argb >> shift) & 255) * 255 // alpha) for shift in (16, 8, 0)))
