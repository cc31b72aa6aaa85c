"""The warped moving image laid over the fixed one, made on a thread; a held key swaps the two."""

from __future__ import annotations

import logging

from engines.contract.errors import WorkstationError
from engines.imaging.point_transform import PointTransform
from engines.imaging.warping import blend
from workstation.controllers.workbench import Workbench
from workstation.views.protocols import Card, Image, PairsView

_LOG = logging.getLogger(__name__)
_CHANNEL = "pairs.blend"


class OverlayController:
    """Behind blend and peek.

    Parameters
    ----------
    workbench : Workbench
    view : PairsView
    """

    def __init__(self, workbench: Workbench, view: PairsView) -> None:
        self._bench = workbench
        self._view = view
        self._images: tuple[Image | None, Image | None] = (None, None)
        self._link: PointTransform | None = None
        self._has_blend = False
        self._is_peeking = False

    def set_blend(self, is_shown: bool) -> None:
        """Lay the warped moving image over the fixed one, or stop."""
        self._has_blend = is_shown
        self._show()

    def peek(self, is_held: bool) -> None:
        """Swap between overlay and fixed image for as long as a key is held."""
        self._is_peeking = is_held
        self._show()

    def update(self, images: tuple[Image | None, Image | None], link: PointTransform | None) -> None:
        """Take other images, or another transform fixed_from_moving."""
        self._images, self._link = images, link
        self._show()

    def _show(self) -> None:
        self._bench.background.drop(_CHANNEL)
        link, (fixed, moving) = self._link, self._images
        is_shown = self._has_blend != self._is_peeking
        if not is_shown or link is None or fixed is None or moving is None:
            self._view.show_blend(None)
            return
        self._bench.background.submit(
            _CHANNEL, lambda: blend(fixed, moving, link), self._view.show_blend, self._on_failed
        )

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))
