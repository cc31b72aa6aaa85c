"""Two to six panes with slices of one case, linked in slice, place, zoom and window."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from workstation.viewers.compare_pane import ImagePane
from workstation.viewers.compare_view import CompareView
from workstation.viewers.slice_pane import SlicePane
from workstation.views.protocols.volume_compare import SliceSet


class SliceCompareView(CompareView):
    """The panes.

    Signals
    -------
    stepped : int
    placed : float, float
        x and y in pixels of the frame.
    windowDragged : int, float, float
        Pane, and pixels of the screen to the right and down.
    windowReset
    linkChosen : bool
    """

    stepped = Signal(int)
    placed = Signal(float, float)
    windowDragged = Signal(int, float, float)
    windowReset = Signal()
    linkChosen = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._slices: SliceSet | None = None

    def new_pane(self, index: int) -> ImagePane:
        """Make a pane for slices."""
        pane = SlicePane()
        pane.stepped.connect(self.stepped)
        pane.placed.connect(self.placed)
        pane.windowDragged.connect(lambda dx, dy: self.windowDragged.emit(index, dx, dy))
        if self._slices is not None:
            pane.show_place(self._slices)
        return pane

    def show_slices(self, slices: SliceSet) -> None:
        """Show one slice in every pane."""
        self._slices = slices
        self.show_frame(slices.reference, slices.size, slices.spacing_mm)
        for index, content in enumerate(slices.contents):
            self.show_pane(index, content)
        for pane in self.panes:
            assert isinstance(pane, SlicePane)
            pane.show_place(slices)

    def set_window_linked(self, is_linked: bool) -> None:
        """Let window and level of all panes follow each other."""
        self.linkChosen.emit(is_linked)

    def reset_window(self) -> None:
        """Show the grey values as they were at first."""
        self.windowReset.emit()
