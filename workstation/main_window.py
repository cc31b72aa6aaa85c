"""The main window: regions, menus and screens from tables. It wires, and decides nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QRect, QSize, Qt, QTimer, QUrl
from PySide6.QtGui import QCloseEvent, QDesktopServices, QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtOpenGLWidgets import QOpenGLWidget
from PySide6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engines.contract.errors import WorkstationError
from engines.contract.messages import Message
from workstation.actions.application import MENUS
from workstation.actions.registry import ActionRegistry
from workstation.actions.tables import ALL_ACTIONS
from workstation.controllers.background import Background
from workstation.controllers.browser_controller import browser_rows
from workstation.controllers.project_controller import ProjectController
from workstation.controllers.run_schedule import schedule_of
from workstation.controllers.workbench import Workbench
from workstation.screens import SCREENS, Screen, ScreenSpec
from workstation.settings import Settings, log_path
from workstation.translation import translate_message
from workstation.views.cards import CardStack
from workstation.views.data_browser import DataBrowser
from workstation.views.empty_state import EmptyState
from workstation.views.protocols import Card
from workstation.views.run_strip import RunStrip
from workstation.views.shortcut_list import ShortcutList
from workstation.views.theme import apply_theme

_LOG = logging.getLogger(__name__)

MIN_SIZE = QSize(1280, 720)
BROWSER_WIDTH_PX = 244
PANEL_WIDTH_PX = 268


class MainWindow(QMainWindow):
    """The one window.

    Parameters
    ----------
    workbench : Workbench
    settings : Settings
    sample_folder : Path
        Where the sample project is built.
    """

    def __init__(self, workbench: Workbench, settings: Settings, sample_folder: Path) -> None:
        super().__init__()
        self.workbench = workbench
        self.settings = settings
        self._sample_folder = sample_folder
        self._screens: dict[str, Screen] = {}
        self._loader = Background(self, num_threads=1)
        self._is_loaded = False
        self._screen = ""
        self.projects = ProjectController(workbench, self)
        self.actions_ = ActionRegistry(ALL_ACTIONS, self)
        self.setWindowTitle(self.tr("Annotation and training workstation"))
        self.setMinimumSize(MIN_SIZE)
        self.setAcceptDrops(True)
        self._build()
        self._bind_actions()
        self._build_menus()
        self._connect()
        self._restore_geometry()
        self._on_project_changed()

    # -- building ------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.browser = DataBrowser()
        self.centre = QStackedWidget()
        self.panels = QStackedWidget()
        self.panels.setObjectName("task_panel")
        self.panels.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.empty = self._empty_state()
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
        layout.addWidget(self._top_bar())
        layout.addWidget(self.splitter, 1)
        layout.addWidget(self.strip)
        self.setCentralWidget(root)
        self.cursor_label = QLabel()
        self.saved_label = QLabel()
        self.statusBar().setSizeGripEnabled(False)
        self.statusBar().addWidget(self.cursor_label)
        self.statusBar().addPermanentWidget(self.saved_label)
        self.cards = CardStack(root)
        self.cards.bottom_margin_px = self.strip.height()

    def _top_bar(self) -> QWidget:
        bar = QWidget()
        bar.setObjectName("top_bar")
        bar.setFixedHeight(40)
        bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        layout = QHBoxLayout(bar)
        layout.setContentsMargins(12, 0, 12, 0)
        layout.setSpacing(2)
        self.project_label = QLabel()
        self.project_label.setProperty("role", "title")
        layout.addWidget(self.project_label)
        layout.addSpacing(18)
        self._screen_group = QButtonGroup(self)
        self._screen_buttons: dict[str, QToolButton] = {}
        for spec in SCREENS:
            button = QToolButton()
            button.setProperty("role", "screen")
            button.setCheckable(True)
            action = self.actions_.action(f"screen.{spec.key}")
            button.setText(f"{action.text()}  {action.shortcut().toString()}")
            button.clicked.connect(action.trigger)
            self._screen_group.addButton(button)
            self._screen_buttons[spec.key] = button
            layout.addWidget(button)
        layout.addStretch(1)
        return bar

    def _empty_state(self) -> EmptyState:
        return EmptyState(
            self.tr("Drop a table, or open the sample project"),
            self.tr(
                "A table is a CSV or TSV file with one row per image: subject, item, role, path. "
                "The sample project holds a few retina images and is built in seconds."
            ),
            self.actions_.action("project.sample"),
            [self.actions_.action(f"project.{verb}") for verb in ("open", "new", "import")],
        )

    def _build_menus(self) -> None:
        for title in MENUS:
            actions = self.actions_.of_menu(title)
            if actions:
                menu = self.menuBar().addMenu(QCoreApplication.translate("actions", title))
                menu.setToolTipsVisible(True)
                menu.addActions(list(actions))
        self.menuBar().setNativeMenuBar(False)

    def _bind_actions(self) -> None:
        bind, projects = self.actions_.bind, self.projects
        bind("project.sample", lambda: projects.open_sample(self._sample_folder), self._busy_reason)
        bind("project.open", self._ask_open, self._busy_reason)
        bind("project.new", self._ask_new, self._busy_reason)
        bind("project.import", self._ask_import, lambda: self._no_project_reason() or self._busy_reason())
        bind("project.close", projects.close, self._no_project_reason)
        bind("window.quit", self.close)
        bind("edit.undo", self._undo, lambda: self._history_reason(is_undo=True))
        bind("edit.redo", self._redo, lambda: self._history_reason(is_undo=False))
        for spec in SCREENS:
            bind(f"screen.{spec.key}", lambda key=spec.key: self.show_screen(key), self._no_project_reason)
        bind("item.next", lambda: self.browser.step(1), self._no_item_reason)
        bind("item.previous", lambda: self.browser.step(-1), self._no_item_reason)
        bind("item.find", self.browser.filter.setFocus, self._no_item_reason)
        bind("window.light", self._toggle_theme)
        self.actions_.action("window.light").setChecked(self.settings.theme == "light")
        bind("help.log", lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(log_path().parent))))
        bind("help.keys", self._show_shortcuts)

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
        self.browser.itemChosen.connect(bench.set_item)
        self.projects.work_changed.connect(self._on_work)
        self.projects.opened.connect(self._on_opened)
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
        self._screen_buttons[key].setChecked(True)
        self.cursor_label.clear()
        self.actions_.set_screen(key)
        screen.shown()

    def _show_first_screen(self) -> None:
        if self._is_loaded and not self._screen:
            self.show_screen(SCREENS[0].key)

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

    # -- reasons -------------------------------------------------------------------------------------

    def _no_project_reason(self) -> str:
        return "" if self.workbench.project is not None else self.tr("Open a project first.")

    def _busy_reason(self) -> str:
        work = self.projects.work
        return self.tr("Wait until this is done: {work}.").format(work=_work_text(work)) if work else ""

    def _no_item_reason(self) -> str:
        if self.workbench.project is None:
            return self._no_project_reason()
        return "" if self.browser.shown_ids() else self.tr("The list holds no items.")

    def _history_reason(self, *, is_undo: bool) -> str:
        project = self.workbench.project
        if project is None:
            return self._no_project_reason()
        item_id = self.workbench.item_id or None
        title = project.history.undo_title(item_id) if is_undo else project.history.redo_title(item_id)
        action = self.actions_.action("edit.undo" if is_undo else "edit.redo")
        verb = self.tr("&Undo") if is_undo else self.tr("&Redo")
        action.setText(f"{verb}: {translate_message(title)}" if title is not None else verb)
        if title is None:
            return self.tr("There is nothing to undo.") if is_undo else self.tr("There is nothing to redo.")
        return ""

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
        self.project_label.setText(project.name if project is not None else self.tr("No project"))
        self.project_label.setToolTip(str(project.folder) if project is not None else "")
        for widget in (self.browser, self.panels):
            widget.setVisible(has_project)
        for button in self._screen_buttons.values():
            button.setVisible(has_project)
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
        self.browser.show_rows(browser_rows(project))
        if not self.workbench.item_id and self.browser.shown_ids():
            first = self.browser.shown_ids()[0]
            self.browser.set_current(first)
            self.workbench.set_item(first)
        self._note_saved()
        self.actions_.refresh()

    def _on_item_changed(self, item_id: str) -> None:
        self.browser.set_current(item_id)
        self.actions_.refresh()

    def _on_opened(self, folder: Path) -> None:
        self.settings.remember_project(folder)
        self.settings.write()

    def _on_work(self, text: str, done: int, total: int) -> None:
        self.strip.show_work(f"{_work_text(text)}…" if text else "", done, total)
        self.actions_.refresh()

    def _note_saved(self) -> None:
        moment = datetime.now().strftime("%H:%M:%S")
        self.saved_label.setText(self.tr("all changes on disk {time}").format(time=moment) + "  ●")

    def _undo(self) -> None:
        if self.workbench.project is not None:
            self._take_step(self.workbench.project.history.undo)

    def _redo(self) -> None:
        if self.workbench.project is not None:
            self._take_step(self.workbench.project.history.redo)

    def _take_step(self, step: Callable[[str | None], object]) -> None:
        """Undo or redo in the current item: what is not seen is not changed."""
        try:
            step(self.workbench.item_id or None)
        except WorkstationError as error:
            self.workbench.post(Card.of_error(error))
        # At once: the next key may come before the screens are told.
        self.actions_.refresh()

    # -- questions to the person ---------------------------------------------------------------------

    def _ask_open(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Open project"), self._last_folder())
        if folder:
            self.projects.open(Path(folder))

    def _ask_new(self) -> None:
        folder = self._ask_new_folder()
        if folder is not None:
            self.projects.create(folder)

    def _ask_new_folder(self) -> Path | None:
        folder = QFileDialog.getExistingDirectory(
            self, self.tr("Empty folder for the new project"), self._last_folder()
        )
        return Path(folder) if folder else None

    def _ask_import(self) -> None:
        paths, _kind = QFileDialog.getOpenFileNames(
            self, self.tr("Import table"), self._last_folder(), self.tr("Tables (*.csv *.tsv *.txt)")
        )
        self.projects.import_paths([Path(path) for path in paths])

    def _last_folder(self) -> str:
        recent = self.settings.recent_projects
        return str(Path(recent[0]).parent) if recent else str(Path.home())

    def _show_shortcuts(self) -> None:
        self._shortcuts = ShortcutList(self.actions_, self)
        self._shortcuts.show()

    def _toggle_theme(self) -> None:
        self.settings.theme = "light" if self.settings.theme == "dark" else "dark"
        self.settings.write()
        application = QApplication.instance()
        if isinstance(application, QApplication):
            apply_theme(application, self.settings.theme)

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
        """Import dropped tables, or open a dropped project."""
        self.accept_paths([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])

    def accept_paths(self, paths: list[Path]) -> None:
        """Open a project folder, or import tables into the open project."""
        if not paths:
            return
        if len(paths) == 1 and (paths[0] / "project.db").exists():
            self.projects.open(paths[0])
        elif self.workbench.project is not None:
            self.projects.import_paths(paths)
        else:
            # A table needs a project: ask for its folder, and import there.
            folder = self._ask_new_folder()
            if folder is not None:
                self.projects.create_for(folder, paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Let go of threads, canvases and project; runs go on by themselves."""
        area = self.geometry()
        self.settings.window = (area.x(), area.y(), area.width(), area.height())
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


def _work_text(text: str) -> str:
    return translate_message(Message(text))
