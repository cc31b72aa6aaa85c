"""The Compare screen while a case with volumes is chosen: linked slices, and the table of cases below."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSplitter, QStackedLayout, QVBoxLayout, QWidget

from engines.contract.messages import Message
from workstation.actions.registry import ActionRegistry
from workstation.viewers.slice_compare_view import SliceCompareView
from workstation.views.compare.case_table import CaseTableView
from workstation.views.compare.volume_compare_panel import VolumeComparePanel
from workstation.views.protocols.compare import SourceRow
from workstation.views.protocols.overlay_modes import Mode
from workstation.views.protocols.volume import Plane
from workstation.views.protocols.volume_compare import CaseTable, SliceSet, TableChoice
from workstation.views.runs.run_words import sentence


class VolumeComparePart(QWidget):
    """With its panel it is the controllers' `VolumeCompareScreenView`.

    Parameters
    ----------
    actions : ActionRegistry
    panel : VolumeComparePanel
    set_shown : callable
        Gives the screen to volumes, or back to images.
    """

    def __init__(
        self,
        actions: ActionRegistry,
        panel: VolumeComparePanel,
        set_shown: Callable[[bool], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._actions = actions
        self._set_shown = set_shown
        self.panel = panel
        self.view = SliceCompareView()
        self.cases = CaseTableView(actions)
        self.message = QLabel()
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.message.setWordWrap(True)
        self.message.setProperty("role", "title")
        self.message.setContentsMargins(24, 24, 24, 24)
        above = QWidget()
        self._above = QStackedLayout(above)
        self._above.addWidget(self.view)
        self._above.addWidget(self.message)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(3)
        splitter.addWidget(above)
        splitter.addWidget(self.cases)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([620, 210])
        self.cases.setMinimumHeight(96)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter)
        self.view.settingsChanged.connect(self._show_settings)
        self._show_settings()

    # -- VolumeCompareScreenView ---------------------------------------------------------------------

    def set_shown(self, is_shown: bool) -> None:
        """Take the middle of the screen, or leave it to images."""
        self._set_shown(is_shown)

    def show_sources(self, sources: Sequence[SourceRow], chosen: Sequence[str], reference: str) -> None:
        """List what panes can show, what each of them shows, and what they are compared with."""
        self.view.show_sources(sources, chosen, reference)
        self.panel.show_sources(sources, reference)

    def show_slices(self, slices: SliceSet) -> None:
        """Show a slice in every pane."""
        self.view.show_slices(slices)

    def show_mode(self, mode: Mode) -> None:
        """Lay each pane over the reference in a mode."""
        self.view.show_mode(mode)
        self._show_settings()

    def show_plane(self, plane: Plane) -> None:
        """Say which plane is shown."""
        self.panel.show_plane(plane)
        for other in Plane:
            self._actions.action(f"compare.{other.value}").setChecked(other is plane)

    def show_classes(self, classes: Sequence[tuple[int, str]], chosen: int) -> None:
        """List the classes, by value and name; 0 is all of them."""
        self.panel.show_classes(classes, chosen)

    def show_images(self, images: Sequence[tuple[str, str]], base: str) -> None:
        """List the images that label maps can be shown over, by role and title; empty: the first."""
        self.panel.show_images(images, base)

    def show_message(self, message: Message) -> None:
        """Say in place of the panes why there are none; an empty message ends it."""
        text = sentence(message)
        self.message.setText(text)
        self._above.setCurrentWidget(self.message if text else self.view)

    def show_busy(self, is_busy: bool) -> None:
        """Say that a mode is being worked out over whole volumes."""
        self.panel.busy.setVisible(is_busy)

    def show_grids(self, problem: Message, *, is_resampling: bool) -> None:
        """Say that sources lie on different grids; an empty message: they do not."""
        self._actions.action("compare.resample").setChecked(is_resampling)
        self.panel.show_grids(problem, is_resampling=is_resampling)

    def show_names(self, names: Sequence[tuple[str, int]], choice: TableChoice) -> None:
        """List the names of label maps with the number of items that have them, and the choice."""
        self.cases.show_names(names, choice)
        # Without label maps there is nothing to measure: the images take its room.
        self.cases.setVisible(bool(names))

    def show_table(self, table: CaseTable | None) -> None:
        """Fill the table of cases."""
        self.cases.show_table(table)

    def show_progress(self, done: int, total: int) -> None:
        """Say how many cases are measured; both 0: nothing is going on."""
        self.cases.show_progress(done, total)

    def _show_settings(self) -> None:
        self.panel.show_settings(self.view.mode, self.view.settings)
