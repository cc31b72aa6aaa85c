"""What is said of a case as a whole, wired into the Volume screen."""

from __future__ import annotations

from workstation.actions.registry import ActionRegistry
from workstation.controllers.project.attribute_controller import AttributeController
from workstation.controllers.volume.volume_controller import VolumeController
from workstation.controllers.workbench import Workbench
from workstation.views.volume.volume_screen import VolumeScreen


def bind_attributes(
    workbench: Workbench, actions: ActionRegistry, centre: VolumeScreen, controller: VolumeController
) -> AttributeController:
    """Connect the list in the panel, and bind its action."""
    attributes = AttributeController(workbench, centre.panel.attributes, controller)
    centre.panel.attributes.valueChosen.connect(attributes.choose)
    attributes.changed.connect(actions.refresh)
    actions.bind(
        "volume.attribute_next",
        attributes.step,
        lambda: "" if attributes.rows else centre.tr("No pipeline asks for a value of such a case."),
    )
    attributes.look()
    return attributes
