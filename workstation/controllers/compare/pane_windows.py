"""Window and level of every pane of a comparison, turned together unless a person unlinks them."""

from __future__ import annotations

from dataclasses import replace

from workstation.controllers.volume.slice_places import Adjustment, Window

WINDOW_PX = 400.0
"""Dragging so far changes the centre by a whole width of the default window."""
_FACTORS = (0.02, 20.0)


class PaneWindows:
    """How far window and level of each pane were turned.

    Attributes
    ----------
    turns : tuple of Adjustment
        One a pane.
    is_linked : bool
    """

    def __init__(self) -> None:
        self.turns: tuple[Adjustment, ...] = ()
        self.is_linked = True

    def begin(self, num_panes: int) -> None:
        """Show so many panes with the windows of their images."""
        self.turns = (Adjustment(),) * num_panes

    def add(self) -> None:
        """Show one pane more."""
        self.turns += (self.turns[0] if self.is_linked and self.turns else Adjustment(),)

    def remove(self, index: int) -> None:
        """Show one pane less."""
        self.turns = self.turns[:index] + self.turns[index + 1 :]

    def set_linked(self, is_linked: bool) -> bool:
        """Turn all panes together from now on, or each alone; tell whether a picture changes."""
        self.is_linked = is_linked
        if is_linked:
            self.turns = self.turns[:1] * len(self.turns)
        return is_linked and bool(self.turns)

    def drag(self, index: int, dx: float, dy: float) -> bool:
        """Change contrast to the sides, and brightness up and down; tell whether there is such a pane."""
        if index >= len(self.turns):
            return False
        turn = self.turns[index]
        factor = min(max(turn.factor * 1.005**dx, _FACTORS[0]), _FACTORS[1])
        turned = replace(turn, shift=turn.shift + dy / WINDOW_PX * turn.factor, factor=factor)
        if self.is_linked:
            self.turns = (turned,) * len(self.turns)
        else:
            self.turns = (*self.turns[:index], turned, *self.turns[index + 1 :])
        return True

    def use(self, window: Window) -> None:
        """Show every image in HU with a window."""
        self.turns = (Adjustment(preset=window),) * len(self.turns)

    def reset(self) -> None:
        """Show every image with the window that it had at first."""
        self.begin(len(self.turns))
