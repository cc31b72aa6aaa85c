"""Drawing clicks to the nearest vessel bifurcation, found once per image on a thread."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from engines.contract.errors import WorkstationError
from engines.contract.geometry import FloatArray, apply_homography, resize_matrix
from engines.imaging.images import read_mask
from engines.imaging.pyramid import ImagePyramid
from engines.imaging.vessels.image_bifurcations import bifurcations_of_image
from workstation.controllers.pairs.pair_images import files_of
from workstation.controllers.workbench import Workbench
from workstation.project.annotations import SIDES, Side
from workstation.project.items import Item, ItemFile
from workstation.views.protocols.cards import Card
from workstation.views.protocols.edits import PairEditView

_LOG = logging.getLogger(__name__)
RADIUS_LIMITS_PX = (3.0, 60.0)
MASK_ROLES: dict[Side, str] = {"fixed": "vessel_mask", "moving": "moving_vessel_mask"}
"""Where the vessels of a side are drawn; without, they are looked for in the image."""
_MAX_KEPT = 64
_SMALLEST_LEVEL_PX = 1400

Point = tuple[float, float]


class Snapping(QObject):
    """Behind *Snap to forks*.

    Parameters
    ----------
    workbench : Workbench
    view : PairEditView

    Signals
    -------
    changed
        It was switched, or reaches elsewhere.
    """

    changed = Signal()

    def __init__(self, workbench: Workbench, view: PairEditView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._view = view
        self._item: Item | None = None
        self._images: tuple[Any, Any] = (None, None)
        self._found: dict[tuple[str, str], FloatArray] = {}

    @property
    def is_on(self) -> bool:
        """Whether clicks are drawn to forks."""
        return self._bench.is_snapping

    @property
    def radius_px(self) -> float:
        """From how far, in pixels of the screen."""
        return self._bench.snap_radius_px

    # -- what the person does ------------------------------------------------------------------------

    def set_on(self, is_on: bool) -> None:
        """Draw clicks to forks, or leave them where they are."""
        self._bench.is_snapping = is_on
        for side in SIDES:
            self._view.show_snap(side, None)
        self._look()
        self.show()

    def set_radius(self, radius_px: float) -> None:
        """Reach so far, in pixels of the screen."""
        low, high = RADIUS_LIMITS_PX
        self._bench.snap_radius_px = min(max(radius_px, low), high)
        self.show()

    def show(self) -> None:
        """Tell the view how snapping stands."""
        self._view.show_snapping(is_on=self.is_on, radius_px=self.radius_px)
        self.changed.emit()

    def show_item(self, item: Item | None, images: tuple[Any, Any]) -> None:
        """Take other images; their forks are looked for on a thread."""
        self._item, self._images = item, images
        for side in SIDES:
            self._bench.background.drop(f"pairs.forks.{side}")
        self._look()

    # -- points --------------------------------------------------------------------------------------

    def snapped(self, side: Side, xy: Point, *, is_free: bool = False) -> tuple[Point, bool]:
        """Return where a click counts, and whether that is a fork and not the place itself.

        Parameters
        ----------
        is_free : bool
            The person holds the key that leaves clicks where they are.
        """
        target = None if is_free or not self.is_on else self._nearest(side, xy)
        return (xy, False) if target is None else (target, True)

    def hover(self, side: Side, xy: Point, *, is_free: bool = False) -> None:
        """Show what a click would be drawn to."""
        target = None if is_free or not self.is_on else self._nearest(side, xy)
        if target is None:
            self._view.show_snap(side, None)
        else:
            self._view.show_snap(side, xy, self._view.image_px(side, self.radius_px), target)

    def forks(self, side: Side) -> FloatArray:
        """Return the forks of the image of a side that are known by now, ``(N, 2)`` in px."""
        key = self._key(side)
        return self._found.get(key, np.zeros((0, 2))) if key else np.zeros((0, 2))

    def _nearest(self, side: Side, xy: Point) -> Point | None:
        forks = self.forks(side)
        if len(forks) == 0:
            return None
        distances = np.hypot(*(forks - xy).T)
        nearest = int(np.argmin(distances))
        if distances[nearest] > self._view.image_px(side, self.radius_px):
            return None
        return float(forks[nearest, 0]), float(forks[nearest, 1])

    # -- looking -------------------------------------------------------------------------------------

    def _files(self, side: Side) -> tuple[ItemFile | None, ItemFile | None]:
        if self._item is None:
            return None, None
        return files_of(self._item)[SIDES.index(side)], self._item.files.get(MASK_ROLES[side])

    def _key(self, side: Side) -> tuple[str, str] | None:
        file, mask = self._files(side)
        return None if file is None else (file.sha256, mask.sha256 if mask is not None else "")

    def _look(self) -> None:
        if not self.is_on:
            return
        for side in SIDES:
            key, image = self._key(side), self._images[SIDES.index(side)]
            if key is not None and key not in self._found and image is not None:
                self._submit(side, key, image, self._files(side)[1])

    def _submit(self, side: Side, key: tuple[str, str], image: Any, mask: ItemFile | None) -> None:
        def look() -> FloatArray:
            vessels = read_mask(mask.require()) if mask is not None else None
            seen = _at_hand(image)
            enlarge = resize_matrix((seen.shape[1], seen.shape[0]), (image.shape[1], image.shape[0]))
            return apply_homography(enlarge, bifurcations_of_image(seen, vessels))

        def keep(forks: FloatArray) -> None:
            self._found[key] = forks
            while len(self._found) > _MAX_KEPT:
                self._found.pop(next(iter(self._found)))

        self._bench.background.submit(f"pairs.forks.{side}", look, keep, self._on_failed)

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))


def _at_hand(image: Any) -> Any:
    """Return the pixels to look for vessels in: of a very large image, the smallest that show them."""
    if not isinstance(image, ImagePyramid):
        return image
    large = [level for level in image.levels if max(level.shape[:2]) >= _SMALLEST_LEVEL_PX]
    return large[-1] if large else image.levels[-1]
