"""The pixels of what is compared, all in one frame; each is read, warped and composed once.

Slow everywhere: used on threads only, one at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from engines.contract.errors import PreconditionError
from engines.contract.geometry import Size
from engines.imaging.comparison import (
    Change,
    ResidualVectors,
    blend_of,
    change_between,
    change_shares,
    paint_change,
    residual_vectors,
    vessel_mask,
)
from engines.imaging.field_of_view import BoolImage
from engines.imaging.images import image_size, read_image, read_mask, to_uint8
from engines.imaging.pyramid import needs_pyramid, open_pyramid
from engines.imaging.screen_picture import (
    ByteImage,
    Picture,
    level_for_screen,
    picture_of,
    resize_to,
    screen_size,
    warp_for_screen,
)
from engines.imaging.transforms.warping import stretched
from workstation.controllers.compare.compare_sources import ItemSources, Source, points_of
from workstation.project.items import ItemFile
from workstation.views.protocols.compare import PaneContent, PanePoint
from workstation.views.protocols.overlay_modes import Mode

Made = TypeVar("Made")
_TOLERANCE_SHARE = 1 / 400
"""How far apart two vessels may lie and still be the same, as a share of the longest side."""


class CompareImages:
    """Images of one item.

    Parameters
    ----------
    sources : ItemSources
    before : CompareImages or None
        Of the same item; what did not change is taken over.
    """

    def __init__(self, sources: ItemSources, before: CompareImages | None = None) -> None:
        self.sources = sources
        self._lock = threading.RLock()
        current = {source.stamp for source in sources.sources}
        current |= {source.file.path for source in sources.sources}
        made: dict[tuple[object, ...], Any] = before._made if before is not None else {}
        self._made: dict[tuple[object, ...], Any] = {
            key: value for key, value in made.items() if set(key[1:]) <= current
        }

    def frame_size(self) -> Size | None:
        """Return the size of the frame, width and height in px."""
        frame = self.sources.frame
        if frame is None:
            return None
        if frame.width is not None and frame.height is not None:
            return frame.width, frame.height
        return image_size(frame.require())

    def content(self, key: str, mode: Mode, reference: str, colours: dict[Change, str]) -> PaneContent:
        """Return what a pane shows in a mode.

        Raises
        ------
        WorkstationError
            If a file is gone or cannot be read.
        """
        source = self._source(key)
        other = self.sources.get(reference)
        is_reference = other is None or key == reference
        composed: Picture | None = None
        shares: dict[Change, float] = {}
        if other is not None and not is_reference and mode in (Mode.BLEND, Mode.DIFFERENCE):
            composed, shares = self.composed(mode, other, source, colours)
        return PaneContent(
            key,
            self.picture(source),
            composed,
            self._points(source),
            self._vectors(source),
            shares,
            is_reference,
        )

    def picture(self, source: Source) -> Picture:
        """Return a source for the screen."""
        return self._once(
            ("picture", source.stamp), lambda: picture_of(self.pixels(source), self.frame_size())
        )

    def pixels(self, source: Source) -> npt.NDArray[Any]:
        """Return a source in the frame, reduced when the frame is very large."""
        return self._once(("pixels", source.stamp), lambda: self._warp(source))

    def composed(
        self, mode: Mode, first: Source, second: Source, colours: dict[Change, str]
    ) -> tuple[Picture, dict[Change, float]]:
        """Return blend or difference of two sources, and the shares of a difference."""

        def make() -> tuple[Picture, dict[Change, float]]:
            pixels, shares = self.composed_pixels(mode, first, second, colours)
            return picture_of(pixels, self.frame_size()), shares

        return self._once((mode, first.stamp, second.stamp), make)

    def composed_pixels(
        self, mode: Mode, first: Source, second: Source, colours: dict[Change, str]
    ) -> tuple[ByteImage, dict[Change, float]]:
        """Return the pixels of `composed`."""
        if mode is Mode.BLEND:
            return blend_of(self._contrasty(first), self._contrasty(second)), {}
        # Where only one of them reaches, nothing is added and nothing removed.
        common = self._reach(first) & self._reach(second)
        before, after = self._vessels(first) & common, self._vessels(second) & common
        change = change_between(before, after, max(1.0, _TOLERANCE_SHARE * max(before.shape)))
        return paint_change(_as_image(self.pixels(first)), change, colours), change_shares(change)

    def _source(self, key: str) -> Source:
        source = self.sources.get(key)
        if source is None:
            raise PreconditionError("There is nothing of that kind in this item any more.")
        if not source.has_transform:
            raise PreconditionError("This run found no transform for the item.")
        return source

    def _warp(self, source: Source) -> npt.NDArray[Any]:
        return self._to_frame(*self._read(source.file, is_mask=source.is_mask), source)

    def _to_frame(self, image: npt.NDArray[Any], whole: Size, source: Source) -> npt.NDArray[Any]:
        """Bring an image, which may be a reduced copy of its file, into the frame."""
        size = self.frame_size()
        assert size is not None
        if source.fixed_from_file is None:
            return resize_to(image, screen_size(size))
        is_mask = image.dtype == bool
        warped = warp_for_screen(
            image.astype(np.uint8) if is_mask else image,
            source.fixed_from_file,
            size,
            interpolation="nearest" if is_mask else "linear",
            moving_size=whole,
        )
        return np.asarray(warped > 0) if is_mask else warped

    def _read(self, file: ItemFile, *, is_mask: bool) -> tuple[npt.NDArray[Any], Size]:
        """Return pixels and size of a file; of a very large image a level of its pyramid."""

        def read() -> tuple[npt.NDArray[Any], Size]:
            if is_mask:
                return level_for_screen(read_mask(file.require()))
            if needs_pyramid(file.width, file.height):
                return level_for_screen(open_pyramid(file.require(), file.sha256))
            return level_for_screen(read_image(file.require()))

        return self._once(("file", file.path), read)

    def _contrasty(self, source: Source) -> ByteImage:
        pixels = self.pixels(source)
        if pixels.dtype == bool:
            return pixels.astype(np.uint8) * 255
        return self._once(("stretched", source.stamp), lambda: stretched(pixels))

    def _vessels(self, source: Source) -> BoolImage:
        """Return the vessels in the frame: found on the image itself, so that a warp adds none at its rim."""
        if source.is_mask:
            return np.asarray(self.pixels(source), dtype=bool)

        def find() -> BoolImage:
            image, whole = self._read(source.file, is_mask=False)
            found = self._once(("vessels", source.file.path), lambda: vessel_mask(image))
            return np.asarray(self._to_frame(found, whole, source), dtype=bool)

        return self._once(("vessels in the frame", source.stamp), find)

    def _reach(self, source: Source) -> BoolImage:
        """Return where in the frame the image of a source lies."""

        def find() -> BoolImage:
            image, whole = self._read(source.file, is_mask=source.is_mask)
            return np.asarray(self._to_frame(np.ones(image.shape[:2], dtype=bool), whole, source))

        return self._once(("reach", source.stamp), find)

    def _points(self, source: Source) -> tuple[PanePoint, ...]:
        if not source.is_landmarked:
            return ()
        points = []
        for index, pair in enumerate(self.sources.pairs):
            xy = pair.fixed_xy
            if source.fixed_from_file is not None and pair.moving_xy is not None:
                xy = source.fixed_from_file.map_xy(pair.moving_xy)
            if xy is not None:
                points.append(PanePoint(pair.label, xy, index))
        return tuple(points)

    def _vectors(self, source: Source) -> ResidualVectors | None:
        if not source.is_landmarked or source.fixed_from_file is None or not self.sources.pairs:
            return None
        return residual_vectors(source.fixed_from_file, *points_of(self.sources.pairs))

    def _once(self, key: tuple[object, ...], make: Callable[[], Made]) -> Made:
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            made: Made = self._made[key]
            return made


def _as_image(pixels: npt.NDArray[Any]) -> ByteImage:
    return pixels.astype(np.uint8) * 255 if pixels.dtype == bool else to_uint8(pixels)
