"""What lies over the fixed image of the Pairs screen: one mode at a time, made again on every change.

While a point is dragged the picture is coarse; the newest transform wins, and a picture of an older one
is marked until it is replaced.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from engines.contract.errors import WorkstationError
from engines.imaging.comparison import blend_of
from engines.imaging.screen_picture import (
    SCREEN_LIMIT_PX,
    ByteImage,
    Picture,
    level_for_screen,
    picture_of,
    resize_to,
    warp_for_screen,
)
from engines.imaging.transforms.point_transform import PointTransform
from engines.imaging.transforms.warping import stretched
from workstation.controllers.latest_work import LatestWork
from workstation.controllers.workbench import Workbench
from workstation.views.protocols.cards import Card
from workstation.views.protocols.overlay_modes import Mode, Overlay
from workstation.views.protocols.pairs import Image, PairsView

_LOG = logging.getLogger(__name__)
COARSE_PX = 640
"""Longest side of the picture while a point is dragged."""
PAIR_MODES = (Mode.BLEND, Mode.WARPED, Mode.FLICKER, Mode.CURTAIN, Mode.CHECKERBOARD)


class OverlayPictures:
    """Makes the pictures of two images; on one thread at a time.

    Parameters
    ----------
    fixed, moving : ndarray, (H, W) or (H, W, 3), or ImagePyramid
    """

    def __init__(self, fixed: Image, moving: Image) -> None:
        self._fixed, self._size = level_for_screen(fixed)
        self._moving, self._moving_size = level_for_screen(moving)
        self._stretched: tuple[ByteImage, ByteImage] | None = None

    def make(self, mode: Mode, fixed_from_moving: PointTransform, max_side_px: int) -> Picture:
        """Return the blend, or the warped moving image, at a size for the screen."""
        if mode is not Mode.BLEND:
            return picture_of(self._warped(self._moving, fixed_from_moving, max_side_px), self._size)
        if self._stretched is None:
            self._stretched = (stretched(self._fixed), stretched(self._moving))
        magenta = self._warped(self._stretched[1], fixed_from_moving, max_side_px)
        height, width = magenta.shape[:2]
        green = resize_to(self._stretched[0], (width, height))
        return picture_of(blend_of(green, magenta), self._size)

    def _warped(self, moving: Image, fixed_from_moving: PointTransform, max_side_px: int) -> Image:
        return warp_for_screen(
            moving,
            fixed_from_moving,
            self._size,
            max_side_px=max_side_px,
            moving_size=self._moving_size,
        )


class OverlayController:
    """Behind the modes of the Pairs screen.

    Parameters
    ----------
    workbench : Workbench
    view : PairsView

    Attributes
    ----------
    watchers : list of callable
        Called when the mode is another.
    """

    def __init__(self, workbench: Workbench, view: PairsView) -> None:
        self._bench = workbench
        self._view = view
        self._work = LatestWork(workbench.background, "pairs.overlay")
        self._images: tuple[Image | None, Image | None] = (None, None)
        self._pictures: OverlayPictures | None = None
        self._link: PointTransform | None = None
        self._mode = Mode.TILES
        self._picture: Picture | None = None
        self._has_blend = False
        self.watchers: list[Callable[[], None]] = []

    @property
    def mode(self) -> Mode:
        """The mode that is on; `TILES` is none."""
        return self._mode

    def choose(self, mode: Mode) -> None:
        """Switch a mode on, or off when it is on."""
        self.set_mode(Mode.TILES if mode is self._mode else mode)

    def set_mode(self, mode: Mode) -> None:
        """Show a mode; every other ends."""
        self._mode = mode
        if (mode is Mode.BLEND) is not self._has_blend:
            self._picture = None
        self._make()
        for watcher in self.watchers:
            watcher()

    def update(self, images: tuple[Image | None, Image | None], link: PointTransform | None) -> None:
        """Take other images, or another transform fixed_from_moving."""
        if images[0] is not self._images[0] or images[1] is not self._images[1]:
            self._images, self._picture = images, None
            fixed, moving = images
            self._pictures = None
            if fixed is not None and moving is not None:
                self._pictures = OverlayPictures(fixed, moving)
        self._link = link
        self._make()

    def preview(self, link: PointTransform | None) -> None:
        """Show coarsely what a transform would do, while a point is dragged."""
        self._link = link
        self._make(is_coarse=True)

    def _make(self, *, is_coarse: bool = False) -> None:
        pictures, link, mode = self._pictures, self._link, self._mode
        if mode is Mode.TILES or pictures is None or link is None:
            # Nothing of before may stay where there is no transform any more.
            self._work.drop()
            self._picture = None
            self._view.show_overlay(Overlay(mode))
            return
        self._view.show_overlay(Overlay(mode, self._picture, is_current=False))

        def show(picture: Picture) -> None:
            self._picture, self._has_blend = picture, mode is Mode.BLEND
            self._view.show_overlay(Overlay(mode, picture))

        side = COARSE_PX if is_coarse else SCREEN_LIMIT_PX
        self._work.ask(lambda: pictures.make(mode, link, side), show, self._on_failed)

    def _on_failed(self, error: BaseException) -> None:
        self._picture = None
        self._view.show_overlay(Overlay(self._mode))
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))
