"""Imports, moved images and corrections of items: their controllers, dialogs and actions in the window."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt

from workstation.controllers.data.data_controller import DataController
from workstation.controllers.data.import_controller import ImportController
from workstation.controllers.project.relink_controller import RelinkController
from workstation.translation import translate
from workstation.views.data.data_check_dialog import DataCheckDialog
from workstation.views.data.import_dialog import ImportDialog
from workstation.views.data.item_dialog import ItemDialog
from workstation.views.data.project_dialogs import ask_image_folder
from workstation.views.data.relink_dialog import RelinkDialog

if TYPE_CHECKING:
    from workstation.main_window import MainWindow


class WindowImports(QObject):
    """Wires what brings data in and puts it right.

    Parameters
    ----------
    window : MainWindow
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        bench = window.workbench
        self.imports = ImportController(bench, window.projects, self)
        self.relinks = RelinkController(bench, self)
        self.data = DataController(bench, self)
        self.imports.view_wanted.connect(self._show_import)
        self.relinks.view_wanted.connect(self._show_relink)
        self.data.relink_wanted.connect(self.relinks.open)
        bind = window.actions_.bind
        bind("project.import_folder", self._choose_folder, self._import_reason)
        bind("project.check", self._show_check, self._no_project_reason)
        bind("project.relink", self.relinks.open, self._no_project_reason)
        bind("item.edit", self._edit_item, self._no_item_reason)
        bind("item.swap", self.data.swap, self._no_item_reason)
        tree = window.browser.tree
        tree.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        tree.addActions([window.actions_.action(key) for key in ("item.edit", "item.swap")])

    def receive(self, paths: Sequence[Path]) -> None:
        """Import what was dropped."""
        self.imports.receive(paths)

    # -- reasons -------------------------------------------------------------------------------------

    def _no_project_reason(self) -> str:
        return "" if self._window.workbench.project is not None else self.tr("Open a project first.")

    def _import_reason(self) -> str:
        work = self._window.projects.work
        busy = self.tr("Wait until this is done: {work}.").format(work=translate(work)) if work else ""
        return self._no_project_reason() or busy

    def _no_item_reason(self) -> str:
        has_item = bool(self._window.workbench.item_id)
        return self._no_project_reason() or ("" if has_item else self.tr("Choose an item first."))

    # -- dialogs -------------------------------------------------------------------------------------

    def _choose_folder(self) -> None:
        folder = ask_image_folder(self._window, self._window.last_folder())
        if folder is not None:
            self.imports.look_through([folder])

    def _show_import(self) -> None:
        view, control = ImportDialog(self._window), self.imports
        view.layoutChosen.connect(control.choose_layout)
        view.cellEdited.connect(control.edit)
        view.includeChanged.connect(control.include)
        view.swapClicked.connect(control.swap)
        view.fixClicked.connect(lambda key, index, is_all: control.fix(key, index, is_for_all=is_all))
        view.partnerChosen.connect(control.choose_partner)
        view.rowChosen.connect(control.preview)
        view.undoClicked.connect(control.undo)
        view.importClicked.connect(control.write)
        view.closed.connect(control.cancel)
        control.attach(view)
        view.show()
        view.activateWindow()

    def _show_relink(self) -> None:
        view, control = RelinkDialog(self._window), self.relinks
        view.searchClicked.connect(self._search)
        view.relinkClicked.connect(control.relink)
        view.closed.connect(control.close)
        control.close()
        control.attach(view)
        view.show()
        view.activateWindow()

    def _search(self) -> None:
        folder = ask_image_folder(self._window, self._window.last_folder())
        if folder is not None:
            self.relinks.search(folder)

    def _show_check(self) -> None:
        self.data.close()
        view = DataCheckDialog(self._window)
        view.fixClicked.connect(lambda key, index, is_all: self.data.fix(key, index, is_for_all=is_all))
        view.findingClicked.connect(self.data.go_to)
        view.closed.connect(self.data.close)
        view.show()
        view.activateWindow()
        self.data.attach(view)

    def _edit_item(self) -> None:
        facts = self.data.facts()
        if facts is None:
            return
        view = ItemDialog(facts, self._window)
        view.corrected.connect(self.data.correct)
        view.swapClicked.connect(self.data.swap)
        view.open()
