"""The Compare screen, wired: panes, modes, numbers, and figures of what is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, QUrl
from PySide6.QtGui import QDesktopServices

from engines.imaging.comparison import Change
from workstation.actions.registry import ActionRegistry
from workstation.controllers.compare_controller import CompareController
from workstation.controllers.figure_export import FigureExport
from workstation.controllers.workbench import Workbench
from workstation.screens import Screen
from workstation.screens.mode_actions import bind_modes, bind_turning
from workstation.translation import translate_message
from workstation.viewers.compare_view import LETTERS
from workstation.views.compare_panel import MODE_VERBS, ComparePanel
from workstation.views.compare_protocols import MAX_PANES, MIN_PANES, FigureRequest
from workstation.views.compare_screen import CompareScreen
from workstation.views.display import display
from workstation.views.figure_dialog import FigureDialog
from workstation.views.figure_painter import write_png


def build(workbench: Workbench, actions: ActionRegistry) -> Screen:
    """Make the screen and connect it."""
    panel = ComparePanel(actions)
    centre = CompareScreen(actions, panel)
    colours = {change: display().colours[change.name.lower()] for change in list(Change)[1:]}
    controller = CompareController(workbench, centre, colours, centre)
    view = centre.view
    view.sourceChosen.connect(controller.choose_source)
    view.paneRemoved.connect(controller.remove_pane)
    view.cursorMoved.connect(lambda x, y: workbench.cursor_moved.emit(f"x {x:.1f}   y {y:.1f} px"))
    panel.referenceChosen.connect(controller.choose_reference)
    export = FigureExport(
        workbench, write_png, translate_message, _open_folder, tuple(display().point_colours)
    )
    _bind(actions, centre, controller)
    _bind_export(actions, workbench, centre, controller, export)
    controller.state_changed.connect(actions.refresh)

    def close() -> None:
        controller.close()
        view.shut()

    return Screen(
        centre,
        panel,
        controller,
        shown=lambda: controller.set_shown(True),
        hidden=lambda: controller.set_shown(False),
        close=close,
    )


def _open_folder(folder: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def _bind_export(
    actions: ActionRegistry,
    workbench: Workbench,
    centre: CompareScreen,
    controller: CompareController,
    export: FigureExport,
) -> None:
    last: list[FigureRequest] = []

    def ask() -> None:
        project = workbench.project
        subject = controller.subject(centre.view.shown_panes(), centre.view.settings)
        if project is None or subject is None:
            return
        name = f"{subject.images.sources.item.id}_{controller.mode.value}"
        request = FigureRequest(project.folder / "exports", name)
        if last:
            request = replace(last[-1], name=name)
        frame = subject.images.sources.frame

        def chosen(wanted: FigureRequest) -> None:
            last[:] = [wanted]
            export.export(subject, wanted)

        dialog = FigureDialog(
            request,
            LETTERS[: len(subject.keys)],
            has_spacing=frame is not None and bool(frame.spacing_mm),
            accepted_request=chosen,
            parent=centre,
        )
        dialog.open()

    def nothing() -> str:
        return "" if controller.is_showing else centre.tr("There is nothing to export yet.")

    actions.bind("compare.export", ask, nothing)


def _bind(actions: ActionRegistry, centre: CompareScreen, controller: CompareController) -> None:
    view, tr = centre.view, centre.tr

    def nothing() -> str:
        return "" if controller.is_showing else tr("There is nothing to compare yet.")

    def cannot_add() -> str:
        return nothing() or (tr("Six panes are shown.") if len(controller.chosen) >= MAX_PANES else "")

    def cannot_remove() -> str:
        return nothing() or (tr("Two panes stay.") if len(controller.chosen) <= MIN_PANES else "")

    def no_images() -> str:
        sources = controller.sources
        has_two = sources is not None and len(sources.sources) >= MIN_PANES
        return "" if has_two else tr("The item has no pair of images.")

    points, link = actions.action("compare.points"), actions.action("compare.link_window")
    handlers: dict[str, tuple[Callable[[], None], Callable[[], str]]] = {
        "add": (controller.add_pane, cannot_add),
        "remove": (lambda: controller.remove_pane(len(controller.chosen) - 1), cannot_remove),
        "whole": (view.show_whole, nothing),
        "points": (lambda: view.show_points(points.isChecked()), nothing),
        "link_window": (lambda: view.set_window_linked(link.isChecked()), nothing),
        "reset_window": (view.reset_window, nothing),
        "unregistered": (controller.show_unregistered, no_images),
    }
    for verb, (triggered, reason) in handlers.items():
        actions.bind(f"compare.{verb}", triggered, reason)
    bind_modes(actions, "compare", MODE_VERBS, controller, centre, nothing)
    bind_turning(actions, "compare", ("less", "more", "turn"), view, nothing)
    with QSignalBlocker(actions):
        points.setChecked(True)
        link.setChecked(True)
