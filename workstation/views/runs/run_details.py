"""One run: its failure if there is one, its curves, its pictures, and the panels of its pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtWidgets import QLabel, QSplitter, QTabWidget, QVBoxLayout, QWidget

from engines.contract.run_folder import RunFolder
from workstation.views.panels import PanelWidget, make_drawer
from workstation.views.panels.image_series import ImageSeries
from workstation.views.protocols.runs import RunView
from workstation.views.runs.failure_card import FailureCard
from workstation.views.runs.run_plots import RunPlots
from workstation.views.runs.run_words import spoken, state_words


class RunDetails(QWidget):
    """Draws a run from its `RunView` alone, so a live one and an old one look the same.

    Parameters
    ----------
    actions : mapping of str to QAction
        ``"resume"`` for the failure card.
    orientation : Qt.Orientation
        Whether pictures stand below the curves or beside them.

    Signals
    -------
    placeChosen : str, object
        An item and a place of it in the world, in mm.
    panelViewChanged : str, str, dict
        Run, title of one of its panels, and how it is looked at from now on.
    """

    placeChosen = Signal(str, object)
    panelViewChanged = Signal(str, str, dict)

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        actions: Mapping[str, QAction],
        orientation: Qt.Orientation = Qt.Orientation.Vertical,
    ) -> None:
        super().__init__(parent)
        self._run: RunView | None = None
        self.title = QLabel(self)
        self.title.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.failure = FailureCard(actions["resume"], self)
        self.failure.log_requested.connect(self._open_log)
        self.plots = RunPlots(self)
        self.previews = ImageSeries(self)
        self.tabs = QTabWidget(self)
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.addTab(self.previews, self.tr("Pictures"))
        self._drawers: dict[str, PanelWidget] = {}
        self.splitter = QSplitter(orientation, self)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.plots)
        self.splitter.addWidget(self.tabs)
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self.title)
        layout.addWidget(self.failure)
        layout.addWidget(self.splitter, 1)
        self.show_run(None)

    def show_run(self, run: RunView | None) -> None:
        """Draw a run, or its absence."""
        before = self._run
        self._run = run
        self.title.setVisible(run is not None)
        self.tabs.setVisible(run is not None)
        if before is None and run is not None:
            self.splitter.setSizes([600, 400])
        if run is not None:
            words = state_words(run.state)
            self.title.setText(f"{run.run_id}   {words.text}")
            if self.title.property("status") != words.status:
                self.title.setProperty("status", words.status)
                self.title.style().polish(self.title)
        self.failure.show_failure(run.failure if run is not None else None)
        self.plots.show_run(run)
        # A run that measures nothing as it goes, as an evaluation, leaves the room to its panels.
        self.plots.setVisible(run is None or bool(run.curves) or not run.panels)
        if before is not None and (run is None or run.run_id != before.run_id):
            self._drop_panels()
            # A jump to another run must not show the curves of the one before for a tenth of a second.
            self.plots.redraw()
        self.previews.show_frames(run.frames if run is not None else ())
        self._show_panels(run)
        if run is not None:
            # A run that is over and drew nothing as it went has its pictures in its panels, if at all.
            has_pictures = bool(run.frames) or not run.panels or not run.state.is_over
            self.tabs.setTabVisible(self.tabs.indexOf(self.previews), has_pictures)

    def _show_panels(self, run: RunView | None) -> None:
        if run is None or run.folder is None:
            return
        for panel in run.panels:
            name = f"{panel.kind.value}/{panel.title}"
            drawer = self._drawers.get(name)
            if drawer is None:
                drawer = make_drawer(panel.kind.value, self.tabs)
                drawer.placeChosen.connect(self.placeChosen)
                drawer.viewChanged.connect(partial(self.panelViewChanged.emit, run.run_id, panel.title))
                self._drawers[name] = drawer
                self.tabs.addTab(drawer, spoken(panel.title))
                drawer.show_panel(panel, run.folder)
                drawer.set_view(run.panel_views.get(panel.title, {}))
            else:
                drawer.show_panel(panel, run.folder)

    def _drop_panels(self) -> None:
        for drawer in self._drawers.values():
            self.tabs.removeTab(self.tabs.indexOf(drawer))
            drawer.deleteLater()
        self._drawers = {}

    def _open_log(self) -> None:
        if self._run is not None and self._run.folder is not None:
            path = RunFolder(self._run.folder).log_path
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
