"""The Compare screen: which sources its panes show, in which mode, and what the numbers say of them.

The controller knows the view as a `CompareScreenView` only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from engines.contract.errors import WorkstationError
from engines.contract.messages import Message
from engines.imaging.comparison import Change
from workstation.controllers.compare.compare_images import CompareImages
from workstation.controllers.compare.compare_sources import RUN, ItemSources, Source, sources_of
from workstation.controllers.compare.figure_panels import FigureSubject
from workstation.controllers.latest_work import LatestWork
from workstation.controllers.pairs.pair_edits import execute
from workstation.controllers.volume.volume_images import VOLUME_KINDS
from workstation.controllers.workbench import Workbench
from workstation.project.items import Item
from workstation.project.result_commands import JudgeResult, Verdict
from workstation.views.protocols.cards import Card
from workstation.views.protocols.compare import (
    MAX_PANES,
    MIN_PANES,
    CompareScreenView,
    PaneContent,
    ShownPane,
)
from workstation.views.protocols.overlay_modes import Mode, ModeSettings

_LOG = logging.getLogger(__name__)
_COMPOSED = (Mode.BLEND, Mode.DIFFERENCE)


class CompareController(QObject):
    """Behind the Compare screen.

    Parameters
    ----------
    workbench : Workbench
    view : CompareScreenView
    colours : mapping of Change to ``"#rrggbb"``
        Of a difference.

    Attributes
    ----------
    watchers : list of callable
        Called when the mode is another.

    Signals
    -------
    state_changed
        What may be done now changed.
    """

    state_changed = Signal()

    def __init__(
        self,
        workbench: Workbench,
        view: CompareScreenView,
        colours: dict[Change, str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._view = view
        self._colours = colours
        self._item: Item | None = None
        self._images: CompareImages | None = None
        self._chosen: list[str] = []
        self._remembered: dict[str, tuple[tuple[str, ...], str]] = {}
        self._wanted: tuple[str, ...] = ()
        self._reference = ""
        self._mode = Mode.TILES
        self._contents: dict[int, PaneContent] = {}
        self._is_shown = False
        self._is_stale = True
        self._is_unregistered_wanted = False
        self.watchers: list[Callable[[], None]] = []
        self._panes = [
            LatestWork(workbench.background, f"compare.pane.{index}") for index in range(MAX_PANES)
        ]
        workbench.item_changed.connect(self._on_item)
        workbench.data_changed.connect(self._on_change)
        workbench.live_runs.ended.connect(self._on_change)
        workbench.compare_requested.connect(self.request)

    # -- state ---------------------------------------------------------------------------------------

    @property
    def mode(self) -> Mode:
        """The mode that is on."""
        return self._mode

    @property
    def sources(self) -> ItemSources | None:
        """What can be compared of the item, or None until it is known."""
        return self._images.sources if self._images is not None else None

    @property
    def images(self) -> CompareImages | None:
        """Pixels of the item."""
        return self._images

    @property
    def colours(self) -> dict[Change, str]:
        """Colours of a difference."""
        return self._colours

    @property
    def chosen(self) -> tuple[str, ...]:
        """Keys of what the panes show."""
        return tuple(self._chosen)

    @property
    def reference(self) -> str:
        """Key of what the panes are compared with."""
        return self._reference

    @property
    def is_showing(self) -> bool:
        """Whether panes are shown."""
        return bool(self._chosen)

    def content(self, index: int) -> PaneContent | None:
        """Return what a pane shows, or None until it does."""
        return self._contents.get(index)

    # -- item ----------------------------------------------------------------------------------------

    def set_shown(self, is_shown: bool) -> None:
        """Begin or stop to follow the item; on another screen nothing is read."""
        self._is_shown = is_shown
        if is_shown and self._is_stale:
            self.look()

    def request(self, keys: Sequence[str]) -> None:
        """Show these sources once the item is read."""
        self._wanted = tuple(keys)
        self._is_stale = True
        if self._is_shown:
            self.look()

    def look(self) -> None:
        """Read on a thread what can be compared."""
        project, item_id = self._bench.project, self._bench.item_id
        item = project.items.get(item_id) if project is not None and item_id else None
        is_volume = item is not None and item.kind in VOLUME_KINDS
        if is_volume:
            # Another controller of the screen shows those.
            item = None
        if item is None or self._item is None or item.id != self._item.id:
            self._leave_item()
        self._item, self._is_stale = item, False
        self._bench.background.drop("compare.sources")
        if is_volume:
            return
        if project is None or item is None:
            self._view.show_message(Message("Choose an item on the left."))
            return
        if self._images is None:
            self._view.show_message(Message("Looking for results…"))
        self._bench.background.submit(
            "compare.sources", lambda: sources_of(project, item), self._on_sources, self._on_failed
        )

    def show_unregistered(self) -> None:
        """Compare the images although there is no result yet."""
        self._is_unregistered_wanted = True
        if self.sources is not None:
            self._on_sources(self.sources)

    def _leave_item(self) -> None:
        if self._item is not None and self._chosen:
            self._remembered[self._item.id] = (self.chosen, self._reference)
        for work in self._panes:
            work.drop()
        self._images, self._chosen, self._reference = None, [], ""
        self._is_unregistered_wanted = False
        self._contents.clear()

    def _on_item(self, _item_id: str) -> None:
        self._is_stale = True
        if self._is_shown:
            self.look()

    def _on_change(self, _what: object = None) -> None:
        self._on_item("")

    def _on_sources(self, sources: ItemSources) -> None:
        self._images = CompareImages(sources, self._images)
        is_pair = bool(sources.get("fixed"))
        keys = {source.key for source in sources.sources}
        has_enough = bool(sources.results) or (len(keys) >= MIN_PANES and not is_pair)
        if not (has_enough or (self._is_unregistered_wanted and len(keys) >= MIN_PANES)):
            self._chosen = []
            self._view.show_numbers(())
            text = "Nothing to compare yet." if len(keys) >= MIN_PANES else "The item has one image only."
            self._view.show_message(Message(text), is_empty=is_pair)
            self.state_changed.emit()
            return
        self._choose_first(sources, keys)
        self._view.show_message(Message(""))
        self._view.show_numbers([source.numbers for source in sources.sources if _is_numbered(source)])
        self._show_all()

    def _choose_first(self, sources: ItemSources, keys: set[str]) -> None:
        remembered, reference = self._remembered.pop(sources.item.id, ((), ""))
        wanted = [key for key in self._wanted if key in keys]
        self._wanted = ()
        if wanted:
            others = [key for key in (*sources.preset(), sources.reference, *keys) if key not in wanted]
            self._chosen = [*wanted, *others][: max(MIN_PANES, len(wanted))]
        else:
            kept = [key for key in (self._chosen or remembered) if key in keys]
            self._chosen = kept if len(kept) >= MIN_PANES else list(sources.preset())
        known = self._reference or reference
        self._reference = known if known in keys else sources.reference

    # -- panes ---------------------------------------------------------------------------------------

    def choose_source(self, index: int, key: str) -> None:
        """Show another source in a pane."""
        if index < len(self._chosen) and self._chosen[index] != key:
            self._chosen[index] = key
            self._show_choice()
            self._show_pane(index)

    def choose_reference(self, key: str) -> None:
        """Compare every pane with another source."""
        if key != self._reference:
            self._reference = key
            self._show_all()

    def add_pane(self) -> None:
        """Show one source more: the first that no pane shows."""
        sources = self.sources
        if sources is None or not 0 < len(self._chosen) < MAX_PANES:
            return
        free = [source.key for source in sources.sources if source.key not in self._chosen]
        self._chosen.append(free[0] if free else self._reference)
        self._show_choice()
        self._show_pane(len(self._chosen) - 1)

    def remove_pane(self, index: int) -> None:
        """Take a pane away; two stay."""
        if len(self._chosen) > MIN_PANES and index < len(self._chosen):
            del self._chosen[index]
            self._show_all()

    def choose(self, mode: Mode) -> None:
        """Switch a mode on, or back to tiles when it is on."""
        self.set_mode(Mode.TILES if mode is self._mode else mode)

    def set_mode(self, mode: Mode) -> None:
        """Lay the panes over the reference in a mode."""
        before, self._mode = self._mode, mode
        self._view.show_mode(mode)
        if mode in _COMPOSED or before in _COMPOSED:
            for index in range(len(self._chosen)):
                self._show_pane(index)
        for watcher in self.watchers:
            watcher()

    # -- deciding ------------------------------------------------------------------------------------

    @property
    def judged(self) -> tuple[str, str]:
        """Run of the first registration on show, and what is said of it; both empty without one."""
        sources = self.sources
        for key in self._chosen:
            source = sources.get(key) if sources is not None else None
            if source is not None and key.startswith(RUN) and source.has_transform:
                return key.removeprefix(RUN), source.numbers.verdict
        return "", ""

    def judge(self, verdict: Verdict) -> None:
        """Accept or reject the first registration on show."""
        run_id, said = self.judged
        if self._item is not None and run_id and said != verdict:
            execute(self._bench, JudgeResult(self._item.id, run_id, verdict))

    def subject(self, shown: Sequence[ShownPane], settings: ModeSettings) -> FigureSubject | None:
        """Return what a figure shows now, or None while nothing is shown."""
        if self._images is None or not self._chosen:
            return None
        return FigureSubject(
            self._images,
            self.chosen,
            tuple(shown),
            self._reference,
            self._mode,
            settings,
            self._colours,
        )

    def close(self) -> None:
        """Let go of the window's signals."""
        self._bench.item_changed.disconnect(self._on_item)
        self._bench.data_changed.disconnect(self._on_change)
        self._bench.live_runs.ended.disconnect(self._on_change)
        self._bench.compare_requested.disconnect(self.request)

    def _show_choice(self) -> None:
        sources = self.sources
        if sources is not None:
            self._view.show_sources([source.row for source in sources.sources], self._chosen, self._reference)
        self.state_changed.emit()

    def _show_all(self) -> None:
        self._show_choice()
        self._view.show_mode(self._mode)
        self._show_reference()
        for index in range(len(self._chosen)):
            self._show_pane(index)

    def _show_reference(self) -> None:
        images, reference = self._images, self._reference
        source = images.sources.get(reference) if images is not None else None
        if images is None or source is None or images.sources.frame is None:
            return
        spacing_mm = images.sources.frame.spacing_mm
        self._bench.background.submit(
            "compare.reference",
            lambda: (images.picture(source), images.frame_size()),
            lambda made: self._view.show_frame(made[0], made[1], spacing_mm),
            self._on_failed,
        )

    def _show_pane(self, index: int) -> None:
        images, mode, reference, colours = self._images, self._mode, self._reference, self._colours
        if images is None:
            return
        key = self._chosen[index]
        known = self._contents.get(index)
        if known is None or known.source != key:
            # The picture of another source must not stand under this one's name.
            self._take(index, PaneContent(key))

        def failed(error: BaseException) -> None:
            if isinstance(error, WorkstationError):
                _LOG.info("%s", error)
                self._take(index, PaneContent(key, problem=error.message))

        self._panes[index].ask(
            lambda: images.content(key, mode, reference, colours),
            lambda content: self._take(index, content),
            failed,
        )

    def _take(self, index: int, content: PaneContent) -> None:
        if index < len(self._chosen) and self._chosen[index] == content.source:
            self._contents[index] = replace(content, is_reference=content.source == self._reference)
            self._view.show_pane(index, self._contents[index])

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))
            if not self._chosen:
                self._view.show_message(error.message)


def _is_numbered(source: Source) -> bool:
    return source.row.is_result or source.numbers.mean_px is not None
