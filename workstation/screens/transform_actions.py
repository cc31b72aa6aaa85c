"""Export and import of the current item's transform on the Pairs screen."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from workstation.actions.registry import ActionRegistry
from workstation.controllers.pairs.pairs_controller import PairsController
from workstation.controllers.pairs.transform_files import TransformFiles
from workstation.controllers.workbench import Workbench
from workstation.views.pairs.transform_file_dialogs import ask_transform, ask_transform_place


def bind_transform_files(
    workbench: Workbench,
    actions: ActionRegistry,
    centre: QWidget,
    controller: PairsController,
    no_link: Callable[[], str],
    no_images: Callable[[], str],
) -> None:
    """Bind the two actions; the reasons say when there is no transform, and no pair of images."""
    files = TransformFiles(workbench, controller)

    def export_transform() -> None:
        project = workbench.project
        if project is not None:
            asked = ask_transform_place(centre, project.folder / workbench.item_id)
            if asked is not None:
                files.write(asked[0], may_replace=asked[1])

    def import_transform() -> None:
        project = workbench.project
        if project is not None:
            path = ask_transform(centre, project.folder.parent)
            if path is not None:
                files.read(path)

    actions.bind("pairs.export_transform", export_transform, no_link)
    actions.bind("pairs.import_transform", import_transform, no_images)
