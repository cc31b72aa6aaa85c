"""How the two images are shown while they are annotated: enhancement, brightness, vessels, eye, size.

Nothing here changes data, but for the size of an image that the person tells. What was chosen is kept
with the project, for each item and side. Pixels are made on threads; until they are there, the present
ones stay.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QObject, QTimer, Signal

from engines.contract.errors import WorkstationError
from engines.imaging.enhancement import (
    Enhancement,
    Window,
    auto_window,
    dragged_window,
    enhance,
    full_window,
    vessel_map,
)
from engines.imaging.laterality import laterality_of_vessels
from engines.imaging.pyramid import ImagePyramid
from engines.imaging.transforms.point_transform import PointTransform
from workstation.controllers.latest_work import LatestWork
from workstation.controllers.pairs.orientation import eye_warning, flip_warning, known_laterality
from workstation.controllers.pairs.pair_images import SIDES, files_of
from workstation.controllers.workbench import Workbench
from workstation.project.items import Item, ItemFile
from workstation.views.protocols.cards import Card
from workstation.views.protocols.display import DisplayView, SideDisplay, SideFacts
from workstation.views.protocols.pairs import PairRow

_LOG = logging.getLogger(__name__)
_MOST_VESSEL_MAPS = 8
_EYES_AFTER_MS = 1500
_SETTING = "display.{item}"


@dataclass
class _Side:
    """One side as it is now."""

    display: SideDisplay = field(default_factory=SideDisplay)
    image: Any = None
    shown: Any = None
    file: ItemFile | None = None
    laterality: str = ""
    seen: str = ""


class DisplayController(QObject):
    """Behind the display menus of the two panes.

    Parameters
    ----------
    workbench : Workbench
    view : DisplayView

    Signals
    -------
    changed
        Another way of display is on.
    """

    changed = Signal()

    def __init__(self, workbench: Workbench, view: DisplayView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._view = view
        self._item: Item | None = None
        self._sides = {side: _Side() for side in SIDES}
        self._work = {side: LatestWork(workbench.background, f"display.{side}") for side in SIDES}
        self._link: PointTransform | None = None
        self._rows: Sequence[PairRow] = ()
        self._is_of_registration = False
        self._maps: OrderedDict[str, npt.NDArray[np.float32]] = OrderedDict()
        self._eyes: dict[str, str] = {}
        # Who walks through the items is not kept waiting by what nobody asked for.
        self._eye_timer = QTimer(self)
        self._eye_timer.setSingleShot(True)
        self._eye_timer.setInterval(_EYES_AFTER_MS)
        self._eye_timer.timeout.connect(self._look_for_eyes)

    # -- what is shown -------------------------------------------------------------------------------

    def display(self, side: str) -> SideDisplay:
        """Return how a side is shown."""
        return self._sides[side].display

    def has_image(self, side: str) -> bool:
        """Whether a side shows an image."""
        return self._sides[side].image is not None

    def is_colour(self, side: str) -> bool:
        """Whether the image of a side has colours."""
        image = self._sides[side].image
        return image is not None and image.ndim == 3

    def is_large(self, side: str) -> bool:
        """Whether the image of a side is shown from a pyramid."""
        return isinstance(self._sides[side].image, ImagePyramid)

    def update(
        self,
        item: Item | None,
        images: tuple[Any, Any],
        link: PointTransform | None,
        rows: Sequence[PairRow],
        *,
        is_of_registration: bool = False,
    ) -> None:
        """Take what the screen shows; cheap when nothing of it is new."""
        before = tuple(self._sides[side].image for side in SIDES)
        if images[0] is not before[0] or images[1] is not before[1]:
            self._take_images(item, images)
        elif link is self._link and rows is self._rows:
            return
        self._link, self._rows, self._is_of_registration = link, rows, is_of_registration
        self._show_facts()

    def choose(self, side: str, display: SideDisplay) -> None:
        """Show a side in another way, and remember it."""
        before = self._sides[side].display
        if display != before:
            has_other_values = (display.is_green, display.is_inverted) != (
                before.is_green,
                before.is_inverted,
            )
            if has_other_values and display.window == before.window:
                # A window of other values would show nothing.
                display = replace(display, window=None)
            self._sides[side].display = display
            self._show_side(side)
            self._remember()

    def toggle(self, side: str, name: str) -> None:
        """Switch a field of `SideDisplay` on or off."""
        display = self._sides[side].display
        switched: dict[str, Any] = {name: not getattr(display, name)}
        self.choose(side, replace(display, **switched))

    def drag_window(self, side: str, right_px: float, down_px: float) -> None:
        """Change brightness and contrast by a drag of so many pixels of the screen."""
        state = self._sides[side]
        if state.image is None:
            return
        full = self._full_window(side)
        window = dragged_window(state.display.window or full, right_px, down_px, full)
        state.display = replace(state.display, window=window)
        self._view.show_window(side, window, is_changing=True)
        if state.image.ndim == 3 and not state.display.is_green:
            self._show_pixels(side)

    def drop_window(self, side: str) -> None:
        """End a drag."""
        self._view.show_display(side, self._sides[side].display)
        self._remember()

    def auto_window(self, side: str) -> None:
        """Choose brightness and contrast by the grey values of the image."""
        state = self._sides[side]
        if state.image is None:
            return
        image = state.image.levels[-1] if isinstance(state.image, ImagePyramid) else state.image
        how = replace(_enhancement(state.display), window=None)
        self._bench.background.submit(
            f"display.auto.{side}",
            lambda: auto_window(enhance(image, how)),
            lambda window: self.choose(side, replace(state.display, window=window)),
            self._on_failed,
        )

    def reset(self, side: str) -> None:
        """Show a side as its file is."""
        self.choose(side, SideDisplay())

    def set_width(self, side: str, width_mm: float) -> None:
        """Store how wide the image of a side is, in mm; 0 when that is not known."""
        project, item, file = self._bench.project, self._item, self._sides[side].file
        if project is None or item is None or file is None or not file.width:
            return
        spacing_mm = width_mm / file.width if width_mm > 0 else None
        role = next(role for role, known in item.files.items() if known is file)
        project.items.set_spacing(item.id, role, spacing_mm)
        self._item = project.items.get(item.id)
        for name, known in zip(SIDES, files_of(self._item), strict=True):
            self._sides[name].file = known
        self._show_facts()

    # -- images --------------------------------------------------------------------------------------

    def _take_images(self, item: Item | None, images: tuple[Any, Any]) -> None:
        self._item = item
        files = files_of(item) if item is not None else (None, None)
        stored = self._stored()
        for side, image, file in zip(SIDES, images, files, strict=True):
            laterality = known_laterality(item, file) if item is not None and image is not None else ""
            display = _display_of(stored.get(side))
            self._sides[side] = _Side(display, image, image, file, laterality)
            self._work[side].drop()
            if image is not None:
                self._show_side(side)
            else:
                self._view.show_display(side, display)
        self._eye_timer.start()

    def _show_side(self, side: str) -> None:
        state = self._sides[side]
        self._view.show_display(side, state.display)
        if state.image is not None:
            self._show_pixels(side)
            self._show_vessels(side)
        self.changed.emit()

    def _show_pixels(self, side: str) -> None:
        state, image = self._sides[side], self._sides[side].image
        how = _enhancement(state.display)
        if isinstance(image, ImagePyramid):
            how = replace(how, has_local_contrast=False)
        if image.ndim == 2 or how.is_green:
            how = replace(how, window=None)

        def show(shown: Any) -> None:
            if self._sides[side] is not state:
                return
            if shown is not state.shown:
                state.shown = shown
                self._view.show_pixels(side, shown)
            window = state.display.window or self._full_window(side)
            self._view.show_window(side, window, is_changing=False)

        if how.is_nothing:
            self._work[side].drop()
            show(image)
        elif isinstance(image, ImagePyramid):
            show(image.mapped(lambda pixels: enhance(pixels, how), is_grey=how.is_green or image.ndim == 2))
        else:
            self._work[side].ask(lambda: enhance(image, how), show, self._on_failed)

    def _full_window(self, side: str) -> Window:
        shown = self._sides[side].shown
        return full_window(shown.levels[-1] if isinstance(shown, ImagePyramid) else shown)

    # -- vessels and eye -----------------------------------------------------------------------------

    def _show_vessels(self, side: str) -> None:
        state = self._sides[side]
        display = state.display
        if not display.has_vessels or isinstance(state.image, ImagePyramid):
            self._view.show_vessels(side, None, 0.0)
            return

        def show(strength: npt.NDArray[np.float32]) -> None:
            if self._sides[side] is state and state.display.has_vessels:
                self._view.show_vessels(side, strength, state.display.vessel_opacity)

        self._with_vessels(side, "display.vessels", show)

    def _look_for_eyes(self) -> None:
        for side in SIDES:
            if self._sides[side].image is not None:
                self._look_for_eye(side)

    def _look_for_eye(self, side: str) -> None:
        """Look at the image itself only where there is something to compare with."""
        state = self._sides[side]
        key = state.file.sha256 if state.file is not None else ""
        if state.laterality not in ("OD", "OS") or isinstance(state.image, ImagePyramid):
            return
        if key in self._eyes:
            state.seen = self._eyes[key]
            self._show_facts()
            return

        def show(strength: npt.NDArray[np.float32]) -> None:
            self._eyes[key] = laterality_of_vessels(strength) or ""
            if self._sides[side] is state:
                state.seen = self._eyes[key]
                self._show_facts()

        self._with_vessels(side, "display.eye", show)

    def _with_vessels(self, side: str, channel: str, done: Any) -> None:
        """Call `done` with the map of vessels: at once when it is known, else when a thread has made it."""
        state, image = self._sides[side], self._sides[side].image
        key = state.file.sha256 if state.file is not None else ""
        if key in self._maps:
            self._maps.move_to_end(key)
            done(self._maps[key])
            return

        def keep(strength: npt.NDArray[np.float32]) -> None:
            self._maps[key] = strength
            if len(self._maps) > _MOST_VESSEL_MAPS:
                self._maps.popitem(last=False)
            done(strength)

        self._bench.background.submit(f"{channel}.{side}", lambda: vessel_map(image), keep, self._on_failed)

    def _show_facts(self) -> None:
        fixed, moving = (self._sides[side] for side in SIDES)
        size = (moving.image.shape[1], moving.image.shape[0]) if moving.image is not None else (0, 0)
        flip = flip_warning(
            self._link,
            size,
            self._rows,
            (fixed.seen or fixed.laterality, moving.seen or moving.laterality),
            is_of_registration=self._is_of_registration,
        )
        for side in SIDES:
            state = self._sides[side]
            is_shown = state.image is not None
            warning = eye_warning(state.laterality, state.seen)
            if not warning.text and side == "moving" and is_shown:
                warning = flip
            facts = SideFacts(
                laterality=state.laterality,
                warning=warning,
                spacing_mm=state.file.spacing_mm if state.file is not None and is_shown else None,
                width_px=state.image.shape[1] if is_shown else 0,
                is_colour=self.is_colour(side),
                is_large=self.is_large(side),
            )
            self._view.show_facts(side, facts)

    # -- what is remembered --------------------------------------------------------------------------

    def _stored(self) -> dict[str, Any]:
        project = self._bench.project
        if project is None or self._item is None:
            return {}
        stored = project.setting(_SETTING.format(item=self._item.id), {})
        return stored if isinstance(stored, dict) else {}

    def _remember(self) -> None:
        project = self._bench.project
        if project is not None and self._item is not None:
            values = {side: asdict(self._sides[side].display) for side in SIDES}
            try:
                project.set_setting(_SETTING.format(item=self._item.id), values)
            except WorkstationError as error:
                self._on_failed(error)
        self.changed.emit()

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))


def _enhancement(display: SideDisplay) -> Enhancement:
    return Enhancement(display.is_green, display.has_local_contrast, display.is_inverted, display.window)


def _display_of(stored: Any) -> SideDisplay:
    """Read what was remembered; what is not good is dropped, it is only a matter of looks."""
    try:
        values = dict(stored or {})
        window = values.pop("window", None)
        display = SideDisplay(
            **values, window=None if window is None else (float(window[0]), float(window[1]))
        )
        return replace(display, vessel_opacity=min(max(float(display.vessel_opacity), 0.05), 1.0))
    except (TypeError, ValueError, IndexError):
        _LOG.warning("A remembered way of display was dropped: %s", stored)
        return SideDisplay()
