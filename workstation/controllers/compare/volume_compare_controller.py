"""The Compare screen for volumes: which sources its panes show, on which slice, and in which mode.

The controller knows the view as a `VolumeCompareScreenView` only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engines.contract.errors import WorkstationError
from engines.contract.messages import Message
from engines.imaging.comparison import Change
from engines.imaging.volumes.label_classes import LabelClass
from engines.imaging.volumes.label_comparison import ALL_CLASSES, check_one_grid
from engines.imaging.volumes.volume import VolumeGeometry
from workstation.controllers.compare.compare_slices import CompareSlices
from workstation.controllers.compare.pane_choice import PaneChoice
from workstation.controllers.compare.volume_compare_sources import VolumeSources, volume_sources
from workstation.controllers.latest_work import LatestWork
from workstation.controllers.volume.slice_places import MIDDLE, SlicePlace, SliceWish, Window, held
from workstation.controllers.volume.volume_images import HU, VOLUME_KINDS, title_of, unit_of
from workstation.controllers.workbench import Workbench
from workstation.project.items import Item
from workstation.views.protocols.cards import NOTHING, Card
from workstation.views.protocols.compare import MIN_PANES
from workstation.views.protocols.overlay_modes import Mode
from workstation.views.protocols.volume import Plane, Position
from workstation.views.protocols.volume_compare import SliceSet, VolumeCompareScreenView

_LOG = logging.getLogger(__name__)
_SOURCES = "compare.volume.sources"
_COMPOSED = (Mode.DIFFERENCE, Mode.DISTANCE)
_Made = tuple[SliceSet, VolumeGeometry, tuple[LabelClass, ...], Message]
"""Slices, the grid they lie on, the classes of all label maps, and how grids differ."""


class VolumeCompareController(QObject):
    """Behind the panes.

    Parameters
    ----------
    workbench : Workbench
    view : VolumeCompareScreenView
    colours : mapping of Change to ``"#rrggbb"``
    usual_windows : ((low, high), (low, high))
        Of images in HU without and with contrast in the vessels.
    cache : Path
        Where compressed images lie unpacked.

    Attributes
    ----------
    watchers : list of callable
        Called when the mode is another.

    Signals
    -------
    state_changed
        What may be done now changed.
    sources_read
        The sources of the item are known anew.
    """

    state_changed = Signal()
    sources_read = Signal()

    def __init__(
        self,
        workbench: Workbench,
        view: VolumeCompareScreenView,
        colours: dict[Change, str],
        usual_windows: tuple[Window, Window],
        cache: Path,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._view = view
        self._colours = colours
        self._usual_windows = usual_windows
        self._cache = cache
        self._item: Item | None = None
        self._slices: CompareSlices | None = None
        self._place = SlicePlace()
        self._classes: tuple[LabelClass, ...] = ()
        self._panes = PaneChoice()
        self._mode = Mode.TILES
        self._label = ALL_CLASSES
        self._base = ""
        self._has_masks = True
        self._slab_mm = 0.0
        self._wanted_mm: tuple[float, ...] = ()
        self._is_resampling = False
        self._is_shown = False
        self._is_stale = True
        self._grid_problem = NOTHING
        self.shown: SliceSet | None = None
        self.watchers: list[Callable[[], None]] = []
        self._work = LatestWork(workbench.background, "compare.volume.slices")
        workbench.item_changed.connect(self._on_item)
        workbench.data_changed.connect(self._on_change)
        workbench.live_runs.ended.connect(self._on_change)
        workbench.compare_requested.connect(self.request)
        workbench.place_requested.connect(self._want_place)

    # -- state ---------------------------------------------------------------------------------------

    @property
    def is_active(self) -> bool:
        """Whether the current item is a case with volumes."""
        return self._item is not None

    @property
    def is_showing(self) -> bool:
        """Whether panes are shown."""
        return bool(self._panes.keys)

    @property
    def mode(self) -> Mode:
        """The mode that is on."""
        return self._mode

    @property
    def plane(self) -> Plane:
        """The plane of every pane."""
        return self._place.plane

    @property
    def sources(self) -> VolumeSources | None:
        """What can be compared of the item, or None until it is known."""
        return self._slices.sources if self._slices is not None else None

    @property
    def slices(self) -> CompareSlices | None:
        """The volumes of the item."""
        return self._slices

    @property
    def chosen(self) -> tuple[str, ...]:
        """Keys of what the panes show."""
        return tuple(self._panes.keys)

    @property
    def reference(self) -> str:
        """Key of what the panes are compared with."""
        return self._panes.reference

    @property
    def label(self) -> int:
        """The class that is compared; 0 for all."""
        return self._label

    @property
    def is_resampling(self) -> bool:
        """Whether label maps on other grids are shown by nearest neighbours."""
        return self._is_resampling

    @property
    def wish(self) -> SliceWish:
        """What is shown now."""
        return SliceWish(
            self.chosen,
            self._panes.reference,
            self._mode,
            self._place.plane,
            self._place.position,
            self._label,
            self._panes.windows.turns,
            self._is_resampling,
            self._base,
            self._has_masks,
            self._slab_mm,
        )

    @property
    def has_masks(self) -> bool:
        """Whether label maps lie over their images."""
        return self._has_masks

    @property
    def has_hu(self) -> bool:
        """Whether an image of the item is in HU."""
        sources = self.sources
        return sources is not None and any(
            unit_of(role, file.modality) == HU for role, file in sources.images
        )

    # -- item ----------------------------------------------------------------------------------------

    def set_shown(self, is_shown: bool) -> None:
        """Begin or stop to follow the item; on another screen nothing is read."""
        self._is_shown = is_shown
        if is_shown and self._is_stale:
            self.look()

    def request(self, keys: Sequence[str]) -> None:
        """Show these sources once the item is read."""
        self._panes.wanted = tuple(keys)
        self._on_item("")

    def look(self) -> None:
        """Read on a thread what can be compared of a case; other items are left to others."""
        project, item_id = self._bench.project, self._bench.item_id
        item = project.items.get(item_id) if project is not None and item_id else None
        if item is not None and item.kind not in VOLUME_KINDS:
            item = None
        if item is None or self._item is None or item.id != self._item.id:
            self._leave_item()
        self._item, self._is_stale = item, False
        self._bench.background.drop(_SOURCES)
        self._view.set_shown(item is not None)
        self.state_changed.emit()
        if project is None or item is None:
            return
        if self._slices is None:
            self._view.show_message(Message("Looking for label maps…"))
        before = self._slices

        def read() -> CompareSlices:
            sources = volume_sources(project, item)
            return CompareSlices(project, sources, self._cache, self._colours, self._usual_windows, before)

        self._bench.background.submit(_SOURCES, read, self._on_sources, self._on_failed)

    def _leave_item(self) -> None:
        self._panes.leave(self._item.id if self._item is not None else "", self._place.position)
        self._work.drop()
        self._slices, self._place.frame, self.shown = None, None, None
        self._place.position = MIDDLE
        self._classes, self._is_resampling = (), False

    def _on_item(self, _item_id: str) -> None:
        self._is_stale = True
        if self._is_shown:
            self.look()

    def _on_change(self, _what: object = None) -> None:
        self._on_item("")

    def _on_sources(self, slices: CompareSlices) -> None:
        self._slices = slices
        sources = slices.sources
        if len(sources.sources) < MIN_PANES:
            self._panes.empty()
            text = (
                "This case has one image and no label map. Draw or import one, or let a model propose one."
                if sources.sources
                else "This case has no image."
            )
            self._view.show_message(Message(text))
            self.state_changed.emit()
            self.sources_read.emit()
            return
        position = self._panes.choose(sources)
        if not self._panes.keys or self._place.frame is None:
            self._place.position = position
        self._show_images()
        self._show_all()
        self.sources_read.emit()

    # -- panes ---------------------------------------------------------------------------------------

    def choose_source(self, index: int, key: str) -> None:
        """Show another source in a pane."""
        if self._panes.replace(index, key):
            self._show_all()

    def choose_reference(self, key: str) -> None:
        """Compare every pane with another source; the crosshair stays where it is in the world."""
        slices, before = self._slices, self._place.frame
        if key == self._panes.reference or slices is None:
            return
        self._panes.reference = key
        if before is not None and not any(value != value for value in self._place.position):
            world = before.world_of([self._place.position])
            source = slices.sources.get(key)

            def moved() -> Position:
                assert source is not None
                i, j, k = slices.geometry(source).voxel_of(world)[0]
                return held((float(i), float(j), float(k)), slices.geometry(source))

            def go(position: Position) -> None:
                self._place.position = position
                self._show_all()

            self._bench.background.submit("compare.volume.reference", moved, go, self._on_failed)
            return
        self._show_all()

    def add_pane(self) -> None:
        """Show one source more: the first that no pane shows."""
        sources = self.sources
        if sources is not None and self._panes.add([source.key for source in sources.sources]):
            self._show_all()

    def remove_pane(self, index: int) -> None:
        """Take a pane away; two stay."""
        if self._panes.remove(index):
            self._show_all()

    def choose(self, mode: Mode) -> None:
        """Switch a mode on, or back to tiles when it is on."""
        self.set_mode(Mode.TILES if mode is self._mode else mode)

    def set_mode(self, mode: Mode) -> None:
        """Lay the panes over the reference in a mode."""
        before, self._mode = self._mode, mode
        self._view.show_mode(mode)
        if mode in _COMPOSED or before in _COMPOSED:
            self._show_slices()
        for watcher in self.watchers:
            watcher()

    # -- where ---------------------------------------------------------------------------------------

    def set_plane(self, plane: Plane) -> None:
        """Show another plane through the crosshair."""
        self._place.plane = plane
        self._view.show_plane(plane)
        self._show_slices()
        self.state_changed.emit()

    def step(self, count: int) -> None:
        """Go some slices towards the end of the array axis."""
        self._go(self._place.stepped(count))

    def place(self, x: float, y: float) -> None:
        """Move the crosshair to a place of the slice, in pixels of the frame."""
        if self._place.frame is not None:
            self._go(held(self._place.at(x, y), self._place.frame))

    def go_to_world(self, world_mm: Sequence[float]) -> None:
        """Move the crosshair to a place in the world."""
        self._go(self._place.of_world(world_mm))

    def _want_place(self, world_mm: Sequence[float]) -> None:
        """Go to a place, now or once the item is read."""
        self._wanted_mm = tuple(world_mm)
        if self._place.frame is not None and not self._is_stale:
            self._show_slices()

    def cursor_text(self, x: float, y: float) -> str:
        """Return where a place of the slice lies: voxel and world, for the status line."""
        return self._place.text(x, y)

    def _go(self, position: Position) -> None:
        if position != self._place.position:
            self._place.position = position
            self._show_slices()

    # -- what ----------------------------------------------------------------------------------------

    def set_class(self, label: int) -> None:
        """Show and compare one class only; 0 for all."""
        self._label = label
        self._show_classes()
        self._show_slices()

    def set_base(self, role: str) -> None:
        """Show label maps over another image of the case."""
        self._base = role
        self._show_images()
        self._show_slices()

    def set_resampling(self, is_resampling: bool) -> None:
        """Show label maps on other grids by nearest neighbours, or not."""
        self._is_resampling = is_resampling
        self._show_grids()
        self._show_slices()
        self.state_changed.emit()

    def set_window_linked(self, is_linked: bool) -> None:
        """Let window and level of all panes follow each other."""
        if self._panes.windows.set_linked(is_linked):
            self._show_slices()

    def drag_window(self, index: int, dx: float, dy: float) -> None:
        """Change contrast to the sides, and brightness up and down."""
        if self._panes.windows.drag(index, dx, dy):
            self._show_slices()

    def set_window(self, window: Window) -> None:
        """Show every image in HU with a window, in every pane."""
        self._panes.windows.use(window)
        self._show_slices()

    def set_masks(self, has_masks: bool) -> None:
        """Lay label maps over their images, or show the images alone."""
        self._has_masks = has_masks
        self._show_slices()

    def set_slab(self, thickness_mm: float) -> None:
        """Show the largest values over a slab of every image; 0: slices."""
        self._slab_mm = thickness_mm
        self._show_slices()

    def reset_window(self) -> None:
        """Show every image with the window that it had at first."""
        self._panes.windows.reset()
        self._show_slices()

    def close(self) -> None:
        """Let go of the window's signals."""
        self._bench.item_changed.disconnect(self._on_item)
        self._bench.data_changed.disconnect(self._on_change)
        self._bench.live_runs.ended.disconnect(self._on_change)
        self._bench.compare_requested.disconnect(self.request)
        self._bench.place_requested.disconnect(self._want_place)

    # -- showing -------------------------------------------------------------------------------------

    def _show_all(self) -> None:
        sources = self.sources
        if sources is None:
            return
        self._view.show_sources(
            [source.row for source in sources.sources], self._panes.keys, self._panes.reference
        )
        self._view.show_mode(self._mode)
        self._view.show_plane(self._place.plane)
        self._show_slices()
        self.state_changed.emit()

    def _show_slices(self) -> None:
        slices, wish = self._slices, self.wish
        if slices is None or not self._panes.keys:
            return

        self._view.show_busy(not slices.is_made(wish))
        self._work.ask(lambda: _made(slices, wish), self._take, self._on_failed)

    def _take(self, made: _Made) -> None:
        self.shown, frame, classes, self._grid_problem = made
        is_first = self._place.frame is None
        self._place.frame = frame
        self._place.position = held(self._place.position, frame)
        if classes != self._classes:
            self._classes = classes
            if self._label not in {one.value for one in classes}:
                self._label = ALL_CLASSES
            self._show_classes()
        self._view.show_message(NOTHING)
        self._view.show_busy(False)
        self._show_grids()
        self._view.show_slices(self.shown)
        if is_first:
            self.state_changed.emit()
        wanted, self._wanted_mm = self._wanted_mm, ()
        if wanted:
            self.go_to_world(wanted)

    def _show_images(self) -> None:
        sources = self.sources
        if sources is not None:
            images = [(role, title_of(role, file.modality)) for role, file in sources.images]
            if self._base not in {role for role, _ in images}:
                self._base = ""
            self._view.show_images(images, self._base)

    def _show_classes(self) -> None:
        self._view.show_classes([(one.value, one.name) for one in self._classes], self._label)

    def _show_grids(self) -> None:
        self._view.show_grids(self._grid_problem, is_resampling=self._is_resampling)

    def _on_failed(self, error: BaseException) -> None:
        self._view.show_busy(False)
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            if self.shown is None:
                self._view.show_message(error.advice)
            else:
                self._bench.post(Card.of_error(error))


def _made(slices: CompareSlices, wish: SliceWish) -> _Made:
    """Return what a wish shows: slow, on a thread."""
    reference = slices.sources.get(wish.reference)
    assert reference is not None
    made = slices.slices(wish)
    classes: dict[int, LabelClass] = {}
    problem = NOTHING
    for key in (*wish.keys, wish.reference):
        source = slices.sources.get(key)
        if source is None or not source.is_mask:
            continue
        try:
            for one in slices.classes(source):
                classes.setdefault(one.value, one)
            if reference.is_mask:
                check_one_grid(slices.geometry(reference), slices.geometry(source))
        except WorkstationError as error:
            problem = error.message
    ordered = tuple(classes[value] for value in sorted(classes))
    return made, slices.geometry(reference), ordered, problem
