"""The Runs screen, wired: list, curves, evaluation, log."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from workstation.actions.registry import ActionRegistry
from workstation.controllers.runs.runs_controller import RunsController
from workstation.controllers.workbench import Workbench
from workstation.screens import Screen
from workstation.views.elements.empty_state import without_runs
from workstation.views.runs.discard_dialog import ask_discard
from workstation.views.runs.run_words import sentence
from workstation.views.runs.runs_screen import VERBS, RunsScreen


def build(workbench: Workbench, actions: ActionRegistry) -> Screen:
    """Make the screen."""
    view = RunsScreen({verb: actions.action(f"runs.{verb}") for verb in VERBS})
    view.set_empty(without_runs(actions))
    controller = RunsController(workbench, view, view)
    view.chosen.connect(controller.choose)
    controller.selection_wanted.connect(view.select)
    controller.folder_requested.connect(_open_folder)
    view.details.placeChosen.connect(workbench.request_place)
    view.details.panelViewChanged.connect(controller.keep_panel_view)
    does = {
        "use": controller.use,
        "evaluate": controller.evaluate,
        "compare": controller.compare,
        "resume": controller.resume,
        "repeat": controller.repeat,
        "open_folder": controller.open_folder,
        "discard": lambda: ask_discard(view, controller.discard),
    }
    for verb, triggered in does.items():
        actions.bind(f"runs.{verb}", triggered, lambda verb=verb: sentence(getattr(controller.verbs, verb)))
    controller.verbs_changed.connect(actions.refresh)
    actions.refresh()
    return Screen(view, None, controller, shown=controller.look, close=controller.close)


def _open_folder(folder: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
