"""What the actions that start runs do, whatever screen is shown: apply a model, evaluate, import weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from engines.contract.kinds import Action

if TYPE_CHECKING:
    from workstation.controllers.training.start_runs import StartRuns
    from workstation.main_window import MainWindow
    from workstation.views.protocols.start import StartChoice

_ACTIONS = {
    "run.predict": Action.PREDICT,
    "run.evaluate": Action.EVALUATE,
    "project.import_weights": Action.IMPORT_WEIGHTS,
}


class StartActions(QObject):
    """Binds them.

    Parameters
    ----------
    window : MainWindow
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._bench = window.workbench
        self._runs: StartRuns | None = None
        for key, action in _ACTIONS.items():
            window.actions_.bind(key, lambda action=action: self._ask(action), self._no_project_reason)

    def _no_project_reason(self) -> str:
        return "" if self._bench.project is not None else self.tr("Open a project first.")

    def _ask(self, action: Action) -> None:
        # The start of the window need not wait for what only a dialog needs.
        from workstation.controllers.training.start_runs import StartRuns

        if self._runs is None:
            self._runs = StartRuns(self._bench, self)
        self._runs.load(action, lambda choices: self._show(action, choices))

    def _show(self, action: Action, choices: list[StartChoice]) -> None:
        from workstation.views.training.start_dialog import StartDialog

        runs = self._runs
        assert runs is not None
        dialog = StartDialog(action, choices, self._window.last_folder(), self._window)
        dialog.startRequested.connect(runs.start)
        if action is Action.IMPORT_WEIGHTS:
            runs.refused.connect(dialog.show_refusal)
            runs.weights_imported.connect(dialog.show_report)
        dialog.show()
