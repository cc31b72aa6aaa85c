"""The Compare screen: linked panes, the numbers below, or what to do when there is nothing to compare."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QLabel,
    QSplitter,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from engines.contract.geometry import Size
from engines.contract.messages import Message
from engines.imaging.screen_picture import Picture
from workstation.actions.registry import ActionRegistry
from workstation.viewers.compare_view import CompareView
from workstation.views.compare.compare_panel import ComparePanel
from workstation.views.compare.compare_table import CompareTable
from workstation.views.elements.action_bar import ActionBar
from workstation.views.elements.empty_state import EmptyState
from workstation.views.protocols.compare import PaneContent, SourceNumbers, SourceRow
from workstation.views.protocols.overlay_modes import Mode
from workstation.views.runs.run_words import sentence

TOOL_BAR = (
    ("tiles", "blend", "peek", "flicker", "curtain", "checkerboard", "difference", "vectors", "distance"),
    ("add", "remove", "whole"),
)


class CompareScreen(QWidget):
    """Centre of the screen; with its panel it is the controller's `CompareScreenView`.

    Parameters
    ----------
    actions : ActionRegistry
    panel : ComparePanel
    """

    def __init__(self, actions: ActionRegistry, panel: ComparePanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panel = panel
        self.view = CompareView()
        self.table = CompareTable()
        self.message = QLabel()
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.message.setWordWrap(True)
        self.message.setProperty("role", "title")
        self.empty = EmptyState(
            self.tr("Choose two results"),
            self.tr(
                "This item has none yet. Place pairs, or press Register on the Pairs screen; "
                "every result is then listed here."
            ),
            actions.action("screen.pairs"),
            [actions.action("compare.unregistered")],
        )
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(3)
        splitter.addWidget(self.view)
        splitter.addWidget(self.table)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([640, 150])
        self.table.setMinimumHeight(84)
        body = QWidget()
        self._body = QStackedLayout(body)
        for widget in (splitter, self.message, self.empty):
            self._body.addWidget(widget)
        self._panes = splitter
        self._sides = QStackedLayout()
        self._sides.addWidget(body)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(_tool_bar(actions))
        layout.addLayout(self._sides, 1)
        self.view.settingsChanged.connect(self._show_settings)
        self._show_settings()

    def add_side(self, side: QWidget) -> None:
        """Take what is shown in the place of the images for items of another kind."""
        self._sides.addWidget(side)

    def show_side(self, side: QWidget | None) -> None:
        """Show a side that was added; None: the images."""
        if side is None:
            self._sides.setCurrentIndex(0)
        else:
            self._sides.setCurrentWidget(side)

    # -- CompareScreenView ---------------------------------------------------------------------------

    def show_sources(self, sources: Sequence[SourceRow], chosen: Sequence[str], reference: str) -> None:
        """List what panes can show, what each of them shows, and what they are compared with."""
        self.view.show_sources(sources, chosen, reference)
        self.panel.show_sources(sources, reference)

    def show_frame(self, reference: Picture | None, size: Size | None, spacing_mm: float | None) -> None:
        """Take the picture that the panes are compared with."""
        self.view.show_frame(reference, size, spacing_mm)

    def show_pane(self, index: int, content: PaneContent) -> None:
        """Show the content of a pane."""
        self.view.show_pane(index, content)

    def show_mode(self, mode: Mode) -> None:
        """Lay each pane over the reference in a mode."""
        self.view.show_mode(mode)
        self._show_settings()

    def show_numbers(self, rows: Sequence[SourceNumbers]) -> None:
        """Fill the table."""
        self.table.show_numbers(rows)
        self.table.setVisible(bool(rows))

    def show_message(self, message: Message, *, is_empty: bool = False) -> None:
        """Say in place of the panes why there are none."""
        text = sentence(message)
        self.message.setText(text)
        if not text:
            self._body.setCurrentWidget(self._panes)
        else:
            self._body.setCurrentWidget(self.empty if is_empty else self.message)

    def _show_settings(self) -> None:
        self.panel.show_settings(self.view.mode, self.view.settings)


def _tool_bar(actions: ActionRegistry) -> ActionBar:
    return ActionBar([[actions.action(f"compare.{verb}") for verb in group] for group in TOOL_BAR])
