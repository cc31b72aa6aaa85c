"""One slice of a case, ready to be painted: images in grey, label maps above them, a preview on top.

A slice is a view of a volume that may be a map of a file; it is turned into screen colours when it is
painted, once, and kept until slice, window, colours or voxels change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QLineF, QPointF, QRectF
from PySide6.QtGui import QImage, QPainter, QTransform

from engines.imaging.volumes.slicing import (
    PlaneGeometry,
    plane_geometry,
    resampled_picture,
    slab_range,
    slice_picture,
)
from engines.imaging.volumes.volume import VolumeGeometry
from workstation.viewers.label_painter import (
    Pixels,
    PreviewPicture,
    colour_table,
    outlines,
    paint_outlines,
    wrap,
)
from workstation.views.protocols.volume import (
    Box,
    ImageLayer,
    LabelLayer,
    LabelStyle,
    Plane,
    VoxelPreview,
)

_OPAQUE = np.uint32(0xFF000000)
_GREY = np.uint32(0x00010101)
_LEAST_WIDTH = 1e-6


class SlicePainter:
    """What one pane shows of a case.

    Parameters
    ----------
    plane : Plane
    """

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self.grid: VolumeGeometry | None = None
        self.lies: PlaneGeometry | None = None
        self.slice_index = 0
        self.thickness_mm = 0.0
        self._images: list[_ImageSlice] = []
        self._labels: list[_LabelSlice] = []
        self._preview: VoxelPreview | None = None
        self._hatching: PreviewPicture | None = None
        self._is_hatching_old = False

    @property
    def images(self) -> tuple[ImageLayer, ...]:
        """The images, the first at the bottom."""
        return tuple(part.layer for part in self._images)

    @property
    def labels(self) -> tuple[LabelLayer, ...]:
        """The label maps, the first at the bottom."""
        return tuple(part.layer for part in self._labels)

    def set_grid(self, grid: VolumeGeometry | None) -> None:
        """Show slices of another grid."""
        self.grid = grid
        self.lies = None if grid is None else plane_geometry(grid, self.plane.value)
        self.slice_index = 0 if self.lies is None else self.lies.num_slices // 2
        for part in (*self._images, *self._labels):
            part.place(self.grid)
        self.set_preview(None)

    def set_images(self, layers: Sequence[ImageLayer]) -> None:
        """Show these images; what is known of those that stay is kept."""
        known = {part.layer.key: part for part in self._images}
        self._images = [self._kept(known.get(layer.key), layer) for layer in layers]

    def set_labels(self, layers: Sequence[LabelLayer]) -> None:
        """Show these label maps above the images."""
        self._labels = [_LabelSlice(layer) for layer in layers]
        for part in self._labels:
            part.place(self.grid)

    def set_slice(self, slice_index: int) -> bool:
        """Go to a slice; tell whether it is another one."""
        if self.lies is None:
            return False
        slice_index = min(max(slice_index, 0), self.lies.num_slices - 1)
        if slice_index == self.slice_index:
            return False
        self.slice_index = slice_index
        self._forget()
        return True

    def set_slab(self, thickness_mm: float) -> None:
        """Show the maximum over a slab; 0: slices."""
        self.thickness_mm = max(thickness_mm, 0.0)
        self._forget()

    def set_preview(self, preview: VoxelPreview | None) -> None:
        """Show what an edit would change."""
        self._preview = preview
        self._is_hatching_old = True

    def refresh_labels(self, key: str, box: Box | None) -> QRectF | None:
        """Forget what is known of changed voxels.

        Returns
        -------
        QRectF or None
            The area to paint, in pixels of the picture; None when the slice does not cut the box.
        """
        part = next((part for part in self._labels if part.layer.key == key), None)
        lies = self.lies
        if part is None or lies is None:
            return None
        whole = QRectF(-0.5, -0.5, lies.shape[1], lies.shape[0])
        if box is None or not part.is_on_grid:
            part.forget()
            return whole
        shown = slab_range(lies, self.slice_index, self.thickness_mm)
        if box[lies.axis].stop <= shown.start or box[lies.axis].start >= shown.stop:
            return None
        rows, columns = lies.cut(box)
        if rows.stop <= rows.start or columns.stop <= columns.start:
            return None
        part.forget((rows, columns))
        height, width = rows.stop - rows.start, columns.stop - columns.start
        return QRectF(columns.start - 0.5, rows.start - 0.5, width, height)

    def paint(self, painter: QPainter, transform: QTransform, visible: QRectF) -> None:
        """Draw the slice; `transform` maps its pixels to the screen, `visible` is a part of the screen."""
        lies, grid = self.lies, self.grid
        if lies is None or grid is None:
            return
        corner = QPointF(-0.5, -0.5)
        place = (grid, lies, self.slice_index, self.thickness_mm)
        painter.save()
        painter.setTransform(transform, True)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for image in self._uncovered():
            painter.setOpacity(image.layer.opacity)
            painter.drawImage(corner, image.picture(*place))
        painter.setOpacity(1.0)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
        shown = [part for part in self._labels if part.layer.is_visible and part.layer.opacity > 0]
        for part in shown:
            if part.layer.style is LabelStyle.FILLED:
                painter.drawImage(corner, part.picture(*place))
        painter.restore()
        for part in shown:
            if part.layer.style is LabelStyle.OUTLINE:
                paint_outlines(painter, transform, part.edges(*place), part.table)
        hatching = self._hatched(lies)
        if hatching is not None:
            hatching.paint(painter, transform, visible)

    def _kept(self, known: _ImageSlice | None, layer: ImageLayer) -> _ImageSlice:
        if known is not None and known.layer.volume is layer.volume:
            known.change(layer)
            return known
        part = _ImageSlice(layer)
        part.place(self.grid)
        return part

    def _uncovered(self) -> list[_ImageSlice]:
        """Return the images from the uppermost one that hides all below it."""
        shown = [part for part in self._images if part.layer.is_visible and part.layer.opacity > 0]
        first = 0
        for number, part in enumerate(shown):
            if part.layer.opacity >= 1 and part.is_on_grid:
                first = number
        return shown[first:]

    def _hatched(self, lies: PlaneGeometry) -> PreviewPicture | None:
        if not self._is_hatching_old:
            return self._hatching
        self._is_hatching_old, self._hatching = False, None
        preview = self._preview
        if preview is None:
            return None
        start = preview.box[lies.axis].start
        depth = self.slice_index - start
        if 0 <= depth < preview.mask.shape[lies.axis]:
            across = preview.mask[(slice(None),) * lies.axis + (depth,)]
            mask = lies.picture(across)
            if mask.any():
                rows, columns = lies.cut(preview.box)
                self._hatching = PreviewPicture(mask, (rows.start, columns.start), preview.colour)
        return self._hatching

    def _forget(self) -> None:
        for part in (*self._images, *self._labels):
            part.forget()
        self._is_hatching_old = True


class _ImageSlice:
    def __init__(self, layer: ImageLayer) -> None:
        self.layer = layer
        self.is_on_grid = True
        self._numbers: Pixels | None = None
        self._picture: QImage | None = None

    def place(self, grid: VolumeGeometry | None) -> None:
        self.is_on_grid = grid is None or grid.difference(self.layer.volume.geometry) is None
        self.forget()

    def change(self, layer: ImageLayer) -> None:
        if layer.window != self.layer.window:
            self.forget()
        self.layer = layer

    def forget(self) -> None:
        self._picture = self._numbers = None

    def picture(self, grid: VolumeGeometry, lies: PlaneGeometry, number: int, thickness_mm: float) -> QImage:
        if self._picture is None:
            volume = self.layer.volume
            if self.is_on_grid:
                values = slice_picture(volume.voxels, lies, number, thickness_mm=thickness_mm)
                self._numbers = np.ascontiguousarray(grey_numbers(values, self.layer.window))
            else:
                values, is_inside = resampled_picture(
                    volume.voxels, volume.geometry, grid, lies, number, order=1, thickness_mm=thickness_mm
                )
                numbers = grey_numbers(values, self.layer.window)
                self._numbers = np.ascontiguousarray(np.where(is_inside, numbers, np.uint32(0)))
            self._picture = wrap(self._numbers, is_opaque=self.is_on_grid)
        return self._picture


class _LabelSlice:
    def __init__(self, layer: LabelLayer) -> None:
        self.layer = layer
        self.is_on_grid = True
        self.table = colour_table(
            layer.labels.dtype, layer.colours, opacity=layer.opacity, hidden=layer.hidden
        )
        self._numbers: Pixels | None = None
        self._picture: QImage | None = None
        self._edges: dict[int, list[QLineF]] | None = None
        self._old: tuple[slice, slice] | None = None

    def place(self, grid: VolumeGeometry | None) -> None:
        self.is_on_grid = grid is None or grid.difference(self.layer.geometry) is None
        self.forget()

    def forget(self, part: tuple[slice, slice] | None = None) -> None:
        """Forget rows and columns of the picture, or all."""
        self._edges = None
        if part is None or self._numbers is None:
            self._picture = self._numbers = self._old = None
        elif self._old is None:
            self._old = part
        else:
            self._old = tuple(  # type: ignore[assignment]
                slice(min(a.start, b.start), max(a.stop, b.stop))
                for a, b in zip(self._old, part, strict=True)
            )

    def picture(self, grid: VolumeGeometry, lies: PlaneGeometry, number: int, thickness_mm: float) -> QImage:
        if self._picture is None or self._numbers is None:
            values = self._values(grid, lies, number, thickness_mm)
            self._numbers = np.ascontiguousarray(self.table.take(values))
            self._picture = wrap(self._numbers)
        elif self._old is not None:
            values = self._values(grid, lies, number, thickness_mm)
            self._numbers[self._old] = self.table.take(values[self._old])
        self._old = None
        return self._picture

    def edges(
        self, grid: VolumeGeometry, lies: PlaneGeometry, number: int, thickness_mm: float
    ) -> dict[int, list[QLineF]]:
        if self._edges is None:
            values = self._values(grid, lies, number, thickness_mm)
            if self.layer.hidden:
                values = np.where(np.isin(values, list(self.layer.hidden)), 0, values)
            self._edges = outlines(values)
        return self._edges

    def _values(
        self, grid: VolumeGeometry, lies: PlaneGeometry, number: int, thickness_mm: float
    ) -> npt.NDArray[Any]:
        labels = self.layer.labels
        if self.is_on_grid:
            return slice_picture(labels, lies, number, thickness_mm=thickness_mm)
        return resampled_picture(
            labels, self.layer.geometry, grid, lies, number, order=0, thickness_mm=thickness_mm
        )[0]


def grey_numbers(values: npt.NDArray[Any], window: tuple[float, float]) -> Pixels:
    """Return the opaque ARGB number of each grey value; NaN is black.

    Parameters
    ----------
    values : ndarray, (rows, columns)
    window : (low, high)
        Values that are shown black and white.
    """
    kind = values.dtype
    if kind.kind in "iu" and kind.itemsize <= 2:
        table = _grey_table(kind.str, *window)
        return table.take(values.view(np.uint8 if kind.itemsize == 1 else np.uint16))
    return _shades(values.astype(np.float32), window)


@lru_cache(maxsize=16)
def _grey_table(kind: str, low: float, high: float) -> Pixels:
    dtype = np.dtype(kind)
    patterns = np.arange(256 if dtype.itemsize == 1 else 65536, dtype=f"u{dtype.itemsize}")
    return _shades(patterns.view(dtype).astype(np.float32), (low, high))


def _shades(values: npt.NDArray[np.float32], window: tuple[float, float]) -> Pixels:
    low, width = window[0], max(window[1] - window[0], _LEAST_WIDTH)
    shades = np.clip((values - np.float32(low)) * np.float32(255.0 / width), 0.0, 255.0)
    if not np.isfinite(shades).all():
        shades = np.nan_to_num(shades)
    return shades.astype(np.uint32) * _GREY + _OPAQUE


def with_window(layers: Sequence[ImageLayer], key: str, window: tuple[float, float]) -> list[ImageLayer]:
    """Return images of which one has another window."""
    return [replace(layer, window=window) if layer.key == key else layer for layer in layers]
