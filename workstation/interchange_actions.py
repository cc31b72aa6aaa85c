"""What the actions for files of other programs do: the export dialog, and the import of keypoints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices

from workstation.controllers.data.export_controller import ExportController
from workstation.views.data.export_dialog import ExportDialog
from workstation.views.protocols.exports import ExportChoice

if TYPE_CHECKING:
    from workstation.main_window import MainWindow


class InterchangeActions(QObject):
    """Binds the actions that bring data out of a project, and keypoints of other programs into it.

    Parameters
    ----------
    window : MainWindow
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._bench = window.workbench
        self.exports = ExportController(window.workbench, _show_folder)
        window.actions_.bind(
            "project.export", lambda: self.exports.load_choices(self._ask_export), self._no_project_reason
        )
        window.actions_.bind("project.import_keypoints", self._import_keypoints, self._no_item_reason)

    def _no_project_reason(self) -> str:
        return "" if self._bench.project is not None else self.tr("Open a project first.")

    def _no_item_reason(self) -> str:
        if self._bench.project is None:
            return self._no_project_reason()
        return "" if self._bench.item_id else self.tr("Choose the item that takes the points first.")

    def _ask_export(self, choices: list[ExportChoice]) -> None:
        project = self._bench.project
        if project is None:
            return
        dialog = ExportDialog(choices, self._bench.item_id, project.items.count(), self._window)
        dialog.exportRequested.connect(self.exports.export)
        dialog.cancelRequested.connect(self.exports.cancel)
        self.exports.progressed.connect(dialog.show_progress)
        self.exports.ended.connect(dialog.finish)
        dialog.show()

    def _import_keypoints(self) -> None:
        # Its formats take a moment to load, which the start of the window need not wait for.
        from workstation.views.pairs.keypoint_import_dialog import KeypointImportDialog

        dialog = KeypointImportDialog(self._bench.item_id, self._window.last_folder(), self._window)
        dialog.importRequested.connect(self.exports.import_keypoints)
        dialog.show()


def _show_folder(folder: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
