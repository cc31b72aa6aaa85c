"""How the images of the Pairs screen are shown: menus of the panes, mouse and actions, connected."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QSignalBlocker

from workstation.actions.registry import ActionRegistry
from workstation.controllers.pairs.display_controller import DisplayController
from workstation.controllers.pairs.pairs_controller import PairsController
from workstation.controllers.workbench import Workbench
from workstation.viewers.pair_view import PairView


def bind_display(
    workbench: Workbench,
    actions: ActionRegistry,
    view: PairView,
    pairs: PairsController,
    parent: QObject,
) -> DisplayController:
    """Make the controller of the display, and connect it."""
    controller = DisplayController(workbench, view, parent)

    def update() -> None:
        controller.update(
            pairs.item,
            pairs.images,
            pairs.link,
            pairs.pair_fit.rows,
            is_of_registration=pairs.registration.is_linked,
        )

    pairs.state_changed.connect(update)
    view.displayChosen.connect(controller.choose)
    view.windowDragged.connect(controller.drag_window)
    view.windowDropped.connect(controller.drop_window)
    view.autoWindowWanted.connect(controller.auto_window)
    view.widthGiven.connect(controller.set_width)
    controller.changed.connect(actions.refresh)
    _bind_actions(actions, view, controller)
    return controller


def _bind_actions(actions: ActionRegistry, view: PairView, controller: DisplayController) -> None:
    tr = view.tr

    def no_image() -> str:
        return "" if controller.has_image(view.active_side) else tr("There is no image under the mouse.")

    def no_colour() -> str:
        is_grey = not controller.is_colour(view.active_side)
        return no_image() or (tr("The image is grey already.") if is_grey else "")

    def too_large() -> str:
        is_large = controller.is_large(view.active_side)
        return no_image() or (tr("Not for images over 100 million pixels.") if is_large else "")

    def toggle(name: str) -> Callable[[], None]:
        return lambda: controller.toggle(view.active_side, name)

    names = actions.action("display.names")
    handlers: dict[str, tuple[Callable[[], None], Callable[[], str]]] = {
        "green": (toggle("is_green"), no_colour),
        "contrast": (toggle("has_local_contrast"), too_large),
        "invert": (toggle("is_inverted"), no_image),
        "vessels": (toggle("has_vessels"), too_large),
        "auto": (lambda: controller.auto_window(view.active_side), no_image),
        "reset": (lambda: controller.reset(view.active_side), no_image),
        "names": (lambda: view.show_names(names.isChecked()), no_image),
    }
    for verb, (triggered, reason) in handlers.items():
        actions.bind(f"display.{verb}", triggered, reason)
    view.activeSideChanged.connect(lambda _side: actions.refresh())
    with QSignalBlocker(actions):
        names.setChecked(True)
