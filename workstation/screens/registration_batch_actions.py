"""The table of all registrations on the Pairs screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QWidget

from workstation.actions.registry import ActionRegistry
from workstation.controllers.pairs.registration_batch_controller import RegistrationBatchController
from workstation.controllers.workbench import Workbench
from workstation.views.pairs.registration_batch_dialog import RegistrationBatchDialog


def bind_registration_batch(
    workbench: Workbench, actions: ActionRegistry, centre: QWidget
) -> Callable[[], None]:
    """Bind the action; return what lets go of everything when the screen goes."""
    controller = RegistrationBatchController(workbench, centre)

    def no_project() -> str:
        return "" if workbench.project is not None else centre.tr("No project is open.")

    def show() -> None:
        project = workbench.project
        if project is None:
            return
        controller.close()
        dialog = RegistrationBatchDialog(str(project.folder), centre)
        dialog.registerClicked.connect(controller.register)
        dialog.stopClicked.connect(controller.stop)
        dialog.itemChosen.connect(controller.go_to)
        dialog.compareClicked.connect(controller.compare)
        # The keys of the other screen work only in the window.
        dialog.compareClicked.connect(lambda _item: centre.window().activateWindow())
        dialog.exportClicked.connect(lambda folder, items: controller.export(Path(folder), items))
        dialog.closed.connect(controller.close)
        dialog.show()
        dialog.activateWindow()
        controller.attach(dialog)

    actions.bind("pairs.registrations", show, no_project)
    return controller.shut
