"""The Pairs screen, wired: what the person does on the canvases becomes commands."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker

from workstation.actions.pairs import AREA, CANVAS
from workstation.actions.registry import ActionRegistry
from workstation.controllers.pairs.pairs_controller import PairsController
from workstation.controllers.pairs.table_export import TableExport
from workstation.controllers.workbench import Workbench
from workstation.project.annotations import Side
from workstation.screens import Screen
from workstation.screens.display_actions import bind_display
from workstation.screens.mode_actions import bind_modes, bind_turning
from workstation.screens.registration_batch_actions import bind_registration_batch
from workstation.screens.transform_actions import bind_transform_files
from workstation.viewers.napari_compat import warm_up
from workstation.views.data.table_file_dialog import ask_table_file
from workstation.views.elements.empty_state import without_pairs
from workstation.views.pairs.pairs_panel import PairsPanel
from workstation.views.pairs.pairs_screen import PairsScreen
from workstation.views.protocols.overlay_modes import Mode

PAIR_MODE_VERBS = {
    "blend": Mode.BLEND,
    "peek": Mode.WARPED,
    "flicker": Mode.FLICKER,
    "curtain": Mode.CURTAIN,
    "checkerboard": Mode.CHECKERBOARD,
}
TURNING_VERBS = ("overlay_less", "overlay_more", "curtain_turn")


def prepare() -> None:
    """Load what the first canvas needs."""
    warm_up()


def build(workbench: Workbench, actions: ActionRegistry) -> Screen:
    """Make the screen and connect it."""
    panel = PairsPanel(actions)
    centre = PairsScreen(actions, panel)
    centre.pairs_panel.set_empty(without_pairs(actions))
    controller = PairsController(workbench, centre, centre)
    view = centre.pair_view
    view.pointAdded.connect(controller.click)
    view.pointMoved.connect(controller.move)
    view.pointDragged.connect(controller.drag)
    view.cursorMoved.connect(controller.hover)
    centre.suggestion_bar.thresholdChosen.connect(controller.suggestions.set_threshold)
    centre.suggestion_bar.sourceChosen.connect(controller.suggestions.propagate)
    panel.snapRadiusChosen.connect(controller.snapping.set_radius)
    view.pairSelected.connect(controller.select)
    view.cursorMoved.connect(
        lambda side, x, y: workbench.cursor_moved.emit(f"{side}   x {x:.1f}   y {y:.1f} px")
    )
    view.nudged.connect(controller.edits.nudge)
    centre.table.pairsChosen.connect(lambda ids: controller.select_several(ids, is_centred=True))
    centre.table.useToggled.connect(controller.set_used)
    centre.table.shownChanged.connect(actions.refresh)
    panel.modelChosen.connect(controller.choose_model)
    panel.methodChosen.connect(controller.registration.choose_method)
    panel.linkChosen.connect(controller.registration.choose_link)
    _bind(workbench, actions, centre, controller)
    bind_display(workbench, actions, view, controller, centre)
    shut_batch = bind_registration_batch(workbench, actions, centre)
    controller.state_changed.connect(actions.refresh)
    controller.snapping.show()
    controller.show_item(workbench.item_id)

    def close() -> None:
        shut_batch()
        controller.close()
        centre.overlay.shut()
        view.shut()

    return Screen(centre, panel, controller, close=close)


def _bind(
    workbench: Workbench, actions: ActionRegistry, centre: PairsScreen, controller: PairsController
) -> None:
    view, tr, suggestions = centre.pair_view, centre.tr, controller.suggestions

    def no_images() -> str:
        return "" if controller.has_pair_of_images else tr("The item has no pair of images.")

    def no_pairs() -> str:
        return no_images() or ("" if controller.pair_fit.rows else tr("There are no pairs yet."))

    def no_selection() -> str:
        return no_images() or ("" if controller.selected else tr("Select a pair first."))

    def no_pair() -> str:
        if controller.suggestions.is_on_suggestion:
            return tr("A suggestion counts for nothing until it is accepted.")
        return no_selection()

    def no_pair_or_half() -> str:
        return no_images() or ("" if controller.half else no_selection())

    def no_image() -> str:
        return "" if controller.has_image else tr("The item has no image.")

    def no_suggestions() -> str:
        return no_images() or ("" if suggestions.num_left else tr("There are no suggestions."))

    def no_suggestion() -> str:
        return no_suggestions() or (
            "" if suggestions.is_on_suggestion else tr("Select a suggestion first: they are drawn hollow.")
        )

    def no_sure() -> str:
        has_sure = suggestions.num_sure > 0
        return no_suggestions() or ("" if has_sure else tr("No suggestion reaches the threshold."))

    def no_residuals() -> str:
        has_fit = controller.pair_fit.fixed_from_moving is not None
        return no_pairs() or ("" if has_fit else tr("There are too few pairs for a transform."))

    def no_link() -> str:
        has_link = controller.link is not None
        no_transform = tr("There is no transform yet: place pairs, or register.")
        return no_images() or too_large() or ("" if has_link else no_transform)

    def too_large() -> str:
        is_large = controller.has_large_image
        return tr("Images over 100 million pixels can be annotated only.") if is_large else ""

    def cannot_register() -> str:
        is_running = controller.is_registering
        return no_images() or too_large() or (tr("A registration is running.") if is_running else "")

    def choose_tool(is_adding: bool) -> None:
        actions.action("pairs.add").setChecked(is_adding)
        actions.action("pairs.select").setChecked(not is_adding)
        controller.set_adding(is_adding)

    def ask() -> None:
        # The answers are keys of the canvases.
        view.fixed.native.setFocus()
        suggestions.ask()

    def look_for_sources() -> None:
        view.fixed.native.setFocus()
        suggestions.look_for_sources(controller.link)

    def escape() -> None:
        if controller.half:
            controller.edits.drop_half()
        else:
            choose_tool(False)

    cursor: dict[str, tuple[Side, float, float]] = {}

    def remember_cursor(side: Side, x: float, y: float, *_alt: bool) -> None:
        cursor["at"] = (side, x, y)

    def select_nearest() -> None:
        # Before the mouse was anywhere, the middle of what is seen stands for it.
        controller.select_nearest(*cursor.get("at", ("fixed", *view.fixed.centre_xy)))

    def no_shown_pairs() -> str:
        return "" if centre.table.shown.rowCount() else tr("The table shows no pairs.")

    def export_table() -> None:
        project = workbench.project
        if project is not None:
            asked = ask_table_file(centre, project.folder / f"{workbench.item_id}_pairs.csv")
            if asked is not None:
                TableExport(workbench).write(asked[0], centre.table.shown_rows(), may_replace=asked[1])

    lock, snap = actions.action("pairs.lock"), actions.action("pairs.snap")
    handlers: dict[str, tuple[Callable[[], None], Callable[[], str] | None]] = {
        "add": (lambda: choose_tool(True), no_images),
        "select": (lambda: choose_tool(False), no_images),
        "drop": (escape, None),
        "next": (lambda: controller.step(1, centre.table.order()), no_pairs),
        "previous": (lambda: controller.step(-1, centre.table.order()), no_pairs),
        "nearest": (select_nearest, no_pairs),
        "worst": (controller.step_worst, no_residuals),
        "worst_previous": (lambda: controller.step_worst(-1), no_residuals),
        "export_table": (export_table, no_shown_pairs),
        "exclude": (controller.edits.toggle_excluded, no_pair),
        "delete": (controller.delete, no_selection),
        "not_visible": (controller.edits.toggle_not_visible, no_pair_or_half),
        "snap": (lambda: controller.snapping.set_on(snap.isChecked()), no_image),
        "suggest": (ask, cannot_register),
        "propagate": (look_for_sources, no_images),
        "accept": (suggestions.accept, no_suggestion),
        "reject": (suggestions.reject, no_suggestion),
        "accept_sure": (suggestions.accept_sure, no_sure),
        "reject_all": (suggestions.reject_all, no_suggestions),
        "lock": (lambda: view.set_locked(lock.isChecked()), no_images),
        "compare": (workbench.request_compare, no_images),
        "reset_view": (view.show_whole, no_images),
        "register": (controller.register, cannot_register),
        "use_registration": (controller.registration.use_anyway, no_images),
    }
    for verb, (triggered, reason) in handlers.items():
        actions.bind(f"pairs.{verb}", triggered, reason)
    view.cursorMoved.connect(remember_cursor)
    actions.set_scope(CANVAS, view.fixed, view.moving)
    actions.set_scope(AREA, view, centre.table)
    bind_modes(actions, "pairs", PAIR_MODE_VERBS, controller.overlay, centre, no_link)
    bind_turning(actions, "pairs", TURNING_VERBS, centre.overlay, no_images)
    bind_transform_files(workbench, actions, centre, controller, no_link, no_images)
    with QSignalBlocker(actions):
        choose_tool(False)
        lock.setChecked(True)
        snap.setChecked(controller.snapping.is_on)
