"""What helps with every screen: theme, parts of the window, history, shortcuts, command palette."""

from __future__ import annotations

from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog

from workstation.actions.shortcuts import ShortcutMap
from workstation.views.elements.icons import dress
from workstation.views.elements.theme import apply_theme, resolved
from workstation.views.window.command_palette import CommandPalette
from workstation.views.window.focus_regions import FocusRegions
from workstation.views.window.history_list import HistoryList
from workstation.views.window.shortcut_editor import ShortcutEditor
from workstation.views.window.shortcut_list import ShortcutList

if TYPE_CHECKING:
    from workstation.main_window import MainWindow


class WindowTools(QObject):
    """Binds the actions of the look, the keys and the history.

    Parameters
    ----------
    window : MainWindow
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._dialogs: dict[str, QDialog] = {}
        actions, settings = window.actions_, window.settings
        self.shortcuts = ShortcutMap(actions, settings.shortcut_preset, settings.shortcuts, self)
        self.shortcuts.changed.connect(self._keep_shortcuts)
        self.regions = FocusRegions(
            lambda: [
                window.top_bar,
                window.browser,
                window.centre.currentWidget(),
                window.panels,
                window.strip,
                window.cards,
            ],
            self,
        )
        bind = actions.bind
        bind("edit.history", self._show_history, self._no_project_reason)
        bind("edit.shortcuts", self._edit_shortcuts)
        bind("help.keys", self._list_shortcuts)
        bind("window.palette", lambda: CommandPalette(actions, window).show())
        bind("window.next_region", lambda: self.regions.step(1))
        bind("window.previous_region", lambda: self.regions.step(-1))
        bind("window.light", self._toggle_light)
        bind("window.system_theme", self._toggle_system)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._on_system_scheme)
        self._dress()

    # -- theme ---------------------------------------------------------------------------------------

    def _toggle_light(self) -> None:
        is_light = resolved(self._window.settings.theme) == "light"
        self._set_theme("dark" if is_light else "light")

    def _toggle_system(self) -> None:
        settings = self._window.settings
        self._set_theme(resolved(settings.theme) if settings.theme == "system" else "system")

    def _set_theme(self, theme: str) -> None:
        self._window.settings.theme = theme
        self._window.settings.write()
        self._apply_theme()

    def _on_system_scheme(self) -> None:
        if self._window.settings.theme == "system":
            self._apply_theme()

    def _apply_theme(self) -> None:
        application = QApplication.instance()
        if isinstance(application, QApplication):
            apply_theme(application, self._window.settings.theme)
        self._dress()

    def _dress(self) -> None:
        window = self._window
        dress(window.actions_)
        window.top_bar.dress()
        window.actions_.action("window.light").setChecked(resolved(window.settings.theme) == "light")
        window.actions_.action("window.system_theme").setChecked(window.settings.theme == "system")

    # -- dialogs -------------------------------------------------------------------------------------

    def _no_project_reason(self) -> str:
        return "" if self._window.workbench.project is not None else self.tr("Open a project first.")

    def _raise(self, name: str) -> bool:
        """Bring a dialog to the front that is open already, and tell whether there is one."""
        dialog = self._dialogs.get(name)
        if dialog is None or not shiboken6.isValid(dialog) or not dialog.isVisible():
            return False
        dialog.raise_()
        dialog.activateWindow()
        return True

    def _show(self, name: str, dialog: QDialog) -> None:
        self._dialogs[name] = dialog
        dialog.show()
        dialog.activateWindow()

    def _show_history(self) -> None:
        if self._raise("history"):
            return
        window, history = self._window, self._window.history
        view = HistoryList(window.actions_.action("edit.undo"), window.actions_.action("edit.redo"), window)
        view.rowChosen.connect(history.go_to)
        view.rowHovered.connect(history.say)
        view.scopeChosen.connect(history.set_whole_project)
        view.finished.connect(lambda _result: history.attach(None))
        self._show("history", view)
        history.set_whole_project(False)
        history.attach(view)

    def _list_shortcuts(self) -> None:
        if self._raise("keys"):
            return
        view = ShortcutList(self._window.actions_, self._window)
        view.editRequested.connect(self._edit_shortcuts)
        self._show("keys", view)

    def _edit_shortcuts(self) -> None:
        if not self._raise("shortcuts"):
            self._show("shortcuts", ShortcutEditor(self._window.actions_, self.shortcuts, self._window))

    def _keep_shortcuts(self) -> None:
        settings = self._window.settings
        settings.shortcut_preset = self.shortcuts.preset.key
        settings.shortcuts = self.shortcuts.own
        settings.write()
