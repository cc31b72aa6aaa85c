"""Which sources the panes of a comparison of volumes show, remembered for each item."""

from __future__ import annotations

from collections.abc import Sequence

from workstation.controllers.compare.pane_windows import PaneWindows
from workstation.controllers.compare.volume_compare_sources import VolumeSources
from workstation.controllers.volume.slice_places import MIDDLE
from workstation.views.protocols.compare import MAX_PANES, MIN_PANES
from workstation.views.protocols.volume import Position


class PaneChoice:
    """The sources of the panes, and what they are compared with.

    Attributes
    ----------
    keys : list of str
        Sources of the panes.
    reference : str
        Source that every pane is compared with.
    wanted : tuple of str
        What is to be shown once the sources of the item are known.
    windows : PaneWindows
    """

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.reference = ""
        self.wanted: tuple[str, ...] = ()
        self.windows = PaneWindows()
        self._remembered: dict[str, tuple[tuple[str, ...], str, Position]] = {}

    def leave(self, item_id: str, position: Position) -> None:
        """Remember what was shown of an item, and show nothing."""
        if item_id and self.keys:
            self._remembered[item_id] = (tuple(self.keys), self.reference, position)
        self.reference = ""
        self.empty()

    def empty(self) -> None:
        """Show no pane."""
        self.keys = []
        self.windows.begin(0)

    def choose(self, sources: VolumeSources) -> Position:
        """Choose what is shown of an item; return where its slices cut when it was left, or the middle."""
        keys = {source.key for source in sources.sources}
        remembered, reference, position = self._remembered.pop(sources.item.id, ((), "", MIDDLE))
        wanted, self.wanted = [key for key in self.wanted if key in keys], ()
        kept = [key for key in (self.keys or remembered) if key in keys]
        if wanted:
            others = [key for key in sources.preset() if key not in wanted]
            chosen = [*wanted, *others][: max(MIN_PANES, len(wanted))]
        else:
            chosen = kept if len(kept) >= MIN_PANES else list(sources.preset())
        if chosen != self.keys:
            self.keys = chosen
            self.windows.begin(len(chosen))
        known = self.reference or reference
        self.reference = known if known in keys else sources.reference
        return position

    def replace(self, index: int, key: str) -> bool:
        """Show another source in a pane; tell whether it is another."""
        if index >= len(self.keys) or self.keys[index] == key:
            return False
        self.keys[index] = key
        return True

    def add(self, keys: Sequence[str]) -> bool:
        """Show one source more, the first that no pane shows; tell whether there is room."""
        if not 0 < len(self.keys) < MAX_PANES:
            return False
        free = [key for key in keys if key not in self.keys]
        self.keys.append(free[0] if free else self.reference)
        self.windows.add()
        return True

    def remove(self, index: int) -> bool:
        """Take a pane away; tell whether it could go, as two stay."""
        if len(self.keys) <= MIN_PANES or index >= len(self.keys):
            return False
        del self.keys[index]
        self.windows.remove(index)
        return True
