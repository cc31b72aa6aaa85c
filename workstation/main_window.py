"""The main window: regions, menus and screens from tables. It wires, and decides nothing."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtOpenGLWidgets import QOpenGLWidget
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QMainWindow,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from workstation.actions.application import MENUS
from workstation.actions.registry import ActionRegistry
from workstation.actions.tables import ALL_ACTIONS
from workstation.controllers.background import Background
from workstation.controllers.project.browser_controller import browser_rows
from workstation.controllers.project.history_controller import HistoryController
from workstation.controllers.project.project_controller import ProjectController
from workstation.controllers.runs.run_schedule import schedule_of
from workstation.controllers.workbench import Workbench
from workstation.help_actions import HelpActions
from workstation.screens import SCREENS, Screen, ScreenSpec, screen_for
from workstation.settings import Settings
from workstation.translation import translate
from workstation.views.data.data_browser import DataBrowser
from workstation.views.data.project_dialogs import ask_new_folder
from workstation.views.elements.cards import CardStack
from workstation.views.elements.empty_state import first_steps, without_items
from workstation.views.protocols.project import BrowserRow
from workstation.views.window.first_run_card import FirstRunCard
from workstation.views.window.run_strip import RunStrip
from workstation.views.window.top_bar import TopBar
from workstation.window_actions import WindowActions
from workstation.window_imports import WindowImports

_LOG = logging.getLogger(__name__)

MIN_SIZE = QSize(1280, 720)
BROWSER_WIDTH_PX = 244
PANEL_WIDTH_PX = 280


class MainWindow(QMainWindow):
    """The one window.

    Parameters
    ----------
    workbench : Workbench
    settings : Settings
    sample_folder : Path
        Where the sample project is built.

    Signals
    -------
    screen_shown : str
        A screen is shown now, by key.
    """

    screen_shown = Signal(str)

    def __init__(self, workbench: Workbench, settings: Settings, sample_folder: Path) -> None:
        super().__init__()
        self.workbench = workbench
        self.settings = settings
        self._screens: dict[str, Screen] = {}
        self._loader = Background(self, num_threads=1)
        self._is_loaded = False
        self._screen = ""
        self._num_unsaved = 0
        self.projects = ProjectController(workbench, self)
        self.history = HistoryController(workbench, self)
        self.actions_ = ActionRegistry(ALL_ACTIONS, self)
        self.setWindowTitle(self.tr("Annotation and training workstation"))
        self.setMinimumSize(MIN_SIZE)
        self.setAcceptDrops(True)
        self._build()
        self._commands = WindowActions(self, sample_folder)
        self.imports = WindowImports(self)
        self.help = HelpActions(self)
        self._build_menus()
        self._connect()
        self._restore_geometry()
        self._on_project_changed()

    # -- building ------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.browser = DataBrowser()
        self.browser.set_empty(without_items(self.actions_))
        self.centre = QStackedWidget()
        self.panels = QStackedWidget()
        self.panels.setObjectName("task_panel")
        self.panels.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.empty = first_steps(self.actions_)
        self.centre.addWidget(self.empty)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(3)
        for widget, stretch in ((self.browser, 0), (self.centre, 1), (self.panels, 0)):
            self.splitter.addWidget(widget)
            self.splitter.setStretchFactor(self.splitter.count() - 1, stretch)
        self.browser.setMinimumWidth(180)
        self.panels.setMinimumWidth(220)
        self.splitter.setSizes([BROWSER_WIDTH_PX, 900, PANEL_WIDTH_PX])
        self.strip = RunStrip()
        root = QWidget()
        # With the first OpenGL child Qt makes the native window anew, which flickers and drops the focus;
        # with one from the start it does not.
        QOpenGLWidget(root).hide()
        layout = QVBoxLayout(root)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self.top_bar = TopBar(self.actions_, [spec.key for spec in SCREENS])
        layout.addWidget(self.top_bar)
        self.first_steps = FirstRunCard()
        layout.addWidget(self.first_steps)
        layout.addWidget(self.splitter, 1)
        layout.addWidget(self.strip)
        self.setCentralWidget(root)
        self.cursor_label = QLabel()
        self.saved_label = QLabel()
        self.statusBar().setSizeGripEnabled(False)
        self.statusBar().addWidget(self.cursor_label)
        self.statusBar().addPermanentWidget(self.saved_label)
        self.cards = CardStack(root, self.panels)
        self.cards.bottom_margin_px = self.strip.height()

    def _build_menus(self) -> None:
        for title in MENUS:
            actions = self.actions_.of_menu(title)
            if actions:
                menu = self.menuBar().addMenu(QCoreApplication.translate("actions", title))
                menu.setToolTipsVisible(True)
                menu.addActions(list(actions))
        self.menuBar().setNativeMenuBar(False)

    def _connect(self) -> None:
        bench = self.workbench
        bench.card_posted.connect(self.cards.post)
        bench.project_changed.connect(self._on_project_changed)
        bench.data_changed.connect(self._on_data_changed)
        bench.item_changed.connect(self._on_item_changed)
        bench.screen_requested.connect(self.show_screen)
        bench.cursor_moved.connect(self.cursor_label.setText)
        bench.strip_changed.connect(self.strip.show_run)
        schedule_of(bench)
        self.browser.itemChosen.connect(self._choose_item)
        self.projects.work_changed.connect(self._on_work)
        self.projects.opened.connect(self._on_opened)
        # At once: the next key may come before the screens are told.
        self.history.stepped.connect(self.actions_.refresh)
        self.history.unsaved_changed.connect(self._on_unsaved)
        self.strip.cancelled.connect(self.projects.cancel)
        self.strip.runClicked.connect(bench.request_run)

    # -- screens -------------------------------------------------------------------------------------

    def show_screen(self, key: str) -> None:
        """Show a screen; it is built when it is asked for the first time."""
        if self.workbench.project is None or key not in {spec.key for spec in SCREENS}:
            return
        spec = next(spec for spec in SCREENS if spec.key == key)
        if self._screen and self._screen != key:
            self._screens[self._screen].hidden()
        screen = self._screens.get(key) or self._build_screen(spec)
        self._screen = key
        self.centre.setCurrentWidget(screen.centre)
        if screen.panel is not None:
            self.panels.setCurrentWidget(screen.panel)
            self.panels.setMinimumWidth(max(220, screen.panel.minimumWidth()))
        self.panels.setVisible(screen.panel is not None)
        self.browser.setVisible(spec.shows_items)
        self.top_bar.show_screen(key)
        self.cursor_label.clear()
        self.actions_.set_screen(key)
        screen.shown()
        self.screen_shown.emit(key)

    @property
    def screen_key(self) -> str:
        """Key of the screen that is shown; empty for none."""
        return self._screen

    def _show_first_screen(self) -> None:
        if self._is_loaded and not self._screen:
            self.show_screen(screen_for(self.browser.kind_of(self.workbench.item_id), SCREENS[0].key))

    def _on_loaded(self, _answer: object) -> None:
        self._is_loaded = True
        self._show_first_screen()

    def screen(self, key: str) -> Screen | None:
        """Return a screen that was built already."""
        return self._screens.get(key)

    def _build_screen(self, spec: ScreenSpec) -> Screen:
        began = time.monotonic()
        screen = spec.build(self.workbench, self.actions_)
        self._screens[spec.key] = screen
        self.centre.addWidget(screen.centre)
        if screen.panel is not None:
            self.panels.addWidget(screen.panel)
        _LOG.info("Screen %s was built in %.2f s.", spec.key, time.monotonic() - began)
        return screen

    # -- answers -------------------------------------------------------------------------------------

    def _on_project_changed(self) -> None:
        project = self.workbench.project
        for key, screen in self._screens.items():
            self.actions_.unbind_screen(key)
            screen.close()
            self.centre.removeWidget(screen.centre)
            screen.centre.deleteLater()
            if screen.panel is not None:
                self.panels.removeWidget(screen.panel)
                screen.panel.deleteLater()
        self._screens.clear()
        self._screen = ""
        self.strip.show_run(None)
        has_project = project is not None
        self.top_bar.show_project(
            project.name if project is not None else "", str(project.folder) if project is not None else ""
        )
        for widget in (self.browser, self.panels):
            widget.setVisible(has_project)
        self.saved_label.clear()
        self.actions_.set_screen("")
        if not has_project:
            self.centre.setCurrentWidget(self.empty)
            self.browser.show_rows([])
            return
        self.browser.show_rows(browser_rows(project))
        self._note_saved()
        # The frame is painted before the first screen is built.
        QTimer.singleShot(0, self._show_first_screen)
        ids = self.browser.shown_ids()
        if ids:
            self.browser.set_current(ids[0])
            self.workbench.set_item(ids[0])

    def _on_data_changed(self) -> None:
        project = self.workbench.project
        if project is None:
            return
        # Not on this thread: every edit comes here, and a project may hold thousands of items.
        self.workbench.background.submit("window.items", lambda: browser_rows(project), self._on_browser_rows)
        self._note_saved()
        self.actions_.refresh()

    def _on_browser_rows(self, rows: list[BrowserRow]) -> None:
        had_items = bool(self.browser.shown_ids())
        self.browser.show_rows(rows)
        ids = self.browser.shown_ids()
        if ids and not self.workbench.item_id:
            self.browser.set_current(ids[0])
            self._choose_item(ids[0])
        if bool(ids) != had_items:
            self.actions_.refresh()

    def _choose_item(self, item_id: str) -> None:
        """Make an item the current one, on a screen that can show it."""
        self.workbench.set_item(item_id)
        if self._screen:
            wanted = screen_for(self.browser.kind_of(item_id), self._screen)
            if wanted != self._screen:
                self.show_screen(wanted)

    def _on_item_changed(self, item_id: str) -> None:
        self.browser.set_current(item_id)
        self.actions_.refresh()

    def _on_opened(self, folder: Path) -> None:
        self.history.offer_unsaved()
        self.settings.remember_project(folder)
        self.settings.write()

    def _on_work(self, text: str, done: int, total: int) -> None:
        self.strip.show_work(f"{translate(text)}…" if text else "", done, total)
        self.actions_.refresh()

    def _on_unsaved(self, num_unsaved: int) -> None:
        self._num_unsaved = num_unsaved
        if self.workbench.project is not None:
            self._note_saved()

    def _note_saved(self) -> None:
        self.saved_label.setProperty("status", "failed" if self._num_unsaved else "")
        self.saved_label.style().polish(self.saved_label)
        if self._num_unsaved:
            self.saved_label.setText(self.tr("NOT SAVED: {n}").format(n=self._num_unsaved) + "  ✘")
            return
        moment = datetime.now().strftime("%H:%M:%S")
        self.saved_label.setText(self.tr("all changes on disk {time}").format(time=moment) + "  ●")

    def last_folder(self) -> Path:
        """Return where the person worked last, for dialogs."""
        recent = self.settings.recent_projects
        return Path(recent[0]).parent if recent else Path.home()

    # -- Qt ------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        """Import what the screens need on a thread, once the window is there."""
        super().showEvent(event)
        if not self._is_loaded:
            self._loader.submit("screens", lambda: [spec.load() for spec in SCREENS], self._on_loaded)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept files and folders."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Import what was dropped, or open a dropped project."""
        self.accept_paths([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])

    def accept_paths(self, paths: list[Path]) -> None:
        """Open a project folder, or import files and folders into the open project."""
        if not paths:
            return
        if len(paths) == 1 and (paths[0] / "project.db").exists():
            self.projects.open(paths[0])
        elif self.workbench.project is not None:
            self.imports.receive(paths)
        else:
            # Data needs a project: ask for its folder, and import there.
            folder = ask_new_folder(self, self.last_folder())
            if folder is not None:
                self.projects.create_for(folder, paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Let go of threads, canvases and project; runs go on by themselves."""
        area = self.geometry()
        self.settings.window = (area.x(), area.y(), area.width(), area.height())
        self.settings.is_snapping = self.workbench.is_snapping
        self.settings.snap_radius_px = self.workbench.snap_radius_px
        self.settings.write()
        for screen in self._screens.values():
            screen.close()
        self._screens.clear()
        self._loader.close()
        self.workbench.close()
        super().closeEvent(event)

    def _restore_geometry(self) -> None:
        screen = self.screen_area()
        width, height = min(1600, screen.width()), min(1000, screen.height())
        x, y = 0, 0
        if self.settings.window is not None:
            x, y, width, height = self.settings.window
            if not screen.contains(x + 50, y + 20):
                x, y = 0, 0
        self.setGeometry(x, y, max(width, MIN_SIZE.width()), max(height, MIN_SIZE.height()))

    def screen_area(self) -> QRect:
        """Return the usable area of the first monitor."""
        return QApplication.primaryScreen().availableGeometry()
