"""The parts of the window, for the keys that move the focus from one to the next.

A part is a column, a bar, or a pane of a splitter. A canvas takes Tab for itself: these keys lead out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import shiboken6
from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QApplication, QFrame, QScrollArea, QSplitter, QWidget

_MAIN_SHARE = 0.4
_MAX_LAST = 40
"""So many widgets are remembered as those that had the focus last."""


class FocusRegions(QObject):
    """Moves the focus through parts, and marks the pane whose canvas has it.

    Parameters
    ----------
    parts : callable
        Returns the parts of the window now, in order; hidden ones are left out.
    parent : QObject
    """

    def __init__(self, parts: Callable[[], Sequence[QWidget]], parent: QObject) -> None:
        super().__init__(parent)
        self._parts = parts
        self._last: list[QWidget] = []
        self._bar: QFrame | None = None
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus)

    def regions(self) -> list[QWidget]:
        """Return the parts that can take the focus, in order; a splitter is as many as it has panes."""
        found: list[QWidget] = []
        for part in self._parts():
            found += _panes(part)
        return [region for region in found if region.isVisible() and focusable(region)]

    def step(self, offset: int) -> QWidget | None:
        """Give the focus to the part so many further, where it was there last; return what got it."""
        regions = self.regions()
        if not regions:
            return None
        here = self._index(regions, QApplication.focusWidget())
        first = 0 if offset > 0 else -1
        region = regions[first if here is None else (here + offset) % len(regions)]
        candidates = focusable(region)
        known = (last for last in reversed(self._last) if shiboken6.isValid(last) and last in candidates)
        target = next(known, None) or _main(region, candidates)
        target.setFocus(Qt.FocusReason.TabFocusReason)
        return target

    def _on_focus(self, _before: QWidget | None, now: QWidget | None) -> None:
        self._mark(_bar_of(now))
        if now is not None:
            known = [last for last in self._last if shiboken6.isValid(last) and last is not now]
            self._last = [*known, now][-_MAX_LAST:]

    def _mark(self, bar: QFrame | None) -> None:
        if bar is self._bar:
            return
        for marked, has_focus in ((self._bar, False), (bar, True)):
            if marked is not None and shiboken6.isValid(marked):
                marked.setProperty("focused", has_focus)
                marked.style().unpolish(marked)
                marked.style().polish(marked)
        self._bar = bar

    @staticmethod
    def _index(regions: Sequence[QWidget], widget: QWidget | None) -> int | None:
        if widget is None:
            return None
        holds = (index for index, region in enumerate(regions) if _holds(region, widget))
        return next(holds, None)


def focusable(region: QWidget) -> list[QWidget]:
    """Return what Tab would reach in a part, in the order of the focus chain."""
    children = [region, *region.findChildren(QWidget)]
    ready = {
        id(child)
        for child in children
        if child.focusPolicy() & Qt.FocusPolicy.TabFocus
        and child.focusProxy() is None
        and child.isVisible()
        and child.isEnabled()
    }
    if not ready:
        return []
    found: list[QWidget] = []
    start = region.window()
    widget = start.nextInFocusChain()
    while widget is not start and len(found) < len(ready):
        if id(widget) in ready:
            found.append(widget)
        widget = widget.nextInFocusChain()
    return found


def _main(region: QWidget, candidates: Sequence[QWidget]) -> QWidget:
    """Return what a part is about, a canvas or a list, where one fills it; else what comes first."""
    areas = [0 if isinstance(one, QScrollArea) else one.width() * one.height() for one in candidates]
    largest = max(areas)
    is_main = largest >= _MAIN_SHARE * region.width() * region.height()
    return candidates[areas.index(largest)] if is_main else candidates[0]


def _panes(part: QWidget) -> list[QWidget]:
    """Return the outermost parts between which a person can move a splitter, and what is beside them."""
    splitters = [one for one in part.findChildren(QSplitter) if _is_ours(one) and one.isVisible()]
    outer = [one for one in splitters if not _is_in(one, [other for other in splitters if other is not one])]
    if _is_ours(part):
        outer = [part]
    if not outer:
        return [part]
    found = []
    if not _is_ours(part):
        found += [bar for bar in part.findChildren(QFrame, "pane_bar") if not _is_in(bar, outer)]
    for splitter in outer:
        for index in range(splitter.count()):
            found += _panes(splitter.widget(index))
    return found


def _is_ours(widget: QWidget) -> bool:
    """Tell whether a widget is a splitter between parts; a napari viewer is one of another kind."""
    return type(widget) is QSplitter


def _is_in(widget: QWidget, outer: Sequence[QWidget]) -> bool:
    return any(one.isAncestorOf(widget) for one in outer)


def _holds(region: QWidget, widget: QWidget) -> bool:
    return region is widget or region.isAncestorOf(widget)


def _bar_of(widget: QWidget | None) -> QFrame | None:
    """Return the bar above the pane of a widget that cannot draw its own focus: a canvas."""
    while widget is not None and not widget.isWindow():
        above = widget.parentWidget()
        if above is None or _is_ours(above):
            return None
        bars = above.findChildren(QFrame, "pane_bar", Qt.FindChildOption.FindDirectChildrenOnly)
        if bars and widget not in bars:
            return bars[0]
        widget = above
    return None
