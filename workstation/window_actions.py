"""What the actions of every screen do, and why one cannot be done now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices

from workstation.interchange_actions import InterchangeActions
from workstation.screens import SCREENS
from workstation.settings import log_path
from workstation.start_actions import StartActions
from workstation.translation import translate, translate_message
from workstation.views.data.project_dialogs import ask_new_folder, ask_project, ask_tables
from workstation.window_tools import WindowTools

if TYPE_CHECKING:
    from workstation.main_window import MainWindow


class WindowActions(QObject):
    """Binds the actions of projects, editing, screens, items and help.

    Parameters
    ----------
    window : MainWindow
    sample_folder : Path
        Where the sample project is built.
    """

    def __init__(self, window: MainWindow, sample_folder: Path) -> None:
        super().__init__(window)
        self._window = window
        self._bench = window.workbench
        self._projects = window.projects
        projects, browser, bind = window.projects, window.browser, window.actions_.bind
        bind("project.sample", lambda: projects.open_sample(sample_folder), self._busy_reason)
        bind("project.open", self._open, self._busy_reason)
        bind("project.new", self._new, self._busy_reason)
        bind("project.import", self._import, lambda: self._no_project_reason() or self._busy_reason())
        bind("project.close", projects.close, self._no_project_reason)
        bind("window.quit", window.close)
        bind("edit.undo", window.history.undo, lambda: self._history_reason(is_undo=True))
        bind("edit.redo", window.history.redo, lambda: self._history_reason(is_undo=False))
        for spec in SCREENS:
            bind(f"screen.{spec.key}", lambda key=spec.key: window.show_screen(key), self._no_project_reason)
        bind("item.next", lambda: browser.step(1), self._no_item_reason)
        bind("item.previous", lambda: browser.step(-1), self._no_item_reason)
        bind("item.find", browser.filter.setFocus, self._no_item_reason)
        self._tools = WindowTools(window)
        self._interchange = InterchangeActions(window)
        self._starts = StartActions(window)
        bind("help.log", lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(log_path().parent))))

    # -- reasons -------------------------------------------------------------------------------------

    def _no_project_reason(self) -> str:
        return "" if self._bench.project is not None else self.tr("Open a project first.")

    def _busy_reason(self) -> str:
        work = self._projects.work
        return self.tr("Wait until this is done: {work}.").format(work=translate(work)) if work else ""

    def _no_item_reason(self) -> str:
        if self._bench.project is None:
            return self._no_project_reason()
        return "" if self._window.browser.shown_ids() else self.tr("The list holds no items.")

    def _history_reason(self, *, is_undo: bool) -> str:
        project = self._bench.project
        if project is None:
            return self._no_project_reason()
        item_id = self._bench.item_id or None
        title = project.history.undo_title(item_id) if is_undo else project.history.redo_title(item_id)
        action = self._window.actions_.action("edit.undo" if is_undo else "edit.redo")
        verb = self.tr("&Undo") if is_undo else self.tr("&Redo")
        action.setText(f"{verb}: {translate_message(title)}" if title is not None else verb)
        if title is None:
            return self.tr("There is nothing to undo.") if is_undo else self.tr("There is nothing to redo.")
        return ""

    # -- questions to the person ---------------------------------------------------------------------

    def _open(self) -> None:
        folder = ask_project(self._window, self._window.last_folder())
        if folder is not None:
            self._projects.open(folder)

    def _new(self) -> None:
        folder = ask_new_folder(self._window, self._window.last_folder())
        if folder is not None:
            self._projects.create(folder)

    def _import(self) -> None:
        self._window.imports.receive(ask_tables(self._window, self._window.last_folder()))
