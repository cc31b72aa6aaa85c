"""The Compare screen, wired: panes, modes, numbers, and figures of what is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QStackedWidget

from engines.imaging.comparison import Change
from workstation.actions.registry import ActionRegistry
from workstation.controllers.compare.compare_controller import CompareController
from workstation.controllers.compare.figure_export import Figured, FigureExport
from workstation.controllers.workbench import Workbench
from workstation.project.result_commands import Verdict
from workstation.screens import Screen
from workstation.screens.compare_volumes import Sides, build_volumes
from workstation.screens.mode_actions import bind_modes, bind_turning
from workstation.translation import translate_message
from workstation.viewers.compare_view import LETTERS
from workstation.views.compare.compare_panel import MODE_VERBS, VOLUME_VERBS, ComparePanel
from workstation.views.compare.compare_screen import CompareScreen
from workstation.views.compare.figure_dialog import FigureDialog
from workstation.views.compare.figure_painter import write_png
from workstation.views.elements.display import display
from workstation.views.protocols.compare import MAX_PANES, MIN_PANES, FigureRequest


def build(workbench: Workbench, actions: ActionRegistry) -> Screen:
    """Make the screen and connect it."""
    panel, panels = ComparePanel(actions), QStackedWidget()
    panels.addWidget(panel)
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
    volumes = build_volumes(workbench, actions, centre, panels, colours, _open_folder)
    sides = Sides(centre, controller, volumes)
    _bind(actions, centre, sides)
    _bind_export(actions, workbench, sides, export)
    controller.state_changed.connect(actions.refresh)
    volumes.controller.state_changed.connect(sides.changed)

    def set_shown(is_shown: bool) -> None:
        controller.set_shown(is_shown)
        volumes.controller.set_shown(is_shown)

    def close() -> None:
        controller.close()
        volumes.cases.stop()
        volumes.controller.close()
        view.shut()
        volumes.part.view.shut()

    return Screen(
        centre,
        panels,
        controller,
        shown=lambda: set_shown(True),
        hidden=lambda: set_shown(False),
        close=close,
    )


def _open_folder(folder: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def _bind_export(actions: ActionRegistry, workbench: Workbench, sides: Sides, export: FigureExport) -> None:
    last: list[FigureRequest] = []
    centre = sides.centre

    def shown() -> tuple[Figured, str, bool] | None:
        """Return what a figure shows, the item, and whether the spacing of its pixels is known."""
        if sides.is_volume:
            volume = sides.volumes.subject()
            return None if volume is None else (volume, volume.slices.sources.item.id, True)
        image = sides.images.subject(centre.view.shown_panes(), centre.view.settings)
        if image is None:
            return None
        frame = image.images.sources.frame
        return image, image.images.sources.item.id, frame is not None and bool(frame.spacing_mm)

    def ask() -> None:
        project, found = workbench.project, shown()
        if project is None or found is None:
            return
        subject, item_id, has_spacing = found
        name = f"{item_id}_{sides.mode.value}"
        request = FigureRequest(project.folder / "exports", name)
        if last:
            request = replace(last[-1], name=name)

        def chosen(wanted: FigureRequest) -> None:
            last[:] = [wanted]
            export.export(subject, wanted)

        dialog = FigureDialog(
            request,
            LETTERS[: len(sides.controller.chosen)],
            has_spacing=has_spacing,
            accepted_request=chosen,
            parent=centre,
        )
        dialog.open()

    def nothing() -> str:
        return "" if sides.controller.is_showing else centre.tr("There is nothing to export yet.")

    actions.bind("compare.export", ask, nothing)


def _bind(actions: ActionRegistry, centre: CompareScreen, sides: Sides) -> None:
    tr = centre.tr

    def nothing() -> str:
        return "" if sides.controller.is_showing else tr("There is nothing to compare yet.")

    def cannot_add() -> str:
        is_full = len(sides.controller.chosen) >= MAX_PANES
        return nothing() or (tr("Six panes are shown.") if is_full else "")

    def cannot_remove() -> str:
        is_least = len(sides.controller.chosen) <= MIN_PANES
        return nothing() or (tr("Two panes stay.") if is_least else "")

    def not_of_volumes() -> str:
        return nothing() or (tr("Not for volumes.") if sides.is_volume else "")

    def not_of_images() -> str:
        return nothing() or ("" if sides.is_volume else tr("For label maps of volumes only."))

    def no_images() -> str:
        sources = sides.images.sources
        has_two = sources is not None and len(sources.sources) >= MIN_PANES
        return "" if has_two else tr("The item has no pair of images.")

    points, link = actions.action("compare.points"), actions.action("compare.link_window")

    def link_windows() -> None:
        for view in (centre.view, sides.volumes.part.view):
            view.set_window_linked(link.isChecked())

    def cannot_judge(verdict: Verdict) -> str:
        run_id, said = sides.images.judged
        if sides.is_volume or not run_id:
            return nothing() or tr("No registration of a run is shown.")
        return tr("That was decided already; undo takes it back.") if said == verdict else ""

    for verb, verdict in (("accept", Verdict.ACCEPTED), ("reject", Verdict.REJECTED)):
        actions.bind(
            f"compare.{verb}",
            lambda verdict=verdict: sides.images.judge(verdict),
            lambda verdict=verdict: cannot_judge(verdict),
        )
    handlers: dict[str, tuple[Callable[[], None], Callable[[], str]]] = {
        "add": (lambda: sides.controller.add_pane(), cannot_add),
        "remove": (lambda: sides.controller.remove_pane(len(sides.controller.chosen) - 1), cannot_remove),
        "whole": (lambda: sides.view.show_whole(), nothing),
        "points": (lambda: centre.view.show_points(points.isChecked()), not_of_volumes),
        "link_window": (link_windows, nothing),
        "reset_window": (lambda: sides.view.reset_window(), nothing),
        "unregistered": (sides.images.show_unregistered, no_images),
    }
    for verb, (triggered, reason) in handlers.items():
        actions.bind(f"compare.{verb}", triggered, reason)
    refused = {verb: not_of_volumes for verb in MODE_VERBS if verb not in VOLUME_VERBS}
    refused |= {verb: not_of_images for verb in VOLUME_VERBS if verb not in MODE_VERBS}
    bind_modes(actions, "compare", MODE_VERBS | VOLUME_VERBS, sides, centre, nothing, refused)
    bind_turning(actions, "compare", ("less", "more", "turn"), sides, nothing)
    with QSignalBlocker(actions):
        points.setChecked(True)
        link.setChecked(True)
